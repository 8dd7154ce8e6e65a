//! The log in a real Chromium: it follows what happens.

use serde_json::json;

use super::Walk;

#[test]
fn a_new_entry_comes_by_itself_and_a_reader_in_the_table_is_told() {
    let walk = Walk::new();
    let chrome = &walk.chrome;
    walk.sign_in(None);
    chrome.click("Log");
    chrome.wait_for("the newest first");
    let mut root = walk.site.daemon.connect();
    root.call(
        "auth.twofactor.grace.create",
        json!([{ "username": "anna" }]),
    );
    chrome.wait_for("auth.twofactor.grace.create");
    // Whoever reads on by the keyboard keeps their place.
    chrome.script("document.querySelector('.table').focus()");
    root.call("auth.twofactor.grace.delete", json!(["anna"]));
    chrome.wait_for("There is something new here.");
    assert!(!chrome.text().contains("auth.twofactor.grace.delete"));
    chrome.reload();
    chrome.wait_for("auth.twofactor.grace.delete");
}
