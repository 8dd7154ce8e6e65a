//! Recovery codes: ten, on paper, for the day on which the phone is gone.
#![cfg(feature = "system")]

use std::fs;

use serde_json::{Value, json};
use testkit::Daemon;

use crate::api::secrecy::collect;
use crate::site::{ACCOUNTS, Site, codes_of, login, wrong_code};
use crate::support::errno;

/// A code from an address that nothing is known of.
fn use_up(site: &mut Site, name: &str, code: &str) -> Value {
    site.ask(&login(name).code(code).from("192.0.2.200"))
}

fn verdict(site: &mut Site, name: &str, code: &str) -> String {
    use_up(site, name, code)["verdict"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn remaining(site: &mut Site, name: &str) -> Value {
    site.call("auth.twofactor.recovery.remaining", json!([name]))["remaining"].clone()
}

/// Something of the form of a recovery code, check character and all, that is nobody's.
fn wrong_recovery_code(site: &mut Site) -> String {
    let set = site.call("auth.twofactor.recovery.generate", json!(["frank"]));
    codes_of(&set).remove(0)
}

/// Each of ten, once, at two left with a warning; and none of them twice, over a restart as well.
#[test]
fn ten_codes_are_good_once_each_and_warn_when_few_are_left() {
    let mut site = Site::new();
    site.enrol("alice");
    let codes = site.recovery_codes("alice");
    assert_eq!(codes.len(), 10);
    assert_eq!(remaining(&mut site, "alice"), 10);
    for (used, code) in (1..).zip(&codes) {
        let answer = use_up(&mut site, "alice", code);
        assert_eq!(
            (&answer["verdict"], &answer["device"]),
            (&json!("ACCEPTED"), &json!("recovery code")),
            "{used}"
        );
        let left = 10 - used;
        let warnings = answer["warnings"].to_string();
        assert_eq!(
            warnings.contains("midclt 2fa recovery"),
            left <= 2,
            "{left}: {warnings}"
        );
        assert_eq!(remaining(&mut site, "alice"), left);
        let status = site.call("auth.twofactor.status", json!([]));
        let listed = json!([{"username": "alice", "remaining": left}]);
        let expected = if left <= 2 { listed } else { json!([]) };
        assert_eq!(status["recovery"], expected, "{left}");
        if used % 4 == 0 {
            site.cut_power();
        }
    }
    for code in &codes[..5] {
        assert_eq!(verdict(&mut site, "alice", code), "WRONG", "once more");
    }
    assert_eq!(
        verdict(&mut site, "alice", &codes[5]),
        "LOCKED",
        "they are guesses now"
    );
}

/// A code that has this symbol, out of new sets until there is one.
fn code_with(site: &mut Site, symbol: char) -> String {
    loop {
        let codes = site.recovery_codes("alice");
        if let Some(code) = codes.into_iter().find(|code| code.contains(symbol)) {
            return code;
        }
    }
}

/// A way to type a code.
type Form = fn(&str) -> String;

/// As people write them down and type them: any case, any grouping, and 0, 1, 8 for O, I, B.
#[test]
fn confusable_characters_and_any_grouping_are_forgiven() {
    let mut site = Site::new();
    site.enrol("alice");
    let forms: [(char, Form); 8] = [
        ('-', str::to_lowercase),
        ('-', |code| code.replace('-', "")),
        ('-', |code| code.replace('-', " ")),
        ('-', |code| format!("  {code} \n")),
        ('O', |code| code.replace('O', "0")),
        ('I', |code| code.replace('I', "1")),
        ('B', |code| code.replace('B', "8")),
        ('O', |code| code.to_lowercase().replace('o', "0")),
    ];
    for (symbol, form) in forms {
        let code = code_with(&mut site, symbol);
        let typed = form(&code);
        assert_ne!(typed, code);
        assert_eq!(verdict(&mut site, "alice", &typed), "ACCEPTED", "{typed:?}");
        let again = verdict(&mut site, "alice", &code);
        assert_eq!(again, "WRONG", "the same code in its own form");
    }
}

/// A slip of the pen or the finger is no guess.
#[test]
fn slips_in_a_recovery_code_are_not_counted() {
    let mut site = Site::new();
    site.enrol("alice");
    // A wrong character anywhere, two that changed places, one too few, one too many.
    let code = site.recovery_codes("alice").remove(0);
    let symbols: Vec<char> = code.chars().filter(|symbol| *symbol != '-').collect();
    let mut slips: Vec<String> = (0..symbols.len())
        .map(|at| {
            let mut slip = symbols.clone();
            slip[at] = if slip[at] == 'A' { 'C' } else { 'A' };
            slip.into_iter().collect()
        })
        .collect();
    slips.extend([
        code[1..].to_owned(),
        format!("{code}A"),
        code.replace('-', "_"),
    ]);
    if let Some(at) = (1..symbols.len()).find(|at| symbols[*at] != symbols[at - 1]) {
        let mut slip = symbols.clone();
        slip.swap(at, at - 1);
        slips.push(slip.into_iter().collect());
    }
    for slip in &slips {
        assert_eq!(verdict(&mut site, "alice", slip), "WRONG", "{slip}");
    }
    assert_eq!(
        site.number("SELECT count(*) FROM streaks"),
        0,
        "slips are no guesses"
    );
    assert_eq!(verdict(&mut site, "alice", &code), "ACCEPTED");
}

/// Whoever makes new codes and loses the paper before it is dry still has the old ones.
#[test]
fn the_old_set_lives_until_the_new_one_is_confirmed_as_saved() {
    let mut site = Site::new();
    site.enrol("alice");
    let old = site.recovery_codes("alice");
    let lost = site.call("auth.twofactor.recovery.generate", json!(["alice"]));
    let new = site.call("auth.twofactor.recovery.generate", json!(["alice"]));
    assert_eq!(verdict(&mut site, "alice", &old[0]), "ACCEPTED");
    for unsaved in [&lost, &new] {
        assert_eq!(
            verdict(&mut site, "alice", &codes_of(unsaved)[0]),
            "WRONG",
            "not saved yet"
        );
    }
    assert_eq!(remaining(&mut site, "alice"), 9);
    let error = site.refused("auth.twofactor.recovery.confirm_saved", json!([lost["id"]]));
    assert_eq!(errno(&error), 2, "it was replaced: {error}");
    let saved = site.call("auth.twofactor.recovery.confirm_saved", json!([new["id"]]));
    assert_eq!(saved, json!({"username": "alice", "remaining": 10}));
    assert_eq!(
        verdict(&mut site, "alice", &old[1]),
        "WRONG",
        "the old paper is worth nothing"
    );
    assert_eq!(verdict(&mut site, "alice", &codes_of(&new)[0]), "ACCEPTED");
    // They are one account's.
    site.enrol("bob");
    assert_eq!(verdict(&mut site, "bob", &codes_of(&new)[1]), "WRONG");
    assert_eq!(verdict(&mut site, "alice", &codes_of(&new)[1]), "ACCEPTED");
}

/// Guesses at recovery codes have a budget of their own, and do not close the door for codes, nor the
/// other way round.
#[test]
fn recovery_codes_and_codes_have_budgets_of_their_own() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let codes = site.recovery_codes("alice");
    let wrong_recovery = login("alice").code(&wrong_recovery_code(&mut site));
    let wrong = login("alice").code(&wrong_code(&[&phone], 6, site.now()));
    let good = login("alice").code(&phone.code(site.now()));
    site.guess_wrong(&wrong, 5);
    assert_eq!(site.verdict(&good), "LOCKED");
    site.guess_wrong(&wrong_recovery, 5);
    let recovery = login("alice").code(&codes[0]);
    assert_eq!(site.verdict(&recovery), "LOCKED", "five of them as well");
    site.pass(30);
    assert_eq!(site.verdict(&recovery), "ACCEPTED");
    let again = site.verdict(&login("alice").code(&phone.code(site.now())));
    assert_eq!(again, "ACCEPTED");
}

/// Both doors back in at once: the hard stop, and a master key that is gone.
#[test]
fn a_recovery_code_works_through_the_hard_stop_and_without_the_master_key() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let codes = site.recovery_codes("alice");
    let wrong = wrong_code(&[&phone], 6, site.now());
    for number in 0..20 {
        let door = login("alice")
            .code(&wrong)
            .from(&format!("203.0.113.{number}"));
        site.guess_wrong(&door, 5);
    }
    let good = login("alice")
        .code(&phone.code(site.now()))
        .from("192.0.2.200");
    assert_eq!(site.verdict(&good), "LOCKED");
    assert_eq!(
        verdict(&mut site, "alice", &codes[0]),
        "ACCEPTED",
        "in the hard stop"
    );
    site.stop();
    fs::remove_file(site.daemon.state_dir().join("middlewared.key")).unwrap();
    site.start();
    site.pass(30);
    let door = login("alice").without("source");
    let params = door.clone().code("123456").params();
    let error = site.refused("auth.twofactor.authenticate", params);
    assert_eq!(
        errno(&error),
        126,
        "no code can be judged, and nobody is let in: {error}"
    );
    assert_eq!(site.verdict(&door), "CODE_REQUIRED", "the prompt is there");
    assert_eq!(
        verdict(&mut site, "alice", &codes[1]),
        "ACCEPTED",
        "without the key"
    );
    assert_eq!(
        verdict(&mut site, "alice", &codes[1]),
        "WRONG",
        "and used up"
    );
    let early = login("alice")
        .unproven()
        .code(&codes[2])
        .from("192.0.2.201");
    assert_eq!(site.verdict(&early), "ACCEPTED");
}

/// Codes, secrets, invites and what was typed: not in the log at its loudest, not in a file, not in an
/// event, not in any answer but the one that hands them out.
#[test]
fn no_log_no_file_no_event_and_no_list_holds_a_recovery_code_an_invite_or_a_secret() {
    let builder = Daemon::builder().accounts(&ACCOUNTS);
    let mut site = Site::with(builder.arg("--log").arg("trace"));
    site.call("core.subscribe", json!(["*"]));
    let phone = site.enrol("alice");
    let codes = site.recovery_codes("alice");
    let renewed = site.call("user.renew_2fa_secret", json!(["bob", {"otp_digits": 8}]));
    let uri = renewed["twofactor_config"]["provisioning_uri"]
        .as_str()
        .unwrap();
    let bobs = uri
        .split("secret=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    let invite = site.call(
        "auth.twofactor.invite.create",
        json!([{"username": "carol"}]),
    );
    let invite = invite["invite"].as_str().unwrap().to_owned();
    let typed = "Hunter2-typed-as-a-name";
    for token in [
        &codes[0],
        &codes[0],
        &codes[1].to_lowercase(),
        &invite,
        &typed.to_owned(),
    ] {
        use_up(&mut site, "alice", token);
        use_up(&mut site, typed, token);
    }
    let code = phone.code(site.now());
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
    site.call(
        "auth.twofactor.device.update",
        json!([phone.id, {"name": "tablet"}]),
    );
    let mut shown = String::new();
    for list in [
        "audit",
        "status",
        "device.query",
        "invite.query",
        "bypass.query",
        "policy.config",
    ] {
        shown += &site
            .call(&format!("auth.twofactor.{list}"), json!([]))
            .to_string();
    }
    shown += &site
        .call("auth.twofactor.recovery.remaining", json!(["alice"]))
        .to_string();
    // All that happened so far was told by now; the connection hears it before this answer.
    site.call("core.ping", json!([]));
    let mut events = String::new();
    for _ in 0..8 {
        events += &site.socket.event().to_string();
    }
    assert!(events.contains("auth.twofactor.login"), "{events}");
    site.stop();
    let mut places = vec![
        ("the log".to_owned(), site.daemon.log().into_bytes()),
        ("a list".to_owned(), shown.into_bytes()),
        ("an event".to_owned(), events.into_bytes()),
    ];
    collect(&site.daemon.state_dir(), &mut places);
    let mut needles = vec![
        phone.secret.clone(),
        bobs,
        invite,
        typed.to_owned(),
        "otpauth".to_owned(),
    ];
    needles.extend(codes);
    let plain: Vec<String> = needles
        .iter()
        .map(|needle| needle.replace('-', ""))
        .collect();
    needles.extend(plain);
    needles.push(code);
    for (name, bytes) in places {
        let text = String::from_utf8_lossy(&bytes).to_uppercase();
        for needle in &needles {
            assert!(!text.contains(&needle.to_uppercase()), "{needle} in {name}");
        }
    }
}

/// Recovery codes end with the account's record, and a set that nobody saved is no set.
#[test]
fn an_unset_account_has_no_recovery_codes_left() {
    let mut site = Site::new();
    site.enrol("alice");
    let codes = site.recovery_codes("alice");
    site.call("user.unset_2fa_secret", json!(["alice"]));
    site.enrol("alice");
    assert_eq!(verdict(&mut site, "alice", &codes[0]), "WRONG");
    let found = site.call("auth.twofactor.recovery.remaining", json!(["alice"]));
    assert_eq!(
        (&found["remaining"], &found["unsaved"]),
        (&json!(0), &json!(false))
    );
    site.call("auth.twofactor.recovery.generate", json!(["alice"]));
    let found = site.call("auth.twofactor.recovery.remaining", json!(["alice"]));
    assert_eq!(
        (&found["remaining"], &found["unsaved"]),
        (&json!(0), &json!(true))
    );
}
