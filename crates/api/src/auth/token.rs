//! `auth.generate_token`: signs in again after a connection was lost.

use zeroize::Zeroizing;

use crate::CallError;
use crate::access::{Access, NewToken, Right, SignedIn, refused};
use crate::auth_twofactor::invite::ShownText;
use crate::bounded::{Nullable, Whole};
use crate::core::Ignored;
use crate::method::{Declared, OnSession};
use crate::params::fields;
use crate::session::Session;

/// How long a token is good for where nobody says, and at most.
const LONGEST_SECS: u32 = 600;

fields! {
    /// Makes a token that signs this account in on another connection, once: `auth.login_ex` with
    /// `TOKEN_PLAIN`.
    ///
    /// The session that it makes ends when this one would have at the latest, and has no fresh code.
    pub(crate) struct GenerateToken {
        /// How many seconds it is good for; 600 if it is not given.
        ttl: Option<Nullable<Whole<1, LONGEST_SECS>>>,
        /// Taken from the original's clients, and of no use.
        #[expect(dead_code, reason = "taken from the original's clients, and of no use")]
        attrs: Option<Ignored>,
        /// Whether it is good from the same address only; true if it is not given.
        match_origin: Option<bool>,
        /// Always so.
        #[expect(dead_code, reason = "a token is good once, whatever is asked")]
        single_use: Option<Ignored>,
    }
}

const NEWCOMER: &str = "Not authorized: set up a device, and sign in with a code of it";

impl Declared for GenerateToken {
    const NAME: &'static str = "auth.generate_token";
    const RIGHT: Right = Right::SignedIn;
    type Output = ShownText;
}

impl OnSession for GenerateToken {
    fn call(self, _: &mut Session, access: &Access) -> Result<ShownText, CallError> {
        let ttl = self.ttl.and_then(|ttl| ttl.0);
        let secs = ttl.map_or(LONGEST_SECS, |secs| secs.0);
        let visit = access.visit()?;
        let session = access.signed_in().ok_or(CallError::NotSignedIn)?;
        // It would sign in anew, as somebody who has shown more than an invite.
        if session.is_newcomer {
            return Err(refused(NEWCOMER));
        }
        let new = NewToken {
            session: &session.id,
            account: &session.account,
            until: access.now().saturating_add(u64::from(secs)),
            ends: session.ends,
            address: self.match_origin.unwrap_or(true).then(|| visit.address()),
        };
        visit.sessions().make_token(&new).map(ShownText)
    }
}

/// One for a session that begins now.
pub(super) fn reconnect_token(
    access: &Access,
    session: &SignedIn,
    now: u64,
) -> Result<Zeroizing<String>, CallError> {
    let visit = access.visit()?;
    visit.sessions().make_token(&NewToken {
        session: &session.id,
        account: &session.account,
        until: now.saturating_add(u64::from(LONGEST_SECS)),
        ends: session.ends,
        address: Some(visit.address()),
    })
}
