//! A forgiving reader for one object: JSON5, `<…>` for `{…}`, and `key=value` pairs.
//!
//! Our own rather than a crate's: json5 1.3 turns `NaN` and `1e400` into null and large integers
//! into floats, `serde_json5` brings a parser generator; neither bounds the depth, knows `<…>`, or
//! tells which key an error belongs to.

mod scalars;

use serde_json::{Map, Value};

use self::scalars::number_of;

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
}

fn closer_of_object(opener: char) -> Option<char> {
    match opener {
        '{' => Some('}'),
        '<' => Some('>'),
        _ => None,
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
mod tests;
