//! Text in columns and lines, for terminals of 80 columns and others.

/// Words in lines of at most `room` characters; a longer word gets a line of its own.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if length(line) + 1 + length(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Rows in columns as wide as they must be, two spaces apart. The last one is as long as it is.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(length(cell));
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths);
        let padded: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// One matter: a mark, a text, and the cure on lines of its own.
pub(crate) fn matter(mark: char, text: &str, cure: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, line) in wrap(text, 76).into_iter().enumerate() {
        let mark = if number == 0 { mark } else { ' ' };
        lines.push(format!("{mark} {line}"));
    }
    if !cure.is_empty() {
        // A cure is often a line to be copied: it is never broken.
        lines.push(format!("    {cure}"));
    }
    lines
}

/// The text, or as much of its beginning as has room, with a `~` for the rest.
pub(crate) fn shorten(text: &str, room: usize) -> String {
    if length(text) <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room.saturating_sub(1)).collect();
    kept + "~"
}

/// `1 device`, `2 devices`.
pub(crate) fn count(number: u64, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {one}{ending}")
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let check = |text: &str, room: usize, expected: &[&str]| {
            assert_eq!(wrap(text, room), expected, "{text:?} {room}");
        };
        check("", 5, &[""]);
        check("one two three", 7, &["one two", "three"]);
        check("one two three", 3, &["one", "two", "three"]);
        check("a  b\n c", 80, &["a b c"]);
    }

    #[test]
    fn columns() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [
            row(["a", "b", ""]),
            row(["aaa", "", "c"]),
            row(["\u{fc}", "bb", "ccc"]),
        ];
        assert_eq!(table(&rows), ["a    b", "aaa      c", "\u{fc}    bb  ccc"]);
        assert_eq!(table::<2>(&[]), [""; 0]);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        let check = |text: &str, room: usize, expected: &str| {
            assert_eq!(shorten(text, room), expected);
        };
        check("abc", 3, "abc");
        check("abcd", 3, "ab~");
        check("\u{fc}\u{fc}\u{fc}", 2, "\u{fc}~");
    }

    #[test]
    fn counts() {
        let found = [0, 1, 2].map(|number| count(number, "code"));
        assert_eq!(found, ["0 codes", "1 code", "2 codes"]);
    }
}
