//! Wrong codes that are right at another time tell administrators whose clock is off, and nobody else.

use serde_json::{Value, json};

use crate::site::{Phone, Site, login};
use crate::support::eventually;

fn status(site: &mut Site) -> Value {
    site.call("auth.twofactor.status", json!([]))
}

/// What status knows of the clocks of phones: whose, and by how many seconds.
fn skews(site: &mut Site) -> Vec<(String, i64)> {
    let status = status(site);
    let skews = status["skews"].as_array().unwrap().iter();
    let one = |skew: &Value| {
        let whose = skew["username"].as_str().unwrap().to_owned();
        (whose, skew["seconds"].as_i64().unwrap())
    };
    skews.map(one).collect()
}

/// The code that the phone shows whose clock is off. What comes of it is found after the answer.
fn type_off(site: &mut Site, name: &str, phone: &Phone, off: i64) {
    let seen = "SELECT count(*) FROM devices WHERE skew_at = ";
    let now = site.now();
    let there = now.saturating_add_signed(off);
    let before = site.number(&format!("{seen}{now}"));
    let answer = site.ask(&login(name).code(&phone.code(there)));
    assert_eq!(answer["verdict"], "WRONG", "{answer}");
    let words = answer.to_string();
    assert!(
        !["ahead", "behind", "clock"]
            .iter()
            .any(|word| words.contains(word)),
        "{words}"
    );
    eventually("the code is looked for", || {
        site.number(&format!("{seen}{now}")) > before
    });
}

fn warned(site: &mut Site, words: &str) -> bool {
    let status = status(site);
    let warnings = status["warnings"].as_array().unwrap();
    warnings
        .iter()
        .any(|text| text.as_str().unwrap().contains(words))
}

/// One code may be chance; two say that the phone is off; the next right one ends it.
#[test]
fn two_wrong_codes_that_agree_are_believed_until_one_is_right() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    // What is used up by the first code says nothing of a clock.
    site.pass(600);
    type_off(&mut site, "alice", &phone, -92);
    assert_eq!(skews(&mut site), []);
    site.pass(30);
    type_off(&mut site, "alice", &phone, -92);
    let found = skews(&mut site);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].0 == "alice" && found[0].1.abs_diff(-92) <= 15,
        "{found:?}"
    );
    assert!(warned(&mut site, "'phone' of alice"));
    let shown = site.daemon.midclt_ok(["2fa", "status"]);
    assert!(shown.contains("'phone' of alice"), "{shown}");
    site.restart();
    assert_eq!(skews(&mut site), found, "kept");
    site.pass(30);
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    assert_eq!(skews(&mut site), []);
}

/// Phones that are off alike are right.
#[test]
fn phones_that_are_off_alike_show_that_the_machine_is() {
    let mut site = Site::new();
    let phones = site.enrol_all(["alice", "bob"]);
    for _ in 0..2 {
        for (name, phone) in ["alice", "bob"].into_iter().zip(&phones) {
            type_off(&mut site, name, phone, 300);
        }
        site.pass(30);
    }
    assert_eq!(skews(&mut site).len(), 2);
    assert!(warned(&mut site, "it is this machine's clock: it is about"));
    assert!(!warned(&mut site, "Clocks of phones"));
}

/// Root is told at once what a code is, up to a day away, and nothing comes of it for anybody else.
#[test]
fn the_doctor_explains_a_code_and_accepts_none() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let now = site.now();
    let doctor = |site: &Site, code: &str| {
        let output = (site.daemon).midclt(["2fa", "doctor", "alice", "--code", code]);
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text.replace('\n', " "))
    };
    for (off, exit, words) in [
        (0, 0, "the right code of 'phone'. It was not used up"),
        (-30, 3, "is used up: each is good once"),
        (-92, 3, "behind this machine's. "),
        (600, 3, "ahead of this machine's"),
        (3_600, 3, "as far as a wrong time zone"),
        (86_000, 3, "ahead of this machine's"),
        (200_000, 3, "no code of this account's"),
    ] {
        let code = phone.code(now.saturating_add_signed(off));
        let window = i64::from(off == -30);
        site.call("auth.twofactor.update", json!([{"window": window}]));
        let (status, text) = doctor(&site, &code);
        assert_eq!(status, Some(exit), "{off}: {text}");
        assert!(text.contains(words), "{off}: {text}");
        assert!(
            !text.contains(&phone.code(now + 30)),
            "no code is shown: {text}"
        );
    }
    let counted = site.number("SELECT count(*) FROM streaks");
    let audited = "SELECT count(*) FROM audit WHERE outcome = 'code explained'";
    assert_eq!((counted, site.number(audited)), (0, 7));
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    let nobody = site
        .daemon
        .midclt(["2fa", "doctor", "carol", "--code", "123456"]);
    assert_eq!(nobody.status.code(), Some(1));
    let missing = site.daemon.midclt(["2fa", "doctor", "alice"]);
    assert_eq!(missing.status.code(), Some(2), "nobody to ask");
}
