//! Results to text, byte for byte as the original prints them (Python's `print` and `json.dumps`).

use std::io;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};
use serde_json::value::RawValue;

/// The line for one result: strings raw, `True` and `False`, everything else as JSON.
pub(crate) fn to_line(raw: &RawValue) -> String {
    match serde_json::from_str(raw.get()) {
        Ok(Value::String(text)) => text,
        Ok(Value::Bool(true)) => "True".to_owned(),
        Ok(Value::Bool(false)) => "False".to_owned(),
        Ok(other) => to_json(&other),
        // Valid, but nested deeper than we read: as it came is better than nothing.
        Err(_) => raw.get().to_owned(),
    }
}

/// JSON on one line: `, ` and `: `, ASCII only, keys in their order, integers of any size.
pub(crate) fn to_json(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PythonStyle);
    match value.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => value.to_string(),
    }
}

/// A value as Python's `repr` shows it, for the `extra` of an error.
pub(crate) fn to_repr(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(to_repr).collect::<Vec<_>>().join(", ");
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.contains('\'') && !text.contains('"') => {
            format!("\"{}\"", text.replace('\\', "\\\\"))
        }
        Value::String(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        Value::Array(items) => format!("[{}]", list(items)),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| {
                format!(
                    "{}: {}",
                    to_repr(&Value::String(key.clone())),
                    to_repr(value)
                )
            };
            format!(
                "{{{}}}",
                members.iter().map(member).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

struct PythonStyle;

impl Formatter for PythonStyle {
    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        w.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        w.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, w: &mut W) -> io::Result<()> {
        w.write_all(b": ")
    }

    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        w: &mut W,
        text: &str,
    ) -> io::Result<()> {
        for c in text.chars() {
            if c.is_ascii() && c != '\u{7f}' {
                w.write_all(&[c as u8])?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(w, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let check = |json: &str, expected: &str| {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            assert_eq!(to_line(&raw), expected, "{json}");
        };
        check("true", "True");
        check("false", "False");
        check("null", "null");
        check(r#""pong""#, "pong");
        check(r#""""#, "");
        check(r#""a\"b\\ ü\n😀""#, "a\"b\\ ü\n😀");
        check("1.5", "1.5");
        check(
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        );
        check("-7", "-7");
        check("[]", "[]");
        check("{}", "{}");
        check(
            r#"[1,[true,null],{"b":"x","a":{}}]"#,
            r#"[1, [true, null], {"b": "x", "a": {}}]"#,
        );
        check(
            r#"{"k":"ü€😀\u007f"}"#,
            r#"{"k": "\u00fc\u20ac\ud83d\ude00\u007f"}"#,
        );
        check(
            r#"{"k":"\"\\\n\t\b\f\r\u0001/"}"#,
            r#"{"k": "\"\\\n\t\b\f\r\u0001/"}"#,
        );
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        check(&deep, &deep);
    }

    #[test]
    fn reprs() {
        let check = |json: &str, expected: &str| {
            assert_eq!(
                to_repr(&serde_json::from_str(json).unwrap()),
                expected,
                "{json}"
            );
        };
        check(r#"["ssh"]"#, "['ssh']");
        check(
            r#"{"a":[true,false,null,1.5]}"#,
            "{'a': [True, False, None, 1.5]}",
        );
        check(
            r#"["it's","\"it's\"","a\\b"]"#,
            r#"["it's", '"it\'s"', 'a\\b']"#,
        );
    }
}
