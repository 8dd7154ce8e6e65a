//! My devices: a second phone of an administrator, and all of it by somebody who is none.

use serde_json::json;

use super::two_factor::scan;
use super::{Walk, oathtool};
use crate::web::keeper::WORD;

/// From the invite to a phone, a second one in its place, recovery codes, and a login by each.
#[test]
fn an_ordinary_account_looks_after_its_own_phone() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    walk.site.enable();
    walk.site.daemon.unenrolled("ALLOW");
    let mut root = walk.site.daemon.connect();
    let invite = root.call(
        "auth.twofactor.invite.create",
        json!([{"username": "anna"}]),
    );
    walk.give_password("anna", WORD);
    chrome.wait_for("You have none yet");
    for words in ["Credentials > 2FA", "Accounts", "Log", "Health"] {
        assert!(!chrome.text().contains(words), "{words} is not for anna");
    }
    chrome.click("Add device");
    chrome.fill("Name", "phone");
    chrome.fill("Invite", invite["invite"].as_str().unwrap());
    chrome.click("Show QR code");
    chrome.wait_for("Secret of phone");
    let first = scan(&walk);
    chrome.fill("The code that the app shows now", &oathtool(&first, 0));
    chrome.click("Confirm");
    chrome.wait_for("The device works from now on");
    chrome.click("Make new codes");
    chrome.wait_for_dialog("Ten codes");
    chrome.click("Make new codes");
    chrome.wait_for("I have saved them");
    let text = chrome.text();
    let recovery = text.lines().find(|line| line.matches('-').count() == 4);
    let recovery = recovery.unwrap_or_else(|| panic!("no code: {text}"));
    chrome.click("I have saved them");
    chrome.wait_for("10 left");
    chrome.click("Sign out");
    walk.give_password("anna", WORD);
    walk.give_code(recovery);
    chrome.wait_for("9 left");
    chrome.click("Rename");
    chrome.wait_for_dialog("New name of phone");
    chrome.fill("New name of phone", "old phone");
    chrome.click("Rename");
    chrome.wait_for("old phone");
    chrome.click("Sign out");
    walk.give_password("anna", WORD);
    walk.give_code(&oathtool(&first, 1));
    chrome.wait_for("old phone");
}

#[test]
fn a_second_phone_is_set_up_by_its_qr_code_and_codes_are_saved() {
    let walk = Walk::new();
    let first = walk.site.enable();
    let chrome = &walk.chrome;
    walk.sign_in(Some(&oathtool(&first, 0)));
    chrome.click("My devices");
    chrome.wait_for("Each gives codes of its own");
    chrome.click("Add device");
    chrome.wait_for("A QR code is shown next");
    chrome.fill("Name", "tablet");
    chrome.click("Show QR code");
    chrome.wait_for("Scan this with the authenticator app");
    let second = scan(&walk);
    chrome.fill("The code that the app shows now", "000000");
    chrome.click("Confirm");
    chrome.wait_for("This code is wrong");
    let code = oathtool(&second, 0);
    chrome.fill("The code that the app shows now", &code);
    chrome.click("Confirm");
    chrome.wait_for("The device works from now on.");
    chrome.wait_for("tablet");
    chrome.click("Make new codes");
    chrome.wait_for("Ten codes are made");
    chrome.click("Make new codes");
    chrome.wait_for("I have saved them");
    chrome.wait_for("Print");
    chrome.click("I have saved them");
    chrome.wait_for("10 left");
}
