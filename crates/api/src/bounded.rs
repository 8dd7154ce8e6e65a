//! The types of params that the original has none of: names, short texts, ids, times, choices.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use twofactor::{AccountName, TimeStep, UnixTime};

use crate::fields::integer;
use crate::params::{At, Field, Issues};

/// How the contract shows a type: in place, so that its name does not matter.
macro_rules! inline_schema {
    ([$($generics:tt)*] $type:ty, |$generator:tt| $schema:expr) => {
        impl<$($generics)*> JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

/// The name of a Unix account. Whether there is one is for later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Username(pub(crate) AccountName);

impl Field for Username {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let name = AccountName::new(&String::decode(value, at, issues)?);
        if name.is_none() {
            issues.out_of_range(at, "Not a valid account name");
        }
        name.map(Self)
    }
}

inline_schema!([] Username, |_| {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": 256 })
});

/// A name or a reason that people read: 1 to 64 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line(pub(crate) String);

impl Line {
    const LONGEST: usize = 64;
}

impl Field for Line {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let line = String::decode(value, at, issues)?.trim().to_owned();
        if line.is_empty() || line.chars().count() > Self::LONGEST {
            issues.out_of_range(at, format!("Should have 1 to {} characters", Self::LONGEST));
            return None;
        }
        // It goes to terminals.
        if line.chars().any(char::is_control) {
            issues.out_of_range(at, "Control characters not allowed");
            return None;
        }
        Some(Self(line))
    }
}

inline_schema!([] Line, |_| {
    json_schema!({ "type": "string", "minLength": 1, "maxLength": Self::LONGEST })
});

/// The PAM name of a service: letters, digits, `.`, `_` and `-`, as for a file in `/etc/pam.d`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service(String);

impl Service {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Field for Service {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let name = String::decode(value, at, issues)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !(1..=Line::LONGEST).contains(&name.len()) || !name.bytes().all(is_plain) {
            issues.out_of_range(at, "Not a valid service name");
            return None;
        }
        Some(Self(name))
    }
}

inline_schema!([] Service, |_| {
    json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" })
});

/// A user id. The last one means nobody (chown(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uid(pub(crate) u32);

impl Field for Uid {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        Whole::<0, { u32::MAX - 1 }>::decode(value, at, issues).map(|uid| Self(uid.0))
    }
}

inline_schema!([] Uid, |generator| {
    Whole::<0, { u32::MAX - 1 }>::json_schema(generator)
});

/// A whole number in a range that is the method's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<const MIN: u32, const MAX: u32> Field for Whole<MIN, MAX> {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let value = u32::try_from(integer(value, at, issues)?).ok();
        let value = value.filter(|value| (MIN..=MAX).contains(value));
        if value.is_none() {
            issues.out_of_range(at, format!("Should be between {MIN} and {MAX}"));
        }
        value.map(Self)
    }
}

inline_schema!([const MIN: u32, const MAX: u32] Whole<MIN, MAX>, |_| {
    json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
});

/// Which record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(pub(crate) i64);

impl Field for Id {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let id = integer(value, at, issues)?;
        if id < 1 {
            issues.out_of_range(at, "Should be greater or equal than 1");
            return None;
        }
        Some(Self(id))
    }
}

inline_schema!([] Id, |_| {
    json_schema!({ "type": "integer", "minimum": 1 })
});

/// A date and time, in seconds since 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) UnixTime);

impl Moment {
    /// The last second of the year 9999.
    const LATEST: u64 = 253_402_300_799;
}

impl Field for Moment {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let secs = u64::try_from(integer(value, at, issues)?).ok();
        let secs = secs.filter(|secs| *secs <= Self::LATEST);
        if secs.is_none() {
            issues.out_of_range(at, format!("Should be between 0 and {}", Self::LATEST));
        }
        secs.map(|secs| Self(UnixTime::from_secs(secs)))
    }
}

inline_schema!([] Moment, |_| {
    json_schema!({ "type": "integer", "minimum": 0, "maximum": Self::LATEST })
});

/// One of few words.
pub(crate) trait Word: Copy + 'static {
    /// How each is spelt.
    const WORDS: &'static [(&'static str, Self)];
}

/// A word of a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OneOf<W>(pub(crate) W);

impl<W: Word> Field for OneOf<W> {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let typed = String::decode(value, at, issues)?;
        let found = W::WORDS.iter().find(|(word, _)| *word == typed);
        if found.is_none() {
            let words: Vec<&str> = W::WORDS.iter().map(|(word, _)| *word).collect();
            issues.out_of_range(at, format!("Should be one of {}", words.join(", ")));
        }
        found.map(|(_, meaning)| Self(*meaning))
    }
}

inline_schema!([W: Word] OneOf<W>, |_| {
    let words: Vec<&str> = W::WORDS.iter().map(|(word, _)| *word).collect();
    json_schema!({ "type": "string", "enum": words })
});

/// A value, or null for none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nullable<T>(pub(crate) Option<T>);

impl<T: Field> Field for Nullable<T> {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        match value {
            Value::Null => Some(Self(None)),
            value => T::decode(value, at, issues).map(|value| Self(Some(value))),
        }
    }
}

inline_schema!([T: Field] Nullable<T>, |generator| {
    let mut schema = T::schema(generator);
    if let Some(Value::String(one)) = schema.get("type").cloned() {
        schema.insert("type".to_owned(), json!([one, "null"]));
    }
    schema
});

/// The time steps that current TrueNAS offers: more than phones' apps honour is no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsualInterval(pub(crate) TimeStep);

impl Field for UsualInterval {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let step = match integer(value, at, issues)? {
            30 => TimeStep::from_secs(30),
            60 => TimeStep::from_secs(60),
            _ => None,
        };
        if step.is_none() {
            issues.out_of_range(at, "Should be 30 or 60");
        }
        step.map(Self)
    }
}

inline_schema!([] UsualInterval, |_| {
    json_schema!({ "type": "integer", "enum": [30, 60] })
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CallError;
    use crate::RawParams;
    use crate::params::{Params, fields};

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Colour {
        Red,
        Green,
    }

    impl Word for Colour {
        const WORDS: &'static [(&'static str, Self)] =
            &[("RED", Self::Red), ("GREEN", Self::Green)];
    }

    fields! {
        /// One of each.
        struct All {
            username: Option<Username>,
            line: Option<Line>,
            service: Option<Service>,
            uid: Option<Uid>,
            days: Option<Whole<1, 90>>,
            id: Option<Id>,
            at: Option<Moment>,
            colour: Option<OneOf<Colour>>,
            days_or_none: Option<Nullable<Whole<1, 90>>>,
            interval: Option<UsualInterval>,
        }
    }

    /// What a value is taken for, or what is wrong with it.
    fn decode(name: &str, value: Value) -> Result<String, String> {
        let params = [(name.to_owned(), value)].into_iter().collect();
        match All::decode(RawParams::Named(params)) {
            Ok(all) => Ok(match name {
                "username" => all.username.unwrap().0.to_string(),
                "line" => all.line.unwrap().0,
                "service" => all.service.unwrap().as_str().to_owned(),
                "uid" => all.uid.unwrap().0.to_string(),
                "days" => all.days.unwrap().0.to_string(),
                "id" => all.id.unwrap().0.to_string(),
                "at" => all.at.unwrap().0.to_string(),
                "colour" => format!("{:?}", all.colour.unwrap().0),
                "days_or_none" => format!("{:?}", all.days_or_none.unwrap().0),
                _ => all.interval.unwrap().0.as_secs().to_string(),
            }),
            Err(CallError::Invalid(issues)) => Err(issues[0].message.clone()),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn what_is_right_is_taken() {
        for (name, value, expected) in [
            ("username", json!("www-data"), "www-data"),
            ("username", json!(1001), "1001"),
            ("line", json!("  Anna's phone "), "Anna's phone"),
            ("line", json!("\u{fc}".repeat(64)), &"\u{fc}".repeat(64)),
            ("service", json!("sshd"), "sshd"),
            ("service", json!("su-l.x_1"), "su-l.x_1"),
            ("uid", json!(4_294_967_294_u32), "4294967294"),
            ("days", json!("90"), "90"),
            ("id", json!(9_007_199_254_740_993_i64), "9007199254740993"),
            ("at", json!(0), "0"),
            ("colour", json!("GREEN"), "Green"),
            ("days_or_none", json!(null), "None"),
            ("days_or_none", json!(1), "Some(Whole(1))"),
            ("interval", json!(60), "60"),
        ] {
            assert_eq!(
                decode(name, value.clone()).unwrap(),
                expected,
                "{name} {value}"
            );
        }
    }

    /// CVE-2023-42456 for names; lines and names go to terminals and logs.
    #[test]
    fn what_is_wrong_is_named_and_never_repeated() {
        let (integer, days) = ("Not an integer", "Should be between 1 and 90");
        let service = "Not a valid service name";
        for (name, value, expected) in [
            ("username", json!("../root"), "Not a valid account name"),
            ("username", json!(""), "Not a valid account name"),
            ("username", json!("a\nb"), "Not a valid account name"),
            ("username", json!(null), "null not allowed"),
            ("line", json!("   "), "Should have 1 to 64 characters"),
            (
                "line",
                json!("x".repeat(65)),
                "Should have 1 to 64 characters",
            ),
            (
                "line",
                json!("a\u{1b}[2Jb"),
                "Control characters not allowed",
            ),
            ("line", json!([]), "Not a string"),
            ("service", json!("../sshd"), service),
            ("service", json!(""), service),
            ("service", json!("x".repeat(65)), service),
            ("uid", json!(u32::MAX), "Should be between 0 and 4294967294"),
            ("uid", json!(-1), "Should be between 0 and 4294967294"),
            ("days", json!(0), days),
            ("days", json!(4_294_967_297_u64), days),
            ("days", json!(1.5), integer),
            ("id", json!(0), "Should be greater or equal than 1"),
            ("id", json!("x"), integer),
            ("at", json!(-1), "Should be between 0 and 253402300799"),
            (
                "at",
                json!(253_402_300_800_u64),
                "Should be between 0 and 253402300799",
            ),
            ("colour", json!("green"), "Should be one of RED, GREEN"),
            ("colour", json!(null), "null not allowed"),
            ("days_or_none", json!(91), days),
            ("interval", json!(45), "Should be 30 or 60"),
            ("interval", json!(null), "null not allowed"),
        ] {
            assert_eq!(
                decode(name, value.clone()).unwrap_err(),
                expected,
                "{name} {value}"
            );
        }
    }

    #[test]
    fn the_contract_shows_what_may_be_null() {
        let schema = schemars::schema_for!(Nullable<Whole<1, 90>>).to_value();
        assert_eq!(schema["type"], json!(["integer", "null"]));
        assert_eq!(schema["maximum"], 90);
    }
}
