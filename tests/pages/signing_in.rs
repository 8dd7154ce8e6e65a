//! Signing in by the pages: with a code, and every way that it fails.

use serde_json::json;
use testkit::now;

use super::{Site, first_step};
use crate::support::code_at;
use crate::web::keeper::WORD;

const WRONG: &str = "User name, password or code is wrong.";

#[test]
fn a_password_then_a_code_with_spaces_open_the_page() {
    let site = Site::new();
    let secret = site.enable();
    let mut browser = site.web.browser();
    let page = first_step(&mut browser, "root", WORD);
    assert!(page.says("<h1>Verification code</h1>"), "{page:?}");
    assert!(page.says("autocomplete=\"one-time-code\""));
    assert!(page.says("inputmode=\"numeric\""));
    let code = code_at(&secret, now());
    let (first, second) = code.split_at(3);
    let page = browser.post("/sign-in/code", &[("code", &format!("{first} {second}"))]);
    assert!(page.says("IS currently enabled"), "{page:?}");
    assert_eq!(
        site.keeper.asked()[0][2],
        "127.0.0.1",
        "whose password it is judged for"
    );
}

#[test]
fn without_a_second_factor_the_password_is_enough() {
    let site = Site::new();
    let mut browser = site.root(None);
    assert!(browser.get("/").says("is NOT enabled"));
}

#[test]
fn every_failure_reads_the_same_and_keeps_the_name() {
    let site = Site::new();
    let secret = site.enable();
    let code = code_at(&secret, now());
    site.root(Some((&secret, 0)));
    for (name, password, code) in [
        ("root", "wrong", None),
        ("nobody-has-this-name", WORD, None),
        ("expired", WORD, None),
        ("root", WORD, Some("000000")),
        ("root", WORD, Some(code.as_str())),
        ("root", WORD, Some("no code at all")),
        ("root", WORD, Some("")),
    ] {
        let mut browser = site.web.browser();
        let mut page = first_step(&mut browser, name, password);
        if let Some(code) = code {
            page = browser.post("/sign-in/code", &[("code", code)]);
        }
        assert_eq!(page.status, 403, "{name} {code:?}: {page:?}");
        assert!(page.says(WRONG), "{name} {code:?}: {page:?}");
        assert!(page.says(&format!("value=\"{name}\"")), "the name is kept");
        assert!(!page.says(WORD) && !page.says("no code at all"));
        assert!(browser.get("/two-factor").says("<h1>Sign in</h1>"));
    }
}

#[test]
fn one_wrong_code_ends_the_login() {
    let site = Site::new();
    let secret = site.enable();
    let mut browser = site.web.browser();
    first_step(&mut browser, "root", WORD);
    browser.post("/sign-in/code", &[("code", "000000")]);
    let code = code_at(&secret, now());
    let page = browser.post("/sign-in/code", &[("code", &code)]);
    assert!(page.says("<h1>Sign in</h1>"), "{page:?}");
}

#[test]
fn a_recovery_code_signs_in_once() {
    let site = Site::new();
    site.enable();
    let mut root = site.daemon.connect();
    let set = root.call("auth.twofactor.recovery.generate", json!(["root"]));
    root.call("auth.twofactor.recovery.confirm_saved", json!([set["id"]]));
    let code = set["codes"][0].as_str().unwrap();
    let mut browser = site.web.browser();
    first_step(&mut browser, "root", WORD);
    let page = browser.post("/sign-in/code", &[("code", code)]);
    assert!(page.says("IS currently enabled"), "{page:?}");
    let mut browser = site.web.browser();
    first_step(&mut browser, "root", WORD);
    assert!(browser.post("/sign-in/code", &[("code", code)]).says(WRONG));
}

#[test]
fn after_too_many_wrong_codes_the_wait_is_shown() {
    let site = Site::new();
    site.enable();
    let guess = || {
        let mut browser = site.web.browser();
        let page = first_step(&mut browser, "root", WORD);
        if page.status == 403 {
            return page;
        }
        browser.post("/sign-in/code", &[("code", "000000")])
    };
    for _ in 0..5 {
        guess();
    }
    let page = guess();
    assert!(!page.says(WRONG) && page.says("Try again in"), "{page:?}");
}

#[test]
fn a_form_of_another_browser_is_not_taken() {
    let site = Site::new();
    let mut theirs = site.web.browser();
    theirs.get("/sign-in");
    let mut browser = site.web.browser();
    browser.get("/sign-in");
    browser.csrf.clone_from(&theirs.csrf);
    let fields = [("username", "root"), ("password", WORD)];
    let page = browser.post("/sign-in", &fields);
    assert!(
        page.says("too old") && !page.says("is NOT enabled"),
        "{page:?}"
    );
    assert!(site.keeper.asked().is_empty(), "nothing was looked at");
}

#[test]
fn a_cookie_that_somebody_planted_is_never_signed_in() {
    let site = Site::new();
    let mut planted = site.web.browser();
    planted.get("/sign-in");
    let mut victim = site.web.browser();
    victim.cookies.clone_from(&planted.cookies);
    first_step(&mut victim, "root", WORD);
    assert!(victim.get("/").says("is NOT enabled"));
    assert_ne!(victim.cookies, planted.cookies);
    assert!(planted.get("/").says("<h1>Sign in</h1>"));
}

#[test]
fn the_cookie_stays_in_this_browser_and_signing_out_ends_it_everywhere() {
    let site = Site::new();
    let mut browser = site.web.browser();
    browser.get("/sign-in");
    let answer = browser.post_only("/sign-in", &[("username", "root"), ("password", WORD)]);
    let cookie = answer.header("set-cookie");
    for part in [
        "__Host-session=",
        "; Path=/",
        "; HttpOnly",
        "; SameSite=Strict",
        "; Secure",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let mut copy = site.web.browser();
    copy.cookies.clone_from(&browser.cookies);
    assert!(copy.get("/").says("is NOT enabled"));
    browser.get("/");
    assert!(browser.post("/sign-out", &[]).says("<h1>Sign in</h1>"));
    assert!(copy.get("/").says("<h1>Sign in</h1>"));
}

#[test]
fn a_restart_of_the_daemon_signs_out_and_the_page_says_so() {
    let mut site = Site::new();
    let mut cookies = site.root(None).cookies;
    site.daemon.restart();
    let mut browser = site.web.browser();
    browser.cookies.append(&mut cookies);
    let page = browser.get("/two-factor");
    assert!(page.says("Sign in to go on"), "{page:?}");
    site.root(None);
}

#[test]
fn neither_log_nor_answers_to_others_hold_what_was_typed() {
    let site = Site::new();
    let secret = site.enable();
    let browser = site.root(Some((&secret, 0)));
    let mut wrong = site.web.browser();
    first_step(&mut wrong, "root", "an unlucky guess");
    wrong.post("/sign-in/code", &[("code", "314159")]);
    let log = site.web.log() + &site.daemon.log();
    let cookie = &browser.cookies[0].1;
    for typed in [
        WORD,
        "an unlucky guess",
        "314159",
        cookie,
        &browser.csrf,
        &secret,
    ] {
        assert!(!log.contains(typed), "{typed}: {log}");
    }
}
