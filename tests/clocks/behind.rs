//! A machine whose clock has gone back: a dead battery, a resumed machine, a bad time server. Nothing opens
//! again, and it is said at once.

use serde_json::{Value, json};

use crate::site::{DAY, Site, login};

const SAID: &str = "clock is behind";

fn texts(answer: &Value) -> String {
    format!("{}{}", answer["message"], answer["warnings"])
}

/// To whoever has proven a password, in status, as an alert once, and to root at the next login.
#[test]
fn it_is_said_at_once_and_recovery_codes_work() {
    let mut site = Site::new();
    let [phone, root] = site.enrol_with_root("alice");
    let codes = site.recovery_codes("alice");
    let right = site.now();
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    assert_eq!(site.log_in("root", &root), "ACCEPTED");
    let mut subscriber = site.daemon.connect();
    subscriber.call("core.subscribe", json!(["auth.twofactor.alert"]));

    site.set(right - DAY);
    let at_prompt = site.ask(&login("alice"));
    assert_eq!(at_prompt["verdict"], "CODE_REQUIRED");
    assert!(texts(&at_prompt).contains(SAID), "{at_prompt}");
    let alert = subscriber.event();
    assert_eq!(alert["params"]["fields"]["kind"], "CLOCK_BEHIND", "{alert}");
    // The code that was used, the one of the time that the clock shows, and the one to come.
    for time in [right, right - DAY, right + 30] {
        let answer = site.ask(&login("alice").code(&phone.code(time)));
        assert_ne!(answer["verdict"], "ACCEPTED", "{time}: {answer}");
        assert!(texts(&answer).contains(SAID), "{time}: {answer}");
    }
    let stranger = site.ask(&login("alice").unproven());
    assert!(!texts(&stranger).contains(SAID), "{stranger}");
    let status = site.call("auth.twofactor.status", json!([]));
    let warnings = status["warnings"].to_string();
    assert!(warnings.contains("The clock is behind"), "{warnings}");
    assert!(
        warnings.contains("2 devices have codes used that are still to come"),
        "{warnings}"
    );
    assert_eq!(site.verdict(&login("alice").code(&codes[0])), "ACCEPTED");
    let console = login("alice").without("source").code(&codes[1]);
    assert_eq!(site.verdict(&console), "ACCEPTED");

    // Back again: the alert came once, and root is told at the next login.
    site.set(right + 30);
    let answer = site.ask(&login("root").code(&root.code(right + 30)));
    assert_eq!(answer["verdict"], "ACCEPTED");
    let said = answer["warnings"].to_string();
    assert!(
        said.contains("The clock shows") && said.contains("midclt 2fa log"),
        "{said}"
    );
    let told =
        |site: &mut Site| site.number("SELECT count(*) FROM notices WHERE kind = 'CLOCK_BEHIND'");
    assert_eq!(told(&mut site), 0, "told");
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");

    // Behind once more is news again.
    site.pass(3600);
    site.verdict(&login("alice"));
    site.set(right);
    site.verdict(&login("alice"));
    assert_eq!(told(&mut site), 1);
}
