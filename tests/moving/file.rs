//! The file: who may read it, what replaces it, and what of it opens.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::terminal::{Terminal, Tmux};

/// Runs a midclt that must fail. What it says.
fn refused(daemon: &Daemon, words: &[&str], passphrase: &str) -> String {
    let output = midclt(daemon, words, passphrase);
    assert_eq!(output.status.code(), Some(1), "{words:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    stderr(&output)
}

/// It is its owner's alone, says what it is, and is not replaced by accident.
#[test]
fn a_file_for_its_owner_alone() {
    let mut site = site();
    let phone = site.enrol("alice");
    let file = export(&site.daemon);
    let name = file.to_str().unwrap();
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("middlewared two-factor export 1; to open it: midclt 2fa restore"));
    assert!(!text.contains(&phone.secret) && !text.contains("alice"));
    let said = refused(&site.daemon, &["2fa", "export", name], PASSPHRASE);
    assert!(
        said.contains("is there already; to replace it: --yes"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let said = refused(
        &site.daemon,
        &["2fa", "export", "/tmp", "--yes"],
        PASSPHRASE,
    );
    assert!(said.contains("is a directory"), "{said}");
    let nowhere = site.daemon.dir().join("no/such/place");
    let said = refused(
        &site.daemon,
        &["2fa", "export", nowhere.to_str().unwrap()],
        PASSPHRASE,
    );
    assert!(said.contains("cannot write"), "{said}");
    let other = site.daemon.dir().join("other");
    let said = refused(
        &site.daemon,
        &["2fa", "export", other.to_str().unwrap()],
        "too short",
    );
    assert!(said.contains("at least 12 characters"), "{said}");
    assert!(!other.exists());
    export(&site.daemon);
    assert_ne!(
        fs::read_to_string(&file).unwrap(),
        text,
        "salt and nonce are new"
    );
    // Nothing lies beside it.
    let beside = fs::read_dir(site.daemon.dir()).unwrap();
    let names: Vec<_> = beside.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().ends_with(".new")),
        "{names:?}"
    );
}

/// What is in it can be looked at, also where no daemon is, and has no secret.
#[test]
fn a_look_at_it() {
    let mut site = site();
    let phone = site.enrol("alice");
    let file = export(&site.daemon);
    site.stop();
    let check = ["2fa", "export", "--check", file.to_str().unwrap()];
    let (page, _) = midclt_ok(&site.daemon, &check);
    assert!(page.contains("2030-03-17"), "the date: {page}");
    assert!(page.contains("2 accounts with 2 devices"), "{page}");
    let (json, _) = midclt_ok(&site.daemon, &[&check[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["version"], &json["devices"]), (&json!(1), &json!(2)));
    assert!(!page.contains(&phone.secret) && !json.to_string().contains(&phone.secret));
}

/// A file that was changed, cut off, made by a newer release, or made to eat all memory: an error that
/// says so, and nothing is changed.
#[test]
fn what_does_not_open() {
    let mut site = site();
    site.enrol("alice");
    let file = export(&site.daemon);
    let good = fs::read_to_string(&file).unwrap();
    let name = file.to_str().unwrap();
    let shut = "the passphrase is wrong, or the file is damaged or cut off";
    let said = refused(
        &site.daemon,
        &["2fa", "restore", name, "--yes"],
        "another passphrase",
    );
    assert!(said.contains(shut), "{said}");
    let middle = good.len() / 2;
    let flipped = [
        &good[..middle],
        if &good[middle..=middle] == "A" {
            "B"
        } else {
            "A"
        },
    ];
    let flipped = flipped.concat() + &good[middle + 1..];
    for (bad, expected) in [
        (flipped, shut),
        (good[..good.len() - 100].to_owned(), shut),
        (good.clone() + "AAAA\n", shut),
        (good.replacen("t=3", "t=2", 1), shut),
        (
            good.replacen("m=65536", "m=4194304", 1),
            "no key can be made with these numbers",
        ),
        (
            good.replacen("t=3", "t=4000000000", 1),
            "no key can be made with these numbers",
        ),
        (
            good[..100].to_owned(),
            "no key can be made with these numbers",
        ),
        (
            good.replacen("export 1", "export 2", 1),
            "a newer release made it (version 2)",
        ),
        ("hello\n".to_owned(), "this is no export"),
        (String::new(), "this is no export"),
    ] {
        fs::write(&file, bad).unwrap();
        for words in [
            &["2fa", "restore", name, "--yes"][..],
            &["2fa", "export", "--check", name],
        ] {
            let said = refused(&site.daemon, words, PASSPHRASE);
            assert!(said.contains(expected), "{words:?}: {said}");
        }
    }
    let missing = Path::new("/no/such/file");
    let words = ["2fa", "restore", missing.to_str().unwrap(), "--yes"];
    assert!(refused(&site.daemon, &words, PASSPHRASE).contains("cannot read"));
    assert_eq!(audited(&site.daemon.state_dir(), "restored"), 0);
    fs::write(&file, good).unwrap();
    restore(&site.daemon, &["--yes"]);
}

/// A script is asked nothing: what it must say besides is named.
#[test]
fn without_a_terminal_nothing_is_asked() {
    let mut site = site();
    site.enrol("alice");
    let file = export(&site.daemon);
    let name = file.to_str().unwrap();
    for (words, missing) in [
        (
            &["2fa", "export", "/tmp/new-export"][..],
            "--passphrase-stdin is missing",
        ),
        (&["2fa", "restore", name], "--passphrase-stdin is missing"),
    ] {
        let output = site.daemon.midclt(words);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains(missing), "{output:?}");
    }
    let output = midclt(&site.daemon, &["2fa", "restore", name], PASSPHRASE);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stderr(&output).contains("--yes is missing"), "{output:?}");
    let (plan, _) = midclt_ok(&site.daemon, &["2fa", "restore", name, "--dry-run"]);
    assert!(
        plan.contains("No device and no exemption would be different."),
        "{plan}"
    );
    assert_eq!(audited(&site.daemon.state_dir(), "restored"), 0);
}

/// At a terminal the passphrase is asked for twice, and never shown.
#[test]
fn the_passphrase_is_typed_twice_and_not_shown() {
    let site = site();
    let file = file_of(&site.daemon);
    let terminal = Terminal {
        columns: 100,
        rows: 40,
        locale: "C.UTF-8",
        term: "xterm",
    };
    let tmux = Tmux::start(terminal, site.daemon.dir());
    let midclt = format!(
        "{} -u {}",
        testkit::binaries::midclt().display(),
        site.daemon.socket().display()
    );
    tmux.enter(&format!("{midclt} 2fa export {}", file.display()));
    tmux.when(|text| text.ends_with("Passphrase (it is not shown):"));
    tmux.enter("short");
    tmux.when(|text| text.contains("too short"));
    tmux.enter(PASSPHRASE);
    tmux.when(|text| text.ends_with("Once more:"));
    tmux.enter("correct horse battery stable");
    tmux.when(|text| text.contains("not the same"));
    tmux.enter(PASSPHRASE);
    tmux.when(|text| text.ends_with("Once more:"));
    tmux.enter(PASSPHRASE);
    let screen = tmux.when(|text| text.contains("are in") && text.ends_with(Tmux::PROMPT));
    assert!(!screen.text().contains("horse"), "{}", screen.text());
    tmux.enter(&format!("clear; {midclt} 2fa restore {}", file.display()));
    tmux.when(|text| text.ends_with("Its passphrase (it is not shown):"));
    tmux.enter(PASSPHRASE);
    tmux.when(|text| text.ends_with("Restore it? [y/N]"));
    tmux.enter("y");
    let screen = tmux.when(|text| text.contains("Restored:") && text.ends_with(Tmux::PROMPT));
    assert!(!screen.text().contains("horse"), "{}", screen.text());
    // The terminal shows again what is typed.
    tmux.enter("echo shown-again");
    tmux.when(|text| text.contains("echo shown-again"));
}
