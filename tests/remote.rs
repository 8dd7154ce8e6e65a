//! `midclt -u wss://HOST`: another machine, by way of its web service.

mod certificates;
#[cfg(feature = "system")]
mod prompts;

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::json;
use testkit::{binaries, now, run_with_deadline, run_with_input};

use crate::pages::Site;
use crate::support::{code_at, eventually, stderr};
use crate::web::keeper::WORD;

const LIMIT: Duration = Duration::from_mins(1);

impl Site {
    fn uri(&self) -> String {
        format!("wss://localhost:{}/api/current", self.web.address().port())
    }

    /// midclt, which trusts the site's certificate and nothing else.
    fn remote(&self, words: &[&str]) -> Command {
        let mut command = self.untrusting();
        command.arg("--ca").arg(self.web.certificate()).args(words);
        command
    }

    fn untrusting(&self) -> Command {
        let mut command = Command::new(binaries::midclt());
        command.args(["-u", &self.uri()]).stdin(Stdio::null());
        // No authority of this machine has a say in a test.
        command.env("SSL_CERT_FILE", "/dev/null");
        command
    }

    /// Runs it with root's name and these words.
    fn as_root(&self, words: &[&str]) -> Output {
        let words = [&["-U", "root"], words].concat();
        run_with_deadline(&mut self.remote(&words), LIMIT)
    }
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// It failed, and said so first of all.
fn assert_told(output: &Output, first: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(stdout(output), "", "{output:?}");
    assert_eq!(stderr(output).lines().next(), Some(first), "{output:?}");
}

#[test]
fn root_signs_in_with_a_code_and_calls() {
    let site = Site::new();
    let secret = site.enable();
    let code = code_at(&secret, now());
    let call = ["-q", "call", "auth.twofactor.update", "window=9"];
    let output = site.as_root(&[&["-P", WORD, "--otp", &code], call.as_slice()].concat());
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("\"window\": 9"), "{output:?}");
    assert!(!stdout(&output).contains(&secret), "{output:?}");
    // The same code is good for no second one.
    let output = site.as_root(&[&["-P", WORD, "--otp", &code], call.as_slice()].concat());
    let used = "Failed to login:  The code is wrong, or was used before";
    assert_told(&output, used);
    let asked = site.keeper.asked();
    assert_eq!(asked[0][2], "127.0.0.1", "{asked:?}");
}

#[test]
fn whoever_does_not_sign_in_gets_what_strangers_get() {
    let site = Site::new();
    let run = |words: &[&str]| run_with_deadline(&mut site.remote(words), LIMIT);
    assert_eq!(stdout(&run(&["ping"])), "pong\n");
    assert_eq!(stdout(&run(&["call", "core.ping"])), "pong\n");
    let output = run(&["call", "auth.twofactor.config"]);
    assert_told(&output, "[ENOTAUTHENTICATED] Not authenticated");
    assert!(stderr(&output).contains("-U USER"), "{output:?}");
    assert!(site.keeper.asked().is_empty());
}

#[test]
fn why_nobody_was_signed_in_is_said() {
    let site = Site::new();
    let login = |words: &[&str]| {
        let words = [words, &["call", "auth.me"]].concat();
        run_with_deadline(&mut site.remote(&words), LIMIT)
    };
    let wrong = "Failed to login:  Invalid username or password";
    assert_told(&login(&["-U", "root", "-P", "x"]), wrong);
    let denied = "Failed to login:  This account may not sign in here";
    assert_told(&login(&["-U", "nobody-at-all", "-P", WORD]), denied);
    let expired = "Failed to login:  The password or the account has expired";
    assert_told(&login(&["-U", "expired", "-P", WORD]), expired);
    let silent = login(&["-U", "silent", "-P", WORD]);
    assert!(
        stderr(&silent).starts_with("Failed to login:  [EIO]"),
        "{silent:?}"
    );
    // Without a terminal nothing is asked.
    let output = login(&["-U", "root"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        stderr(&output).contains("--password-stdin is missing"),
        "{output:?}"
    );
    let secret = site.enable();
    let output = login(&["-U", "root", "-P", WORD]);
    assert!(
        stderr(&output).contains("--otp CODE is missing"),
        "{output:?}"
    );
    for _ in 0..5 {
        let output = login(&["-U", "root", "-P", WORD, "--otp", "000000"]);
        assert_told(
            &output,
            "Failed to login:  The code is wrong, or was used before",
        );
    }
    let code = code_at(&secret, now());
    let output = login(&["-U", "root", "-P", WORD, "--otp", &code]);
    assert!(
        stderr(&output).starts_with("Failed to login:  [EBUSY] "),
        "{output:?}"
    );
    for _ in 0..20 {
        login(&["-U", "root", "-P", "x"]);
    }
    let output = login(&["-U", "root", "-P", WORD]);
    assert!(
        stderr(&output).contains("Too many wrong passwords"),
        "{output:?}"
    );
}

/// By the list of processes, and by what the program that speaks TLS is given.
#[test]
fn password_and_code_are_in_no_list_of_processes() {
    let site = Site::new();
    let secret = site.enable();
    let code = code_at(&secret, now());
    let mut command = site.remote(&["-U", "root", "--password-stdin", "--otp", &code]);
    command.args(["subscribe", "-n", "1", "auth.twofactor.config"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{WORD}\n").as_bytes()).unwrap();
    drop(stdin);
    eventually("somebody is signed in", || {
        let sessions = site.daemon.connect().call("auth.sessions", json!([]));
        sessions != json!([])
    });
    let children = children_of(child.id());
    assert_eq!(children.len(), 1, "{children:?}");
    let helper = fs::read(format!("/proc/{}/cmdline", children[0])).unwrap();
    assert!(String::from_utf8_lossy(&helper).contains("midclt-remote"));
    for pid in [children[0], child.id()] {
        for file in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap();
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(!text.contains(WORD), "{text}");
            // The code was typed as an argument here. It is used up; the helper has not seen it.
            assert!(pid == child.id() || !text.contains(&code), "{text}");
        }
    }
    // A change that comes before the subscription is not told.
    let mut windows = (1..=9).cycle();
    let mut line = String::new();
    let told = std::thread::spawn({
        let mut out = BufReader::new(child.stdout.take().unwrap());
        move || {
            out.read_line(&mut line).unwrap();
            line
        }
    });
    eventually("the event is told", || {
        let window = json!([{"window": windows.next()}]);
        let mut root = site.daemon.connect();
        root.call("auth.twofactor.update", window);
        told.is_finished()
    });
    let line = told.join().unwrap();
    assert!(
        line.contains("\"collection\": \"auth.twofactor.config\""),
        "{line}"
    );
    assert!(child.wait().unwrap().success());
    let log = site.web.log() + &site.daemon.log();
    assert!(!log.contains(WORD) && !log.contains(&code), "{log}");
}

fn children_of(parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let lists = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")));
    let all: HashSet<u32> = lists
        .flat_map(|list| {
            let list = list.unwrap_or_default();
            let pids: Vec<_> = list.split(' ').filter_map(|pid| pid.parse().ok()).collect();
            pids
        })
        .collect();
    all.into_iter().collect()
}

#[test]
fn a_password_from_a_pipe_and_methods() {
    let site = Site::new();
    let mut command = site.remote(&["-U", "root", "--password-stdin", "methods", "auth.login"]);
    command.env("INPUT", WORD);
    let mut shell = Command::new("sh");
    let words: Vec<_> = command
        .get_args()
        .map(|arg| arg.to_str().unwrap())
        .collect();
    let line = format!(
        "printf '%s\\n' \"$INPUT\" | '{}' '{}'",
        binaries::midclt().display(),
        words.join("' '")
    );
    shell.args(["-c", &line]).env("INPUT", WORD);
    let output = run_with_input(&mut shell, LIMIT);
    assert!(
        stdout(&output).contains("auth.login_ex_continue"),
        "{output:?}"
    );
}

#[test]
fn what_makes_no_sense_is_refused_before_anybody_is_asked() {
    let site = Site::new();
    let check = |words: &[&str], expected: &str| {
        let output = run_with_deadline(&mut site.remote(words), LIMIT);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
        assert!(stderr(&output).contains(expected), "{words:?}: {output:?}");
    };
    check(&["2fa", "status"], "for the machine it runs on");
    check(&["waitready"], "for the machine it runs on");
    check(&["-K", "1-key", "call", "core.ping"], "no API keys");
    check(&["-P", "x", "call", "core.ping"], "-U USER is missing");
    check(
        &["-U", "x", "-P", "y", "--password-stdin", "ping"],
        "cannot be used with",
    );
    check(&["--insecure", "ping"], "cannot be used with");
    assert!(site.keeper.asked().is_empty());
}

/// midclt alone is enough for its own machine.
#[test]
fn where_the_program_for_it_is_missing_the_package_is_named() {
    let site = Site::new();
    let alone = site.daemon.dir().join("midclt");
    fs::copy(binaries::midclt(), &alone).unwrap();
    let mut command = Command::new(alone);
    command.args(["-u", &site.uri(), "ping"]);
    let output = run_with_deadline(&mut command, LIMIT);
    assert_told(
        &output,
        "midclt: another machine is reached by midclt-remote, which is not here: install the \
         package midclt-remote",
    );
}
