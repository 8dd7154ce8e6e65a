//! Wrong codes at the real door: the wait, its words, and who stays unharmed by it.

use serde_json::json;

use crate::site::{login, wrong_code};

use super::door::{CODE, Door, EITHER, PASSWORD, check, passes, refused};

/// Where the owner is, and two places of strangers.
const HOME: &str = "127.0.0.1";
const ELSEWHERE: &str = "127.0.0.66";
const FAR: &str = "127.0.0.99";

/// Recovery codes have waits of their own.
const RECOVERY: &str = "Recovery code (Enter to give up): ";
/// What OpenSSH's client asks when a key was right and sshd offers no method any more: nobody is let in
/// by the answer.
const IN_VAIN: &str = "alice@127.0.0.1's password: ";

#[test]
fn five_wrong_codes_make_that_address_wait_and_no_other() {
    let mut door = Door::new(EITHER);
    let [alice] = door.enrolled(["alice"]);
    let [eve] = door.people(["eve"]);
    let wrong = wrong_code(&[&alice.1], 6, door.site.now());
    let guess = |times: usize| {
        let login = door.by_password(&alice.0).from(ELSEWHERE);
        (0..times).fold(login, |login, _| login.code(&wrong))
    };
    check(&[refused("three", guess(3), &[PASSWORD, CODE, CODE, CODE])]);
    // The fifth failure begins the wait; the sixth code is not looked at.
    let locked = ["Too many wrong codes"];
    check(&[refused("two and one more", guess(3), &[PASSWORD, CODE, CODE, CODE]).saying(&locked)]);
    let right = door.code(&alice.1);
    check(&[
        refused(
            "the right code from there",
            door.by_password(&alice.0)
                .from(ELSEWHERE)
                .answer(RECOVERY, &right),
            &[PASSWORD, RECOVERY],
        )
        .saying(&["Too many wrong codes. Try again in 30 s"]),
        refused(
            "no recovery code from there",
            door.by_key(&alice.0).from(ELSEWHERE),
            &[RECOVERY, IN_VAIN],
        )
        .saying(&locked),
        refused(
            "before the password is proven, nothing shows",
            door.login(&alice.0)
                .from(ELSEWHERE)
                .password("wrong")
                .code(&right),
            &[PASSWORD],
        ),
        refused(
            "somebody without a device",
            door.by_password(&eve).from(ELSEWHERE).code(&right),
            &[PASSWORD],
        ),
        passes(
            "the owner from home",
            door.by_key(&alice.0).from(HOME).code(&right),
            &[CODE],
        ),
    ]);
    let codes = door.site.recovery_codes("alice");
    let recovering = door.by_key(&alice.0).from(ELSEWHERE);
    check(&[passes(
        "a recovery code from there, still in the wait",
        recovering.answer(RECOVERY, &codes[0]),
        &[RECOVERY],
    )]);
    door.site.pass(30);
    check(&[passes(
        "from there, after the wait",
        door.by_key(&alice.0)
            .from(ELSEWHERE)
            .code(&door.code(&alice.1)),
        &[CODE],
    )]);
}

/// A hundred failures from all over close new addresses, and not those that the owner was let in from.
#[test]
fn a_known_source_stays_open_while_others_are_closed() {
    let mut door = Door::new(EITHER);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    check(&[passes(
        "home becomes known",
        door.by_key(&alice.0).from(HOME).code(&door.code(&alice.1)),
        &[CODE],
    )]);
    let wrong = wrong_code(&[&alice.1], 6, door.site.now());
    for failure in 0..100 {
        // Under five from each.
        let from = login("alice").from(&format!("198.51.100.{}", failure / 4));
        door.site.guess_wrong(&from.code(&wrong), 1);
    }
    door.site.pass(30);
    check(&[
        refused(
            "a new address",
            door.by_key(&alice.0).from(FAR).code(&door.code(&alice.1)),
            &[RECOVERY, IN_VAIN],
        )
        .saying(&["Too many wrong codes"]),
        passes(
            "the same account from home, and it hears of the guesses",
            door.by_key(&alice.0).from(HOME).code(&door.code(&alice.1)),
            &[CODE],
        ),
        passes(
            "another account from that address",
            door.by_key(&bob.0).from(FAR).code(&door.code(&bob.1)),
            &[CODE],
        ),
    ]);
    let unlock = json!(["alice"]);
    door.site.call("auth.twofactor.unlock", unlock);
    door.site.pass(30);
    check(&[passes(
        "unlocked by root",
        door.by_key(&alice.0).from(FAR).code(&door.code(&alice.1)),
        &[CODE],
    )]);
}
