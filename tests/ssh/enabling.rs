//! `midclt 2fa ssh enable` on a machine as Debian has it: who would be locked out, what keeps the trial
//! and what does not, and the way back.

use serde_json::json;
use testkit::Login;

use crate::support::stderr;

use super::door::{CODE, Door, PASSWORD, Person, check, passes, refused};

const ENABLE: [&str; 6] = ["2fa", "ssh", "enable", "--yes", "--no-wait", "--seconds"];

fn enable(door: &Door, seconds: &str) {
    door.midclt(&[&ENABLE[..], &[seconds]].concat());
}

/// As everybody logged in before: sshd's own method, which asks in its own words.
fn by_old_method(door: &Door, person: &Person) -> Login {
    door.by_password(person)
        .option("PreferredAuthentications=password")
}

const OLD_PROMPT: &str = "alice@127.0.0.1's password: ";

/// The two files, to the letter.
fn files(door: &Door) -> (bool, String) {
    let dropin = door.machine.path(ssh::DROPIN).exists();
    (dropin, door.machine.read(ssh::STACK))
}

fn trial(door: &mut Door) -> serde_json::Value {
    door.site.call("auth.twofactor.status", json!([]))["trial"].clone()
}

#[test]
fn nobody_is_locked_out_and_the_first_login_with_a_code_keeps_it() {
    let mut door = Door::unguarded();
    let [alice] = door.enrolled(["alice"]);
    let [bob] = door.people(["bob"]);
    let _root = door.root();
    let before = files(&door);
    check(&[
        passes("before", by_old_method(&door, &alice.0), &[OLD_PROMPT]),
        passes("before, a key alone", door.by_key(&bob), &[]),
    ]);
    // Bob has no device.
    let output = door.try_midclt(&[&ENABLE[..], &["300"]].concat());
    assert!(
        !output.status.success() && stderr(&output).contains("bob"),
        "{output:?}"
    );
    assert_eq!(files(&door), before, "nothing was changed");
    let grace = json!([{"username": "bob", "days": 7}]);
    door.site.call("auth.twofactor.grace.create", grace);
    enable(&door, "300");
    assert!(trial(&mut door).is_object());
    // A grace, a wrong code and a key alone keep nothing.
    check(&[
        passes("bob's grace", door.by_key(&bob), &[]),
        refused(
            "a key alone",
            door.by_key(&alice.0).option("BatchMode=yes"),
            &[],
        ),
        refused("the old method", by_old_method(&door, &alice.0), &[]),
        refused(
            "no code",
            door.by_password(&alice.0),
            &[PASSWORD, CODE, CODE, CODE],
        ),
    ]);
    assert!(trial(&mut door).is_object());
    check(&[passes(
        "a code",
        door.by_password(&alice.0).code(&door.code(&alice.1)),
        &[PASSWORD, CODE],
    )]);
    assert_eq!(trial(&mut door), json!(null));
    door.midclt(&["2fa", "ssh", "check", "--report"]);
    let status = door.site.call("auth.twofactor.status", json!([]));
    assert_eq!(status["sshd"]["ready"], true, "{status}");
    door.site.restart();
    door.site.pass(30);
    check(&[
        passes(
            "after a restart, by key",
            door.by_key(&alice.0).code(&door.code(&alice.1)),
            &[CODE],
        ),
        refused(
            "after a restart, a key alone",
            door.by_key(&alice.0).option("BatchMode=yes"),
            &[],
        ),
    ]);
    door.midclt(&["2fa", "ssh", "disable", "--yes"]);
    assert_eq!(files(&door), before, "as it was");
    check(&[
        passes("disabled", by_old_method(&door, &alice.0), &[OLD_PROMPT]),
        passes("disabled, a key alone", door.by_key(&bob), &[]),
    ]);
}
