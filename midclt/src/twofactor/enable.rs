//! `midclt 2fa enable`: first a phone that works and a way back, then on.

use clap::Args;
use serde_json::json;

use super::daemon::Daemon;
use super::enrol::{Judged, ask, enrol, verify};
use super::qr::PictureArgs;
use super::status::{Status, who_asks};
use super::wire::Device;
use super::{JsonArg, ROOT, YesArg, device, recovery, talk};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::{count, wrap};
use crate::output;

/// Steps on each side of now that a new installation accepts.
const WINDOW: u8 = 1;

const NOT_ON: &str = "midclt: two-factor authentication was not turned on";

/// Turn two-factor authentication on, with a phone that is known to work
#[derive(Debug, Args)]
#[command(after_help = "\
Where USER has an active device, a code of it is asked for, and no new QR
code is shown. Else: a QR code, a code of the app, recovery codes, and
perhaps a second device. Root needs a device too. Only then it is turned
on, for every account.
Codes of the neighbouring time steps are accepted then, for clocks that
differ a little (window 1).

Without a terminal it needs an active device, --yes and --code.

Examples:
  midclt 2fa enable
  midclt 2fa enable --user alice
  midclt 2fa enable --yes --code 123456")]
pub(crate) struct EnableArgs {
    /// Whose device is set up first
    #[arg(long, value_name = "USER", default_value = ROOT)]
    user: String,
    /// A code of an active device, so that none is asked for
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Also where the clock of this machine is not synchronised
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    picture: PictureArgs,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Prepares everything and turns it on.
pub(super) fn run(connection: &Connection, args: &EnableArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa enable");
    let mut kept = Vec::new();
    let prepared = prepare(&daemon, args, &mut kept);
    let (status, way_back) = prepared.map_err(|failure| not_on(failure, kept))?;
    let form = args.json.form();
    if status.enabled {
        let answer = daemon.call("auth.twofactor.config", &[])?;
        return form.print_settings(&answer, ON_ALREADY);
    }
    let window = status.window.max(WINDOW);
    let request = json!({"enabled": true, "window": window});
    let answer = daemon.call("auth.twofactor.update", &[request])?;
    form.print_settings(&answer, &is_on(&status))?;
    if way_back == WayBack::Missing {
        let user = &args.user;
        output::note(&format!(
            "midclt: {user} has NO recovery codes: midclt 2fa recovery {user}"
        ));
    }
    Ok(())
}

const ON_ALREADY: &str = "It is on already.\nHow it stands: midclt 2fa status\n";

/// What is true now, and what is not.
fn is_on(status: &Status) -> String {
    let mut text = "Two-factor authentication is on.\n".to_owned();
    if status.window < WINDOW {
        text.push_str("Codes of one step before and after now are accepted: window is 1 now.\n");
    }
    text.push_str(who_asks(status.ssh));
    text.push('\n');
    text.push_str(
        "How it stands: midclt 2fa status       Off, for everybody: midclt 2fa disable\n\
         Print this page now, and keep it: midclt 2fa kit\n\
         For the day when the machine dies: midclt 2fa export FILE\n",
    );
    text
}

/// Whether there is a way in without the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WayBack {
    /// Recovery codes, or nobody was asked about them.
    There,
    /// Somebody said that they are not saved.
    Missing,
}

fn not_on(failure: Failure, kept: Vec<String>) -> Failure {
    // Wrong usage is told before there is anything to turn on.
    if failure.exit == 2 {
        failure
    } else {
        failure.with(std::iter::once(NOT_ON.to_owned()).chain(kept))
    }
}

/// All that can fail or be broken off, before anything is turned on. What was done by then, and
/// stays, is in `kept`.
fn prepare(
    daemon: &Daemon<'_>,
    args: &EnableArgs,
    kept: &mut Vec<String>,
) -> Result<(Status, WayBack), Failure> {
    let consent = args.yes.consent()?;
    if args.code.is_none() && !talk::can_ask() {
        return Err(Failure::usage(
            "there is no terminal to ask for a code on: --code is missing",
        ));
    }
    let status: Status = daemon.ask("auth.twofactor.status", &[])?;
    if status.enabled {
        return Ok((status, WayBack::There));
    }
    if !status.clock.synchronised && !args.force {
        return Err(unsynchronised());
    }
    let active = active_of(daemon, &args.user)?;
    if active.is_empty() && (args.code.is_some() || !talk::can_ask()) {
        return Err(no_device(&args.user));
    }
    // Turning it on makes one for root where there is none; nobody would have it.
    let root_lacks_one = args.user != ROOT && active_of(daemon, ROOT)?.is_empty();
    if root_lacks_one && !talk::can_ask() {
        return Err(no_device(ROOT));
    }
    consent.to(&caution(&status, &args.user), "Go on?")?;
    let way_back = set_up(daemon, args, &active, kept)?;
    if root_lacks_one {
        output::note(ROOT_TOO);
        first_device(daemon, ROOT, args, kept)?;
    }
    Ok((status, way_back))
}

const ROOT_TOO: &str = "\
Root has a device too while it is on, and has none yet: set it up now.";

/// A phone that works, and a way back for when it is lost.
fn set_up(
    daemon: &Daemon<'_>,
    args: &EnableArgs,
    active: &[Device],
    kept: &mut Vec<String>,
) -> Result<WayBack, Failure> {
    if active.is_empty() {
        first_device(daemon, &args.user, args, kept)?;
    } else {
        prove(daemon, args, active)?;
    }
    let mut way_back = WayBack::There;
    if talk::can_ask() {
        way_back = recovery_codes(daemon, args, kept)?;
    }
    if active.len() < 2 && talk::can_ask() && !args.yes.yes {
        second_device(daemon, args, kept)?;
    }
    Ok(way_back)
}

fn active_of(daemon: &Daemon<'_>, user: &str) -> Result<Vec<Device>, Failure> {
    let devices = device::query(daemon, Some(user))?;
    Ok(devices.into_iter().filter(Device::is_active).collect())
}

fn unsynchronised() -> Failure {
    let lines = [
        "midclt: the clock of this machine is not synchronised; codes are judged by it",
        "midclt: look at it with timedatectl, or turn it on all the same with --force",
    ];
    Failure {
        lines: lines.map(str::to_owned).into(),
        exit: 1,
    }
}

fn no_device(user: &str) -> Failure {
    Failure::told(format!("midclt: {user} has no active device")).with([
        format!("midclt: set one up on a terminal: midclt 2fa enable --user {user}"),
        format!("midclt: or in a script: midclt 2fa device add {user} --json"),
    ])
}

/// What will happen, to whom, and the way back.
fn caution(status: &Status, user: &str) -> String {
    let mut lines = vec![
        "Two-factor authentication will be on for every account of this machine: a".to_owned(),
        "service that asks wants a code after the password or the key.".to_owned(),
        who_asks(status.ssh).to_owned(),
    ];
    if status.window < WINDOW {
        lines
            .push("Codes of one step before and after now will be accepted (window 1).".to_owned());
    }
    let (number, names) = status.unenrolled_besides(user);
    if number > 0 {
        let accounts = count(number, "other account");
        let verb = if number == 1 { "has" } else { "have" };
        let text = format!(
            "{accounts} with a login shell {verb} no active device, and no way in there unless \
             the policy or a grace allows it: {names}"
        );
        lines.extend(wrap(&text, 78));
        lines.push(
            "  midclt 2fa device add NAME     or, for some days: midclt 2fa grace NAME".to_owned(),
        );
    }
    lines.push("The way back, as root on a console: midclt 2fa disable".to_owned());
    lines.join("\n")
}

/// A code of a phone that has the secret already.
fn prove(daemon: &Daemon<'_>, args: &EnableArgs, active: &[Device]) -> Result<(), Failure> {
    let user = args.user.as_str();
    if let Some(code) = &args.code {
        return match verify(daemon, user, code)? {
            Judged::Right(()) => Ok(()),
            Judged::Wrong(why) => Err(Failure::told(format!("midclt: {why}"))),
        };
    }
    let names: Vec<_> = active.iter().map(|device| device.name.as_str()).collect();
    output::note(&format!(
        "{user} has an active device: {}. No new QR code is needed.",
        names.join(", ")
    ));
    ask("Type the code that it shows now: ", |code| {
        verify(daemon, user, code)
    })
}

fn first_device(
    daemon: &Daemon<'_>,
    user: &str,
    args: &EnableArgs,
    kept: &mut Vec<String>,
) -> Result<(), Failure> {
    let request = json!({"username": user});
    enrol(daemon, &request, &args.picture, kept)?;
    output::note("The code is right: this device is active.");
    Ok(())
}

fn recovery_codes(
    daemon: &Daemon<'_>,
    args: &EnableArgs,
    kept: &mut Vec<String>,
) -> Result<WayBack, Failure> {
    let user = args.user.as_str();
    if recovery::remaining(daemon, user)?.remaining > 0 {
        return Ok(WayBack::There);
    }
    let codes = recovery::generate(daemon, user)?;
    output::note(codes.sheet(user).trim_end());
    let before = kept.len();
    kept.extend(codes.later());
    if recovery::settle(daemon, &codes, args.yes.yes)? {
        kept.truncate(before);
        kept.push(format!("midclt: kept: the recovery codes of {user}"));
        Ok(WayBack::There)
    } else {
        output::note(&codes.later().join("\n"));
        Ok(WayBack::Missing)
    }
}

fn second_device(
    daemon: &Daemon<'_>,
    args: &EnableArgs,
    kept: &mut Vec<String>,
) -> Result<(), Failure> {
    output::note("With a second device, a lost phone locks nobody out.");
    if talk::yes_or_no("Set up a second device now?")? {
        let request = json!({"username": args.user});
        enrol(daemon, &request, &args.picture, kept)?;
        output::note("The code is right: the second device is active.");
    }
    Ok(())
}
