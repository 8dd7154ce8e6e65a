//! What every page must be, whoever reads it: on a phone, in the dark, by the keyboard, without scripts.

use super::chrome::Chrome;
use super::gallery::axe;
use super::{Walk, oathtool};
use crate::web::keeper::WORD;

/// Keys as `WebDriver` names them.
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const ESCAPE: char = '\u{e00c}';

/// Words of what has the focus, and whether that can be seen.
fn focus(chrome: &Chrome) -> (String, bool) {
    let found = chrome.script(
        "const now = document.activeElement; const style = getComputedStyle(now); \
         const label = now.labels && now.labels[0]; \
         return [(label || now).innerText.trim(), parseFloat(style.outlineWidth) >= 2]",
    );
    (
        found[0].as_str().unwrap().to_owned(),
        found[1].as_bool().unwrap(),
    )
}

/// Presses Tab until something has the focus, which each time must be visible.
fn tab_to(chrome: &Chrome, words: &str) {
    for _ in 0..40 {
        let (on, is_visible) = focus(chrome);
        if on == words {
            assert!(is_visible, "the focus on {on:?} cannot be seen");
            return;
        }
        chrome.press(&TAB.to_string());
    }
    panic!("Tab never comes to {words:?}");
}

/// The tool itself works: what it is there for is found.
#[test]
fn axe_finds_words_that_can_hardly_be_read() {
    let walk = Walk::new();
    walk.chrome
        .script("document.querySelector('h1').style.color = '#dddddd'");
    let found = axe(&walk.chrome);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0][0], "color-contrast");
}

#[test]
fn the_keyboard_is_enough() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    tab_to(chrome, "User name");
    chrome.press(&format!("root{TAB}{WORD}{ENTER}"));
    chrome.wait_for("NOT enabled");
    tab_to(chrome, "Enable Two-Factor Authentication");
    chrome.press(&ENTER.to_string());
    chrome.wait_for("Before you go on");
    chrome.press(&ESCAPE.to_string());
    chrome.wait_while("Before you go on");
    let (on, _) = focus(chrome);
    assert_eq!(
        on, "Enable Two-Factor Authentication",
        "the focus comes back"
    );
}

#[test]
fn without_scripts_everything_is_there() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    let secret = walk.site.enable();
    chrome.forbid_scripts();
    chrome.reload();
    walk.sign_in(Some(&oathtool(&secret, 0)));
    chrome.click("My devices");
    chrome.click("Make new codes");
    chrome.wait_for("Ten codes");
    chrome.click("Make new codes");
    chrome.wait_for("Save as a file");
    assert!(!chrome.text().contains("Print"), "what only scripts can do");
    walk.open("/two-factor");
    chrome.fill("Window", "2");
    chrome.click("Save");
    chrome.wait_for("Saved.");
    chrome.click("Disable Two-Factor Authentication");
    chrome.wait_for("Nobody will be asked");
    assert_eq!(chrome.path(), "/two-factor/disable", "a page, no dialog");
    chrome.fill("Verification code", &oathtool(&secret, 1));
    chrome.click("Disable for everybody");
    chrome.wait_for("NOT enabled");
}

#[test]
fn nothing_comes_from_elsewhere_and_no_rule_of_the_page_is_broken() {
    let walk = Walk::new();
    walk.sign_in(None);
    let loaded = walk.chrome.script(
        "return performance.getEntriesByType('resource').map(one => new URL(one.name).origin)",
    );
    let own = walk.chrome.script("return location.origin");
    let loaded = loaded.as_array().unwrap();
    assert!(loaded.len() >= 2, "{loaded:?}");
    assert!(loaded.iter().all(|origin| *origin == own), "{loaded:?}");
}
