//! My devices, by a browser without scripts.

use serde_json::json;
use testkit::{Answer, Browser, now};

use super::{Site, devices, first_step, hidden, secret_of, value};
use crate::support::code_at;
use crate::web::keeper::WORD;

/// Confirms the device that the page shows, with the code of so many steps from now.
fn confirm(browser: &mut Browser<'_>, page: &Answer, step: u64) -> Answer {
    let (id, code) = (
        hidden(page, "confirm", "id"),
        code_at(&secret_of(page), now() + 30 * step),
    );
    browser.post("/devices/setup/confirm", &[("id", &id), ("code", &code)])
}

#[test]
fn a_first_device_needs_an_invite_and_works_once_its_code_was_right() {
    let site = Site::new();
    site.enable();
    site.daemon.unenrolled("ALLOW");
    let mut browser = site.web.browser();
    let page = first_step(&mut browser, "bin", WORD);
    assert!(page.says("<h1>My devices</h1>"), "{page:?}");
    assert!(page.says("id=\"no-devices\"") && !page.says("Credentials"));
    assert!(browser.get("/devices/add").says("id=\"invite\""));
    let page = browser.post(
        "/devices/add",
        &[("name", "tablet"), ("invite", "W-AAAA-AAAA-AAAA-AAAA")],
    );
    assert!(page.says("role=\"alert\""), "{page:?}");
    assert!(page.says("value=\"tablet\""), "what was typed is kept");
    assert!(devices(&site, "bin").is_empty());
    let mut root = site.daemon.connect();
    let invited = root.call("auth.twofactor.invite.create", json!([{"username": "bin"}]));
    let invite = invited["invite"].as_str().unwrap();
    let page = browser.post("/devices/add", &[("name", "tablet"), ("invite", invite)]);
    assert!(page.says("<h1>Set up device</h1>"), "{page:?}");
    assert!(page.says("<svg") && page.says("Secret of tablet"));
    // A reload shows the same; a wrong code is explained, and the page stays.
    assert_eq!(secret_of(&browser.get("/devices/setup")), secret_of(&page));
    let id = hidden(&page, "confirm", "id");
    let wrong = browser.post("/devices/setup/confirm", &[("id", &id), ("code", "000000")]);
    assert!(wrong.says("This code is wrong"), "{wrong:?}");
    assert_eq!(secret_of(&wrong), secret_of(&page));
    let done = confirm(&mut browser, &page, 0);
    assert!(done.says("The device works from now on."), "{done:?}");
    assert!(done.says("tablet") && done.says("active"), "{done:?}");
    assert_eq!(devices(&site, "bin")[0]["state"], "ACTIVE");
    let gone = browser.get("/devices/setup");
    assert!(gone.says("<h1>My devices</h1>"), "shown no more: {gone:?}");
}

/// Where nobody without a device may sign in.
#[test]
fn a_newcomer_signs_in_with_an_invite_and_from_then_on_with_codes() {
    let site = Site::new();
    site.enable();
    let mut browser = site.web.browser();
    let page = first_step(&mut browser, "bin", WORD);
    assert!(
        !page.says("<h1>My devices</h1>") && !page.says("one-time-code"),
        "{page:?}"
    );
    let mut root = site.daemon.connect();
    let invited = root.call("auth.twofactor.invite.create", json!([{"username": "bin"}]));
    let invite = invited["invite"].as_str().unwrap();
    let mut browser = site.web.browser();
    assert!(first_step(&mut browser, "bin", WORD).says("one-time-code"));
    let page = browser.post("/sign-in/code", &[("code", invite)]);
    assert!(page.says("<h1>My devices</h1>"), "{page:?}");
    let page = browser.post("/devices/add", &[("name", "tablet"), ("invite", invite)]);
    let secret = secret_of(&page);
    let done = confirm(&mut browser, &page, 0);
    assert!(done.says("The device works from now on."), "{done:?}");
    let mut browser = site.web.browser();
    first_step(&mut browser, "bin", WORD);
    let code = code_at(&secret, now() + 30);
    let page = browser.post("/sign-in/code", &[("code", &code)]);
    assert!(page.says("<h1>My devices</h1>"), "{page:?}");
}

#[test]
fn a_newcomer_signs_in_with_the_invite_and_sets_up_the_phone_with_it() {
    let site = Site::new();
    site.enable();
    let mut root = site.daemon.connect();
    let invited = root.call("auth.twofactor.invite.create", json!([{"username": "bin"}]));
    let invite = invited["invite"].as_str().unwrap();
    let mut browser = site.web.browser();
    let page = first_step(&mut browser, "bin", WORD);
    assert!(page.says("but an invite?"), "{page:?}");
    let page = browser.post("/sign-in/code", &[("code", invite)]);
    assert!(page.says("id=\"no-devices\""), "{page:?}");
    assert!(page.says("data-live"), "it follows what happens");
    let page = browser.post("/devices/add", &[("invite", invite)]);
    let secret = secret_of(&page);
    let done = confirm(&mut browser, &page, 0);
    assert!(done.says("The device works from now on."), "{done:?}");
    // The invite is used up, and the phone lets in.
    let mut again = site.web.browser();
    first_step(&mut again, "bin", WORD);
    let page = again.post("/sign-in/code", &[("code", invite)]);
    assert_eq!(page.status, 403, "{page:?}");
    first_step(&mut again, "bin", WORD);
    let code = code_at(&secret, now() + 30);
    let page = again.post("/sign-in/code", &[("code", &code)]);
    assert!(page.says("<h1>My devices</h1>"), "{page:?}");
}

#[test]
fn devices_are_added_renamed_renewed_and_removed_with_a_code_that_is_fresh() {
    let site = Site::new();
    let first = site.enable();
    let mut browser = site.root(Some((&first, 0)));
    let page = browser.get("/devices/add");
    assert!(!page.says("id=\"invite\""), "not the first one: {page:?}");
    let page = browser.post("/devices/add", &[("name", "tablet")]);
    let added = secret_of(&page);
    let page = confirm(&mut browser, &page, 0);
    assert!(page.says("tablet"), "{page:?}");
    let all = devices(&site, "root");
    let ids: Vec<_> = all.iter().map(|device| device["id"].to_string()).collect();
    let name = all[0]["name"].as_str().unwrap();

    let page = browser.get(&format!("/devices/rename?id={}", ids[1]));
    assert_eq!(value(&page, "name"), "tablet");
    let page = browser.post("/devices/rename", &[("id", &ids[1]), ("name", name)]);
    assert!(page.says("has that name"), "{page:?}");
    assert_eq!(value(&page, "name"), name, "what was typed is kept");
    let page = browser.post("/devices/rename", &[("id", &ids[1]), ("name", "a <b>")]);
    assert!(
        page.says("a &#60;b&#62;") || page.says("a &lt;b&gt;"),
        "{page:?}"
    );

    assert!(
        browser
            .get(&format!("/devices/renew?id={}", ids[1]))
            .says("The old one works")
    );
    let page = browser.post("/devices/renew", &[("id", &ids[1])]);
    assert!(page.says("The old secret works until"), "{page:?}");
    assert_ne!(secret_of(&page), added);
    assert!(browser.get("/devices").says("id=\"setup-pending\""));
    confirm(&mut browser, &page, 0);
    let all = devices(&site, "root");
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(
        (&all[1]["name"], &all[1]["state"]),
        (&json!("a <b>"), &json!("ACTIVE"))
    );

    let id = all[1]["id"].to_string();
    assert!(
        !browser
            .get(&format!("/devices/remove?id={id}"))
            .says("last-device")
    );
    let page = browser.post("/devices/remove", &[("id", &id)]);
    assert!(page.says("The device is removed"), "{page:?}");
    assert_eq!(devices(&site, "root").len(), 1);
    assert!(
        browser
            .get(&format!("/devices/remove?id={}", ids[0]))
            .says("last-device")
    );
}

#[test]
fn what_needs_a_code_asks_for_it_in_passing() {
    let site = Site::new();
    let first = site.enable();
    site.daemon.midclt_ok(["2fa", "disable", "--yes"]);
    // Without a second factor nobody has given a code.
    let mut browser = site.root(None);
    let id = devices(&site, "root")[0]["id"].to_string();
    for (path, fields) in [
        ("/devices/add", vec![("name", "tablet")]),
        ("/devices/renew", vec![("id", id.as_str())]),
        ("/devices/recovery", vec![]),
        ("/devices/remove", vec![("id", id.as_str())]),
    ] {
        let page = browser.post(path, &fields);
        assert!(page.says("<h1>Verification code</h1>"), "{path}: {page:?}");
        assert!(page.says(&format!("action=\"{path}\"")), "{path}: {page:?}");
        assert!(page.says("href=\"/devices"), "{path}: {page:?}");
    }
    let wrong = browser.post("/devices/add", &[("name", "tablet"), ("code", "000000")]);
    assert!(wrong.says("This code is wrong"), "{wrong:?}");
    assert!(wrong.says("value=\"tablet\"") && !wrong.says("000000"));
    assert_eq!(devices(&site, "root").len(), 1);
    let code = code_at(&first, now() + 30);
    let page = browser.post("/devices/add", &[("name", "tablet"), ("code", &code)]);
    assert!(page.says("Secret of tablet"), "{page:?}");
}

#[test]
fn a_setup_is_given_up_and_a_device_that_works_is_not_given_up_so() {
    let site = Site::new();
    let first = site.enable();
    let mut browser = site.root(Some((&first, 0)));
    let page = browser.post("/devices/add", &[]);
    let id = hidden(&page, "abandon", "id");
    let page = browser.post("/devices/setup/abandon", &[("id", &id)]);
    assert!(page.says("Nothing was set up"), "{page:?}");
    assert_eq!(devices(&site, "root").len(), 1);
    let id = devices(&site, "root")[0]["id"].to_string();
    let page = browser.post("/devices/setup/abandon", &[("id", &id)]);
    assert!(page.says("confirmed already"), "{page:?}");
    assert_eq!(devices(&site, "root").len(), 1);
}

#[test]
fn recovery_codes_are_shown_until_they_are_saved_and_count_then() {
    let site = Site::new();
    let first = site.enable();
    let mut browser = site.root(Some((&first, 0)));
    assert!(browser.get("/devices").says("You have none"));
    assert!(browser.get("/devices/recovery").says("Ten codes are made"));
    let page = browser.post("/devices/recovery", &[]);
    let list = page.body.split("id=\"recovery-codes\"").nth(1).unwrap();
    let codes: Vec<_> = list
        .split("<li>")
        .skip(1)
        .map(|item| item.split('<').next().unwrap().to_owned())
        .collect();
    assert_eq!(codes.len(), 10, "{page:?}");
    let file = browser.get("/devices/recovery/codes.txt");
    assert!(codes.iter().all(|code| file.says(code)), "{file:?}");
    assert_eq!(file.header("cache-control"), "no-store");
    let page = browser.get("/devices");
    assert!(page.says("id=\"codes-pending\"") && !page.says(&codes[0]));
    let page = browser.get("/devices/recovery/codes");
    let id = hidden(&page, "codes-saved", "id");
    let page = browser.post("/devices/recovery/saved", &[("id", &id)]);
    assert!(page.says("The new recovery codes count"), "{page:?}");
    assert!(page.says("10 left"), "{page:?}");
    assert!(
        browser
            .get("/devices/recovery/codes")
            .says("<h1>My devices</h1>")
    );
    assert!(!browser.get("/devices/recovery/codes.txt").says(&codes[0]));
    let mut other = site.web.browser();
    first_step(&mut other, "root", WORD);
    let page = other.post("/sign-in/code", &[("code", &codes[3])]);
    assert!(page.says("IS currently enabled"), "{page:?}");
}

#[test]
fn nobody_reaches_the_devices_of_others() {
    let site = Site::new();
    site.enable();
    site.daemon.unenrolled("ALLOW");
    let roots = devices(&site, "root");
    let id = roots[0]["id"].to_string();
    let mut browser = site.web.browser();
    first_step(&mut browser, "bin", WORD);
    for path in ["rename", "renew", "remove"] {
        let page = browser.get(&format!("/devices/{path}?id={id}"));
        assert_eq!(page.status, 403, "{path}: {page:?}");
        browser.get("/devices");
        let fields = [("id", id.as_str()), ("name", "mine")];
        let page = browser.post(&format!("/devices/{path}"), &fields);
        assert!(page.says("no such device"), "{path}: {page:?}");
    }
    browser.get("/devices");
    let fields = [("id", id.as_str()), ("code", "123456")];
    for path in ["confirm", "abandon"] {
        browser.get("/devices");
        let page = browser.post(&format!("/devices/setup/{path}"), &fields);
        assert!(page.says("no such device"), "{path}: {page:?}");
    }
    assert_eq!(devices(&site, "root"), roots);
    // And nobody at all without a session.
    let page = site.web.browser().get("/devices");
    assert!(page.says("<h1>Sign in</h1>"), "{page:?}");
}

#[test]
fn the_page_that_is_open_is_marked_in_the_navigation() {
    let site = Site::new();
    let mut browser = site.root(None);
    for path in ["/two-factor", "/devices", "/devices/add"] {
        let page = browser.get(path);
        let nav = page.body.split("</nav>").next().unwrap();
        assert_eq!(nav.matches("aria-current=\"page\"").count(), 1, "{path}");
        let place = path.trim_end_matches("/add");
        let marked = format!("<a href=\"{place}\" aria-current=\"page\">");
        assert!(nav.contains(&marked), "{path}: {nav}");
    }
}
