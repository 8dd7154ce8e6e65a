//! The PAM stack of sshd: two marked blocks around lines that were there before.
//!
//! The lines that include the shared stacks stay, so that users of sssd or LDAP stay; the module is
//! never put into the shared stacks themselves, since a console must not ask for codes.

mod entries;
mod flow;

use crate::finding::{Code, Finding};
use crate::{Root, STACK};

pub use flow::findings as flow_findings;

const BEGIN: &str = "# BEGIN middlewared 2fa (midclt 2fa ssh)";
const END: &str = "# END middlewared 2fa";
const AUTH: &str = "common-auth";
const ACCOUNT: &str = "common-account";
const FILE: &str = "pam_middleware.so";

/// Our lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    /// The module as PAM is told of it: a name in PAM's own directory, or an absolute path.
    module: String,
}

/// How a stack stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// None of our lines.
    Missing,
    /// Exactly our lines, each in its place.
    Ours(Stack),
    /// Something between.
    Changed,
}

impl Default for Stack {
    fn default() -> Self {
        Self {
            module: FILE.to_owned(),
        }
    }
}

impl Stack {
    /// The module at an absolute path, for installations by hand. None: PAM could not read that.
    #[must_use]
    pub fn with_module(path: &str) -> Option<Self> {
        let is_plain = path
            .chars()
            .all(|c| c.is_ascii_graphic() && !"[]#\\".contains(c));
        let is_module = path.starts_with('/') && path.ends_with(FILE) && is_plain;
        is_module.then(|| Self {
            module: path.to_owned(),
        })
    }

    /// The module as PAM is told of it.
    #[must_use]
    pub fn module(&self) -> &str {
        &self.module
    }

    /// Where the module may be.
    #[must_use]
    pub fn places(&self, root: &Root) -> Vec<std::path::PathBuf> {
        if self.module.starts_with('/') {
            return vec![root.at(&self.module)];
        }
        let triple = format!("/usr/lib/{}-linux-gnu/security", std::env::consts::ARCH);
        let directories = [
            triple.as_str(),
            "/usr/lib/security",
            "/usr/lib64/security",
            "/lib/security",
        ];
        directories
            .iter()
            .map(|directory| root.at(directory).join(&self.module))
            .collect()
    }

    /// The text with our blocks in it, whether they were there or not.
    ///
    /// # Errors
    /// A line that a block is built around is not there, or more than once; or an END is missing.
    pub fn insert(&self, text: &str) -> Result<String, Finding> {
        let text = lift(text)?;
        for include in [AUTH, ACCOUNT] {
            only_one(&text, include)?;
        }
        let lines = text.split_inclusive('\n');
        Ok(lines.map(|line| self.around(line)).collect())
    }

    /// One line with our block around it, where it is one of the two that have one.
    fn around(&self, line: &str) -> String {
        let module = &self.module;
        if includes(line, AUTH) {
            let end = if line.ends_with('\n') { "" } else { "\n" };
            format!(
                "{BEGIN}\n\
                 auth [success=done ignore=ignore default=die] {module} key\n\
                 {line}{end}\
                 auth [success=ok default=die] {module}\n\
                 {END}\n"
            )
        } else if includes(line, ACCOUNT) {
            format!("{BEGIN}\naccount required {module}\n{END}\n{line}")
        } else {
            line.to_owned()
        }
    }
}

/// The text without our lines: the exact opposite of [`Stack::insert`]. Lines that somebody else
/// put into a block stay.
///
/// # Errors
/// An END is missing: where the block ends is not guessed.
pub fn lift(text: &str) -> Result<String, Finding> {
    let mut inside = false;
    let mut old = String::new();
    for line in text.split_inclusive('\n') {
        match line.trim_end() {
            BEGIN if !inside => inside = true,
            END if inside => inside = false,
            BEGIN | END => return Err(torn()),
            _ if inside && is_ours(line) => {}
            _ => old.push_str(line),
        }
    }
    if inside { Err(torn()) } else { Ok(old) }
}

/// How this text stands.
#[must_use]
pub fn state(text: &str) -> State {
    let ours = || text.lines().filter(|line| is_ours(line));
    let has_marks = text
        .lines()
        .any(|line| [BEGIN, END].contains(&line.trim_end()));
    if ours().next().is_none() && !has_marks {
        return State::Missing;
    }
    let module = ours().find_map(|line| words(line).find(|word| word.ends_with(FILE)));
    let stack = match module {
        Some(FILE) => Some(Stack::default()),
        Some(path) => Stack::with_module(path),
        None => None,
    };
    match stack {
        Some(stack) if stack.insert(text).as_deref() == Ok(text) => State::Ours(stack),
        _ => State::Changed,
    }
}

fn torn() -> Finding {
    Finding::error(
        Code::StackChanged,
        format!("{STACK}: BEGIN and END of our blocks do not belong together"),
    )
    .cure(format!("put it back by hand: {}", crate::STACK_BACKUP))
}

fn only_one(text: &str, include: &str) -> Result<(), Finding> {
    let number = text.lines().filter(|line| includes(line, include)).count();
    let text = match number {
        1 => return Ok(()),
        0 => format!("{STACK} has no line \"@include {include}\""),
        _ => format!("{STACK} has \"@include {include}\" {number} times"),
    };
    let cure = format!("have the line once, as Debian has it: @include {include}");
    Err(Finding::error(Code::NoInclude, text).cure(cure))
}

fn includes(line: &str, name: &str) -> bool {
    let mut words = words(line);
    words.next() == Some("@include") && words.next() == Some(name) && words.next().is_none()
}

/// An active line that calls our module.
fn is_ours(line: &str) -> bool {
    words(line).any(|word| word.ends_with(FILE))
}

/// The words of a line up to a comment.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
        .take_while(|word| !word.starts_with('#'))
}

#[cfg(test)]
mod tests;
