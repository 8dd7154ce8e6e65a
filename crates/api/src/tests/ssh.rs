//! What sshd is reported to do.

use super::*;

/// What `midclt 2fa ssh check --report` tells of a machine whose sshd asks.
pub(super) fn report(ready: bool) -> Value {
    json!({
        "ready": ready,
        "mode": "PASSWORD_OR_KEY",
        "findings": [{
            "code": "OVERRIDDEN",
            "severity": "ERROR",
            "text": "/etc/ssh/sshd_config:12 wins",
            "cure": "Remove the line",
        }],
        "doors": [{
            "username": "root",
            "address": null,
            "configured": "publickey,keyboard-interactive:pam",
            "effective": "publickey",
        }],
    })
}

impl Machine {
    pub(super) fn report_sshd(&mut self, report: Value) {
        self.ok("auth.twofactor.ssh.report", json!([report]));
    }

    fn sshd(&mut self) -> Value {
        self.ok("auth.twofactor.status", json!([]))["sshd"].clone()
    }

    pub(super) fn warns(&mut self, of: &str) -> bool {
        let status = self.ok("auth.twofactor.status", json!([]));
        let warnings = status["warnings"].as_array().unwrap();
        warnings
            .iter()
            .any(|warning| warning.as_str().unwrap().contains(of))
    }
}

#[test]
fn the_newest_report_is_shown_as_it_was_told() {
    let mut machine = Machine::new();
    assert_eq!(machine.sshd(), Value::Null);
    for ready in [true, false] {
        machine.now += 60;
        machine.report_sshd(report(ready));
        let mut expected = report(ready);
        expected["at"] = machine.now.into();
        assert_eq!(machine.sshd(), expected);
    }
    let short = json!({ "ready": true, "mode": null, "findings": [
        { "code": "X", "severity": "INFO", "text": "x" },
        { "code": "X", "severity": "WARNING", "text": "x", "cure": null },
    ], "doors": [] });
    machine.report_sshd(short);
    let shown = machine.sshd();
    assert_eq!(shown["mode"], Value::Null);
    assert_eq!(shown["findings"][1]["cure"], "");
}

/// A damaged report says nothing, and so not that all is well.
#[test]
fn a_report_that_cannot_be_read_is_none() {
    for damage in ["report = '{'", "report = '{}'", "ready = 7"] {
        let mut machine = Machine::new();
        machine.report_sshd(report(true));
        let file = machine.dir.path().join("state/middlewared.db");
        rusqlite::Connection::open(file)
            .unwrap()
            .execute_batch(&format!("UPDATE sshd_report SET {damage}"))
            .unwrap();
        assert_eq!(machine.sshd(), Value::Null, "{damage}");
    }
}

#[test]
fn what_is_no_report_is_refused() {
    let mut machine = Machine::new();
    let with = |name: &str, value: Value| {
        let mut report = report(true);
        report[name] = value;
        json!([report])
    };
    let finding = |name: &str, value: Value| {
        let mut finding = report(true)["findings"][0].clone();
        finding[name] = value;
        with("findings", json!([finding]))
    };
    let many = |of: &str| vec![report(true)[of][0].clone(); 65];
    for (params, expected) in [
        (with("ready", json!(1)), "ready: Not a boolean"),
        (
            with("mode", json!("KEY")),
            "mode: Should be one of PASSWORD_OR_KEY, KEY_ONLY",
        ),
        (with("doors", json!({})), "doors: A list was expected"),
        (
            with("doors", json!(many("doors"))),
            "doors: Should have at most 64 entries",
        ),
        (
            with("findings", json!(many("findings"))),
            "findings: Should have at most 64 entries",
        ),
        (
            finding("severity", json!("BAD")),
            "findings.0.severity: Should be one of ERROR, WARNING, INFO",
        ),
        (
            finding("text", json!("\u{1b}[2J")),
            "findings.0.text: Control characters not allowed",
        ),
        (
            finding("code", json!("x".repeat(65))),
            "findings.0.code: Should have 1 to 64 characters",
        ),
    ] {
        let reason = machine.refusal("auth.twofactor.ssh.report", params);
        let expected = format!("[EINVAL] ssh_report.{expected}\n");
        assert_eq!(reason, expected);
    }
    assert_eq!(machine.sshd(), Value::Null);
}

/// Files change every day; only sshd that does not ask any more is worth a word.
#[test]
fn an_alert_when_sshd_does_not_ask_any_more() {
    let mut machine = Machine::new();
    machine.admit_everybody();
    machine.update(json!({ "enabled": true }));
    // (services.ssh, what was told, whether there is an alert)
    for (ssh, reports, alerts) in [
        (true, &[true, false][..], true),
        (true, &[true, true], false),
        (true, &[false, false], false),
        (true, &[false, true], false),
        (false, &[true, false], false),
    ] {
        machine.report_sshd(report(true));
        machine.update(json!({ "services": { "ssh": ssh } }));
        machine.report_sshd(report(reports[0]));
        machine.alerts.clear();
        machine.report_sshd(report(reports[1]));
        let expected = if alerts {
            &[AlertKind::SshdDrifted][..]
        } else {
            &[]
        };
        let told: Vec<_> = machine.alerts.iter().map(|alert| alert.kind).collect();
        assert_eq!(told, expected, "{ssh} {reports:?}");
        if alerts {
            let message = &machine.alerts[0].message;
            assert!(message.contains("sshd_config:12 wins"), "{message}");
        }
    }
}

#[test]
fn status_says_what_sshd_still_does() {
    let mut machine = Machine::new();
    let (still, badly) = ("still wants keyboard-interactive", "does not ask for codes");
    machine.report_sshd(report(true));
    assert!(machine.warns(still), "off, and the drop-in is there");
    machine.admit_everybody();
    machine.update(json!({ "enabled": true, "services": { "ssh": true } }));
    assert!(!machine.warns(still) && !machine.warns(badly));
    machine.report_sshd(report(false));
    assert!(machine.warns(badly));
    let mut lifted = report(true);
    lifted["mode"] = Value::Null;
    machine.report_sshd(lifted);
    machine.update(json!({ "services": { "ssh": false } }));
    assert!(!machine.warns(still));
}

/// What was found once does not count for ever: sshd's files may have been changed since.
#[test]
fn an_old_report_is_warned_of() {
    const DAY: u64 = 24 * 60 * 60;
    let old = "Nobody has looked whether sshd asks";
    let mut machine = Machine::new();
    machine.admit_everybody();
    machine.up = Some(3 * DAY);
    machine.update(json!({ "enabled": true, "services": { "ssh": true } }));
    machine.now += 2 * DAY;
    assert!(!machine.warns(old));
    machine.now += 1;
    assert!(machine.warns(old));
    machine.report_sshd(report(true));
    assert!(!machine.warns(old));
    // Started anew an hour ago.
    machine.now += 2 * 60 * 60;
    machine.up = Some(60 * 60);
    assert!(machine.warns(old));
    machine.up = Some(60);
    assert!(!machine.warns(old), "it is still to come");
    machine.up = Some(60 * 60);
    machine.report_sshd(report(false));
    assert!(!machine.warns(old), "there is another warning for that");
    machine.update(json!({ "services": { "ssh": false } }));
    assert!(!machine.warns(old));
}

/// A clock that was ahead made a report that looked new until that time had come.
#[test]
fn a_report_of_a_time_to_come_is_warned_of() {
    let old = "Nobody has looked whether sshd asks";
    let mut machine = Machine::new();
    machine.admit_everybody();
    machine.update(json!({ "enabled": true, "services": { "ssh": true } }));
    let right = machine.now;
    for (ahead, is_warned_of) in [(600, false), (601, true), (40 * 365 * 86_400, true)] {
        machine.now = right + ahead;
        machine.report_sshd(report(true));
        assert!(!machine.warns(old), "{ahead}");
        machine.now = right;
        assert_eq!(machine.warns(old), is_warned_of, "{ahead}");
    }
}

#[test]
fn a_guess_is_warned_of() {
    let mut machine = Machine::new();
    let guess = "nobody could say whether it was kept";
    let mut found = report(false);
    machine.report_sshd(found.clone());
    assert!(!machine.warns(guess));
    found["findings"][0]["code"] = json!("PUT_BACK");
    machine.report_sshd(found);
    assert!(machine.warns(guess));
}
