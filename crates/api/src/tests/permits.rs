//! Bypasses, exemptions, grace and invites: what lets somebody in without a code, or begin.

use super::*;

const DAY: u64 = 86_400;

fn call(noun: &str, verb: &str) -> String {
    format!("auth.twofactor.{noun}.{verb}")
}

#[test]
fn each_is_made_listed_and_ended_and_every_step_is_announced() {
    let mut machine = Machine::new();
    let now = machine.now;
    for (noun, params, alert, audited) in [
        (
            "bypass",
            json!({ "username": "daemon", "reason": "lost phone" }),
            Some(AlertKind::Bypass),
            ("granted", "ended"),
        ),
        (
            "exemption",
            json!({ "username": "daemon", "until": now + 30 * DAY, "reason": "backup" }),
            Some(AlertKind::Exemption),
            ("granted", "ended"),
        ),
        (
            "grace",
            json!({ "username": "daemon" }),
            Some(AlertKind::Exemption),
            ("granted", "ended"),
        ),
        (
            "invite",
            json!({ "username": "daemon" }),
            None,
            ("invited", "taken back"),
        ),
    ] {
        let mut made = machine.ok(&call(noun, "create"), json!([params]));
        assert_eq!(made["username"], "daemon", "{noun}");
        let name = Some("daemon".to_owned());
        assert_eq!(
            machine.audited(),
            (call(noun, "create"), audited.0.to_owned(), name.clone())
        );
        assert_eq!(machine.alerts(), Vec::from_iter(alert), "{noun}");
        let (what, key) = match noun {
            "grace" => ("grace", made["username"].clone()),
            _ => (noun, made["id"].clone()),
        };
        let told = json!({ "username": "daemon", "what": what });
        let events = machine.events("auth.twofactor.account");
        assert_eq!(events.len(), 1, "{noun}");
        assert_eq!(events[0]["fields"], told);
        // What is to be typed is shown once.
        made.as_object_mut().unwrap().remove("invite");
        for of in [json!([]), json!([{}]), json!([{ "username": "daemon" }])] {
            assert_eq!(
                machine.ok(&call(noun, "query"), of),
                json!([made]),
                "{noun}"
            );
        }
        for of in ["root", "nobody-has-this-name"] {
            let others = json!([{ "username": of }]);
            assert_eq!(
                machine.ok(&call(noun, "query"), others),
                json!([]),
                "{noun}"
            );
        }
        assert_eq!(machine.ok(&call(noun, "delete"), json!([key])), json!(true));
        assert_eq!(
            machine.audited(),
            (call(noun, "delete"), audited.1.to_owned(), name)
        );
        assert_eq!(machine.events("auth.twofactor.account")[0]["fields"], told);
        assert_eq!(machine.ok(&call(noun, "query"), json!([])), json!([]));
        let reason = machine.refusal(&call(noun, "delete"), json!([key]));
        let cure = format!("midclt call {}", call(noun, "query"));
        assert!(
            reason.starts_with("[ENOENT]") && reason.contains(&cure),
            "{reason}"
        );
    }
}

#[test]
fn nobody_is_given_anything_whom_the_machine_does_not_know() {
    let mut machine = Machine::new();
    let until = machine.now + DAY;
    for (noun, params) in [
        (
            "bypass",
            json!({ "username": "no-such-user", "reason": "x" }),
        ),
        (
            "exemption",
            json!({ "username": "no-such-user", "until": until, "reason": "x" }),
        ),
        ("grace", json!({ "username": "no-such-user" })),
        ("invite", json!({ "username": "no-such-user" })),
    ] {
        let reason = machine.refusal(&call(noun, "create"), json!([params]));
        assert_eq!(reason, "[ENOENT] User 'no-such-user' does not exist");
    }
    assert_eq!(machine.ok("auth.twofactor.audit", json!([])), json!([]));
}

#[test]
fn what_is_asked_for_has_its_bounds() {
    let mut machine = Machine::new();
    let until = machine.now + 366 * DAY;
    for (noun, params, lines) in [
        (
            "bypass",
            json!({ "username": "a", "minutes": 0, "uses": 11, "reason": "x" }),
            "minutes: Should be between 1 and 1440\nuses: Should be between 1 and 10\n",
        ),
        (
            "bypass",
            json!({ "username": "a", "minutes": 1441, "reason": " " }),
            "minutes: Should be between 1 and 1440\nreason: Should have 1 to 64 characters\n",
        ),
        (
            "bypass",
            json!({ "username": "a" }),
            "reason: Field required\n",
        ),
        (
            "bypass",
            json!({ "reason": "x" }),
            "username: Field required\n",
        ),
        (
            "bypass",
            json!({ "username": "a/b", "reason": "x\u{1b}[2J" }),
            "username: Not a valid account name\nreason: Control characters not allowed\n",
        ),
        (
            "exemption",
            json!({ "username": "daemon", "until": until + 1, "reason": "x" }),
            "until: Should be at most 366 days from now: 1731622400\n",
        ),
        (
            "exemption",
            json!({ "username": "daemon", "until": 1_700_000_000, "reason": "x" }),
            "until: Should be later than now, which is 1700000000\n",
        ),
        (
            "exemption",
            json!({ "username": "daemon", "until": "tomorrow", "reason": "x" }),
            "until: Not an integer\n",
        ),
        (
            "grace",
            json!({ "username": "a", "days": 0 }),
            "days: Should be between 1 and 90\n",
        ),
        (
            "grace",
            json!({ "username": "a", "days": 91 }),
            "days: Should be between 1 and 90\n",
        ),
        (
            "invite",
            json!({ "username": "a", "hours": 0 }),
            "hours: Should be between 1 and 168\n",
        ),
        (
            "invite",
            json!({ "username": "a", "hours": 169 }),
            "hours: Should be between 1 and 168\n",
        ),
    ] {
        let reason = machine.refusal(&call(noun, "create"), json!([params]));
        let found = reason.replace(&format!("[EINVAL] {noun}_create."), "");
        assert_eq!(found, lines);
    }
    let params = json!([{ "username": "daemon", "until": until, "reason": "x" }]);
    assert_eq!(
        machine.ok("auth.twofactor.exemption.create", params)["until"],
        until
    );
}

#[test]
fn a_bypass_is_short_by_default_and_never_longer_than_the_policy_allows() {
    let mut machine = Machine::new();
    let create = "auth.twofactor.bypass.create";
    let policy = |most: u32| {
        let rules = json!({ "bypass_minutes_max": most, "bypass_uses_max": 1 });
        ("auth.twofactor.policy.update", json!([rules]))
    };
    let everybody = json!([{ "username": null, "reason": "outage" }]);
    let bypass = machine.ok(create, everybody.clone());
    assert_eq!(
        (&bypass["username"], &bypass["uses_left"], &bypass["until"]),
        (&Value::Null, &json!(1), &json!(machine.now + 15 * 60))
    );
    let (update, rules) = policy(10);
    machine.ok(update, rules);
    let cut = machine.ok(create, everybody);
    assert_eq!(cut["until"], machine.now + 10 * 60);
    let reason = machine.refusal(
        create,
        json!([{ "username": "daemon", "minutes": 11, "uses": 2, "reason": "x" }]),
    );
    for (field, most) in [("minutes", 10), ("uses", 1)] {
        let line = format!(
            "[EINVAL] bypass_create.{field}: Should be at most {most}, by the policy. To allow \
             more: midclt call auth.twofactor.policy.update '{{\"bypass_{field}_max\": N}}'\n"
        );
        assert!(reason.contains(&line), "{reason}");
    }
}

#[test]
fn alerts_say_who_and_for_how_long() {
    let mut machine = Machine::new();
    let until = machine.now + 30 * DAY;
    for (noun, params, message) in [
        (
            "bypass",
            json!({ "username": null, "reason": "outage" }),
            "Everybody may log in without a code, once within 15 min: outage",
        ),
        (
            "bypass",
            json!({ "username": "daemon", "minutes": 180, "uses": 3, "reason": "lost phone" }),
            "'daemon' may log in without a code, 3 times within 3 h: lost phone",
        ),
        (
            "exemption",
            json!({ "username": "daemon", "until": until, "reason": "backup" }),
            "'daemon' is not asked for a code for 30 days: backup",
        ),
    ] {
        machine.ok(&call(noun, "create"), json!([params]));
        assert_eq!(machine.alerts.pop().unwrap().message, message);
    }
}

#[test]
fn a_bypass_for_everybody_is_listed_for_each() {
    let mut machine = Machine::new();
    for username in [json!(null), json!("daemon"), json!("bin")] {
        let params = json!([{ "username": username, "reason": "x" }]);
        machine.ok("auth.twofactor.bypass.create", params);
    }
    let of = json!([{ "username": "daemon" }]);
    let listed = machine.ok("auth.twofactor.bypass.query", of);
    let names: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|b| &b["username"])
        .collect();
    assert_eq!(names, [&Value::Null, &json!("daemon")]);
}

#[test]
fn what_is_over_is_not_listed() {
    let mut machine = Machine::new();
    let until = machine.now + DAY;
    machine.ok(
        "auth.twofactor.exemption.create",
        json!([{ "username": "daemon", "until": until, "reason": "x" }]),
    );
    for (noun, params) in [
        (
            "bypass",
            json!([{ "username": "daemon", "minutes": 1440, "reason": "x" }]),
        ),
        ("grace", json!([{ "username": "daemon", "days": 1 }])),
        ("invite", json!([{ "username": "daemon" }])),
    ] {
        machine.ok(&call(noun, "create"), params);
    }
    for (later, left) in [(DAY - 1, 1), (1, 0)] {
        machine.now += later;
        for noun in ["bypass", "exemption", "grace", "invite"] {
            let listed = machine.ok(&call(noun, "query"), json!([]));
            assert_eq!(listed.as_array().unwrap().len(), left, "{noun}");
        }
    }
}

/// Dates that permit are judged by the latest time that was seen.
#[test]
fn a_clock_set_back_brings_nothing_back() {
    let mut machine = Machine::new();
    let until = machine.now + DAY;
    machine.ok(
        "auth.twofactor.exemption.create",
        json!([{ "username": "daemon", "until": until, "reason": "x" }]),
    );
    machine.ok(
        "auth.twofactor.grace.create",
        json!([{ "username": "daemon", "days": 1 }]),
    );
    machine.now += 2 * DAY;
    machine.ok(
        "auth.twofactor.grace.create",
        json!([{ "username": "bin", "days": 1 }]),
    );
    machine.now -= 2 * DAY;
    assert_eq!(
        machine.ok("auth.twofactor.exemption.query", json!([])),
        json!([])
    );
    let grace = machine.ok("auth.twofactor.grace.query", json!([]));
    assert_eq!(grace.as_array().unwrap().len(), 1, "{grace}");
    // What is granted now counts from the latest time, or it would be over at once.
    let params = json!([{ "username": "daemon", "days": 1 }]);
    let grace = machine.ok("auth.twofactor.grace.create", params);
    assert_eq!(grace["until"], machine.now + 3 * DAY);
}

#[test]
fn grace_follows_the_policy_and_is_for_those_without_a_device() {
    let mut machine = Machine::new();
    machine.ok(
        "auth.twofactor.policy.update",
        json!([{ "grace_days": 30 }]),
    );
    let grace = json!([{ "username": "daemon" }]);
    let given = machine.ok("auth.twofactor.grace.create", grace.clone());
    assert_eq!(given["until"], machine.now + 30 * DAY);
    machine.ok("user.renew_2fa_secret", json!(["daemon", {}]));
    for (noun, cure) in [
        ("grace", "midclt 2fa bypass daemon --reason TEXT"),
        ("invite", "midclt 2fa device add daemon"),
    ] {
        let reason = machine.refusal(&call(noun, "create"), grace.clone());
        assert!(
            reason.starts_with("[EEXIST]") && reason.contains(cure),
            "{reason}"
        );
    }
}

#[test]
fn a_new_invite_takes_the_place_of_the_old() {
    let mut machine = Machine::new();
    let invite = json!([{ "username": "daemon", "hours": 168 }]);
    let old = machine.ok("auth.twofactor.invite.create", invite.clone());
    let new = machine.ok("auth.twofactor.invite.create", invite);
    assert_eq!(new["expires"], machine.now + 7 * DAY);
    let listed = machine.ok("auth.twofactor.invite.query", json!([]));
    let ids: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert_eq!(ids, [&new["id"]]);
    let device = |invite: &Value| json!([{ "username": "daemon", "invite": invite }]);
    let create = "auth.twofactor.device.create";
    assert!(
        machine
            .refusal(create, device(&old["invite"]))
            .contains("invite is wrong")
    );
    machine.ok(create, device(&new["invite"]));
}

/// What is granted while a clock is ahead would be good for decades once it is right: an unlock leaves
/// no more of it than can be granted now, and nothing less of what a right clock granted.
#[test]
fn an_unlock_shortens_what_a_clock_that_was_ahead_has_granted() {
    for ahead in [0, 40 * 365 * DAY] {
        let mut machine = Machine::new();
        let real = machine.now;
        machine.now += ahead;
        let until = machine.now + 366 * DAY;
        let job = json!([{ "username": "daemon", "until": until, "reason": "job" }]);
        machine.ok("auth.twofactor.exemption.create", job);
        let params = json!([{ "username": "daemon", "days": 90 }]);
        machine.ok("auth.twofactor.grace.create", params);
        let invite = json!([{ "username": "daemon", "hours": 168 }]);
        machine.ok("auth.twofactor.invite.create", invite);
        machine.now = real;
        machine.ok("auth.twofactor.unlock", json!(["root"]));
        let ends = [
            ("exemption", "until", 366),
            ("grace", "until", 90),
            ("invite", "expires", 7),
        ];
        for (noun, end, days) in ends {
            let listed = machine.ok(&call(noun, "query"), json!([]));
            assert_eq!(listed[0][end], real + days * DAY, "{noun}, {ahead}");
        }
    }
}
