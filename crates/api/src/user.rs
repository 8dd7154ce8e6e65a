//! `user.*`: the second factor of any account, under the names of current TrueNAS.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::Value;
use store::StoredDevice;
use twofactor::{Account, AccountName, Digits, Source, TimeStep};

use crate::access::{Proof, Right};
use crate::alert::{Alert, AlertKind};
use crate::auth_twofactor::{ROOT, emit_config};
use crate::bounded::{Username, UsualInterval};
use crate::door::{self, Attempt, Counting, Factor, Hashed, ToHash, Typed, Who};
use crate::event::{DEVICE, Event};
use crate::fields::{OtpDigits, Token};
use crate::lookup::{self, Lookup};
use crate::method::{Declared, Method, OnAccount, Reading, Slow, Stage, Writing};
use crate::params::{At, Field, Issues, decode_object, fields};
use crate::provisioning::ShownUri;
use crate::{CallError, devices};

fields! {
    /// Makes the provisioning URI of an account's first device, which a phone's app reads as a QR code.
    ///
    /// It contains the secret. For an account without an active device, this is an error.
    pub(crate) struct GetProvisioningUri {
        /// The name of the account.
        username: Username,
    }
}

impl Declared for GetProvisioningUri {
    const NAME: &'static str = "user.provisioning_uri";
    const RIGHT: Right = Right::Own(Proof::New);
    type Output = ShownUri;
}

impl OnAccount for GetProvisioningUri {
    fn username(&self) -> &AccountName {
        &self.username.0
    }

    fn call(&self, account: &Account, write: &mut Writing<'_, '_>) -> Result<ShownUri, CallError> {
        let Some(StoredDevice { device, .. }) = write.tx.first_active_device(account.uid)? else {
            let message = format!(
                "'{}' user does not have two factor authentication configured",
                account.name
            );
            return Err(CallError::refused(Errno::EFAULT, message));
        };
        Ok(ShownUri::of_account(
            write.identity(),
            &account.name,
            &device,
        ))
    }
}

fields! {
    /// Gives an account's first device a new secret at once, or the account its first device. The old
    /// secret stops working.
    ///
    /// Works also while two-factor authentication is off.
    pub(crate) struct Renew {
        /// The name of the account.
        username: Username,
        /// How its codes look. What is not given stays as it is.
        twofactor_options: Options,
    }
}

fields! {
    /// How the codes of a device look.
    pub(crate) struct Options {
        /// Digits of a code; 6 for a first device.
        otp_digits: Option<OtpDigits>,
        /// Seconds that a code is valid for, 30 or 60; 30 for a first device.
        interval: Option<UsualInterval>,
    }
}

impl Field for Options {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        decode_object(value, at, issues)
    }
}

impl Declared for Renew {
    const NAME: &'static str = "user.renew_2fa_secret";
    const RIGHT: Right = Right::Own(Proof::Fresh);
    type Output = Renewed;
}

/// An account and its second factor.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Renewed {
    /// The name of the account.
    username: String,
    /// Its user id.
    uid: u32,
    /// Its second factor, with the new secret in its provisioning URI.
    twofactor_config: Config,
}

impl OnAccount for Renew {
    fn username(&self) -> &AccountName {
        &self.username.0
    }

    fn call(&self, account: &Account, write: &mut Writing<'_, '_>) -> Result<Renewed, CallError> {
        let (digits, step) = look(write, account)?;
        let options = &self.twofactor_options;
        let device = devices::fresh(
            options.otp_digits.map_or(digits, |digits| digits.0),
            options.interval.map_or(step, |interval| interval.0),
        )?;
        devices::renew(write, account, &device)?;
        write.audit("renewed")?;
        tell_of_root(write, account)?;
        Ok(Renewed {
            username: account.name.as_str().to_owned(),
            uid: account.uid,
            twofactor_config: Config::of(write, account, true)?,
        })
    }
}

/// How the codes of an account's first device look, or would.
fn look(write: &Writing<'_, '_>, account: &Account) -> Result<(Digits, TimeStep), CallError> {
    let devices = write.tx.devices(account.uid)?;
    let first = devices
        .iter()
        .find(|record| record.enrolment == twofactor::Enrolment::Active);
    Ok(
        first.map_or((Digits::default(), TimeStep::default()), |record| {
            (record.digits, record.step)
        }),
    )
}

/// Root's first device is shown by auth.twofactor.config too.
fn tell_of_root(write: &mut Writing<'_, '_>, account: &Account) -> Result<(), CallError> {
    if account.uid == ROOT {
        let settings = write.tx.settings()?;
        emit_config(write, &settings)?;
    }
    Ok(())
}

fields! {
    /// Shows the second factor of an account: of its first device.
    ///
    /// The provisioning URI contains the secret. On the web it is left out, unless a code was given for
    /// this very call (auth.reauthenticate).
    pub(crate) struct GetConfig {
        /// The name of the account.
        username: Username,
    }
}

/// The second factor of an account, in the original's order.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Config {
    /// What a phone's app reads as a QR code, with the secret; null where there is none. Left out
    /// where it is withheld.
    #[serde(skip_serializing_if = "Uri::is_withheld")]
    #[schemars(with = "Option<ShownUri>")]
    provisioning_uri: Uri,
    /// Whether the account has an active device.
    secret_configured: bool,
    /// Seconds that a code is valid for.
    interval: u32,
    /// Digits of a code.
    otp_digits: u8,
}

/// What is shown of a provisioning URI.
enum Uri {
    /// It is not for this caller.
    Withheld,
    /// All of it, if there is one.
    Clear(Option<ShownUri>),
}

impl Serialize for Uri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Withheld => serializer.serialize_none(),
            Self::Clear(uri) => uri.serialize(serializer),
        }
    }
}

impl Uri {
    const fn is_withheld(&self) -> bool {
        matches!(self, Self::Withheld)
    }
}

impl Config {
    fn of(write: &Writing<'_, '_>, account: &Account, is_shown: bool) -> Result<Self, CallError> {
        let (digits, step) = look(write, account)?;
        let uri = if is_shown {
            let first = write.tx.first_active_device(account.uid)?;
            let uri = |stored: StoredDevice| {
                ShownUri::of_account(write.identity(), &account.name, &stored.device)
            };
            Uri::Clear(first.map(uri))
        } else {
            Uri::Withheld
        };
        Ok(Self {
            secret_configured: write.tx.has_active_device(account.uid)?,
            provisioning_uri: uri,
            interval: step.as_secs(),
            otp_digits: digits.get(),
        })
    }
}

impl Declared for GetConfig {
    const NAME: &'static str = "user.twofactor_config";
    const RIGHT: Right = Right::Own(Proof::Session);
    type Output = Config;
}

impl OnAccount for GetConfig {
    fn username(&self) -> &AccountName {
        &self.username.0
    }

    fn call(&self, account: &Account, write: &mut Writing<'_, '_>) -> Result<Config, CallError> {
        Config::of(write, account, write.access().may_reveal())
    }
}

fields! {
    /// Forgets all that is stored of an account: its devices, recovery codes, invites, exemptions,
    /// bypasses and failures. It then has no second factor.
    ///
    /// Acts on the record of that name, whoever has the name now: so it also clears the way where an
    /// account was renamed, or made anew with another uid.
    pub(crate) struct Unset {
        /// The name of the account.
        username: Username,
    }
}

impl Declared for Unset {
    const NAME: &'static str = "user.unset_2fa_secret";
    const RIGHT: Right = Right::Administrator(Proof::Fresh);
    type Output = ();
}

/// Only a name that is not stored has to be looked up: to say whether there is such a user.
impl Slow for Unset {
    type Job = AccountName;
    type Found = Option<Lookup>;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<AccountName, Option<Lookup>>, CallError> {
        let name = &self.username.0;
        Ok(match read.tx.account_named(name)? {
            Some(_) => Stage::Ready(None),
            None => Stage::Work(name.clone()),
        })
    }

    fn work(name: AccountName) -> Result<Stage<AccountName, Option<Lookup>>, CallError> {
        Ok(Stage::Ready(Some(lookup::run(&name))))
    }

    fn finish(&self, found: &Option<Lookup>, write: &mut Writing<'_, '_>) -> Result<(), CallError> {
        let name = &self.username.0;
        if let Some(record) = write.tx.account_named(name)? {
            return forget(write, &record.account);
        }
        match found {
            Some(lookup) => lookup.account(name, write.tx).map(drop),
            // It was stored a moment ago, and somebody else has forgotten it.
            None => Ok(()),
        }
    }
}

fn forget(write: &mut Writing<'_, '_>, account: &Account) -> Result<(), CallError> {
    let devices = write.tx.devices(account.uid)?;
    write.tx.forget_account(account.uid)?;
    for device in &devices {
        write.emit(Event::removed(DEVICE, device.id).of(account.uid));
    }
    write.about(&account.name);
    write.audit("unset")?;
    tell_of_root(write, account)?;
    if devices.is_empty() {
        return Ok(());
    }
    write.alert(Alert {
        kind: AlertKind::DeviceRemoved,
        account: Some(account.name.clone()),
        source: None,
        message: format!("'{}' has no second factor any more", account.name),
    })
}

fields! {
    /// Checks a code of an account: of any of its devices, or a recovery code. A code is good once.
    ///
    /// The first right code of a pending device makes it active. Works also while two-factor
    /// authentication is off. Refused with EBUSY after too many wrong codes.
    pub(crate) struct VerifyToken {
        /// The name of the account.
        username: Username,
        /// The code as typed, as for auth.twofactor.verify.
        token: Token,
    }
}

impl Declared for VerifyToken {
    const NAME: &'static str = "user.verify_twofactor_token";
    const RIGHT: Right = Right::Root;
    type Output = bool;
}

impl Slow for VerifyToken {
    const IS_DOOR: bool = true;
    type Job = ToHash;
    type Found = Option<Hashed>;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<ToHash, Option<Hashed>>, CallError> {
        let who = Who::find(read.tx, self.username.0.as_str(), None)?;
        let to_hash = door::to_hash(read, &who, Source::Local, &self.token.0)?;
        Ok(to_hash.map_or(Stage::Ready(None), Stage::Heavy))
    }

    fn work(job: ToHash) -> Result<Stage<ToHash, Option<Hashed>>, CallError> {
        job.hash().map(Some).map(Stage::Ready)
    }

    fn finish(
        &self,
        hashed: &Option<Hashed>,
        write: &mut Writing<'_, '_>,
    ) -> Result<bool, CallError> {
        let who = Who::find(write.tx, self.username.0.as_str(), None)?;
        let attempt = Attempt {
            who: &who,
            service: "verify",
            source: Source::Local,
            factor: Factor::Nothing,
            typed: Some(Typed::new(&self.token.0, hashed.as_ref())),
        };
        door::judge(write, &attempt, &Counting::Pending)?.into_bool(write)
    }
}

pub(crate) const METHODS: &[Method] = &[
    Method::on_account::<GetProvisioningUri>(),
    Method::on_account::<Renew>(),
    Method::on_account::<GetConfig>(),
    Method::slow::<Unset>(),
    Method::slow::<VerifyToken>(),
];
