//! glob(7) for the paths of `Include`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::{Error, Root};

/// The files that match, as the machine knows them, in no order.
pub(super) fn expand(root: &Root, pattern: &str) -> Result<Vec<String>, Error> {
    let mut found = vec![String::new()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut deeper = Vec::new();
        for directory in &found {
            for name in names(&root.at(format!("/{directory}")), part)? {
                deeper.push(format!("{directory}/{name}"));
            }
        }
        found = deeper;
    }
    found.retain(|path| root.at(path).exists());
    Ok(found)
}

/// Whether a whole path matches.
pub(super) fn matches_path(pattern: &str, path: &str) -> bool {
    let parts = |text: &str| {
        let parts = text.split('/').filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect::<Vec<_>>()
    };
    let (patterns, names) = (parts(pattern), parts(path));
    let mut pairs = patterns.iter().zip(&names);
    patterns.len() == names.len() && pairs.all(|(pattern, name)| matches(pattern, name))
}

fn names(directory: &Path, pattern: &str) -> Result<Vec<String>, Error> {
    if !pattern.contains(['*', '?', '[']) {
        return Ok(vec![pattern.to_owned()]);
    }
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Error::io("list", directory)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(Error::io("list", directory))?.file_name();
        found.extend(
            name.to_str()
                .filter(|name| matches(pattern, name))
                .map(str::to_owned),
        );
    }
    Ok(found)
}

/// Whether a name matches. A dot at the beginning is matched by a dot only.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    matches_chars(&pattern, &name)
}

fn matches_chars(pattern: &[char], name: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    let (one, others) = match name.split_first() {
        Some((one, others)) => (Some(*one), others),
        None => (None, name),
    };
    match first {
        '*' => matches_chars(rest, name) || (one.is_some() && matches_chars(pattern, others)),
        '?' => one.is_some() && matches_chars(rest, others),
        '[' => match (set(rest), one) {
            (Some((set, rest)), Some(one)) => set.has(one) && matches_chars(rest, others),
            (None, Some('[')) => matches_chars(rest, others),
            _ => false,
        },
        _ => one == Some(*first) && matches_chars(rest, others),
    }
}

/// What stands between brackets.
struct Set<'a> {
    members: &'a [char],
    negated: bool,
}

impl Set<'_> {
    fn has(&self, c: char) -> bool {
        let ranges = self.members.windows(3);
        let in_range = ranges
            .filter(|range| matches!(range, [_, '-', _]))
            .any(|range| matches!(range, [low, _, high] if (*low..=*high).contains(&c)));
        (in_range || self.members.contains(&c)) != self.negated
    }
}

/// A set, and what follows its bracket. None: no bracket closes it.
fn set(text: &[char]) -> Option<(Set<'_>, &[char])> {
    let (negated, text) = match text {
        ['!' | '^', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    // A bracket at the beginning is a member.
    let end = text.iter().skip(1).position(|&c| c == ']')? + 1;
    let (members, rest) = text.split_at_checked(end)?;
    Some((Set { members, negated }, rest.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        };
        check("*.conf", "10-a.conf", true);
        check("*.conf", ".10-a.conf", false);
        check("*.conf", "10-a.conf.bak", false);
        check("*", "", true);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("[0-9]*", "10", true);
        check("[0-9]*", "a", false);
        check("[!0-9]*", "a", true);
        check("[ab-]x", "-x", true);
        check("[]x]", "]", true);
        check("[x", "[x", true);
        check("a*b*c", "a-b-b-c", true);
    }

    #[test]
    fn paths() {
        let check = |pattern: &str, path: &str, expected: bool| {
            assert_eq!(matches_path(pattern, path), expected, "{pattern} {path}");
        };
        check("/etc/ssh/d/*.conf", "/etc/ssh/d/10-a.conf", true);
        check("/etc/ssh/d/*.conf", "/etc/ssh/d/x/10-a.conf", false);
        check("/etc/*/d/a.conf", "/etc/ssh/d/a.conf", true);
    }
}
