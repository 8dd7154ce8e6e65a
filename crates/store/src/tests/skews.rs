//! What is known of a device's clock ends with its secret, and with the next code that is right.

use twofactor::{Skew, Source};

use super::*;

const SKEW: Skew = Skew {
    counter: 56_666_663,
    secs: -92,
    at: NOW,
    is_agreed: true,
};

/// A device whose clock is known to be off.
fn skewed(desk: &mut Desk) -> (i64, UnixTime) {
    desk.write(|tx| renew(tx, 1000, Secret::generate([7; 20])));
    let record = desk.read(|tx| tx.devices(1000)).remove(0);
    let (id, created) = (record.id, record.created);
    assert!(desk.write(|tx| tx.put_skew(id, created, &SKEW)));
    (id, created)
}

#[test]
fn only_what_two_codes_say_is_listed() {
    let mut desk = Desk::new();
    let (id, created) = skewed(&mut desk);
    let listed = desk.read(|tx| tx.skewed_devices(9));
    assert_eq!((listed[0].id, listed[0].skew), (id, SKEW));
    let alone = Skew {
        is_agreed: false,
        ..SKEW
    };
    desk.write(|tx| tx.put_skew(id, created, &alone));
    assert_eq!(desk.read(|tx| tx.skewed_devices(9)), []);
    assert_eq!(desk.read(|tx| tx.skew(id)), Some(alone));
    desk.damages(&["UPDATE devices SET skew_agreed = 2"], |tx| tx.skew(id));
}

#[test]
fn a_right_code_or_a_new_secret_ends_it() {
    let mut desk = Desk::new();
    let (id, _) = skewed(&mut desk);
    desk.write(|tx| tx.record_use(id, after(30), Source::Local));
    assert_eq!(desk.read(|tx| tx.skew(id)), None);
    let (id, created) = skewed(&mut desk);
    desk.wait_until(1);
    desk.write(|tx| tx.renew_device(id, &device(Secret::generate([8; 20]))));
    assert_eq!(desk.read(|tx| tx.skew(id)), None);
    let late = desk.write(|tx| tx.put_skew(id, created, &SKEW));
    assert!(!late, "what was found of the old secret comes too late");
}

#[test]
fn where_a_code_was_accepted() {
    let mut desk = Desk::new();
    let (id, _) = skewed(&mut desk);
    assert_eq!(desk.read(|tx| tx.last_source(id)), None);
    for text in ["192.0.2.1", "2001:db8::1", "", "no.address"] {
        let source = Source::parse(text);
        desk.write(|tx| tx.record_use(id, after(30), source));
        assert_eq!(desk.read(|tx| tx.last_source(id)), Some(source));
    }
    desk.write(|tx| tx.set_floor(id, after(60)));
    assert_eq!(desk.read(|tx| tx.last_source(id)), None);
}

/// A floor that a code of the window can still pass is no floor ahead.
#[test]
fn floors_that_are_ahead() {
    let mut desk = Desk::new();
    let (id, _) = skewed(&mut desk);
    let ahead = |desk: &mut Desk, window| desk.read(|tx| tx.floors_ahead(NOW, window));
    assert_eq!(ahead(&mut desk, 0), None);
    desk.write(|tx| tx.record_use(id, after(60), Source::Local));
    assert_eq!(ahead(&mut desk, 0), Some((1, after(60))));
    assert_eq!(ahead(&mut desk, 1), None);
}

/// Once for each latest time: it stands still while the clock is behind.
#[test]
fn a_clock_that_is_behind_is_news_once() {
    let mut desk = Desk::new();
    for (latest, is_news) in [(60, true), (60, false), (120, true), (60, true)] {
        let noted = desk.write(|tx| tx.note_behind(after(latest)));
        assert_eq!(noted, is_news, "{latest}");
        desk = desk.restarted();
    }
}
