//! Every page: what axe-core says of it, on a phone too, and a picture of it for the documentation,
//! where `cargo xtask screenshots` asks for one.

use std::path::PathBuf;
use std::{env, fs};

use serde_json::{Value, json};

use super::chrome::Chrome;
use super::picture::small;
use super::two_factor::{begin_enabling, confirm, scan};
use super::{Walk, oathtool};
use crate::python::interpreter;
use crate::web::keeper::WORD;

/// A phone, and a window on a desk.
const PHONE: u32 = 360;
const DESK: u32 = 1000;

/// Looks at the page that is shown: in light and dark, and as wide as a phone.
fn look(chrome: &Chrome, name: &str) {
    for (variant, width, is_dark) in [
        ("phone", PHONE, false),
        ("dark", DESK, true),
        ("light", DESK, false),
    ] {
        chrome.set_dark(is_dark);
        chrome.set_size(width, 400);
        let widths = chrome.script(
            "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]",
        );
        assert_eq!(widths[0], widths[1], "{name}, {variant}: it moves sideways");
        // Light is looked at on the phone, dark on the desk.
        if variant != "light" {
            let found = axe(chrome);
            assert!(found.is_empty(), "{name}, {variant}: {found:#?}");
        }
        if let Some(dir) = env::var_os("MIDDLEWARED_SCREENSHOTS") {
            chrome.set_size(width, height(chrome));
            let file = PathBuf::from(dir).join(format!("{name}-{variant}.png"));
            fs::write(file, small(&chrome.screenshot())).expect("write a picture");
        }
    }
    chrome.set_size(DESK, 800);
}

/// How high a window must be to show everything, an open dialog too.
fn height(chrome: &Chrome) -> u32 {
    let height = chrome.script(
        "const dialog = document.querySelector('dialog[open]'); \
         return Math.ceil(Math.max(document.body.scrollHeight, dialog ? dialog.scrollHeight + 60 : 0))",
    );
    u32::try_from(height.as_u64().expect("a height")).unwrap()
}

/// What axe-core finds that is serious or critical: rule and place.
pub(super) fn axe(chrome: &Chrome) -> Vec<Value> {
    let venv = interpreter();
    let lib = venv
        .parent()
        .and_then(|bin| bin.parent())
        .unwrap()
        .join("lib");
    let python = fs::read_dir(lib).unwrap().next().unwrap().unwrap().path();
    let file = python.join("site-packages/axe_playwright_python/axe.min.js");
    let axe =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let run = "return axe.run(document, {resultTypes: ['violations']}).then(found => found.violations \
               .filter(one => ['serious', 'critical'].includes(one.impact)) \
               .map(one => [one.id, one.help, one.nodes.map(node => node.html)]))";
    let found = chrome.script(&format!("{axe};\n{run}"));
    found.as_array().expect("a list").clone()
}

/// As people have it: with a narrow window.
fn enable(walk: &Walk) -> String {
    let secret = walk.site.enable();
    walk.site
        .daemon
        .connect()
        .call("auth.twofactor.update", json!([{"window": 1}]));
    secret
}

#[test]
fn pages_before_and_after_signing_in() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    look(chrome, "sign-in");
    let secret = enable(&walk);
    walk.give_password("root", "wrong");
    chrome.wait_for("is wrong");
    look(chrome, "sign-in-refused");
    walk.give_password("root", WORD);
    chrome.wait_for("Signing in as root");
    look(chrome, "sign-in-code");
    walk.give_code(&oathtool(&secret, 0));
    chrome.wait_for("IS currently enabled");
    look(chrome, "two-factor");
    chrome.click("Disable Two-Factor Authentication");
    chrome.wait_for("Nobody will be asked");
    look(chrome, "disable");
    chrome.click("Cancel");
    chrome.click("Renew Secret");
    chrome.wait_for("is made anew");
    look(chrome, "renew");
    chrome.fill("Verification code", &oathtool(&secret, 1));
    chrome.click("Renew");
    chrome.wait_for("The code that the app shows");
    look(chrome, "renew-phone");
    walk.open("/nowhere");
    look(chrome, "not-found");
}

#[test]
fn pages_of_enabling() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    walk.sign_in(None);
    look(chrome, "off");
    chrome.click("Enable Two-Factor Authentication");
    chrome.wait_for("Before you go on");
    look(chrome, "enable-caution");
    chrome.click("Cancel");
    begin_enabling(&walk);
    look(chrome, "enable-phone");
    confirm(&walk, &scan(&walk), 0);
    chrome.wait_for("Save as a file");
    look(chrome, "enable-codes");
    chrome.click("I have saved them");
    chrome.wait_for("With a second device");
    look(chrome, "enable-ready");
}

#[test]
fn pages_of_ones_own_devices() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    let secret = enable(&walk);
    walk.sign_in(Some(&oathtool(&secret, 0)));
    chrome.click("My devices");
    chrome.wait_for("Authenticators");
    look(chrome, "devices");
    for (words, text, name) in [
        ("Rename", "New name of", "device-rename"),
        ("Renew", "The old one works", "device-renew"),
        ("Remove", "last", "device-remove"),
        ("Add device", "Name", "device-add"),
        ("Make new codes", "codes", "recovery"),
    ] {
        chrome.click(words);
        chrome.wait_for_dialog(text);
        look(chrome, name);
        chrome.click("Cancel");
    }
}

#[test]
fn pages_of_requiring_codes_for_ssh() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    let secret = super::ssh::site(&walk);
    walk.sign_in(Some(&oathtool(&secret, 0)));
    chrome.tick("Require for SSH");
    chrome.click("Save");
    chrome.wait_for("It is tried first: unless");
    look(chrome, "ssh");
    chrome.click("Try it");
    chrome.wait_for("Undo now");
    look(chrome, "ssh-trial");
}

#[test]
fn pages_of_the_administrators() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    let secret = enable(&walk);
    walk.site.daemon.report_sshd_ready();
    walk.sign_in(Some(&oathtool(&secret, 0)));
    for (words, text, name) in [
        ("Accounts", "What each door asks for", "accounts"),
        ("anna", "Other doors ask for", "account"),
    ] {
        chrome.click(words);
        chrome.wait_for(text);
        look(chrome, name);
    }
    for (words, name) in [
        ("Unlock", "account-unlock"),
        ("Bypass", "account-bypass"),
        ("Reset", "account-reset"),
    ] {
        chrome.click(words);
        chrome.wait_for_dialog("anna");
        look(chrome, name);
        chrome.click("Cancel");
    }
    for (words, text, name) in [
        ("Health", "The worst first", "health"),
        ("Log", "the newest first", "log"),
    ] {
        chrome.click(words);
        chrome.wait_for(text);
        look(chrome, name);
    }
}
