//! How the door stands: what is configured against what is in effect, with a cure for each
//! difference.

mod decisive;
mod door;
mod preflight;
mod triples;

use std::os::unix::fs::MetadataExt;

use crate::accounts::Accounts;
use crate::config::Plan;
use crate::dropin::{DropIn, Mode};
use crate::finding::{Code, Finding, Severity};
use crate::jobs::{self, Job};
use crate::methods::Asks;
use crate::sshd::{Effective, System, View, Who, command_line_options};
use crate::stack::{self, Stack, State};
use crate::{DROPIN, Error, JOBS, Root, SSHD_CONFIG, STACK, files, guess, service};

pub use door::Door;
pub use preflight::{Change, Preflight, Wanted, preflight};

/// How it stands.
#[derive(Debug)]
pub struct Report {
    /// Whether sshd asks middlewared, whoever comes.
    pub ready: bool,
    /// What the drop-in says; None where there is none, or where it was changed.
    pub mode: Option<Mode>,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// Ways in, with what is configured and what is in effect.
    pub doors: Vec<Door>,
}

impl Report {
    /// Of a machine that could not be looked at, for this reason: nobody knows whether sshd asks.
    #[must_use]
    pub fn unseen(why: &str) -> Self {
        let one_line: String = why.chars().filter(|c| !c.is_control()).collect();
        let text = format!("what sshd does cannot be found out: {one_line}");
        Self {
            ready: false,
            mode: None,
            findings: vec![Finding::error(Code::NotProvable, text).cure("midclt 2fa ssh check")],
            doors: Vec::new(),
        }
    }
}

const ENABLE: &str = "midclt 2fa ssh enable";

/// Looks at everything, and changes nothing. `now` is in Unix seconds.
///
/// # Errors
/// The machine cannot be looked at.
pub fn check(system: &System, now: i64) -> Result<Report, Error> {
    let root = &system.root;
    let mut findings = Vec::new();
    let dropin = dropin(root, &mut findings)?;
    let jobs = current_jobs(root, now, &mut findings)?;
    findings.extend(stack_findings(root)?);
    findings.extend(machine(root)?);
    findings.extend(way_back(root, Severity::Warning));
    findings.extend(guess::finding(root)?);
    let mut doors = Vec::new();
    match View::of(system, &Plan::default()).and_then(|view| view.test().map(|()| view)) {
        Ok(view) => {
            let judged = door::judge(&view, dropin, &jobs, asks(root)?)?;
            findings.extend(judged.findings);
            doors = judged.doors;
            if dropin.is_some() && !view.config.has_read(DROPIN) {
                findings.push(not_included());
            }
            findings.extend(verify_required(&view)?);
            let root_door = view.effective(&Who::from_anywhere("root"))?;
            let needs_key = dropin.is_some_and(|dropin| !dropin.lets_root_in_by_password());
            if needs_key && root_door.one("permitrootlogin") == "yes" {
                findings.extend(root_key(root, &root_door, Severity::Warning)?);
            }
        }
        Err(error) => findings.push(refuses(&error)),
    }
    settle(&mut findings);
    Ok(Report {
        ready: findings
            .iter()
            .all(|found| found.severity != Severity::Error),
        mode: dropin.map(|dropin| dropin.mode),
        findings,
        doors,
    })
}

/// The jobs of the file that is there; none where it was changed, which is a finding.
fn current_jobs(root: &Root, now: i64, findings: &mut Vec<Finding>) -> Result<Vec<Job>, Error> {
    let Some(text) = files::read(&root.at(JOBS))? else {
        return Ok(Vec::new());
    };
    let Some(jobs) = jobs::parse(&text) else {
        let text = format!("{JOBS} was changed by hand");
        let cure =
            format!("remove it, and permit each job again: midclt 2fa ssh exempt --help; {JOBS}");
        findings.push(Finding::error(Code::JobChanged, text).cure(cure));
        return Ok(Vec::new());
    };
    for job in jobs.iter().filter(|job| job.until <= now) {
        let account = &job.account;
        let text = format!("the job of {account} is over, and its block is still there");
        findings.push(Finding::warning(Code::JobExpired, text).cure("midclt 2fa ssh check"));
    }
    Ok(jobs)
}

fn dropin(root: &Root, findings: &mut Vec<Finding>) -> Result<Option<DropIn>, Error> {
    let Some(text) = files::read(&root.at(DROPIN))? else {
        let text = format!("{DROPIN} is not there: sshd asks for no code");
        findings.push(Finding::error(Code::NoDropIn, text).cure(ENABLE));
        return Ok(None);
    };
    let dropin = DropIn::parse(&text);
    if dropin.is_none() {
        let text = format!("{DROPIN} is not as it was written");
        findings.push(Finding::error(Code::DropInChanged, text).cure(ENABLE));
    }
    Ok(dropin)
}

/// What the stack of PAM does as it is.
fn asks(root: &Root) -> Result<Asks, Error> {
    let text = files::read_lossy(&root.at(STACK))?.unwrap_or_default();
    Ok(match stack::state(&text) {
        State::Ours(_) => Asks::Code,
        State::Missing | State::Changed => Asks::Password,
    })
}

fn stack_findings(root: &Root) -> Result<Vec<Finding>, Error> {
    let text = files::read(&root.at(STACK))?.unwrap_or_default();
    let (stack, mut findings) = match stack::state(&text) {
        State::Ours(stack) => (stack, Vec::new()),
        State::Missing => {
            let text = format!("{STACK} does not call the module");
            let missing = Finding::error(Code::StackMissing, text).cure(ENABLE);
            (Stack::default(), vec![missing])
        }
        State::Changed => {
            let text = format!("{STACK}: the lines of middlewared are not as they were written");
            let changed = Finding::error(Code::StackChanged, text).cure(ENABLE);
            (Stack::default(), vec![changed])
        }
    };
    findings.extend(module(root, &stack)?);
    findings.extend(stack::flow_findings(root, &text)?);
    Ok(findings)
}

/// Whether the module is there, and nobody but root can put another in its place.
fn module(root: &Root, stack: &Stack) -> Result<Option<Finding>, Error> {
    for path in stack.places(root) {
        let metadata = match path.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io("look at", &path)(error)),
        };
        // A directory that stands for a machine belongs to whoever made it.
        let is_foreign = root.is_host() && metadata.uid() != 0;
        if is_foreign || metadata.mode() & 0o022 != 0 {
            let text = format!("{} can be written by others than root", path.display());
            let cure = format!("chown root:root {0} && chmod 644 {0}", path.display());
            return Ok(Some(Finding::error(Code::NoModule, text).cure(cure)));
        }
        return Ok(None);
    }
    let text = format!(
        "{} is not installed: PAM would refuse everybody",
        stack.module()
    );
    let finding = Finding::error(Code::NoModule, text);
    Ok(Some(
        finding.cure("install the package that has pam_middleware.so"),
    ))
}

/// What is neither sshd's nor PAM's, and matters all the same.
fn machine(root: &Root) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    if let Some(text) = command_line_options(root)? {
        let cure = "put these options into /etc/ssh/sshd_config, and take them out there";
        // What is said there wins over all files, and `sshd -T` does not know of it.
        let finding = if text.contains("-o") || text.contains("-f") {
            Finding::error(Code::NotProvable, text)
        } else {
            Finding::warning(Code::NotProvable, text)
        };
        findings.push(finding.cure(cure));
    }
    if Accounts::read(root)?.root_at_a_console(root).is_none() {
        let text = "nobody can become root at a console: no password of root or of an administrator is usable";
        findings.push(Finding::warning(Code::NoConsole, text).cure("passwd root"));
    }
    Ok(findings)
}

/// The unit that puts a trial back after a restart, and that tells of changes.
fn way_back(root: &Root, severity: Severity) -> Option<Finding> {
    let is_missing = root.is_host() && service::lacks_watch();
    is_missing.then(|| {
        let text = format!(
            "{} is not enabled: after a restart nothing would put a trial back, and nobody is told \
             when sshd stops asking",
            service::WATCH
        );
        Finding::new(severity, Code::NoWayBack, text)
            .cure(format!("systemctl enable {}", service::WATCH))
    })
}

/// What the verifier wants to know where keys in hardware may count as both factors.
fn verify_required(view: &View<'_>) -> Result<Option<Finding>, Error> {
    let effective = view.effective(&Who::from_anywhere("nobody"))?;
    let mut options = effective.one("pubkeyauthoptions").split([',', ' ']);
    let text = "keys in hardware are taken only with their PIN or finger";
    let is_on = options.any(|option| option == "verify-required");
    Ok(is_on.then(|| Finding::info(Code::VerifyRequired, text)))
}

fn not_included() -> Finding {
    let text = format!("{SSHD_CONFIG} does not include {DROPIN}");
    let cure =
        format!("have this line first in {SSHD_CONFIG}: Include /etc/ssh/sshd_config.d/*.conf");
    Finding::error(Code::NotIncluded, text).cure(cure)
}

fn refuses(error: &Error) -> Finding {
    let code = match error {
        Error::Refused(_) => Code::NoSshd,
        _ => Code::SshdRefuses,
    };
    Finding::error(code, error.to_string()).cure("sshd -t")
}

/// Root needs a key: whether there is one where sshd looks.
fn root_key(root: &Root, door: &Effective, severity: Severity) -> Result<Option<Finding>, Error> {
    let elsewhere = ["authorizedkeyscommand", "trustedusercakeys"];
    if elsewhere
        .iter()
        .any(|keyword| !["", "none"].contains(&door.one(keyword)))
    {
        return Ok(None);
    }
    let accounts = Accounts::read(root)?;
    let home = accounts
        .named("root")
        .map_or("/root", |account| &account.home);
    let files = door.one("authorizedkeysfile").split_whitespace();
    let mut looked_at = Vec::new();
    for file in files.filter(|file| *file != "none") {
        let file = expand(file, home);
        let text = files::read(&root.at(&file))?.unwrap_or_default();
        if text.lines().any(is_key) {
            return Ok(None);
        }
        looked_at.push(file);
    }
    let text = format!(
        "root needs a key, and has none in {}",
        looked_at.join(" or ")
    );
    let cure = format!("put root's public key there, or: {ENABLE} --root-password");
    Ok(Some(
        Finding::new(severity, Code::RootNoKey, text).cure(cure),
    ))
}

/// The tokens that sshd knows in `AuthorizedKeysFile`, for root.
fn expand(file: &str, home: &str) -> String {
    let file = file
        .replace("%h", home)
        .replace("%u", "root")
        .replace("%U", "0")
        .replace("%%", "%");
    if file.starts_with('/') {
        file
    } else {
        format!("{home}/{file}")
    }
}

fn is_key(line: &str) -> bool {
    let begins = |word: &str| {
        ["ssh-", "ecdsa-sha2-", "sk-"]
            .iter()
            .any(|kind| word.starts_with(kind))
    };
    !line.trim_start().starts_with('#') && line.split_whitespace().any(begins)
}

/// The worst first, each once.
fn settle(findings: &mut Vec<Finding>) {
    findings.sort_by(|a, b| (a.severity, a.code, &a.text).cmp(&(b.severity, b.code, &b.text)));
    findings.dedup();
}

#[cfg(test)]
mod tests;
