//! What people are told at their next login: each once, and of each kind one line.

use super::*;

fn told(desk: &mut Desk, uid: u32) -> Vec<(Option<u32>, u32, String)> {
    let notices = desk.read(|tx| tx.notices(uid));
    let shown = notices.into_iter();
    shown
        .map(|notice| (notice.uid, notice.count, notice.message))
        .collect()
}

fn put(desk: &mut Desk, uid: Option<u32>, audience: Audience, kind: &str, message: &str) {
    desk.write(|tx| tx.put_notice(uid, audience, kind, message));
}

#[test]
fn the_owner_and_root_are_told_once_each() {
    let mut desk = Desk::new();
    put(&mut desk, Some(1000), Audience::Both, "DEVICE_ADDED", "new");
    desk.wait_until(5);
    put(&mut desk, Some(1000), Audience::Root, "FAILURES", "wrong");
    put(&mut desk, None, Audience::Both, "DRIFT", "sshd");
    let new = (Some(1000), 1, "new".to_owned());
    assert_eq!(told(&mut desk, 1000), std::slice::from_ref(&new));
    assert_eq!(told(&mut desk, 1001), []);
    assert_eq!(told(&mut desk, 0).len(), 3);
    desk.write(|tx| tx.notices_told(1000));
    assert_eq!(told(&mut desk, 1000), []);
    let mut desk = desk.restarted();
    assert_eq!(told(&mut desk, 0)[2], new);
    desk.write(|tx| tx.notices_told(0));
    assert_eq!(told(&mut desk, 0), []);
    assert_eq!(desk.count("SELECT count(*) FROM notices"), 0);
}

/// Whoever makes noise makes one line, and does not hide what others did.
#[test]
fn the_same_again_is_counted() {
    let mut desk = Desk::new();
    for number in 0..100 {
        let message = format!("{number}");
        put(
            &mut desk,
            Some(1000),
            Audience::Both,
            "CODE_REUSED",
            &message,
        );
    }
    let last = (Some(1000), 100, "99".to_owned());
    assert_eq!(told(&mut desk, 0), [last]);
    desk.write(|tx| tx.notices_told(0));
    put(
        &mut desk,
        Some(1000),
        Audience::Both,
        "CODE_REUSED",
        "again",
    );
    let again = (Some(1000), 1, "again".to_owned());
    assert_eq!(told(&mut desk, 0), [again]);
}

#[test]
fn what_concerns_root_is_told_once() {
    let mut desk = Desk::new();
    put(&mut desk, Some(0), Audience::Both, "DEVICE_ADDED", "new");
    assert_eq!(told(&mut desk, 0).len(), 1);
    desk.write(|tx| tx.notices_told(0));
    assert_eq!(desk.count("SELECT count(*) FROM notices"), 0);
    put(&mut desk, Some(0), Audience::Both, "DEVICE_ADDED", "new");
    desk.damages(&["UPDATE notices SET at = -1"], |tx| tx.notices(0));
}
