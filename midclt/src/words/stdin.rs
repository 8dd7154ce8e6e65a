//! The word `-`.

use std::io::{IsTerminal, Read, stdin};

use crate::failure::Failure;

/// The daemon takes 64 KiB; this is only to stop at `/dev/zero`.
const MAX_BYTES: u64 = 2 << 20;

/// Puts standard input, read once, in the place of every `-`.
pub(super) fn substitute(words: &mut [String]) -> Result<(), Failure> {
    if !words.iter().any(|word| word == "-") {
        return Ok(());
    }
    let input = input()?;
    for word in words.iter_mut().filter(|word| *word == "-") {
        word.clone_from(&input);
    }
    Ok(())
}

fn input() -> Result<String, Failure> {
    let input = stdin();
    if input.is_terminal() {
        let lines = [
            "Error: Cannot read from stdin when connected to a terminal.",
            "Please pipe input or provide the argument directly.",
        ];
        return Err(Failure {
            lines: lines.map(str::to_owned).into(),
            exit: 1,
        });
    }
    let mut text = String::new();
    match input.lock().take(MAX_BYTES + 1).read_to_string(&mut text) {
        Ok(read) if read as u64 > MAX_BYTES => {
            Err(Failure::told("midclt: standard input is longer than 2 MiB"))
        }
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::told(format!(
            "midclt: cannot read standard input: {error}"
        ))),
    }
}
