//! Proof by connecting: what sshd offers on loopback, and that a key alone does not come in.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::accounts::Accounts;
use crate::config::Plan;
use crate::sshd::{System, View, Who};
use crate::{Error, program};

/// Long enough for a loaded machine, and for sshd to read its configuration again.
const PATIENCE: Duration = Duration::from_secs(15);
const LIMIT: Duration = Duration::from_secs(10);
/// An account that every machine has, and that nobody is.
const NOBODY: &str = "nobody";

/// Connects to the sshd that listens, until it offers what its configuration says. Says what was
/// seen.
///
/// # Errors
/// It does not listen, or offers something else.
pub fn offers(system: &System, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    let view = View::of(system, &Plan::default())?;
    let effective = view.effective(&Who::from_anywhere(NOBODY))?;
    let listens = effective.all("listenaddress").iter();
    let targets: Vec<_> = listens.filter_map(|address| target(address)).collect();
    let began = Instant::now();
    let mut seen = "sshd listens nowhere".to_owned();
    while began.elapsed() < PATIENCE {
        for (address, port) in &targets {
            let who = Who {
                address: address.clone(),
                host: address.clone(),
                local_address: address.clone(),
                local_port: port.clone(),
                ..Who::from_anywhere(NOBODY)
            };
            let expected = view.effective(&who)?.methods().offered();
            match offered(&["-l", NOBODY, "-p", port, address]) {
                Ok(offered) if offered == expected => {
                    let methods = offered.join(", ");
                    say(format!("sshd on {address} port {port} offers: {methods}"));
                    return Ok(());
                }
                Ok(offered) => {
                    let (offered, expected) = (offered.join(", "), expected.join(", "));
                    seen = format!("{address} port {port} offers {offered} in place of {expected}");
                }
                Err(error) => seen = error.to_string(),
            }
        }
        thread::sleep(Duration::from_millis(200));
    }
    Err(Error::Program {
        program: "sshd".to_owned(),
        why: seen,
    })
}

/// Where to connect to for a `ListenAddress` as `sshd -T` prints it.
fn target(listen: &str) -> Option<(String, String)> {
    let (address, port) = listen.rsplit_once(':')?;
    let address = match address.trim_matches(['[', ']']) {
        "0.0.0.0" | "*" => "127.0.0.1",
        "::" => "::1",
        other => other,
    };
    Some((address.to_owned(), port.to_owned()))
}

/// The methods with which a client that has proven nothing may go on.
fn offered(words: &[&str]) -> Result<Vec<String>, Error> {
    let mut command = client();
    command.args(["-o", "PreferredAuthentications=none"]);
    let said = program::run(command.args(words).arg("true"), LIMIT)?;
    let mut methods = denied(&said.stderr).ok_or_else(|| Error::Program {
        program: "ssh".to_owned(),
        why: said.complaint(),
    })?;
    methods.sort();
    Ok(methods)
}

/// `Permission denied (publickey,keyboard-interactive).`
fn denied(stderr: &str) -> Option<Vec<String>> {
    let (_, rest) = stderr.rsplit_once("Permission denied (")?;
    let (methods, _) = rest.split_once(')')?;
    Some(methods.split(',').map(str::to_owned).collect())
}

/// A client that nobody's configuration and nobody's keys have a say in.
fn client() -> Command {
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-T"]);
    for option in [
        "BatchMode=yes",
        "ConnectTimeout=5",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "GlobalKnownHostsFile=/dev/null",
        "IdentityAgent=none",
        "LogLevel=ERROR",
    ] {
        command.args(["-o", option]);
    }
    command
}

/// Logs in with a key that was made for it, to an sshd that talks to nobody else: a code must be
/// asked for then. Says what was seen; an account that sshd takes no key of proves nothing.
///
/// # Errors
/// The key alone came in, or it could not be tried.
pub fn key_alone_is_refused(system: &System, say: &mut dyn FnMut(String)) -> Result<(), Error> {
    let accounts = Accounts::read(&system.root)?;
    let keys = Keys::create()?;
    for user in accounts.people() {
        let said = keys.login(system, user)?;
        if said.success {
            return Err(Error::Refused(format!("a key alone lets {user} in")));
        }
        let left = denied(&said.stderr).unwrap_or_default();
        if left.iter().any(|method| method == "keyboard-interactive")
            && !left.iter().any(|method| method == "publickey")
        {
            say(format!("a login as {user} with a key goes on to the code"));
            return Ok(());
        }
    }
    say("no account took a key: what comes after one was not tried".to_owned());
    Ok(())
}

/// A pair of keys in a directory that sshd trusts (every directory above it is root's).
struct Keys(PathBuf);

impl Keys {
    fn create() -> Result<Self, Error> {
        let directory = PathBuf::from(format!("/run/middlewared-ssh-{}", std::process::id()));
        let made = fs::DirBuilder::new().mode(0o755).create(&directory);
        made.map_err(Error::io("make", &directory))?;
        let keys = Self(directory);
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
            .arg(keys.private());
        program::output(&mut command, LIMIT)?;
        Ok(keys)
    }

    fn private(&self) -> PathBuf {
        self.0.join("key")
    }

    fn login(&self, system: &System, user: &str) -> Result<program::Said, Error> {
        let key = self.private();
        let server = format!(
            "ProxyCommand={} -i -o AuthorizedKeysFile={}.pub -o LogLevel=QUIET -o PidFile=none",
            system.sshd.display(),
            key.display()
        );
        let mut command = client();
        command
            .args(["-o", &server, "-o", "IdentitiesOnly=yes", "-i"])
            .arg(&key)
            .args(["-o", "PreferredAuthentications=publickey"]);
        program::run(command.args(["-l", user, "localhost", "true"]), LIMIT)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // Good for nothing any more: sshd was told of it on a command line.
        let _ = fs::remove_dir_all(Path::new(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_sshd_listens() {
        let check = |listen: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(a, p)| (a.to_owned(), p.to_owned()));
            assert_eq!(target(listen), expected, "{listen}");
        };
        check("0.0.0.0:22", Some(("127.0.0.1", "22")));
        check("[::]:2222", Some(("::1", "2222")));
        check("192.0.2.1:22", Some(("192.0.2.1", "22")));
        check("[2001:db8::1]:22", Some(("2001:db8::1", "22")));
        check("", None);
    }

    #[test]
    fn what_a_refusal_says() {
        let check = |text: &str, expected: Option<&[&str]>| {
            let expected = expected.map(|names| names.iter().map(|&n| n.to_owned()).collect());
            assert_eq!(denied(text), expected, "{text}");
        };
        check(
            "nobody@127.0.0.1: Permission denied (publickey,keyboard-interactive).\n",
            Some(&["publickey", "keyboard-interactive"]),
        );
        check(
            "ssh: connect to host 127.0.0.1 port 22: Connection refused\n",
            None,
        );
    }
}
