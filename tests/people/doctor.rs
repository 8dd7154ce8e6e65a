//! What is wrong is found, and the command that is named mends it.

use serde_json::{Value, json};
use testkit::Daemon;

use crate::site::{ACCOUNTS, DAY, Site, login, wrong_code};

/// What the doctor finds: its exit status, and each finding's severity, text and cure.
fn examined(daemon: &Daemon) -> (Option<i32>, Vec<[String; 3]>) {
    let output = daemon.midclt(["2fa", "doctor", "--json"]);
    let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let found = found
        .iter()
        .map(|it| ["severity", "text", "cure"].map(|key| text(&it[key])));
    (output.status.code(), found.collect())
}

/// The one finding with these words.
fn one<'a>(found: &'a [[String; 3]], words: &str) -> &'a [String; 3] {
    let mut with = found.iter().filter(|it| it[1].contains(words));
    let first = with.next();
    first.unwrap_or_else(|| panic!("no '{words}' in {found:?}"))
}

fn is_there(daemon: &Daemon, words: &str) -> bool {
    examined(daemon).1.iter().any(|it| it[1].contains(words))
}

#[test]
fn what_is_wrong_is_found_and_mended_by_what_is_named() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let wrong = login("alice").code(&wrong_code(&[&phone], 6, site.now()));
    site.guess_wrong(&wrong, 5);
    let (exit, found) = examined(&site.daemon);
    // Nothing on this machine has sshd ask, though the settings say that it does.
    let [severity, _, _] = one(&found, "/etc/pam.d/sshd does not call the module");
    assert_eq!((exit, severity.as_str()), (Some(1), "ERROR"), "{found:?}");
    assert_eq!(found[0][0], "ERROR", "the worst comes first: {found:?}");
    let [severity, _, cure] = one(&found, "alice must wait");
    assert_eq!(severity, "WARNING", "{found:?}");
    assert!(cure.ends_with("then: midclt 2fa unlock alice"), "{cure}");
    site.daemon.midclt_ok(["2fa", "unlock", "alice"]);
    assert!(!is_there(&site.daemon, "alice must wait"));

    // Without sshd it locks nobody out, when it is on again.
    let off = json!([{"enabled": false, "services": {"ssh": false}}]);
    site.call("auth.twofactor.update", off);
    let (_, found) = examined(&site.daemon);
    assert_eq!(one(&found, "OFF for EVERYBODY")[2], "midclt 2fa enable");
    site.call("auth.twofactor.update", json!([{"enabled": true}]));
    assert!(!is_there(&site.daemon, "OFF for EVERYBODY"));
}

/// The daemon is what is missing most often when somebody looks.
#[test]
fn it_works_without_the_daemon() {
    let mut site = Site::new();
    site.stop();
    let (exit, found) = examined(&site.daemon);
    let [severity, text, cure] = one(&found, "is not running");
    assert_eq!((exit, severity.as_str()), (Some(1), "ERROR"), "{text}");
    assert!(
        format!("{text} {cure}").contains("start it"),
        "{text} {cure}"
    );
    site.start();
    assert!(!is_there(&site.daemon, "is not running"));
}

/// Where the secrets cannot be read, it says so first.
#[test]
fn a_missing_key_comes_first() {
    let mut site = Site::new();
    let off = json!([{"services": {"ssh": false}}]);
    site.call("auth.twofactor.update", off);
    site.stop();
    std::fs::remove_file(site.daemon.state_dir().join("middlewared.key")).unwrap();
    site.start();
    let (exit, found) = examined(&site.daemon);
    assert_eq!(exit, Some(3), "{found:?}");
    assert!(found[0][1].contains("master key"), "{found:?}");
}

/// An exemption whose end would be a surprise; a longer one is the cure.
#[test]
fn an_exemption_that_ends_soon() {
    let mut site = Site::beginning(Daemon::builder().accounts(&ACCOUNTS), testkit::now());
    let soon = site.now() + 2 * DAY;
    let exempt = json!([{"username": "bob", "until": soon, "reason": "backups"}]);
    site.call("auth.twofactor.exemption.create", exempt);
    let (_, found) = examined(&site.daemon);
    let [severity, _, cure] = one(&found, "The exemption of bob ends at");
    assert_eq!(severity, "WARNING");
    let words = cure.strip_prefix("midclt ").unwrap().split(' ');
    site.daemon
        .midclt_ok(words.chain(["--yes"]).collect::<Vec<_>>());
    assert!(!is_there(&site.daemon, "The exemption of bob ends"));
}
