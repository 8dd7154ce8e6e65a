//! Accounts: one name for one uid, and nothing left when one is forgotten.

use twofactor::{AccountKey, Budget, Identity, Limits, Salt, Source};

use super::*;

#[test]
fn an_account_is_found_by_uid_and_by_name() {
    let mut desk = Desk::new();
    for (uid, name) in [(1000, "alice"), (0, "root"), (1001, "bob")] {
        desk.write(|tx| tx.ensure_account(&account(uid, name)));
        // A second time changes nothing.
        desk.write(|tx| tx.ensure_account(&account(uid, name)));
    }
    let alice = AccountRecord {
        account: account(1000, "alice"),
        grace_until: None,
        failures_since_login: 0,
        last_login: None,
    };
    assert_eq!(desk.read(|tx| tx.account(1000)), Some(alice.clone()));
    let named = AccountName::new("alice").unwrap();
    assert_eq!(desk.read(|tx| tx.account_named(&named)), Some(alice));
    assert_eq!(desk.read(|tx| tx.account(5)), None);
    let stranger = AccountName::new("ALICE").unwrap();
    assert_eq!(desk.read(|tx| tx.account_named(&stranger)), None);
    let mut uids = |after, limit| -> Vec<u32> {
        let page = desk.read(|tx| tx.accounts(after, limit));
        page.iter().map(|found| found.account.uid).collect()
    };
    assert_eq!(uids(None, 2), [0, 1000]);
    assert_eq!(uids(Some(1000), 2), [1001]);
    assert_eq!(uids(Some(1001), 2), []);
}

/// An account that was made again, or a second name for one uid, inherits nothing.
#[test]
fn a_name_belongs_to_one_uid() {
    let mut desk = Desk::new();
    for (uid, name) in [(0, "root"), (1000, "alice")] {
        desk.write(|tx| tx.ensure_account(&account(uid, name)));
    }
    let cases = [
        (1000, "alice", Identity::Known),
        (1001, "bob", Identity::Unknown),
        (0, "toor", Identity::Mismatch),
        (1001, "alice", Identity::Mismatch),
        (0, "alice", Identity::Mismatch),
    ];
    for (uid, name, identity) in cases {
        let asked = account(uid, name);
        assert_eq!(
            desk.read(|tx| tx.identity(&asked)),
            identity,
            "{name} {uid}"
        );
        let ensured = desk.try_write(|tx| tx.ensure_account(&asked));
        match identity {
            Identity::Mismatch => {
                assert!(
                    matches!(ensured, Err(StoreError::OtherAccount)),
                    "{name} {uid}"
                );
            }
            _ => assert!(ensured.is_ok(), "{name} {uid}"),
        }
    }
    assert_eq!(desk.count("SELECT count(*) FROM accounts"), 3);
}

#[test]
fn grace_is_given_and_taken() {
    let mut desk = Desk::new();
    for (uid, name) in [(1000, "alice"), (1001, "bob"), (1002, "carol")] {
        desk.write(|tx| tx.ensure_account(&account(uid, name)));
    }
    for (uid, days) in [(1000, 14), (1001, 7)] {
        let until = Some(after(days * 86_400));
        assert!(desk.write(|tx| tx.set_grace(uid, until)));
        assert_eq!(desk.read(|tx| tx.account(uid)).unwrap().grace_until, until);
    }
    assert!(
        !desk.write(|tx| tx.set_grace(5, Some(NOW))),
        "no such account"
    );
    let mut in_grace = |today, limit| -> Vec<u32> {
        let found = desk.read(|tx| tx.accounts_in_grace(today, limit));
        found.iter().map(|found| found.account.uid).collect()
    };
    assert_eq!(
        in_grace(NOW, 10),
        [1001, 1000],
        "whose ends first comes first"
    );
    assert_eq!(in_grace(NOW, 1), [1001]);
    let week = 7 * 86_400;
    assert_eq!(
        in_grace(after(week), 1),
        [1000],
        "what is over takes no place"
    );
    assert_eq!(in_grace(after(2 * week), 10), []);
    assert!(desk.write(|tx| tx.set_grace(1001, None)));
    assert_eq!(desk.read(|tx| tx.account(1001)).unwrap().grace_until, None);
}

/// "12 failed codes since your last login: your password is known."
#[test]
fn failures_after_a_password_are_counted_until_the_next_login() {
    let mut desk = Desk::new();
    desk.write(|tx| tx.ensure_account(&account(1000, "alice")));
    for count in 1..=12 {
        assert_eq!(desk.write(|tx| tx.note_failure_after_password(1000)), count);
    }
    assert_eq!(desk.write(|tx| tx.note_login(1000)), 12);
    assert_eq!(desk.write(|tx| tx.note_login(1000)), 0);
    let alice = desk.read(|tx| tx.account(1000)).unwrap();
    assert_eq!(
        (alice.failures_since_login, alice.last_login),
        (0, Some(NOW))
    );
    desk.sql("UPDATE accounts SET failures_since_login = 4294967295");
    assert_eq!(
        desk.write(|tx| tx.note_failure_after_password(1000)),
        u32::MAX
    );
    // What is not stored is not counted, and not made.
    assert_eq!(desk.write(|tx| tx.note_failure_after_password(5)), 0);
    assert_eq!(desk.write(|tx| tx.note_login(5)), 0);
    assert_eq!(desk.read(|tx| tx.account(5)), None);
}

#[test]
fn damage_is_an_error_and_not_a_default() {
    let mut desk = Desk::new();
    desk.write(|tx| tx.ensure_account(&account(1000, "alice")));
    let changes = [
        "UPDATE accounts SET name = ''",
        "UPDATE accounts SET name = '../root'",
        "UPDATE accounts SET name = 'alice' || char(10)",
        "UPDATE accounts SET uid = -1",
        "UPDATE accounts SET uid = 4294967296",
        "UPDATE accounts SET grace_until = -1",
        "UPDATE accounts SET failures_since_login = -1",
        "UPDATE accounts SET failures_since_login = 4294967296",
        "UPDATE accounts SET last_login = -1",
    ];
    desk.damages(&changes, |tx| {
        let mut all = tx.accounts(None, 10)?;
        // Out of the range of a page, but not of a name.
        all.extend(tx.account_named(&AccountName::new("alice").unwrap())?);
        Ok(all)
    });
}

/// Fills every table that has anything about an account.
fn fill(desk: &mut Desk, uid: u32, name: &str) {
    let source = Source::parse("192.0.2.1");
    desk.write(|tx| {
        tx.ensure_account(&account(uid, name))?;
        tx.set_grace(uid, Some(after(60)))?;
        renew(tx, uid, Secret::generate([7; 20]))?;
        for budget in [Budget::Codes, Budget::Recovery] {
            let attempt = Attempt {
                account: AccountKey::Known(uid),
                source,
                budget,
            };
            let old = tx.tally(&attempt, NOW, &Limits::DEFAULT)?;
            let mut new = old;
            new.failed(NOW, &Limits::DEFAULT);
            tx.put_tally(&attempt, &old, &new)?;
        }
        tx.remember_source(uid, source)?;
        let saved = tx.add_recovery_set(uid, &Salt([1; 16]), &[hash(1), hash(2)])?;
        tx.confirm_recovery_set(saved)?;
        tx.add_recovery_set(uid, &Salt([2; 16]), &[hash(3), hash(4)])?;
        tx.add_invite(uid, &hash(5), after(60))?;
        tx.add_exemption(uid, after(60), "backups")?;
        let bypass = permits::bypass(1);
        tx.add_bypass(Some(uid), &bypass, "lost phone")?;
        tx.put_notice(Some(uid), Audience::Both, "DEVICE_ADDED", "A new device")?;
        Ok(())
    });
}

#[test]
fn a_forgotten_account_leaves_nothing() {
    let mut desk = Desk::new();
    fill(&mut desk, 1000, "alice");
    fill(&mut desk, 1001, "bob");
    let everybody = permits::bypass(1);
    desk.write(|tx| tx.add_bypass(None, &everybody, "outage"));
    let other = desk.other();
    let owned: Vec<(String, String)> = other
        .prepare(
            "SELECT tables.name, columns.name FROM sqlite_schema AS tables \
            JOIN pragma_table_info(tables.name) AS columns WHERE tables.type = 'table' \
            AND tables.name <> 'audit' AND columns.name IN ('uid', 'account')",
        )
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let rows = |uid: u32| -> Vec<i64> {
        let count = |(table, column): &(String, String)| {
            let sql = format!("SELECT count(*) FROM {table} WHERE {column} = ?1");
            other.query_row(&sql, [uid], |row| row.get(0)).unwrap()
        };
        owned.iter().map(count).collect()
    };
    assert!(
        owned.len() >= 9 && rows(1000).iter().all(|count| *count > 0),
        "{owned:?}"
    );
    let bobs = rows(1001);
    assert!(desk.write(|tx| tx.forget_account(1000)));
    assert_eq!(rows(1000), vec![0; owned.len()], "{owned:?}");
    assert_eq!(rows(1001), bobs);
    assert_eq!(
        desk.count("SELECT count(*) FROM recovery_codes"),
        4,
        "bob's"
    );
    assert_eq!(
        desk.read(|tx| tx.bypasses()).len(),
        2,
        "bob's and everybody's"
    );
    assert!(
        !desk.write(|tx| tx.forget_account(1000)),
        "nothing was left"
    );
}
