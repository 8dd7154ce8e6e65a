//! Putting everything back: what is kept while files are on trial, and a job that puts it back at the
//! end unless somebody has said that all is well.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::boot::Boot;
use crate::service::Brought;
use crate::sshd::System;
use crate::stack::{self, State};
use crate::{Error, Root, STACK, UNDO, arm, files, service};

/// The files as they were, and until when they wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// When everything is put back, and in which boot. A reboot ends the trial.
    pub until: Boot,
    /// The daemon's trial that goes with it, once it has begun.
    pub trial: Option<String>,
    /// What is to be taken down again.
    brought: Brought,
    /// Path, and the text it had.
    old: Vec<(String, Option<String>)>,
}

const MANIFEST: &str = "manifest";

impl Undo {
    /// The one that is under way.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(root: &Root) -> Result<Option<Self>, Error> {
        let directory = root.at(UNDO);
        let path = directory.join(MANIFEST);
        let Some(text) = files::read(&path)? else {
            return Ok(None);
        };
        let malformed = |path| Error::Malformed {
            path,
            why: "this is not as it was written".to_owned(),
        };
        let mut undo = Self::parse(&text).ok_or_else(|| malformed(path))?;
        for (number, (_, old)) in undo.old.iter_mut().enumerate() {
            if let Some(old) = old {
                let copy = directory.join(number.to_string());
                // Without its copy nobody knows what it was: that there was none is another thing.
                *old = files::read(&copy)?.ok_or_else(|| malformed(copy))?;
            }
        }
        Ok(Some(undo))
    }

    /// Keeps what these files have now.
    ///
    /// # Errors
    /// Another one is under way, or the system refuses.
    pub fn create(root: &Root, paths: &[&str], until: Boot) -> Result<Self, Error> {
        if Self::read(root)?.is_some() {
            return Err(Error::Refused(
                "a trial is under way already: midclt 2fa ssh commit, or midclt 2fa ssh disable"
                    .to_owned(),
            ));
        }
        let old = paths
            .iter()
            .map(|path| Ok(((*path).to_owned(), files::read(&root.at(path))?)));
        let undo = Self {
            until,
            trial: None,
            brought: Brought::default(),
            old: old.collect::<Result<_, Error>>()?,
        };
        let directory = root.at(UNDO);
        remove_directory(&directory)?;
        let parent = directory.parent().unwrap_or(Path::new("/"));
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&directory);
        made.map_err(Error::io("make", &directory))?;
        for (number, (_, text)) in undo.old.iter().enumerate() {
            if let Some(text) = text {
                files::write(&directory.join(number.to_string()), text)?;
            }
        }
        // Only with its manifest it is one.
        undo.write(root)?;
        files::sync(parent)?;
        Ok(undo)
    }

    /// Whether both are of one trial, and know the same of it.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.until, &self.trial) == (&other.until, &other.trial)
    }

    /// Notes the daemon's trial.
    ///
    /// # Errors
    /// It was ended meanwhile, or the system refuses.
    pub fn begin_trial(&mut self, root: &Root, id: &str) -> Result<(), Error> {
        self.is_under_way(root)?;
        self.trial = Some(id.to_owned());
        self.write(root)
    }

    /// That nobody has ended it meanwhile: whoever writes files may have been stopped for a while.
    ///
    /// # Errors
    /// Somebody has.
    pub fn is_under_way(&self, root: &Root) -> Result<(), Error> {
        match Self::read(root)? {
            Some(now) if now.is_same(self) => Ok(()),
            _ => Err(Error::Refused(
                "the time was up, or it was ended meanwhile".to_owned(),
            )),
        }
    }

    /// Notes that sshd was started or enabled.
    ///
    /// # Errors
    /// It was ended meanwhile, or the system refuses.
    pub fn note_brought(&mut self, root: &Root, brought: Brought) -> Result<(), Error> {
        self.is_under_way(root)?;
        self.brought = brought;
        self.write(root)
    }

    /// Puts the files back, the last one first, and is over. Says what it did.
    ///
    /// # Errors
    /// A file cannot be written. The others are put back all the same, and this stays.
    pub fn restore(&self, root: &Root, say: &mut dyn FnMut(String)) -> Result<(), Error> {
        let mut failed = None;
        for (path, old) in self.old.iter().rev() {
            match put_back(root, path, old.as_deref()) {
                Ok(true) => say(format!("{path} is as it was before")),
                Ok(false) => {}
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => forget(root),
        }
    }

    /// Seconds that are left, none in another boot.
    #[must_use]
    pub fn seconds_left(&self, now: &Boot) -> u64 {
        if now.id == self.until.id {
            self.until.seconds.saturating_sub(now.seconds)
        } else {
            0
        }
    }

    fn write(&self, root: &Root) -> Result<(), Error> {
        let Boot { id, seconds } = &self.until;
        let mut lines = vec![
            "version 1".to_owned(),
            format!("boot {id}"),
            format!("until {seconds}"),
        ];
        lines.extend(self.trial.iter().map(|trial| format!("trial {trial}")));
        let Brought { started, enabled } = &self.brought;
        lines.extend(started.iter().map(|unit| format!("started {unit}")));
        lines.extend(enabled.iter().map(|unit| format!("enabled {unit}")));
        lines.extend(self.old.iter().map(|(path, old)| match old {
            Some(_) => format!("file {path}"),
            None => format!("absent {path}"),
        }));
        let text = lines.join("\n") + "\n";
        files::write(&root.at(UNDO).join(MANIFEST), &text)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let mut undo = Self {
            until: Boot {
                id: String::new(),
                seconds: 0,
            },
            trial: None,
            brought: Brought::default(),
            old: Vec::new(),
        };
        if lines.next() != Some("version 1") {
            return None;
        }
        for line in lines {
            match line.split_once(' ')? {
                ("boot", id) => id.clone_into(&mut undo.until.id),
                ("until", seconds) => undo.until.seconds = seconds.parse().ok()?,
                ("trial", id) => undo.trial = Some(id.to_owned()),
                ("started", unit) => undo.brought.started = Some(unit.to_owned()),
                ("enabled", unit) => undo.brought.enabled = Some(unit.to_owned()),
                ("file", path) => undo.old.push((path.to_owned(), Some(String::new()))),
                ("absent", path) => undo.old.push((path.to_owned(), None)),
                _ => return None,
            }
        }
        (!undo.old.is_empty()).then_some(undo)
    }
}

/// Is over, and leaves the files as they are.
///
/// # Errors
/// The system refuses.
pub fn forget(root: &Root) -> Result<(), Error> {
    let directory = root.at(UNDO);
    // Without the manifest it is none, whatever becomes of the rest.
    files::remove(&directory.join(MANIFEST))?;
    remove_directory(&directory)
}

/// Whether there was anything to do. What others changed in the stack meanwhile stays.
fn put_back(root: &Root, path: &str, old: Option<&str>) -> Result<bool, Error> {
    let file = root.at(path);
    let now = files::read(&file)?;
    if now.as_deref() == old {
        return Ok(false);
    }
    let Some(old) = old else {
        if path == STACK {
            // Without it PAM takes /etc/pam.d/other. There was one, or there would be no trial.
            return Ok(false);
        }
        return files::remove(&file).map(|()| true);
    };
    let lifted = now.and_then(|now| stack::lift(&now).ok());
    let text = match lifted {
        Some(lifted) if path == STACK && stack::state(old) == State::Missing => lifted,
        _ => old.to_owned(),
    };
    files::write(&file, &text).map(|()| true)
}

fn remove_directory(directory: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", directory)(error))
        }
        _ => Ok(()),
    }
}

/// Puts everything back, and has sshd read it again. Says what was done.
///
/// # Errors
/// It could not be put back.
pub fn roll_back(system: &System, undo: &Undo, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    let restored = undo.restore(&system.root, say);
    if restored.is_ok() {
        arm::disarm();
    }
    // sshd must read what could be put back, also where something could not.
    let taken_down = service::take_down(&undo.brought, say);
    let reloaded = service::reload(system, say);
    restored.and(taken_down).and(reloaded)
}

#[cfg(test)]
mod tests;
