//! The log, by a browser without scripts.

use serde_json::json;

use super::{Site, value};

/// A wrong code at a door.
fn wrong(site: &Site, service: &str, source: &str) {
    site.daemon.connect().call(
        "auth.twofactor.authenticate",
        json!([{"username": "root", "service": service, "source": source,
            "factor": "password", "token": "000000"}]),
    );
}

#[test]
fn entries_are_filtered_by_account_service_outcome_and_time() {
    let site = Site::new();
    let secret = site.enable();
    wrong(&site, "sudo", "192.0.2.7");
    wrong(&site, "cups", "192.0.2.8");
    let mut browser = site.root(Some((&secret, 0)));
    let page = browser.get("/log");
    for text in ["192.0.2.7", "192.0.2.8", "enabled", "auth.twofactor.update"] {
        assert!(page.says(text), "{text}: {page:?}");
    }
    assert!(page.says("<b class=\"mark\">wrong</b>"));
    assert!(page.says("data-live"), "new entries come by themselves");
    for (query, there, missing) in [
        ("service=sudo", "192.0.2.7", "192.0.2.8"),
        ("verdict=wrong", "192.0.2.8", "auth.twofactor.update"),
        ("account=root&service=cups", "192.0.2.8", "192.0.2.7"),
        ("account=bin", "There is nothing of this kind", "192.0.2.7"),
        ("from=2020-01-01T00:00", "192.0.2.7", "There is nothing"),
        (
            "to=2020-01-01T00:00",
            "There is nothing of this kind",
            "192.0.2.7",
        ),
    ] {
        let page = browser.get(&format!("/log?{query}"));
        let table = page.body.split("<table").nth(1).unwrap();
        assert!(
            table.contains(there) && !table.contains(missing),
            "{query}: {table}"
        );
    }
    // What is wrong with a filter is said, and what was typed stays.
    let page = browser.get("/log?service=a%2Fb&account=x");
    assert!(page.says("Not a valid service name"), "{page:?}");
    assert_eq!(
        (value(&page, "service"), value(&page, "account")),
        ("a/b".to_owned(), "x".to_owned())
    );
    let page = browser.get("/log?from=yesterday");
    assert!(page.says("A time is written like"), "{page:?}");
    let page = browser.get("/log?account=%22%3E%3Cscript%3E");
    assert!(!page.says("<script>"), "{page:?}");
}

#[test]
fn older_entries_are_on_the_next_page() {
    let site = Site::new();
    let mut root = site.daemon.connect();
    for window in (0..60).map(|n| 1 + n % 2) {
        root.call("auth.twofactor.update", json!([{ "window": window }]));
    }
    let mut browser = site.root(None);
    let page = browser.get("/log");
    assert_eq!(page.body.matches("<tr id=\"entry-").count(), 50);
    assert!(page.says("id=\"older\""));
    let before = page.body.split("name=\"before\" value=\"").nth(1).unwrap();
    let before = before.split('"').next().unwrap();
    let older = browser.get(&format!("/log?before={before}"));
    assert!(
        older.says("id=\"entry-1\"") && !older.says("id=\"older\""),
        "{older:?}"
    );
    assert!(!older.says(&format!("id=\"entry-{before}\"")));
    assert!(!older.says("data-live"), "an older page does not move");
}
