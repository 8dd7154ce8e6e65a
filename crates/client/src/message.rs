//! One text from the server: a reply, a notification, or nothing we know.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::CallError;

/// A message as far as it must be understood; the rest stays raw.
#[derive(Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    params: Option<&'a RawValue>,
}

/// What a message means to the one call in flight.
pub(crate) enum Meaning {
    Result(Box<RawValue>),
    Failure(Box<CallError>),
    Notification {
        method: String,
        params: Box<RawValue>,
    },
    /// A reply to somebody else, or a notification without params.
    Foreign,
    Garbage(&'static str),
}

/// A member that is there, be it `null`: `Option` alone would read `"result": null` as absent.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads one text. `own_id` is the id of the call in flight.
pub(crate) fn read(text: &str, own_id: u64) -> Meaning {
    let Ok(message) = serde_json::from_str::<Message<'_>>(text) else {
        return Meaning::Garbage("no JSON object");
    };
    if let Some(method) = message.method {
        return notification(method, message.params);
    }
    match (message.id, message.error, message.result) {
        (None, ..) => Meaning::Garbage("neither a reply nor a notification"),
        // Only one call is in flight: an error without an id is about that one.
        (Some(id), Some(error), _) if is_own(id, own_id) || id.get() == "null" => {
            match serde_json::from_str(error.get()) {
                Ok(error) => Meaning::Failure(Box::new(error)),
                Err(_) => Meaning::Garbage("an error without a code"),
            }
        }
        (Some(id), None, Some(result)) if is_own(id, own_id) => Meaning::Result(result.to_owned()),
        (Some(id), None, None) if is_own(id, own_id) => {
            Meaning::Garbage("a reply with neither result nor error")
        }
        (Some(_), ..) => Meaning::Foreign,
    }
}

fn is_own(id: &RawValue, own_id: u64) -> bool {
    id.get().parse() == Ok(own_id)
}

fn notification(method: &RawValue, params: Option<&RawValue>) -> Meaning {
    match (serde_json::from_str(method.get()), params) {
        (Ok(method), Some(params)) => Meaning::Notification {
            method,
            params: params.to_owned(),
        },
        (Ok(_), None) => Meaning::Foreign,
        (Err(_), _) => Meaning::Garbage("a method that is no string"),
    }
}
