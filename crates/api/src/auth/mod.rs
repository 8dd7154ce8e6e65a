//! `auth.*`: who signs in on the web, and what a sign-in page asks.

mod answer;
mod continued;
mod login;
mod password;
mod reauthenticate;
mod sessions;
mod token;

use crate::CallError;
use crate::access::{Access, Right};
use crate::method::{Declared, Method, OnSession, Read, Reading};
use crate::params::fields;
use crate::session::Session;
use continued::LoginExContinue;
use login::{Login, LoginEx};
use reauthenticate::Reauthenticate;
use sessions::{ListSessions, Logout, Me, TerminateOtherSessions, TerminateSession};
use token::GenerateToken;

fields! {
    /// Whether two-factor authentication is on.
    pub(crate) struct TwoFactorAuth {}
}

impl Declared for TwoFactorAuth {
    const NAME: &'static str = "auth.two_factor_auth";
    const RIGHT: Right = Right::SignedIn;
    const OFFLINE: bool = true;
    type Output = bool;
}

impl Read for TwoFactorAuth {
    fn call(self, read: &Reading<'_>) -> Result<bool, CallError> {
        Ok(read.tx.settings()?.enabled)
    }
}

fields! {
    /// Lists what a login can begin with: the same for everybody.
    pub(crate) struct MechanismChoices {}
}

impl Declared for MechanismChoices {
    const NAME: &'static str = "auth.mechanism_choices";
    const RIGHT: Right = Right::Anybody;
    type Output = Vec<&'static str>;
}

impl OnSession for MechanismChoices {
    fn call(self, _: &mut Session, _: &Access) -> Result<Vec<&'static str>, CallError> {
        Ok(vec!["TOKEN_PLAIN", "PASSWORD_PLAIN"])
    }
}

pub(crate) const METHODS: &[Method] = &[
    Method::session::<GenerateToken>(),
    Method::slow::<Login>(),
    Method::slow::<LoginEx>(),
    Method::slow::<LoginExContinue>(),
    Method::session::<Logout>(),
    Method::session::<Me>(),
    Method::session::<MechanismChoices>(),
    Method::slow::<Reauthenticate>(),
    Method::session::<ListSessions>(),
    Method::session::<TerminateOtherSessions>(),
    Method::session::<TerminateSession>(),
    Method::read::<TwoFactorAuth>(),
];
