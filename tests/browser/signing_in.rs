//! Signing in: with a code, and every way that it fails.

use serde_json::json;

use super::{Walk, oathtool};
use crate::web::keeper::WORD;

const WRONG: &str = "User name, password or code is wrong.";

#[test]
fn a_code_lets_in_once_and_a_wrong_one_never() {
    let walk = Walk::new();
    let secret = walk.site.enable();
    let chrome = &walk.chrome;
    walk.give_password("root", WORD);
    chrome.wait_for("Signing in as root");
    walk.give_code("000000");
    chrome.wait_for(WRONG);
    assert_eq!(chrome.value("User name"), "root", "the name is kept");
    assert_eq!(chrome.value("Password"), "");
    let code = oathtool(&secret, 0);
    let (first, second) = code.split_at(3);
    walk.sign_in(Some(&format!("{first} {second}")));
    chrome.wait_for("IS currently enabled");
    chrome.click("Sign out");
    walk.give_password("root", WORD);
    walk.give_code(&code);
    chrome.wait_for(WRONG);
}

#[test]
fn a_recovery_code_lets_in_and_five_wrong_codes_cost_a_wait() {
    let walk = Walk::new();
    walk.site.enable();
    let mut root = walk.site.daemon.connect();
    let set = root.call("auth.twofactor.recovery.generate", json!(["root"]));
    root.call("auth.twofactor.recovery.confirm_saved", json!([set["id"]]));
    let chrome = &walk.chrome;
    walk.give_password("root", WORD);
    chrome.click("No phone at hand?");
    chrome.wait_for("one of your recovery codes");
    walk.give_code(set["codes"][0].as_str().unwrap());
    chrome.wait_for("IS currently enabled");
    chrome.click("Sign out");
    for _ in 0..5 {
        walk.give_password("root", WORD);
        walk.give_code("000000");
        chrome.wait_for(WRONG);
    }
    walk.give_password("root", WORD);
    chrome.wait_for("Try again in");
}

#[test]
fn back_reload_two_tabs_and_an_expired_session_do_the_sensible_thing() {
    let mut walk = Walk::new();
    walk.sign_in(None);
    walk.chrome.reload();
    walk.chrome.wait_for("NOT enabled");
    walk.chrome.new_tab();
    walk.open("/");
    walk.chrome.wait_for("NOT enabled");
    walk.chrome.click("Sign out");
    walk.chrome.wait_for("User name");
    // What was seen before is not shown by the button for back, nor in the other tab.
    walk.chrome.back();
    walk.chrome.reload();
    walk.chrome.wait_for("User name");
    walk.chrome.tab(0);
    walk.chrome.reload();
    walk.chrome.wait_for("Sign in to go on");
    walk.sign_in(None);
    walk.chrome.fill("Interval", "60");
    walk.site.daemon.restart();
    walk.chrome.click("Save");
    walk.chrome.wait_for("what you typed is there again");
    walk.sign_in(None);
    assert_eq!(walk.chrome.value("Interval"), "60");
}
