//! What a door asks costs the same with ten accounts and with ten thousand: every statement finds its
//! rows by a key.

use rusqlite::Connection;

use super::Desk;
use crate::rows::Query;
use crate::{
    accounts, devices, invites, latest, moved, names, notices, overriding, permits, policy,
    recovery, settings, skews, ssh, throttle, trial,
};

const KEYED: &[(&str, Query)] = &[
    ("account by uid", accounts::BY_UID),
    ("account by name", accounts::BY_NAME),
    ("identity", accounts::IDENTITY),
    ("device by id", devices::BY_ID),
    ("devices by uid", devices::BY_UID),
    ("first active device", devices::FIRST_ACTIVE),
    ("has an active device", devices::HAS_ACTIVE),
    ("number of devices", devices::COUNT),
    ("where a code was accepted", devices::LAST_SOURCE),
    ("skew of a device", skews::OF_DEVICE),
    ("notices for an account", notices::FOR_OWNER),
    ("tally", throttle::TALLY),
    ("streaks", throttle::STREAKS),
    ("known source", throttle::KNOWN_SOURCE),
    ("what is forgiven", throttle::FORGIVABLE),
    ("saved recovery set", recovery::SAVED),
    ("unsaved recovery set", recovery::UNSAVED),
    ("recovery codes", recovery::CODES),
    ("recovery codes left", recovery::LEFT),
    ("bypasses for", permits::BYPASSES_FOR),
    ("exempt until", permits::EXEMPT_UNTIL),
    ("exempt until, by a key", permits::KEY_EXEMPT_UNTIL),
    ("invites for", invites::INVITES_FOR),
    ("settings", settings::SETTINGS),
    ("policy", policy::POLICY),
    ("trial", trial::TRIAL),
    ("kept trials", trial::KEPT),
    ("report about sshd", ssh::REPORT),
    ("override", overriding::TAKEN),
    ("latest", latest::LATEST),
    ("key of unknown names", names::KEY),
    ("exemptions of", moved::EXEMPTIONS_OF),
    ("level of", moved::LEVEL_OF),
    ("ids of devices", moved::DEVICE_IDS),
];

fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = explain.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

/// Whether a step of a plan goes through a whole table.
fn is_scan(step: &str) -> bool {
    step.starts_with("SCAN") && step != "SCAN CONSTANT ROW" && !step.starts_with("SCAN (subquery")
}

#[test]
fn every_look_up_of_a_door_uses_a_key() {
    let desk = Desk::new();
    let conn = desk.other();
    for (what, query) in KEYED {
        let steps = plan(&conn, query.sql);
        let searches = steps
            .iter()
            .filter(|step| step.starts_with("SEARCH"))
            .count();
        assert!(
            searches > 0 && !steps.iter().any(|step| is_scan(step)),
            "{what}: {steps:#?}"
        );
    }
    // The check finds what it looks for.
    let steps = plan(&conn, "SELECT 1 FROM accounts WHERE last_login = 5");
    assert!(steps.iter().any(|step| is_scan(step)), "{steps:?}");
}
