//! `auth.reauthenticate`: a code of whoever is signed in, for what a browser left open may not do.

use nix::errno::Errno;
use twofactor::Account;

use super::password::Typed;
use crate::CallError;
use crate::access::{self, Change, Right};
use crate::door::{self, Attempt, Counting, Factor, Hashed, ToHash, Verdict, Who};
use crate::error::Issue;
use crate::method::{Declared, Reading, Slow, Stage, Writing};
use crate::params::fields;

fields! {
    /// Judges a code of the account that is signed in. Whether it was right.
    ///
    /// For the next five minutes the methods can be called that need a fresh code. With `method`, one call
    /// of that method can be made besides within a minute, which needs a new code for itself. A wrong code
    /// is counted as at every door; after too many nothing is looked at for a while (EBUSY).
    pub(crate) struct Reauthenticate {
        /// A code, or a recovery code.
        otp_token: Typed,
        /// The name of the method that it is for.
        method: Option<String>,
    }
}

impl Declared for Reauthenticate {
    const NAME: &'static str = "auth.reauthenticate";
    const RIGHT: Right = Right::SignedIn;
    type Output = bool;
}

impl Reauthenticate {
    fn check_method(&self) -> Result<(), CallError> {
        let is_known = |name: &String| crate::find(name).is_some();
        if self.method.as_ref().is_none_or(is_known) {
            return Ok(());
        }
        let issue = Issue::new("method", "There is no such method");
        Err(CallError::Invalid(vec![issue]))
    }
}

fn own(access: &access::Access) -> Result<&Account, CallError> {
    access.visit()?;
    access.account().ok_or(CallError::NotSignedIn)
}

impl Slow for Reauthenticate {
    const IS_DOOR: bool = true;
    type Job = ToHash;
    type Found = Option<Hashed>;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<ToHash, Option<Hashed>>, CallError> {
        self.check_method()?;
        let account = own(read.access)?;
        let who = Who::find(read.tx, account.name.as_str(), Some(account.uid))?;
        let to_hash = door::to_hash(read, &who, read.access.source(), &self.otp_token.0)?;
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
        let account = own(write.access())?.clone();
        let who = Who::find(write.tx, account.name.as_str(), Some(account.uid))?;
        let has_device = match who.known_uid() {
            Some(uid) => write.tx.has_active_device(uid)?,
            None => false,
        };
        if !has_device {
            let message = format!(
                "This account has no second factor. Its first device needs an invite: midclt 2fa \
                 invite {}",
                account.name
            );
            return Err(CallError::refused(Errno::ENOENT, message));
        }
        let attempt = Attempt {
            who: &who,
            service: access::SERVICE,
            source: write.access().source(),
            factor: Factor::Password,
            typed: Some(door::Typed::new(&self.otp_token.0, hashed.as_ref())),
        };
        let answer = door::judge(write, &attempt, &Counting::AtDoor)?;
        if answer.verdict == Verdict::Accepted {
            write.change_session(match &self.method {
                Some(method) => Change::New(method.clone()),
                None => Change::Fresh,
            });
        }
        answer.into_bool(write)
    }
}
