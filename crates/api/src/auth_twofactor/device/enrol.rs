//! `auth.twofactor.device.enrol`: a first device, set up at the door by whoever has an invite.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use store::{NewDevice, Subject};
use twofactor::{Account, Digits, Enrolment, PENDING_SECS, Source, TimeStep};

use crate::CallError;
use crate::access::Right;
use crate::auth_twofactor::invite::{ShownText, TypedInvite};
use crate::auth_twofactor::login::text;
use crate::bounded::{Service, Uid, Username};
use crate::devices;
use crate::door::{self, Attempt, Counting, Factor, Typed, Verdict, Who};
use crate::error::Issue;
use crate::fields::NullableText;
use crate::method::{Declared, Write, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};
use crate::provisioning::ShownUri;

fields! {
    /// Issues a secret for the first device of an account to somebody at a door, who has proven a
    /// password or a key and types the invite. It is shown here and never again.
    ///
    /// The invite is used up. The device is pending until auth.twofactor.device.confirm sees a code of
    /// it. A wrong invite is counted like a wrong code; after too many nothing is looked at for a while
    /// (EBUSY).
    pub(crate) struct EnrolDevice {
        /// Who, at which door, with which invite.
        device_enrol: Newcomer,
    }
}

fields! {
    /// Somebody who is to have a first device.
    pub(crate) struct Newcomer {
        /// The account, as getpwnam writes it.
        username: Username,
        /// Its uid.
        uid: Uid,
        /// The service that asks, by its PAM name.
        service: Service,
        /// The address that the login comes from; null or empty for this machine itself.
        source: Option<NullableText>,
        /// The terminal.
        #[expect(dead_code, reason = "sent by PAM; no decision depends on it")]
        tty: Option<NullableText>,
        /// What is proven already: "password", or "publickey:" and the key.
        factor: Option<NullableText>,
        /// What was typed.
        invite: TypedInvite,
    }
}

impl Field for Newcomer {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

/// A new device, with its secret.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Enrolled {
    /// Its number; never used again for another device.
    id: i64,
    /// The secret in base32.
    secret: ShownText,
    /// The same with all else that an app needs, for a QR code.
    provisioning_uri: ShownUri,
}

impl Declared for EnrolDevice {
    const NAME: &'static str = "auth.twofactor.device.enrol";
    const RIGHT: Right = Right::Root;
    type Output = Enrolled;
}

impl Write for EnrolDevice {
    const IS_DOOR: bool = true;

    fn call(&self, write: &mut Writing<'_, '_>) -> Result<Enrolled, CallError> {
        let newcomer = &self.device_enrol;
        let factor = Factor::parse(text(newcomer.factor.as_ref()));
        if !matches!(factor, Factor::Password | Factor::Key(_)) {
            let message = "A password or a key has to be proven first; nothing was changed";
            return Err(CallError::refused(Errno::EACCES, message));
        }
        let name = newcomer.username.0.as_str();
        let who = Who::find(write.tx, name, Some(newcomer.uid.0))?;
        if has_device(write, &who)? {
            let message =
                "This account has a second factor already; an invite is for the first one";
            return Err(CallError::refused(Errno::EEXIST, message));
        }
        let attempt = Attempt {
            who: &who,
            service: newcomer.service.as_str(),
            source: Source::parse(text(newcomer.source.as_ref())),
            factor,
            typed: Some(Typed::Invite(&newcomer.invite)),
        };
        let answer = door::judge(write, &attempt, &Counting::AtDoor)?;
        let error = match answer.verdict {
            Verdict::Accepted => return newcomer.issue(write),
            Verdict::Locked => CallError::refused(Errno::EBUSY, answer.message),
            _ => {
                let issue = Issue::new("device_enrol.invite", answer.message);
                CallError::Invalid(vec![issue])
            }
        };
        // A wrong invite counts, though this is an error.
        Err(write.refuse(error))
    }
}

fn has_device(write: &Writing<'_, '_>, who: &Who) -> Result<bool, CallError> {
    match who.known_uid() {
        Some(uid) => Ok(write.tx.has_active_device(uid)?),
        None => Ok(false),
    }
}

impl Newcomer {
    /// Only after the invite was right, which it is for an account on record alone.
    fn issue(&self, write: &mut Writing<'_, '_>) -> Result<Enrolled, CallError> {
        let account = Account {
            uid: self.uid.0,
            name: self.username.0.clone(),
        };
        let device = devices::fresh(Digits::default(), TimeStep::default())?;
        let name = devices::unused_name(&write.tx.devices(account.uid)?);
        let new = NewDevice {
            uid: account.uid,
            name: &name,
            enrolment: Enrolment::Pending {
                until: write.today()?.saturating_add_secs(PENDING_SECS),
            },
            replaces: None,
            device: &device,
        };
        let entry = devices::add(write, &account, &new)?;
        let source = Source::parse(text(self.source.as_ref())).to_string();
        write.audit_login(
            "issued",
            &Subject {
                account: Some(account.name.as_str()),
                service: Some(self.service.as_str()),
                source: Some(&source),
            },
        )?;
        Ok(Enrolled {
            id: entry.id,
            secret: ShownText(device.secret.to_base32()),
            provisioning_uri: ShownUri::of_account(write.identity(), &account.name, &device),
        })
    }
}
