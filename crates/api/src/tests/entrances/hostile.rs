//! The login methods, given whatever can be said in JSON, from seeds of what is right.

use proptest::prelude::*;

use super::*;

const LOGINS: [&str; 6] = [
    "auth.login",
    "auth.login_ex",
    "auth.login_ex_continue",
    "auth.mechanism_choices",
    "auth.reauthenticate",
    "auth.generate_token",
];

/// Right, or nearly, for one of them.
fn seed() -> impl Strategy<Value = Value> {
    let seeds = [
        json!(["root", WORD]),
        json!(["daemon", "wrong", "123456"]),
        json!(["daemon", WORD, null]),
        json!({ "username": "daemon", "password": WORD, "otp_token": 123_456 }),
        json!([{ "mechanism": "PASSWORD_PLAIN", "username": "daemon", "password": WORD,
            "login_options": { "user_info": true, "reconnect_token": true } }]),
        json!([{ "mechanism": "OTP_TOKEN", "otp_token": "123456" }]),
        json!([{ "mechanism": "OTP_TOKEN", "otp_token": "A-UMG3-CHLP-4T7M-XK2O" }]),
        json!([{ "mechanism": "AUTH_TOKEN_PLAIN", "token": "W-BROR-ZJAG-IDSG-2OUW" }]),
        json!([{ "mechanism": "API_KEY_PLAIN", "username": "root", "api_key": "1-x" }]),
        json!([{ "mechanism": "SCRAM", "scram_type": "CLIENT_FIRST_MESSAGE", "rfc_str": "n,,n=root" }]),
        json!(["123456", "auth.twofactor.update"]),
        json!([600, {}, true, true]),
        json!([]),
    ];
    proptest::sample::select(seeds.to_vec())
}

/// Anything at all; names of members and mechanisms more often than others.
fn anything() -> impl Strategy<Value = Value> {
    let word = proptest::sample::select(vec![
        "mechanism",
        "username",
        "password",
        "otp_token",
        "token",
        "login_options",
        "user_info",
        "PASSWORD_PLAIN",
        "OTP_TOKEN",
        "TOKEN_PLAIN",
        "root",
        "daemon",
        "",
        "123456",
        "\0",
        "../x",
        "\u{202e}",
        "0123456789",
        "１２３４５６",
        "'; --",
        "A-UMG3-CHLP-4T7M-XK2O",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        (1_usize..3_000).prop_map(|length| Value::from("x".repeat(length))),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((word.clone(), inner), 0..6).prop_map(|members| {
                let members = members.into_iter();
                Value::Object(
                    members
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

/// A seed with something else in one place.
fn changed() -> impl Strategy<Value = Value> {
    (seed(), any::<prop::sample::Index>(), anything()).prop_map(|(mut seed, place, value)| {
        let mut places = Vec::new();
        collect(&seed, String::new(), &mut places);
        let place = places[place.index(places.len())].clone();
        *seed.pointer_mut(&place).unwrap() = value;
        if seed.is_array() || seed.is_object() {
            seed
        } else {
            json!([seed])
        }
    })
}

fn collect(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Array(all) => {
            let inner = all.iter().enumerate();
            inner.for_each(|(key, value)| collect(value, format!("{at}/{key}"), places));
        }
        Value::Object(all) => {
            let inner = all.iter();
            inner.for_each(|(key, value)| collect(value, format!("{at}/{key}"), places));
        }
        _ => {}
    }
    places.push(at);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Everybody has a device here, so whatever is said without a code signs nobody in, and nothing is
    /// a bug: errors are of the few kinds that are documented, and repeat no password.
    #[test]
    fn whatever_is_said_signs_nobody_in(
        calls in proptest::collection::vec((0..LOGINS.len(), changed()), 1..12),
    ) {
        let mut web = Web::new("bin");
        web.enrol(PERSON.0);
        web.enable();
        for (method, params) in calls {
            match web.machine.call(LOGINS[method], params) {
                Ok(answer) => prop_assert!(
                    answer != true && answer["response_type"] != "SUCCESS",
                    "{answer}"
                ),
                Err(error) => {
                    let errno = error["data"]["error"].as_i64();
                    prop_assert!(
                        matches!(errno, Some(2 | 16 | 22 | 207)),
                        "{}: {error}", LOGINS[method]
                    );
                    prop_assert!(!error.to_string().contains(WORD), "{error}");
                }
            }
            prop_assert_eq!(web.errno("auth.me", json!([])), 207);
        }
    }
}
