//! Where the files of the machine are: below `/`, or below a directory that stands for it.

use std::path::{Path, PathBuf};

/// The directory that all paths of this crate start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root(PathBuf);

impl Root {
    /// The machine itself is `/`.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// Whether it is the machine that this program runs on.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// Where a file is that the machine knows by this absolute path.
    #[must_use]
    pub fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |root: &str, path: &str, expected: &str| {
            assert_eq!(Root::new(root).at(path), Path::new(expected));
        };
        check("/", "/etc/ssh", "/etc/ssh");
        check("/tmp/x", "/etc/ssh", "/tmp/x/etc/ssh");
        check("/tmp/x", "etc/ssh", "/tmp/x/etc/ssh");
        assert!(Root::new("/").is_host());
        assert!(!Root::new("/tmp").is_host());
    }
}
