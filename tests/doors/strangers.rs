//! Before a password or key is proven, nothing shows of an account.

use serde_json::{Value, json};

use crate::site::{Login, Site, login, uid_of, wrong_code};

/// What a stranger may try, one after the other. Their answers are compared whole.
fn attempts(digits: &[String]) -> Vec<Value> {
    let mut tokens = vec![
        Value::Null,
        json!(""),
        json!("   "),
        json!("no code"),
        json!("12345"),
        json!("123456789"),
        json!("K-AAAA-AAAA-AAAA-AAAA"),
    ];
    tokens.extend(digits.iter().map(|code| json!(code)));
    // Locked by now, or not: as long as it is the same for all.
    tokens.extend([Value::Null, json!(""), json!("no code"), json!("123456")]);
    tokens
}

/// Known and unknown accounts, with devices of any shape and without, get the same answers to the
/// letter, through to the lock and after it.
#[test]
fn known_and_unknown_accounts_get_the_same_answers_before_the_first_factor() {
    let mut site = Site::new();
    let alice = site.enrol("alice");
    let bob = site.issue_as(&json!({"username": "bob", "name": "phone", "otp_digits": 8}));
    site.confirm(&bob);
    site.pass(30);
    site.issue("carol", "pending");
    site.recovery_codes("dave");
    site.call("auth.twofactor.grace.create", json!([{"username": "erin"}]));
    let bypass = json!([{"username": "frank", "reason": "a lost phone"}]);
    site.call("auth.twofactor.bypass.create", bypass);
    let codes =
        [6, 6, 7, 8, 8, 6, 6, 6].map(|digits| wrong_code(&[&alice, &bob], digits, site.now()));
    let tokens = attempts(&codes);
    let mut expected: Option<Vec<Value>> = None;
    let people: [(&str, Login); 10] = [
        ("no such account", login("nobody-here")),
        ("another one", login("postgres-admin")),
        ("an active device", login("alice")),
        ("one of eight digits", login("bob")),
        ("a pending one", login("carol")),
        ("recovery codes", login("dave")),
        ("grace", login("erin")),
        ("a bypass", login("frank")),
        ("a mismatch", login("alice").with("uid", uid_of("bob"))),
        ("no account's name", login("../../etc/passwd")),
    ];
    for (number, (what, door)) in people.into_iter().enumerate() {
        let door = door.unproven().from(&format!("203.0.113.{number}"));
        let answers: Vec<Value> = tokens
            .iter()
            .map(|token| site.ask(&door.clone().with("token", token.clone())))
            .collect();
        match &expected {
            None => expected = Some(answers),
            Some(expected) => {
                for ((answer, expected), token) in answers.iter().zip(expected).zip(&tokens) {
                    assert_eq!(answer, expected, "{what}: {token}");
                }
            }
        }
    }
    let verdicts: Vec<String> = expected
        .unwrap()
        .iter()
        .map(|answer| answer["verdict"].as_str().unwrap().to_owned())
        .collect();
    assert!(verdicts.contains(&"LOCKED".into()), "{verdicts:?}");
    assert!(
        !verdicts.iter().any(|verdict| verdict == "NOT_ENROLLED"),
        "{verdicts:?}"
    );
}

/// What is no code counts nothing, however often, and asks once more.
#[test]
fn null_empty_and_malformed_tokens_are_not_counted() {
    let mut site = Site::new();
    let phone = site.enrol("alice");
    let long = "9".repeat(1024);
    let tokens = [
        Value::Null,
        json!(""),
        json!(" "),
        json!("password"),
        json!("12 34"),
        json!("123456789"),
        json!("١٢٣٤٥٦"),
        json!("123-456"),
        json!("K-AAAA-AAAA-AAAA-AAA"),
        json!(long),
    ];
    for factor in [Value::Null, json!("password")] {
        for _ in 0..5 {
            for token in &tokens {
                let door = login("alice").with("factor", factor.clone());
                let verdict = site.verdict(&door.with("token", token.clone()));
                let expected = match token.as_str() {
                    None | Some("" | " ") => "CODE_REQUIRED",
                    Some(_) => "WRONG",
                };
                assert_eq!(verdict, expected, "{token}");
            }
        }
    }
    assert_eq!(site.number("SELECT count(*) FROM streaks"), 0);
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
}
