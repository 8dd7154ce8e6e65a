//! A secret from a script's pipe: the first line of standard input. Never an argument: those are for
//! everybody to see.

use std::io::{Read, stdin};

use zeroize::Zeroizing;

use crate::failure::Failure;

/// More is not read. It is also what a terminal gives at most.
const MOST_BYTES: u64 = 1024;

/// The first line; `what` names it in errors.
pub(crate) fn line(what: &str) -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = stdin().take(MOST_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::told(format!("midclt: cannot read the {what}: {error}")))?;
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(text) if text.len() as u64 <= MOST_BYTES => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(Failure::told(format!(
            "midclt: the {what} is no text of at most 1024 bytes"
        ))),
    }
}
