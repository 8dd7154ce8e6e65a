//! Files are read whole and replaced whole: whoever reads them sees the old text or the new one,
//! also after a power cut.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::Error;

/// More than any file of this kind has.
const MAX_BYTES: u64 = 1024 * 1024;

/// The text of a file, or None where there is none.
///
/// # Errors
/// It cannot be read, is no regular file (nor a link to one), has no UTF-8, or more than 1 MiB.
pub fn read(path: &Path) -> Result<Option<String>, Error> {
    let Some(bytes) = read_bytes(path)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|_| Error::Malformed {
        path: path.to_owned(),
        why: "it is not UTF-8".to_owned(),
    })?;
    Ok(Some(text))
}

fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let metadata = file.metadata().map_err(Error::io("read", path))?;
    if !metadata.is_file() {
        return Err(Error::NotAFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    let mut bounded = file.take(MAX_BYTES);
    bounded
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", path))?;
    if bounded.limit() == 0 {
        let why = "it is too large".to_owned();
        let path = path.to_owned();
        return Err(Error::Malformed { path, why });
    }
    Ok(Some(bytes))
}

/// The same of a file that is only looked at: what is no UTF-8 is replaced. Anybody may put a name
/// of another encoding into /etc/passwd, chfn(1), and must not stop us from reading it.
///
/// # Errors
/// As [`read`], but for the encoding.
pub(crate) fn read_lossy(path: &Path) -> Result<Option<String>, Error> {
    Ok(read_bytes(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Replaces or creates a file. Owner and mode of one that is there are kept; a new one is 0644 and
/// belongs to who runs this. Directories that are missing are made.
///
/// # Errors
/// The system refuses, or something else than a file is there: a link is not followed.
pub fn write(path: &Path, text: &str) -> Result<(), Error> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    make_directory(directory)?;
    let old = existing(path)?;
    let new = beside(path);
    // Left over by somebody who was killed.
    remove_one(&new)?;
    let written = fill(&new, text, old.as_ref()).map_err(Error::io("write", &new));
    let placed = written.and_then(|()| {
        fs::rename(&new, path).map_err(Error::io("replace", path))?;
        sync(directory)
    });
    if placed.is_err() {
        // What failed is told; that the attempt is still there would only hide it.
        let _ = fs::remove_file(&new);
    }
    placed
}

/// Removes a file that may be there.
///
/// # Errors
/// The system refuses.
pub fn remove(path: &Path) -> Result<(), Error> {
    remove_one(path)?;
    match path.parent() {
        Some(directory) if directory.is_dir() => sync(directory),
        _ => Ok(()),
    }
}

fn existing(path: &Path) -> Result<Option<Metadata>, Error> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => Err(Error::NotAFile(path.to_owned())),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(Error::io("look at", path)(error)),
    }
}

/// A name that neither sshd's `*.conf` nor PAM looks for.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.middlewared-new"))
}

fn fill(path: &Path, text: &str, old: Option<&Metadata>) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    let mut mode = 0o644;
    if let Some(old) = old {
        mode = old.mode() & 0o7777;
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
    }
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

fn make_directory(directory: &Path) -> Result<(), Error> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory).map_err(Error::io("make", directory))?;
    let mode = Permissions::from_mode(0o755);
    fs::set_permissions(directory, mode).map_err(Error::io("make", directory))?;
    directory.parent().map_or(Ok(()), sync)
}

fn remove_one(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if !is_absence(&error) => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes a rename or a removal durable.
pub(crate) fn sync(directory: &Path) -> Result<(), Error> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(Error::io("sync", directory))
}

fn is_absence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_new_file_and_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/x.conf");
        assert_eq!(read(&path).unwrap(), None);
        write(&path, "one\n").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("one\n"));
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o644);
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }

    #[test]
    fn mode_and_owner_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sshd");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let is_root = nix::unistd::geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(&path, Some(0), Some(42)).unwrap();
        }
        write(&path, "new").unwrap();
        let metadata = path.metadata().unwrap();
        assert_eq!(metadata.mode() & 0o7777, 0o640);
        assert!(!is_root || metadata.gid() == 42);
        assert_eq!(read(&path).unwrap().as_deref(), Some("new"));
    }

    #[test]
    fn an_attempt_that_was_killed_is_no_hindrance() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sshd");
        fs::write(beside(&path), "half").unwrap();
        write(&path, "whole").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some("whole"));
    }

    #[test]
    fn links_and_directories_are_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (link, target) = (dir.path().join("link"), dir.path().join("target"));
        fs::write(&target, "theirs").unwrap();
        symlink(&target, &link).unwrap();
        assert!(matches!(write(&link, "ours"), Err(Error::NotAFile(_))));
        assert!(matches!(write(dir.path(), "ours"), Err(Error::NotAFile(_))));
        assert_eq!(fs::read_to_string(&target).unwrap(), "theirs");
        assert!(matches!(read(dir.path()), Err(Error::NotAFile(_))));
    }
}
