//! The unlock line as people type it into real shells, and what arrives at the daemon.

use crate::daemon::{Daemon, text};

const SHELLS: [&[&str]; 6] = [
    &["bash", "-c"],
    &["sh", "-c"],
    &["dash", "-c"],
    &["busybox", "sh", "-c"],
    &["zsh", "-c"],
    &["fish", "-c"],
];

/// These shells do not take a lone brace for a word.
const SPACED_BRACES: &[&str] = &["fish", "zsh"];

const DONE: &[&str] = &[r#"{"jsonrpc":"2.0","id":ID,"result":true}"#];

/// Every POSIX system has bash or sh at least for its tests; the others are tried where they are.
fn installed() -> impl Iterator<Item = &'static [&'static str]> {
    SHELLS.into_iter().filter(|shell| {
        let program = shell[0];
        let found = std::process::Command::new(program)
            .args(["-c", "true"])
            .output()
            .is_ok();
        assert!(
            found || !matches!(program, "bash" | "sh"),
            "{program} is missing"
        );
        found
    })
}

fn params(daemon: &Daemon) -> String {
    let asked = daemon.asked();
    let [request] = asked.as_slice() else {
        return format!("{} requests", asked.len());
    };
    let request: serde_json::Value = serde_json::from_str(request).unwrap();
    request["params"].to_string()
}

/// Runs `midclt call auth.twofactor.update` with these words, as typed, in each shell.
fn update(words: &str, expected: &str, skip: &[&str]) {
    let daemon = Daemon::answering(DONE);
    for shell in installed().filter(|shell| !skip.contains(&shell[0])) {
        let line = format!("midclt call auth.twofactor.update {words}");
        let output = daemon
            .command(shell[0])
            .args(&shell[1..])
            .arg(&line)
            .output()
            .unwrap();
        assert_eq!(
            params(&daemon),
            expected,
            "{shell:?}: {line}\n{}",
            text(&output.stderr)
        );
        assert_eq!(text(&output.stdout), "True\n", "{shell:?}: {line}");
    }
}

#[test]
fn the_unlock_line_in_every_shell() {
    let off = r#"[{"enabled":false}]"#;
    update(r#"'{ "enabled":false }'"#, off, &[]);
    update(r#"'{"enabled":false}'"#, off, &[]);
    update(r#""{\"enabled\":false}""#, off, &[]);
    update("‘{ \"enabled\":false }’", off, &[]);
    update("‘{\"enabled\":false}’", off, &[]);
    update("“{ “enabled”:false }”", off, &[]);
    update(r#"'<"enabled":false>'"#, off, &[]);
    update(r#"{"enabled":false}"#, off, &[]);
    update(r#"{ "enabled":false }"#, off, SPACED_BRACES);
    update(r#"{ "enabled": false }"#, off, SPACED_BRACES);
    update("enabled=false", off, &[]);
    update("enabled:false", off, &[]);
    update("'{enabled:false}'", off, &[]);
    update("\"{'enabled':false}\"", off, &[]);
}

/// bash, zsh and fish expand braces with a comma into words; the others leave them.
#[test]
fn braces_that_the_shell_expands() {
    let both = r#"[{"enabled":false,"window":1}]"#;
    update(r#"{"enabled":false,"window":1}"#, both, &[]);
    update(r#"{"enabled":false, "window":1}"#, both, SPACED_BRACES);
    update(r#"{ "enabled":false, "window":1 }"#, both, SPACED_BRACES);
    update("enabled=false window=1", both, &[]);
    let nested = r#"[{"enabled":false,"services":{"ssh":true}}]"#;
    update(r#"{"enabled":false,"services":{"ssh":true}}"#, nested, &[]);
    update("enabled=false services.ssh=true", nested, &[]);
    update(
        r#"'{"enabled":false,"services":{"ssh":true}}'"#,
        nested,
        &[],
    );
}

#[test]
fn standard_input() {
    let off = r#"[{"enabled":false}]"#;
    let check = |line: &str, expected: &str| {
        let daemon = Daemon::answering(DONE);
        let output = daemon.command("sh").args(["-c", line]).output().unwrap();
        assert_eq!(
            params(&daemon),
            expected,
            "{line}\n{}",
            text(&output.stderr)
        );
    };
    check(
        r#"echo '{"enabled": false}' | midclt call auth.twofactor.update -"#,
        off,
    );
    check(
        "echo '{enabled: false}' | midclt call auth.twofactor.update -",
        off,
    );
    check(
        "echo enabled=false | midclt call auth.twofactor.update -",
        off,
    );
    check(
        "echo text | midclt call auth.twofactor.verify - 1 -",
        r#"["text\n",1,"text\n"]"#,
    );
    check("midclt call auth.twofactor.verify - </dev/null", r#"[""]"#);
    check(
        "echo 123456 | midclt call auth.twofactor.verify -",
        "[123456]",
    );
}

#[test]
fn text_is_never_touched_elsewhere() {
    let check = |words: &str, expected: &str| {
        let daemon = Daemon::answering(DONE);
        let line = format!("midclt call auth.twofactor.verify {words}");
        let output = daemon.command("bash").args(["-c", &line]).output().unwrap();
        assert_eq!(params(&daemon), expected, "{line}");
        assert_eq!(text(&output.stderr), "", "{line}");
    };
    check("012345", r#"["012345"]"#);
    check("123456", "[123456]");
    check("a=b", r#"["a=b"]"#);
    check("'{x' '<y' ‘z’", r#"["{x","<y","‘z’"]"#);
    check("'\"123456\"'", r#"["123456"]"#);
}
