//! A login with the real OpenSSH client, answered by what its prompts say, as a person answers.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::Namespace;
use crate::machine::make_executable;
use crate::process::run_with_input;

/// How long one login may take, with refusals that take some seconds each.
const LIMIT: Duration = Duration::from_secs(90);

/// Where a private machine's sshd listens.
const MACHINE_PORT: u16 = 2222;

/// What is run at the other end, and what it prints.
const COMMAND: &str = "echo in as $(id -un)";

/// ssh runs this for each prompt; see `SSH_ASKPASS` in ssh(1). An answer is given once, to the first
/// prompt that contains its words; without one, it waits while the login is held, and gives up.
const ASKPASS: &str = r#"#!/bin/sh
printf '%s\036' "$1" >> "$LOGIN_DIR/prompts"
while :; do
    held=; [ ! -e "$LOGIN_DIR/held" ] || held=yes
    number=0
    while IFS='	' read -r words answer; do
        number=$((number + 1))
        case $1 in
        *"$words"*)
            if mkdir "$LOGIN_DIR/used-$number" 2>/dev/null; then
                printf '%s\n' "$answer"
                exit 0
            fi
            ;;
        esac
    done < "$LOGIN_DIR/answers"
    [ "$held" ] || exit 1
    sleep 0.01
done
"#;

/// Somebody who is about to log in.
#[derive(Clone, Debug)]
pub struct Login {
    namespace: Option<Arc<Namespace>>,
    port: u16,
    dir: PathBuf,
    account: String,
    answers: String,
    options: Vec<String>,
    command: String,
    typed: String,
}

/// How a login went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// A shell of the right account was reached.
    pub is_in: bool,
    /// The exit status of ssh.
    pub exit: Option<i32>,
    /// What the other end printed.
    pub stdout: String,
    /// What was asked, in order: `Password: `, without ssh's `(alice@127.0.0.1) `.
    pub prompts: Vec<String>,
    /// What was said besides: the texts of PAM, and ssh's own messages.
    pub texts: String,
    /// How long it took.
    pub took: Duration,
}

/// A login that has begun; see [`Login::begin`].
#[derive(Debug)]
pub struct Begun {
    dir: PathBuf,
    thread: JoinHandle<Outcome>,
}

impl Login {
    /// To a private machine, from itself.
    pub(crate) fn new(namespace: Arc<Namespace>, dir: &Path, account: &str) -> Self {
        let login = Self::to_port(MACHINE_PORT, dir, account);
        Self {
            namespace: Some(namespace),
            ..login
        }
    }

    /// To whoever listens on this port of the host. What the login leaves behind is in `dir`.
    pub(crate) fn to_port(port: u16, dir: &Path, account: &str) -> Self {
        Self {
            namespace: None,
            port,
            dir: dir.to_path_buf(),
            account: account.to_owned(),
            answers: String::new(),
            options: Vec::new(),
            command: COMMAND.to_owned(),
            typed: String::new(),
        }
    }

    /// One answer to a prompt with these words. More answers to the same words are given in order.
    #[must_use]
    pub fn answer(mut self, words: &str, answer: &str) -> Self {
        self.answers.push_str(&line(words, answer));
        self
    }

    /// The answer to the prompt for a password.
    #[must_use]
    pub fn password(self, password: &str) -> Self {
        self.answer("assword:", password)
    }

    /// One answer to the prompt for a code.
    #[must_use]
    pub fn code(self, code: &str) -> Self {
        self.answer("code:", code)
    }

    /// A private key to offer.
    #[must_use]
    pub fn key(self, file: &Path) -> Self {
        let file = file.to_str().expect("a path in UTF-8");
        self.option(&format!("IdentityFile={file}"))
    }

    /// The address to come from.
    #[must_use]
    pub fn from(self, address: &str) -> Self {
        self.option(&format!("BindAddress={address}"))
    }

    /// One more `-o`.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    /// What is run at the other end, in place of what says who came in.
    #[must_use]
    pub fn command(mut self, command: &str) -> Self {
        command.clone_into(&mut self.command);
        self
    }

    /// What is typed once the door has opened.
    #[must_use]
    pub fn typing(mut self, text: &str) -> Self {
        text.clone_into(&mut self.typed);
        self
    }

    /// Logs in, to the end.
    pub fn run(&self) -> Outcome {
        self.run_in(&self.place())
    }

    /// Begins to log in. A prompt without an answer waits for [`Begun::answer`].
    pub fn begin(self) -> Begun {
        let dir = self.place();
        fs::write(dir.join("held"), "").expect("hold the login");
        let place = dir.clone();
        let thread = thread::spawn(move || self.run_in(&place));
        Begun { dir, thread }
    }

    /// A directory of its own, with the answers.
    fn place(&self) -> PathBuf {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = self.dir.join(format!("login-{number}"));
        fs::create_dir(&dir).expect("create the login's directory");
        fs::write(dir.join("answers"), &self.answers).expect("write the answers");
        fs::write(dir.join("typed"), &self.typed).expect("write what is typed");
        fs::write(dir.join("askpass"), ASKPASS).expect("write askpass");
        make_executable(&dir.join("askpass"));
        dir
    }

    fn run_in(&self, dir: &Path) -> Outcome {
        let begun = Instant::now();
        let typed = File::open(dir.join("typed")).expect("open what is typed");
        let output = run_with_input(self.ssh(dir).stdin(typed), LIMIT);
        let took = begun.elapsed();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let stdout = text(&output.stdout);
        let (texts, prompts): (Vec<_>, Vec<_>) = asked(dir).into_iter().unzip();
        Outcome {
            is_in: stdout == format!("in as {}\n", self.account),
            exit: output.status.code(),
            stdout,
            prompts,
            texts: texts.concat() + &text(&output.stderr),
            took,
        }
    }

    /// Nothing of the caller's own settings, keys or agent.
    fn ssh(&self, dir: &Path) -> Command {
        let mut ssh = match &self.namespace {
            Some(namespace) => {
                let mut inside = namespace.enter();
                inside.arg("ssh");
                inside
            }
            None => Command::new("ssh"),
        };
        ssh.args(["-F", "none", "-p"]).arg(self.port.to_string());
        for option in &self.options {
            ssh.args(["-o", option]);
        }
        let known = dir.join("known_hosts");
        ssh.arg("-o")
            .arg(format!("UserKnownHostsFile={}", known.display()));
        for option in [
            "IdentityFile=none",
            "IdentityAgent=none",
            "StrictHostKeyChecking=accept-new",
            "NumberOfPasswordPrompts=1",
            "ConnectTimeout=60",
        ] {
            ssh.args(["-o", option]);
        }
        ssh.arg(format!("{}@127.0.0.1", self.account))
            .arg(&self.command);
        // In another locale, ssh shows letters that are not ASCII as octal numbers.
        ssh.env("LC_ALL", "C.UTF-8")
            .env("SSH_ASKPASS", dir.join("askpass"))
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("LOGIN_DIR", dir);
        ssh
    }
}

impl Begun {
    /// Waits until something with these words is asked.
    pub fn wait_for(&self, words: &str) {
        let deadline = Instant::now() + LIMIT;
        while !asked(&self.dir).iter().any(|(_, it)| it.contains(words)) {
            let is_over = self.thread.is_finished() || Instant::now() >= deadline;
            assert!(!is_over, "never asked for '{words}'");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// What was said before the prompts until now.
    pub fn shown(&self) -> String {
        asked(&self.dir)
            .into_iter()
            .map(|(texts, _)| texts)
            .collect()
    }

    /// One more answer; see [`Login::answer`].
    pub fn answer(&self, words: &str, answer: &str) {
        let mut answers = OpenOptions::new()
            .append(true)
            .open(self.dir.join("answers"))
            .expect("open the answers");
        answers
            .write_all(line(words, answer).as_bytes())
            .expect("add an answer");
    }

    /// Waits for its end; what is asked from now on without an answer is not answered.
    pub fn end(self) -> Outcome {
        fs::remove_file(self.dir.join("held")).expect("let the login go");
        self.thread.join().expect("the login")
    }
}

fn line(words: &str, answer: &str) -> String {
    format!("{words}\t{answer}\n")
}

/// What was asked so far, and what was said before each question: sshd puts the texts of PAM in front
/// of its next prompt, in one.
fn asked(dir: &Path) -> Vec<(String, String)> {
    let log = fs::read_to_string(dir.join("prompts")).unwrap_or_default();
    let prompts = log.split_terminator('\x1e').map(without_address);
    let split = |prompt: &str| match prompt.rsplit_once('\n') {
        Some((texts, prompt)) => (format!("{texts}\n"), prompt.to_owned()),
        None => (String::new(), prompt.to_owned()),
    };
    prompts.map(split).collect()
}

/// `(alice@127.0.0.1) Password: ` is `Password: `.
fn without_address(prompt: &str) -> &str {
    let rest = prompt.split_once(") ").filter(|_| prompt.starts_with('('));
    rest.map_or(prompt, |(_, rest)| rest)
}
