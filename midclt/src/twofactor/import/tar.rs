//! Files of a tar archive: names, sizes and contents in blocks of 512 bytes (tar(5)).

const BLOCK: usize = 512;

/// Whether it looks like an archive.
pub(super) fn is_archive(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar".as_slice())
}

/// The contents of a file of an archive, if it is there.
pub(super) fn file<'a>(archive: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, &'static str> {
    const CUT_OFF: &str = "the archive is damaged or cut off";
    let mut rest = archive;
    loop {
        let (header, after) = rest.split_at_checked(BLOCK).ok_or(CUT_OFF)?;
        // Two empty blocks are the end.
        if header.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        if !is_archive(header) {
            return Err(CUT_OFF);
        }
        let size = octal(header.get(124..136).unwrap_or_default()).ok_or(CUT_OFF)?;
        let contents = after.get(..size).ok_or(CUT_OFF)?;
        // Neither a directory nor what an archive says about the next file.
        let is_file = matches!(header.get(156), Some(0 | b'0'));
        if is_file && is_named(header, name) {
            return Ok(Some(contents));
        }
        rest = after.get(size.next_multiple_of(BLOCK)..).ok_or(CUT_OFF)?;
    }
}

/// Whether a header has the name, perhaps as `./name`.
fn is_named(header: &[u8], name: &str) -> bool {
    let field = header.get(..100).unwrap_or_default();
    let field = field.split(|byte| *byte == 0).next().unwrap_or_default();
    field.strip_prefix(b"./").unwrap_or(field) == name.as_bytes()
}

fn octal(field: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(field).ok()?;
    usize::from_str_radix(text.trim_matches([' ', '\0']), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: u8, contents: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; BLOCK];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        bytes[124..136].copy_from_slice(format!("{:011o}\0", contents.len()).as_bytes());
        bytes[156] = kind;
        bytes[257..265].copy_from_slice(b"ustar\x0000");
        bytes.extend(contents);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    #[test]
    fn files_are_found_by_name() {
        let mut archive = entry("b", b'x', b"19 mtime=1.5\n");
        archive.extend(entry("a", b'0', &[7; 600]));
        archive.extend(entry("./b", 0, b"it"));
        archive.extend([0; 2 * BLOCK]);
        assert!(is_archive(&archive));
        assert_eq!(file(&archive, "a"), Ok(Some([7; 600].as_slice())));
        assert_eq!(file(&archive, "b"), Ok(Some(b"it".as_slice())));
        assert_eq!(file(&archive, "c"), Ok(None));
        for length in 0..archive.len() - 2 * BLOCK {
            let cut = file(&archive[..length], "c");
            assert!(cut.is_err(), "{length}");
        }
    }

    #[test]
    fn sizes_that_are_none_are_refused() {
        for size in ["99999999999", "-1", "", "77777777777777"] {
            let mut archive = entry("a", b'0', b"it");
            archive[124..136].fill(0);
            let end = 124 + size.len().min(12);
            archive[124..end].copy_from_slice(&size.as_bytes()[..end - 124]);
            assert!(file(&archive, "a").is_err(), "{size}");
        }
    }
}
