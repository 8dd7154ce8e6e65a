//! Whether anything lets PAM come to a "yes" before it comes to our lines.

use super::{is_ours, words};
use crate::finding::{Code, Finding, Severity};
use crate::{Error, Root, STACK, files};

/// One line that calls a module, includes resolved.
#[derive(Debug)]
struct Entry {
    /// `auth` or `account`, without the leading dash.
    kind: String,
    control: String,
    module: String,
    ours: bool,
    place: String,
}

/// Deep enough for every real configuration, and an end for one that includes itself.
const MAX_DEPTH: usize = 8;

/// Modules that ask for a second factor too.
const OTHERS: [&str; 6] = [
    "pam_oath",
    "pam_google_authenticator",
    "pam_yubico",
    "pam_u2f",
    "pam_duo",
    "pam_otpw",
];

/// What is wrong with the flow of a stack that has our blocks, or will have.
///
/// # Errors
/// A file that it includes cannot be read.
pub fn findings(root: &Root, text: &str) -> Result<Vec<Finding>, Error> {
    let mut entries = Vec::new();
    collect(root, (STACK, text), None, &mut entries, 0)?;
    let mut found = Vec::new();
    for (kind, severity) in [("auth", Severity::Error), ("account", Severity::Warning)] {
        let of_kind: Vec<&Entry> = entries.iter().filter(|entry| entry.kind == kind).collect();
        found.extend(around(&of_kind, severity));
    }
    let others = entries
        .iter()
        .filter(|entry| OTHERS.iter().any(|other| entry.module.contains(other)));
    found.extend(others.map(|entry| {
        let Entry { place, module, .. } = entry;
        Finding::warning(
            Code::OtherModule,
            format!("{place}: {module} asks for a second factor of its own too"),
        )
        .cure("take that line out, unless both are wanted")
    }));
    Ok(found)
}

/// Entries before our last one that end the stack with a "yes", or jump over ours.
fn around(entries: &[&Entry], severity: Severity) -> Vec<Finding> {
    let Some(last) = entries.iter().rposition(|entry| entry.ours) else {
        return Vec::new();
    };
    let before = entries.iter().take(last).enumerate();
    let strays = before.filter(|(at, entry)| !entry.ours && passes(&entry.control, last - at));
    let finding = |(_, entry): (usize, &&Entry)| {
        let Entry {
            place,
            module,
            control,
            ..
        } = entry;
        let text = format!("{place}: \"{control}\" of {module} may skip the code");
        Finding::new(severity, Code::Sufficient, text)
            .cure("say requisite, or move the line behind the block of middlewared")
    };
    strays.map(finding).collect()
}

/// Whether a success here does not come to the entry that is `distance` further on. See
/// `pam.conf(5)`: N jumps over the next N.
fn passes(control: &str, distance: usize) -> bool {
    if control == "sufficient" {
        return true;
    }
    let pairs = control.trim_matches(['[', ']']).split_whitespace();
    let on_success = pairs
        .filter_map(|pair| pair.split_once('='))
        .filter(|(value, _)| ["success", "new_authtok_reqd", "default"].contains(value));
    on_success.map(|(_, action)| action).any(|action| {
        let jump = action.parse::<usize>();
        action == "done" || jump.is_ok_and(|jump| jump >= distance)
    })
}

/// Appends the lines of a text; of an included one only those of one kind where `kind` says so.
fn collect(
    root: &Root,
    (path, text): (&str, &str),
    kind: Option<&str>,
    entries: &mut Vec<Entry>,
    depth: usize,
) -> Result<(), Error> {
    if depth == MAX_DEPTH {
        return Ok(());
    }
    for (number, line) in text.lines().enumerate() {
        let mut rest = words(line);
        let Some(first) = rest.next() else { continue };
        let first = first.trim_start_matches('-');
        if first == "@include" {
            let Some(name) = rest.next() else { continue };
            include(root, name, kind, entries, depth)?;
            continue;
        }
        if kind.is_some_and(|kind| kind != first) {
            continue;
        }
        let (control, module) = control(rest);
        if control == "include" {
            include(root, &module, Some(first), entries, depth)?;
            continue;
        }
        entries.push(Entry {
            kind: first.to_owned(),
            control,
            module,
            ours: is_ours(line),
            place: format!("{path}:{}", number + 1),
        });
    }
    Ok(())
}

fn include(
    root: &Root,
    name: &str,
    kind: Option<&str>,
    entries: &mut Vec<Entry>,
    depth: usize,
) -> Result<(), Error> {
    for directory in ["/etc/pam.d", "/usr/lib/pam.d"] {
        let path = format!("{directory}/{name}");
        if let Some(text) = files::read(&root.at(&path))? {
            return collect(root, (&path, &text), kind, entries, depth + 1);
        }
    }
    Ok(())
}

/// The control, which may have spaces in its brackets, and the module.
fn control<'a>(mut rest: impl Iterator<Item = &'a str>) -> (String, String) {
    let mut control = rest.next().unwrap_or_default().to_owned();
    while control.starts_with('[') && !control.ends_with(']') {
        let Some(word) = rest.next() else { break };
        control.push(' ');
        control.push_str(word);
    }
    (control, rest.next().unwrap_or_default().to_owned())
}
