//! The time since boot, which no clock change moves, and which boot it is.
//!
//! The kernel's boot id is not asked: in a container, processes that are shut in see another one than
//! those that are not. A file in `/run` is gone after a restart, whoever looks.

use std::path::Path;

use nix::time::{ClockId, clock_gettime};

use crate::{Error, files};

/// A moment of one boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// What the file says; empty where there is none.
    pub id: String,
    /// Seconds since then; suspended time counts.
    pub seconds: u64,
}

const FILE: &str = "/run/middlewared-ssh-boot";

impl Boot {
    /// Now, on the machine that this program runs on.
    ///
    /// # Errors
    /// The file cannot be read, or the clock not be asked.
    pub fn now() -> Result<Self, Error> {
        Self::at(Path::new(FILE))
    }

    /// The same, so that this boot is known again.
    ///
    /// # Errors
    /// The file cannot be written, or the clock not be asked.
    pub(crate) fn marked() -> Result<Self, Error> {
        Self::marked_at(Path::new(FILE))
    }

    fn at(file: &Path) -> Result<Self, Error> {
        let clock = clock_gettime(ClockId::CLOCK_BOOTTIME);
        let time = clock.map_err(|errno| Error::Refused(format!("no time since boot: {errno}")))?;
        Ok(Self {
            id: files::read(file)?.unwrap_or_default().trim().to_owned(),
            seconds: u64::try_from(time.tv_sec()).unwrap_or_default(),
        })
    }

    fn marked_at(file: &Path) -> Result<Self, Error> {
        let mut now = Self::at(file)?;
        if now.id.is_empty() {
            // Never the same twice: no other process has this pid in this second of this boot, and
            // the pid is another one where a `/run` outlives a boot.
            now.id = format!("{}-{}", now.seconds, std::process::id());
            files::write(file, &now.id)?;
        }
        Ok(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_is_known_again_until_its_file_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("boot");
        assert_eq!(Boot::at(&file).unwrap().id, "");
        let first = Boot::marked_at(&file).unwrap();
        assert!(!first.id.is_empty() && first.seconds > 0);
        assert_eq!(Boot::at(&file).unwrap().id, first.id);
        assert_eq!(Boot::marked_at(&file).unwrap().id, first.id);
        files::remove(&file).unwrap();
        assert_ne!(Boot::at(&file).unwrap().id, first.id);
    }
}
