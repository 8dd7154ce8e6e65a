//! What a stranger may hold open, send, and learn.

use std::io::{Read, Write};

use super::Site;
use crate::support::eventually;
use crate::web::keeper::WORD;

#[test]
fn every_answer_says_what_a_browser_may_do_with_it() {
    let site = Site::new();
    let mut browser = site.web.browser();
    for path in [
        "/sign-in",
        "/nowhere",
        "/two-factor",
        "/api/current",
        "/assets/x/style.css",
    ] {
        let answer = browser.send("GET", path, "", None);
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{path}: {answer:?}"
        );
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        for inline in [
            "<script>",
            "style=\"",
            "onclick",
            "javascript:",
            "http://",
            "//cdn",
        ] {
            assert!(!answer.says(inline), "{path} has {inline}");
        }
    }
}

#[test]
fn the_sign_in_weighs_little_with_all_that_it_needs() {
    let site = Site::new();
    let mut browser = site.web.browser();
    let page = browser.get("/sign-in");
    let mut bytes = page.body.len();
    let links = page
        .body
        .split('"')
        .filter(|word| word.starts_with("/assets/"));
    for link in links {
        let asset = browser.get(link);
        assert_eq!(asset.status, 200, "{link}");
        assert!(
            asset.header("cache-control").contains("immutable"),
            "{asset:?}"
        );
        bytes += asset.body.len();
    }
    assert!(bytes <= 60 * 1024, "{bytes} bytes");
}

#[test]
fn a_form_from_another_site_or_for_another_name_is_refused() {
    let site = Site::new();
    let mut browser = site.root(None);
    let body = format!("csrf={}&otp_digits=8&interval=30&window=1", browser.csrf);
    for (lines, status) in [
        ("Origin: https://evil.example\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Origin: https://localhost:1\r\n", 403),
        ("Origin: https://localhost\r\n", 200),
    ] {
        let answer = browser.send("POST", "/two-factor/settings", lines, Some(&body));
        assert_eq!(answer.status, status, "{lines}");
    }
    let answer = browser.send("POST", "/two-factor/settings", "", Some("csrf=&window=1"));
    assert_eq!(answer.status, 403, "no token: {answer:?}");
    let foreign = "GET /sign-in HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(site.web.exchange(foreign).status, 421);
}

#[test]
fn too_much_is_refused() {
    let site = Site::new();
    let mut browser = site.web.browser();
    browser.get("/sign-in");
    let long = "x".repeat(20_000);
    let answer = browser.post_only("/sign-in", &[("username", &long), ("password", WORD)]);
    assert!([400, 413].contains(&answer.status), "{answer:?}");
    let lines = format!("X-Long: {}\r\n", "x".repeat(20_000));
    assert_eq!(browser.send("GET", "/sign-in", &lines, None).status, 431);
    assert!(site.keeper.asked().is_empty());
    assert!(browser.get("/sign-in").says("<h1>Sign in</h1>"));
}

#[test]
fn whoever_says_nothing_or_only_half_is_cut_off() {
    let site = Site::new();
    // Neither TLS nor a head ever comes to its end.
    let mut silent = site.web.connect();
    let mut half = site.web.connect_tls();
    half.write_all(b"GET /sign-in HTTP/1.1\r\nHost: local")
        .unwrap();
    let mut rest = Vec::new();
    assert!(silent.read_to_end(&mut rest).is_ok() && rest.is_empty());
    let _ = half.read_to_end(&mut rest);
    assert!(!rest.windows(3).any(|found| found == b"200"));
}

#[test]
fn when_there_is_no_room_others_wait_and_room_comes_back() {
    let site = Site::with("max_connections = 8\n");
    let held: Vec<_> = (0..8).map(|_| site.web.connect()).collect();
    let mut refused = site.web.connect();
    let mut rest = Vec::new();
    let _ = refused.read_to_end(&mut rest);
    assert!(rest.is_empty(), "closed at once");
    drop(held);
    eventually("room", || site.web.has_room());
}

#[test]
fn plain_http_is_for_loopback_and_its_cookie_says_so() {
    let site = Site::with("http = true\nlisten = \"127.0.0.1:0\"\n");
    let mut browser = site.root(None);
    assert_eq!(browser.cookies[0].0, "session");
    assert!(browser.get("/").says("is NOT enabled"));
}
