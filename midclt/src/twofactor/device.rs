//! `midclt 2fa device`: the phones and other authenticators of the accounts.

use clap::{Args, Subcommand};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::daemon::{Daemon, Form, read};
use super::enrol::{self, Judged};
use super::qr::{PictureArgs, Place, PngArg};
use super::wire::{self, NewDevice};
use super::{JsonArg, YesArg, off, talk, time};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::{shorten, table};

/// The phones and other authenticators of the accounts
#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    Add(AddArgs),
    Confirm(ConfirmArgs),
    List(ListArgs),
    Rename(RenameArgs),
    Remove(RemoveArgs),
}

/// Set up a device: show a QR code, and ask for the app's first code
#[derive(Debug, Args)]
#[command(after_help = "\
Until its first right code the device is pending, and is forgotten after
7 days. On a terminal that code is asked for. Else, and with --png or
--json, it is given later: midclt 2fa device confirm ID.

Examples:
  midclt 2fa device add alice
  midclt 2fa device add alice --name tablet
  midclt 2fa device add alice --png /root/alice.png")]
pub(crate) struct AddArgs {
    /// Whose
    #[arg(value_name = "USER")]
    user: String,
    /// What to call it, in 1 to 64 characters
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The invite that is used up by it
    #[arg(long, value_name = "INVITE")]
    invite: Option<String>,
    #[command(flatten)]
    showing: Showing,
}

/// Give a pending device its first code
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  midclt 2fa device confirm 3
  midclt 2fa device confirm 3 --code 123456")]
pub(crate) struct ConfirmArgs {
    /// Its number; see midclt 2fa device list
    #[arg(value_name = "ID", value_parser = number)]
    id: i64,
    /// The code that it shows now
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    #[command(flatten)]
    json: JsonArg,
}

/// List the devices
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  midclt 2fa device list
  midclt 2fa device list alice")]
pub(crate) struct ListArgs {
    /// Only those of this account
    #[arg(value_name = "USER")]
    user: Option<String>,
    #[command(flatten)]
    json: JsonArg,
}

/// Call a device something else
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  midclt 2fa device rename 3 tablet")]
pub(crate) struct RenameArgs {
    /// Its number; see midclt 2fa device list
    #[arg(value_name = "ID", value_parser = number)]
    id: i64,
    /// The new name, of 1 to 64 characters
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    json: JsonArg,
}

/// Remove a device: its codes end at once
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  midclt 2fa device remove 3
  midclt 2fa device remove 3 --yes")]
pub(crate) struct RemoveArgs {
    /// Its number; see midclt 2fa device list
    #[arg(value_name = "ID", value_parser = number)]
    id: i64,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// How a new device is shown.
#[derive(Debug, Args)]
pub(super) struct Showing {
    #[command(flatten)]
    picture: PictureArgs,
    #[command(flatten)]
    png: PngArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Runs one of the commands.
pub(super) fn run(connection: &Connection, command: &Device) -> Result<(), Failure> {
    let daemon = |command| Daemon::new(connection, command);
    match command {
        Device::Add(args) => add(&daemon("2fa device add"), args),
        Device::Confirm(args) => confirm(&daemon("2fa device confirm"), args),
        Device::List(args) => list(&daemon("2fa device list"), args),
        Device::Rename(args) => rename(&daemon("2fa device rename"), args),
        Device::Remove(args) => remove(&daemon("2fa device remove"), args),
    }
}

/// The devices of an account, or all.
pub(super) fn query(daemon: &Daemon<'_>, user: Option<&str>) -> Result<Vec<wire::Device>, Failure> {
    read(&query_raw(daemon, user)?)
}

fn query_raw(daemon: &Daemon<'_>, user: Option<&str>) -> Result<Box<RawValue>, Failure> {
    let params = user.map(|user| json!({"username": user}));
    daemon.call("auth.twofactor.device.query", params.as_slice())
}

fn add(daemon: &Daemon<'_>, args: &AddArgs) -> Result<(), Failure> {
    let mut request = Map::new();
    request.insert("username".to_owned(), json!(args.user));
    let options = [("name", &args.name), ("invite", &args.invite)];
    for (key, value) in options {
        if let Some(value) = value {
            request.insert(key.to_owned(), json!(value));
        }
    }
    show_new(daemon, &Value::Object(request), &args.showing)
}

/// Creates a device and shows it: to a phone whose code is asked for, where there is a terminal.
pub(super) fn show_new(
    daemon: &Daemon<'_>,
    request: &Value,
    showing: &Showing,
) -> Result<(), Failure> {
    let file = showing.png.file()?;
    let answer = enrol::create(daemon, request)?;
    if showing.json.form() == Form::Json {
        return Form::Json.print(&answer, |_: NewDevice| String::new());
    }
    let device: NewDevice = read(&answer)?;
    let later = || enrol::pending(&device);
    match file {
        Some(file) => file.write(&device.provisioning_uri, daemon)?,
        None if talk::can_ask() => {
            let confirmed = enrol::by_phone(daemon, &device, &showing.picture);
            let confirmed = confirmed.map_err(|failure| failure.with(later()))?;
            return Form::Text.print(&confirmed, is_active);
        }
        None => {
            let shown = &device.provisioning_uri;
            showing.picture.show(shown, Place::Result)?;
        }
    }
    daemon.remark(&later());
    Ok(())
}

fn is_active(device: wire::Device) -> String {
    let wire::Device {
        id, name, username, ..
    } = device;
    format!("Device {id} ({name}) of {username} is active.\n")
}

fn confirm(daemon: &Daemon<'_>, args: &ConfirmArgs) -> Result<(), Failure> {
    let judge = |code: &str| enrol::confirm(daemon, args.id, code);
    let answer = match &args.code {
        Some(code) => match judge(code)? {
            Judged::Right(answer) => answer,
            Judged::Wrong(why) => return Err(Failure::told(format!("midclt: {why}"))),
        },
        None if talk::can_ask() => {
            check_pending(daemon, args.id)?;
            enrol::ask("Type the code that the app shows: ", judge)?
        }
        None => {
            return Err(Failure::usage(
                "there is no terminal to ask for the code on: --code is missing",
            ));
        }
    };
    args.json.form().print(&answer, is_active)
}

/// Before a code is asked for: whether it is of any use.
fn check_pending(daemon: &Daemon<'_>, id: i64) -> Result<(), Failure> {
    let devices = query(daemon, None)?;
    let message = match devices.iter().find(|device| device.id == id) {
        None => format!("midclt: there is no device {id}: midclt 2fa device list"),
        Some(device) if device.is_active() => {
            let (name, user) = (&device.name, &device.username);
            format!("midclt: device {id} ({name}) of {user} is active already")
        }
        Some(_) => return Ok(()),
    };
    Err(Failure::told(message))
}

fn list(daemon: &Daemon<'_>, args: &ListArgs) -> Result<(), Failure> {
    let answer = query_raw(daemon, args.user.as_deref())?;
    let text = |devices: Vec<wire::Device>| listed(&devices);
    args.json.form().print(&answer, text)
}

fn listed(devices: &[wire::Device]) -> String {
    if devices.is_empty() {
        return "No devices.\n".to_owned();
    }
    let head = ["ID", "USER", "NAME", "STATE", "CODES", "LAST USED (UTC)"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(devices.iter().map(|device| {
        [
            device.id.to_string(),
            shorten(&device.username, 16),
            shorten(&device.name, 16),
            device.state(),
            format!("{}/{} s", device.otp_digits, device.interval),
            last_used(device),
        ]
    }));
    table(&rows).join("\n") + "\n"
}

/// When a device was used, or until when it is waited for.
pub(super) fn last_used(device: &wire::Device) -> String {
    match (device.last_used, device.expires) {
        (Some(at), _) => time::short_minute(at),
        (None, Some(at)) if !device.is_active() => {
            format!("expires {}", time::short_minute(at))
        }
        _ => "never".to_owned(),
    }
}

fn rename(daemon: &Daemon<'_>, args: &RenameArgs) -> Result<(), Failure> {
    let params = [json!(args.id), json!({"name": args.name})];
    let answer = daemon.call("auth.twofactor.device.update", &params)?;
    args.json.form().print(&answer, |device: wire::Device| {
        format!(
            "Device {} of {} is now called {}.\n",
            device.id, device.username, device.name
        )
    })
}

fn remove(daemon: &Daemon<'_>, args: &RemoveArgs) -> Result<(), Failure> {
    let consent = args.yes.consent()?;
    if consent == talk::Consent::Asked {
        // One that is not there is the daemon's to tell.
        let devices = query(daemon, None)?;
        let is_off = |settings: Box<RawValue>| off::is_off(&settings);
        let is_on = !daemon.settings().is_some_and(is_off);
        if let Some(what) = removal(&devices, args.id, is_on) {
            consent.to(&what, "Remove it?")?;
        }
    }
    let answer = daemon.call("auth.twofactor.device.delete", &[json!(args.id)])?;
    let removed = |_: Value| format!("Device {} is removed.\n", args.id);
    args.json.form().print(&answer, removed)
}

/// What a removal means.
fn removal(devices: &[wire::Device], id: i64, is_on: bool) -> Option<String> {
    let device = devices.iter().find(|device| device.id == id)?;
    let others = devices
        .iter()
        .filter(|other| other.id != id && other.username == device.username && other.is_active());
    let mut text = format!(
        "Device {id} ({}) of {}, {}: its codes end at once.",
        device.name,
        device.username,
        device.state()
    );
    if device.is_active() && others.count() == 0 {
        text.push_str("\nIt is the last one: the account then counts as not enrolled");
        text.push_str(if is_on { REFUSED } else { "." });
    }
    Some(text)
}

/// What that means while two-factor authentication is on.
const REFUSED: &str = ", and a service\n\
    that asks refuses it, unless it is exempt, in grace, let in by a bypass, or the\n\
    policy is unenrolled=ALLOW.";

/// The number of a device.
fn number(text: &str) -> Result<i64, String> {
    let wrong = |_| "a device number, see midclt 2fa device list".to_owned();
    text.parse().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices() -> Vec<wire::Device> {
        let devices = r#"[
          {"id":1,"username":"root","name":"phone","state":"ACTIVE","otp_digits":6,"interval":30,
           "created":0,"last_used":1795508731,"expires":null,"replaces":null,"algorithm":"SHA1"},
          {"id":2,"username":"alice","name":"a name that is longer than a column","state":"active",
           "otp_digits":8,"interval":60,"last_used":null,"expires":null},
          {"id":3,"username":"alice","name":"new","state":"PENDING","otp_digits":6,"interval":30,
           "last_used":null,"expires":1795508731}]"#;
        serde_json::from_str(devices).unwrap()
    }

    #[test]
    fn the_list() {
        assert_eq!(
            listed(&devices()),
            "\
ID  USER   NAME              STATE    CODES   LAST USED (UTC)
1   root   phone             active   6/30 s  2026-11-24 08:25
2   alice  a name that is l~  active   8/60 s  never
3   alice  new               pending  6/30 s  expires 2026-11-24 08:25
"
            .replace("l~  ", "~  ")
        );
        assert_eq!(listed(&[]), "No devices.\n");
    }

    #[test]
    fn what_a_removal_means() {
        let check = |id: i64, expected: Option<&str>| {
            let found = removal(&devices(), id, false);
            assert_eq!(found.as_deref(), expected, "{id}");
        };
        let last = "\nIt is the last one: the account then counts as not enrolled.";
        let on = removal(&devices(), 1, true).unwrap();
        assert!(on.contains("a service\nthat asks refuses it"), "{on}");
        assert!(on.lines().all(|line| line.len() <= 80), "{on}");
        check(
            1,
            Some(&format!(
                "Device 1 (phone) of root, active: its codes end at once.{last}"
            )),
        );
        check(
            3,
            Some("Device 3 (new) of alice, pending: its codes end at once."),
        );
        check(9, None);
    }
}
