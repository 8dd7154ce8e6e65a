//! The forms of an argument, through real shells.

use std::process::Command;

use serde_json::{Value, json};
use testkit::{Daemon, run_with_deadline};

use super::{Answer, LIMIT, Said, Stub, sh, shell};

const OFF: &str = r#"[{"enabled":false}]"#;
const OFF_1: &str = r#"[{"enabled":false,"window":1}]"#;
const OFF_SSH: &str = r#"[{"enabled":false,"services":{"ssh":true}}]"#;

/// What follows `midclt call auth.twofactor.update`, and the params that must arrive.
const UPDATES: &[(&str, &str)] = &[
    // Right JSON.
    (r#"'{"enabled":false}'"#, OFF),
    (r#"'{ "enabled":false }'"#, OFF),
    (r#"{\"enabled\":false}"#, OFF),
    (r#""{\"enabled\": false}""#, OFF),
    // Typographic quotes, from a document or a phone.
    (r#"‘{ "enabled":false }’"#, OFF),
    (r#"“{ "enabled":false }”"#, OFF),
    (r#"‘{"enabled":false}’"#, OFF),
    (r"‘{ “enabled”:false }’", OFF),
    (r"'{“enabled”:false}'", OFF),
    (r#"„{ "enabled":false }“"#, OFF),
    // No quotes: the shell takes the inner ones, and bash the braces where there is a comma.
    (r#"{"enabled":false}"#, OFF),
    (r#"{ "enabled":false }"#, OFF),
    (r#"{ "enabled": false, "window": 1 }"#, OFF_1),
    (r#"{"enabled":false,"window":1}"#, OFF_1),
    (r#"{"enabled":false,"services":{"ssh":true}}"#, OFF_SSH),
    (
        r#"{"services":{"ssh":true},"enabled":false}"#,
        r#"[{"services":{"ssh":true},"enabled":false}]"#,
    ),
    // The wrong quotes.
    (r#""{"enabled":false}""#, OFF),
    (r#""{'enabled':false}""#, OFF),
    (r#"\'{ "enabled":false }\'"#, OFF),
    (r"'{enabled:false}'", OFF),
    (r"'{enabled: false, /* see the guide */ window: 1,}'", OFF_1),
    // No braces on this keyboard.
    (r#"'<"enabled":false>'"#, OFF),
    (r#"'< "enabled":false >'"#, OFF),
    (r#""<"enabled":false>""#, OFF),
    (r"\<enabled:false\>", OFF),
    (r#"'<"enabled":false,"services":<"ssh":true>>'"#, OFF_SSH),
    (r#"‘\<"enabled":false\>’"#, OFF),
    // Neither braces nor quotes.
    ("enabled=false", OFF),
    ("enabled:false", OFF),
    ("enabled=false window=1", OFF_1),
    ("enabled:false window:1", OFF_1),
    ("enabled=false,window=1", OFF_1),
    ("'enabled=false'", OFF),
    ("enabled = false", OFF),
    ("enabled=false services.ssh=true", OFF_SSH),
    ("-- enabled=false", OFF),
];

/// Words that must arrive as they are, and the params that must arrive.
const UNTOUCHED: &[(&str, &str)] = &[
    ("auth.twofactor.verify 123456", "[123456]"),
    ("auth.twofactor.verify 012345", r#"["012345"]"#),
    ("auth.twofactor.verify '012 345'", r#"["012 345"]"#),
    (
        "auth.twofactor.verify enabled=false",
        r#"["enabled=false"]"#,
    ),
    ("auth.twofactor.verify '{x'", r#"["{x"]"#),
    ("auth.twofactor.verify ‘123456’", r#"["‘123456’"]"#),
    ("core.subscribe a=b", r#"["a=b"]"#),
    ("core.subscribe '<a:1>'", r#"["<a:1>"]"#),
    // Methods that midclt does not know: whatever it looks like, it is text or JSON.
    (
        "user.set_password root 'p=1' '{oops' '‘q’' '<r>' '[s' 't:u'",
        r#"["root","p=1","{oops","‘q’","<r>","[s","t:u"]"#,
    ),
    (
        "pool.import 'otpauth://totp/iXsystems:nas%40TrueNAS?secret=JBSWY3DPEHPK3PXP'",
        r#"["otpauth://totp/iXsystems:nas%40TrueNAS?secret=JBSWY3DPEHPK3PXP"]"#,
    ),
    ("a.b ws+unix:///run/x.sock", r#"["ws+unix:///run/x.sock"]"#),
    // compat.md 4.2, row by row.
    (
        "a.b true True null foo '\"quoted\"' '' 1.0 -7 '{\"a\":1,\"a\":2}'",
        r#"[true,"True",null,"foo","quoted","",1.0,-7,{"a":2}]"#,
    ),
    (
        "a.b 123456789012345678901234567890",
        "[123456789012345678901234567890]",
    ),
    ("a.b", "[]"),
    // The way out, where a method takes one object and text is meant all the same.
    (
        r#"auth.twofactor.update '"enabled=false"'"#,
        r#"["enabled=false"]"#,
    ),
];

/// What is surely meant as an object and is none: the words, and where reading stops.
const BROKEN: &[(&str, &str)] = &[
    (r#"'{"enabled":maybe}'"#, "character 12, enabled:"),
    (r#"{"enabled":maybe}"#, "character 10, enabled:"),
    (r#"‘{ "enabled":maybe }’"#, "character 12, enabled:"),
    (r#"'{"enabled":false'"#, "character 17:"),
    (r#"'<"enabled":false'"#, "character 17:"),
    (r#"'{"enabled":false}}'"#, "character 18:"),
    (r#"'{"enabled" false}'"#, "character 12:"),
    (
        r#"'{"services":{"ssh":yes}}'"#,
        "character 20, services.ssh:",
    ),
    ("'[1,'", "character 1:"),
];

/// The shells that are everywhere. Debian's others: see `system`.
const SHELLS: &[&[&str]] = &[&["bash"], &["sh"]];

#[test]
fn every_form_means_the_same_object() {
    forms_in(SHELLS);
}

#[test]
fn other_arguments_arrive_as_they_are() {
    untouched_in(SHELLS);
}

#[test]
fn broken_json_is_not_sent() {
    broken_in(SHELLS);
}

#[cfg(feature = "system")]
mod system {
    use super::{broken_in, forms_in, untouched_in};

    const SHELLS: &[&[&str]] = &[&["dash"], &["busybox", "sh"], &["zsh", "-f"]];

    #[test]
    fn every_form_in_debians_shells() {
        forms_in(SHELLS);
    }

    #[test]
    fn other_arguments_in_debians_shells() {
        untouched_in(SHELLS);
    }

    #[test]
    fn broken_json_in_debians_shells() {
        broken_in(SHELLS);
    }
}

fn forms_in(shells: &[&[&str]]) {
    // Not what the daemon says: where it is off, midclt has more to say.
    let stub = Stub::answering(Answer::Result(json!({})));
    for program in shells {
        for (words, params) in UPDATES {
            // zsh takes a brace of its own for the end of a block, and runs nothing.
            if program[0] == "zsh" && words.starts_with("{ ") {
                continue;
            }
            let line = format!("midclt call auth.twofactor.update {words}");
            check_params(&stub, program, &line, params);
        }
    }
}

fn untouched_in(shells: &[&[&str]]) {
    let stub = Stub::answering(Answer::Result(Value::Null));
    for program in shells {
        for (words, params) in UNTOUCHED {
            let line = format!("midclt call {words}");
            let said = check_params(&stub, program, &line, params);
            assert_eq!(said, Said::printed("null\n"), "{program:?} {line}");
        }
    }
}

fn check_params(stub: &Stub, program: &[&str], line: &str, params: &str) -> Said {
    let said = run(&mut shell(program, stub.socket(), line));
    let at = format!("{program:?} {line}: {said:?}");
    let requests = stub.taken();
    assert_eq!(said.exit, Some(0), "{at}");
    assert!(said.stderr.lines().count() <= 1, "more than one line: {at}");
    assert_eq!(requests.len(), 1, "{at}");
    // As text, since numbers must arrive as they were written.
    assert_eq!(requests[0]["params"].to_string(), params, "{at}");
    said
}

fn broken_in(shells: &[&[&str]]) {
    let stub = Stub::answering(Answer::Result(json!("pong")));
    for program in shells {
        for (words, position) in BROKEN {
            let line = format!("midclt call auth.twofactor.update {words}");
            let said = run(&mut shell(program, stub.socket(), &line));
            check_refusal(&said, position, &format!("{program:?} {line}"));
        }
    }
    assert_eq!(
        run(&mut shell(shells[0], stub.socket(), "midclt ping")),
        Said::printed("pong\n")
    );
    let requests = stub.taken();
    assert_eq!(requests.len(), 1, "something was sent: {requests:?}");
}

fn check_refusal(said: &Said, position: &str, at: &str) {
    let right = "midclt: write it so: midclt call auth.twofactor.update '{\"";
    assert_eq!((said.exit, said.stdout.as_str()), (Some(1), ""), "{at}");
    assert!(
        said.stderr.starts_with("midclt: not sent: "),
        "{at}: {said:?}"
    );
    assert!(said.stderr.contains(position), "{at}: {said:?}");
    assert!(said.stderr.contains(right), "{at}: {said:?}");
    assert!(
        said.stderr.contains("to send text as it is"),
        "{at}: {said:?}"
    );
}

fn run(command: &mut Command) -> Said {
    Said::of(&run_with_deadline(command, LIMIT))
}

/// The command that a refusal recommends is right: it works when it is copied.
#[test]
fn the_command_that_a_refusal_names_works() {
    let daemon = Daemon::start();
    for words in [
        r#"'{"enabled":maybe}'"#,
        r#"'{"services":{"ssh":yes}}'"#,
        "'{window:x}'",
    ] {
        let refused = sh(
            daemon.socket(),
            &format!("midclt call auth.twofactor.update {words}"),
        );
        let line = refused
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("midclt: write it so: "));
        let line = line.unwrap_or_else(|| panic!("{refused:?}"));
        let said = sh(daemon.socket(), line);
        // What it says besides is about what it did, not about how it was read.
        let was_plain = !said.stderr.contains("understood as");
        assert_eq!((said.exit, was_plain), (Some(0), true), "{line}: {said:?}");
    }
}

/// What was understood is said in one line, with the way to send text; right JSON needs no comment.
#[test]
fn what_was_understood_is_said() {
    let stub = Stub::answering(Answer::Result(Value::Null));
    let update = |words: &str| {
        sh(
            stub.socket(),
            &format!("midclt call auth.twofactor.update {words}"),
        )
    };
    assert_eq!(update(r#"'{"enabled":false}'"#), Said::printed("null\n"));
    let said = "midclt: understood as {\"enabled\":false}\n";
    assert_eq!(update("enabled=false").stderr, said);
    assert_eq!(update("-q enabled=false").stderr, "");
}

/// The text may hold a secret, so it is not repeated.
#[test]
fn refusals_repeat_nothing() {
    let stub = Stub::answering(Answer::Result(Value::Null));
    for words in [
        "'{JBSWY3DP:x}'",
        "'{\"enabled\":JBSWY3DP}'",
        "'{\"secret\":\"JBSWY3DP}'",
    ] {
        let said = sh(
            stub.socket(),
            &format!("midclt call auth.twofactor.update {words}"),
        );
        assert_eq!(said.exit, Some(1), "{said:?}");
        assert!(!said.stderr.contains("JBSW"), "{said:?}");
    }
    assert!(stub.taken().is_empty());
}

/// Near misses of a name.
#[test]
fn near_misses_suggest() {
    let daemon = Daemon::start();
    let check = |name: &str, meant: &str| {
        let said = sh(daemon.socket(), &format!("midclt call {name}"));
        let expected = format!("Method does not exist\nmidclt: {meant}\n");
        assert_eq!(said, Said::failed(1, &expected), "{name}");
    };
    check(
        "auth.twofactor.updat",
        "did you mean auth.twofactor.update?",
    );
    check(
        "auth.twofacter.config",
        "did you mean auth.twofactor.config?",
    );
    check("twofactor.verify", "did you mean auth.twofactor.verify?");
    check("core.pong", "did you mean core.ping?");
    check("pool.query", "midclt methods lists what there is");
}
