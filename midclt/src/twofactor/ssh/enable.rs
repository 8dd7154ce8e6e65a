//! `midclt 2fa ssh enable`: first a look at who would be locked out, then a trial that ends by itself.

use std::env;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use ::ssh::check::{Preflight, Wanted, preflight};
use ::ssh::sshd::System;
use ::ssh::stack::Stack;
use ::ssh::transaction::{self, Job};
use ::ssh::undo::{self, Undo};
use ::ssh::{Code, DROPIN};
use clap::Args;
use serde_json::json;

use super::super::daemon::{Daemon, Form};
use super::super::talk::{self, Consent};
use super::wire::{self, Fate, Status, Trial};
use super::{JsonArg, RootArg, YesArg, failed, page, report, services_ssh, time};
use crate::cli::Connection;
use crate::failure::Failure;
use crate::output;
use crate::result;

/// Have sshd ask for codes, on trial
#[derive(Debug, Args)]
#[command(after_help = "\
It shows who would be locked out and which ways in there are, and goes on
only where nothing speaks against it. Then it writes
  /etc/ssh/sshd_config.d/10-middlewared.conf
  /etc/pam.d/sshd               marked blocks around two of its lines
has sshd read them, and begins a trial. The first SSH login with a code
keeps it, or midclt 2fa ssh commit. Else everything is put back.

Where no password helped before, none will: then it is key and code. Root
needs a key and a code, or with --root-password a password and a code;
where root was refused it stays refused unless --root-password is said.

Examples:
  midclt 2fa ssh enable
  midclt 2fa ssh enable --root-password
  midclt 2fa ssh enable --yes --seconds 600")]
pub(crate) struct EnableArgs {
    /// Let root in with a password and a code too
    #[arg(long)]
    root_password: bool,
    /// How long the trial is, 30 to 3600
    #[arg(long, value_name = "N", default_value_t = 300)]
    #[arg(value_parser = clap::value_parser!(u64).range(30..=3600))]
    seconds: u64,
    /// Do not wait for the end of the trial
    #[arg(long)]
    no_wait: bool,
    /// The PAM module, when not in PAM's own directory
    #[arg(long, value_name = "PATH")]
    module: Option<String>,
    #[command(flatten)]
    root: RootArg,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

const COMMAND: &str = "2fa ssh enable";

/// Looks, asks, writes, tries.
pub(super) fn run(connection: &Connection, args: &EnableArgs) -> Result<(), Failure> {
    let system = args.root.system(COMMAND)?;
    let consent = args.yes.consent()?;
    let wanted = wanted(args)?;
    let daemon = Daemon::new(connection, COMMAND);
    let plan = preflight(&system, &wanted).map_err(|error| failed(&error))?;
    if !system.root.is_host() {
        return image(&daemon, &system, &plan, args);
    }
    let status: Status = daemon.ask("auth.twofactor.status", &[])?;
    if !status.enabled {
        return Err(off());
    }
    if let Some(trial) = status.trial {
        return Err(on_trial(&trial));
    }
    let question = json!({"changes": services_ssh(true)});
    let people: wire::Preflight = daemon.ask("auth.twofactor.preflight", &[question])?;
    agree(&daemon, &plan, Some(&people), (consent, args.json.form()))?;
    let enabling = Enabling {
        daemon: &daemon,
        system: &system,
        args,
    };
    enabling.run(connection, &plan, status.ssh)
}

fn wanted(args: &EnableArgs) -> Result<Wanted, Failure> {
    let stack = match &args.module {
        None => Stack::default(),
        Some(path) => Stack::with_module(path).ok_or_else(|| {
            Failure::usage("--module is the absolute path of pam_middleware.so, without spaces")
        })?,
    };
    Ok(Wanted {
        root_password: args.root_password,
        stack,
    })
}

fn off() -> Failure {
    Failure::told("midclt: two-factor authentication is off: no code would be asked for")
        .with(["midclt: turn it on first: midclt 2fa enable".to_owned()])
}

fn on_trial(trial: &Trial) -> Failure {
    let until = time::second(trial.until);
    Failure::told(format!(
        "midclt: a trial is under way until {until} UTC: midclt 2fa ssh commit"
    ))
}

/// Shows the plan, and goes on only where nothing speaks against it.
fn agree(
    daemon: &Daemon<'_>,
    plan: &Preflight,
    people: Option<&wire::Preflight>,
    (consent, form): (Consent, Form),
) -> Result<(), Failure> {
    let page = page::plan(plan, people);
    let mut reasons = Vec::new();
    if people.is_some_and(|people| !people.locked_out.is_empty()) {
        reasons.push("midclt: there are people who would be locked out".to_owned());
    }
    let no_console = plan
        .findings
        .iter()
        .any(|found| found.code == Code::NoConsole);
    if no_console && people.is_some_and(|people| people.root.recovery_codes == 0) {
        reasons.push(
            "midclt: without a console root needs recovery codes first: midclt 2fa recovery root"
                .to_owned(),
        );
    }
    if !plan.is_good() {
        reasons.push("midclt: what is marked with ! must be put right first".to_owned());
    }
    if !reasons.is_empty() {
        if form == Form::Json {
            output::line(&result::to_json(&super::json::plan(plan, people)))?;
        } else {
            output::note(&page);
        }
        let failure = Failure::told("midclt: nothing was changed");
        return Err(failure.with(reasons));
    }
    if consent == Consent::Given {
        daemon.remark(&[page.as_str()]);
    }
    consent.to(&page, "Put sshd on trial?")
}

/// An image is not on trial: nobody logs in there yet.
fn image(
    daemon: &Daemon<'_>,
    system: &System,
    plan: &Preflight,
    args: &EnableArgs,
) -> Result<(), Failure> {
    agree(daemon, plan, None, (args.yes.consent()?, args.json.form()))?;
    let mut say = |line: String| daemon.remark(&[line]);
    let written = transaction::write(system, &plan.changes, &mut say);
    written.map_err(|error| failed(&error))?;
    let report = super::look(system)?;
    match args.json.form() {
        Form::Json => output::line(&result::to_json(&super::json::report(&report))),
        Form::Text => output::page(&page::report(&report)),
    }
}

/// Everything that the steps need.
struct Enabling<'a> {
    daemon: &'a Daemon<'a>,
    system: &'a System,
    args: &'a EnableArgs,
}

impl Enabling<'_> {
    fn run(&self, connection: &Connection, plan: &Preflight, was_on: bool) -> Result<(), Failure> {
        let mut say = |line: String| self.daemon.remark(&[line]);
        let job = self.job(connection)?;
        let lock = super::lock(self.daemon, self.system)?;
        let begun = transaction::begin(self.system, &plan.changes, &job, &mut say);
        let mut undo = begun
            .map_err(|error| failed(&error).with(["midclt: it was not turned on".to_owned()]))?;
        match self.try_it(&mut undo, was_on) {
            Ok(trial) => {
                drop(lock);
                self.end(&undo, trial.as_ref())
            }
            Err(failure) => {
                // Said where it failed; the job that is armed tries again.
                let _ = transaction::put_back(self.system, &undo, &mut say);
                super::tell(self.daemon, self.system);
                Err(failure.with(["midclt: it was not turned on".to_owned()]))
            }
        }
    }

    /// The job has some seconds more than the daemon's trial, which begins later.
    fn job(&self, connection: &Connection) -> Result<Job, Failure> {
        const MORE: u64 = 5;
        let program: PathBuf = env::current_exe().map_err(|error| {
            Failure::told(format!(
                "midclt: cannot find the program that runs: {error}"
            ))
        })?;
        let socket = connection.socket.to_string_lossy().into_owned();
        let words = ["2fa", "ssh", "restore", "--when-due", "-u", &socket];
        Ok(Job {
            seconds: self.args.seconds + MORE,
            program,
            words: words.map(str::to_owned).to_vec(),
        })
    }

    /// The daemon's part. Where it was told to ask before, it asks already, and there is no trial.
    fn try_it(&self, undo: &mut Undo, was_on: bool) -> Result<Option<Trial>, Failure> {
        let report = report(self.daemon, self.system)?;
        if !report.ready {
            output::note(&page::report(&report));
            return Err(Failure::told("midclt: sshd does not do what it was told"));
        }
        if was_on {
            return Ok(None);
        }
        let request = json!({
            "changes": services_ssh(true),
            "seconds": self.args.seconds,
            "service": "sshd",
        });
        let trial: Trial = self.daemon.ask("auth.twofactor.try", &[request])?;
        let noted = undo.begin_trial(&self.system.root, &trial.id.to_string());
        if let Err(error) = noted {
            // It would be kept, and the files would not.
            let _ = self
                .daemon
                .try_call("auth.twofactor.rollback", &[json!(trial.id)]);
            return Err(failed(&error));
        }
        Ok(Some(trial))
    }

    /// What is to be done now; where somebody waits, what became of it.
    fn end(&self, undo: &Undo, trial: Option<&Trial>) -> Result<(), Failure> {
        let form = self.args.json.form();
        if form == Form::Json {
            let until = trial.map(|trial| json!({"id": trial.id, "until": trial.until}));
            let answer = json!({"ready": true, "trial": until, "seconds": self.args.seconds});
            output::line(&result::to_json(&answer))?;
        } else {
            output::page(&on_trial_text(self.args.seconds, trial))?;
        }
        let waits = talk::can_ask() && !self.args.no_wait && form == Form::Text;
        match trial {
            Some(trial) if waits => self.wait(undo, trial),
            _ => Ok(()),
        }
    }

    fn wait(&self, undo: &Undo, trial: &Trial) -> Result<(), Failure> {
        output::note("Waiting for a login with a code. Ctrl-C ends the waiting, not the trial.");
        let mut fate = Fate::Live;
        while fate == Fate::Live {
            thread::sleep(Duration::from_secs(1));
            let told: Option<Fate> = self
                .daemon
                .ask("auth.twofactor.trial", &[json!(trial.id)])?;
            fate = told.unwrap_or(Fate::Over);
        }
        let _lock = super::lock_if_possible(self.daemon, self.system);
        // The job, or somebody else, may have been faster.
        let now = Undo::read(&self.system.root).map_err(|error| failed(&error))?;
        let now = now.filter(|now| now.is_same(undo));
        if fate == Fate::Kept {
            if now.is_some() {
                undo::forget(&self.system.root).map_err(|error| failed(&error))?;
                ::ssh::disarm();
            }
            return output::page(KEPT);
        }
        if let Some(now) = now {
            // Said where it failed; the job that is armed tries again.
            let _ = super::restore::put_back(self.daemon, self.system, &now);
        }
        Err(Failure::told(
            "midclt: the time is up without a login with a code: everything is as it was",
        ))
    }
}

/// After a trial that went well.
pub(super) const KEPT: &str = "\
SSH logins need a code now. Is it still so? midclt 2fa ssh check
";

fn on_trial_text(seconds: u64, trial: Option<&Trial>) -> String {
    let until = trial.map_or(String::new(), |trial| {
        format!(", until {} UTC", time::second(trial.until))
    });
    let keeps = if trial.is_some() {
        "Stay logged in here, and log in by SSH from another terminal: the first\n\
         login with a code keeps it. Or say so: midclt 2fa ssh commit\n"
    } else {
        "Log in by SSH from another terminal. If that works: midclt 2fa ssh commit\n"
    };
    format!(
        "On trial for {seconds} s{until}. Then everything is put back.\n{keeps}\
         The files: {DROPIN}, {}\n",
        ::ssh::STACK
    )
}
