//! `midclt 2fa ssh exempt`: an account of a program, which a key alone lets in until a day.

use std::fs;
use std::path::PathBuf;

use ::ssh::accounts::Accounts;
use ::ssh::jobs::{self, Job, PublicKey};
use ::ssh::sshd::System;
use ::ssh::{DROPIN, Error, JOBS, service};
use clap::Args;
use nix::unistd::User;
use serde_json::json;

use super::super::daemon::{Daemon, Form};
use super::super::{device, exempt as exemption, wire};
use super::{JsonArg, YesArg, failed, lock, tell, this_machine, time};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::table;
use crate::{output, result};

/// Let the account of a program in with a key alone, until a day
#[derive(Debug, Args)]
#[command(override_usage = "\
midclt 2fa ssh exempt ACCOUNT --key FILE --until YYYY-MM-DD --reason TEXT
                             [--command COMMAND] [--yes]
       midclt 2fa ssh exempt --list
       midclt 2fa ssh exempt --delete ACCOUNT")]
#[command(after_help = "\
For rsync, backups and all that logs in with BatchMode=yes. Give each its
own account, without a password (passwd -l ACCOUNT) and without a device;
those of people, and root, are refused. Only this key lets it in, from a
file that only root can write; it gets no terminal and no forwarding, and
with --command nothing but that command. When the day begins, in UTC, the
key ends by itself. What the account may do, it may do elsewhere too: no
service asks it for a code until then.

Examples:
  midclt 2fa ssh exempt backup --key nas.pub --until 2027-06-01 \\
    --reason 'nightly rsync' --command 'rrsync -ro /srv'
  midclt 2fa ssh exempt --delete backup")]
pub(crate) struct ExemptArgs {
    /// The account
    #[arg(value_name = "ACCOUNT", required_unless_present_any = ["list", "delete"])]
    account: Option<String>,
    /// A file with its public key
    #[arg(long, value_name = "FILE", required_unless_present_any = ["list", "delete"])]
    key: Option<PathBuf>,
    /// It ends when this day begins, in UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = time::parse_date)]
    #[arg(required_unless_present_any = ["list", "delete"])]
    until: Option<i64>,
    /// Why, in 1 to 64 characters
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["list", "delete"])]
    reason: Option<String>,
    /// The only command that it may run
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["list", "delete"])]
    command: Option<String>,
    /// Show them
    #[arg(long, conflicts_with_all = ["account", "key", "until", "reason", "delete"])]
    list: bool,
    /// End one
    #[arg(long, value_name = "ACCOUNT")]
    #[arg(conflicts_with_all = ["account", "key", "until", "reason"])]
    delete: Option<String>,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

const COMMAND: &str = "2fa ssh exempt";

/// Creates, lists or ends jobs.
pub(super) fn run(connection: &Connection, args: &ExemptArgs) -> Result<(), Failure> {
    let system = this_machine(COMMAND)?;
    let daemon = Daemon::new(connection, COMMAND);
    if args.list {
        return list(&system, args.json.form());
    }
    if let Some(account) = &args.delete {
        return delete(&daemon, &system, account, args.json.form());
    }
    create(&daemon, &system, args)
}

fn create(daemon: &Daemon<'_>, system: &System, args: &ExemptArgs) -> Result<(), Failure> {
    let account = args.account.as_deref().unwrap_or_default();
    let until = args.until.unwrap_or_default();
    let reason = args.reason.clone().unwrap_or_default();
    let consent = args.yes.consent()?;
    exemption::check_date(until, time::now())?;
    if reason.chars().any(char::is_control) {
        return Err(Failure::usage("--reason is one line"));
    }
    let key = key(args)?;
    let line = key.line(&digits(until), args.command.as_deref());
    check_account(daemon, system, account)?;
    let what = format!(
        "Until {} this key alone lets {account} in by SSH, and no service asks it for a code.",
        time::minute(until)
    );
    consent.to(&what, "Exempt it?")?;
    let request = json!({"username": account, "until": until, "reason": reason});
    let _lock = lock(daemon, system)?;
    // Before anything is permitted: files that were changed by hand end it here.
    let old = current(system)?;
    let made: wire::Exemption = daemon.ask("auth.twofactor.exemption.create", &[request])?;
    let job = Job {
        account: account.to_owned(),
        until,
        exemption: made.id,
        reason,
    };
    let written = place(daemon, system, &job, &line);
    if let Err(failure) = written {
        forget(daemon, job.exemption);
        return Err(failure);
    }
    for old in old.iter().filter(|old| old.account == job.account) {
        forget(daemon, old.exemption);
    }
    tell(daemon, system);
    print(system, args.json.form(), &job)
}

/// The key, and a command that its line can hold.
fn key(args: &ExemptArgs) -> Result<PublicKey, Failure> {
    let command = args.command.as_deref().unwrap_or("true");
    if command.is_empty() || command.ends_with('\\') || command.chars().any(char::is_control) {
        return Err(Failure::usage(
            "--command is one line that does not end with a backslash",
        ));
    }
    let path = args.key.clone().unwrap_or_default();
    let told = |why: &str| Failure::told(format!("midclt: {}: {why}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| told(&error.to_string()))?;
    PublicKey::parse(&text).map_err(|why| told(&why))
}

/// `202701010000`, as `expiry-time` wants it.
fn digits(until: i64) -> String {
    let minute = time::short_minute(until);
    minute.chars().filter(char::is_ascii_digit).collect()
}

/// Only accounts of programs: what a person has proven otherwise must not be enough.
fn check_account(daemon: &Daemon<'_>, system: &System, account: &str) -> Result<(), Failure> {
    let refused = |why: String| Err(Failure::told(format!("midclt: {why}")));
    if !jobs::is_plain_name(account) {
        return refused(format!("{account} is no plain name of an account"));
    }
    let accounts = Accounts::read(&system.root).map_err(|error| failed(&error))?;
    let local = accounts.named(account);
    let uid = match local {
        Some(local) => Some(local.uid),
        None => User::from_name(account)
            .ok()
            .flatten()
            .map(|user| user.uid.as_raw()),
    };
    match uid {
        None => return refused(format!("there is no account {account}")),
        Some(0) => return refused(format!("{account} is root, who always needs a code")),
        Some(_) => {}
    }
    if local.is_some_and(|local| local.has_password) {
        return refused(format!(
            "{account} has a password, as people have: take it away first: passwd -l {account}"
        ));
    }
    let devices = device::query(daemon, Some(account))?;
    if devices.iter().any(wire::Device::is_active) {
        return refused(format!(
            "{account} has an active device, as people have: midclt 2fa bypass {account}"
        ));
    }
    Ok(())
}

/// Writes the block and the key, and has sshd read them; on a failure they are as before.
fn place(daemon: &Daemon<'_>, system: &System, job: &Job, line: &str) -> Result<(), Failure> {
    let keys = system.root.at(job.keys());
    let old_keys = ::ssh::read(&keys).map_err(|error| failed(&error))?;
    let mut all = current(system)?;
    all.retain(|other| other.account != job.account);
    all.push(job.clone());
    let old = ::ssh::read(&system.root.at(JOBS)).map_err(|error| failed(&error))?;
    let done = ::ssh::write(&keys, line).and_then(|()| put(daemon, system, &all));
    done.map_err(|error| {
        let back = put_text(&system.root.at(JOBS), old.as_deref())
            .and_then(|()| put_text(&keys, old_keys.as_deref()));
        let lines = back
            .err()
            .map(|error| format!("midclt: NOT put back: {error}"));
        failed(&error).with(lines)
    })
}

fn put_text(path: &std::path::Path, text: Option<&str>) -> Result<(), Error> {
    match text {
        Some(text) => ::ssh::write(path, text),
        None => ::ssh::remove(path),
    }
}

/// Writes the blocks of all jobs.
fn put(daemon: &Daemon<'_>, system: &System, jobs: &[Job]) -> Result<(), Error> {
    put_text(&system.root.at(JOBS), jobs::text(jobs).as_deref())?;
    let mut say = |line: String| daemon.remark(&[line]);
    service::reload(system, &mut say)
}

/// The jobs that there are.
fn current(system: &System) -> Result<Vec<Job>, Failure> {
    let text = ::ssh::read(&system.root.at(JOBS)).map_err(|error| failed(&error))?;
    match text {
        None => Ok(Vec::new()),
        Some(text) => jobs::parse(&text).ok_or_else(|| {
            Failure::told(format!(
                "midclt: {JOBS} was changed by hand: remove it first"
            ))
        }),
    }
}

fn forget(daemon: &Daemon<'_>, exemption: i64) {
    // One that stays ends by its date, and is listed until then.
    let _ = daemon.try_call("auth.twofactor.exemption.delete", &[exemption.into()]);
}

fn print(system: &System, form: Form, job: &Job) -> Result<(), Failure> {
    if form == Form::Json {
        return output::line(&result::to_json(&as_json(job)));
    }
    let account = &job.account;
    let mut text = format!(
        "This key alone lets {account} in until {}.\n\
         To end it: midclt 2fa ssh exempt --delete {account}\n",
        time::minute(job.until)
    );
    if !system.root.at(DROPIN).exists() {
        text.push_str("sshd asks nobody for a code yet: midclt 2fa ssh enable\n");
    }
    output::page(&text)
}

fn as_json(job: &Job) -> serde_json::Value {
    json!({
        "username": job.account,
        "until": job.until,
        "exemption": job.exemption,
        "reason": job.reason,
    })
}

fn list(system: &System, form: Form) -> Result<(), Failure> {
    let jobs = current(system)?;
    if form == Form::Json {
        let all: Vec<_> = jobs.iter().map(as_json).collect();
        return output::line(&result::to_json(&all.into()));
    }
    if jobs.is_empty() {
        return output::page("There are none.\n");
    }
    let mut rows = vec![["ACCOUNT", "UNTIL (UTC)", "REASON"].map(str::to_owned)];
    rows.extend(jobs.into_iter().map(|job| {
        let until = time::short_minute(job.until);
        [job.account, until, job.reason]
    }));
    output::page(&(table(&rows).join("\n") + "\n"))
}

fn delete(daemon: &Daemon<'_>, system: &System, account: &str, form: Form) -> Result<(), Failure> {
    let _lock = lock(daemon, system)?;
    let jobs = current(system)?;
    let (ended, rest): (Vec<Job>, Vec<Job>) =
        jobs.into_iter().partition(|job| job.account == account);
    if ended.is_empty() {
        return Err(Failure::told(format!("midclt: {account} has no such key")));
    }
    end(daemon, system, &ended, &rest)?;
    match form {
        Form::Json => output::line("true"),
        Form::Text => output::page(&format!("{account} is asked for a code as others are.\n")),
    }
}

/// Takes away the jobs whose day has come.
pub(super) fn end_expired(daemon: &Daemon<'_>, system: &System, now: i64) -> Result<(), Failure> {
    let is_over = |job: &Job| job.until <= now;
    // One that was changed by hand is a finding, and no reason not to look at the rest.
    if !current(system).is_ok_and(|jobs| jobs.iter().any(is_over)) {
        return Ok(());
    }
    let _lock = lock(daemon, system)?;
    let (ended, rest): (Vec<Job>, Vec<Job>) = current(system)?.into_iter().partition(is_over);
    end(daemon, system, &ended, &rest)?;
    for job in ended {
        daemon.remark(&[format!("the key of {} is over, and removed", job.account)]);
    }
    Ok(())
}

/// What refuses by itself first: the exemption, then the keys, then the block, which sshd may not take
/// for what others wrote. All is tried; the first failure is told.
fn end(daemon: &Daemon<'_>, system: &System, ended: &[Job], rest: &[Job]) -> Result<(), Failure> {
    let mut removed = Ok(());
    for job in ended {
        forget(daemon, job.exemption);
        removed = removed.and(::ssh::remove(&system.root.at(job.keys())).map(drop));
    }
    let written = put(daemon, system, rest);
    tell(daemon, system);
    removed.and(written).map_err(|error| failed(&error))
}
