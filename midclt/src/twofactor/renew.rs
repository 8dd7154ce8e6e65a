//! `midclt 2fa renew`: a new secret for a device, while the old one goes on working.

use clap::Args;
use serde_json::json;

use super::ROOT;
use super::daemon::Daemon;
use super::device::{Showing, query, show_new};
use super::wire::Device;
use crate::cli::Connection;
use crate::failure::Failure;

/// Give a device a new secret; the old one works until the new one does
#[derive(Debug, Args)]
#[command(after_help = "\
For a new phone, or where somebody may have seen the secret. The old
secret ends with the first right code of the new one. To end it at once:
midclt 2fa device remove ID, or
midclt call user.renew_2fa_secret USER '{}'.

Examples:
  midclt 2fa renew
  midclt 2fa renew alice
  midclt 2fa renew alice tablet")]
pub(crate) struct RenewArgs {
    /// Whose [default: root]
    #[arg(value_name = "USER", default_value = ROOT, hide_default_value = true)]
    user: String,
    /// Which, by number or name; needed where there are several
    #[arg(value_name = "DEVICE")]
    device: Option<String>,
    #[command(flatten)]
    showing: Showing,
}

/// Creates a pending device that replaces another one, and shows it.
pub(super) fn run(connection: &Connection, args: &RenewArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa renew");
    let devices = query(&daemon, Some(&args.user))?;
    let old = choose(&devices, &args.user, args.device.as_deref())?;
    let request = json!({"username": args.user, "replaces": old.id});
    show_new(&daemon, &request, &args.showing)
}

fn choose<'a>(
    devices: &'a [Device],
    user: &str,
    wanted: Option<&str>,
) -> Result<&'a Device, Failure> {
    let active: Vec<_> = devices.iter().filter(|device| device.is_active()).collect();
    let by_number = |device: &&Device| wanted.is_some_and(|id| device.id.to_string() == id);
    if let Some(device) = active.iter().copied().find(by_number) {
        return Ok(device);
    }
    let is_wanted = |device: &&Device| wanted.is_none_or(|name| device.name == name);
    let chosen: Vec<_> = active.iter().copied().filter(is_wanted).collect();
    match (chosen.as_slice(), wanted) {
        ([only], _) => Ok(only),
        ([], None) => Err(Failure::told(format!(
            "midclt: {user} has no active device: midclt 2fa device add {user}"
        ))),
        ([], Some(_)) => Err(Failure::told(format!(
            "midclt: {user} has no active device of that name or number"
        ))
        .with(listed(&active))),
        (_, _) => Err(Failure::usage(&format!(
            "{user} has several such devices; say which: midclt 2fa renew {user} DEVICE"
        ))
        .with(listed(&active))),
    }
}

fn listed(devices: &[&Device]) -> Vec<String> {
    let line = |device: &&Device| format!("midclt:   {} {}", device.id, device.name);
    devices.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_device() {
        let device = |id: i64, name: &str, state: &str| {
            json!({"id": id, "username": "u", "name": name, "state": state, "otp_digits": 6,
                   "interval": 30, "last_used": null, "expires": null})
        };
        let several: Vec<Device> = serde_json::from_value(json!([
            device(1, "phone", "ACTIVE"),
            device(2, "tablet", "ACTIVE"),
            device(3, "2", "PENDING"),
            device(4, "tablet", "ACTIVE"),
        ]))
        .unwrap();
        let check = |devices: &[Device], wanted: Option<&str>, expected: Result<i64, u8>| {
            let found = choose(devices, "u", wanted);
            let found = found
                .map(|device| device.id)
                .map_err(|failure| failure.exit);
            assert_eq!(found, expected, "{wanted:?}");
        };
        check(&several[..1], None, Ok(1));
        check(&several[2..], None, Ok(4));
        check(&several[2..3], None, Err(1));
        check(&several, None, Err(2));
        check(&several, Some("phone"), Ok(1));
        check(&several, Some("2"), Ok(2));
        check(&several, Some("tablet"), Err(2));
        check(&several, Some("4"), Ok(4));
        check(&several, Some("watch"), Err(1));
        check(&[], None, Err(1));
    }
}
