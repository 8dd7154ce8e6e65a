//! Writing the files so that there is always a way back: the roll-back is armed first, and on any
//! failure everything is put back and said.

use std::path::PathBuf;

use crate::boot::Boot;
use crate::check::Change;
use crate::sshd::System;
use crate::stack::{self, State};
use crate::undo::{self, Undo};
use crate::{DROPIN, Error, Root, STACK, STACK_BACKUP, arm, files, guess, probe, service};

/// What puts everything back if nobody says that all is well.
#[derive(Debug, Clone)]
pub struct Job {
    /// How long it waits.
    pub seconds: u64,
    /// The program: this one.
    pub program: PathBuf,
    /// What it is told.
    pub words: Vec<String>,
}

/// Writes the files of the running machine, has sshd read them, and proves by connecting that it did.
/// Says each step. What is answered waits for [`undo::forget`] or for the job.
///
/// # Errors
/// Something failed. Everything was put back, and that was said.
pub fn begin(
    system: &System,
    changes: &[Change],
    job: &Job,
    say: &mut dyn FnMut(String),
) -> Result<Undo, Error> {
    let mut until = Boot::marked()?;
    until.seconds = until.seconds.saturating_add(job.seconds);
    let paths: Vec<&str> = changes.iter().map(|change| change.path).collect();
    let mut undo = Undo::create(&system.root, &paths, until)?;
    let done = go_on(system, changes, (job, &mut undo), say);
    match done {
        Ok(()) => Ok(undo),
        Err(error) => {
            // What remains is told; the job that is armed tries again.
            let _ = put_back(system, &undo, say);
            Err(error)
        }
    }
}

/// Puts everything back, and says what came of it.
///
/// # Errors
/// Something could not be put back, which was said.
pub fn put_back(system: &System, undo: &Undo, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    undo::roll_back(system, undo, say)
        .inspect_err(|error| say(format!("NOT everything could be put back: {error}")))
}

fn go_on(
    system: &System,
    changes: &[Change],
    (job, undo): (&Job, &mut Undo),
    say: &mut dyn FnMut(String),
) -> Result<(), Error> {
    let how = arm::arm(job.seconds, &job.program, &job.words)?;
    let seconds = job.seconds;
    say(format!(
        "armed: {how} puts everything back after {seconds} s"
    ));
    let brought = service::bring_up(system, say)?;
    undo.note_brought(&system.root, brought)?;
    write(system, changes, say)?;
    service::reload(system, say)?;
    probe::offers(system, say)?;
    probe::key_alone_is_refused(system, say)?;
    undo.is_under_way(&system.root)?;
    guess::forget(&system.root)
}

/// Writes the files, and has sshd look at them; nothing reads them yet.
///
/// # Errors
/// One cannot be written, or sshd does not take them.
pub fn write(
    system: &System,
    changes: &[Change],
    say: &mut dyn FnMut(String),
) -> Result<(), Error> {
    let root = &system.root;
    keep_stack(root, say)?;
    for Change { path, text } in changes {
        let file = root.at(path);
        if files::read(&file)? == *text {
            say(format!("{path} is so already"));
            continue;
        }
        match text {
            Some(text) => files::write(&file, text)?,
            None => files::remove(&file)?,
        }
        say(format!("{path} is written"));
    }
    system.test()?;
    say("sshd -t takes it".to_owned());
    Ok(())
}

/// A copy of the stack as it is without us, for people; lifting does not need it.
fn keep_stack(root: &Root, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    let Some(text) = files::read(&root.at(STACK))? else {
        return Ok(());
    };
    let copy = root.at(STACK_BACKUP);
    if stack::state(&text) == State::Missing && files::read(&copy)?.as_deref() != Some(&text) {
        files::write(&copy, &text)?;
        say(format!("{STACK_BACKUP} is a copy of {STACK}"));
    }
    Ok(())
}

/// Takes everything of ours away but the jobs, which no code is asked of anyhow. It goes on where a
/// part fails, and says what it did: somebody may be locked out.
///
/// # Errors
/// The first part that failed.
pub fn lift(system: &System, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    let root = &system.root;
    let dropin = lift_dropin(root, say);
    let stack = lift_stack(root, say);
    let read = service::reload(system, say);
    // Only now: the job would have put back what was there before a trial.
    let over = undo::forget(root);
    arm::disarm();
    let decided = guess::forget(root);
    dropin.and(stack).and(read).and(over).and(decided)
}

fn lift_dropin(root: &Root, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    let file = root.at(DROPIN);
    if !file.exists() {
        say(format!("{DROPIN} is not there"));
        return Ok(());
    }
    files::remove(&file)?;
    say(format!("{DROPIN} is removed"));
    Ok(())
}

fn lift_stack(root: &Root, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    let file = root.at(STACK);
    let text = files::read(&file)?.unwrap_or_default();
    let lifted = stack::lift(&text)
        .map_err(|finding| Error::Refused(format!("{}: {}", finding.text, finding.cure)))?;
    if lifted == text {
        say(format!("{STACK} has none of our lines"));
    } else {
        files::write(&file, &lifted)?;
        say(format!("{STACK} is without our lines again"));
    }
    let copy = root.at(STACK_BACKUP);
    if files::read(&copy)?.as_deref() == Some(&lifted) {
        files::remove(&copy)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Wanted, preflight};
    use crate::sshd::tests::Machine;

    fn machine() -> Machine {
        let machine = Machine::debian();
        machine
            .put("/usr/lib/security/pam_middleware.so", "")
            .put("/root/.ssh/authorized_keys", "ssh-ed25519 AAAA\n");
        machine
    }

    fn said(act: impl FnOnce(&mut dyn FnMut(String)) -> Result<(), Error>) -> Vec<String> {
        let mut lines = Vec::new();
        act(&mut |line| lines.push(line)).unwrap();
        lines
    }

    #[test]
    fn there_and_back() {
        let machine = machine();
        let system = &machine.system;
        let before = machine.text(STACK);
        let changes = preflight(system, &Wanted::default()).unwrap().changes;
        let lines = said(|say| write(system, &changes, say));
        let expected = [
            "/etc/pam.d/sshd.before-middlewared is a copy of /etc/pam.d/sshd",
            "/etc/pam.d/sshd is written",
            "/etc/ssh/sshd_config.d/10-middlewared.conf is written",
            "sshd -t takes it",
        ];
        assert_eq!(lines, expected);
        assert_eq!(machine.text(STACK_BACKUP), before);
        let again = said(|say| write(system, &changes, say));
        assert_eq!(again.len(), 3, "{again:?}");
        let lines = said(|say| lift(system, say));
        let expected = [
            "/etc/ssh/sshd_config.d/10-middlewared.conf is removed",
            "/etc/pam.d/sshd is without our lines again",
        ];
        assert_eq!(lines, expected);
        assert_eq!(machine.text(STACK), before);
        assert!(!system.root.at(STACK_BACKUP).exists() && !system.root.at(DROPIN).exists());
    }

    /// Somebody decides what was put back on a guess.
    #[test]
    fn a_guess_is_shown_until_somebody_decides() {
        let machine = machine();
        let system = &machine.system;
        let found = || {
            let report = crate::check::check(system, 0).unwrap();
            let mut found = report.findings.into_iter();
            found
                .find(|finding| finding.code == crate::Code::PutBack)
                .map(|finding| finding.text)
        };
        assert_eq!(found(), None);
        guess::note(&system.root, "2026-11-24 15:49 UTC").unwrap();
        let text = "2026-11-24 15:49 UTC: a trial was put back though middlewared could not say \
            whether it was kept";
        assert_eq!(found().as_deref(), Some(text));
        said(|say| lift(system, say));
        assert_eq!(found(), None);
    }

    #[test]
    fn lifting_where_nothing_is() {
        let machine = machine();
        let lines = said(|say| lift(&machine.system, say));
        assert_eq!(
            lines,
            [
                "/etc/ssh/sshd_config.d/10-middlewared.conf is not there",
                "/etc/pam.d/sshd has none of our lines"
            ]
        );
    }

    /// Torn blocks stay as they are, and the drop-in, which is what shuts people out, goes all the same.
    #[test]
    fn lifting_goes_on_where_a_part_fails() {
        let machine = machine();
        machine
            .put(STACK, "# BEGIN middlewared 2fa (midclt 2fa ssh)\n")
            .put(DROPIN, "anything");
        let mut lines = Vec::new();
        let error = lift(&machine.system, &mut |line| lines.push(line)).unwrap_err();
        assert!(
            error.to_string().contains("do not belong together"),
            "{error}"
        );
        assert_eq!(lines, [format!("{DROPIN} is removed")]);
    }
}
