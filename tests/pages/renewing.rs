//! A new secret, while the old one goes on working.

use testkit::now;

use super::{Site, config, devices, first_step, hidden, secret_of};
use crate::support::code_at;
use crate::web::keeper::WORD;

const RENEW: &str = "/two-factor/renew";

/// Signs in with a code of this secret.
fn signs_in(site: &Site, secret: &str, step: u64) -> bool {
    let mut browser = site.web.browser();
    first_step(&mut browser, "root", WORD);
    let code = code_at(secret, now() + 30 * step);
    let page = browser.post("/sign-in/code", &[("code", &code)]);
    page.says("IS currently enabled")
}

#[test]
fn the_old_phone_is_accepted_until_the_new_one_is_confirmed() {
    let site = Site::new();
    let old = site.enable();
    let mut browser = site.root(Some((&old, 0)));
    let page = browser.get(RENEW);
    assert!(page.says("The old one works until"), "{page:?}");
    let code = code_at(&old, now() + 30);
    let page = browser.post(RENEW, &[("step", "begin"), ("code", &code)]);
    let new = secret_of(&page);
    assert_ne!(new, old);
    assert_eq!(secret_of(&browser.get(RENEW)), new, "after a reload too");
    let page = browser.get("/two-factor");
    assert!(
        page.says("A new secret waits for its first code"),
        "{page:?}"
    );
    assert!(!page.says(&new));
    assert_eq!(config(&site)["secret"], *old, "what counts is the old one");
    assert!(signs_in(&site, &old, 2));
    // The code of the old phone is not that of the new one, and the page says so.
    let id = hidden(&browser.get(RENEW), "confirm", "id");
    let code = code_at(&old, now());
    let page = browser.post(RENEW, &[("step", "confirm"), ("id", &id), ("code", &code)]);
    assert!(page.says("the secret before"), "{page:?}");
    assert_eq!(secret_of(&page), new);
    let code = code_at(&new, now());
    let page = browser.post(RENEW, &[("step", "confirm"), ("id", &id), ("code", &code)]);
    assert!(page.says("The new secret is confirmed"), "{page:?}");
    assert!(!page.says("waits for its first code"));
    assert_eq!(config(&site)["secret"], *new);
    assert!(!signs_in(&site, &old, 4));
    assert!(signs_in(&site, &new, 1));
}

#[test]
fn a_renewal_can_be_abandoned() {
    let site = Site::new();
    let old = site.enable();
    let mut browser = site.root(Some((&old, 0)));
    let page = browser.post(RENEW, &[("step", "begin")]);
    let new = secret_of(&page);
    let id = hidden(&page, "abandon", "id");
    let page = browser.post(RENEW, &[("step", "abandon"), ("id", &id)]);
    assert!(page.says("Nothing was renewed"), "{page:?}");
    assert!(!browser.get(RENEW).says("<svg"), "nothing of it is kept");
    assert_eq!(devices(&site, "root").len(), 1);
    assert!(!signs_in(&site, &new, 0));
    assert!(signs_in(&site, &old, 1));
    // Nothing that works can be taken away by it.
    let id = devices(&site, "root")[0]["id"].to_string();
    let page = browser.post(RENEW, &[("step", "abandon"), ("id", &id)]);
    assert!(page.says("There is nothing to take back"), "{page:?}");
    assert_eq!(devices(&site, "root").len(), 1);
}

#[test]
fn a_renewal_of_another_session_is_told_of_and_its_secret_shown_no_more() {
    let site = Site::new();
    let old = site.enable();
    let mut browser = site.root(Some((&old, 0)));
    let new = secret_of(&browser.post(RENEW, &[("step", "begin")]));
    let mut other = site.root(Some((&old, 1)));
    let page = other.get(RENEW);
    assert!(page.says("still waiting") && !page.says("<svg"), "{page:?}");
    let id = hidden(&page, "abandon", "id");
    let code = code_at(&new, now());
    let page = other.post(RENEW, &[("step", "confirm"), ("id", &id), ("code", &code)]);
    assert!(page.says("The new secret is confirmed"), "{page:?}");
    // The first one forgets it.
    assert!(!browser.get(RENEW).says("<svg"));
    assert_eq!(config(&site)["secret"], *new);
}
