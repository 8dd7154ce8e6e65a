//! The audit: what it holds, what it counts, what it drops.

use super::*;

const PEER: Peer = Peer {
    uid: 0,
    pid: 17,
    login_uid: Some(1000),
};

const METHOD: &str = "auth.twofactor.authenticate";

fn about<'a>(account: Option<&'a str>, source: Option<&'a str>) -> Subject<'a> {
    Subject {
        account,
        service: Some("sshd"),
        source,
    }
}

fn entry<'a>(outcome: &'a str, subject: Option<Subject<'a>>) -> AuditEntry<'a> {
    AuditEntry {
        peer: PEER,
        method: METHOD,
        outcome,
        subject,
    }
}

/// (outcome, account, source, count), the newest first.
fn rows(desk: &mut Desk, filter: &AuditFilter) -> Vec<(String, String, String, u32)> {
    let found = desk.read(|tx| tx.audit_entries(filter, 100));
    let row = |row: AuditRow| {
        let (account, source) = (
            row.account.unwrap_or_default(),
            row.source.unwrap_or_default(),
        );
        (row.outcome, account, source, row.count)
    };
    found.into_iter().map(row).collect()
}

#[test]
fn an_entry_comes_back_whole() {
    let mut desk = Desk::new();
    let subject = about(Some("alice"), Some("192.0.2.1"));
    desk.write(|tx| tx.audit(&entry("accepted", Some(subject))));
    desk.write(|tx| tx.audit(&entry("changed", None)));
    let mut desk = desk.restarted();
    let found = desk.read(|tx| tx.audit_entries(&AuditFilter::default(), 10));
    let first = AuditRow {
        id: 1,
        at: NOW,
        peer: PEER,
        method: METHOD.to_owned(),
        outcome: "accepted".to_owned(),
        account: Some("alice".to_owned()),
        service: Some("sshd".to_owned()),
        source: Some("192.0.2.1".to_owned()),
        count: 1,
    };
    let second = AuditRow {
        id: 2,
        outcome: "changed".to_owned(),
        account: None,
        service: None,
        source: None,
        ..first.clone()
    };
    assert_eq!(found, [second, first], "the newest first");
}

#[test]
fn filters_by_service_and_time() {
    let mut desk = Desk::new();
    desk.write(|tx| tx.audit(&entry("changed", None)));
    let subject = about(Some("alice"), Some("192.0.2.1"));
    desk.write(|tx| tx.audit(&entry("accepted", Some(subject))));
    let any = AuditFilter::default();
    let rows = desk.read(|tx| tx.audit_entries(&any, 10));
    let service = rows[0].service.clone();
    assert!(service.is_some() && rows[1].service.is_none());
    let at = |secs: i64| {
        Some(UnixTime::from_secs(
            rows[0].at.as_secs().strict_add_signed(secs),
        ))
    };
    for (service, since, until, found) in [
        (service.clone(), None, None, 1),
        (Some("cups".to_owned()), None, None, 0),
        (None, at(0), at(1), 2),
        (service, at(0), at(1), 1),
        (None, at(1), None, 0),
        (None, None, at(0), 0),
    ] {
        let filter = AuditFilter {
            service,
            since,
            until,
            ..any.clone()
        };
        let rows = desk.read(|tx| tx.audit_entries(&filter, 10));
        assert_eq!(rows.len(), found, "{filter:?}");
    }
}

#[test]
fn filters_and_pages() {
    let mut desk = Desk::new();
    for (outcome, account) in [
        ("wrong", "alice"),
        ("accepted", "alice"),
        ("wrong", "bob"),
        ("wrong", "alice"),
    ] {
        let subject = about(Some(account), None);
        desk.write(|tx| tx.audit(&entry(outcome, Some(subject))));
    }
    let owned = |text: &str| Some(text.to_owned());
    let any = AuditFilter::default();
    let cases = [
        (any.clone(), vec![4, 3, 2, 1]),
        (
            AuditFilter {
                account: owned("alice"),
                ..any.clone()
            },
            vec![4, 2, 1],
        ),
        (
            AuditFilter {
                outcome: owned("wrong"),
                ..any.clone()
            },
            vec![4, 3, 1],
        ),
        (
            AuditFilter {
                method: owned(METHOD),
                before: Some(3),
                ..any.clone()
            },
            vec![2, 1],
        ),
        (
            AuditFilter {
                method: owned("core.ping"),
                ..any.clone()
            },
            vec![],
        ),
        (
            AuditFilter {
                account: owned("alice"),
                outcome: owned("wrong"),
                method: owned(METHOD),
                before: Some(4),
                ..any.clone()
            },
            vec![1],
        ),
    ];
    for (filter, ids) in cases {
        let found = desk.read(|tx| tx.audit_entries(&filter, 10));
        assert_eq!(
            found.iter().map(|row| row.id).collect::<Vec<_>>(),
            ids,
            "{filter:?}"
        );
        let found = desk.read(|tx| tx.audit_entries(&filter, 1));
        assert_eq!(found.len(), ids.len().min(1));
    }
}

/// "Failures coalesce per source and minute": a flood takes a row a minute.
#[test]
fn the_same_within_a_source_and_minute_is_one_entry() {
    let mut desk = Desk::new();
    let wrong = |source| entry("wrong", Some(about(Some("alice"), source)));
    // NOW is 20 s into a minute.
    for at in [0, 10, 39, 40, 99, 100] {
        desk.wait_until(at);
        desk.write(|tx| tx.audit_coalesced(&wrong(Some("192.0.2.1"))));
    }
    let counts: Vec<u32> = rows(&mut desk, &AuditFilter::default())
        .iter()
        .map(|row| row.3)
        .collect();
    assert_eq!(counts, [1, 2, 3]);
    let first = desk
        .read(|tx| tx.audit_entries(&AuditFilter::default(), 10))
        .pop()
        .unwrap();
    assert_eq!((first.id, first.at), (1, NOW), "when it began");
}

#[test]
fn what_differs_is_told_apart() {
    let mut desk = Desk::new();
    let alice = entry("wrong", Some(about(Some("alice"), Some("192.0.2.1"))));
    let different = [
        alice,
        entry("locked", alice.subject),
        entry("wrong", Some(about(None, Some("192.0.2.1")))),
        entry("wrong", Some(about(Some("alice"), None))),
        entry("wrong", None),
        AuditEntry {
            method: "auth.twofactor.verify",
            ..alice
        },
    ];
    for entry in different.iter().chain(&different) {
        desk.write(|tx| tx.audit_coalesced(entry));
    }
    let found = rows(&mut desk, &AuditFilter::default());
    assert_eq!(found.len(), different.len());
    assert!(found.iter().all(|row| row.3 == 2), "{found:?}");
    // What is not coalesced is a row of its own, and never counted on.
    desk.write(|tx| tx.audit(&alice));
    desk.write(|tx| tx.audit(&alice));
    desk.write(|tx| tx.audit_coalesced(&alice));
    let counts: Vec<u32> = rows(&mut desk, &AuditFilter::default())
        .iter()
        .map(|row| row.3)
        .collect();
    assert_eq!(counts, [1, 1, 2, 2, 2, 2, 2, 3]);
}

#[test]
fn an_entry_of_a_call_that_failed_is_gone() {
    let mut desk = Desk::new();
    let wrong = entry("wrong", None);
    let failed = desk.try_write(|tx| {
        tx.audit_coalesced(&wrong)?;
        Err::<(), _>(StoreError::Busy)
    });
    assert!(failed.is_err());
    desk.write(|tx| tx.audit_coalesced(&wrong));
    assert_eq!(rows(&mut desk, &AuditFilter::default())[0].3, 1);
}

#[test]
fn the_audit_is_a_ring() {
    for coalesced in [false, true] {
        let mut desk = Desk::new();
        let put = |desk: &mut Desk, outcome: &str| {
            let entry = entry(outcome, None);
            desk.write(|tx| {
                if coalesced {
                    tx.audit_coalesced(&entry)
                } else {
                    tx.audit(&entry)
                }
            });
        };
        put(&mut desk, "first");
        desk.sql("UPDATE sqlite_sequence SET seq = 99999 WHERE name = 'audit'");
        put(&mut desk, "within");
        assert_eq!(desk.count("SELECT min(id) FROM audit"), 1);
        put(&mut desk, "beyond");
        assert_eq!(desk.count("SELECT min(id) FROM audit"), 100_000);
    }
}

#[test]
fn damage_is_an_error_and_not_a_default() {
    let mut desk = Desk::new();
    desk.write(|tx| tx.audit(&entry("accepted", None)));
    let changes = [
        "UPDATE audit SET at = -1",
        "UPDATE audit SET uid = -1",
        "UPDATE audit SET pid = 4294967296",
        "UPDATE audit SET login_uid = -1",
        "UPDATE audit SET count = -1",
    ];
    desk.damages(&changes, |tx| tx.audit_entries(&AuditFilter::default(), 1));
}
