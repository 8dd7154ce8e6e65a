//! `auth.*`: what a sign-in page asks first.

use crate::CallError;
use crate::method::{Declared, Method, Read, Reading};
use crate::params::fields;

fields! {
    /// Whether two-factor authentication is on.
    pub(crate) struct TwoFactorAuth {}
}

impl Declared for TwoFactorAuth {
    const NAME: &'static str = "auth.two_factor_auth";
    const OFFLINE: bool = true;
    type Output = bool;
}

impl Read for TwoFactorAuth {
    fn call(self, read: &Reading<'_>) -> Result<bool, CallError> {
        Ok(read.tx.settings()?.enabled)
    }
}

pub(crate) const METHODS: &[Method] = &[Method::read::<TwoFactorAuth>()];
