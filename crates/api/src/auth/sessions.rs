//! `auth.me`, `auth.logout`, and the sessions that there are.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::CallError;
use crate::access::{Access, Listed, Right, Sessions, SignedIn};
use crate::core::Ignored;
use crate::lookup;
use crate::method::{Declared, OnSession};
use crate::params::fields;
use crate::session::Session;

/// Who is signed in.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct UserInfo {
    /// The name of the account.
    pw_name: String,
    /// Its user id.
    pw_uid: u32,
    /// What it may do.
    privilege: Privilege,
    /// How many seconds the newest code counts as fresh still, or null.
    fresh_secs: Option<u64>,
    /// In how many seconds the session ends unless something is called.
    ends_in: Option<u64>,
}

/// What an account may do.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Privilege {
    /// `FULL_ADMIN` for an administrator, else none.
    roles: Vec<&'static str>,
    /// Always true: it is signed in.
    webui_access: bool,
    /// Always false: there is no shell here.
    web_shell: bool,
}

impl UserInfo {
    pub(super) fn new(session: &SignedIn, now: u64) -> Self {
        Self {
            pw_name: session.account.name.as_str().to_owned(),
            pw_uid: session.account.uid,
            privilege: Privilege::of(session.is_administrator),
            fresh_secs: session.fresh_secs(now),
            ends_in: Some(session.over_at().saturating_sub(now)),
        }
    }

    fn root() -> Self {
        Self {
            pw_name: lookup::ROOT.to_owned(),
            pw_uid: 0,
            privilege: Privilege::of(true),
            fresh_secs: None,
            ends_in: None,
        }
    }
}

impl Privilege {
    fn of(is_administrator: bool) -> Self {
        Self {
            roles: if is_administrator {
                vec!["FULL_ADMIN"]
            } else {
                Vec::new()
            },
            webui_access: true,
            web_shell: false,
        }
    }
}

fields! {
    /// Says who is signed in.
    pub(crate) struct Me {}
}

impl Declared for Me {
    const NAME: &'static str = "auth.me";
    const RIGHT: Right = Right::SignedIn;
    type Output = UserInfo;
}

impl OnSession for Me {
    fn call(self, _: &mut Session, access: &Access) -> Result<UserInfo, CallError> {
        let session = access.signed_in();
        Ok(session.map_or_else(UserInfo::root, |session| {
            UserInfo::new(session, access.now())
        }))
    }
}

fields! {
    /// Signs out on this connection. Tokens of the session are good for nothing any more.
    pub(crate) struct Logout {}
}

impl Declared for Logout {
    const NAME: &'static str = "auth.logout";
    const RIGHT: Right = Right::SignedIn;
    type Output = bool;
}

impl OnSession for Logout {
    fn call(self, session: &mut Session, access: &Access) -> Result<bool, CallError> {
        let visit = access.visit()?;
        if let Some(signed_in) = access.signed_in() {
            visit.sessions().forget_tokens(&signed_in.id);
        }
        visit.sign_out();
        session.unsubscribe_all();
        Ok(true)
    }
}

/// A session.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct ShownSession {
    /// Its name.
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// Always false.
    internal: bool,
    /// The address that it comes from, as the web service tells.
    origin: String,
    /// How it was made.
    credentials: &'static str,
    /// Who is signed in.
    credentials_data: CredentialsData,
    /// When it was made: {"$date": milliseconds since 1970}.
    created_at: Value,
}

/// Who is signed in.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct CredentialsData {
    /// The name of the account.
    username: String,
}

impl ShownSession {
    fn new(listed: &Listed, access: &Access) -> Self {
        let session = &listed.signed_in;
        Self {
            id: session.id.clone(),
            current: is_current(session, access),
            internal: false,
            origin: listed.address.clone(),
            credentials: "LOGIN_PASSWORD",
            credentials_data: CredentialsData {
                username: session.account.name.as_str().to_owned(),
            },
            created_at: json!({ "$date": session.created.saturating_mul(1000) }),
        }
    }
}

fn is_current(session: &SignedIn, access: &Access) -> bool {
    let own = access.signed_in();
    own.is_some_and(|own| own.id == session.id)
}

/// Those that the caller may know of: their own, or for an administrator all.
fn known(sessions: &Sessions, access: &Access) -> Vec<Listed> {
    let mut known = sessions.list(access.now());
    known.retain(|listed| access.permits(listed.signed_in.account.uid));
    known
}

fields! {
    /// Lists who is signed in on the web: one's own sessions, or for an administrator all.
    pub(crate) struct ListSessions {
        /// Taken from the original's clients, and of no use.
        #[expect(dead_code, reason = "taken from the original's clients, and of no use")]
        filters: Option<Ignored>,
        /// Taken from the original's clients, and of no use.
        #[expect(dead_code, reason = "taken from the original's clients, and of no use")]
        options: Option<Ignored>,
    }
}

impl Declared for ListSessions {
    const NAME: &'static str = "auth.sessions";
    const RIGHT: Right = Right::SignedIn;
    type Output = Vec<ShownSession>;
}

impl OnSession for ListSessions {
    fn call(self, session: &mut Session, access: &Access) -> Result<Vec<ShownSession>, CallError> {
        let Some(sessions) = session.sessions() else {
            return Ok(Vec::new());
        };
        let known = known(sessions, access);
        let shown = known.iter().map(|listed| ShownSession::new(listed, access));
        Ok(shown.collect())
    }
}

fields! {
    /// Ends a session: its connection is closed, and its tokens are good for nothing any more.
    pub(crate) struct TerminateSession {
        /// Its name, as auth.sessions lists it.
        id: String,
    }
}

impl Declared for TerminateSession {
    const NAME: &'static str = "auth.terminate_session";
    const RIGHT: Right = Right::SignedIn;
    type Output = bool;
}

impl OnSession for TerminateSession {
    fn call(self, session: &mut Session, access: &Access) -> Result<bool, CallError> {
        if let Some(sessions) = session.sessions() {
            let mut known = known(sessions, access).into_iter();
            if let Some(found) = known.find(|listed| listed.signed_in.id == self.id) {
                sessions.terminate(&found);
                return Ok(true);
            }
        }
        let message = "There is no such session. Those that there are: auth.sessions";
        Err(CallError::refused(Errno::ENOENT, message))
    }
}

fields! {
    /// Ends all sessions of the account that is signed in, but this one. For root, at its socket: all.
    pub(crate) struct TerminateOtherSessions {}
}

impl Declared for TerminateOtherSessions {
    const NAME: &'static str = "auth.terminate_other_sessions";
    const RIGHT: Right = Right::SignedIn;
    type Output = ();
}

impl OnSession for TerminateOtherSessions {
    fn call(self, session: &mut Session, access: &Access) -> Result<(), CallError> {
        let Some(sessions) = session.sessions() else {
            return Ok(());
        };
        for listed in known(sessions, access) {
            let is_own = access
                .account()
                .is_none_or(|own| *own == listed.signed_in.account);
            if is_own && !is_current(&listed.signed_in, access) {
                sessions.terminate(&listed);
            }
        }
        Ok(())
    }
}
