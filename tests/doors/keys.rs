//! A real key, and its fingerprint as the real program prints it.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::site::{DAY, Site, login};

/// A new key of this kind: what sshd says of it, and what `ssh-keygen -lf` does.
fn key(site: &Site, kind: &str) -> (String, String) {
    let file = site.daemon.dir().join(format!("key-{kind}"));
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", "", "-f"])
        .arg(&file)
        .status();
    assert!(made.unwrap().success());
    let public = file.with_extension("pub");
    let shown = Command::new("ssh-keygen").arg("-lf").arg(&public).output();
    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    let print = shown.split(' ').nth(1).unwrap().to_owned();
    let line = fs::read_to_string(public).unwrap();
    let words: Vec<&str> = line.split(' ').take(2).collect();
    (format!("publickey:{}", words.join(" ")), print)
}

#[test]
fn a_job_that_has_the_key_of_its_exemption_is_not_asked_and_no_other_is() {
    let mut site = Site::new();
    site.enrol("alice");
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let (factor, print) = key(&site, kind);
        let at_sshd = |factor: &str| {
            login("alice")
                .with("service", "sshd")
                .with("factor", factor)
        };
        assert_eq!(site.verdict(&at_sshd(&factor)), "CODE_REQUIRED", "{kind}");
        let until = site.now() + DAY;
        let exempt = json!([{
            "username": "alice", "until": until, "reason": "nightly rsync", "key": print,
        }]);
        site.call("auth.twofactor.exemption.create", exempt);
        assert_eq!(site.verdict(&at_sshd(&factor)), "EXEMPT", "{kind}");
        assert_eq!(
            site.verdict(&at_sshd("password")),
            "CODE_REQUIRED",
            "{kind}"
        );
        assert_eq!(site.verdict(&at_sshd("session")), "CODE_REQUIRED", "{kind}");
    }
}
