//! The file of an export on disk: there as a whole or not at all, and for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process;

use crate::failure::Failure;

/// Reads a file, if it is no larger than an export can be.
pub(in super::super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let cannot = |error: io::Error| {
        Failure::told(format!("midclt: cannot read {}: {error}", path.display()))
    };
    let mut bytes = Vec::new();
    let most = export::MOST_BYTES as u64;
    let file = File::open(path).map_err(cannot)?;
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > most {
        let name = path.display();
        return Err(Failure::told(format!(
            "midclt: {name} is too large for an export"
        )));
    }
    Ok(bytes)
}

/// Refuses to replace a file, unless that was said. A link that leads nowhere is one as well.
pub(super) fn check_new(path: &Path, replace: bool) -> Result<(), Failure> {
    let name = path.display();
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Err(Failure::told(format!(
            "midclt: {name} is a directory; name a file in it"
        ))),
        Ok(_) if !replace => Err(Failure::told(format!(
            "midclt: {name} is there already; to replace it: --yes"
        ))),
        _ => Ok(()),
    }
}

/// Writes it beside its place first, and has it take the name when it is on the disk.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = beside(path);
    let written = write_private(&beside, text).and_then(|()| fs::rename(&beside, path));
    let written = written.and_then(|()| sync_directory(path));
    written.map_err(|error| {
        // What is left of it has no name that anybody looks for.
        let _ = fs::remove_file(&beside);
        Failure::told(format!("midclt: cannot write {}: {error}", path.display()))
    })
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", process::id()));
    name.into()
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// So that the name is there after a power cut.
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}
