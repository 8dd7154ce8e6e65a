//! Just enough of Rust's lexer to tell code from comments and literals.

/// The lines of a source, without comments, and with string literals emptied: a rule about
/// code must not stumble over a sentence that names what it forbids.
pub(super) fn code_lines(text: &str) -> Vec<String> {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (length, is_code) = token(rest, next);
        let (taken, after) = rest.split_at(length);
        if is_code {
            code.push_str(taken);
        } else {
            // Keep the line numbers, and keep the words around apart.
            code.push(' ');
            code.extend(taken.chars().filter(|&c| c == '\n'));
        }
        rest = after;
    }
    code.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// The length of the next token in bytes, and whether it is code.
fn token(rest: &str, next: char) -> (usize, bool) {
    if rest.starts_with("//") {
        (rest.find('\n').unwrap_or(rest.len()), false)
    } else if rest.starts_with("/*") {
        (block_comment(rest), false)
    } else if let Some(length) = raw_string(rest) {
        (length, false)
    } else if next == '"' {
        (quoted(rest, '"'), false)
    } else if next == '\'' && is_char_literal(rest) {
        (quoted(rest, '\''), false)
    } else if next.is_alphanumeric() || next == '_' {
        (word(rest), true)
    } else {
        (next.len_utf8(), true)
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        let step = if tail.starts_with("/*") {
            depth += 1;
            2
        } else if tail.starts_with("*/") {
            depth = depth.saturating_sub(1);
            2
        } else {
            tail.chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// `r"…"`, `r#"…"#`, `br##"…"##`.
fn raw_string(rest: &str) -> Option<usize> {
    let after_b = rest.strip_prefix('b').unwrap_or(rest);
    let after_r = after_b.strip_prefix('r')?;
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    let body = after_r.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(rest.len() - body.len() + length)
}

/// From one quote to the next that is not escaped.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + c.len_utf8();
        }
    }
    rest.len()
}

/// Tells `'a'` and `'\n'` from the lifetime `'a`.
fn is_char_literal(rest: &str) -> bool {
    let mut chars = rest.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        Some(_) => chars.next() == Some('\''),
        None => false,
    }
}

/// A whole identifier, so that the `r` of `for"` never starts a raw string.
fn word(rest: &str) -> usize {
    rest.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::code_lines;

    fn check(text: &str, code: &[&str]) {
        assert_eq!(code_lines(text), code, "{text}");
    }

    #[test]
    fn comments_and_literals_vanish_and_code_stays() {
        check("a // b", &["a"]);
        check("a /* b\n /* c */ d */ e", &["a", " e"]);
        check(r#"f("x // y", g)"#, &["f( , g)"]);
        check(r#"f("a\"b", g)"#, &["f( , g)"]);
        check("f('\"', g) // h", &["f( , g)"]);
        check("f('\\'', g)", &["f( , g)"]);
        check("fn f<'a>(x: &'a str) {}", &["fn f<'a>(x: &'a str) {}"]);
        check(
            "r#\"a\nb\"# c",
            &[" ", " c"].map(|s| if s == " " { "" } else { s }),
        );
        check("br\"a\" c", &["  c"]);
        check("for_r\"a\" c", &["for_r  c"]);
        check("\"open", &[""]);
    }
}
