//! A session that is over, a daemon that was restarted: what was typed is there again.

use serde_json::json;

use super::{Site, config, first_step, value};
use crate::web::keeper::WORD;

const SETTINGS: &str = "/two-factor/settings";
const TYPED: [(&str, &str); 4] = [
    ("otp_digits", "7"),
    ("interval", "60"),
    ("window", "2"),
    ("code", "123456"),
];

/// What the sign-in page would send with the name and the password.
fn kept(page: &testkit::Answer) -> Vec<(String, String)> {
    let inputs = page.body.split("name=\"kept_").skip(1);
    inputs
        .map(|input| {
            let (name, rest) = input.split_once("\" value=\"").unwrap();
            let value = rest.split('"').next().unwrap();
            (format!("kept_{name}"), value.to_owned())
        })
        .collect()
}

#[test]
fn a_form_sent_into_an_ended_session_is_there_again_after_signing_in() {
    let site = Site::new();
    let mut browser = site.root(None);
    let mut root = site.daemon.connect();
    root.call("auth.terminate_other_sessions", json!([]));
    let page = browser.post(SETTINGS, &TYPED);
    assert_eq!(page.status, 403);
    assert!(
        page.says("<h1>Sign in</h1>") && page.says("Nothing was done"),
        "{page:?}"
    );
    assert!(!page.says("Sign out") && !page.says("123456"), "{page:?}");
    let handed_on = kept(&page);
    // A wrong password does not lose it.
    let mut fields = vec![("username", "root"), ("password", "wrong")];
    fields.extend(
        handed_on
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let page = browser.post("/sign-in", &fields);
    assert_eq!(kept(&page), handed_on, "{page:?}");
    fields[1].1 = WORD;
    let page = browser.post("/sign-in", &fields);
    assert!(page.says("what you typed before"), "{page:?}");
    assert_eq!(
        (value(&page, "interval"), value(&page, "window")),
        ("60".to_owned(), "2".to_owned())
    );
    assert!(page.says("<option selected>7</option>"), "{page:?}");
    assert_eq!(config(&site)["window"], 0, "nothing is done by itself");
    // Shown once.
    assert_eq!(value(&browser.get("/two-factor"), "interval"), "30");
}

#[test]
fn it_is_kept_over_the_code_too_and_a_wrong_one() {
    use crate::support::code_at;
    let site = Site::new();
    let secret = site.enable();
    let mut browser = site.root(Some((&secret, 0)));
    browser.cookies.clear();
    browser.get("/sign-in");
    let page = browser.post(SETTINGS, &TYPED);
    let mut handed_on = kept(&page);
    for (code, is_right) in [
        ("000000".to_owned(), false),
        (code_at(&secret, testkit::now() + 30), true),
    ] {
        let mut fields = vec![("username", "root"), ("password", WORD)];
        fields.extend(
            handed_on
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        browser.post("/sign-in", &fields);
        let page = browser.post("/sign-in/code", &[("code", &code)]);
        if is_right {
            assert_eq!(value(&page, "window"), "2", "{page:?}");
        } else {
            handed_on = kept(&page);
            assert!(!handed_on.is_empty(), "{page:?}");
        }
    }
}

#[test]
fn what_a_form_hands_on_is_for_pages_of_here_alone_and_never_a_secret() {
    let site = Site::new();
    let mut browser = site.web.browser();
    browser.get("/sign-in");
    let fields = [
        ("username", "root"),
        ("password", WORD),
        ("kept_for", "https://evil.example/"),
        ("kept_.window", "9"),
    ];
    let page = browser.post("/sign-in", &fields);
    assert!(
        page.says("is NOT enabled") && !page.says("what you typed"),
        "{page:?}"
    );
    assert_eq!(value(&page, "window"), "0");
}

#[test]
fn a_page_of_an_ended_session_leads_to_the_sign_in_and_back() {
    let mut site = Site::new();
    let mut cookies = site.root(None).cookies;
    site.daemon.restart();
    let mut browser = site.web.browser();
    browser.cookies.append(&mut cookies);
    for path in [
        "/two-factor",
        "/two-factor/enable",
        "/two-factor/renew",
        "/two-factor/ssh",
    ] {
        assert!(browser.get(path).says("Sign in to go on"), "{path}");
    }
    let page = first_step(&mut browser, "root", WORD);
    assert!(page.says("is NOT enabled"), "{page:?}");
    // While somebody is signed in, the same address changes nothing.
    assert!(browser.get("/sign-in?over").says("is NOT enabled"));
}
