//! Health, by a browser without scripts.

use serde_json::json;

use super::Site;

#[test]
fn what_is_wrong_is_told_with_the_command_that_mends_it_and_updates() {
    let site = Site::new();
    let mut browser = site.root(None);
    let page = browser.get("/health");
    assert!(page.says("OFF for EVERYBODY"), "{page:?}");
    assert!(page.says("<code>midclt 2fa enable</code>"), "{page:?}");
    assert!(
        page.says("<code id=\"doctor\">midclt 2fa doctor</code>"),
        "{page:?}"
    );
    let secret = site.enable();
    let mut browser = site.root(Some((&secret, 0)));
    let page = browser.get("/health");
    assert!(!page.says("OFF for EVERYBODY"), "{page:?}");
    let mut root = site.daemon.connect();
    root.call(
        "auth.twofactor.bypass.create",
        json!([{"username": null, "reason": "outage"}]),
    );
    let page = browser.get("/health");
    assert!(
        page.says("A bypass lets everybody in without a code"),
        "{page:?}"
    );
    assert!(page.says("midclt 2fa bypass --list"), "{page:?}");
}

#[test]
fn an_error_at_sshd_comes_first() {
    let site = Site::new();
    let secret = site.enable();
    let mut root = site.daemon.connect();
    root.call(
        "auth.twofactor.ssh.report",
        json!([{"ready": false, "mode": "KEY_ONLY", "doors": [], "findings": [
            {"code": "NOTE", "severity": "INFO", "text": "A note <b>.", "cure": null},
            {"code": "DRIFT", "severity": "ERROR", "text": "A door is open.", "cure": "midclt 2fa ssh enable"},
        ]}]),
    );
    let mut browser = site.root(Some((&secret, 0)));
    let page = browser.get("/health");
    let summary = page.body.split("id=\"summary\">").nth(1).unwrap();
    assert!(summary.starts_with("1 WRONG"), "{page:?}");
    let rows = page.body.split("<tr>").nth(2).unwrap();
    assert!(rows.contains("A door is open."), "{rows}");
    assert!(
        rows.contains("<code>midclt 2fa ssh enable</code>"),
        "{rows}"
    );
    assert!(page.says("A note") && !page.says("A note <b>"), "{page:?}");
}
