//! What is refused or asked before the daemon is.

use serde_json::json;

use super::pty::{CTRL_D, Terminal};
use super::script::{Script, refuses};
use super::{locked, said};

/// What lets people in, or cannot be taken back, is asked first: with `--yes` missing nothing is
/// called.
#[test]
fn dangerous_commands_ask() {
    let dangerous: &[(&[&str], &'static str, &str)] = &[
        (
            &["bypass", "--everybody", "--uses", "3", "--reason", "x"],
            "auth.twofactor.bypass.create",
            "Let everybody in?",
        ),
        (
            &["exempt", "u", "--days", "1", "--reason", "x"],
            "auth.twofactor.exemption.create",
            "Exempt it?",
        ),
        (
            &["policy", "unenrolled=ALLOW"],
            "auth.twofactor.policy.update",
            "Change it?",
        ),
        (&["reset", "u"], "user.unset_2fa_secret", "Forget it all?"),
    ];
    let missing =
        "midclt: this asks before it acts, and there is no terminal to ask on: --yes is missing\n";
    for (words, method, question) in dangerous {
        let words = [&["2fa"], *words].concat();
        let played = Script::new().on(method, locked()).play();
        let output = played.midclt(&words).output().unwrap();
        assert_eq!(
            said(&output),
            (2, String::new(), missing.to_owned()),
            "{words:?}"
        );
        for (keys, calls) in [("n", 0), (CTRL_D, 0), ("y", 1)] {
            let mut terminal = Terminal::start(&mut played.midclt(&words));
            terminal.answer(&format!("{question} [y/N] "), keys);
            assert_eq!(terminal.end().0, 1, "{words:?}");
            let mut methods = played.methods();
            methods.retain(|called| called == method);
            assert_eq!(methods.len(), calls, "{words:?} {keys:?}");
        }
    }
}

/// The question says for how long and how often; a name that nobody has is told before one.
#[test]
fn questions_are_about_something() {
    let unknown =
        json!({"error": 2, "errname": "ENOENT", "reason": "[ENOENT] User 'u' does not exist"});
    let played = Script::new()
        .on("user.twofactor_config", refuses(-32001, &unknown))
        .play();
    let words: [&[&str]; 2] = [
        &["2fa", "reset", "u"],
        &["2fa", "exempt", "u", "--days", "1", "--reason", "x"],
    ];
    for words in words {
        let (exit, _, shown) = Terminal::start(&mut played.midclt(words)).end();
        let told = "midclt: [ENOENT] User 'u' does not exist\n";
        assert_eq!((exit, shown.as_str()), (1, told));
    }
    let words = [
        "2fa",
        "bypass",
        "--everybody",
        "--uses",
        "3",
        "--reason",
        "x",
    ];
    let mut terminal = Terminal::start(&mut played.midclt(&words));
    terminal.asks("For 15 minutes a password or key is enough, for every account of this machine:");
    terminal.asks("3 logins IN ALL, whoever comes first.");
    terminal.answer("Let everybody in? [y/N] ", "n");
    assert_eq!(terminal.end().0, 1);
}

#[test]
fn wrong_usage() {
    let check = |words: &[&str], part: &str| {
        let played = Script::new().play();
        let words = [&["2fa"], words].concat();
        let (exit, stdout, stderr) = said(&played.midclt(&words).output().unwrap());
        assert_eq!((exit, stdout.as_str()), (2, ""), "{words:?}");
        assert!(stderr.contains(part), "{words:?}: {stderr}");
        assert_eq!(played.asked().len(), 0, "{words:?}");
    };
    check(&["bypass"], "<USER>");
    check(&["bypass", "alice"], "--reason <TEXT>");
    check(
        &["bypass", "alice", "--everybody", "--reason", "x"],
        "cannot be used with",
    );
    check(
        &["bypass", "--list", "--delete", "3"],
        "cannot be used with",
    );
    check(
        &["bypass", "--list", "--reason", "x"],
        "cannot be used with",
    );
    check(&["bypass", "alice", "--delete", "3"], "cannot be used with");
    check(&["exempt", "alice", "--reason", "x"], "--until");
    check(
        &[
            "exempt",
            "a",
            "--reason",
            "x",
            "--until",
            "2026-11-24",
            "--days",
            "3",
        ],
        "cannot be used with",
    );
    check(
        &["exempt", "a", "--reason", "x", "--until", "2026-02-30"],
        "no such day",
    );
    check(&["bypass", "--everybody", "--reason", "x"], "--uses <N>");
    check(&["bypass", "a", "--reason", "x", "--uses", "11"], "1..=10");
    check(
        &["bypass", "a", "--reason", "x", "--minutes", "0"],
        "1..=1440",
    );
    check(&["exempt", "a", "--reason", "x", "--days", "0"], "1..=366");
    check(
        &[
            "exempt",
            "a",
            "--reason",
            "x",
            "--until",
            "2020-01-01",
            "-y",
        ],
        "later than now, which is 20",
    );
    check(&["grace", "a", "--days", "91"], "1..=90");
    check(&["invite", "a", "--hours", "169"], "1..=168");
    check(&["policy", "new=1"], "the keys are unenrolled, grace_days,");
    check(&["grace"], "<USER>");
    check(&["invite", "--list", "--hours", "3"], "cannot be used with");
    check(&["policy", "grace_days"], "KEY=VALUE");
    check(
        &["policy", "grace_days=1", "grace_days=2"],
        "grace_days is said twice",
    );
    check(&["log", "--limit", "1001"], "1..=1000");
    check(
        &["recovery", "alice", "--saved", "7"],
        "cannot be used with",
    );
    check(
        &["recovery", "--remaining", "--saved", "7"],
        "cannot be used with",
    );
    check(&["qr", "--png", "x", "--ascii"], "cannot be used with");
    check(&["unlock"], "<USER>");
}
