//! What root can be given without the state: it is turned off, or one account is let in, by an override
//! beside the state. For when nothing can be written: a full disk, a read-only one, a damaged database.

use breakglass::{Grant, Moment};
use serde_json::json;
use twofactor::{AccountName, BypassUses, Clocks, UnixTime};

use crate::CallError;
use crate::alert::{Alert, AlertKind};
use crate::auth_twofactor::Update;
use crate::auth_twofactor::bypass::{CreateBypass, DeleteBypass, ShownBypass};
use crate::lookup::{self, Lookup};
use crate::method::{Answer, Declared, send};
use crate::params::{Params, RawParams};

/// The number of a bypass that is not stored.
const NO_ID: i64 = 0;

/// A call whose purpose an override serves as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Emergency {
    /// Everybody is let in without a code.
    Off,
    /// One account is.
    Bypass {
        /// Its name.
        username: AccountName,
        /// For how many minutes.
        minutes: u32,
        /// Why.
        reason: String,
    },
}

impl Emergency {
    /// What a call asks for, if an override can be it. A bypass of everybody is none: it has an end, and
    /// turning it off has none.
    #[must_use]
    pub fn of(method: &str, params: &RawParams) -> Option<Self> {
        match method {
            Update::NAME => {
                let update = Update::decode(params.clone()).ok()?;
                update.turns_off().then_some(Self::Off)
            }
            CreateBypass::NAME => CreateBypass::decode(params.clone()).ok()?.emergency(),
            _ => None,
        }
    }

    /// Whether a call takes an override back: what is stored counts again, even where nothing new can be
    /// stored.
    #[must_use]
    pub fn is_undone_by(method: &str, params: &RawParams, grant: &Grant) -> bool {
        match method {
            Update::NAME => {
                let update = Update::decode(params.clone());
                update.is_ok_and(|update| update.turns_on())
            }
            DeleteBypass::NAME => matches!(grant, Grant::Bypass { .. }),
            _ => false,
        }
    }

    /// Asks the user database whether there is such an account. Where that does not answer, root's word
    /// counts. May take as long as it likes.
    ///
    /// # Errors
    /// There is none, or it has another name.
    pub fn look_up(&self) -> Result<(), CallError> {
        let Self::Bypass { username, .. } = self else {
            return Ok(());
        };
        if username.as_str() == lookup::ROOT {
            return Ok(());
        }
        match lookup::run(username) {
            Lookup::Account(_) | Lookup::Failed(_) => Ok(()),
            Lookup::Alias(of) => Err(lookup::is_alias(username, &of)),
            Lookup::Absent => Err(lookup::is_absent(username)),
        }
    }

    /// What the override says.
    #[must_use]
    pub fn grant(&self, clocks: &Clocks) -> Grant {
        match self {
            Self::Off => Grant::Off,
            Self::Bypass {
                username, minutes, ..
            } => Grant::Bypass {
                account: username.as_str().to_owned(),
                until: Moment {
                    wall: until(clocks.wall, *minutes).as_secs(),
                    of_boot: clocks.boot.secs.saturating_add(u64::from(*minutes) * 60),
                },
            },
        }
    }

    /// The result of the call, as far as it can be told without the state.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn answer(&self, now: UnixTime) -> Answer {
        match self {
            Self::Off => send(&json!({"id": 1, "enabled": false})),
            Self::Bypass {
                username,
                minutes,
                reason,
            } => send(&ShownBypass {
                id: NO_ID,
                username: Some(username.as_str().to_owned()),
                until: until(now, *minutes).as_secs(),
                uses_left: BypassUses::MAX,
                reason: reason.clone(),
                created: now.as_secs(),
            }),
        }
    }

    /// What the journal is told, with the reason why it is not stored.
    #[must_use]
    pub fn alert(&self, because: &str) -> Alert {
        let (kind, account, message) = match self {
            Self::Off => (
                AlertKind::Disabled,
                None,
                "Two-factor authentication is off for everybody until the next reboot".to_owned(),
            ),
            Self::Bypass {
                username,
                minutes,
                reason,
            } => (
                AlertKind::Bypass,
                Some(username.clone()),
                format!("'{username}' may log in without a code for {minutes} min: {reason}"),
            ),
        };
        Alert {
            kind,
            account,
            source: None,
            message: format!(
                "{message}. It is an override beside the state, which cannot be written: {because}"
            ),
        }
    }
}

fn until(now: UnixTime, minutes: u32) -> UnixTime {
    now.saturating_add_secs(u64::from(minutes) * 60)
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use serde_json::Value;
    use twofactor::{Boot, BootId};

    use super::*;

    fn of(method: &str, params: Value) -> Option<Emergency> {
        let Value::Array(values) = params else {
            panic!("not by position");
        };
        Emergency::of(method, &RawParams::Positional(values))
    }

    fn clocks(wall: UnixTime) -> Clocks {
        Clocks {
            wall,
            boot: Boot {
                id: BootId([7; 16]),
                secs: 5000,
            },
            synchronised: true,
        }
    }

    fn bypass(username: &str, minutes: u32) -> Emergency {
        Emergency::Bypass {
            username: AccountName::new(username).unwrap(),
            minutes,
            reason: "phone".to_owned(),
        }
    }

    #[test]
    fn what_can_be_had_without_the_state() {
        let update = "auth.twofactor.update";
        let create = "auth.twofactor.bypass.create";
        let (reason, root) = ("phone", "root");
        for (method, params, expected) in [
            (update, json!([{"enabled": false}]), Some(Emergency::Off)),
            (
                update,
                json!([{"window": 1, "enabled": false}]),
                Some(Emergency::Off),
            ),
            (update, json!([{"enabled": true}]), None),
            (update, json!([{"window": 1}]), None),
            (update, json!([{"enabled": "false"}]), None),
            (update, json!([]), None),
            (
                create,
                json!([{"username": root, "reason": reason}]),
                Some(bypass(root, 15)),
            ),
            (
                create,
                json!([{"username": root, "reason": reason, "minutes": 1440, "uses": 10}]),
                Some(bypass(root, 1440)),
            ),
            (create, json!([{"username": null, "reason": reason}]), None),
            (
                create,
                json!([{"username": root, "reason": reason, "minutes": 1441}]),
                None,
            ),
            ("auth.twofactor.unlock", json!([root]), None),
            ("auth.twofactor.recovery.generate", json!([root]), None),
            ("no.such.method", json!([{"enabled": false}]), None),
        ] {
            assert_eq!(of(method, params.clone()), expected, "{method} {params}");
        }
    }

    #[test]
    fn what_takes_it_back() {
        let (update, delete) = ("auth.twofactor.update", "auth.twofactor.bypass.delete");
        let bypass = bypass("root", 1).grant(&clocks(UnixTime::EPOCH));
        for (method, params, off, one) in [
            (update, json!([{"enabled": true}]), true, true),
            (update, json!([{"enabled": false}]), false, false),
            (update, json!([{"window": 1}]), false, false),
            (delete, json!([7]), false, true),
            ("auth.twofactor.config", json!([]), false, false),
        ] {
            let Value::Array(values) = params else {
                panic!("not by position");
            };
            let params = RawParams::Positional(values);
            let is_undone = |grant| Emergency::is_undone_by(method, &params, grant);
            assert_eq!(
                (is_undone(&Grant::Off), is_undone(&bypass)),
                (off, one),
                "{method}"
            );
        }
    }

    #[test]
    fn what_the_override_and_the_answer_say() {
        let now = UnixTime::from_secs(1_795_510_405);
        assert_eq!(Emergency::Off.grant(&clocks(now)), Grant::Off);
        let answer = Emergency::Off.answer(now).unwrap();
        assert_eq!(answer.get(), r#"{"id":1,"enabled":false}"#);
        let alice = bypass("alice", 15);
        let until = Moment {
            wall: 1_795_511_305,
            of_boot: 5900,
        };
        let account = "alice".to_owned();
        assert_eq!(alice.grant(&clocks(now)), Grant::Bypass { account, until });
        let answer: Value = serde_json::from_str(alice.answer(now).unwrap().get()).unwrap();
        assert_eq!(
            (&answer["id"], &answer["until"]),
            (&json!(0), &json!(until.wall))
        );
        let alert = alice.alert("the disk is full");
        assert_eq!(alert.username(), Some("alice"));
        assert!(alert.message.ends_with("the disk is full"), "{alert:?}");
    }

    #[test]
    fn nobody_is_let_in_by_a_name_that_there_is_not() {
        assert!(bypass("root", 1).look_up().is_ok());
        let error = bypass("no-such-user-here", 1).look_up().unwrap_err();
        assert_eq!(error.errno(), Errno::ENOENT);
    }
}
