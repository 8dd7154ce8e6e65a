//! Strings and numbers of JSON5.

use serde_json::Number;

use super::{Reader, Reading};

impl Reader {
    pub(super) fn string(&mut self, quote: char) -> Reading<String> {
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

/// JSON's numbers and JSON5's `+1`, `.5`, `5.` and `0x1f`; none that JSON could not carry.
pub(super) fn number_of(word: &str, integers_only: bool) -> Option<Number> {
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
