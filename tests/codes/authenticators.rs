//! Two authenticators: what an app would show.

use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::Case;
use crate::python::program;

/// The codes of these steps by oathtool, in one run. The secret goes through a pipe.
pub(crate) fn oathtool(secret: &str, case: Case, steps: Range<u64>) -> Vec<String> {
    let mut child = Command::new("oathtool")
        .args(["--totp", "--base32", &format!("--digits={}", case.digits)])
        .arg(format!("--time-step-size={}s", case.interval))
        .arg(format!("--now=@{}", steps.start * case.interval))
        .arg(format!("--window={}", steps.end - steps.start - 1))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("oathtool is missing: apt-get install oathtool");
    writeln!(child.stdin.take().unwrap(), "{secret}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "oathtool failed for {case:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// pyotp, running for a whole test.
pub(crate) struct Pyotp {
    child: Child,
    asked: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Pyotp {
    pub(crate) fn start() -> Self {
        let mut child = program("authenticator.py")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            asked: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// The codes of these steps for a typed secret.
    pub(crate) fn codes(&mut self, secret: &str, case: Case, steps: Range<u64>) -> Vec<String> {
        let account = json!({
            "secret": secret, "digits": case.digits, "interval": case.interval,
            "times": times(case, steps),
        });
        self.ask(&account)
    }

    /// The codes of these steps for a scanned URI.
    pub(crate) fn codes_of_uri(&mut self, uri: &str, case: Case, steps: Range<u64>) -> Vec<String> {
        self.ask(&json!({"uri": uri, "times": times(case, steps)}))
    }

    fn ask(&mut self, account: &Value) -> Vec<String> {
        writeln!(self.asked, "{account}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("an answer of pyotp")
    }
}

fn times(case: Case, steps: Range<u64>) -> Vec<u64> {
    steps.map(|step| step * case.interval).collect()
}

impl Drop for Pyotp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
