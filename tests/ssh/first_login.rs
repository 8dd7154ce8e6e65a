//! The first device, set up at the login: the invite, the QR code as PAM's text, the first code.

use serde_json::{Value, json};
use testkit::{Algorithm, Begun, totp};

use crate::qr::image::{Theme, read_back};
use crate::terminal::Screen;

use super::door::{CODE, Door, EITHER, PASSWORD, Person, check, passes, refused};

const INVITE: &str = "Invite (Enter to skip): ";

fn invite(door: &mut Door, name: &str) -> String {
    let made = door
        .site
        .call("auth.twofactor.invite.create", json!([{"username": name}]));
    made["invite"].as_str().unwrap().to_owned()
}

fn grace(door: &mut Door, name: &str) {
    let params = json!([{"username": name, "days": 14}]);
    door.site.call("auth.twofactor.grace.create", params);
}

/// The key that is shown in groups of four for whoever cannot scan.
fn typed_key(shown: &str) -> String {
    let (_, rest) = shown.split_once("or type this key: ").expect("a key");
    let line = rest.lines().next().unwrap();
    line.chars()
        .filter(|letter| !letter.is_whitespace())
        .collect()
}

/// Gives the invite, reads what is shown, and gives the code that comes of it.
fn enrol(door: &Door, login: &Begun, invite: &str) -> String {
    login.wait_for(INVITE);
    login.answer(INVITE, invite);
    login.wait_for(CODE);
    let shown = login.shown();
    let key = typed_key(&shown);
    let scanned = read_back(&Screen::parse(&shown), Theme::DARK).expect("a QR code");
    assert!(scanned.starts_with("otpauth://totp/"), "{scanned}");
    assert!(scanned.contains(&format!("secret={key}")), "{scanned}");
    login.answer(CODE, &totp(&key, 6, 30, door.site.now(), Algorithm::Sha1));
    key
}

#[test]
fn an_invite_at_the_first_login_sets_up_a_device() {
    let mut door = Door::new(EITHER);
    let [alice, bob] = door.people(["alice", "bob"]);
    grace(&mut door, "alice");
    let invites = ["alice", "bob"].map(|name| invite(&mut door, name));
    // In grace with a password, and without grace with a key.
    let logins = [door.by_password(&alice).begin(), door.by_key(&bob).begin()];
    let keys: Vec<_> = logins
        .iter()
        .zip(&invites)
        .map(|(login, invite)| enrol(&door, login, invite))
        .collect();
    for login in logins {
        let outcome = login.end();
        assert!(outcome.is_in, "{outcome:?}");
    }
    // From now on a code is asked for, and the first one is used up.
    let code = |door: &Door, key: &str| totp(key, 6, 30, door.site.now(), Algorithm::Sha1);
    check(&[refused(
        "the first code again",
        door.by_key(&alice).code(&code(&door, &keys[0])),
        &[CODE, CODE, CODE],
    )
    .saying(&["already used"])]);
    door.site.pass(30);
    check(&[
        passes(
            "alice, by key",
            door.by_key(&alice).code(&code(&door, &keys[0])),
            &[CODE],
        ),
        passes(
            "bob, by password",
            door.by_password(&bob).code(&code(&door, &keys[1])),
            &[PASSWORD, CODE],
        ),
    ]);
}

#[test]
fn without_the_invite_grace_passes_and_nobody_else() {
    let mut door = Door::new(EITHER);
    let [alice, bob, carol] = door.people(["alice", "bob", "carol"]);
    grace(&mut door, "alice");
    let invites = ["alice", "bob"].map(|name| invite(&mut door, name));
    let wrong = invite_of_nobody(&invites[0]);
    let by = |person: &Person| door.by_password(person);
    let thrice = |person| (0..3).fold(by(person), |login, _| login.answer(INVITE, &wrong));
    check(&[
        passes(
            "skipped, in grace",
            by(&alice).answer(INVITE, ""),
            &[PASSWORD, INVITE],
        ),
        passes(
            "wrong, in grace",
            thrice(&alice),
            &[PASSWORD, INVITE, INVITE, INVITE],
        ),
        refused("skipped", by(&bob).answer(INVITE, ""), &[PASSWORD, INVITE]),
        refused(
            "somebody else's",
            by(&bob).answer(INVITE, &invites[0]).answer(INVITE, ""),
            &[PASSWORD, INVITE, INVITE],
        ),
        refused("not invited", by(&carol), &[PASSWORD]),
        refused(
            "before the password is proven, no invite is asked for",
            door.login(&bob)
                .password("wrong")
                .answer(INVITE, &invites[1]),
            &[PASSWORD],
        ),
    ]);
    let devices: Value = door.site.call("auth.twofactor.device.query", json!([]));
    let names: Vec<_> = devices
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["username"])
        .collect();
    assert!(
        !names.contains(&&json!("alice")) && !names.contains(&&json!("bob")),
        "{devices}"
    );
}

/// One of the right form that was given to nobody.
fn invite_of_nobody(real: &str) -> String {
    let last = real.chars().last().unwrap();
    let other = if last == 'A' { 'C' } else { 'A' };
    format!("{}{other}", &real[..real.len() - 1])
}
