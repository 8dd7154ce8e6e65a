//! The journal's socket, of one daemon alone: in a mount namespace, since its path is fixed.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use crate::Namespace;

/// The fields of one message, by name.
pub type Entry = BTreeMap<String, String>;

/// What a daemon tells the journal.
#[derive(Debug)]
pub struct Journal(UnixDatagram);

impl Journal {
    /// Listens where programs in the namespace expect the journal.
    pub(crate) fn listen(namespace: &Namespace) -> Self {
        namespace.tmpfs(Path::new("/run"), "size=1m,mode=0755");
        Self::bind(namespace)
    }

    /// The same where `/run` is the namespace's own already.
    pub(crate) fn bind(namespace: &Namespace) -> Self {
        let directory = namespace.path(Path::new("/run/systemd/journal"));
        fs::create_dir_all(&directory).expect("make the journal's directory");
        let path = directory.join("socket");
        let socket = UnixDatagram::bind(&path).expect("bind the journal");
        // Whoever they are.
        fs::set_permissions(path, Permissions::from_mode(0o666)).expect("open it to everybody");
        Self(socket)
    }

    /// The next entry that comes within this time.
    pub fn hear(&self, limit: Duration) -> Option<Entry> {
        let mut message = vec![0; 65_536];
        self.0.set_read_timeout(Some(limit)).expect("set a limit");
        loop {
            let length = self.0.recv(&mut message).ok()?;
            // An empty one only asks whether anybody listens.
            if length > 0 {
                return Some(parse(message.get(..length).expect("a length")));
            }
        }
    }
}

/// <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>: `NAME=text` on a line; or the name on a line, the
/// length in 8 bytes, the text, and a line end.
fn parse(mut message: &[u8]) -> Entry {
    let mut entry = Entry::new();
    while !message.is_empty() {
        let (line, rest) = split_at_byte(message, b'\n');
        let (name, value, rest) = if line.contains(&b'=') {
            let (name, value) = split_at_byte(line, b'=');
            (name, value, rest)
        } else {
            let (length, rest) = rest.split_first_chunk::<8>().expect("a length");
            let length = usize::try_from(u64::from_le_bytes(*length)).expect("a short text");
            let (value, rest) = rest.split_at(length);
            (line, value, rest.strip_prefix(b"\n").expect("a line end"))
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        entry.insert(text(name), text(value));
        message = rest;
    }
    entry
}

/// Before and after the first such byte.
fn split_at_byte(bytes: &[u8], byte: u8) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|found| *found == byte);
    let (before, after) = bytes.split_at(at.expect("an entry of the journal's form"));
    (before, after.get(1..).expect("the byte itself"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let entry = parse(b"PRIORITY=4\nMESSAGE\n\x05\0\0\0\0\0\0\0a=\nb\n\nX=\n");
        let expected = [("MESSAGE", "a=\nb\n"), ("PRIORITY", "4"), ("X", "")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(entry, Entry::from(expected));
    }
}
