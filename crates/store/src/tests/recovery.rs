//! Recovery codes: sets, what confirms them, and single use.

use twofactor::{LookupSecret, RECOVERY_CODES, Salt};

use super::*;

const SALT: Salt = Salt([7; 16]);

fn hashes(first: u8) -> Vec<LookupHash> {
    (0..10).map(|at| hash(first + at)).collect()
}

pub(super) fn add(desk: &mut Desk, uid: u32, first: u8) -> i64 {
    let hashes = hashes(first);
    desk.write(|tx| tx.add_recovery_set(uid, &SALT, &hashes))
}

fn saved_and_unsaved(desk: &mut Desk, uid: u32) -> [Option<i64>; 2] {
    desk.read(|tx| {
        let id = |set: Option<RecoverySet>| set.map(|set| set.id);
        Ok([id(tx.recovery_set(uid)?), id(tx.unsaved_recovery_set(uid)?)])
    })
}

#[test]
fn what_is_stored_comes_back() {
    let mut desk = Desk::new();
    let id = add(&mut desk, 1000, 0);
    desk.wait_until(60);
    assert_eq!(desk.write(|tx| tx.confirm_recovery_set(id)), Some(1000));
    let mut desk = desk.restarted();
    let set = RecoverySet {
        id,
        uid: 1000,
        salt: SALT,
        created: NOW,
        saved: Some(after(60)),
        codes: hashes(0).into_iter().map(Some).collect(),
    };
    assert_eq!(set.left(), RECOVERY_CODES);
    assert_eq!(desk.read(|tx| tx.recovery_set(1000)), Some(set));
    assert_eq!(desk.read(|tx| tx.recovery_set(1001)), None);
}

/// Otherwise whoever prints new codes and loses them is locked out.
#[test]
fn the_old_set_counts_until_the_new_one_is_confirmed() {
    let mut desk = Desk::new();
    let first = add(&mut desk, 1000, 0);
    assert_eq!(saved_and_unsaved(&mut desk, 1000), [None, Some(first)]);
    assert_eq!(
        desk.read(|tx| tx.recovery_codes_left(1000)),
        0,
        "none that counts"
    );
    desk.write(|tx| tx.confirm_recovery_set(first));
    assert_eq!(saved_and_unsaved(&mut desk, 1000), [Some(first), None]);
    let never_saved = add(&mut desk, 1000, 10);
    let second = add(&mut desk, 1000, 20);
    assert_eq!(
        saved_and_unsaved(&mut desk, 1000),
        [Some(first), Some(second)]
    );
    assert_eq!(
        desk.write(|tx| tx.confirm_recovery_set(never_saved)),
        None,
        "it is gone"
    );
    assert_eq!(desk.write(|tx| tx.confirm_recovery_set(second)), Some(1000));
    assert_eq!(saved_and_unsaved(&mut desk, 1000), [Some(second), None]);
    assert_eq!(
        desk.count("SELECT count(*) FROM recovery_codes"),
        10,
        "the old ones are gone"
    );
}

#[test]
fn confirming_twice_changes_nothing() {
    let mut desk = Desk::new();
    let id = add(&mut desk, 1000, 0);
    desk.write(|tx| tx.confirm_recovery_set(id));
    let confirmed = desk.read(|tx| tx.recovery_set(1000));
    let unsaved = add(&mut desk, 1000, 10);
    desk.wait_until(60);
    assert_eq!(desk.write(|tx| tx.confirm_recovery_set(id)), Some(1000));
    assert_eq!(desk.read(|tx| tx.recovery_set(1000)), confirmed);
    assert_eq!(
        saved_and_unsaved(&mut desk, 1000),
        [Some(id), Some(unsaved)]
    );
}

#[test]
fn a_code_is_good_once() {
    let mut desk = Desk::new();
    let id = add(&mut desk, 1000, 0);
    desk.write(|tx| tx.confirm_recovery_set(id));
    desk.write(|tx| tx.use_recovery_code(id, 3));
    for (set, position, what) in [
        (id, 3, "a second use"),
        (id, 10, "no such code"),
        (id + 1, 4, "no such set"),
    ] {
        let used = desk.try_write(|tx| tx.use_recovery_code(set, position));
        assert!(matches!(used, Err(StoreError::Damaged { .. })), "{what}");
    }
    let mut desk = desk.restarted();
    let set = desk.read(|tx| tx.recovery_set(1000)).unwrap();
    let used: Vec<usize> = (0..10).filter(|at| set.codes[*at].is_none()).collect();
    assert_eq!((used.as_slice(), set.left()), ([3].as_slice(), 9));
    assert_eq!(twofactor::find(&set.codes, &hash(3)), None);
    assert_eq!(
        twofactor::find(&set.codes, &hash(4)),
        Some(4),
        "none is shifted"
    );
    assert_eq!(desk.read(|tx| tx.recovery_codes_left(1000)), 9);
    let left = desk.count("SELECT count(*) FROM recovery_codes WHERE length(hash) = 32");
    assert_eq!(left, 9, "the hash is overwritten");
}

#[test]
fn voided_codes_are_gone() {
    let mut desk = Desk::new();
    for uid in [1000, 1001] {
        let id = add(&mut desk, uid, 0);
        desk.write(|tx| tx.confirm_recovery_set(id));
        add(&mut desk, uid, 10);
    }
    desk.write(|tx| tx.void_recovery_codes(1000));
    assert_eq!(saved_and_unsaved(&mut desk, 1000), [None, None]);
    assert!(
        saved_and_unsaved(&mut desk, 1001)
            .iter()
            .all(Option::is_some)
    );
    assert_eq!(desk.count("SELECT count(*) FROM recovery_codes"), 20);
}

#[test]
fn damage_is_an_error_and_not_a_default() {
    let mut desk = Desk::new();
    let id = add(&mut desk, 1000, 0);
    desk.write(|tx| tx.confirm_recovery_set(id));
    let changes = [
        "UPDATE recovery_sets SET salt = x'00'",
        "UPDATE recovery_sets SET created = -1",
        "UPDATE recovery_sets SET saved = -1",
        "UPDATE recovery_codes SET hash = x'' WHERE position = 0",
        "UPDATE recovery_codes SET hash = zeroblob(33) WHERE position = 0",
        "UPDATE recovery_codes SET used = -1 WHERE position = 0",
        "UPDATE recovery_codes SET position = -1 WHERE position = 0",
        "UPDATE recovery_codes SET position = 10 WHERE position = 0",
        "DELETE FROM recovery_codes WHERE position = 4",
        "DELETE FROM recovery_codes",
        "INSERT INTO recovery_codes VALUES (1, 10, zeroblob(32), NULL)",
    ];
    desk.damages(&changes, |tx| tx.recovery_set(1000));
}

#[test]
fn no_clear_secret_is_on_disk() {
    let mut desk = Desk::new();
    // Bytes that nothing else in the file has in this order.
    let random: Vec<[u8; 10]> = (1..=10)
        .map(|at: u8| std::array::from_fn(|byte| at.wrapping_mul(97) ^ [0xd3, 0x5a][byte % 2]))
        .collect();
    let secrets: Vec<LookupSecret> = random.iter().copied().map(LookupSecret::generate).collect();
    let hashes: Vec<LookupHash> = secrets
        .iter()
        .map(|secret| secret.argon2id(&SALT).unwrap())
        .collect();
    desk.write(|tx| {
        tx.add_recovery_set(1000, &SALT, &hashes)?;
        tx.add_invite(1000, &secrets[0].sha256(), after(60))
            .map(drop)
    });
    let database = desk.place.file("middlewared.db");
    drop((desk.writer, desk.reader));
    let bytes = std::fs::read(database).unwrap();
    let has = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(has(&hashes[9].0), "it was looked at");
    for (bytes, secret) in random.iter().zip(&secrets) {
        let text = secret.to_text();
        assert!(!has(text.as_bytes()) && !has(text.replace('-', "").as_bytes()));
        assert!(!has(bytes));
    }
}
