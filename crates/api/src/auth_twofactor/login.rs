//! `auth.twofactor.verify`: what a door asks.

use store::StoredDevice;
use twofactor::Verdict;

use super::{ROOT, enabled_settings};
use crate::CallError;
use crate::fields::Token;
use crate::method::{Declared, Write, Writing};
use crate::params::fields;

fields! {
    /// Checks a code of root's first device. A code is good once.
    ///
    /// Refused while two-factor authentication is off.
    pub(crate) struct Verify {
        /// The code as typed: digits, with or without spaces between groups. A number is taken for
        /// its digits, so a code that starts with 0 must be a string. Null is no code.
        token: Token,
    }
}

impl Declared for Verify {
    const NAME: &'static str = "auth.twofactor.verify";
    type Output = bool;
}

impl Write for Verify {
    const IS_DOOR: bool = true;

    fn call(&self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        let settings = enabled_settings(write.tx)?;
        let Some(StoredDevice { record, mut device }) = write.tx.first_active_device(ROOT)? else {
            return Ok(false);
        };
        let verdict = device.verify(&self.token.0, write.tx.now(), settings.window);
        match verdict {
            Verdict::Accepted { .. } => {
                write.tx.record_use(record.id, device.floor)?;
                write.audit("accepted")?;
            }
            Verdict::Replayed => write.audit("replayed")?,
            Verdict::Wrong => write.audit("wrong")?,
            // Not a guess, so nothing worth a write.
            Verdict::Malformed => {}
        }
        Ok(verdict.is_accepted())
    }
}
