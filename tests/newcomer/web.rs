//! `./quickstart --web`: the pages with one command, and nothing left behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::{binaries, run_with_deadline};

use super::{LIMIT, Newcomer, text};
use crate::support::eventually;
use crate::terminal::{Terminal, Tmux};

/// The last line.
const END: &str = "Ctrl-C ends it, and removes everything it made.";

/// What is shown to whoever runs it.
struct Shown(Vec<String>);

impl Shown {
    /// What stands behind a label at the beginning of a line.
    fn behind(&self, label: &str) -> &str {
        let line = self.0.iter().find_map(|line| line.strip_prefix(label));
        let rest = line.unwrap_or_else(|| panic!("{label}: {:?}", self.0));
        rest.split_whitespace().next().unwrap()
    }

    /// In two lines of their own.
    fn fingerprint(&self) -> String {
        let lines = self.0.iter().map(|line| line.trim());
        let is_part = |line: &&str| line.len() >= 47 && line.split(':').all(|pair| pair.len() <= 2);
        lines.filter(is_part).collect()
    }
}

impl Newcomer {
    fn run_web(&self) -> (Child, Shown) {
        let mut command = Command::new(Self::script());
        command
            .arg("--web")
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path())
            .env("MIDDLEWARED_BIN_DIR", binaries::directory())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut shown = Vec::new();
        // It ends by itself where it fails, and with it the lines.
        for line in lines.by_ref().map_while(Result::ok) {
            let is_last = line == END;
            shown.push(line);
            if is_last {
                return (child, Shown(shown));
            }
        }
        panic!("it ended: {:?}, {shown:?}", child.wait());
    }

    /// What curl gets, with cookies of its own.
    fn curl(&self, words: &[&str]) -> String {
        let jar = self.home.path().join("cookies");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--insecure", "--location"])
            .arg("--cookie")
            .arg(&jar)
            .arg("--cookie-jar")
            .arg(&jar);
        let output = run_with_deadline(curl.args(words), LIMIT);
        text(&output.stdout).to_owned()
    }

    /// What it left in its directories, but for curl's cookies.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.home.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("middlewared"))
            .collect()
    }
}

#[test]
fn the_pages_with_one_command_until_ctrl_c() {
    let newcomer = Newcomer::new();
    let (mut child, shown) = newcomer.run_web();
    let url = shown.behind("Open        ");
    let password = shown.behind("Password    ");
    let page = newcomer.curl(&[&format!("{url}sign-in")]);
    let token = page.split("name=\"csrf\" value=\"").nth(1);
    let token = token.and_then(|rest| rest.split('"').next()).unwrap();
    let sign_in = |password: &str| {
        newcomer.curl(&[
            "--data-urlencode",
            &format!("csrf={token}"),
            "--data",
            "username=root",
            "--data",
            &format!("password={password}"),
            &format!("{url}sign-in"),
        ])
    };
    assert!(sign_in("root").contains("is wrong"));
    let page = sign_in(password);
    assert!(page.contains("is NOT enabled"), "{page}");

    let site = newcomer.left();
    assert_eq!(site.len(), 1);
    let certificate = newcomer.home.path().join(&site[0]);
    let certificate = certificate.join("certificate/certificate.pem");
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]);
    let output = run_with_deadline(openssl.arg(certificate), LIMIT);
    let print = text(&output.stdout).trim().rsplit('=').next().unwrap();
    assert_eq!(shown.fingerprint(), print);

    let pid = Pid::from_raw(child.id().try_into().unwrap());
    kill(pid, Signal::SIGINT).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(newcomer.left(), Vec::<String>::new());
    assert_eq!(newcomer.curl(&[url]), "", "nobody listens");
}

/// At a terminal, where Ctrl-C goes to all of them; the page fits.
#[test]
fn it_fits_a_console_and_ctrl_c_ends_it() {
    let newcomer = Newcomer::new();
    let console = Terminal {
        columns: 80,
        rows: 24,
        locale: "C.UTF-8",
        term: "xterm",
    };
    let tmux = Tmux::start(console, newcomer.home.path());
    tmux.enter(&format!(
        "clear; MIDDLEWARED_BIN_DIR={} XDG_RUNTIME_DIR={} {} --web",
        binaries::directory().display(),
        newcomer.home.path().display(),
        Newcomer::script().display()
    ));
    tmux.when(|text| text.starts_with("The web pages\n") && text.ends_with(END));
    tmux.press("C-c");
    tmux.when(|text| text.ends_with(Tmux::PROMPT));
    eventually("nothing is left", || newcomer.left().is_empty());
}
