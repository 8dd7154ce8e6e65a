//! Credentials > 2FA, as the user's guide walks through it.

use super::{Walk, oathtool, zbarimg};
use crate::web::keeper::WORD;

/// Confirms the caution.
const CONTINUE: &str = "Continue";

/// The secret in the picture that is shown, which a phone reads.
pub(super) fn scan(walk: &Walk) -> String {
    let uri = zbarimg(&walk.chrome.picture("qr"), walk.chrome.dir());
    let (_, rest) = uri.split_once("secret=").unwrap_or_else(|| panic!("{uri}"));
    rest.split('&').next().unwrap().to_owned()
}

/// From the first page to the picture of a phone.
pub(super) fn begin_enabling(walk: &Walk) {
    let chrome = &walk.chrome;
    chrome.click("Enable Two-Factor Authentication");
    chrome.wait_for("Before you go on");
    if chrome.text().contains("Go on although the clock") {
        chrome.tick(
            "Go on although the clock may be wrong: I know that all codes may be refused then",
        );
    }
    chrome.click(CONTINUE);
    chrome.wait_for("A first device needs an invite");
    let invite = walk.site.daemon.midclt(["2fa", "invite", "root", "--json"]);
    assert!(invite.status.success(), "{invite:?}");
    let invite: serde_json::Value = serde_json::from_slice(&invite.stdout).unwrap();
    chrome.fill("Invite", invite["invite"].as_str().unwrap());
    chrome.click("Show the QR code");
}

/// Types the code of the phone that has just scanned the picture.
pub(super) fn confirm(walk: &Walk, secret: &str, steps: u64) {
    walk.chrome
        .fill("The code that the app shows", &oathtool(secret, steps));
    walk.chrome.click(CONTINUE);
}

#[test]
fn the_walk_of_the_guide_from_enabling_to_disabling() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    walk.sign_in(None);
    begin_enabling(&walk);
    chrome.wait_for("Scan");
    let first = scan(&walk);
    chrome.reload();
    chrome.wait_for("The code that the app shows");
    assert_eq!(scan(&walk), first, "a reload loses nothing");
    chrome.fill("The code that the app shows", "000000");
    chrome.click(CONTINUE);
    chrome.wait_for("This code is wrong");
    confirm(&walk, &first, 0);
    chrome.wait_for("Save as a file");
    let text = chrome.text();
    let recovery = text
        .lines()
        .find(|line| line.matches('-').count() >= 3 || line.split(' ').count() == 4);
    let recovery = recovery.unwrap_or_else(|| panic!("{text}")).to_owned();
    chrome.click("I have saved them");
    chrome.wait_for("With a second device");
    chrome.click("Set up a second device first");
    chrome.wait_for("The code that the app shows");
    let second = scan(&walk);
    assert_ne!(second, first);
    confirm(&walk, &second, 0);
    chrome.wait_for("IS currently enabled");
    chrome.click("Sign out");
    walk.sign_in(Some(&oathtool(&first, 1)));
    chrome.click("Sign out");
    walk.sign_in(Some(&recovery));
    chrome.click("Disable Two-Factor Authentication");
    chrome.wait_for("Nobody will be asked");
    chrome.fill("Verification code", &oathtool(&second, 1));
    chrome.click("Disable for everybody");
    chrome.wait_for("NOT enabled");
    chrome.click("Sign out");
    walk.give_password("root", WORD);
    chrome.wait_for("NOT enabled");
}

/// Both phones until the new one is confirmed, the new one alone after that.
#[test]
fn renewing_with_the_old_phone_and_the_new_one() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    let old = walk.site.enable();
    walk.sign_in(Some(&oathtool(&old, 0)));
    chrome.click("Renew Secret");
    chrome.wait_for("is made anew");
    chrome.fill("Verification code", &oathtool(&old, 1));
    chrome.click("Renew");
    chrome.wait_for("The code that the app shows");
    let new = scan(&walk);
    assert_ne!(new, old);
    chrome.click("Later");
    chrome.wait_for("A new secret waits");
    chrome.click("Sign out");
    walk.sign_in(Some(&oathtool(&old, 2)));
    chrome.click("Go on with the renewal");
    chrome.fill("A code of the new secret", &oathtool(&new, 0));
    chrome.click("Confirm");
    chrome.wait_for("IS currently enabled");
    chrome.wait_while("A new secret waits");
    chrome.click("Sign out");
    walk.give_password("root", WORD);
    walk.give_code(&oathtool(&old, 3));
    chrome.wait_for("User name, password or code is wrong");
    walk.sign_in(Some(&oathtool(&new, 1)));
}

/// The line of the guide, by root at the console.
#[test]
fn a_page_that_is_open_hears_of_the_console() {
    let walk = Walk::new();
    let secret = walk.site.enable();
    walk.sign_in(Some(&oathtool(&secret, 0)));
    walk.chrome.wait_for("IS currently enabled");
    let off = ["call", "auth.twofactor.update", r#"{ "enabled":false }"#];
    assert!(walk.site.daemon.midclt(off).status.success());
    walk.chrome.wait_for("NOT enabled");
}

/// Light or dark, a reader reads the picture.
#[test]
fn the_picture_holds_the_secret_and_the_log_does_not() {
    let walk = Walk::new();
    let secret = walk.site.enable();
    let chrome = &walk.chrome;
    walk.sign_in(Some(&oathtool(&secret, 0)));
    chrome.click("Show QR");
    walk.give_code(&oathtool(&secret, 1));
    chrome.wait_for("Scan this");
    for is_dark in [false, true] {
        chrome.set_dark(is_dark);
        assert_eq!(scan(&walk), secret, "dark {is_dark}");
    }
    assert!(!walk.site.web.log().contains(&secret));
}
