//! "Require for SSH": through a trial, which the page shows with what is left of it.

use serde_json::json;
use testkit::{Answer, Browser, now};

use super::{Site, config, hidden};
use crate::support::code_at;

const SSH: &str = "/two-factor/ssh";
const SETTINGS: &str = "/two-factor/settings";

/// Two-factor authentication is on, sshd asks here, and root has signed in. The secret.
fn site() -> (Site, String) {
    let site = Site::new();
    site.daemon.prepare_for_ssh();
    let secret = site.enable();
    (site, secret)
}

/// The form as it is, with the box ticked or not.
fn save(browser: &mut Browser<'_>, was: &str, is_ticked: bool) -> Answer {
    let mut fields = vec![("was_ssh", was)];
    for (was, key, value) in [
        ("was_otp_digits", "otp_digits", "6"),
        ("was_interval", "interval", "30"),
        ("was_window", "window", "10"),
    ] {
        fields.extend([(was, value), (key, value)]);
    }
    if is_ticked {
        fields.push(("ssh", "yes"));
    }
    browser.post(SETTINGS, &fields)
}

fn is_asking(site: &Site) -> bool {
    config(site)["services"]["ssh"] == true
}

fn begin(browser: &mut Browser<'_>) -> Answer {
    let page = save(browser, "no", true);
    assert!(
        page.says("<h1>Require Codes for SSH</h1>") && page.says("Try it"),
        "{page:?}"
    );
    browser.post(SSH, &[("step", "try"), ("seconds", "600")])
}

#[test]
fn a_login_with_a_code_keeps_it_and_the_page_counts_down_until_then() {
    let (site, secret) = site();
    let mut browser = site.root(Some((&secret, 0)));
    assert!(
        browser
            .get("/two-factor")
            .says("name=\"was_ssh\" value=\"no\"")
    );
    let page = begin(&mut browser);
    assert!(page.says("SSH asks for codes, on trial until"), "{page:?}");
    let left = page.body.split("data-seconds=\"").nth(1).unwrap();
    let left: u64 = left.split('"').next().unwrap().parse().unwrap();
    assert!((1..=600).contains(&left), "{left}");
    assert!(page.says("UTC") && page.says("Undo now") && page.says("the first login with a code"));
    assert!(is_asking(&site));
    // In another session too, and the page of the trial has nothing to ask any more.
    let mut other = site.root(Some((&secret, 1)));
    assert!(other.get(SSH).says("id=\"trial\""));
    let login = json!([{
        "username": "root", "uid": 0, "service": "sshd", "source": "192.0.2.1",
        "factor": "password", "token": code_at(&secret, now() + 90),
    }]);
    let mut root = site.daemon.connect();
    let answer = root.call("auth.twofactor.authenticate", login);
    assert_eq!(answer["verdict"], "ACCEPTED");
    let page = browser.get("/two-factor");
    assert!(
        !page.says("id=\"trial\"") && page.says("SSH asks for codes."),
        "{page:?}"
    );
    assert!(is_asking(&site));
}

#[test]
fn it_can_be_undone_and_kept_by_a_button_of_that_very_trial() {
    let (site, secret) = site();
    let mut browser = site.root(Some((&secret, 0)));
    let page = begin(&mut browser);
    let first = hidden(&page, "trial", "id");
    let page = browser.post(SSH, &[("step", "undo"), ("id", &first)]);
    assert!(page.says("What was on trial was undone"), "{page:?}");
    assert!(!page.says("id=\"trial\"") && !is_asking(&site));
    let page = begin(&mut browser);
    let second = hidden(&page, "trial", "id");
    // The back button shows the trial before: its buttons do nothing to this one.
    let page = browser.post(SSH, &[("step", "undo"), ("id", &first)]);
    assert!(
        page.says("There is no such trial") && is_asking(&site),
        "{page:?}"
    );
    let page = browser.post(SSH, &[("step", "keep"), ("id", &second)]);
    assert!(page.says("What was on trial is kept"), "{page:?}");
    assert!(!page.says("id=\"trial\"") && is_asking(&site));
    let page = save(&mut browser, "yes", false);
    assert!(page.says("midclt 2fa ssh disable"), "{page:?}");
    assert!(!is_asking(&site));
}

#[test]
fn where_sshd_does_not_ask_here_the_page_names_roots_command_and_tries_nothing() {
    let site = Site::new();
    let secret = site.enable();
    let mut browser = site.root(Some((&secret, 0)));
    let page = browser.get("/two-factor");
    assert!(
        page.says("midclt 2fa ssh enable") && page.says("id=\"ssh\" disabled"),
        "{page:?}"
    );
    assert!(!page.says("was_ssh"));
    assert!(!browser.get(SSH).says("Try it"));
    let page = browser.post(SSH, &[("step", "try"), ("seconds", "300")]);
    assert!(page.says("sshd does not ask middlewared yet"), "{page:?}");
    assert!(!is_asking(&site));
}

#[test]
fn who_would_be_locked_out_is_named_and_nothing_is_tried() {
    let site = Site::with_accounts(&[("alice", 1000)]);
    site.daemon.report_sshd_ready();
    let secret = site.enable();
    let mut browser = site.root(Some((&secret, 0)));
    let page = save(&mut browser, "no", true);
    assert!(
        page.says("<b>alice</b> could not log in any more"),
        "{page:?}"
    );
    assert!(!page.says("Try it"), "{page:?}");
    let page = browser.post(SSH, &[("step", "try"), ("seconds", "300")]);
    assert!(
        page.says("these could not log in any more: alice"),
        "{page:?}"
    );
    assert!(!is_asking(&site));
}

#[test]
fn a_stale_tab_does_not_switch_ssh_off() {
    let (site, secret) = site();
    let mut browser = site.root(Some((&secret, 0)));
    let mut root = site.daemon.connect();
    root.call(
        "auth.twofactor.update",
        json!([{"services": {"ssh": true}}]),
    );
    // Its box was not ticked, and is not now.
    assert!(save(&mut browser, "no", false).says("Saved."));
    assert!(is_asking(&site));
}
