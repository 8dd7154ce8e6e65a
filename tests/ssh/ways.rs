//! Each way in, and each half of it alone.

use ssh::dropin::{DropIn, Mode, RootDoor};

use crate::site::wrong_code;

use super::door::{CODE, Door, EITHER, PASSWORD, check, passes, refused};

#[test]
fn a_password_or_a_key_and_a_code_and_no_half_alone() {
    let mut door = Door::new(EITHER);
    let [alice, bob, carol, dave, erin, frank, grace, heidi] = door.enrolled([
        "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi",
    ]);
    let [ivan] = door.people(["ivan"]);
    let code = |phone| door.code(phone);
    let wrong = wrong_code(&[&dave.1, &erin.1], 6, door.site.now());
    let (right, batch) = (code(&erin.1), "BatchMode=yes");
    check(&[
        passes(
            "password + code",
            door.by_password(&alice.0).code(&code(&alice.1)),
            &[PASSWORD, CODE],
        ),
        passes(
            "key + code",
            door.by_key(&bob.0).code(&code(&bob.1)),
            &[CODE],
        ),
        refused("key alone", door.by_key(&carol.0).option(batch), &[]),
        refused(
            "key, and three times no code",
            door.by_key(&carol.0).code("").code("").code(""),
            &[CODE, CODE, CODE],
        ),
        refused(
            "key + three wrong codes",
            door.by_key(&dave.0).code(&wrong).code(&wrong).code(&wrong),
            &[CODE, CODE, CODE],
        )
        .saying(&["This code is wrong"]),
        passes(
            "key, a wrong code, the right one with a space",
            door.by_key(&erin.0)
                .code(&wrong)
                .code(&format!("{} {}", &right[..3], &right[3..])),
            &[CODE, CODE],
        )
        .saying(&["This code is wrong"]),
        refused(
            "password alone",
            door.by_password(&frank.0).code("").code("").code(""),
            &[PASSWORD, CODE, CODE, CODE],
        ),
        refused(
            "a wrong password is never asked for a code",
            door.login(&grace.0).password("wrong").code(&code(&grace.1)),
            &[PASSWORD],
        ),
        refused(
            "an empty password",
            door.login(&heidi.0).password("").code(&code(&heidi.1)),
            &[PASSWORD],
        ),
        refused(
            "somebody else's key",
            door.login(&ivan).key(&alice.0.key),
            &[PASSWORD],
        ),
        refused(
            "no account of this machine",
            door.machine
                .login("nobody-here")
                .password("x")
                .code("123456"),
            &[PASSWORD],
        ),
        refused(
            "the password method",
            door.by_password(&frank.0)
                .option("PreferredAuthentications=password"),
            &[],
        ),
    ]);
    check(&[
        passes(
            "the code that was not asked for after a wrong password is good",
            door.by_password(&grace.0).code(&code(&grace.1)),
            &[PASSWORD, CODE],
        ),
        refused(
            "a code that let in by a password, by a key",
            door.by_key(&alice.0).code(&code(&alice.1)),
            &[CODE, CODE, CODE],
        )
        .saying(&["already used"]),
        refused(
            "a code that let in by a key, by a password",
            door.by_password(&bob.0).code(&code(&bob.1)),
            &[PASSWORD, CODE, CODE, CODE],
        )
        .saying(&["already used"]),
    ]);
    assert_no_secrets(&door, &[&code(&alice.1), &code(&bob.1), &alice.0.password]);
}

/// Neither sshd's log nor syslog nor our own has a code or a password.
fn assert_no_secrets(door: &Door, secrets: &[&str]) {
    let logs = [
        door.machine.sshd_log(),
        door.machine.syslog(),
        door.site.daemon.log(),
    ];
    for log in &logs {
        for secret in secrets {
            assert!(!log.contains(secret), "{secret} is in the log: {log}");
        }
    }
}

#[test]
fn on_a_key_only_host_no_password_path_is_opened() {
    let mut door = Door::new(DropIn {
        mode: Mode::KeyOnly,
        root: RootDoor::AsItWas,
    });
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    check(&[
        refused(
            "password + code",
            door.by_password(&alice.0).code(&door.code(&alice.1)),
            &[],
        ),
        passes(
            "key + code",
            door.by_key(&bob.0).code(&door.code(&bob.1)),
            &[CODE],
        ),
    ]);
    // With two-factor authentication off, a key is enough, and a password is none still.
    let off = serde_json::json!([{"enabled": false}]);
    door.site.call("auth.twofactor.update", off);
    check(&[
        refused("password, off", door.by_password(&alice.0), &[]),
        passes("key, off", door.by_key(&bob.0), &[]),
    ]);
}

/// In quotes it is one list, which nobody can satisfy; `sshd -t` takes it, and `sshd -T` prints it as
/// it prints the right one.
#[test]
fn authentication_methods_in_quotes_refuses_everyone() {
    let plain = "publickey,keyboard-interactive:pam keyboard-interactive:pam";
    let quoted = EITHER.text().replacen(plain, &format!("\"{plain}\""), 1);
    assert_ne!(quoted, EITHER.text());
    let mut door = Door::with_files(&quoted, str::to_owned);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    check(&[
        refused(
            "password + code",
            door.by_password(&alice.0).code(&door.code(&alice.1)),
            &[],
        ),
        refused(
            "key + code",
            door.by_key(&bob.0).code(&door.code(&bob.1)),
            &[],
        ),
    ]);
    door.machine.run_ok(["sshd", "-t"]);
    let shown = door
        .machine
        .run_ok(["sshd", "-T", "-C", "user=alice,host=h,addr=127.0.0.1"]);
    assert!(
        shown.contains(&format!("authenticationmethods {plain}\n")),
        "{shown}"
    );
    // The right form, with the same people.
    door.machine.write(ssh::DROPIN, &EITHER.text());
    door.machine.reload_sshd();
    door.site.pass(30);
    check(&[
        passes(
            "password + code, no quotes",
            door.by_password(&alice.0).code(&door.code(&alice.1)),
            &[PASSWORD, CODE],
        ),
        passes(
            "key + code, no quotes",
            door.by_key(&bob.0).code(&door.code(&bob.1)),
            &[CODE],
        ),
    ]);
}

/// sshd asks PAM's account phase about keys too, and the module demands its own verdict there.
#[test]
fn key_alone_is_refused_even_with_authentication_methods_deleted() {
    let dropin = EITHER.text();
    let lines = dropin
        .lines()
        .filter(|line| !line.contains("AuthenticationMethods"));
    let without: String = lines.flat_map(|line| [line, "\n"]).collect();
    let mut door = Door::with_files(&without, str::to_owned);
    let [alice, bob, carol] = door.enrolled(["alice", "bob", "carol"]);
    let [dave] = door.people(["dave"]);
    let exempt = serde_json::json!([{
        "username": "carol", "until": door.site.now() + 3600, "reason": "a job",
    }]);
    door.site.call("auth.twofactor.exemption.create", exempt);
    check(&[
        refused("key alone", door.by_key(&alice.0), &[]),
        refused("key alone, no device", door.by_key(&dave), &[]),
        passes("key alone, exempt account", door.by_key(&carol.0), &[]),
        passes(
            "password + code",
            door.by_password(&bob.0).code(&door.code(&bob.1)),
            &[PASSWORD, CODE],
        ),
    ]);
    let off = serde_json::json!([{"enabled": false}]);
    door.site.call("auth.twofactor.update", off);
    check(&[passes("key alone, off", door.by_key(&alice.0), &[])]);
}

/// The lines around `@include common-auth` do not change what a password is: accounts without one
/// stay without.
#[test]
fn locked_and_expired_accounts_stay_out() {
    let mut door = Door::new(EITHER);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    door.machine.run_ok(["passwd", "-l", "alice"]);
    door.machine.run_ok(["chage", "-E", "1", "bob"]);
    check(&[
        refused(
            "a locked password",
            door.by_password(&alice.0).code(&door.code(&alice.1)),
            &[PASSWORD],
        ),
        passes(
            "a key besides a locked password",
            door.by_key(&alice.0).code(&door.code(&alice.1)),
            &[CODE],
        ),
        refused(
            "an expired account",
            door.by_key(&bob.0).code(&door.code(&bob.1)),
            &[CODE],
        ),
    ]);
}
