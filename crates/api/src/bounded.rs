//! The types of params that the original has none of: names, short texts, ids, times, choices.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use twofactor::{AccountName, Fingerprint, TimeStep, UnixTime};

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

/// What people read: up to 1,024 characters on one line, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentence(pub(crate) String);

impl Field for Sentence {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let text = String::decode(value, at, issues)?;
        // It goes to terminals.
        if text.chars().any(char::is_control) {
            issues.out_of_range(at, "Control characters not allowed");
            return None;
        }
        Some(Self(text))
    }
}

inline_schema!([] Sentence, |_| {
    json_schema!({ "type": "string", "maxLength": 1024 })
});

/// A list of so many at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Items<T, const MOST: usize>(pub(crate) Vec<T>);

impl<T: Field, const MOST: usize> Field for Items<T, MOST> {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let Value::Array(values) = value else {
            issues.wrong(at, "A list was expected");
            return None;
        };
        if values.len() > MOST {
            issues.out_of_range(at, format!("Should have at most {MOST} entries"));
            return None;
        }
        let decode = |(position, value)| {
            let name = usize::to_string(&position);
            T::decode(value, &at.field(&name, position), issues)
        };
        let items: Vec<_> = values.into_iter().enumerate().map(decode).collect();
        items.into_iter().collect::<Option<_>>().map(Self)
    }
}

inline_schema!([T: Field, const MOST: usize] Items<T, MOST>, |generator| {
    let items = T::schema(generator);
    json_schema!({ "type": "array", "items": items, "maxItems": MOST })
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

/// The fingerprint of an SSH key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyPrint(pub(crate) Fingerprint);

impl Field for KeyPrint {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        let print = Fingerprint::parse(String::decode(value, at, issues)?.trim());
        if print.is_none() {
            let message = "Should be SHA256: and 43 characters, as ssh-keygen -lf prints it";
            issues.out_of_range(at, message);
        }
        print.map(Self)
    }
}

inline_schema!([] KeyPrint, |_| {
    json_schema!({ "type": "string", "pattern": "^SHA256:[A-Za-z0-9+/]{43}$" })
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

    /// A time, or the latest that there is here.
    pub(crate) fn nearest(time: UnixTime) -> Self {
        Self(time.min(UnixTime::from_secs(Self::LATEST)))
    }
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

    /// The one that it is.
    fn word(self) -> Option<&'static str>
    where
        Self: PartialEq,
    {
        let found = Self::WORDS.iter().find(|(_, meaning)| *meaning == self);
        found.map(|(word, _)| *word)
    }
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
mod tests;
