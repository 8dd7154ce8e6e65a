//! The rules about single source files.

use super::{Finding, Source};

/// A rule: its name, and what it finds in one file.
type Rule = (&'static str, fn(&Source) -> Vec<Finding>);

/// Every rule about a file. The name is what the tests below look for.
const RULES: &[Rule] = &[
    ("starts with a sentence", starts_with_docs),
    ("bounded file", bounded_file),
    ("short main", short_main),
    ("forbids unsafe", forbids_unsafe),
    ("words in their place", words_in_their_place),
    ("nothing unfinished", nothing_unfinished),
];

/// A file may be longer than this only with a line that says why.
const LONGEST_FILE: usize = 400;
const LONG_FILE_MARK: &str = "// Long on purpose: ";
/// `main.rs` holds less code than this; the rest is a library, so that tests can call it.
const LONGEST_MAIN: usize = 15;
/// The crates with an FFI file cannot forbid unsafe code in their root.
const WITH_FFI: [&str; 3] = ["crates/clock/", "crates/pam/", "crates/pamtry/src/lib.rs"];

/// A word that belongs into few files.
struct Placed {
    /// What to look for in code, as whole words.
    word: &'static str,
    /// The only files that may have it.
    only_in: &'static [&'static str],
    why: &'static str,
}

const PLACED: &[Placed] = &[
    Placed {
        word: "unsafe",
        only_in: &[
            "crates/clock/src/ffi.rs",
            "crates/pam/src/ffi.rs",
            // For tests only: the application's side of PAM.
            "crates/pamtry/src/ffi.rs",
        ],
        why: "unsafe code lives in the FFI files",
    },
    Placed {
        word: "SystemTime::now",
        only_in: &[
            "crates/clock/src/lib.rs",
            "crates/testkit/src/clock.rs",
            "midclt/src/twofactor/time.rs",
        ],
        why: "the time is an argument; crates/clock reads it, and one file of midclt",
    },
    Placed {
        word: "getrandom",
        only_in: &["crates/store/src/entropy.rs", "midclt/src/random.rs"],
        why: "random bytes are an argument; store::entropy makes them, and one file of midclt",
    },
    Placed {
        word: "#[allow",
        only_in: &[],
        why: "say #[expect(lint, reason = \"…\")]",
    },
    Placed {
        word: "#![allow",
        only_in: &[],
        why: "say #![expect(lint, reason = \"…\")]",
    },
    Placed {
        word: "untagged",
        only_in: &[],
        why: "serde's untagged hides which form was meant, and its errors say nothing",
    },
    Placed {
        word: "serde(flatten",
        only_in: &[],
        why: "serde's flatten switches deny_unknown_fields off",
    },
    Placed {
        word: "#[ignore",
        only_in: &[],
        why: "a test that is not run proves nothing: use a feature, or remove it",
    },
    Placed {
        word: "dbg!",
        only_in: &[],
        why: "a debugging aid was left behind",
    },
    Placed {
        word: "todo!",
        only_in: &[],
        why: "finish it, or answer an error that says what is missing",
    },
    Placed {
        word: "unimplemented!",
        only_in: &[],
        why: "finish it, or answer an error that says what is missing",
    },
];

/// Words of comments that admit something unfinished.
const UNFINISHED: [&str; 3] = ["FIXME", "XXX", "HACK"];

/// Applies every rule to every file.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let apply = |source| RULES.iter().flat_map(move |(_, rule)| rule(source));
    sources.iter().flat_map(apply).collect()
}

fn starts_with_docs(source: &Source) -> Vec<Finding> {
    if source.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![source.at(
        0,
        "begin with `//! ` and one sentence: what is this file for?",
    )]
}

fn bounded_file(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    let says_why = || {
        source
            .text
            .lines()
            .any(|line| line.starts_with(LONG_FILE_MARK))
    };
    if lines <= LONGEST_FILE || says_why() {
        return Vec::new();
    }
    let message = format!("{lines} lines: split it, or say why in `{LONG_FILE_MARK}…`");
    vec![source.at(LONGEST_FILE, message)]
}

fn short_main(source: &Source) -> Vec<Finding> {
    let lines = source.code.iter().filter(|line| !line.trim().is_empty());
    let count = lines.count();
    if !source.path.ends_with("src/main.rs") || count < LONGEST_MAIN {
        return Vec::new();
    }
    vec![source.at(
        0,
        format!("{count} lines of code: move them to the library"),
    )]
}

fn forbids_unsafe(source: &Source) -> Vec<Finding> {
    let is_root = ["src/lib.rs", "src/main.rs", "tests/main.rs"]
        .iter()
        .any(|end| source.path.ends_with(end));
    let is_excused = WITH_FFI.iter().any(|start| source.path.starts_with(start));
    let forbids = || {
        source
            .code
            .iter()
            .any(|line| line == "#![forbid(unsafe_code)]")
    };
    if !is_root || is_excused || forbids() {
        return Vec::new();
    }
    vec![source.at(0, "a crate root says #![forbid(unsafe_code)]")]
}

fn words_in_their_place(source: &Source) -> Vec<Finding> {
    let strays = PLACED
        .iter()
        .filter(|placed| !placed.only_in.contains(&source.path.as_str()));
    let found = strays.flat_map(|placed| {
        let lines = source.code.iter().enumerate();
        lines
            .filter(|(_, line)| has_word(line, placed.word))
            .map(|(number, _)| source.at(number, format!("{}: {}", placed.word, placed.why)))
    });
    found.collect()
}

fn nothing_unfinished(source: &Source) -> Vec<Finding> {
    // In the text, since comments are where such words are; but this table is no comment.
    let comments = source
        .text
        .lines()
        .enumerate()
        .filter_map(|(number, line)| {
            let (_, comment) = line.split_once("//")?;
            Some((number, comment))
        });
    comments
        .filter(|(_, comment)| UNFINISHED.iter().any(|word| has_word(comment, word)))
        .map(|(number, _)| source.at(number, "finish it, or write down what is open elsewhere"))
        .collect()
}

/// Whether `line` has `word` with no letter, digit or underscore right before or after it.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let after = rest.chars().nth(word.chars().count());
        !before.ends_with(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "//! A sentence.\n#![forbid(unsafe_code)]\n";

    fn findings(path: &str, text: &str) -> Vec<String> {
        let found = check(&[Source::new(path, text)]);
        found.into_iter().map(|finding| finding.message).collect()
    }

    /// The file breaks exactly one rule, and the message has this word.
    fn breaks(path: &str, text: &str, word: &str) {
        let found = findings(path, text);
        assert_eq!(found.len(), 1, "{path}: {found:?}");
        assert!(found.concat().contains(word), "{path}: {found:?}");
    }

    fn holds(path: &str, text: &str) {
        assert_eq!(findings(path, text), Vec::<String>::new(), "{path}");
    }

    #[test]
    fn every_file_starts_with_a_sentence() {
        breaks("crates/api/src/x.rs", "fn f() {}\n", "sentence");
        holds("crates/api/src/x.rs", "//! What it is for.\n");
    }

    #[test]
    fn a_long_file_says_why() {
        let long = format!("//! Long.\n{}", "fn f() {}\n".repeat(LONGEST_FILE));
        breaks("crates/api/src/x.rs", &long, "401 lines");
        let excused = long.replacen('\n', "\n// Long on purpose: one table.\n", 1);
        holds("crates/api/src/x.rs", &excused);
    }

    #[test]
    fn main_is_a_few_lines() {
        let long = format!("{LIB}{}", "fn f() {}\n".repeat(14));
        breaks("midclt/src/main.rs", &long, "15 lines of code");
        holds("midclt/src/lib.rs", &long);
        let short = format!("{LIB}{}", "// words\n\n".repeat(30));
        holds("midclt/src/main.rs", &short);
        // The root of the end-to-end tests is no program: it lists their topics.
        holds("tests/main.rs", &long);
    }

    #[test]
    fn crate_roots_forbid_unsafe_code() {
        breaks("crates/api/src/lib.rs", "//! A sentence.\n", "forbid");
        breaks("tests/main.rs", "//! A sentence.\n", "forbid");
        holds("crates/api/src/x.rs", "//! A sentence.\n");
        holds("crates/clock/src/lib.rs", "//! A sentence.\n");
    }

    #[test]
    fn each_placed_word_is_found_outside_its_place_and_nowhere_else() {
        for placed in PLACED {
            let text = format!(
                "//! {}\nfn f() {{\n    {} x\n}}\n",
                placed.word, placed.word
            );
            breaks("crates/api/src/x.rs", &text, placed.word);
            for place in placed.only_in {
                let root = format!("{LIB}fn f() {{\n    {} x\n}}\n", placed.word);
                holds(place, &root);
            }
            let quoted = format!("//! A.\nfn f() {{\n    g(\"{}\");\n}}\n", placed.word);
            holds("crates/api/src/x.rs", &quoted);
        }
    }

    #[test]
    fn parts_of_words_do_not_count() {
        holds("crates/api/src/x.rs", "//! A.\n#![deny(unsafe_code)]\n");
        holds("crates/api/src/x.rs", "//! A.\nfn my_dbg!() {}\n");
    }

    #[test]
    fn unfinished_work_is_found_in_comments() {
        for word in UNFINISHED {
            let text = format!("//! A.\n// {word}: later\n");
            breaks("crates/api/src/x.rs", &text, "finish");
        }
    }

    #[test]
    fn findings_name_the_line() {
        let source = Source::new("crates/api/src/x.rs", "//! A.\n\n  dbg!(x);\n");
        let places: Vec<_> = check(&[source]).into_iter().map(|f| f.place).collect();
        assert_eq!(places, ["crates/api/src/x.rs:3"]);
    }
}
