//! Two-factor authentication for sshd goes off and on while people log in.

use std::thread;

use serde_json::json;

use super::door::{CODE, Door, EITHER, PASSWORD, check, passes, refused};

#[test]
fn off_for_sshd_a_key_or_a_password_is_enough_and_on_again_it_is_not() {
    let mut door = Door::new(EITHER);
    let [alice, bob] = door.enrolled(["alice", "bob"]);
    // Turned on while somebody would be locked out, it is refused.
    door.site.daemon.unenrolled("ALLOW");
    for _ in 0..2 {
        let off = json!([{"services": {"ssh": false}}]);
        door.site.call("auth.twofactor.update", off);
        check(&[
            passes("off, by password", door.by_password(&alice.0), &[PASSWORD]),
            passes("off, by key", door.by_key(&bob.0), &[]),
            refused(
                "off, wrong password",
                door.login(&alice.0).password("wrong"),
                &[PASSWORD],
            ),
            // The drop-in stays: batch clients never try keyboard-interactive.
            refused(
                "off, batch",
                door.by_key(&bob.0).option("BatchMode=yes"),
                &[],
            ),
        ]);
        let on = json!([{"services": {"ssh": true}}]);
        door.site.call("auth.twofactor.update", on);
        check(&[
            refused(
                "on, by password alone",
                door.by_password(&alice.0),
                &[PASSWORD, CODE, CODE, CODE],
            ),
            passes(
                "on, by key",
                door.by_key(&bob.0).code(&door.code(&bob.1)),
                &[CODE],
            ),
        ]);
        door.site.pass(30);
    }
}

/// Whoever has the right code gets in at every moment of it; whoever has a wrong password at none.
#[test]
fn switching_while_logins_run_loses_nobody_and_lets_nobody_in() {
    let mut door = Door::new(EITHER);
    let [(alice, phone), (bob, _)] = door.enrolled(["alice", "bob"]);
    // Turned on while somebody would be locked out, it is refused.
    door.site.daemon.unenrolled("ALLOW");
    let mut switch = door.site.daemon.connect();
    let switching = thread::spawn(move || {
        for round in 0..40 {
            let services = json!([{"services": {"ssh": round % 2 == 1}}]);
            switch.call("auth.twofactor.update", services);
            thread::sleep(std::time::Duration::from_millis(50));
        }
    });
    while !switching.is_finished() {
        let code = door.code(&phone);
        let outcome = door.by_key(&alice).code(&code).run();
        assert!(outcome.is_in, "{outcome:?}");
        let outcome = door.login(&bob).password("wrong").code(&code).run();
        assert!(!outcome.is_in, "{outcome:?}");
        door.site.pass(30);
    }
    switching.join().unwrap();
    check(&[refused(
        "on in the end",
        door.by_password(&bob),
        &[PASSWORD, CODE, CODE, CODE],
    )]);
}
