//! Words to params.
//!
//! A word is JSON, or else text: so it was in the original, and so it stays. On a console without
//! braces, in a shell that eats quotes, or copied from documentation with typographic ones, that
//! sends text where an object was meant. So, where a method takes one object and nothing else (and
//! never anywhere else: a password may look like anything), words that are no JSON are read more
//! kindly, taken together as the shell has left them. What was understood is said; what looks like
//! broken JSON and cannot be understood is not sent.

mod relaxed;
mod stdin;
mod text;

use serde_json::{Map, Value};

use self::relaxed::Unreadable;
use self::text::{looks_like_json, straighten};
use crate::contract::{Contract, example, is_plain, member};
use crate::failure::Failure;

/// The longest text that is read kindly.
const MAX_BYTES: usize = 64 * 1024;

/// The arguments of a call.
#[derive(Debug, PartialEq)]
pub(crate) struct Params {
    pub(crate) values: Vec<Value>,
    /// What midclt made of words that are no JSON; for stderr.
    pub(crate) understood: Option<String>,
}

/// Reads the words of a call; `-` stands for standard input.
pub(crate) fn read(method: &str, mut words: Vec<String>) -> Result<Params, Failure> {
    stdin::substitute(&mut words)?;
    let json: Vec<Option<Value>> = words.iter().map(|word| json(word)).collect();
    if json.iter().all(Option::is_some) {
        return Ok(Params {
            values: json.into_iter().flatten().collect(),
            understood: None,
        });
    }
    let as_in_the_original = || {
        let values = json
            .iter()
            .zip(&words)
            .map(|(json, word)| json.clone().unwrap_or_else(|| Value::String(word.clone())));
        Params {
            values: values.collect(),
            understood: None,
        }
    };
    let Some(known) = Contract::built_in().method(method) else {
        return Ok(as_in_the_original());
    };
    let broken = json
        .iter()
        .zip(&words)
        .find(|(json, word)| json.is_none() && looks_like_json(word));
    let Some(schema) = known.only_object() else {
        // A method that takes text takes any: '{x' may be somebody's password.
        return match broken {
            Some(_) if !known.takes_text() && !known.takes_nothing() => Err(not_json(method)),
            _ => Ok(as_in_the_original()),
        };
    };
    let together = words.join(" ");
    match understand(&together) {
        Ok(members) => Ok(Params {
            understood: Some(understood(&members, schema)),
            values: vec![Value::Object(members)],
        }),
        Err(unreadable) if broken.is_some() => Err(refusal(method, schema, &unreadable)),
        Err(_) => Ok(as_in_the_original()),
    }
}

/// JSON as serde knows it. Python would also take `NaN`, which no method does: it is text here.
fn json(word: &str) -> Option<Value> {
    serde_json::from_str(word).ok()
}

/// Tries the text as it is, then with typographic quotes made straight; each in braces, then as
/// pairs. The error is the one of the reading that fits what was typed.
fn understand(text: &str) -> Result<Map<String, Value>, Unreadable> {
    if text.len() > MAX_BYTES {
        return Err(Unreadable {
            at: MAX_BYTES,
            path: Vec::new(),
            what: "longer than 64 KiB",
        });
    }
    if let Ok(members) = relaxed::object(text).or_else(|_| relaxed::pairs(text)) {
        return Ok(members);
    }
    let (straight, front) = straighten(text);
    relaxed::object(&straight).or_else(|in_braces| {
        relaxed::pairs(&straight).map_err(|in_pairs| {
            let braces = straight.trim_start().starts_with(['{', '<', '[']);
            let error = if braces { in_braces } else { in_pairs };
            Unreadable {
                at: error.at + front,
                ..error
            }
        })
    })
}

fn understood(members: &Map<String, Value>, schema: &Value) -> String {
    let shown = Value::Object(shown(members, schema));
    format!("midclt: understood as {shown}")
}

/// The object with everything hidden that could be a secret: all but flags, null, and the whole
/// numbers that the contract knows as settings.
fn shown(members: &Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let show = |(key, value): (&String, &Value)| {
        let schema = member(schema, key);
        let value = match value {
            Value::Bool(_) | Value::Null => value.clone(),
            Value::Number(_) if schema.is_some_and(is_plain) => value.clone(),
            Value::Object(inner) => Value::Object(shown(inner, schema.unwrap_or(&Value::Null))),
            _ => Value::String("...".to_owned()),
        };
        (key.clone(), value)
    };
    members.iter().map(show).collect()
}

/// Says where reading stopped and how it is written, without the text: it may hold a secret.
fn refusal(method: &str, schema: &Value, unreadable: &Unreadable) -> Failure {
    let Unreadable { at, path, what } = unreadable;
    let names_known_key = known_path(schema, path);
    let of_key = if names_known_key {
        format!(", {}", path.join("."))
    } else {
        String::new()
    };
    let example = example(schema, path);
    let lines = vec![
        format!(
            "midclt: not sent: cannot read the argument at character {}{of_key}: {what}",
            at + 1
        ),
        format!("midclt: write it so: midclt call {method} '{example}'"),
        format!(
            "midclt: or, to send text as it is, as a JSON string: midclt call {method} '\"...\"'"
        ),
    ];
    Failure { lines, exit: 1 }
}

/// Whether these are keys of the contract: others may be a secret that lost its place.
fn known_path(schema: &Value, path: &[String]) -> bool {
    let known = path
        .iter()
        .try_fold(schema, |schema, key| member(schema, key));
    !path.is_empty() && known.is_some()
}

fn not_json(method: &str) -> Failure {
    let lines = vec![
        "midclt: not sent: an argument looks like JSON, but is not".to_owned(),
        format!(
            "midclt: to send it as text, make it a JSON string: midclt call {method} '\"...\"'"
        ),
    ];
    Failure { lines, exit: 1 }
}

#[cfg(test)]
mod tests;
