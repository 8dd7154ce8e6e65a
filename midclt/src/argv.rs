//! What both eras' command lines have in common, brought to one form before clap reads it.
//!
//! The original's parser knew `-jp`, an option of two letters, and in 22.12 `-j` took a value
//! (`-j true METHOD`, `-job`). Scripts of either era go on working. A method name always has a dot,
//! which tells `-j true METHOD` from `-j METHOD true`.

use std::ffi::{OsStr, OsString};

/// Rewrites the job options after `call`; everything else passes unchanged.
pub(crate) fn normalise(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let Some(call) = args.iter().position(|arg| arg == "call") else {
        return args;
    };
    let words = args.split_off(call + 1);
    args.extend(rewrite_job_options(words));
    args
}

fn rewrite_job_options(words: Vec<OsString>) -> Vec<OsString> {
    let mut kept = Vec::with_capacity(words.len());
    let mut words = words.into_iter().peekable();
    let mut method_seen = false;
    while let Some(word) = words.next() {
        match word.to_str() {
            Some("--") => {
                kept.push(word);
                kept.extend(words);
                return kept;
            }
            Some("-jp") => kept.push("--job-print".into()),
            Some("-job") => kept.push("--job".into()),
            Some("-j" | "--job") => {
                kept.push(word);
                let more_follow = words.len() > 1;
                words.next_if(|next| is_flag_value(next, method_seen, more_follow));
            }
            _ => {
                method_seen |= !word.as_encoded_bytes().starts_with(b"-");
                kept.push(word);
            }
        }
    }
    kept
}

/// Whether the word after `-j` is its 22.12 value: before the method anything without a dot that
/// a method follows, after the arguments only a last `true`.
fn is_flag_value(word: &OsStr, method_seen: bool, more_follow: bool) -> bool {
    let Some(word) = word.to_str() else {
        return false;
    };
    if method_seen {
        return !more_follow && matches!(word, "true" | "True");
    }
    more_follow && !word.contains('.') && !word.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_options_of_both_eras() {
        let check = |line: &str, expected: &str| {
            let found = normalise(line.split(' ').map(OsString::from));
            let found: Vec<_> = found.iter().map(|word| word.to_str().unwrap()).collect();
            assert_eq!(found.join(" "), expected, "{line}");
        };
        check("midclt call core.ping", "midclt call core.ping");
        check("midclt call -j core.ping", "midclt call -j core.ping");
        check(
            "midclt call -j core.ping true",
            "midclt call -j core.ping true",
        );
        check("midclt call -j true core.ping", "midclt call -j core.ping");
        check("midclt call -j 1 core.ping x", "midclt call -j core.ping x");
        check("midclt call --job yes a.b", "midclt call --job a.b");
        check("midclt call -job a.b", "midclt call --job a.b");
        check(
            "midclt call -job -jp description a.b",
            "midclt call --job --job-print description a.b",
        );
        check("midclt call a.b 1 -j", "midclt call a.b 1 -j");
        check("midclt call a.b 1 -j true", "midclt call a.b 1 -j");
        check("midclt call a.b -j 5", "midclt call a.b -j 5");
        check("midclt call -j -q a.b", "midclt call -j -q a.b");
        check(
            "midclt call a.b -- -jp -job -j true",
            "midclt call a.b -- -jp -job -j true",
        );
        check("midclt subscribe -jp", "midclt subscribe -jp");
        check(
            "midclt -q -t 5 call -jp x a.b",
            "midclt -q -t 5 call --job-print x a.b",
        );
    }
}
