//! Tokens that sign a session in again on another connection: good once, and for minutes.

use std::collections::VecDeque;

use store::entropy;
use twofactor::{Account, LookupHash, LookupSecret};
use zeroize::Zeroizing;

use super::throttle::Address;
use crate::CallError;

/// All that are kept; the oldest makes room.
const MOST: usize = 4096;

/// Those of one session.
const MOST_OF_SESSION: usize = 16;

/// A token, without its text.
pub(crate) struct Token {
    hash: LookupHash,
    until: u64,
    /// It is good from there only.
    address: Option<Address>,
    /// Which session made it: when that is ended, so is this.
    session: String,
    pub(crate) account: Account,
    /// When the session that it makes ends at the latest.
    pub(crate) ends: u64,
}

/// For whom a token is made.
pub(crate) struct NewToken<'a> {
    pub(crate) session: &'a str,
    pub(crate) account: &'a Account,
    pub(crate) until: u64,
    pub(crate) ends: u64,
    pub(crate) address: Option<Address>,
}

#[derive(Default)]
pub(super) struct Tokens(VecDeque<Token>);

impl Tokens {
    /// Makes one, which is shown once.
    pub(super) fn make(&mut self, new: &NewToken<'_>) -> Result<Zeroizing<String>, CallError> {
        let secret = LookupSecret::generate(entropy::random()?);
        let of_session = |token: &&Token| token.session == new.session;
        if self.0.iter().filter(of_session).count() >= MOST_OF_SESSION {
            let oldest = self.0.iter().position(|token| token.session == new.session);
            oldest.map(|at| self.0.remove(at));
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Token {
            hash: secret.sha256(),
            until: new.until,
            address: new.address,
            session: new.session.to_owned(),
            account: new.account.clone(),
            ends: new.ends,
        });
        Ok(secret.to_text())
    }

    /// Uses one up, if there is one that is good here and now.
    pub(super) fn use_up(&mut self, typed: &str, address: Address, now: u64) -> Option<Token> {
        let typed = LookupSecret::parse(typed)?.sha256();
        self.0.retain(|token| now < token.until);
        let at = self.0.iter().position(|token| token.hash == typed)?;
        let token = self.0.remove(at)?;
        let is_here = token.address.is_none_or(|wanted| wanted == address);
        is_here.then_some(token)
    }

    /// Those of a session that was ended are good for nothing.
    pub(super) fn forget(&mut self, session: &str) {
        self.0.retain(|token| token.session != session);
    }
}
