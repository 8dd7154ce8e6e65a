//! What a key counts for that sshd has seen proven.

use super::*;

/// `ssh-keygen -t ed25519`, and what `ssh-keygen -lf` says of it.
pub(in crate::tests) const KEY: &str = "publickey:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICnbN8bYMrfZgPRrMSZk8s0WYJzLmYTUmXGJ7+5eYcs3
AAAAB3NzaC1yc2EAAAADAQABAAABAQDMvwZY5lOTkCgKsogRiYA/ICxo3Q1EdcP4t6Y5DmDPRw74kfdzfW8w5LlcA+b/itIpepPG/Zx7XLlILQsBWbhyKB6lYUm9jzk2IJ9GUUDhxjy1ilxhE1OcQqEl7aEV0kUE57mvvjQq+DJ0jPqpuVT7wBNQ6tWxBZZOXU+YA3Ns4HLiyrDKtCWUOYyLukvAeaTAqK4MlbSsAUcJATGRGstzQ3D4OOAM2OpXnA2ecHBuaH0j+6UEck+a6rhLXvhVW2K2IBJklP0SKmfBG6whvyyXmkMdGFfd9EUTKX98cirMkT58kkYi/jUlU0YT/ryMCdqFkC9ZbvNr2dzA+FVtFqGP";
pub(in crate::tests) const PRINT: &str = "SHA256:adetJ8nNPfiSWHJeh+vFAMRFBYAZEn3aQ+DoyLRbOqU";
const OTHER_PRINT: &str = "SHA256:g27mE9RFhSzNN9FtVnuWRSvM7+kpc5ByL6gkaAE2yBI";

impl Doors {
    /// The same, with sshd asking.
    fn with_sshd() -> Self {
        let mut doors = Self::new();
        doors.machine.admit_everybody();
        doors.machine.update(json!({ "services": { "ssh": true } }));
        doors
    }

    fn exempt(&mut self, key: &str) -> Value {
        let until = self.machine.now + 86_400;
        let exempt = json!([{
            "username": DAEMON.0, "until": until, "reason": "nightly rsync", "key": key,
        }]);
        self.machine.ok("auth.twofactor.exemption.create", exempt)
    }

    fn policy(&mut self, changes: Value) {
        self.machine
            .ok("auth.twofactor.policy.update", json!([changes]));
    }
}

/// It is one key's; nothing else that the account proves passes by it.
#[test]
fn an_exemption_of_a_key_is_for_that_key_at_sshd_alone() {
    let mut doors = Doors::with_sshd();
    let made = doors.exempt(PRINT);
    assert_eq!(made["key"], PRINT);
    let listed = doors
        .machine
        .ok("auth.twofactor.exemption.query", json!([]));
    assert_eq!(listed, json!([made]));
    let alert = &doors.machine.alerts.last().unwrap().message;
    assert!(alert.contains(PRINT), "{alert}");
    let commented = format!("{KEY} a comment");
    for (what, login, verdict) in [
        ("it", json!({ "service": "sshd", "factor": KEY }), "EXEMPT"),
        (
            "with its comment",
            json!({ "service": "sshd", "factor": commented }),
            "EXEMPT",
        ),
        (
            "another service, which only says so",
            json!({ "service": "sudo", "factor": KEY }),
            "CODE_REQUIRED",
        ),
        (
            "a password",
            json!({ "service": "sshd", "factor": "password" }),
            "CODE_REQUIRED",
        ),
        (
            "nobody knows what, in PAM's account phase",
            json!({ "service": "sshd", "factor": "session" }),
            "CODE_REQUIRED",
        ),
        (
            "a key that cannot be read",
            json!({ "service": "sshd", "factor": "publickey:ssh-ed25519 AAAA" }),
            "CODE_REQUIRED",
        ),
        (
            "its fingerprint",
            json!({ "service": "sshd", "factor": format!("publickey:{PRINT}") }),
            "CODE_REQUIRED",
        ),
        (
            "nothing",
            json!({ "service": "sshd", "factor": null }),
            "CODE_REQUIRED",
        ),
        (
            "somebody else",
            json!({ "service": "sshd", "factor": KEY, "username": BIN.0, "uid": BIN.1 }),
            "NOT_ENROLLED",
        ),
    ] {
        assert_eq!(doors.verdict(login), verdict, "{what}");
    }
    let mut other = Doors::with_sshd();
    other.exempt(OTHER_PRINT);
    let login = json!({ "service": "sshd", "factor": KEY });
    assert_eq!(other.verdict(login.clone()), "CODE_REQUIRED");
    doors.machine.now += 86_400;
    assert_eq!(doors.verdict(login.clone()), "CODE_REQUIRED", "over");
    let listed = doors
        .machine
        .ok("auth.twofactor.exemption.query", json!([]));
    assert_eq!(listed, json!([]));
}

#[test]
fn what_is_no_fingerprint_is_refused() {
    let mut doors = Doors::new();
    for key in [
        "",
        "SHA256:",
        "MD5:aa:bb",
        &PRINT[7..],
        &format!("{PRINT}="),
    ] {
        let until = doors.machine.now + 86_400;
        let exempt = json!([{
            "username": DAEMON.0, "until": until, "reason": "x", "key": key,
        }]);
        let reason = doors
            .machine
            .refusal("auth.twofactor.exemption.create", exempt);
        assert!(
            reason.starts_with("[EINVAL] exemption_create.key: Should be SHA256:"),
            "{reason}"
        );
    }
}

/// A key in hardware, as a token would make it.
fn security_key(kind: &str) -> String {
    let mut blob = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
    blob.extend(kind.as_bytes());
    blob.extend([0, 0, 0, 1, 7]);
    format!("publickey:{kind} {}", data_encoding::BASE64.encode(&blob))
}

#[test]
fn a_key_in_hardware_counts_for_both_factors_only_by_policy() {
    let mut doors = Doors::with_sshd();
    let kinds = [
        "sk-ssh-ed25519@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
    ];
    let login = |factor: &str| json!({ "service": "sshd", "factor": factor });
    for kind in kinds {
        let verdict = doors.verdict(login(&security_key(kind)));
        assert_eq!(verdict, "CODE_REQUIRED", "off by default: {kind}");
    }
    assert!(!doors.machine.warns("verify-required"));
    doors.policy(json!({ "security_keys": "BOTH_FACTORS" }));
    for kind in kinds {
        let answer = doors.login(login(&security_key(kind)));
        assert_eq!(answer["verdict"], "NOT_REQUIRED", "{kind}");
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains("both factors"), "{message}");
    }
    let token = security_key(kinds[0]);
    for (what, login) in [
        ("any key", login(KEY)),
        ("a password", login("password")),
        (
            "its kind alone",
            login("publickey:sk-ssh-ed25519@openssh.com"),
        ),
        (
            "another key that says so",
            login(&KEY.replace("ssh-ed25519 ", "sk-ssh-ed25519@openssh.com ")),
        ),
        (
            "another service",
            json!({ "service": "cockpit", "factor": token }),
        ),
    ] {
        assert_eq!(doors.verdict(login), "CODE_REQUIRED", "{what}");
    }
    let stranger = json!({ "service": "sshd", "factor": token, "uid": 4_000_000 });
    assert_eq!(doors.verdict(stranger), "NOT_ENROLLED", "nobody inherits");
    assert!(doors.machine.warns("verify-required"));
    let mut report = ssh::report(true);
    report["findings"] = json!([
        { "code": "VERIFY_REQUIRED", "severity": "INFO", "text": "PubkeyAuthOptions verify-required" },
    ]);
    doors.machine.report_sshd(report);
    assert!(!doors.machine.warns("verify-required"));
    doors.policy(json!({ "security_keys": "ASK" }));
    assert_eq!(doors.verdict(login(&token)), "CODE_REQUIRED");
}
