//! What must never be written down in clear: secrets, codes, URIs, and what callers sent.

use std::fs;
use std::path::Path;

use data_encoding::BASE32_NOPAD;
use serde_json::json;
use testkit::{Algorithm, Daemon, now, totp};

use crate::support::post;

/// A word that no program says by itself.
const MARK: &str = "xyzzy-plugh";

#[test]
fn no_log_level_and_no_file_holds_a_secret_a_code_or_params() {
    let mut daemon = Daemon::builder().arg("--log").arg("trace").start();
    let mut socket = daemon.connect();
    let mut secrets = Vec::new();
    let mut codes = Vec::new();
    for _ in 0..3 {
        let row = socket.call(
            "auth.twofactor.update",
            json!([{"enabled": true, "otp_digits": 8, "window": 1}]),
        );
        let secret = row["secret"].as_str().unwrap().to_owned();
        let code = totp(&secret, 8, 30, now(), Algorithm::Sha1);
        assert_eq!(socket.call("auth.twofactor.verify", json!([code])), true);
        assert_eq!(socket.call("auth.twofactor.verify", json!([code])), false);
        socket.call("auth.twofactor.provisioning_uri", json!([]));
        daemon.midclt_ok(["call", "auth.twofactor.config"]);
        socket.call("auth.twofactor.renew_secret", json!([]));
        secrets.push(secret);
        codes.push(code);
    }
    for params in [
        json!([MARK]),
        json!([{MARK: MARK}]),
        json!({MARK: 1}),
        json!([[MARK]]),
    ] {
        for method in [
            "auth.twofactor.update",
            "auth.twofactor.verify",
            "core.subscribe",
            MARK,
        ] {
            socket.rpc(method, params.clone());
        }
    }
    socket.send(&format!("{{{MARK}"));
    socket.recv();
    post(
        &daemon,
        &format!(r#"{{"jsonrpc":"2.0","id":"{MARK}","method":"{MARK}"}}"#),
    );
    assert!(daemon.stop().success());

    let log = daemon.log();
    assert!(
        log.contains("DEBUG") || log.contains("TRACE"),
        "the level was in force: {log}"
    );
    assert!(
        log.contains("auth.twofactor.verify") && log.contains("accepted"),
        "{log}"
    );
    let mut places = vec![("the log".to_owned(), log.into_bytes())];
    collect(&daemon.state_dir(), &mut places);
    assert!(
        places
            .iter()
            .any(|(name, _)| name.ends_with("middlewared.db"))
    );
    for (name, bytes) in places {
        let holds_none_of = |what: &str, needle: &[u8]| {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{what} in {name}");
        };
        for secret in &secrets {
            holds_none_of("a secret in base32", secret.as_bytes());
            holds_none_of("a secret", &BASE32_NOPAD.decode(secret.as_bytes()).unwrap());
        }
        for code in &codes {
            holds_none_of("a code", code.as_bytes());
        }
        holds_none_of("a URI", b"otpauth");
        holds_none_of("params", MARK.as_bytes());
    }
}

/// Every file below a directory.
pub(crate) fn collect(directory: &Path, places: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, places);
        } else {
            places.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}
