//! What the journal hears: fields to look for, and alerts that mail or monitoring hangs on.

use std::time::Duration;

use serde_json::json;
use testkit::{Daemon, Entry, Journal};

use crate::support::enable;

const PATIENCE: Duration = Duration::from_secs(20);

/// All entries up to the one with this message.
fn up_to(journal: &Journal, message: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some(entry) = journal.hear(PATIENCE) {
        let is_last = entry["MESSAGE"] == message;
        entries.push(entry);
        if is_last {
            return entries;
        }
    }
    panic!("never came: {message}; but: {entries:#?}");
}

/// The fields of an alert, as `journalctl -o json` shows them.
fn alert<'a>(entries: &'a [Entry], kind: &str) -> &'a Entry {
    let is_it = |entry: &&Entry| entry.get("MIDDLEWARED_ALERT").is_some_and(|it| it == kind);
    let mut alerts = entries.iter().filter(is_it);
    let alert = alerts
        .next()
        .unwrap_or_else(|| panic!("no {kind}: {entries:#?}"));
    assert!(alerts.next().is_none(), "{kind} came twice");
    alert
}

#[test]
fn an_alert_has_the_message_id_of_its_kind_and_no_entry_has_the_secret() {
    let (builder, journal) = Daemon::builder().journal();
    let daemon = builder.start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let entries = up_to(&journal, "Two-factor authentication is on");
    let enabled = alert(&entries, "ENABLED");
    assert_eq!(enabled["MESSAGE_ID"], "b5769854fa3a4560b9aaa7ba8a432b3b");
    assert_eq!(enabled["PRIORITY"], "4", "warning");
    assert_eq!(enabled["SYSLOG_IDENTIFIER"], "middlewared");
    assert!(
        !enabled.contains_key("MIDDLEWARED_USERNAME"),
        "it is for everybody"
    );
    let added = alert(&entries, "DEVICE_ADDED");
    assert_eq!(added["MESSAGE_ID"], "c23446be25e14d9baa8c268b8a134bc1");
    assert_eq!(added["MIDDLEWARED_USERNAME"], "root");
    assert_eq!(added["MESSAGE"], "'root' has a new device 'phone'");
    let others = entries
        .iter()
        .filter(|entry| !entry.contains_key("MIDDLEWARED_ALERT"));
    let mut done = 0;
    for entry in others {
        assert!(!entry.contains_key("MESSAGE_ID"), "no alert: {entry:?}");
        done += usize::from(
            entry
                .get("MIDDLEWARED_OUTCOME")
                .is_some_and(|it| it == "enabled"),
        );
    }
    assert_eq!(done, 1, "the audit's words are there too");
    let told = format!("{entries:?}");
    assert!(!told.contains(&secret), "{told}");
}

#[test]
fn an_alert_comes_also_where_hardly_anything_is_logged() {
    let (builder, journal) = Daemon::builder().config("log = \"error\"\n").journal();
    let daemon = builder.start();
    daemon
        .connect()
        .call("auth.twofactor.update", json!([{"enabled": true}]));
    let entries = up_to(&journal, "Two-factor authentication is on");
    assert_eq!(entries.len(), 2, "the alerts alone: {entries:#?}");
}
