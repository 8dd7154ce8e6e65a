//! A forgiving reader for one object: JSON5, `<…>` for `{…}`, and `key=value` pairs.
//!
//! Our own rather than a crate's: json5 1.3 turns `NaN` and `1e400` into null and large integers
//! into floats, `serde_json5` brings a parser generator; neither bounds the depth, knows `<…>`, or
//! tells which key an error belongs to.

use serde_json::{Map, Number, Value};

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 32;

/// Where reading stopped. The text itself is left out: it may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The position in characters, from 0.
    pub(super) at: usize,
    /// The keys that lead to the value that cannot be read.
    pub(super) path: Vec<String>,
    pub(super) what: &'static str,
}

type Reading<T> = Result<T, Unreadable>;

/// Reads text that is one object in `{…}` or `<…>`.
pub(super) fn object(text: &str) -> Reading<Map<String, Value>> {
    let mut reader = Reader::new(text, Form::Braces);
    reader.skip_space()?;
    let Some(closer) = reader.peek().and_then(closer_of_object) else {
        return reader.fail("expected {");
    };
    let members = reader.nested(|reader| reader.members(Some(closer)))?;
    reader.skip_space()?;
    if reader.peek().is_some() {
        return reader.fail("there is more after the end of the object");
    }
    Ok(members)
}

/// Reads `enabled=false services.ssh=true`, also with colons and commas, as bash leaves them of an
/// object without quotes. Values are true, false, null, integers, or an object of its own.
pub(super) fn pairs(text: &str) -> Reading<Map<String, Value>> {
    let mut reader = Reader::new(text, Form::Pairs);
    let members = reader.members(None)?;
    if members.is_empty() {
        reader.fail("there is nothing")
    } else {
        Ok(members)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Braces,
    /// No comments: `//` belongs to a URI here.
    Pairs,
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    path: Vec<String>,
    form: Form,
}

impl Reader {
    fn new(text: &str, form: Form) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
            depth: 0,
            path: Vec::new(),
            form,
        }
    }

    fn fail<T>(&self, what: &'static str) -> Reading<T> {
        Err(Unreadable {
            at: self.at,
            path: self.path.clone(),
            what,
        })
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = self.chars.get(self.at..).unwrap_or_default();
        let taken: String = rest.iter().copied().take_while(|&c| wanted(c)).collect();
        self.at += taken.chars().count();
        taken
    }

    fn skip_space(&mut self) -> Reading<()> {
        loop {
            self.take_while(|c| c.is_whitespace() || c == '\u{feff}');
            let start = self.at;
            if self.form == Form::Pairs || !self.take('/') {
                return Ok(());
            }
            if self.take('/') {
                self.take_while(|c| c != '\n');
            } else if self.take('*') {
                self.skip_block_comment()?;
            } else {
                self.at = start;
                return Ok(());
            }
        }
    }

    fn skip_block_comment(&mut self) -> Reading<()> {
        loop {
            match self.next() {
                Some('*') if self.take('/') => return Ok(()),
                Some(_) => {}
                None => return self.fail("a comment is not closed"),
            }
        }
    }

    /// Takes the opening bracket and reads what it opens.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Reading<T>) -> Reading<T> {
        if self.depth == MAX_DEPTH {
            return self.fail("nested deeper than 32 levels");
        }
        self.depth += 1;
        self.at += 1;
        let inner = read(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    /// Reads members up to the closing bracket, or, without one, up to the end of the text.
    fn members(&mut self, closer: Option<char>) -> Reading<Map<String, Value>> {
        let mut members = Map::new();
        loop {
            self.skip_space()?;
            match (self.peek(), closer) {
                (None, None) => return Ok(members),
                (None, Some(_)) => return self.fail("the closing bracket is missing"),
                (next, _) if next == closer => {
                    self.at += 1;
                    return Ok(members);
                }
                _ => self.member(&mut members)?,
            }
            let value_end = self.at;
            self.skip_space()?;
            let spaced = closer.is_none() && self.at > value_end;
            if !self.take(',') && !spaced && self.peek() != closer {
                return self.fail("expected a comma or the closing bracket");
            }
        }
    }

    fn member(&mut self, members: &mut Map<String, Value>) -> Reading<()> {
        let key_start = self.at;
        let keys = self.keys()?;
        self.skip_space()?;
        if !self.take(':') && !self.take('=') {
            return self.fail("expected : after the key");
        }
        let known = self.path.len();
        self.path.extend(keys.iter().cloned());
        let value = self.value()?;
        if !insert(members, &keys, value) {
            self.at = key_start;
            return self.fail("this key is there twice");
        }
        self.path.truncate(known);
        Ok(())
    }

    /// One key, or several for a bare `services.ssh`.
    fn keys(&mut self) -> Reading<Vec<String>> {
        if let Some(quote @ ('"' | '\'')) = self.peek() {
            return Ok(vec![self.string(quote)?]);
        }
        let start = self.at;
        let word = self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '.'));
        let keys: Vec<String> = word.split('.').map(str::to_owned).collect();
        let begins_well =
            |key: &String| key.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '$'));
        if !keys.iter().all(begins_well) || self.depth + keys.len() > MAX_DEPTH {
            self.at = start;
            return self.fail("expected a key");
        }
        Ok(keys)
    }

    fn value(&mut self) -> Reading<Value> {
        self.skip_space()?;
        let in_pairs = self.form == Form::Pairs && self.depth == 0;
        match self.peek() {
            None => self.fail("a value is missing"),
            Some(opener) if closer_of_object(opener).is_some() => {
                let closer = closer_of_object(opener);
                self.nested(|reader| reader.members(closer))
                    .map(Value::Object)
            }
            Some('"' | '\'' | '[') if in_pairs => {
                self.fail("text and lists need the form in braces")
            }
            Some('[') => self.nested(Self::elements).map(Value::Array),
            Some(quote @ ('"' | '\'')) => self.string(quote).map(Value::String),
            Some(_) => self.bare_value(in_pairs),
        }
    }

    fn elements(&mut self) -> Reading<Vec<Value>> {
        let mut elements = Vec::new();
        loop {
            self.skip_space()?;
            if self.take(']') {
                return Ok(elements);
            }
            elements.push(self.value()?);
            self.skip_space()?;
            if !self.take(',') && self.peek() != Some(']') {
                return self.fail("expected a comma or ]");
            }
        }
    }

    fn bare_value(&mut self, integers_only: bool) -> Reading<Value> {
        let start = self.at;
        let word =
            self.take_while(|c| c.is_alphanumeric() || matches!(c, '+' | '-' | '.' | '_' | '$'));
        let value = match word.as_str() {
            // The capital forms are what midclt itself prints.
            "true" | "True" => Some(Value::Bool(true)),
            "false" | "False" => Some(Value::Bool(false)),
            "null" | "None" => Some(Value::Null),
            number => number_of(number, integers_only).map(Value::Number),
        };
        self.at = if value.is_some() { self.at } else { start };
        match value {
            Some(value) => Ok(value),
            None if integers_only => self.fail("expected true, false, null or a whole number"),
            None => self.fail("expected true, false, null, a number, or text in quotes"),
        }
    }

    fn string(&mut self, quote: char) -> Reading<String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.next() {
                Some(c) if c == quote => return Ok(text),
                Some('\\') => text.extend(self.escape()?),
                Some(c) => text.push(c),
                None => {
                    self.at = start;
                    return self.fail("the closing quote is missing");
                }
            }
        }
    }

    /// What follows a backslash, JSON5 section 5.1; `None` for a line that goes on.
    fn escape(&mut self) -> Reading<Option<char>> {
        Ok(Some(match self.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some('0') => '\0',
            Some('x') => char::from_u32(self.hex(2)?).unwrap_or_default(),
            Some('u') => self.unicode()?,
            Some('\n') => return Ok(None),
            Some(c) => c,
            None => return self.fail("the closing quote is missing"),
        }))
    }

    /// `\uXXXX`, or two of them that are a surrogate pair.
    fn unicode(&mut self) -> Reading<char> {
        let mut units = vec![self.hex(4)?];
        if matches!(units.as_slice(), [0xd800..=0xdbff]) && self.take('\\') && self.take('u') {
            units.push(self.hex(4)?);
        }
        let units = units
            .into_iter()
            .filter_map(|unit| u16::try_from(unit).ok());
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => Ok(c),
            _ => self.fail("no such character"),
        }
    }

    fn hex(&mut self, digits: usize) -> Reading<u32> {
        let text: String = (0..digits).filter_map(|_| self.next()).collect();
        match u32::from_str_radix(&text, 16) {
            Ok(value) if text.len() == digits => Ok(value),
            _ => self.fail("no such character"),
        }
    }
}

fn closer_of_object(opener: char) -> Option<char> {
    match opener {
        '{' => Some('}'),
        '<' => Some('>'),
        _ => None,
    }
}

/// JSON's numbers and JSON5's `+1`, `.5`, `5.` and `0x1f`; none that JSON could not carry.
fn number_of(word: &str, integers_only: bool) -> Option<Number> {
    let (sign, digits) = match word.strip_prefix(['+', '-']) {
        Some(digits) => (if word.starts_with('-') { "-" } else { "" }, digits),
        None => ("", word),
    };
    let text = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        format!("{sign}{}", u64::from_str_radix(hex, 16).ok()?)
    } else if let Some(fraction) = digits.strip_prefix('.') {
        format!("{sign}0.{fraction}")
    } else {
        format!("{sign}{}", digits.strip_suffix('.').unwrap_or(digits))
    };
    let whole = text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if integers_only && !whole {
        None
    } else {
        text.parse().ok()
    }
}

/// Puts a value at its place; false where there already is one.
fn insert(members: &mut Map<String, Value>, keys: &[String], value: Value) -> bool {
    match keys {
        [] => false,
        [key] => members.insert(key.clone(), value).is_none(),
        [key, rest @ ..] => {
            let inner = members
                .entry(key.as_str())
                .or_insert_with(|| Value::Object(Map::new()));
            inner
                .as_object_mut()
                .is_some_and(|inner| insert(inner, rest, value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(outcome: Reading<Map<String, Value>>) -> String {
        match outcome {
            Ok(members) => Value::Object(members).to_string(),
            Err(Unreadable { at, path, what }) => format!("{at} {}: {what}", path.join(".")),
        }
    }

    #[test]
    fn objects() {
        let check =
            |text: &str, expected: &str| assert_eq!(shown(object(text)), expected, "{text}");
        check("{}", "{}");
        check(" { } ", "{}");
        check(r#"{"a":1}"#, r#"{"a":1}"#);
        check("{enabled:false}", r#"{"enabled":false}"#);
        check("{ enabled : false , }", r#"{"enabled":false}"#);
        check("{'a':'b',\"c\":\"d\"}", r#"{"a":"b","c":"d"}"#);
        check("<\"enabled\":false>", r#"{"enabled":false}"#);
        check(
            "<services:<ssh:true>,window:1>",
            r#"{"services":{"ssh":true},"window":1}"#,
        );
        check("{<", "1 : expected a key");
        check(
            "{services.ssh:true,window:1}",
            r#"{"services":{"ssh":true},"window":1}"#,
        );
        check(r#"{"a.b":1}"#, r#"{"a.b":1}"#);
        check("{enabled=true}", r#"{"enabled":true}"#);
        check("{enabled:True,a:None}", r#"{"enabled":true,"a":null}"#);
        check("{a:[1,'x',[],{b:null},]}", r#"{"a":[1,"x",[],{"b":null}]}"#);
        check("{a:1,//x}\nb:2/*,c:3*/}", r#"{"a":1,"b":2}"#);
        check("{\u{a0}a:1}", r#"{"a":1}"#);
        check("{b:1,a:2}", r#"{"b":1,"a":2}"#);
        check("{größe:1,$x_1-y:2}", r#"{"größe":1,"$x_1-y":2}"#);
    }

    #[test]
    fn numbers() {
        let check = |text: &str, expected: &str| {
            let found = object(&format!("{{a:{text}}}")).map(|members| members["a"].to_string());
            assert_eq!(
                found.unwrap_or_else(|error| error.what.to_owned()),
                expected,
                "{text}"
            );
        };
        check("0", "0");
        check("-5", "-5");
        check("+5", "5");
        check("1.5e3", "1.5e+3");
        check(".5", "0.5");
        check("-.5", "-0.5");
        check("5.", "5");
        check("0x1F", "31");
        check("-0x10", "-16");
        check(
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        );
        let bad = "expected true, false, null, a number, or text in quotes";
        for text in [
            "NaN",
            "Infinity",
            "-Infinity",
            "007",
            "1.2.3",
            "0x",
            "--1",
            "-",
            ".",
            "maybe",
            "1a",
        ] {
            check(text, bad);
        }
    }

    #[test]
    fn strings() {
        let check = |text: &str, expected: &str| {
            let found = object(&format!("{{a:{text}}}"));
            let found = found.map(|members| members["a"].as_str().unwrap().to_owned());
            assert_eq!(
                found.unwrap_or_else(|error| error.what.to_owned()),
                expected,
                "{text}"
            );
        };
        check(r"'it\'s'", "it's");
        check(r#"'"'"#, "\"");
        check(r"'\n\t\x41\u00fc\ud83d\ude00\/\q'", "\n\tAü😀/q");
        check("'a\\\nb'", "ab");
        check(r"'\ud83d'", "no such character");
        check(r"'\ud83dx'", "no such character");
        check(r"'\u12'", "no such character");
        check("'open", "the closing quote is missing");
        check("'open\\", "the closing quote is missing");
    }

    #[test]
    fn positions_and_paths_of_errors() {
        let check =
            |text: &str, expected: &str| assert_eq!(shown(object(text)), expected, "{text}");
        let value = "expected true, false, null, a number, or text in quotes";
        check(r#"{"enabled":maybe}"#, &format!("11 enabled: {value}"));
        check("{a:{b:{c:no}}}", &format!("9 a.b.c: {value}"));
        check("{services.ssh:no}", &format!("14 services.ssh: {value}"));
        check("{a:1,b:no}", &format!("7 b: {value}"));
        check("{a:1 b:2}", "5 : expected a comma or the closing bracket");
        check("{a:1", "4 : expected a comma or the closing bracket");
        check("{a:1,", "5 : the closing bracket is missing");
        check("{a:", "3 a: a value is missing");
        check("{a}", "2 : expected : after the key");
        check("{a:1>", "4 : expected a comma or the closing bracket");
        check("{a:1}x", "5 : there is more after the end of the object");
        check("{a:1,a:2}", "5 a: this key is there twice");
        check("{a:1,a.b:2}", "5 a.b: this key is there twice");
        check("[1]", "0 : expected {");
        check("{,}", "1 : expected a key");
        check("{1:2}", "1 : expected a key");
        check("{a..b:2}", "1 : expected a key");
        check("{a:1/*", "6 : a comment is not closed");
        check("{a:/}", &format!("3 a: {value}"));
        check("", "0 : expected {");
    }

    #[test]
    fn depth_is_bounded() {
        let nest =
            |levels: usize| format!("{{a:{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(object(&nest(32)).is_ok());
        assert_eq!(
            object(&nest(33)).unwrap_err().what,
            "nested deeper than 32 levels"
        );
        let dots = |levels: usize| format!("{{{}a:1}}", "a.".repeat(levels - 1));
        assert!(object(&dots(31)).is_ok());
        assert_eq!(object(&dots(40_000)).unwrap_err().what, "expected a key");
    }

    #[test]
    fn pairs_of_words() {
        let check = |text: &str, expected: &str| assert_eq!(shown(pairs(text)), expected, "{text}");
        check("enabled=false", r#"{"enabled":false}"#);
        check("enabled:false window:1", r#"{"enabled":false,"window":1}"#);
        check("enabled:false,window:1", r#"{"enabled":false,"window":1}"#);
        check(
            "enabled=false, window=1,",
            r#"{"enabled":false,"window":1}"#,
        );
        check("enabled = false", r#"{"enabled":false}"#);
        check("enabled: false", r#"{"enabled":false}"#);
        check(
            "services.ssh=true services.web=null",
            r#"{"services":{"ssh":true,"web":null}}"#,
        );
        check(
            "enabled:false services:{ssh:true}",
            r#"{"enabled":false,"services":{"ssh":true}}"#,
        );
        check("\"enabled\"=false", r#"{"enabled":false}"#);
        check("window=-1", r#"{"window":-1}"#);
        let scalar = "expected true, false, null or a whole number";
        check("enabled=maybe", &format!("8 enabled: {scalar}"));
        check("window=1.5", &format!("7 window: {scalar}"));
        check("http://x", &format!("5 http: {scalar}"));
        check("a='b'", "2 a: text and lists need the form in braces");
        check("enabled", "7 : expected : after the key");
        check("enabled=false window", "20 : expected : after the key");
        check("enabled=falsewindow=1", &format!("8 enabled: {scalar}"));
        check("a=1 a=2", "4 a: this key is there twice");
        check("", "0 : there is nothing");
    }
}
