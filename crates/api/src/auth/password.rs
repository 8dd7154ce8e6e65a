//! The first factor on the web: a password, which a program of its own checks, or a token.

use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;
use store::Subject;
use twofactor::{Account, AccountName};
use zeroize::Zeroizing;

use crate::CallError;
use crate::access::{self, LoginGuard, PasswordAnswer, Question, Sessions};
use crate::door::{Hashed, ToHash, Who};
use crate::fields::LONGEST_TEXT;
use crate::lookup::{self, Lookup};
use crate::method::{Stage, Writing};
use crate::params::{At, Field, Issues};

/// A text that opens something, as somebody typed it: only a string. Wiped on drop, and never shown.
pub(super) struct Typed(pub(super) Zeroizing<String>);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(hidden)")
    }
}

impl Field for Typed {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let Value::String(text) = value else {
            issues.wrong(at, "Not a string");
            return None;
        };
        let text = Zeroizing::new(text);
        if text.chars().count() > LONGEST_TEXT {
            issues.out_of_range(at, format!("Value greater than {LONGEST_TEXT} not allowed"));
            return None;
        }
        Some(Self(text))
    }
}

impl JsonSchema for Typed {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Typed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": LONGEST_TEXT })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// Somebody whose first factor was right, as the machine knows them.
#[derive(Clone, Debug)]
pub(crate) struct Proven {
    pub(super) account: Account,
    pub(super) is_administrator: bool,
}

impl Proven {
    /// Looks up who a name is, and what it may do. Nobody, where that is not quite clear.
    pub(super) fn look_up(name: &str, sessions: &Sessions) -> Option<Self> {
        let name = AccountName::new(name)?;
        let Lookup::Account(account) = lookup::run(&name) else {
            return None;
        };
        let is_administrator =
            account.uid == 0 || lookup::is_member(&account.name, sessions.administrators());
        Some(Self {
            account,
            is_administrator,
        })
    }
}

/// What came of a first factor.
pub(crate) enum First {
    Wrong,
    Expired,
    Denied,
    Proven(Proven),
}

/// What there is to do before the writer can decide.
pub(crate) enum Job {
    /// A password is asked about. Nothing else is done before it is right.
    Password(Box<Asking>),
    /// A recovery code is hashed.
    Hash(ToHash, Found),
}

/// What is asked.
pub(crate) struct Asking {
    pub(super) sessions: Arc<Sessions>,
    pub(super) question: Question,
    /// Seconds of this boot.
    pub(super) now: u64,
    pub(super) to_hash: Option<ToHash>,
    pub(super) found: Found,
}

/// What was found out.
pub(crate) struct Found {
    pub(super) first: First,
    pub(super) hashed: Option<Hashed>,
    /// Somebody else's login on this connection that this one took the place of.
    pub(super) abandoned: Option<Account>,
    /// The next login of this connection waits for this one.
    pub(super) _guard: LoginGuard,
}

impl Job {
    pub(super) fn run(self) -> Result<Stage<Self, Found>, CallError> {
        let asking = match self {
            Self::Password(asking) => *asking,
            Self::Hash(to_hash, mut found) => {
                found.hashed = Some(to_hash.hash()?);
                return Ok(Stage::Ready(found));
            }
        };
        let Asking {
            sessions,
            question,
            now,
            to_hash,
            mut found,
        } = asking;
        found.first = match sessions.check(&question, now)? {
            PasswordAnswer::Wrong => First::Wrong,
            PasswordAnswer::Expired => First::Expired,
            PasswordAnswer::Denied => First::Denied,
            PasswordAnswer::Right => match Proven::look_up(&question.username, &sessions) {
                Some(proven) => First::Proven(proven),
                None => First::Denied,
            },
        };
        Ok(match (&found.first, to_hash) {
            (First::Proven(_), Some(to_hash)) => Stage::Heavy(Self::Hash(to_hash, found)),
            _ => Stage::Ready(found),
        })
    }
}

/// Writes down what is no login: a wrong password is no guess at a code, and counts as none.
pub(super) fn audit(
    write: &mut Writing<'_, '_>,
    username: &str,
    outcome: &'static str,
) -> Result<(), CallError> {
    let who = Who::find(write.tx, username, None)?;
    let source = write.access().source().to_string();
    let subject = Subject {
        // People type passwords as names.
        account: who.known_name(),
        service: Some(access::SERVICE),
        source: Some(&source),
    };
    write.audit_often(outcome, &subject)
}
