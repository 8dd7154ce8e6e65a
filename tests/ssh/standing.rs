//! Accounts of every standing: without a device, in grace, invited, bypassed, with two phones.

use serde_json::json;
use testkit::{Login, Outcome};

use crate::site::{DAY, Phone};

use super::door::{CODE, Door, EITHER, PASSWORD, Person, check, passes, refused};

fn policy(door: &mut Door, unenrolled: &str) {
    let policy = json!([{"unenrolled": unenrolled}]);
    door.site.call("auth.twofactor.policy.update", policy);
}

#[test]
fn without_a_device_the_policy_or_a_grace_decides() {
    let mut door = Door::new(EITHER);
    let [alice, bob, carol] = door.people(["alice", "bob", "carol"]);
    door.site.call(
        "auth.twofactor.grace.create",
        json!([{"username": "bob", "days": 2}]),
    );
    let all = |door: &Door, is_in: [bool; 3], says: &[&str]| {
        let case = |person: &Person, is_in: bool, key: bool| {
            let (login, prompts) = if key {
                (door.by_key(person), &[][..])
            } else {
                (door.by_password(person), &[PASSWORD][..])
            };
            if is_in {
                passes("no device", login, prompts)
            } else {
                refused("no device", login, prompts).saying(says)
            }
        };
        let [a, b, c] = is_in;
        check(&[
            case(&alice, a, false),
            case(&alice, a, true),
            case(&bob, b, false),
            case(&bob, b, true),
            case(&carol, c, false),
            // A wrong password is not let in by anything.
            refused(
                "wrong password",
                door.login(&bob).password("wrong"),
                &[PASSWORD],
            ),
        ]);
    };
    let deny = ["This account has no second factor"];
    all(&door, [false, true, false], &deny);
    policy(&mut door, "ALLOW");
    all(&door, [true, true, true], &[]);
    // The policy is taken back only where that locks nobody out at once.
    for username in ["alice", "carol"] {
        let grace = json!([{"username": username, "days": 1}]);
        door.site.call("auth.twofactor.grace.create", grace);
    }
    policy(&mut door, "DENY");
    door.site.pass(2 * DAY);
    all(&door, [false, false, false], &deny);
}

#[test]
fn a_recovery_code_is_good_once() {
    let mut door = Door::new(EITHER);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    let codes = door.site.recovery_codes("alice");
    let again = door.by_password(&alice.0).code(&codes[0]);
    check(&[
        passes("the first time", again.clone(), &[PASSWORD, CODE]),
        refused(
            "somebody else's",
            door.by_key(&bob.0).code(&codes[1]),
            &[CODE, CODE, CODE],
        ),
    ]);
    check(&[
        refused("the second time", again, &[PASSWORD, CODE, CODE, CODE]).saying(&["recovery code"]),
        passes(
            "another, in small letters without dashes, by key",
            door.by_key(&alice.0)
                .code(&codes[2].to_lowercase().replace('-', "")),
            &[CODE],
        ),
    ]);
}

#[test]
fn a_bypass_is_used_up_and_an_exemption_ends() {
    let mut door = Door::new(EITHER);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    let bypass = json!([{"username": "alice", "uses": 2, "reason": "a lost phone"}]);
    door.site.call("auth.twofactor.bypass.create", bypass);
    let until = door.site.now() + DAY;
    let exemption = json!([{"username": "bob", "until": until, "reason": "a job"}]);
    door.site.call("auth.twofactor.exemption.create", exemption);
    check(&[
        refused(
            "a wrong password uses none up",
            door.login(&alice.0).password("wrong"),
            &[PASSWORD],
        ),
        passes("bypass by key", door.by_key(&alice.0), &[]),
        passes(
            "bypass by password",
            door.by_password(&alice.0),
            &[PASSWORD],
        ),
        passes("exempt by key", door.by_key(&bob.0), &[]),
        passes("exempt by password", door.by_password(&bob.0), &[PASSWORD]),
    ]);
    door.site.pass(DAY);
    check(&[
        passes(
            "the bypass is used up",
            door.by_key(&alice.0).code(&door.code(&alice.1)),
            &[CODE],
        ),
        passes(
            "the exemption is over",
            door.by_key(&bob.0).code(&door.code(&bob.1)),
            &[CODE],
        ),
    ]);
}

/// The exemption of a key is for logins that prove it, and leaves the account's other ways as they are.
#[test]
fn an_exempt_key_passes_and_the_account_s_other_key_does_not() {
    let mut door = Door::new(EITHER);
    let [(alice, phone)] = door.enrolled(["alice"]);
    let [bob] = door.people(["bob"]);
    let public = format!("{}.pub", alice.key.display());
    let print = door.machine.run_ok(["ssh-keygen", "-lf", &public]);
    let print = print.split(' ').nth(1).unwrap().to_owned();
    let until = door.site.now() + DAY;
    let exemption = json!([{
        "username": "alice", "until": until, "reason": "a laptop", "key": print,
    }]);
    door.site.call("auth.twofactor.exemption.create", exemption);
    // Bob's key lets alice in as well, so that only the verifier tells the keys apart.
    let others = std::fs::read_to_string(format!("{}.pub", bob.key.display())).unwrap();
    let mine = door.machine.read("/home/alice/.ssh/authorized_keys");
    door.machine
        .write("/home/alice/.ssh/authorized_keys", &(mine + &others));
    check(&[
        passes("the exempt key", door.by_key(&alice), &[]),
        refused(
            "another key",
            door.login(&alice).key(&bob.key),
            &[CODE, CODE, CODE],
        ),
        refused(
            "the password",
            door.by_password(&alice),
            &[PASSWORD, CODE, CODE, CODE],
        ),
        // It never comes to PAM's question, which is where the key would count.
        refused(
            "the exempt key in batch mode",
            door.by_key(&alice).option("BatchMode=yes"),
            &[],
        ),
    ]);
    check(&[passes(
        "another key and a code",
        door.login(&alice).key(&bob.key).code(&door.code(&phone)),
        &[CODE],
    )]);
}

#[test]
fn a_second_device_and_a_clock_that_jumps() {
    let mut door = Door::new(EITHER);
    let [alice] = door.enrolled(["alice"]);
    let tablet = door.site.issue("alice", "tablet");
    door.site.confirm(&tablet);
    door.site.pass(30);
    let by_key = |door: &Door, phone: &Phone| {
        let code = door.code(phone);
        door.by_key(&alice.0).code(&code).code("").code("")
    };
    check(&[
        passes("the phone", by_key(&door, &alice.1), &[CODE]),
        passes("the tablet", by_key(&door, &tablet), &[CODE]),
    ]);
    // The clock jumps ahead and back: what was used stays used, what is to come is good when it comes.
    let before = door.site.now();
    door.site.set(before + 600);
    check(&[passes(
        "ten minutes ahead",
        by_key(&door, &alice.1),
        &[CODE],
    )]);
    door.site.set(before + 30);
    check(&[
        refused(
            "back: the phone's floor is ahead",
            by_key(&door, &alice.1),
            &[CODE, CODE, CODE],
        ),
        passes(
            "back: the tablet has no such floor",
            by_key(&door, &tablet),
            &[CODE],
        ),
    ]);
    door.site.set(before + 630);
    check(&[passes(
        "when its time has come",
        by_key(&door, &alice.1),
        &[CODE],
    )]);
}

/// What a person at a terminal sees after the door has opened.
fn shell(login: Login) -> Outcome {
    login
        .option("RequestTTY=force")
        .command("")
        .typing("exit\n")
        .run()
}

#[test]
fn warnings_are_shown_at_the_login_and_not_before_the_password() {
    let mut door = Door::new(EITHER);
    let [alice] = door.enrolled(["alice"]);
    let wrong = crate::site::wrong_code(&[&alice.1], 6, door.site.now());
    let code = door.code(&alice.1);
    check(&[refused(
        "three failures",
        door.by_password(&alice.0)
            .code(&wrong)
            .code(&wrong)
            .code(&wrong),
        &[PASSWORD, CODE, CODE, CODE],
    )]);
    let without = door.login(&alice.0).password("wrong").code(&code).run();
    assert!(!without.texts.contains("wrong codes"), "{without:?}");
    let outcome = shell(door.by_password(&alice.0).code(&code));
    let shown = outcome.stdout + &outcome.texts;
    assert!(
        shown.contains("3 wrong codes were typed since your last login"),
        "{shown}"
    );
    door.site.pass(30);
    let outcome = shell(door.by_password(&alice.0).code(&door.code(&alice.1)));
    let shown = outcome.stdout + &outcome.texts;
    assert!(!shown.contains("wrong codes"), "told once: {shown}");
}
