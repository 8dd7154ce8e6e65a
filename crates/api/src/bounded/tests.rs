//! What each type takes, and how it refuses the rest.

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
    const WORDS: &'static [(&'static str, Self)] = &[("RED", Self::Red), ("GREEN", Self::Green)];
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
