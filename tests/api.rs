//! Every method, by `midclt` and by raw socket.

mod core;
mod events;
pub(crate) mod secrecy;
mod update;

use serde_json::{Value, json};
use testkit::{Daemon, Socket, now};

use crate::support::{audit, code_at, codes_around, enable, errno, good_codes, reason, verify};

const OFF: &str = "[EFAULT] Please enable Two Factor Authentication first.";

/// The row as `midclt` prints it.
fn row(secret: &str, window: u32, enabled: bool) -> String {
    format!(
        "{{\"id\": 1, \"otp_digits\": 6, \"secret\": {secret}, \"window\": {window}, \
         \"interval\": 30, \"services\": {{\"ssh\": false}}, \"enabled\": {enabled}}}"
    )
}

/// The row as `midclt` prints it and as the socket sends it, in the order of its keys.
#[test]
fn config_is_the_row_in_its_order() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let printed = row("null", 0, false);
    assert_eq!(daemon.midclt_ok(["call", "auth.twofactor.config"]), printed);
    socket.send(r#"{"jsonrpc":"2.0","id":1,"method":"auth.twofactor.config"}"#);
    let compact = printed.replace(": ", ":").replace(", ", ",");
    let reply = format!(r#"{{"jsonrpc":"2.0","result":{compact},"id":1}}"#);
    assert_eq!(socket.recv_text(), reply);

    let secret = enable(&mut socket);
    let alphabet = |c: char| c.is_ascii_uppercase() || ('2'..='7').contains(&c);
    assert!(
        secret.len() == 32 && secret.chars().all(alphabet),
        "{secret}"
    );
    let printed = row(&format!("\"{secret}\""), 10, true);
    assert_eq!(daemon.midclt_ok(["call", "auth.twofactor.config"]), printed);
}

#[test]
fn two_factor_auth_says_whether_it_is_on() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    for enabled in [false, true, false] {
        socket.call("auth.twofactor.update", json!([{"enabled": enabled}]));
        assert_eq!(socket.call("auth.two_factor_auth", json!([])), enabled);
        let printed = if enabled { "True" } else { "False" };
        assert_eq!(daemon.midclt_ok(["call", "auth.two_factor_auth"]), printed);
    }
}

/// A string, an integer, with spaces as people type it, by `midclt` and by socket: each code once.
#[test]
fn verify_is_true_once_in_every_form() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let codes = good_codes(&secret);
    let spaced = |code: &str| format!("{} {}", &code[..3], &code[3..]);
    let mut use_up = |form: Value| {
        assert_eq!(
            socket.call("auth.twofactor.verify", json!([form])),
            true,
            "{form}"
        );
        assert_eq!(
            socket.call("auth.twofactor.verify", json!([form])),
            false,
            "{form} again"
        );
    };
    use_up(json!(codes[0]));
    use_up(json!(spaced(&codes[1])));
    // What comes along with pasting.
    use_up(json!(format!(" {}\n", spaced(&codes[2]))));
    // A number is taken for its digits, so it may not start with 0; one code in ten does.
    let at = (3..codes.len())
        .find(|at| !codes[*at].starts_with('0'))
        .unwrap();
    use_up(json!(codes[at].parse::<u32>().unwrap()));
    // midclt sends 123456 as a number and 012345 as a string.
    for code in &codes[at + 1..] {
        for printed in ["True", "False"] {
            assert_eq!(
                daemon.midclt_ok(["call", "auth.twofactor.verify", code]),
                printed
            );
        }
    }
    for used in &codes {
        assert!(
            !verify(&mut socket, used),
            "{used} was used, or is before one that was"
        );
    }
}

#[test]
fn what_is_no_code_is_false_or_an_error_and_uses_nothing_up() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let code = good_codes(&secret).remove(18);
    let full_width: String = code
        .chars()
        .map(|c| char::from_u32(c as u32 + 0xfee0).unwrap())
        .collect();
    for token in [
        json!(null),
        json!(""),
        json!("None"),
        json!("      "),
        json!(-1),
        json!(format!("{code}0")),
        json!(format!("0{code}")),
        json!(&code[1..]),
        json!(format!("{code}\u{0}")),
        json!(format!("{}\n{}", &code[..3], &code[3..])),
        json!(format!("{}-{}", &code[..3], &code[3..])),
        json!(full_width),
        json!("٠١٢٣٤٥"),
        json!("x".repeat(1024)),
        json!(code_at(&secret, now() - 12 * 30)),
        json!(code_at(&secret, now() + 13 * 30)),
    ] {
        let accepted = socket.call("auth.twofactor.verify", json!([token]));
        assert_eq!(accepted, false, "{token}");
    }
    for (params, line) in [
        (json!([true]), "token: Not a string"),
        (json!([1.5]), "token: Not a string"),
        (json!([[code]]), "token: Not a string"),
        (json!([{"token": code}]), "token: Not a string"),
        (
            json!(["0".repeat(1025)]),
            "token: Value greater than 1024 not allowed",
        ),
        (json!([]), "token: Field required"),
        (
            json!([code, code]),
            "ALL: Too many arguments (expected 1, found 2)",
        ),
        (
            json!({"code": code}),
            "code: Field was not expected\n[EINVAL] token: Field required",
        ),
    ] {
        let error = socket.call_err("auth.twofactor.verify", params.clone());
        assert_eq!(error["code"], -32602, "{params}");
        assert_eq!(reason(&error), format!("[EINVAL] {line}\n"), "{params}");
    }
    assert!(verify(&mut socket, &code), "none of them used the code up");
}

/// 6 to 8 digits, odd intervals, and the window's two edges, on a clock that does not move.
#[cfg(feature = "system")]
#[test]
fn verify_follows_digits_interval_and_window() {
    let daemon = Daemon::builder().fake_clock().start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let mut time = 1_800_000_000;
    for (digits, interval, window) in [
        (6, 30, 0),
        (7, 30, 1),
        (8, 60, 2),
        (6, 45, 3),
        (8, 5, 10),
        (6, 900, 0),
        (7, 42, 10),
    ] {
        let changes = json!([{"otp_digits": digits, "interval": interval, "window": window}]);
        socket.call("auth.twofactor.update", changes);
        // Far enough on that no code of the last round is in the way.
        time += 4000;
        daemon.clock().freeze_at(time);
        let code = |steps: i64| {
            let at = time
                .checked_add_signed(steps * i64::try_from(interval).unwrap())
                .unwrap();
            testkit::totp(&secret, digits, interval, at, testkit::Algorithm::Sha1)
        };
        for (steps, good) in [
            (-window - 1, false),
            (window + 1, false),
            (-window, true),
            (window, window > 0),
        ] {
            let accepted = verify(&mut socket, &code(steps));
            assert_eq!(
                accepted, good,
                "{digits} digits, {interval} s, {window}: {steps} steps"
            );
        }
    }
}

#[test]
fn verify_and_renewal_are_refused_while_off() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let code = good_codes(&secret).remove(9);
    socket.call("auth.twofactor.update", json!([{"enabled": false}]));
    for (method, params) in [
        ("auth.twofactor.verify", json!([code])),
        ("auth.twofactor.verify", json!([null])),
        ("auth.twofactor.renew_secret", json!([])),
    ] {
        let error = socket.call_err(method, params);
        assert_eq!(
            (&error["code"], &error["message"]),
            (&json!(-32001), &json!("Method call error"))
        );
        let data = json!({
            "error": 14, "errname": "EFAULT", "reason": OFF, "trace": null, "extra": null,
        });
        assert_eq!(error["data"], data);
    }
    let refused = daemon.midclt(["call", "auth.twofactor.verify", &code]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&refused.stderr), format!("{OFF}\n"));
    assert!(refused.stdout.is_empty(), "{refused:?}");
    let row = socket.call("auth.twofactor.update", json!([{"enabled": true}]));
    assert_eq!(row["secret"], json!(secret), "re-enabling finds it again");
    assert!(verify(&mut socket, &code), "the refusals did not use it up");
}

#[test]
fn renewal_ends_the_old_secret_at_once() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let old = enable(&mut socket);
    assert!(verify(&mut socket, &good_codes(&old)[18]));
    assert_eq!(
        daemon.midclt_ok(["call", "auth.twofactor.renew_secret"]),
        "True"
    );
    let new = config(&mut socket)["secret"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    // As many as cost no wait.
    for code in codes_around(&old, now()).into_iter().step_by(6) {
        assert!(!verify(&mut socket, &code), "a code of the old secret");
    }
    // The new secret starts afresh: earlier codes than the last accepted one are good.
    assert!(verify(&mut socket, &good_codes(&new)[1]));
    assert_eq!(socket.call("auth.twofactor.renew_secret", json!([])), true);
    let error = socket.call_err("auth.twofactor.renew_secret", json!(["x"]));
    assert_eq!(
        reason(&error),
        "[EINVAL] ALL: Too many arguments (expected 0, found 1)\n"
    );
}

#[test]
fn the_provisioning_uri_is_there_once_there_is_a_secret() {
    let daemon = Daemon::builder()
        .config("issuer = \"Example Corp\"\nproduct = \"My NAS\"\n")
        .start();
    let mut socket = daemon.connect();
    let error = socket.call_err("auth.twofactor.provisioning_uri", json!([]));
    assert_eq!(errno(&error), 2);
    assert!(reason(&error).contains("There is no secret yet"), "{error}");
    let secret = enable(&mut socket);
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let start = format!(
        "otpauth://totp/Example%20Corp:{}%40My%20NAS",
        hostname.trim()
    );
    let plain = format!("{start}?secret={secret}&issuer=Example%20Corp");
    assert_eq!(
        daemon.midclt_ok(["call", "auth.twofactor.provisioning_uri"]),
        plain
    );
    let changes = json!([{"otp_digits": 8, "interval": 60, "window": 0, "enabled": false}]);
    socket.call("auth.twofactor.update", changes);
    let uri = socket.call("auth.twofactor.provisioning_uri", json!([]));
    assert_eq!(uri, format!("{plain}&digits=8&period=60"), "also while off");
}

/// What was done, by whom, in the order it was done; refusals and reads leave no row.
#[test]
fn every_change_and_every_guess_is_audited() {
    let daemon = Daemon::start();
    let mut socket = daemon.connect();
    let secret = enable(&mut socket);
    let code = good_codes(&secret).remove(5);
    verify(&mut socket, &code);
    verify(&mut socket, &code);
    verify(&mut socket, "000000");
    verify(&mut socket, "no code");
    socket.call("auth.twofactor.config", json!([]));
    socket.call("auth.twofactor.update", json!([{"window": 10}]));
    socket.call_err("auth.twofactor.update", json!([{"window": 11}]));
    socket.call("auth.twofactor.update", json!([{"window": 9}]));
    socket.call("auth.twofactor.renew_secret", json!([]));
    socket.call("auth.twofactor.update", json!([{"enabled": false}]));
    socket.call_err("auth.twofactor.verify", json!(["123456"]));
    let [update, check, renew] =
        ["update", "verify", "renew_secret"].map(|name| format!("auth.twofactor.{name}"));
    let rows = audit(&daemon.state_dir());
    let rows: Vec<(&String, &str)> = rows
        .iter()
        .map(|(method, out)| (method, out.as_str()))
        .collect();
    let expected = [
        (&update, "issued"),
        (&update, "enabled"),
        (&check, "accepted"),
        (&check, "replayed"),
        (&check, "wrong"),
        (&update, "changed"),
        (&renew, "renewed"),
        (&update, "disabled"),
    ];
    assert_eq!(rows, expected);
    let database = crate::support::database(&daemon.state_dir());
    let who = "SELECT count(*) FROM audit WHERE pid = ?1 AND uid = ?2 AND abs(at - ?3) < 60";
    let us = (std::process::id(), uid(), i64::try_from(now()).unwrap());
    let count: i64 = database.query_row(who, us, |row| row.get(0)).unwrap();
    assert_eq!(usize::try_from(count), Ok(expected.len()));
}

fn uid() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap())
}

fn config(socket: &mut Socket) -> Value {
    socket.call("auth.twofactor.config", json!([]))
}
