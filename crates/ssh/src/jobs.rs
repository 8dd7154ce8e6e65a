//! Accounts of programs: rsync, backups, all that logs in with `BatchMode=yes` and can type no code.
//!
//! Such an account has a `Match User` block and a file of keys that only root can write. The key ends
//! by itself on its day: sshd looks at `expiry-time`, and the verifier's exemption ends then too.

use data_encoding::BASE64;

use crate::JOB_KEYS;

/// One account that a key alone lets in, until a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The account.
    pub account: String,
    /// Unix seconds, a minute's beginning.
    pub until: i64,
    /// The verifier's exemption.
    pub exemption: i64,
    /// Why, in one line.
    pub reason: String,
}

/// A public key, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: String,
    blob: String,
}

const MARK: &str = "\
# Managed by middlewared (midclt 2fa ssh exempt): do not edit.
# To end one: midclt 2fa ssh exempt --delete ACCOUNT
";

/// Keys that sshd takes.
const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

impl Job {
    /// Its file of keys.
    #[must_use]
    pub fn keys(&self) -> String {
        format!("{JOB_KEYS}/{}", self.account)
    }

    fn text(&self) -> String {
        let Self {
            account,
            until,
            exemption,
            reason,
        } = self;
        let keys = self.keys();
        format!(
            "\
# job {account} until {until} exemption {exemption}: {reason}
Match User {account}
    AuthenticationMethods publickey
    PubkeyAuthentication yes
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    AuthorizedKeysFile {keys}
    AuthorizedKeysCommand none
    TrustedUserCAKeys none
"
        )
    }

    fn parse(line: &str) -> Option<Self> {
        let (head, reason) = line.strip_prefix("# job ")?.split_once(": ")?;
        let words: Vec<&str> = head.split(' ').collect();
        let &[account, "until", until, "exemption", exemption] = words.as_slice() else {
            return None;
        };
        Some(Self {
            account: account.to_owned(),
            until: until.parse().ok()?,
            exemption: exemption.parse().ok()?,
            reason: reason.to_owned(),
        })
    }
}

/// The file with these jobs; None: there are none, and there is no file.
#[must_use]
pub fn text(jobs: &[Job]) -> Option<String> {
    let blocks: String = jobs.iter().map(Job::text).collect();
    (!jobs.is_empty()).then(|| format!("{MARK}{blocks}"))
}

/// Reads the file back. None: it is not exactly as it was written here.
#[must_use]
pub fn parse(file: &str) -> Option<Vec<Job>> {
    let jobs: Vec<Job> = file.lines().filter_map(Job::parse).collect();
    (text(&jobs).as_deref() == Some(file)).then_some(jobs)
}

/// Whether an account's name can stand behind `Match User`, where some characters are patterns, and
/// be the name of a file.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let mut chars = name.chars();
    let begins = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    begins && name.len() <= 64 && chars.all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

impl PublicKey {
    /// Reads a file that has one public key, as `ssh-keygen` writes it.
    ///
    /// # Errors
    /// What it is instead, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains("PRIVATE KEY") {
            return Err("this is a private key; the public one ends in .pub".to_owned());
        }
        let lines = text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err("there must be one public key in it, on one line".to_owned());
        };
        let mut words = line.split_whitespace();
        let (kind, blob) = (words.next().unwrap_or_default(), words.next());
        if !KINDS.contains(&kind) {
            return Err("it must begin with the type of the key, such as ssh-ed25519".to_owned());
        }
        let bytes = blob.and_then(|blob| BASE64.decode(blob.as_bytes()).ok());
        // The type is in the key itself again, after its length (RFC 4253, 6.6).
        let begins = |bytes: &Vec<u8>| {
            let length = u32::try_from(kind.len()).unwrap_or_default().to_be_bytes();
            bytes.starts_with(&[length.as_slice(), kind.as_bytes()].concat())
        };
        match (blob, bytes.filter(begins)) {
            (Some(blob), Some(_)) => Ok(Self {
                kind: kind.to_owned(),
                blob: blob.to_owned(),
            }),
            _ => Err("the key is damaged".to_owned()),
        }
    }

    /// The line of an `authorized_keys` file: nothing but this command, or without one whatever
    /// needs no terminal and no forwarding, until that minute (`YYYYMMDDHHMM`, in UTC).
    #[must_use]
    pub fn line(&self, until: &str, command: Option<&str>) -> String {
        let Self { kind, blob } = self;
        let command = command.map_or(String::new(), |command| {
            let escaped = command.replace('"', "\\\"");
            format!(",command=\"{escaped}\"")
        });
        format!("restrict,expiry-time=\"{until}Z\"{command} {kind} {blob}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Plan;
    use crate::sshd::{View, Who, tests::Machine};
    use crate::{JOBS, methods};

    fn job(account: &str) -> Job {
        Job {
            account: account.to_owned(),
            until: 1_798_761_600,
            exemption: 3,
            reason: "nightly: rsync".to_owned(),
        }
    }

    #[test]
    fn the_file() {
        let jobs = [job("backup"), job("rsync")];
        let text = text(&jobs).unwrap();
        assert!(text.contains("# job backup until 1798761600 exemption 3: nightly: rsync\n"));
        assert_eq!(parse(&text).as_deref(), Some(&jobs[..]));
        assert_eq!(parse(&text.replace("publickey", "any")), None);
        assert_eq!(
            parse(&text.replace("until 17", "until 18")).unwrap().len(),
            2
        );
        assert_eq!(super::text(&[]), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn sshd_takes_it_and_means_that_account_only() {
        let machine = Machine::debian();
        machine.put(JOBS, &text(&[job("backup")]).unwrap());
        let view = View::of(&machine.system, &Plan::default()).unwrap();
        let effective = view.effective(&Who::from_anywhere("backup")).unwrap();
        assert_eq!(effective.one("authenticationmethods"), methods::KEY_ALONE);
        assert_eq!(
            effective.one("authorizedkeysfile"),
            "/etc/ssh/middlewared-jobs/backup"
        );
        assert!(!effective.has_password());
        let other = view.effective(&Who::from_anywhere("nobody")).unwrap();
        assert!(other.methods().is_any());
    }

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJiyTKvaEExMGRdmV6EPG+RCfGmU3XDYITHLmZ8+9p6t";

    #[test]
    fn keys() {
        let check = |text: &str, expected: Result<(), &str>| {
            let found = PublicKey::parse(text);
            assert_eq!(found.map(drop), expected.map_err(str::to_owned), "{text}");
        };
        let one = format!("ssh-ed25519 {ED25519} backup@nas\n");
        check(&one, Ok(()));
        check(&format!("# mine\n\n{one}"), Ok(()));
        let number = Err("there must be one public key in it, on one line");
        check("", number);
        check(&one.repeat(2), number);
        check(
            "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n",
            Err("this is a private key; the public one ends in .pub"),
        );
        let kind = Err("it must begin with the type of the key, such as ssh-ed25519");
        check(&format!("no-pty {one}"), kind);
        check("ssh-dss AAAA", kind);
        let damaged = Err("the key is damaged");
        check("ssh-ed25519", damaged);
        check(&format!("ssh-rsa {ED25519}"), damaged);
        check("ssh-ed25519 AAAA\"", damaged);
    }

    #[test]
    fn the_line_of_a_key() {
        let key = PublicKey::parse(&format!("ssh-ed25519 {ED25519} x")).unwrap();
        let check = |command: Option<&str>, expected: &str| {
            let line = key.line("202701010000", command);
            assert_eq!(line, format!("{expected} ssh-ed25519 {ED25519}\n"));
        };
        check(None, "restrict,expiry-time=\"202701010000Z\"");
        check(
            Some("echo \"a b\""),
            "restrict,expiry-time=\"202701010000Z\",command=\"echo \\\"a b\\\"\"",
        );
    }

    #[test]
    fn names() {
        let check =
            |name: &str, expected: bool| assert_eq!(is_plain_name(name), expected, "{name}");
        check("backup", true);
        check("_apt", true);
        check("a.b-c_1", true);
        check("", false);
        check("a*", false);
        check("a,b", false);
        check("../x", false);
        check(".x", false);
        check("a b", false);
        check("a\n", false);
    }
}
