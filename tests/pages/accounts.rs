//! Accounts, by a browser without scripts.

use serde_json::json;
use testkit::{Answer, Browser, now};

use super::{Site, devices, first_step, value};
use crate::support::code_at;
use crate::web::keeper::WORD;

/// The row of an account: its cells, as text.
fn row(page: &Answer, name: &str) -> Vec<String> {
    let link = format!("href=\"/accounts/account?name={name}\"");
    let mut rows = page.body.split("<tr>");
    let row = rows.find(|row| row.contains(&link));
    let row = row.unwrap_or_else(|| panic!("no {name}: {page:?}"));
    let cells = row.split("<td>").skip(1);
    cells
        .map(|cell| cell.split("</td>").next().unwrap().to_owned())
        .collect()
}

/// Has a code of root's accepted that no other use of this test has.
fn fresh<'a>(site: &'a Site, secret: &str) -> Browser<'a> {
    site.root(Some((secret, 0)))
}

#[test]
fn the_matrix_shows_what_each_door_asks_each_account_for() {
    let site = Site::with_accounts(&[("alice", 1000), ("bob", 1001)]);
    let secret = site.enable();
    let mut browser = fresh(&site, &secret);
    let page = browser.get("/accounts");
    assert!(page.says("(3 accounts)"), "{page:?}");
    let alice = row(&page, "alice");
    assert_eq!(alice[0], "nothing: it is off", "sshd asks nobody");
    assert_eq!(alice[1], "unknown", "nobody has looked");
    assert_eq!(alice[2..4], ["refused: no device", "none"]);
    assert!(page.says("midclt 2fa ssh check --report"));
    let root = row(&page, "root");
    assert_eq!(root[2..4], ["a code", "phone"]);
    assert!(root[4].contains("<time datetime="), "{root:?}");
    site.daemon.report_sshd_ready();
    let page = browser.get("/accounts?search=LI");
    assert!(page.says("(1 account)") && !page.says(">bob<"), "{page:?}");
    assert!(!page.says("Nobody has looked"), "{page:?}");
    assert_eq!(value(&page, "search"), "LI");
    let page = browser.get("/accounts?search=%3Cb%3E");
    assert!(
        page.says("No account has such a name") && !page.says("<b>\""),
        "{page:?}"
    );
    let page = browser.get("/accounts/account?name=nobody-of-this-name");
    assert_eq!(page.status, 403);
    assert!(page.says("no such account"), "{page:?}");
}

#[test]
fn ten_thousand_accounts_are_pages_of_fifty() {
    let names: Vec<_> = (0..10_000).map(|n| format!("person{n:05}")).collect();
    let accounts = (1000..).zip(&names).map(|(uid, name)| (name.as_str(), uid));
    let accounts: Vec<_> = accounts.collect();
    let site = Site::with_accounts(&accounts);
    let mut browser = site.root(None);
    let page = browser.get("/accounts");
    // The list of accounts has room for so many; root is one of them.
    assert!(page.says("(10000 accounts)"), "{}", page.body);
    assert_eq!(page.body.matches("<tr>").count(), 51, "with the head");
    assert!(page.body.len() < 64 * 1024, "{}", page.body.len());
    assert!(page.says("person00049") && !page.says("person00050"));
    let page = browser.get("/accounts?search=&after=person00049");
    assert!(page.says("person00050") && !page.says("person00049\""));
    let page = browser.get("/accounts?search=person0999&after=person09990");
    assert!(
        page.says("(9 accounts)") || page.says("(10 accounts)"),
        "{}",
        page.body
    );
    assert!(page.says("person09991") && !page.says("id=\"next\""));
}

#[test]
fn an_administrator_unlocks() {
    let site = Site::with_accounts(&[("alice", 1000)]);
    let secret = site.enable();
    let mut browser = fresh(&site, &secret);
    let mut root = site.daemon.connect();
    for _ in 0..5 {
        root.call(
            "auth.twofactor.authenticate",
            json!([{"username": "root", "service": "sshd-test", "source": "192.0.2.1",
                "factor": "password", "token": "000000"}]),
        );
    }
    let page = browser.get("/accounts");
    assert!(page.says("<b class=\"mark\">locked</b>"), "{page:?}");
    let page = browser.get("/accounts/unlock?name=root");
    assert!(page.says("Look at the log first"), "{page:?}");
    let page = browser.post("/accounts/unlock", &[("name", "root")]);
    assert!(page.says("The wrong codes are forgiven"), "{page:?}");
    assert!(page.says("<h1>Account</h1>") && !page.says("<dt>Locked</dt>"));
}

#[test]
fn a_bypass_needs_a_code_of_its_own_and_keeps_what_was_typed() {
    let site = Site::with_accounts(&[("alice", 1000)]);
    let secret = site.enable();
    let mut browser = fresh(&site, &secret);
    let page = browser.get("/accounts/bypass?name=alice");
    assert_eq!(value(&page, "minutes"), "15");
    let wanted = [("name", "alice"), ("minutes", "30"), ("uses", "2")];
    let fields = [&wanted[..], &[("reason", "phone lost")]].concat();
    let page = browser.post("/accounts/bypass", &fields);
    assert!(page.says("<h1>Verification code</h1>"), "{page:?}");
    let code = code_at(&secret, now() + 30);
    let empty = [&wanted[..], &[("reason", ""), ("code", &code)]].concat();
    let page = browser.post("/accounts/bypass", &empty);
    assert!(page.says("Should have 1 to 64 characters"), "{page:?}");
    assert_eq!(value(&page, "minutes"), "30");
    let code = code_at(&secret, now() + 60);
    let fields = [&fields[..], &[("code", code.as_str())]].concat();
    let page = browser.post("/accounts/bypass", &fields);
    assert!(page.says("may log in without a code"), "{page:?}");
    assert!(page.says("<dt>Bypass until</dt>"), "{page:?}");
    let mut root = site.daemon.connect();
    let bypasses = root.call("auth.twofactor.bypass.query", json!([]));
    assert_eq!(bypasses[0]["username"], "alice", "never for everybody");
    assert_eq!(
        (&bypasses[0]["uses_left"], &bypasses[0]["reason"]),
        (&json!(2), &json!("phone lost"))
    );
    assert_eq!(
        row(&browser.get("/accounts"), "alice")[2],
        "nothing: bypass"
    );
}

#[test]
fn a_reset_forgets_the_devices_and_an_invite_lets_begin_anew() {
    let site = Site::with_accounts(&[("alice", 1000)]);
    let secret = site.enable();
    let mut root = site.daemon.connect();
    root.call("user.renew_2fa_secret", json!(["alice", {}]));
    let mut browser = fresh(&site, &secret);
    let page = browser.get("/accounts/account?name=alice");
    assert!(page.says("<th scope=\"row\">phone</th>"), "{page:?}");
    let page = browser.get("/accounts/reset?name=alice");
    assert!(page.says("Forget all of it"), "{page:?}");
    let page = browser.post("/accounts/reset", &[("name", "alice")]);
    assert!(
        page.says("is forgotten") && page.says("No devices."),
        "{page:?}"
    );
    assert!(devices(&site, "alice").is_empty());
    assert!(
        browser
            .get("/accounts/invite?name=alice")
            .says("for 24 hours")
    );
    let page = browser.post("/accounts/invite", &[("name", "alice")]);
    let invite = value(&page, "invite");
    assert_eq!(invite.len(), 21, "{page:?}");
    assert!(!browser.get("/accounts/account?name=alice").says(&invite));
    site.daemon.unenrolled("ALLOW");
    let mut hers = site.web.browser();
    first_step(&mut hers, "alice", WORD);
    let page = hers.post("/devices/add", &[("invite", &invite)]);
    assert!(page.says("<h1>Set up device</h1>"), "{page:?}");
}

#[test]
fn an_exemption_is_roots_and_the_page_says_how() {
    let site = Site::with_accounts(&[("alice", 1000)]);
    let mut browser = site.root(None);
    let page = browser.get("/accounts/account?name=alice");
    assert!(
        page.says("midclt 2fa exempt alice --days 90 --reason TEXT"),
        "{page:?}"
    );
    let until = now() + 600;
    let mut root = site.daemon.connect();
    root.call(
        "auth.twofactor.exemption.create",
        json!([{"username": "alice", "until": until, "reason": "job"}]),
    );
    assert!(
        browser
            .get("/accounts/account?name=alice")
            .says("<dt>Exempt until</dt>")
    );
}

#[test]
fn without_a_code_that_is_fresh_one_is_asked_for_and_nothing_is_done() {
    let site = Site::with_accounts(&[("alice", 1000)]);
    let mut browser = site.root(None);
    for (path, fields) in [
        ("/accounts/unlock", vec![]),
        ("/accounts/reset", vec![]),
        ("/accounts/invite", vec![]),
        (
            "/accounts/bypass",
            vec![("minutes", "1"), ("uses", "1"), ("reason", "x")],
        ),
    ] {
        let fields = [&[("name", "alice")], fields.as_slice()].concat();
        let page = browser.post(path, &fields);
        assert!(page.says("<h1>Verification code</h1>"), "{path}: {page:?}");
        assert!(
            page.says("href=\"/accounts/account?name=alice\""),
            "{path}: Cancel"
        );
    }
    let mut root = site.daemon.connect();
    assert_eq!(
        root.call("auth.twofactor.bypass.query", json!([])),
        json!([])
    );
    assert_eq!(
        root.call("auth.twofactor.invite.query", json!([])),
        json!([])
    );
}

#[test]
fn whoever_is_no_administrator_sees_and_does_nothing_of_it() {
    let site = Site::new();
    site.enable();
    site.daemon.unenrolled("ALLOW");
    let mut browser = site.web.browser();
    let page = first_step(&mut browser, "bin", WORD);
    for name in ["Accounts", "Log", "Health", "Credentials"] {
        assert!(!page.says(&format!("{name}</a>")), "{name}: {page:?}");
    }
    for path in [
        "/accounts",
        "/accounts/account?name=root",
        "/accounts/reset?name=root",
        "/log",
        "/health",
    ] {
        let page = browser.get(path);
        assert_eq!(page.status, 403, "{path}: {page:?}");
        assert!(page.says("this is for administrators"), "{path}: {page:?}");
    }
    browser.get("/devices");
    for path in ["unlock", "reset", "invite"] {
        browser.post(&format!("/accounts/{path}"), &[("name", "root")]);
        browser.get("/devices");
    }
    assert_eq!(devices(&site, "root").len(), 1);
}
