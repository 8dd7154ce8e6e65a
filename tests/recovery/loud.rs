//! A recovery is never silent: the journal has it at warning, whoever did it, and the audit where there is
//! one to write to.

use std::time::Duration;

use testkit::{Entry, Journal};

use super::scene::Scene;
use crate::support::WriteLock;

/// Long enough for what was said before midclt ended.
const SOON: Duration = Duration::from_millis(200);

fn heard(journal: &Journal) -> Vec<Entry> {
    std::iter::from_fn(|| journal.hear(SOON)).collect()
}

/// The one alert of this kind, and that it is one that mail hangs on.
fn alert<'a>(entries: &'a [Entry], kind: &str, message_id: &str) -> &'a str {
    let is_it = |entry: &&Entry| entry.get("MIDDLEWARED_ALERT").is_some_and(|it| it == kind);
    let alerts: Vec<&Entry> = entries.iter().filter(is_it).collect();
    assert_eq!(alerts.len(), 1, "{kind}: {entries:#?}");
    assert_eq!(alerts[0]["PRIORITY"], "4", "warning");
    assert_eq!(alerts[0]["MESSAGE_ID"], message_id);
    assert_eq!(alerts[0]["SYSLOG_IDENTIFIER"], "middlewared");
    &alerts[0]["MESSAGE"]
}

const DISABLED: &str = "06833ae7f38348be97729923dc2a3310";
const BYPASS: &str = "15eb3b8c36c74a3187601825d77d95f9";

#[test]
fn the_journal_hears_of_it() {
    let mut scene = Scene::new();
    let journal = scene.machine.journal();
    assert!(scene.daemon.stop().success());
    scene.unlock();
    let entries = heard(&journal);
    let message = alert(&entries, "DISABLED", DISABLED);
    assert!(message.contains("is off for everybody"), "{message}");
    let without = "done without the daemon, which did not answer";
    let done = entries.iter().find(|entry| entry["MESSAGE"] == without);
    let done = done.unwrap_or_else(|| panic!("{entries:#?}"));
    assert_eq!(done["PRIORITY"], "4", "warning");
    assert_eq!(done["MIDDLEWARED_METHOD"], "auth.twofactor.update");
    assert_eq!(done["MIDDLEWARED_UID"], "0");

    let words = ["call", "auth.twofactor.update", "enabled=true"];
    scene.midclt_ok(&words);
    heard(&journal);
    let lock = WriteLock::take(&scene.daemon);
    scene.unlock();
    let entries = heard(&journal);
    let message = alert(&entries, "DISABLED", DISABLED);
    assert!(message.contains("until the next reboot"), "{message}");
    assert!(message.contains("another process is writing"), "{message}");
    drop(lock);
    scene.midclt_ok(&words);

    heard(&journal);
    let lock = WriteLock::take(&scene.daemon);
    scene.midclt_ok(&["2fa", "bypass", "alice", "--reason", "phone lost"]);
    let entries = heard(&journal);
    let message = alert(&entries, "BYPASS", BYPASS);
    assert!(
        message.contains("'alice'") && message.contains("phone lost"),
        "{message}"
    );
    drop(lock);
    for entry in entries {
        for value in entry.values() {
            assert!(!value.contains(&scene.secret), "{entry:?}");
        }
    }
}
