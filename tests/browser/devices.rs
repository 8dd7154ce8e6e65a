//! My devices in a real Chromium: a second phone by its QR code, and recovery codes.

use super::{Walk, oathtool, zbarimg};

/// The parameter `secret` of a provisioning URI.
fn secret_of(uri: &str) -> &str {
    let (_, rest) = uri.split_once("secret=").expect("a secret");
    rest.split('&').next().unwrap()
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
    let uri = zbarimg(&chrome.picture("qr"), chrome.dir());
    chrome.fill("The code that the app shows now", "000000");
    chrome.click("Confirm");
    chrome.wait_for("This code is wrong");
    let code = oathtool(secret_of(&uri), 0);
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
