//! Enabling step by step, by a browser without scripts.

use serde_json::{Value, json};
use testkit::{Answer, Browser, now};

use super::{Site, config, devices, first_step, hidden, secret_of};
use crate::support::code_at;
use crate::web::keeper::WORD;

const ENABLE: &str = "/two-factor/enable";

/// What root gives out at the console.
fn invite(site: &Site, name: &str) -> String {
    let mut root = site.daemon.connect();
    let made = root.call(
        "auth.twofactor.invite.create",
        json!([{ "username": name }]),
    );
    made["invite"].as_str().unwrap().to_owned()
}

/// The recovery codes that a page shows.
fn codes(page: &Answer) -> Vec<String> {
    let list = page.body.split("id=\"recovery-codes\"").nth(1).unwrap();
    let list = list.split("</ol>").next().unwrap();
    let items = list.split("<li>").skip(1);
    items
        .map(|item| item.split('<').next().unwrap().to_owned())
        .collect()
}

/// Up to the QR code of a first device.
fn to_the_phone(site: &Site, browser: &mut Browser<'_>, name: &str) -> Answer {
    browser.get(ENABLE);
    let page = browser.post(ENABLE, &[("step", "begin"), ("force", "yes")]);
    assert!(page.says("A first device needs an invite"), "{page:?}");
    let invite = invite(site, name);
    let page = browser.post(ENABLE, &[("step", "invite"), ("invite", &invite)]);
    assert!(page.says("<svg"), "{page:?}");
    page
}

/// Types the code of this step from now.
fn confirm(browser: &mut Browser<'_>, page: &Answer, step: u64) -> Answer {
    let id = hidden(page, "confirm", "id");
    let code = code_at(&secret_of(page), now() + 30 * step);
    browser.post(ENABLE, &[("step", "confirm"), ("id", &id), ("code", &code)])
}

#[test]
fn from_nothing_to_on_with_a_phone_codes_and_a_second_device() {
    let site = Site::new();
    let mut browser = site.root(None);
    let page = browser.get(ENABLE);
    for text in [
        "Before you go on",
        "You have no device yet",
        "midclt 2fa invite root",
        "midclt 2fa disable",
    ] {
        assert!(page.says(text), "{text}: {page:?}");
    }
    let page = to_the_phone(&site, &mut browser, "root");
    let secret = secret_of(&page);
    // A reload shows the same phone.
    assert_eq!(secret_of(&browser.get(ENABLE)), secret);
    // A wrong code says so, and shows it again.
    let id = hidden(&page, "confirm", "id");
    let wrong = [("step", "confirm"), ("id", &*id), ("code", "1234567")];
    let page = browser.post(ENABLE, &wrong);
    assert!(page.says("A code of this device has 6 digits"), "{page:?}");
    assert_eq!(secret_of(&page), secret);
    let page = confirm(&mut browser, &page, 0);
    let shown = codes(&page);
    assert_eq!(shown.len(), 10, "{page:?}");
    assert!(!page.says("<svg"));
    assert_eq!(config(&site)["enabled"], false, "not before the last step");
    assert_eq!(
        codes(&browser.get(ENABLE)),
        shown,
        "a reload shows them again"
    );
    let file = browser.get("/two-factor/recovery-codes.txt");
    assert!(file.says(&shown[9]), "{file:?}");
    assert!(file.header("content-disposition").starts_with("attachment"));
    let page = browser.post(ENABLE, &[("step", "saved")]);
    assert!(page.says("With a second device"), "{page:?}");
    assert_eq!(browser.get("/two-factor/recovery-codes.txt").status, 404);
    let page = browser.post(ENABLE, &[("step", "second")]);
    assert_ne!(secret_of(&page), secret);
    let page = confirm(&mut browser, &page, 0);
    assert!(page.says("Two-factor authentication is on."), "{page:?}");
    assert!(page.says("IS currently enabled"), "{page:?}");
    let config = config(&site);
    assert_eq!(
        (&config["enabled"], &config["window"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(devices(&site, "root").len(), 2);
    // The codes that were saved count, and the step itself is over.
    let mut other = site.web.browser();
    first_step(&mut other, "root", WORD);
    let page = other.post("/sign-in/code", &[("code", &shown[0])]);
    assert!(page.says("IS currently enabled"), "{page:?}");
    assert!(browser.get(ENABLE).says("IS currently enabled"));
}

#[test]
fn a_clock_that_nothing_keeps_stops_it_until_somebody_says_so() {
    let site = Site::new();
    let mut browser = site.root(None);
    let page = browser.get(ENABLE);
    let is_kept = page.says("The clock of this machine is kept right");
    let page = browser.post(ENABLE, &[("step", "begin")]);
    let is_stopped = page.says("nothing keeps the clock of this machine right");
    assert_eq!(is_stopped, !is_kept, "{page:?}");
    if is_stopped {
        assert!(page.says("name=\"force\"") && page.says("all codes may be refused"));
        let page = browser.post(ENABLE, &[("step", "begin"), ("force", "yes")]);
        assert!(page.says("A first device needs an invite"), "{page:?}");
    }
}

#[test]
fn with_a_device_a_code_of_it_is_asked_for_and_no_new_qr_code_shown() {
    let site = Site::new();
    let secret = site.enable();
    let mut root = site.daemon.connect();
    root.call("auth.twofactor.update", json!([{"enabled": false}]));
    let mut browser = site.root(None);
    assert!(browser.get(ENABLE).says("You have a device: phone"));
    let page = browser.post(ENABLE, &[("step", "begin"), ("force", "yes")]);
    assert!(
        page.says("No new QR code is needed") && !page.says("<svg"),
        "{page:?}"
    );
    let page = browser.post(ENABLE, &[("step", "prove"), ("code", "000000")]);
    assert!(
        page.says("This code is wrong") && page.says("enable-prove"),
        "{page:?}"
    );
    // Nothing goes around it.
    let page = browser.post(ENABLE, &[("step", "finish")]);
    assert!(page.says("<h1>Verification code</h1>"), "{page:?}");
    assert_eq!(config(&site)["enabled"], false);
    let code = code_at(&secret, now());
    let page = browser.post(ENABLE, &[("step", "prove"), ("code", &code)]);
    assert_eq!(codes(&page).len(), 10);
    let page = browser.post(ENABLE, &[("step", "unsaved")]);
    assert!(page.says("With a second device"), "{page:?}");
    let page = browser.post(ENABLE, &[("step", "finish")]);
    assert!(page.says("IS currently enabled"), "{page:?}");
    assert_eq!(devices(&site, "root").len(), 1);
}

#[test]
fn a_first_device_needs_the_invite_and_a_wrong_one_counts_for_nothing() {
    let site = Site::new();
    let mut browser = site.root(None);
    browser.get(ENABLE);
    browser.post(ENABLE, &[("step", "begin"), ("force", "yes")]);
    invite(&site, "root");
    let page = browser.post(ENABLE, &[("step", "invite"), ("invite", "AAAA AAAA")]);
    assert!(page.says("enable-invite") && !page.says("<svg"), "{page:?}");
    assert!(page.says("class=\"notice wrong\""), "{page:?}");
    assert!(devices(&site, "root").is_empty());
}

#[test]
fn two_tabs_come_to_the_same_step_and_a_phone_confirmed_elsewhere_is_done() {
    let site = Site::new();
    let mut one = site.root(None);
    let page = to_the_phone(&site, &mut one, "root");
    let mut two = site.web.browser();
    two.cookies.clone_from(&one.cookies);
    assert_eq!(secret_of(&two.get(ENABLE)), secret_of(&page));
    assert_eq!(codes(&confirm(&mut two, &page, 0)).len(), 10);
    // The first tab is behind: its code is refused, and it shows what is next.
    let behind = confirm(&mut one, &page, 1);
    assert!(behind.says("is active already"), "{behind:?}");
    assert_eq!(codes(&behind).len(), 10);
    // A step that was taken before does no harm.
    one.post(ENABLE, &[("step", "saved")]);
    let again = two.post(ENABLE, &[("step", "saved")]);
    assert!(again.says("With a second device"), "{again:?}");
}

#[test]
fn a_phone_that_was_set_up_before_the_session_ended_can_still_be_confirmed() {
    let site = Site::new();
    let mut browser = site.root(None);
    let secret = secret_of(&to_the_phone(&site, &mut browser, "root"));
    browser.post("/sign-out", &[]);
    let mut browser = site.root(None);
    browser.get(ENABLE);
    let page = browser.post(ENABLE, &[("step", "begin"), ("force", "yes")]);
    assert!(page.says("waits for its first code"), "{page:?}");
    assert!(!page.says(&secret), "shown once");
    let id = devices(&site, "root")[0]["id"].to_string();
    let code = code_at(&secret, now());
    let page = browser.post(ENABLE, &[("step", "confirm"), ("id", &id), ("code", &code)]);
    assert_eq!(codes(&page).len(), 10);
}

#[test]
fn an_administrator_sets_up_roots_device_too() {
    let site = Site::with_administrators("bin");
    site.daemon.unenrolled("ALLOW");
    let mut browser = site.web.browser();
    let page = first_step(&mut browser, "bin", WORD);
    assert!(page.says("is NOT enabled"), "{page:?}");
    let page = to_the_phone(&site, &mut browser, "bin");
    let page = confirm(&mut browser, &page, 0);
    assert!(page.says("Root needs a device too"), "{page:?}");
    let page = browser.post(ENABLE, &[("step", "root")]);
    assert!(page.says("of root</p>"), "{page:?}");
    let page = confirm(&mut browser, &page, 0);
    assert_eq!(codes(&page).len(), 10);
    browser.post(ENABLE, &[("step", "saved")]);
    let page = browser.post(ENABLE, &[("step", "finish")]);
    assert!(page.says("IS currently enabled"), "{page:?}");
    let states: Vec<Value> = (devices(&site, "root").iter())
        .map(|device| device["state"].clone())
        .collect();
    assert_eq!(states, ["ACTIVE"]);
}
