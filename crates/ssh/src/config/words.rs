//! A line of `sshd_config`, as sshd takes it apart.

/// One word, and whether a part of it was quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Without its quotes.
    pub text: String,
    /// Whether it had some.
    pub quoted: bool,
}

impl Word {
    /// As it must be written so that it is read as it was.
    pub(super) fn quoted_text(&self) -> String {
        let is_plain = |c: char| !c.is_whitespace() && !"\"'#\\".contains(c);
        if !self.text.is_empty() && self.text.chars().all(is_plain) {
            return self.text.clone();
        }
        let escaped = self.text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    }
}

/// The keyword in lower case, empty for a line without one, and the words behind it.
pub(super) fn split(line: &str) -> (String, Vec<Word>) {
    let line = line.trim();
    if line.starts_with('#') {
        return (String::new(), Vec::new());
    }
    let end = line
        .find(|c: char| c.is_whitespace() || c == '=')
        .unwrap_or(line.len());
    let (keyword, rest) = line.split_at_checked(end).unwrap_or((line, ""));
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let keyword = keyword.trim_matches('"').to_ascii_lowercase();
    (keyword, words(rest))
}

/// sshd's `argv_split`: quotes of both kinds, a backslash before a quote or a backslash, and a
/// comment where a word would begin with `#`.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none_or(|&c| c == '#') {
            return words;
        }
        let mut word = Word {
            text: String::new(),
            quoted: false,
        };
        let mut quote = None;
        while let Some(c) = chars.next_if(|c| quote.is_some() || !c.is_whitespace()) {
            match c {
                '\\' if matches!(chars.peek(), Some('"' | '\'' | '\\')) => {
                    word.text.extend(chars.next());
                }
                '"' | '\'' if quote.is_none() => {
                    quote = Some(c);
                    word.quoted = true;
                }
                _ if quote == Some(c) => quote = None,
                _ => word.text.push(c),
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let check = |line: &str, keyword: &str, expected: &[(&str, bool)]| {
            let (found, words) = split(line);
            let words: Vec<_> = words
                .iter()
                .map(|word| (word.text.as_str(), word.quoted))
                .collect();
            assert_eq!(
                (found.as_str(), words.as_slice()),
                (keyword, expected),
                "{line}"
            );
        };
        check("", "", &[]);
        check("  # Port 22", "", &[]);
        check("UsePAM yes", "usepam", &[("yes", false)]);
        check("\tUsePAM=yes # no", "usepam", &[("yes", false)]);
        check("Port = 22", "port", &[("22", false)]);
        check("A \"b c\" d", "a", &[("b c", true), ("d", false)]);
        check("A 'b c'd", "a", &[("b cd", true)]);
        check(r#"A "b\"c" \\"#, "a", &[("b\"c", true), ("\\", false)]);
        check("A b#c #d", "a", &[("b#c", false)]);
        check("A \"open", "a", &[("open", true)]);
    }

    #[test]
    fn written_again() {
        let check = |text: &str| {
            let word = Word {
                text: text.to_owned(),
                quoted: true,
            };
            let line = format!("A {}", word.quoted_text());
            let (_, words) = split(&line);
            assert!(
                matches!(words.as_slice(), [one] if one.text == text),
                "{line}"
            );
        };
        check("x");
        check("a b");
        check("a\"b\\c#");
        check("");
    }
}
