//! The types of single params, with the coercions and messages of TrueNAS 22.12.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Number, Value};
use twofactor::{Digits, TimeStep, Window};
use zeroize::Zeroizing;

use crate::params::{At, Field, Issues};

/// A string longer than this is refused.
pub(crate) const LONGEST_TEXT: usize = 1024;

/// Takes no 0, 1 or "true".
impl Field for bool {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(flag),
            Value::Null => refuse(at, issues, "null not allowed"),
            _ => refuse(at, issues, "Not a boolean"),
        }
    }
}

/// Takes integers too, as what their digits spell.
impl Field for String {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        match value {
            Value::Null => refuse(at, issues, "null not allowed"),
            value => text(value, at, issues),
        }
    }
}

/// A string that may be null, which is the same as none.
#[derive(Debug)]
pub(crate) struct NullableText(pub(crate) Option<String>);

impl Field for NullableText {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        match value {
            Value::Null => Some(Self(None)),
            value => text(value, at, issues).map(|text| Self(Some(text))),
        }
    }
}

impl JsonSchema for NullableText {
    fn schema_name() -> Cow<'static, str> {
        "NullableText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "null"], "maxLength": LONGEST_TEXT })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// A code as somebody typed it; a client may send it as a string, as a number, or null. Wiped on
/// drop, and never shown.
pub(crate) struct Token(pub(crate) Zeroizing<String>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(hidden)")
    }
}

impl Field for Token {
    fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
        match value {
            // Nothing typed is no error: it is just no code.
            Value::Null => Some(Self(Zeroizing::new(String::new()))),
            value => text(value, at, issues).map(|text| Self(Zeroizing::new(text))),
        }
    }
}

impl JsonSchema for Token {
    fn schema_name() -> Cow<'static, str> {
        "Token".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer", "null"], "maxLength": LONGEST_TEXT })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// An integer in a range. Takes a string of digits too.
trait Ranged: Sized {
    const MIN: i64;
    const MAX: i64;
    fn new(value: i64) -> Option<Self>;
}

/// Steps on each side of now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WindowSteps(pub(crate) Window);

impl Ranged for WindowSteps {
    const MIN: i64 = 0;
    const MAX: i64 = 10;

    fn new(value: i64) -> Option<Self> {
        Window::new(value.try_into().ok()?).map(Self)
    }
}

/// Digits of a code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtpDigits(pub(crate) Digits);

impl Ranged for OtpDigits {
    const MIN: i64 = 6;
    const MAX: i64 = 8;

    fn new(value: i64) -> Option<Self> {
        Digits::new(value.try_into().ok()?).map(Self)
    }
}

/// Seconds that a code is valid for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interval(pub(crate) TimeStep);

impl Ranged for Interval {
    const MIN: i64 = 5;
    const MAX: i64 = 3600;

    fn new(value: i64) -> Option<Self> {
        TimeStep::from_secs(value.try_into().ok()?).map(Self)
    }
}

macro_rules! ranged_field {
    ($($type:ident)*) => { $(
        impl Field for $type {
            fn decode(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<Self> {
                ranged(value, at, issues)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "integer", "minimum": $type::MIN, "maximum": $type::MAX })
            }

            fn inline_schema() -> bool {
                true
            }
        }
    )* };
}

ranged_field!(WindowSteps OtpDigits Interval);

fn ranged<T: Ranged>(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<T> {
    let value = integer(value, at, issues)?;
    let ranged = Some(value)
        .filter(|value| (T::MIN..=T::MAX).contains(value))
        .and_then(T::new);
    if ranged.is_none() {
        issues.out_of_range(at, format!("Should be between {} and {}", T::MIN, T::MAX));
    }
    ranged
}

pub(crate) fn integer(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<i64> {
    match value {
        Value::Number(number) if is_integer(&number) => Some(saturating(&number.to_string())),
        Value::String(digits) if is_digits(&digits) => Some(saturating(&digits)),
        Value::Null => refuse(at, issues, "null not allowed"),
        _ => refuse(at, issues, "Not an integer"),
    }
}

/// Integers are arbitrarily long in JSON; one that is too long for us is out of range all the same.
fn saturating(integer: &str) -> i64 {
    let end = if integer.starts_with('-') {
        i64::MIN
    } else {
        i64::MAX
    };
    integer.parse().unwrap_or(end)
}

fn is_integer(number: &Number) -> bool {
    !number.to_string().contains(['.', 'e', 'E'])
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_TEXT && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn text(value: Value, at: &At<'_>, issues: &mut Issues) -> Option<String> {
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) if is_integer(&number) => number.to_string(),
        _ => return refuse(at, issues, "Not a string"),
    };
    if text.chars().count() > LONGEST_TEXT {
        issues.out_of_range(at, format!("Value greater than {LONGEST_TEXT} not allowed"));
        return None;
    }
    Some(text)
}

fn refuse<T>(at: &At<'_>, issues: &mut Issues, message: &str) -> Option<T> {
    issues.wrong(at, message);
    None
}
