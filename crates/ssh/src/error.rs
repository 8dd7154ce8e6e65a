//! What can fail, by cause.

use std::io;
use std::path::{Path, PathBuf};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A link, a directory, a device: not ours to replace.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// A file of ours that somebody else has changed, or that is broken.
    #[error("{}: {why}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A program could not be run, or failed.
    #[error("{program}: {why}")]
    Program {
        /// Its name with what it was told to do.
        program: String,
        /// What it said.
        why: String,
    },
    /// Something that must be there is not, or must not be and is.
    #[error("{0}")]
    Refused(String),
}

impl Error {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
