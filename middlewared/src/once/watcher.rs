//! The first process: it has the call made by the owner of the state, watches over it, and writes the
//! override where the state cannot be used.

use std::io::{Read, Write};
use std::os::unix::process::parent_id;
use std::path::absolute;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use api::{Access, CallError, Emergency, Method};
use breakglass::Grant;
use nix::errno::Errno;
use nix::unistd::getuid;
use serde_json::Value;
use twofactor::Clocks;

use super::glass::{self, Written};
use super::reply::Reply;
use super::{Request, raw};
use crate::config::{Config, Flags};
use crate::{logging, owner, peer};

/// How long the state may take where there is a way without it: midclt has waited 3 s, and answers
/// within 5.
const PATIENCE: Duration = Duration::from_millis(1300);

/// The same where there is none.
const LONG_PATIENCE: Duration = Duration::from_secs(30);

/// How long the user database may take.
const LOOK_UP: Duration = Duration::from_millis(300);

/// Has the call made.
pub(super) fn watch(flags: &Flags, method: &'static Method, input: &[u8]) -> Reply {
    let (config, trouble) = match Config::load(flags) {
        Ok(config) => (config, None),
        // The daemon does not start with it; a recovery does not depend on it.
        Err(error) => (Config::without_file(flags), Some(error)),
    };
    let reply = call(&config, method, input).for_the_caller();
    match trouble {
        None => reply,
        Some(error) => {
            // Its other lines show the place; the daemon's own message has them.
            let error = format!("{error:#}");
            let line = error.lines().next().unwrap_or_default();
            reply.note(format!("the configuration was left out: {line}"))
        }
    }
}

fn call(config: &Config, method: &'static Method, input: &[u8]) -> Reply {
    let params = match input.trim_ascii() {
        [] => Ok(Value::Null),
        text => serde_json::from_slice(text),
    };
    let Ok(params) = params else {
        let message = "Params are a JSON array on standard input";
        return Reply::error(&CallError::refused(Errno::EINVAL, message));
    };
    let Some(checked) = raw(params.clone()) else {
        let message = "Params are a JSON array on standard input";
        return Reply::error(&CallError::refused(Errno::EINVAL, message));
    };
    let emergency = Emergency::of(method.name, &checked);
    let clocks = clock::clocks();
    let before = glass::before(&clocks).map(|before| before.grant);
    let is_undone = before
        .as_ref()
        .is_some_and(|grant| Emergency::is_undone_by(method.name, &checked, grant));
    if let Err(error) = method.prepare(&Access::root(), checked) {
        return Reply::error(&error);
    }
    let patience = match emergency {
        Some(_) => PATIENCE,
        None => LONG_PATIENCE,
    };
    let generation = glass::next_generation(&clocks);
    let request = Request {
        generation: emergency.as_ref().map(|_| generation),
        ..request(config, params)
    };
    let reply = have_it_made(&request, method, patience);
    let help = emergency.map(|emergency| Help {
        emergency,
        clocks,
        generation,
        before,
    });
    match (reply.state_failed.clone(), help) {
        (Some(because), Some(help)) => help.instead(&because, reply),
        (Some(_), None) if is_undone => ended(reply),
        (Some(_), None) => reply.note(format!("what works without the state: {WAYS}")),
        (None, Some(help)) if reply.is_done() => help.besides(reply),
        // Only then: while no daemon answers, the doors follow it, stored or not.
        (None, None) if is_undone && reply.is_done() => ended(reply),
        (None, _) => reply,
    }
}

const WAYS: &str = "midclt 2fa disable, and midclt 2fa bypass USER --reason TEXT";

fn request(config: &Config, params: Value) -> Request {
    let pid = i32::try_from(parent_id()).unwrap_or(0);
    Request {
        params,
        // The second process stands elsewhere.
        state_dir: absolute(&config.state_dir).unwrap_or_else(|_| config.state_dir.clone()),
        issuer: config.identity.issuer.clone(),
        product: config.identity.product.clone(),
        uid: getuid().as_raw(),
        pid,
        login_uid: peer::login_uid(pid),
        generation: None,
    }
}

/// Starts the second process, and waits for it. One that hangs is killed, as far as the kernel can.
fn have_it_made(request: &Request, method: &Method, patience: Duration) -> Reply {
    let started = start(request, method);
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            let message = format!("{}: {error}", request.state_dir.display());
            let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
            return Reply::state_failed(&CallError::refused(errno, message));
        }
    };
    let Some(mut output) = child.stdout.take() else {
        return Reply::state_failed(&CallError::internal("no output"));
    };
    let (said, heard) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = output.read_to_end(&mut text);
        said.send(text)
    });
    let text = heard.recv_timeout(patience);
    if text.is_err() {
        // It may sit in the kernel, before a disk that does not answer: nobody waits for that.
        let _ = child.kill();
        let message = format!(
            "the state does not answer within {} ms",
            patience.as_millis()
        );
        return Reply::state_failed(&CallError::refused(Errno::ETIMEDOUT, message));
    }
    let _ = child.wait();
    text.ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_else(|| Reply::state_failed(&CallError::internal("the call met a bug")))
}

fn start(request: &Request, method: &Method) -> std::io::Result<Child> {
    let mut child = owner::again(&request.state_dir)?
        .args(["once", "--as-owner", method.name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // If it does not read, it does not answer either.
        let _ = stdin.write_all(&serde_json::to_vec(request)?);
    }
    Ok(child)
}

/// What root has asked for, and an override can give.
struct Help {
    emergency: Emergency,
    clocks: Clocks,
    generation: u64,
    /// What an earlier override says.
    before: Option<Grant>,
}

impl Help {
    /// It could not be stored.
    fn instead(self, because: &str, failed: Reply) -> Reply {
        if let Err(error) = look_up(self.emergency.clone()) {
            return Reply::error(&error);
        }
        if self.before == Some(Grant::Off) && self.emergency != Emergency::Off {
            let message = "Two-factor authentication is off for everybody, until the next reboot: \
                nobody needs a bypass";
            return Reply::error(&CallError::refused(Errno::EALREADY, message));
        }
        let written = match glass::write(&self.emergency, &self.clocks, self.generation) {
            Ok(written) => written,
            Err(trouble) => {
                return failed.note(format!("nor can it be done without the state: {trouble}"));
            }
        };
        let because = short(because);
        logging::alert(&self.emergency.alert(because));
        let reply = Reply::of(self.emergency.answer(self.clocks.wall));
        let reply = match written {
            Written::Replaced(account) => {
                reply.note(format!("the bypass of {account} has ended with this"))
            }
            Written::Yes => reply,
        };
        let reply = match self.emergency {
            Emergency::Off => reply,
            Emergency::Bypass { .. } => {
                reply.note("it counts no logins: within its time each passes")
            }
        };
        let reply = reply.note(format!(
            "it lasts UNTIL THE NEXT REBOOT, since it cannot be stored: {because}"
        ));
        if because.contains("is damaged") || because.contains("there was one") {
            return reply.note("to put back the newest good copy: middlewared restore");
        }
        reply
    }

    /// It is stored, but whoever stands at a door asks a daemon that does not answer.
    fn besides(self, reply: Reply) -> Reply {
        let note = match self.emergency {
            // It permits more, and the doors follow it as long as no daemon answers.
            Emergency::Bypass { .. } if self.before == Some(Grant::Off) => {
                return reply.note("while middlewared does not answer, it is off for everybody");
            }
            Emergency::Bypass { .. } => {
                "it is stored; while middlewared does not answer, the doors follow an override, \
                 which counts no logins"
            }
            Emergency::Off => {
                "it is stored; while middlewared does not answer, the doors follow an override, \
                 until the next reboot"
            }
        };
        match glass::write(&self.emergency, &self.clocks, self.generation) {
            Ok(_) => reply.note(note),
            Err(trouble) => reply.note(format!(
                "it is stored, but the doors ask for it only once middlewared answers: {trouble}"
            )),
        }
    }
}

fn look_up(emergency: Emergency) -> Result<(), CallError> {
    let (done, doing) = mpsc::channel();
    thread::spawn(move || done.send(emergency.look_up()));
    // Where nobody answers, root's word counts.
    doing.recv_timeout(LOOK_UP).unwrap_or(Ok(()))
}

/// The reason without its cure.
fn short(because: &str) -> &str {
    let end = because.find([';', '\n']).unwrap_or(because.len());
    because.get(..end).unwrap_or(because)
}

/// Removes an override that counts no more, or that root takes back.
fn ended(reply: Reply) -> Reply {
    match glass::remove() {
        Ok(false) => reply,
        Ok(true) => {
            tracing::warn!("the override was removed: what is stored counts again");
            reply.note("the override was removed: what is stored counts again")
        }
        Err(trouble) => reply.note(format!(
            "the override could not be removed ({trouble}); remove it by hand: rm {}/{}",
            breakglass::DIRECTORY,
            breakglass::FILE
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_without_its_cure() {
        for (because, told) in [
            ("the disk is full; nothing was changed", "the disk is full"),
            ("/x: Read-only file system", "/x: Read-only file system"),
            ("one\ntwo", "one"),
            ("", ""),
        ] {
            assert_eq!(short(because), told);
        }
    }
}
