//! The lines of a PAM stack as libpam reads them, includes resolved: `pam.conf(5)`, and where that
//! says nothing, `pam_handlers.c` and `pam_dispatch.c` of Linux-PAM.

use super::is_ours;
use crate::{Error, Root, STACK, files};

/// One line that calls a module.
#[derive(Debug)]
pub(super) struct Entry {
    /// `auth` or `account`, without the leading dash.
    pub(super) kind: String,
    pub(super) control: Control,
    pub(super) module: String,
    pub(super) ours: bool,
    pub(super) place: String,
    /// How many substacks it is in.
    level: usize,
}

/// What becomes of the answer of a module.
#[derive(Debug)]
pub(super) struct Control {
    /// As it was written.
    pub(super) text: String,
    pub(super) on_success: Vec<Action>,
    /// For every other answer but "ignore", which nobody gives to a password.
    pub(super) on_failure: Vec<Action>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Next,
    /// Over this many.
    Jump(usize),
    /// The end of the stack, or of the substack, with what was found so far.
    Done,
    /// The same with a "no".
    Die,
}

/// Deep enough for every real configuration, and an end for one that includes itself.
const MAX_DEPTH: usize = 8;

/// All entries of the stack of sshd, of which this is the text.
pub(super) fn read(root: &Root, text: &str) -> Result<Vec<Entry>, Error> {
    let mut reading = Reading {
        root,
        entries: Vec::new(),
        level: 0,
    };
    reading.text((STACK, text), None, 0)?;
    Ok(reading.entries)
}

/// Where it goes on after an entry of these; None: nowhere, the stack is over.
pub(super) fn after(entries: &[&Entry], at: usize, action: Action) -> Option<usize> {
    let level = |at: usize| entries.get(at).map(|entry| entry.level);
    let own = level(at)?;
    let mut next = at + 1;
    match action {
        Action::Next => {}
        Action::Jump(number) => {
            for _ in 0..number {
                if level(next).is_none_or(|level| level < own) {
                    break;
                }
                next += 1;
                // A substack is one, however long it is.
                while level(next).is_some_and(|level| level > own) {
                    next += 1;
                }
            }
        }
        Action::Done | Action::Die => {
            while level(next).is_some_and(|level| level >= own) {
                next += 1;
            }
        }
    }
    level(next).map(|_| next)
}

impl Control {
    /// Words are known in any case, pairs are not.
    fn parse(text: &str) -> Self {
        use Action::{Die, Done, Next};
        let is = |word: &str| text.eq_ignore_ascii_case(word);
        let (on_success, on_failure) = if is("required") || is("optional") {
            (vec![Next], vec![Next])
        } else if is("requisite") {
            (vec![Next], vec![Die])
        } else if is("sufficient") {
            (vec![Done], vec![Next])
        } else {
            return Self::pairs(text);
        };
        Self {
            text: text.to_owned(),
            on_success,
            on_failure,
        }
    }

    fn pairs(text: &str) -> Self {
        const SUCCESSES: [&str; 2] = ["success", "new_authtok_reqd"];
        // Blanks around the sign are fine.
        let joined = text.split('=').map(str::trim).collect::<Vec<_>>().join("=");
        // A pair that libpam does not know makes all of them "bad".
        let is_known = !joined.contains(|c: char| c.is_ascii_uppercase());
        let pairs: Vec<_> = joined
            .split_whitespace()
            .filter(|_| is_known)
            .filter_map(|pair| pair.split_once('='))
            .map(|(value, action)| (value, Action::parse(action)))
            .collect();
        let of = |wanted: &str| {
            let mut named = pairs.iter().filter(|(value, _)| *value == wanted);
            named.next().map(|(_, action)| *action)
        };
        // What is not said is "bad", which goes on.
        let default = of("default").unwrap_or(Action::Next);
        let others = pairs
            .iter()
            .filter(|(value, _)| !SUCCESSES.contains(value) && *value != "ignore");
        Self {
            text: format!("[{text}]"),
            on_success: SUCCESSES.map(|value| of(value).unwrap_or(default)).into(),
            on_failure: others
                .map(|(_, action)| *action)
                .filter(|action| *action != default)
                .chain([default])
                .collect(),
        }
    }
}

impl Action {
    fn parse(text: &str) -> Self {
        match text {
            "done" => Self::Done,
            "die" => Self::Die,
            _ => text.parse().map_or(Self::Next, Self::Jump),
        }
    }
}

struct Reading<'a> {
    root: &'a Root,
    entries: Vec<Entry>,
    level: usize,
}

impl Reading<'_> {
    /// Appends the lines of a text; of an included one only those of one kind where `only` says so.
    fn text(
        &mut self,
        (path, text): (&str, &str),
        only: Option<&str>,
        depth: usize,
    ) -> Result<(), Error> {
        if depth == MAX_DEPTH {
            return Ok(());
        }
        for (number, line) in lines(text) {
            let mut words = words(&line).into_iter();
            let Some(first) = words.next() else { continue };
            let kind = first.trim_start_matches('-').to_ascii_lowercase();
            let second = words.next().unwrap_or_default();
            if kind == "@include" {
                self.include(&second, only, depth)?;
                continue;
            }
            if only.is_some_and(|only| only != kind) {
                continue;
            }
            let module = words.next().unwrap_or_default();
            if second.eq_ignore_ascii_case("include") {
                self.include(&module, Some(&kind), depth)?;
                continue;
            }
            let is_substack = second.eq_ignore_ascii_case("substack");
            self.entries.push(Entry {
                control: Control::parse(&second),
                // Its own line calls none.
                module: if is_substack {
                    String::new()
                } else {
                    module.clone()
                },
                ours: is_ours(&line),
                place: format!("{path}:{number}"),
                level: self.level,
                kind: kind.clone(),
            });
            if is_substack {
                self.level += 1;
                self.include(&module, Some(&kind), depth)?;
                self.level -= 1;
            }
        }
        Ok(())
    }

    fn include(&mut self, name: &str, only: Option<&str>, depth: usize) -> Result<(), Error> {
        for directory in ["/etc/pam.d", "/usr/lib/pam.d"] {
            let path = if name.starts_with('/') {
                name.to_owned()
            } else {
                format!("{directory}/{name}")
            };
            if let Some(text) = files::read_lossy(&self.root.at(&path))? {
                return self.text((&path, &text), only, depth + 1);
            }
        }
        Ok(())
    }
}

/// The lines without comments and with the number where each begins; one that ends in a backslash
/// goes on with the next that is not empty.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let (line, has_comment) = match line.split_once('#') {
            Some((line, _)) => (line.trim(), true),
            None => (line.trim(), false),
        };
        if line.is_empty() {
            continue;
        }
        let (number, mut whole) = open.take().unwrap_or((index + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(line) if !has_comment => {
                whole.push_str(line);
                whole.push(' ');
                open = Some((number, whole));
            }
            _ => {
                whole.push_str(line);
                lines.push((number, whole));
            }
        }
    }
    lines.extend(open);
    lines
}

/// The words of a line; what is in brackets is one, without them.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, behind) = match rest.strip_prefix('[') {
            Some(inside) => inside.split_once(']').unwrap_or((inside, "")),
            None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_words_as_libpam_reads_them() {
        let check = |text: &str, expected: &[(usize, &[&str])]| {
            let found: Vec<_> = lines(text)
                .iter()
                .map(|(number, line)| (*number, words(line)))
                .collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(number, words)| (*number, words.map_owned()))
                .collect();
            assert_eq!(found, expected, "{text}");
        };
        check("# one\n\n a b#c\n", &[(3, &["a", "b"])]);
        check(
            "auth \\\n  sufficient x.so\nb",
            &[(1, &["auth", "sufficient", "x.so"]), (3, &["b"])],
        );
        check("auth \\ \t\n\n# no\n b", &[(1, &["auth", "b"])]);
        check("a # no \\\nb", &[(1, &["a"]), (2, &["b"])]);
        check("a\\", &[(1, &["a"])]);
        check(
            "auth [success=1  default=ignore]x.so y",
            &[(1, &["auth", "success=1  default=ignore", "x.so", "y"])],
        );
        check(
            "[auth] [required] x.so",
            &[(1, &["auth", "required", "x.so"])],
        );
    }

    trait MapOwned {
        fn map_owned(&self) -> Vec<String>;
    }

    impl MapOwned for &[&str] {
        fn map_owned(&self) -> Vec<String> {
            self.iter().map(|word| (*word).to_owned()).collect()
        }
    }

    #[test]
    fn controls() {
        use Action::{Die, Done, Jump, Next};
        let check = |text: &str, success: &[Action], failure: &[Action]| {
            let control = Control::parse(text);
            assert_eq!(control.on_success, success, "{text}");
            assert_eq!(control.on_failure, failure, "{text}");
        };
        check("REQUIRED", &[Next], &[Next]);
        check("Requisite", &[Next], &[Die]);
        check("sufficienT", &[Done], &[Next]);
        check("success=2 default=ignore", &[Jump(2), Next], &[Next]);
        check("success = ok default = die", &[Next, Die], &[Die]);
        check("success=ok auth_err=3", &[Next, Next], &[Jump(3), Next]);
        check("default=done", &[Done, Done], &[Done]);
        check("SUCCESS=done default=die", &[Next, Next], &[Next]);
    }
}
