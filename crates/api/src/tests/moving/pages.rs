//! The pages of an export: what is on them, that they fit, and which are taken.

use super::*;

#[test]
fn an_export_is_told_of() {
    let mut machine = exporting();
    machine.alerts();
    let pages = export(&mut machine);
    assert_eq!(pages[0]["accounts"][1]["devices"][0]["secret"], SECRET);
    assert!(!format!("{:?}", machine.events).contains(SECRET));
    assert_eq!(machine.alerts(), [AlertKind::Exported]);
    assert_eq!(
        machine.audited(),
        (EXPORT.to_owned(), "exported".to_owned(), None)
    );
}

#[test]
fn pages_come_in_order_and_all_of_them() {
    let mut pages = export(&mut exporting());
    let mut machine = Machine::new();
    let reason = machine.refusal(RESTORE, json!([]));
    assert!(reason.contains("Not all pages"), "{reason}");
    pages[0]["next"] = json!(5);
    hand_over(&mut machine, &pages);
    let reason = machine.refusal(RESTORE, json!([]));
    assert!(reason.contains("Not all pages"), "{reason}");
    for number in [1, 2] {
        let reason = machine.refusal(PAGE, json!([number, pages[0]]));
        assert!(reason.contains("Page 0 was expected"), "{reason}");
    }
    hand_over(&mut machine, &pages);
    let reason = machine.refusal(PAGE, json!([2, pages[0]]));
    assert!(reason.contains("Page 1 was expected"), "{reason}");
    pages[0]["next"] = Value::Null;
    hand_over(&mut machine, &pages);
    machine.ok(RESTORE, json!([{ "dry_run": true }]));
    let reason = machine.refusal(RESTORE, json!([]));
    assert!(
        reason.contains("Not all pages"),
        "they are taken once: {reason}"
    );
}

#[test]
fn what_is_no_page() {
    let page = export(&mut exporting()).remove(0);
    let mut machine = Machine::new();
    for (pointer, wrong, expected) in [
        (
            "/format",
            json!(2),
            "page.format: Should be between 1 and 1",
        ),
        ("/at", json!(-1), "page.at: Should be between"),
        (
            "/settings/window",
            json!(11),
            "page.settings.window: Should be between",
        ),
        (
            "/settings/enabled",
            json!("y"),
            "page.settings.enabled: Not a boolean",
        ),
        (
            "/policy/throttle/free_failures",
            json!(6),
            "page.policy.throttle.free_failures",
        ),
        (
            "/accounts/1/username",
            json!("a b/c"),
            "page.accounts.1.username: Not a valid",
        ),
        (
            "/accounts/1/devices/0/secret",
            json!("GEZ"),
            "page.accounts.1.devices.0.secret: the",
        ),
        (
            "/accounts/1/devices/0/secret",
            json!(7),
            "page.accounts.1.devices.0.secret: Not a str",
        ),
        (
            "/accounts/1/devices/0/otp_digits",
            json!(9),
            "otp_digits: Should be between",
        ),
        (
            "/accounts/1/devices/0/floor",
            json!("x"),
            "floor: Not an integer",
        ),
    ] {
        let mut page = page.clone();
        *page.pointer_mut(pointer).unwrap() = wrong;
        let error = machine.call(PAGE, json!([0, page])).unwrap_err();
        let reason = error["data"]["reason"].as_str().unwrap();
        assert!(reason.contains(expected), "{pointer}: {reason}");
        assert!(!error.to_string().contains(SECRET));
    }
    let mut page = page;
    page["accounts"][1]["shoe_size"] = json!(44);
    let error = machine.call(PAGE, json!([0, page])).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("shoe_size: Field was not expected"),
        "{error}"
    );
}

#[test]
fn every_page_fits_into_a_message() {
    let mut machine = exporting();
    let long = "\u{fc}".repeat(64);
    for byte in b'A'..b'H' {
        let secret = char::from(byte).to_string().repeat(102) + "A";
        import(
            &mut machine,
            "daemon",
            &format!("{}{}", &long[2..], char::from(byte)),
            &secret,
        );
    }
    for number in 0..150 {
        let until = machine.now + DAY + number;
        let new = json!({ "username": "daemon", "until": until, "reason": long });
        machine.ok("auth.twofactor.exemption.create", json!([new]));
        machine.wrong(&format!("2001:db8:ffff:{:x}::1", 0x1000 + number), "daemon");
    }
    machine.state(|tx| {
        for uid in 10_000..11_000 {
            let name = AccountName::new(&format!("user-of-a-long-name-{uid}")).unwrap();
            tx.ensure_account(&twofactor::Account { uid, name })
                .unwrap();
        }
    });
    let pages = export(&mut machine);
    assert!(pages.len() > 5, "{}", pages.len());
    let longest = pages
        .iter()
        .map(|page| page.to_string().len())
        .max()
        .unwrap();
    assert!((20_000..60_000).contains(&longest), "{longest}");
    let accounts = pages
        .iter()
        .map(|page| page["accounts"].as_array().unwrap().len());
    assert_eq!(accounts.sum::<usize>(), 1002);
    hand_over(&mut Machine::new(), &pages);
}

#[test]
fn what_does_not_travel() {
    let mut machine = exporting();
    let create = json!([{ "username": "bin" }]);
    machine.ok("auth.twofactor.device.create", create);
    let pages = export(&mut machine);
    let accounts = pages[0]["accounts"].as_array().unwrap();
    let bin = accounts
        .iter()
        .find(|account| account["username"] == "bin")
        .unwrap();
    assert_eq!(
        (&bin["devices"], &bin["unreadable"]),
        (&json!([]), &json!(0))
    );
    let database = machine.dir.path().join("state/middlewared.db");
    let other = rusqlite::Connection::open(database).unwrap();
    other
        .execute("UPDATE devices SET secret = x'01' WHERE uid = 1", [])
        .unwrap();
    let pages = export(&mut machine);
    assert_eq!(pages[0]["accounts"][1]["unreadable"], 1);
    assert_eq!(pages[0]["accounts"][1]["devices"], json!([]));
}
