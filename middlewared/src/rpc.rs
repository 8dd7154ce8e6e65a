//! JSON-RPC 2.0 as the original speaks it: what a message must look like, and what is answered.
//!
//! Ids are echoed as the very text that came, so that no type or digit of them changes.

use std::fmt;

use api::{Answer, CallError, Event, Kind, RawParams};
use jsonrpsee_types::ErrorObjectOwned;
use jsonrpsee_types::error::{INVALID_REQUEST_CODE, METHOD_NOT_FOUND_CODE, PARSE_ERROR_CODE};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The id of a request; a notification has none.
pub(crate) type Id = Option<Box<RawValue>>;

/// A message that asks for something.
#[derive(Debug)]
pub(crate) struct Request {
    /// Whom to answer; a notification gets no answer.
    pub(crate) id: Id,
    /// Not yet known to exist.
    pub(crate) method: String,
    /// Not yet decoded.
    pub(crate) params: RawParams,
}

impl Request {
    /// Whether this waits for the pool or the writer.
    pub(crate) fn waits(&self) -> bool {
        let waits = |kind| matches!(kind, Kind::Write | Kind::Slow);
        api::find(&self.method).is_some_and(|method| waits(method.kind))
    }
}

/// Reads a message.
///
/// # Errors
/// The reply to a message that is no request.
pub(crate) fn parse(text: &str) -> Result<Request, String> {
    let parse_error = |message: &str| error_text(PARSE_ERROR_CODE, message, None);
    // Only the parser's own words: they name a place, never a value.
    let syntax = |error: serde_json::Error| parse_error(&error.to_string());
    match text.trim_start().bytes().next() {
        Some(b'{') => serde_json::from_str::<Envelope>(text)
            .map_err(syntax)?
            .into_request(),
        first => {
            serde_json::from_str::<IgnoredAny>(text).map_err(syntax)?;
            Err(parse_error(match first {
                Some(b'[') => "Batch messages are not supported at this time",
                _ => "Invalid Message Format",
            }))
        }
    }
}

/// The members that matter. Others are ignored, and of a repeated one the last counts.
#[derive(Default)]
struct Envelope {
    jsonrpc: Option<Value>,
    id: Id,
    method: Option<Value>,
    params: Option<Value>,
}

impl Envelope {
    fn into_request(self) -> Result<Request, String> {
        let Self {
            jsonrpc,
            id,
            method,
            params,
        } = self;
        let invalid = |message: &str| Err(error_text(INVALID_REQUEST_CODE, message, id.as_deref()));
        match jsonrpc {
            Some(Value::String(version)) if version == "2.0" => {}
            None => return invalid("Missing 'jsonrpc' member"),
            Some(_) => {
                return invalid(
                    "'jsonrpc' member must be of type string and must be exactly '2.0'",
                );
            }
        }
        if !id.as_deref().is_none_or(is_valid_id) {
            return invalid("'id' member must be of type null, string or number");
        }
        let method = match method {
            Some(Value::String(method)) if !method.is_empty() => method,
            None => return invalid("Missing 'method' member"),
            Some(_) => return invalid("'method' member must be of type string"),
        };
        let params = match params {
            None => RawParams::Positional(Vec::new()),
            Some(Value::Array(values)) => RawParams::Positional(values),
            Some(Value::Object(named)) => RawParams::Named(named),
            Some(_) => return invalid("'params' member must be of type array"),
        };
        Ok(Request { id, method, params })
    }
}

/// Null, a string, an integer; booleans too, since the original takes them.
fn is_valid_id(id: &RawValue) -> bool {
    match id.get().as_bytes() {
        [b'{' | b'[', ..] => false,
        [b'-' | b'0'..=b'9', rest @ ..] => !rest.iter().any(|byte| b".eE".contains(byte)),
        _ => true,
    }
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Envelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Envelope, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                "jsonrpc" => envelope.jsonrpc = Some(members.next_value()?),
                "id" => envelope.id = Some(members.next_value()?),
                "method" => envelope.method = Some(members.next_value()?),
                "params" => envelope.params = Some(members.next_value()?),
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(envelope)
    }
}

/// The reply to a request; a notification has none.
pub(crate) fn reply(id: &Id, answer: &Answer) -> Option<String> {
    let id = id.as_deref()?;
    Some(match answer {
        Ok(result) => format!(
            r#"{{"jsonrpc":"2.0","result":{},"id":{}}}"#,
            result.get(),
            id.get()
        ),
        Err(error) => error_reply(&error.to_object(), Some(id)),
    })
}

/// The reply to a request for a method that there is not.
pub(crate) fn unknown_method(id: &Id) -> Option<String> {
    let id = id.as_deref()?;
    Some(error_text(
        METHOD_NOT_FOUND_CODE,
        "Method does not exist",
        Some(id),
    ))
}

/// The reply to a request that is one too many.
pub(crate) fn too_many_calls(id: &Id, limit: usize) -> Option<String> {
    let id = id.as_deref()?;
    Some(error_reply(&api::too_many_calls(limit), Some(id)))
}

/// The reply to whoever may not use this socket.
pub(crate) fn not_authorized(id: &Id) -> String {
    let message = "Not authorized: this socket is for root. Try again with sudo";
    let error = CallError::refused(nix::errno::Errno::EACCES, message);
    error_reply(&error.to_object(), id.as_deref())
}

/// What a subscriber is told.
pub(crate) fn event(event: &Event) -> String {
    notification("collection_update", event)
}

/// What a subscriber is told whose subscription ended, because it did not keep up.
pub(crate) fn unsubscribed(collection: &str) -> String {
    #[derive(Serialize)]
    struct Params<'a> {
        collection: &'a str,
        error: Option<Value>,
    }
    let error = CallError::refused(
        nix::errno::Errno::ENOBUFS,
        "Events were lost, because this connection did not keep up. Subscribe again",
    );
    let object = error.to_object();
    let error = object
        .data()
        .and_then(|data| serde_json::from_str(data.get()).ok());
    notification("notify_unsubscribed", &Params { collection, error })
}

fn notification(method: &str, params: &impl Serialize) -> String {
    // Maps with string keys always have a JSON text.
    let params = serde_json::to_string(params).unwrap_or_else(|_| "{}".to_owned());
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
}

fn error_text(code: i32, message: &str, id: Option<&RawValue>) -> String {
    error_reply(&ErrorObjectOwned::owned(code, message, None::<()>), id)
}

fn error_reply(error: &ErrorObjectOwned, id: Option<&RawValue>) -> String {
    // An error object is strings and integers, which always have a JSON text.
    let error = serde_json::to_string(error).unwrap_or_else(|_| "null".to_owned());
    let id = id.map_or("null", RawValue::get);
    format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{id}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error's code, message and id.
    fn refused(text: &str) -> (i64, String, String) {
        let reply: Value = serde_json::from_str(&parse(text).unwrap_err()).unwrap();
        let error = &reply["error"];
        let message = error["message"].as_str().unwrap().to_owned();
        (
            error["code"].as_i64().unwrap(),
            message,
            reply["id"].to_string(),
        )
    }

    #[test]
    fn ids_are_echoed_to_the_letter() {
        for id in [
            "null",
            "0",
            "-7",
            "true",
            "\"a\\u00e9\"",
            "123456789012345678901234567890",
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"core.ping"}}"#);
            let request = parse(&text).unwrap();
            assert_eq!(request.id.as_deref().unwrap().get(), id);
            let pong = RawValue::from_string("\"pong\"".to_owned()).unwrap();
            let reply = reply(&request.id, &Ok(pong)).unwrap();
            assert_eq!(
                reply,
                format!(r#"{{"jsonrpc":"2.0","result":"pong","id":{id}}}"#)
            );
        }
    }

    #[test]
    fn a_message_without_an_id_is_a_notification_and_one_with_null_is_not() {
        let notification = parse(r#"{"jsonrpc":"2.0","method":"core.ping"}"#).unwrap();
        assert!(notification.id.is_none());
        assert!(unknown_method(&notification.id).is_none());
        let request = parse(r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#).unwrap();
        let reply = r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method does not exist"},"id":null}"#;
        assert_eq!(unknown_method(&request.id).unwrap(), reply);
    }

    #[test]
    fn what_is_no_request_is_refused_in_the_originals_words() {
        let request = |members: &str| format!(r#"{{"id":5,{members}}}"#);
        let version = "'jsonrpc' member must be of type string and must be exactly '2.0'";
        for (members, message) in [
            (r#""method":"x""#, "Missing 'jsonrpc' member"),
            (r#""jsonrpc":2.0,"method":"x""#, version),
            (r#""jsonrpc":"1.0","method":"x""#, version),
            (r#""jsonrpc":null,"method":"x""#, version),
            (r#""jsonrpc":"2.0""#, "Missing 'method' member"),
            (
                r#""jsonrpc":"2.0","method":"""#,
                "'method' member must be of type string",
            ),
            (
                r#""jsonrpc":"2.0","method":["x"]"#,
                "'method' member must be of type string",
            ),
            (
                r#""jsonrpc":"2.0","method":"x","params":null"#,
                "'params' member must be of type array",
            ),
            (
                r#""jsonrpc":"2.0","method":"x","params":"y""#,
                "'params' member must be of type array",
            ),
        ] {
            let expected = (-32600, message.to_owned(), "5".to_owned());
            assert_eq!(refused(&request(members)), expected, "{members}");
        }
        for id in ["1.5", "1e+3", "[1]", "{\"a\":1}"] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#);
            let message = "'id' member must be of type null, string or number";
            assert_eq!(refused(&text), (-32600, message.to_owned(), id.to_owned()));
        }
    }

    #[test]
    fn what_is_no_message_is_refused_with_a_null_id() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{}"#,
            "[".repeat(5000)
        );
        for (text, message) in [
            ("", "EOF"),
            ("{", "EOF"),
            ("nonsense", "expected"),
            (r#"{"id":1} x"#, "trailing characters"),
            (r#"{"id":1e}"#, "invalid number"),
            (deep.as_str(), "recursion limit exceeded"),
            ("[]", "Batch messages are not supported at this time"),
            (
                r#"[{"jsonrpc":"2.0"}]"#,
                "Batch messages are not supported at this time",
            ),
            ("1", "Invalid Message Format"),
            ("\"x\"", "Invalid Message Format"),
            ("[", "EOF"),
        ] {
            let (code, found, id) = refused(text);
            assert_eq!((code, id.as_str()), (-32700, "null"), "{message}");
            assert!(found.contains(message), "{found}");
        }
    }

    #[test]
    fn of_a_repeated_member_the_last_counts() {
        let request =
            parse(r#"{"jsonrpc":"1","jsonrpc":"2.0","id":1,"id":2,"method":"x"}"#).unwrap();
        assert_eq!(request.id.as_deref().unwrap().get(), "2");
    }
}
