//! `midclt 2fa` against a daemon that is played: what it asks, in which order, and what it says.

mod commands;
mod devices;
mod disable;
mod enable;
mod enable_scripted;
mod permits;
mod pty;
mod script;
mod usage;

use std::process::Output;

use serde_json::{Value, json};

use self::script::{Script, refuses, right};
use crate::daemon::text;

/// An exit status, stdout, stderr.
type Said = (i32, String, String);

fn said(output: &Output) -> Said {
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// A machine where all is well and two-factor authentication is off.
fn status(changes: &Value) -> Value {
    let mut status = json!({
        "enabled": false, "ssh": false, "window": 0,
        "accounts": {"known": 1, "with_active_device": 0, "pending_only": 0, "without_codes": 0},
        "locks": [], "bypasses": [], "exemptions": [], "grace": [],
        "unenrolled": ["root", "alice"], "unenrolled_count": 2, "devices": [], "recovery": [],
        "clock": {"synchronised": true, "max_error": 500}, "warnings": [],
    });
    for (key, value) in changes.as_object().unwrap() {
        status[key] = value.clone();
    }
    status
}

/// A device as `device.query` lists it.
fn device(id: i64, name: &str, state: &str) -> Value {
    json!({
        "id": id, "username": "root", "name": name, "state": state, "algorithm": "SHA1",
        "otp_digits": 6, "interval": 30, "created": 0, "last_used": null,
        "expires": if state == "PENDING" { json!(1_795_508_731) } else { Value::Null },
        "replaces": null,
    })
}

/// A device as `device.create` answers it.
fn new_device(id: i64, name: &str) -> Value {
    let mut device = device(id, name, "PENDING");
    device["secret"] = json!("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    device["provisioning_uri"] = json!(
        "otpauth://totp/middlewared:root%40nas%40Linux?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567&issuer=middlewared"
    );
    device
}

/// What `device.confirm` says to a code that is not right.
fn wrong_code() -> script::Reply {
    let reason = "[EINVAL] This code is wrong.";
    refuses(
        -32001,
        &json!({"error": 22, "errname": "EINVAL", "reason": reason, "trace": null, "extra": null}),
    )
}

/// What a locked account is told.
fn locked() -> script::Reply {
    let reason = "[EBUSY] Too many wrong codes; wait 30 s";
    refuses(
        -32001,
        &json!({"error": 16, "errname": "EBUSY", "reason": reason, "trace": null, "extra": null}),
    )
}

const STATUS: &str = "auth.twofactor.status";
const QUERY: &str = "auth.twofactor.device.query";
const CREATE: &str = "auth.twofactor.device.create";
const CONFIRM: &str = "auth.twofactor.device.confirm";
const VERIFY: &str = "user.verify_twofactor_token";
const REMAINING: &str = "auth.twofactor.recovery.remaining";
const GENERATE: &str = "auth.twofactor.recovery.generate";
const SAVED: &str = "auth.twofactor.recovery.confirm_saved";
const UPDATE: &str = "auth.twofactor.update";

/// The recovery codes of the script.
fn codes() -> Value {
    json!({"id": 7, "codes": vec!["K-ABCD-EFGH-IJKL-MNOP"; 10]})
}

/// The answers of a whole first `enable`.
fn first_time() -> Script {
    Script::new()
        .on(STATUS, right(&status(&json!({}))))
        .on(QUERY, right(&json!([])))
        .on(CREATE, right(&new_device(3, "phone")))
        .on(CONFIRM, right(&device(3, "phone", "ACTIVE")))
        .on(
            REMAINING,
            right(&json!({"remaining": 0, "unsaved": false, "created": null})),
        )
        .on(GENERATE, right(&codes()))
        .on(SAVED, right(&json!({"username": "root", "remaining": 10})))
        .on(
            UPDATE,
            right(&json!({"id": 1, "enabled": true, "window": 1})),
        )
}

/// With an active device.
fn again() -> Script {
    first_time()
        .but(QUERY, vec![right(&json!([device(1, "phone", "ACTIVE")]))])
        .on(VERIFY, right(&json!(true)))
        .but(
            REMAINING,
            vec![right(
                &json!({"remaining": 9, "unsaved": false, "created": 0}),
            )],
        )
}
