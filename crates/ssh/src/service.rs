//! sshd as a service: reading its configuration again, and starting where it does not run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::config::Plan;
use crate::sshd::{System, View, Who};
use crate::{Error, program};

/// A start waits until sshd says that it is ready.
const LIMIT: Duration = Duration::from_secs(30);

/// Whether systemd runs this machine, as `sd_booted(3)` finds out.
pub(crate) fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// The unit that looks at each start of the machine, and puts back a trial of before.
pub(crate) const WATCH: &str = "middlewared-sshd.service";

/// Whether there is systemd, and it would not run [`WATCH`].
pub(crate) fn lacks_watch() -> bool {
    has_systemd() && !is_enabled(WATCH)
}

/// What was done to the service besides having it read its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brought {
    /// The unit, where it was started.
    pub started: Option<String>,
    /// The unit, where it was enabled.
    pub enabled: Option<String>,
}

/// Has sshd read its configuration again, where it runs. Says so. A directory that stands for a
/// machine has no sshd.
///
/// # Errors
/// sshd does not take its configuration: then nothing is done, since it would end.
pub fn reload(system: &System, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    if !system.root.is_host() {
        return Ok(());
    }
    system.test()?;
    let running = running(system)?;
    match &running {
        Running::Unit(unit) => {
            systemctl(&["reload", unit])?;
            say(format!("{unit} reads its configuration again"));
        }
        Running::Process { pid, file } => {
            hang_up(*pid, file)?;
            say(format!(
                "sshd (process {pid}) reads its configuration again"
            ));
        }
        Running::Socket => say("sshd reads its configuration with every connection".to_owned()),
        Running::Not => {
            say("sshd does not run: it reads its configuration when it does".to_owned());
        }
    }
    Ok(())
}

/// What [`bring_up`] would do. A directory that stands for a machine has no sshd.
///
/// # Errors
/// systemd has no unit for sshd.
pub(crate) fn missing(system: &System) -> Result<Brought, Error> {
    if !system.root.is_host() || !has_systemd() {
        return Ok(Brought::default());
    }
    let (unit, is_up) = match running(system)? {
        Running::Socket => return Ok(Brought::default()),
        Running::Unit(unit) => (unit, true),
        Running::Process { .. } | Running::Not => (unit()?, false),
    };
    Ok(Brought {
        started: (!is_up).then(|| unit.to_owned()),
        enabled: (!is_enabled(unit)).then(|| unit.to_owned()),
    })
}

/// Starts sshd where it does not run, and enables it where it would not start by itself. Says what
/// it did. It is ready then.
///
/// # Errors
/// It cannot be started.
pub fn bring_up(system: &System, say: &mut dyn FnMut(String)) -> Result<Brought, Error> {
    if !has_systemd() && matches!(running(system)?, Running::Not) {
        return Err(Error::Refused(
            "sshd does not run, and there is no systemd to start it: start it, then do this again"
                .to_owned(),
        ));
    }
    let brought = missing(system)?;
    // Enabled first: systemd reads all units anew then, and may lose track of one that has just
    // been started.
    if let Some(unit) = &brought.enabled {
        systemctl(&["enable", unit])?;
        say(format!("{unit} is enabled: it starts with the machine"));
    }
    if let Some(unit) = &brought.started {
        systemctl(&["start", unit])?;
        say(format!("{unit} did not run: it is started"));
    }
    Ok(brought)
}

/// The opposite of [`bring_up`].
///
/// # Errors
/// systemd refuses.
pub(crate) fn take_down(brought: &Brought, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    if let Some(unit) = &brought.enabled {
        systemctl(&["disable", unit])?;
        say(format!("{unit} is not enabled again"));
    }
    if let Some(unit) = &brought.started {
        systemctl(&["stop", unit])?;
        say(format!("{unit} is stopped again"));
    }
    Ok(())
}

/// The sshd that listens.
enum Running {
    Unit(&'static str),
    /// A new one for each connection.
    Socket,
    /// One that nobody's systemd knows, and its pid file.
    Process {
        pid: i32,
        file: PathBuf,
    },
    Not,
}

const UNITS: [&str; 2] = ["ssh.service", "sshd.service"];
const SOCKETS: [&str; 2] = ["ssh.socket", "sshd.socket"];

/// Those of these units that have a file of their own. One is an alias of the other where it is
/// enabled, and asking for the state of a unit that is not there would make systemd remember it.
fn installed(units: [&'static str; 2]) -> impl Iterator<Item = &'static str> {
    let mut command = Command::new("systemctl");
    command.args(["list-unit-files", "--no-legend", "--no-pager"]);
    let said = program::run(command.args(units), LIMIT);
    let list = said.map(|said| said.stdout).unwrap_or_default();
    units.into_iter().filter(move |unit| {
        let mut lines = list.lines().map(|line| line.split_whitespace());
        lines.any(|mut words| words.next() == Some(unit) && words.next() != Some("alias"))
    })
}

fn unit() -> Result<&'static str, Error> {
    let missing = || Error::Refused("systemd has no ssh.service: is sshd installed?".to_owned());
    installed(UNITS).next().ok_or_else(missing)
}

/// It starts itself anew, and writes its pid file anew: only then it is there for the next one.
fn hang_up(pid: i32, file: &Path) -> Result<(), Error> {
    let written = |file: &Path| file.metadata().and_then(|file| file.modified()).ok();
    let before = written(file);
    let sent = kill(Pid::from_raw(pid), Signal::SIGHUP);
    sent.map_err(|errno| Error::Program {
        program: format!("sshd, process {pid}"),
        why: errno.to_string(),
    })?;
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        match written(file) {
            Some(now) if Some(now) != before => return Ok(()),
            _ => thread::sleep(Duration::from_millis(5)),
        }
    }
    Err(Error::Program {
        program: format!("sshd, process {pid}"),
        why: "it was told to read its configuration, and did not".to_owned(),
    })
}

fn systemctl(words: &[&str]) -> Result<(), Error> {
    let mut command = Command::new("systemctl");
    program::output(command.args(words), LIMIT).map(drop)
}

/// `systemctl is-active` says no while a unit reloads.
fn is_active(unit: &str) -> bool {
    let mut command = Command::new("systemctl");
    let said = program::run(command.args(["show", "-P", "ActiveState", unit]), LIMIT);
    said.is_ok_and(|said| ["active", "reloading"].contains(&said.stdout.trim()))
}

fn is_enabled(unit: &str) -> bool {
    let mut command = Command::new("systemctl");
    let said = program::run(command.args(["is-enabled", unit]), LIMIT);
    said.is_ok_and(|said| said.success)
}

fn running(system: &System) -> Result<Running, Error> {
    if has_systemd() {
        if let Some(unit) = installed(UNITS).find(|unit| is_active(unit)) {
            return Ok(Running::Unit(unit));
        }
        if installed(SOCKETS).any(is_active) {
            return Ok(Running::Socket);
        }
    }
    process(system)
}

/// The process of the pid file.
fn process(system: &System) -> Result<Running, Error> {
    let view = View::of(system, &Plan::default())?;
    let effective = view.effective(&Who::from_anywhere("nobody"))?;
    let file = PathBuf::from(effective.one("pidfile"));
    let text = crate::read(&file)?.unwrap_or_default();
    let Ok(pid) = text.trim().parse() else {
        return Ok(Running::Not);
    };
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Ok(if name.trim_end() == "sshd" {
        Running::Process { pid, file }
    } else {
        // It ended, and its pid is somebody else's by now.
        Running::Not
    })
}
