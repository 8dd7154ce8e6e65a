//! "Require for SSH": on trial, with what is left of it, and back by itself.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::{Walk, oathtool};
use crate::support::eventually;

/// Two-factor authentication is on, sshd asks here, and nobody would be locked out. Root's secret.
pub(super) fn site(walk: &Walk) -> String {
    walk.site.daemon.prepare_for_ssh();
    walk.site.daemon.accounts().set(&[]);
    walk.site.enable()
}

fn is_asking(walk: &Walk) -> bool {
    let mut root = walk.site.daemon.connect();
    root.call("auth.twofactor.config", json!([]))["services"]["ssh"] == true
}

fn begin(walk: &Walk) {
    let chrome = &walk.chrome;
    chrome.tick("Require for SSH");
    chrome.click("Save");
    chrome.wait_for("It is tried first: unless");
    chrome.click("Try it");
    chrome.wait_for("Undo now");
    assert!(is_asking(walk));
}

#[test]
fn a_trial_counts_down_and_is_undone_by_a_button_or_kept_by_a_login() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    let secret = site(&walk);
    walk.sign_in(Some(&oathtool(&secret, 0)));
    begin(&walk);
    let left = || chrome.script("return document.querySelector('.countdown').innerText");
    let first = left();
    eventually("the countdown", || left() != first);
    chrome.click("Undo now");
    chrome.wait_for("was undone");
    assert!(!is_asking(&walk));
    begin(&walk);
    let login = json!([{
        "username": "root", "uid": 0, "service": "sshd", "source": "192.0.2.1",
        "factor": "password", "token": oathtool(&secret, 3),
    }]);
    let mut root = walk.site.daemon.connect();
    let answer = root.call("auth.twofactor.authenticate", login);
    assert_eq!(answer["verdict"], "ACCEPTED");
    chrome.wait_while("Undo now");
    assert!(is_asking(&walk));
}

#[test]
fn a_trial_that_nobody_keeps_is_rolled_back_before_the_eyes() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    let secret = site(&walk);
    walk.sign_in(Some(&oathtool(&secret, 0)));
    chrome.tick("Require for SSH");
    chrome.click("Save");
    chrome.wait_for("It is tried first: unless");
    // The shortest trial that there is; the page offers longer ones.
    chrome.script("document.querySelector('#seconds').options[0].value = '30'");
    chrome.click("Try it");
    chrome.wait_for("Undo now");
    let left = chrome.script("return Number(document.querySelector('.countdown').dataset.seconds)");
    thread::sleep(Duration::from_secs(left.as_u64().unwrap() - 2));
    chrome.wait_for("What was on trial was undone");
    assert!(!is_asking(&walk));
}
