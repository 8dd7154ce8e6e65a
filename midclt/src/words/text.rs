//! Typographic quotes, as documentation and word processors put them into commands.

/// Whether a word begins as only JSON would: a bracket, or a typographic quote.
pub(super) fn looks_like_json(word: &str) -> bool {
    let first = word.trim_start().chars().next();
    first.is_some_and(|c| matches!(c, '{' | '[' | '<') || straight(c) != c)
}

/// Makes typographic quotes straight and takes off a pair that encloses all of it, as the shell
/// would have done with straight ones. Returns how many characters went off the front.
pub(super) fn straighten(text: &str) -> (String, usize) {
    let straightened: String = text.chars().map(straight).collect();
    for quote in ['\'', '"'] {
        let inner = straightened.trim();
        let inner = inner
            .strip_prefix(quote)
            .and_then(|inner| inner.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains(quote) || looks_like_json(inner))
        {
            let front = straightened
                .chars()
                .take_while(|c| c.is_whitespace())
                .count()
                + 1;
            return (inner.to_owned(), front);
        }
    }
    (straightened, 0)
}

fn straight(c: char) -> char {
    match c {
        '‘' | '’' | '‚' | '‛' => '\'',
        '“' | '”' | '„' | '‟' | '«' | '»' => '"',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_made_straight() {
        let check = |text: &str, expected: &str, front: usize| {
            assert_eq!(straighten(text), (expected.to_owned(), front), "{text}");
        };
        check("‘{ enabled:false }’", "{ enabled:false }", 1);
        check("“{ “enabled”:false }”", "{ \"enabled\":false }", 1);
        check(" „{a:1}“ ", "{a:1}", 2);
        check("{“enabled”:false}", "{\"enabled\":false}", 0);
        check("‘enabled=false’", "enabled=false", 1);
        // Two strings are not one that encloses.
        check("“a”=“b”", "\"a\"=\"b\"", 0);
        check("‘{ a:1 }", "'{ a:1 }", 0);
        check("’", "'", 0);
        check("plain", "plain", 0);
    }

    #[test]
    fn what_looks_like_json() {
        for word in ["{", "[1", "<\"a\":1>", "‘{", "”", "«x»", " {", "„a“"] {
            assert!(looks_like_json(word), "{word}");
        }
        for word in ["", "a", "'{", "\"x\"", "1", "enabled=false", "`{"] {
            assert!(!looks_like_json(word), "{word}");
        }
    }
}
