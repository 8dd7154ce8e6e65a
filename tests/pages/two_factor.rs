//! Credentials > 2FA, by a browser without scripts.

use serde_json::json;
use testkit::{Algorithm, now, totp};

use super::{Site, config, first_step};
use crate::support::code_at;
use crate::web::keeper::WORD;

#[test]
fn settings_are_saved_after_a_fresh_code_and_refusals_keep_what_was_typed() {
    let site = Site::new();
    let secret = site.enable();
    let mut browser = site.root(Some((&secret, 0)));
    assert!(
        browser.get("/two-factor").says("each one more is two more"),
        "a wide window is warned of"
    );
    let page = browser.post("/two-factor/settings", &of(&[("window", "2")]));
    assert!(
        page.says("Saved.") && page.says("More than 2 helps"),
        "{page:?}"
    );
    assert_eq!(config(&site)["window"], 2);
    let page = browser.post("/two-factor/settings", &of(&[("window", "11")]));
    assert!(page.says("Should be between 0 and 10"), "{page:?}");
    assert!(
        page.says("value=\"11\""),
        "what was typed is kept: {page:?}"
    );
    assert_eq!(config(&site)["window"], 2);
}

/// The form with nothing changed but this.
fn of<'a>(changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = changed.to_vec();
    for (was, key, value) in [
        ("was_otp_digits", "otp_digits", "6"),
        ("was_interval", "interval", "30"),
        ("was_window", "window", "10"),
    ] {
        fields.push((was, value));
        if !changed.iter().any(|(name, _)| *name == key) {
            fields.push((key, value));
        }
    }
    fields
}

/// To show a secret needs a code, and after this the phone's codes are wrong.
#[test]
fn other_digits_show_the_qr_code_until_the_phone_has_it() {
    let site = Site::new();
    let secret = site.enable();
    let mut browser = site.root(Some((&secret, 0)));
    let mut fields = of(&[("otp_digits", "8"), ("interval", "60"), ("window", "2")]);
    let page = browser.post("/two-factor/settings", &fields);
    assert!(page.says("makes wrong codes from then on"), "{page:?}");
    assert_eq!(config(&site)["otp_digits"], 6);
    let code = code_at(&secret, now() + 30);
    fields.push(("code", &code));
    let page = browser.post("/two-factor/settings", &fields);
    assert_eq!(super::secret_of(&page), secret);
    let saved = config(&site);
    assert_eq!(
        (&saved["otp_digits"], &saved["interval"]),
        (&json!(8), &json!(60))
    );
    let page = browser.get("/two-factor");
    assert!(page.says("has to scan the QR code again"), "{page:?}");
    // A code of the old entry is none.
    let old = code_at(&secret, now() + 60);
    let page = browser.post("/two-factor/scan", &[("step", "scanned"), ("code", &old)]);
    assert!(page.says("This code is wrong"), "{page:?}");
    assert_eq!(super::secret_of(&page), secret, "after a reload too");
    // The app cannot do it: back to what the phone has.
    let page = browser.post("/two-factor/scan", &[("step", "undo")]);
    assert!(page.says("as they were before"), "{page:?}");
    let saved = config(&site);
    assert_eq!(
        (&saved["otp_digits"], &saved["interval"]),
        (&json!(6), &json!(30))
    );
    assert!(!browser.get("/two-factor/scan").says("<svg"));
}

#[test]
fn a_phone_that_has_scanned_again_shows_its_code() {
    let site = Site::new();
    let secret = site.enable();
    let mut browser = site.root(Some((&secret, 0)));
    let code = code_at(&secret, now() + 30);
    let mut fields = of(&[("otp_digits", "8")]);
    fields.push(("code", &code));
    let page = browser.post("/two-factor/settings", &fields);
    assert_eq!(super::secret_of(&page), secret);
    let code = totp(&secret, 8, 30, now() + 60, Algorithm::Sha1);
    let page = browser.post("/two-factor/scan", &[("step", "scanned"), ("code", &code)]);
    assert!(page.says("Saved, and scanned."), "{page:?}");
    assert!(!page.says("scan-again"), "{page:?}");
}

#[test]
fn disabling_needs_a_new_code_of_its_own() {
    let site = Site::new();
    let secret = site.enable();
    let mut browser = site.root(Some((&secret, 0)));
    let page = browser.get("/two-factor/disable");
    assert!(page.says("Disable for everybody"));
    let page = browser.post("/two-factor/disable", &[]);
    assert!(page.says("<h1>Verification code</h1>"), "{page:?}");
    let page = browser.post("/two-factor/disable", &[("code", "000000")]);
    assert!(page.says("This code is wrong"), "{page:?}");
    assert_eq!(config(&site)["enabled"], true);
    let code = code_at(&secret, now() + 30);
    let page = browser.post("/two-factor/disable", &[("code", &code)]);
    assert!(page.says("is NOT enabled"), "{page:?}");
    assert_eq!(config(&site)["enabled"], false);
}

#[test]
fn the_secret_is_shown_after_a_new_code_and_in_that_answer_only() {
    let site = Site::new();
    let secret = site.enable();
    let mut browser = site.root(Some((&secret, 0)));
    let spaced: Vec<_> = secret
        .as_bytes()
        .chunks(4)
        .map(String::from_utf8_lossy)
        .collect();
    let spaced = spaced.join(" ");
    let page = browser.post("/two-factor/secret", &[]);
    assert!(
        page.says("<h1>Verification code</h1>") && !page.says(&spaced),
        "{page:?}"
    );
    let code = code_at(&secret, now() + 30);
    let page = browser.post("/two-factor/secret", &[("code", &code)]);
    assert!(page.says(&spaced) && page.says("<svg"), "{page:?}");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(!browser.get("/two-factor").says(&spaced));
}

#[test]
fn a_form_changes_only_what_was_changed_in_it() {
    let site = Site::new();
    let secret = site.enable();
    let mut browser = site.root(Some((&secret, 0)));
    // This tab still shows window 10; another one has set it to 2 meanwhile.
    let mut root = site.daemon.connect();
    root.call("auth.twofactor.update", json!([{"window": 2}]));
    let code = code_at(&secret, now() + 30);
    let mut fields = of(&[("otp_digits", "8")]);
    fields.push(("code", &code));
    let page = browser.post("/two-factor/settings", &fields);
    assert!(page.says("<svg"), "{page:?}");
    let saved = config(&site);
    assert_eq!(
        (&saved["otp_digits"], &saved["window"]),
        (&json!(8), &json!(2))
    );
}

#[test]
fn an_open_page_hears_of_changes_at_the_console() {
    use std::io::{Read, Write};
    let site = Site::new();
    let browser = site.root(None);
    let (name, value) = &browser.cookies[0];
    let mut live = site.web.connect_tls();
    let request =
        format!("GET /live HTTP/1.1\r\nHost: localhost\r\nCookie: {name}={value}\r\n\r\n");
    live.write_all(request.as_bytes()).unwrap();
    let mut heard = String::new();
    let mut read_until = |word: &str| {
        let mut buffer = [0; 1024];
        while !heard.contains(word) {
            let length = live.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "ended before {word}: {heard}");
            heard += &String::from_utf8_lossy(&buffer[..length]);
        }
    };
    read_until("retry: 5000");
    site.enable();
    read_until("data: changed");
    assert!(!heard.contains("secret"), "{heard}");
}

#[test]
fn whoever_is_no_administrator_is_told_so_by_the_daemon() {
    let site = Site::new();
    site.daemon.unenrolled("ALLOW");
    let mut browser = site.web.browser();
    first_step(&mut browser, "bin", WORD);
    let page = browser.get("/two-factor");
    assert_eq!(page.status, 403, "{page:?}");
    assert!(page.says("this is for administrators"), "{page:?}");
    assert!(!page.says("Credentials"), "{page:?}");
}
