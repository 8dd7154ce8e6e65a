//! `midclt 2fa import`: the devices that another system knew, from its own files.
//!
//! A file for each form. They make [`Known`]s of lines; the daemon is asked first what each would do.

mod config;
mod format;
mod google;
mod oath;
mod otpauth;
mod sqlite;
mod tar;
mod truenas;

use std::fmt;
use std::fs::File;
use std::io::{Read, stdin};
use std::path::{Path, PathBuf};

use clap::Args;
use client::Error;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use self::format::Format;
use super::daemon::{Daemon, Form, read};
use super::{JsonArg, YesArg, time, wire};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::{count, table, wrap};
use crate::output;

/// What a file may have at most.
const LARGEST: u64 = 16 << 20;

const METHOD: &str = "auth.twofactor.import";

/// Take over the devices of another system, so that its phones go on
#[derive(Debug, Args)]
#[command(after_help = "\
Forms: /etc/users.oath of pam_oath, ~/.google_authenticator, lists of
otpauth:// URIs, a backup of TrueNAS's configuration, and what
`midclt call auth.twofactor.config` prints on TrueNAS 22.12. First it is
shown what would be done; nothing is replaced without --replace. A code
that could have been used at the old system is not good here: each
phone's codes count a step or two later.

A backup of TrueNAS is the archive with its password secret seed, or
freenas-v1.db with --key, a copy of /data/pwenc_secret there. The one
secret of 22.12 is root's here; later releases have one for each account.

Scratch codes of google-authenticator are not taken over: they are too
short to be guarded. New ones: midclt 2fa recovery USER

Examples:
  midclt 2fa import /etc/users.oath --dry-run
  midclt 2fa import /etc/users.oath
  midclt 2fa import /home/alice/.google_authenticator --user alice
  midclt 2fa import truenas-backup.tar --dry-run
  midclt 2fa import freenas-v1.db --key /root/pwenc_secret --yes")]
pub(crate) struct ImportArgs {
    /// The files; - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Whose the devices are; needed where the file does not say
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// What each is called [default: phone, phone 2 and so on]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// oath, google, otpauth, config, truenas [default: guessed]
    #[arg(long, value_enum, value_name = "FORM", hide_possible_values = true)]
    format: Option<Format>,
    /// The key of a TrueNAS backup, where it is not in it
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Replace the account's device of that name, else `phone`
    #[arg(long)]
    replace: bool,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// A device as a file describes it. Not `Debug`: it has the secret.
#[derive(Clone, Default, PartialEq, Eq)]
struct Known {
    /// Whose it is, where the file says so.
    user: Option<String>,
    /// The secret in base32.
    secret: String,
    algorithm: Option<String>,
    otp_digits: Option<u32>,
    interval: Option<u32>,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What is in a file.
#[derive(Debug, Default)]
struct Found {
    known: Vec<Known>,
    /// Lines that are left out, by number, and why. No line is repeated: it has a secret.
    left_out: Vec<(usize, &'static str)>,
    /// What else is not taken over.
    remarks: Vec<String>,
}

/// Takes over what the files have.
pub(super) fn run(connection: &Connection, args: &ImportArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa import");
    let mut all = Vec::new();
    for file in &args.files {
        all.extend(known(args, file)?);
    }
    if all.is_empty() {
        return Err(Failure::told("midclt: there is no device to import"));
    }
    let plan = each(&daemon, &all, true)?;
    if args.dry_run {
        return print(args.json.form(), &plan, Tense::Would);
    }
    if args.json.form() == Form::Text {
        output::note(&shown(&plan, Tense::Would)?);
    }
    args.yes.consent()?.to("", "Import them?")?;
    print(args.json.form(), &each(&daemon, &all, false)?, Tense::Did)
}

/// The devices of a file, as params of the method.
fn known(args: &ImportArgs, file: &Path) -> Result<Vec<Map<String, Value>>, Failure> {
    let bytes = contents(file)?;
    let key = args.key.as_deref().map(contents).transpose()?;
    let name = file.display();
    let format = args.format.or_else(|| Format::of(&bytes)).ok_or_else(|| {
        Failure::told(format!("midclt: {name}: no known form"))
            .with(["midclt: the forms: midclt 2fa import --help".to_owned()])
    })?;
    let key = key.as_ref().map(|key| key.as_slice());
    let found = format
        .parse(&bytes, key)
        .map_err(|refused| refused.failure(&name.to_string()))?;
    for (line, why) in &found.left_out {
        output::note(&format!("midclt: {name}, line {line}: left out: {why}"));
    }
    for remark in &found.remarks {
        output::note(&format!("midclt: {name}: {remark}"));
    }
    let params = found.known.into_iter().map(|known| params(args, known));
    params.collect::<Option<_>>().ok_or_else(|| {
        Failure::usage(&format!(
            "{name} does not say whose device it is: add --user USER"
        ))
    })
}

fn params(args: &ImportArgs, known: Known) -> Option<Map<String, Value>> {
    let user = args.user.clone().or(known.user)?;
    let name = args.name.as_deref();
    let name = name.or_else(|| args.replace.then_some("phone"));
    let fields = [
        ("username", Some(json!(user))),
        ("name", name.map(|name| json!(name))),
        ("secret", Some(json!(known.secret))),
        ("algorithm", known.algorithm.map(Value::from)),
        ("otp_digits", known.otp_digits.map(Value::from)),
        ("interval", known.interval.map(Value::from)),
        ("replace", args.replace.then_some(json!(true))),
    ];
    let given = fields.into_iter();
    Some(
        given
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect(),
    )
}

fn contents(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::told(format!("midclt: cannot read {}: {error}", file.display()))
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let result = if file == Path::new("-") {
        stdin().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    let length = result.map_err(cannot)? as u64;
    if length > LARGEST {
        return Err(Failure::told(format!(
            "midclt: {} is larger than 16 MiB",
            file.display()
        )));
    }
    Ok(bytes)
}

/// What came of one device.
struct Row {
    user: String,
    answer: Result<Box<RawValue>, String>,
}

/// Asks the daemon about each. One that is refused keeps no other from being imported.
fn each(
    daemon: &Daemon<'_>,
    all: &[Map<String, Value>],
    is_dry: bool,
) -> Result<Vec<Row>, Failure> {
    let one = |params: &Map<String, Value>| {
        let mut params = params.clone();
        if is_dry {
            params.insert("dry_run".to_owned(), json!(true));
        }
        let user = params.get("username").and_then(Value::as_str);
        let user = user.unwrap_or_default().to_owned();
        let answer = match daemon.try_call(METHOD, &[Value::Object(params)]) {
            Ok(answer) => Ok(answer),
            Err(Error::Call(error)) => {
                let violations = error.violations();
                let first = violations.first().map(|violation| violation.message);
                Err(first.unwrap_or(error.reason()).to_owned())
            }
            Err(error) => return Err(daemon.failure(&error)),
        };
        Ok(Row { user, answer })
    };
    all.iter().map(one).collect()
}

/// What the daemon says of one.
#[derive(Deserialize)]
struct Imported {
    outcome: String,
    device: Option<wire::Device>,
    codes_from: Option<i64>,
    #[serde(default)]
    warnings: Vec<String>,
}

/// Whether it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tense {
    Would,
    Did,
}

fn print(form: Form, rows: &[Row], tense: Tense) -> Result<(), Failure> {
    match form {
        Form::Json => {
            for row in rows {
                let line = match &row.answer {
                    Ok(answer) => answer.get().to_owned(),
                    Err(reason) => json!({"username": row.user, "error": reason}).to_string(),
                };
                output::line(&line)?;
            }
        }
        Form::Text => output::page(&shown(rows, tense)?)?,
    }
    let refused = rows.iter().filter(|row| row.answer.is_err()).count();
    if refused == 0 {
        return Ok(());
    }
    let devices = count(refused as u64, "device");
    Err(Failure::told(format!("midclt: {devices} refused")))
}

fn shown(rows: &[Row], tense: Tense) -> Result<String, Failure> {
    let mut lines = vec![["USER", "DEVICE", "WHAT"].map(str::to_owned)];
    let mut below = Vec::new();
    for row in rows {
        let user = row.user.clone();
        match &row.answer {
            Ok(answer) => {
                let imported: Imported = read(answer)?;
                let device = imported.device.as_ref();
                let device = device
                    .map_or("new", |device| device.name.as_str())
                    .to_owned();
                let what = what(&imported, tense);
                let warnings = imported.warnings.iter();
                below.extend(warnings.flat_map(|warning| wrap(&format!("{user}: {warning}"), 80)));
                lines.push([user, device, what]);
            }
            Err(reason) => {
                below.extend(wrap(&format!("{user}: {reason}"), 80));
                lines.push([user, "-".to_owned(), "refused".to_owned()]);
            }
        }
    }
    let mut text = table(&lines);
    text.extend(below);
    Ok(text.join("\n") + "\n")
}

fn what(imported: &Imported, tense: Tense) -> String {
    let done = match (imported.outcome.as_str(), tense) {
        ("ADDED", Tense::Would) => "to be added",
        ("ADDED", Tense::Did) => "added",
        ("REPLACED", Tense::Would) => "to be replaced",
        ("REPLACED", Tense::Did) => "replaced",
        _ => return "there already".to_owned(),
    };
    match imported.codes_from {
        Some(from) if tense == Tense::Did => {
            format!("{done}; its codes count from {} UTC on", time::second(from))
        }
        _ => done.to_owned(),
    }
}
