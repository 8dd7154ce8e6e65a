//! One device, from its QR code to its first right code.

use client::{CallError, Error};
use nix::errno::Errno;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::daemon::{Daemon, read};
use super::qr::{PictureArgs, Place, Shown};
use super::wire::{self, NewDevice};
use super::{device, talk, time};
use crate::failure::Failure;
use crate::layout::wrap;
use crate::output;

/// How often a wrong code is asked again.
const TRIES: usize = 3;

/// What the daemon thinks of a code.
pub(super) enum Judged<T> {
    Right(T),
    /// Why not, for people.
    Wrong(String),
}

/// Creates a pending device, in place of the one of the same name that was never finished; the
/// answer has its secret.
pub(super) fn create(daemon: &Daemon<'_>, request: &Value) -> Result<Box<RawValue>, Failure> {
    // What is to be replaced by a renewal is the daemon's to clear.
    if request.get("replaces").is_none() {
        let user = request.get("username").and_then(Value::as_str);
        let wanted = request.get("name").and_then(Value::as_str);
        for device in unfinished(&device::query(daemon, user)?, wanted) {
            daemon.call("auth.twofactor.device.delete", &[json!(device.id)])?;
            daemon.remark(&[format!(
                "midclt: device {} ({}) of {} was never finished, and is replaced",
                device.id, device.name, device.username
            )]);
        }
    }
    daemon.call(
        "auth.twofactor.device.create",
        std::slice::from_ref(request),
    )
}

/// The pending devices that have the name of a new one: the wanted one, or what the daemon calls a
/// device without one, "phone", "phone 2" and so on.
fn unfinished<'a>(
    devices: &'a [wire::Device],
    wanted: Option<&str>,
) -> impl Iterator<Item = &'a wire::Device> {
    let is_active = |name: &str| {
        let mut active = devices.iter().filter(|device| device.is_active());
        active.any(|device| device.name == name)
    };
    let mut name = wanted.unwrap_or("phone").to_owned();
    let mut number = 1;
    while wanted.is_none() && is_active(&name) {
        number += 1;
        name = format!("phone {number}");
    }
    // An active device keeps the name, and the new one is refused.
    let is_free = !is_active(&name);
    let has_name =
        move |device: &&wire::Device| is_free && !device.is_active() && device.name == name;
    devices.iter().filter(has_name)
}

/// Shows a new device to a phone and asks for codes until one is right. The answer is the device.
pub(super) fn by_phone(
    daemon: &Daemon<'_>,
    device: &NewDevice,
    picture: &PictureArgs,
) -> Result<Box<RawValue>, Failure> {
    // One line: with more, the top of the picture would scroll away.
    let question = match picture.show(&device.provisioning_uri, Place::Conversation)? {
        Shown::Picture => "Scan it, then type the code that the app shows: ",
        Shown::Secret => "Then type the code that the app shows: ",
    };
    ask(question, |code| confirm(daemon, device.id, code))
}

/// Creates a device and enrols it. `kept` tells at each moment what there would be to say if it
/// ended here.
pub(super) fn enrol(
    daemon: &Daemon<'_>,
    request: &Value,
    picture: &PictureArgs,
    kept: &mut Vec<String>,
) -> Result<Box<RawValue>, Failure> {
    let device: NewDevice = read(&create(daemon, request)?)?;
    let before = kept.len();
    kept.extend(pending(&device));
    let confirmed = by_phone(daemon, &device, picture)?;
    kept.truncate(before);
    kept.push(format!(
        "midclt: kept: device {} ({}) of {} is active",
        device.id, device.name, device.username
    ));
    Ok(confirmed)
}

/// What to know about a device that waits for its first code.
pub(super) fn pending(device: &NewDevice) -> [String; 2] {
    let until = match device.expires {
        Some(at) => format!(" until {}", time::minute(at)),
        None => String::new(),
    };
    let (id, name, user) = (device.id, &device.name, &device.username);
    [
        format!("midclt: device {id} ({name}) of {user} stays pending{until}"),
        format!("midclt: to finish it: midclt 2fa device confirm {id}"),
    ]
}

/// Asks for codes until one is right; three wrong ones are the end.
pub(super) fn ask<T>(
    question: &str,
    judge: impl Fn(&str) -> Result<Judged<T>, Failure>,
) -> Result<T, Failure> {
    for _ in 0..TRIES {
        match judge(&talk::text(question)?)? {
            Judged::Right(value) => return Ok(value),
            Judged::Wrong(why) => output::note(&advice(&why)),
        }
    }
    Err(Failure::told(format!("midclt: {TRIES} wrong codes")))
}

/// Gives a pending device its first code.
pub(super) fn confirm(
    daemon: &Daemon<'_>,
    id: i64,
    code: &str,
) -> Result<Judged<Box<RawValue>>, Failure> {
    let request = json!({"id": id, "token": code});
    match daemon.try_call("auth.twofactor.device.confirm", &[request]) {
        Ok(answer) => Ok(Judged::Right(answer)),
        Err(error) => match wrong_code(&error) {
            Some(why) => Ok(Judged::Wrong(why)),
            None => Err(daemon.failure(&error)),
        },
    }
}

/// Whether any active device of an account shows this code now.
pub(super) fn verify(daemon: &Daemon<'_>, user: &str, code: &str) -> Result<Judged<()>, Failure> {
    // A recovery code would be right too, and used up, and prove nothing about the phone.
    if !code.chars().all(|c| c.is_ascii_digit() || c == ' ') {
        let why = "The code of a phone has only digits.";
        return Ok(Judged::Wrong(why.to_owned()));
    }
    let params = [json!(user), json!(code)];
    if daemon.ask("user.verify_twofactor_token", &params)? {
        return Ok(Judged::Right(()));
    }
    let why = "This code is wrong, or was used before: take the next one.";
    Ok(Judged::Wrong(why.to_owned()))
}

/// The daemon's words about a code, where that alone was wrong: EINVAL, as an error of the call or
/// of its token.
fn wrong_code(error: &Error) -> Option<String> {
    let Error::Call(error) = error else {
        return None;
    };
    let violations = error.violations();
    if error.code != CallError::INVALID_PARAMS {
        let is_wrong = error.errno() == Some(Errno::EINVAL as i32) && violations.is_empty();
        let why = error.reason().trim_start_matches("[EINVAL] ");
        return is_wrong.then(|| why.to_owned());
    }
    let [only] = violations.as_slice() else {
        return None;
    };
    let of_code = |name: &str| name.rsplit('.').next() == Some("token");
    let is_wrong = only.attribute.is_some_and(of_code);
    is_wrong.then(|| only.message.to_owned())
}

/// Why a code was refused, and what to compare with the phone, whose clock is the usual reason.
fn advice(why: &str) -> String {
    let mut lines = wrap(why, 79);
    lines.push(format!(
        "Refused again? Compare the phone's clock: here it is {} UTC.",
        time::second(time::now())
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_device_is_replaced() {
        let device = |id: i64, name: &str, state: &str| {
            json!({"id": id, "username": "u", "name": name, "state": state, "otp_digits": 6,
                   "interval": 30, "last_used": null, "expires": null})
        };
        let check = |devices: Value, wanted: Option<&str>, expected: &[i64]| {
            let devices: Vec<wire::Device> = serde_json::from_value(devices).unwrap();
            let found: Vec<_> = unfinished(&devices, wanted)
                .map(|device| device.id)
                .collect();
            assert_eq!(found, expected, "{wanted:?}");
        };
        let first = json!([
            device(1, "phone", "PENDING"),
            device(2, "tablet", "PENDING")
        ]);
        check(first.clone(), None, &[1]);
        check(first.clone(), Some("tablet"), &[2]);
        check(first, Some("watch"), &[]);
        let second = json!([
            device(1, "phone", "ACTIVE"),
            device(2, "phone", "PENDING"),
            device(3, "phone 2", "PENDING"),
            device(4, "phone 3", "PENDING")
        ]);
        check(second.clone(), None, &[3]);
        check(second, Some("phone"), &[]);
        check(json!([]), None, &[]);
    }

    #[test]
    fn which_errors_are_a_wrong_code() {
        let check = |json: &str, expected: Option<&str>| {
            let error = Error::Call(Box::new(serde_json::from_str(json).unwrap()));
            assert_eq!(wrong_code(&error).as_deref(), expected, "{json}");
        };
        let violations = |code: i64, extra: &str| {
            format!(r#"{{"code":{code},"data":{{"error":22,"reason":"r","extra":{extra}}}}}"#)
        };
        let wrong = r#"[["device_confirm.token","This code is wrong.",22]]"#;
        check(&violations(-32602, wrong), Some("This code is wrong."));
        check(
            &violations(-32602, r#"[["token","Used.",22]]"#),
            Some("Used."),
        );
        check(&violations(-32001, wrong), None);
        check(
            r#"{"code":-32001,"data":{"error":22,"reason":"[EINVAL] Used.","extra":null}}"#,
            Some("Used."),
        );
        check(
            r#"{"code":-32001,"data":{"error":2,"reason":"[ENOENT] No.","extra":null}}"#,
            None,
        );
        check(
            &violations(-32602, r#"[["device_confirm.id","No.",22]]"#),
            None,
        );
        check(
            &violations(-32602, r#"[["x.token","Bad.",22],["x.id","No.",22]]"#),
            None,
        );
        check(&violations(-32602, "[]"), None);
        check(
            r#"{"code":-32001,"data":{"error":16,"reason":"[EBUSY] wait"}}"#,
            None,
        );
        assert_eq!(wrong_code(&Error::Timeout), None);
    }
}
