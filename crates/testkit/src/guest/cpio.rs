//! Archives that Linux takes as its first file system: `cpio` of the kind "newc".
//!
//! <https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>

use std::io::{self, Write};

/// What an entry is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry<'a> {
    Directory,
    /// A file with these permissions.
    File(u32, &'a [u8]),
}

/// Writes an archive, entry by entry. Everything in it is root's.
#[derive(Debug)]
pub(super) struct Archive<W> {
    to: W,
    written: usize,
    entries: u32,
}

impl<W: Write> Archive<W> {
    pub(super) const fn new(to: W) -> Self {
        Self {
            to,
            written: 0,
            entries: 0,
        }
    }

    /// Adds an entry; directories go before what is in them.
    pub(super) fn add(&mut self, path: &str, entry: Entry<'_>) -> io::Result<()> {
        match entry {
            Entry::Directory => self.record(path, 0o040_755, &[]),
            Entry::File(permissions, content) => {
                self.record(path, 0o100_000 | permissions, content)
            }
        }
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.record("TRAILER!!!", 0, &[])?;
        self.to.flush()
    }

    /// A header of 13 numbers, the name, the content; each part is filled up to four bytes.
    fn record(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let length = u32::try_from(content.len()).map_err(io::Error::other)?;
        let name_length = u32::try_from(path.len() + 1).map_err(io::Error::other)?;
        let numbers = [
            self.entries, // inode
            mode,
            0, // user
            0, // group
            1, // links
            0, // time
            length,
            0, // device, major and minor
            0,
            0, // the device that it is, major and minor
            0,
            name_length,
            0, // check sum
        ];
        self.write(b"070701")?;
        for number in numbers {
            self.write(format!("{number:08x}").as_bytes())?;
        }
        self.write(path.as_bytes())?;
        self.write(&[0])?;
        self.fill()?;
        self.write(content)?;
        self.fill()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len();
        self.to.write_all(bytes)
    }

    fn fill(&mut self) -> io::Result<()> {
        while !self.written.is_multiple_of(4) {
            self.write(&[0])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Archive, Entry};

    #[test]
    fn an_archive_is_as_the_kernel_reads_it() {
        let mut bytes = Vec::new();
        let mut archive = Archive::new(&mut bytes);
        archive.add("bin/a", Entry::File(0o755, b"hello")).unwrap();
        archive.add("mnt", Entry::Directory).unwrap();
        archive.finish().unwrap();
        let header = |numbers: &str, name: &str| {
            let zero = "00000000";
            numbers.replace(' ', "").replace('-', zero) + name
        };
        let expected = [
            header(
                "070701 00000001 000081ed -- 00000001 - 00000005 ---- 00000006 -",
                "bin/a\0",
            ),
            "hello\0\0\0".to_owned(),
            header(
                "070701 00000002 000041ed -- 00000001 - - ---- 00000004 -",
                "mnt\0\0\0",
            ),
            header(
                "070701 00000003 - -- 00000001 - - ---- 0000000b -",
                "TRAILER!!!\0\0\0\0",
            ),
        ];
        assert_eq!(String::from_utf8(bytes).unwrap(), expected.concat());
    }
}
