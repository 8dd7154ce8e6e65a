//! The two commands of a newcomer.
//!
//! `quickstart` uses the programs that are under test here; that it builds them otherwise is the
//! business of cargo.

#[cfg(feature = "system")]
mod web;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use tempfile::TempDir;
use testkit::{binaries, run_with_deadline};

/// Long enough to wait for the next code, which it does when one was refused.
const LIMIT: Duration = Duration::from_mins(2);

/// Somebody with nothing but a home and a checkout. What is still running is stopped at the end.
struct Newcomer {
    home: TempDir,
}

impl Newcomer {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    fn script() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../quickstart")
    }

    fn quickstart(&self, words: &[&str]) -> Output {
        let mut command = Command::new(Self::script());
        command
            .args(words)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path())
            .env("MIDDLEWARED_BIN_DIR", binaries::directory());
        run_with_deadline(&mut command, LIMIT)
    }

    /// Where it keeps everything.
    fn directory(&self) -> PathBuf {
        let user = nix::unistd::getuid();
        self.home
            .path()
            .join(format!("middlewared-quickstart-{user}"))
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.quickstart(&["--stop"]);
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn it_says_what_it_does() {
    let newcomer = Newcomer::new();
    let help = newcomer.quickstart(&["--help"]);
    assert!(help.status.success());
    assert!(text(&help.stdout).contains("./quickstart --stop"));
    let wrong = newcomer.quickstart(&["--no-such-option"]);
    assert_eq!((wrong.status.code(), text(&wrong.stdout)), (Some(2), ""));
    let stop = newcomer.quickstart(&["--stop"]);
    assert_eq!(
        (stop.status.code(), text(&stop.stdout)),
        (Some(0), "Nothing to stop.\n")
    );
}

/// Others can make names in a shared directory too.
#[test]
fn a_directory_that_is_not_private_is_not_used() {
    let newcomer = Newcomer::new();
    fs::create_dir(newcomer.directory()).unwrap();
    fs::set_permissions(newcomer.directory(), Permissions::from_mode(0o755)).unwrap();
    for words in [["--yes"], ["--stop"]] {
        let refused = newcomer.quickstart(&words);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains("is not a private directory of yours"));
        assert!(newcomer.directory().exists());
    }
}

#[cfg(feature = "system")]
mod system {
    use serde_json::Value;

    use super::{Command, LIMIT, Newcomer, Path, binaries, fs, run_with_deadline, text};
    use crate::qr::image::{Theme, read_back};
    use crate::terminal::{Terminal, Tmux};

    /// The last words on a page.
    const GO_ON: &str = "[Enter goes on, Ctrl-C leaves]";

    impl Newcomer {
        fn midclt(&self, words: &[&str]) -> String {
            let mut command = Command::new(binaries::midclt());
            command
                .arg("-u")
                .arg(self.directory().join("middlewared.sock"))
                .args(words);
            let output = run_with_deadline(&mut command, LIMIT);
            text(&output.stdout).to_owned()
        }

        fn pid(&self) -> String {
            fs::read_to_string(self.directory().join("pid"))
                .unwrap()
                .trim()
                .to_owned()
        }
    }

    /// The whole walk without a question, again on the running daemon, and the end.
    #[test]
    fn it_walks_through_by_itself() {
        let newcomer = Newcomer::new();
        let walk = newcomer.quickstart(&["--yes"]);
        let said = text(&walk.stdout);
        assert!(walk.status.success(), "{walk:?}");
        assert_eq!(text(&walk.stderr), "");
        check_walk(said);

        assert_eq!(newcomer.midclt(&["ping"]), "pong\n");
        let row = newcomer.midclt(&["call", "auth.twofactor.config"]);
        let row: Value = serde_json::from_str(&row).unwrap();
        assert_eq!(row["enabled"], false, "unlocked at the end");

        let pid = newcomer.pid();
        let again = newcomer.quickstart(&["--yes"]);
        assert!(
            text(&again.stdout).contains(&format!("Already running (pid {pid})")),
            "{again:?}"
        );
        assert!(again.status.success(), "{again:?}");

        let stopped = newcomer.quickstart(&["--stop"]);
        assert!(
            text(&stopped.stdout).starts_with("The daemon has ended.\n"),
            "{stopped:?}"
        );
        // Gone, or a zombie that has no command line any more and waits for its parent.
        let command = fs::read(Path::new("/proc").join(pid).join("cmdline"));
        assert!(command.unwrap_or_default().is_empty());
        assert!(!newcomer.directory().exists());
    }

    fn check_walk(said: &str) {
        let answers: Vec<_> = said
            .lines()
            .filter(|line| ["True", "False"].contains(line))
            .collect();
        // A code that ran out while it was made is refused, and the next one is made.
        assert!(answers.ends_with(&["True", "False"]), "{said}");
        for title in ["1 of 6", "2 of 6", "4 of 6", "5 of 6", "6 of 6", "Go on"] {
            assert!(said.contains(title), "{title}: {said}");
        }
        // Answers, the code, and commands to copy are as long as they are.
        let prose = said
            .lines()
            .filter(|line| !line.starts_with(['{', '#', '█', ' ', '$']));
        for line in prose {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    /// At a terminal of 80x24, with Enter: each page is on the screen as a whole, and a phone can
    /// read the code from it.
    #[test]
    fn its_pages_fit_a_console() {
        let newcomer = Newcomer::new();
        let console = Terminal {
            columns: 80,
            rows: 24,
            locale: "C.UTF-8",
            term: "xterm",
        };
        let tmux = Tmux::start(console, newcomer.home.path());
        tmux.enter(&format!(
            "clear; MIDDLEWARED_BIN_DIR={} XDG_RUNTIME_DIR={} {}",
            binaries::directory().display(),
            newcomer.home.path().display(),
            Newcomer::script().display()
        ));
        let page = |title: &str, end: &str| {
            tmux.when(|text| text.starts_with(title) && text.ends_with(end));
            tmux.enter("");
        };
        page("1 of 6: ", GO_ON);
        page("2 of 6: ", GO_ON);
        let code = tmux.when(|text| text.contains("secret: ") && text.ends_with(GO_ON));
        let uri = newcomer.midclt(&["call", "auth.twofactor.provisioning_uri"]);
        assert_eq!(
            read_back(&code, Theme::DARK).as_deref(),
            Some(uri.trim_end())
        );
        let top: Vec<char> = code.rows[0]
            .iter()
            .map(|cell| cell.glyph)
            .take(40)
            .collect();
        assert!(
            top.iter().all(|glyph| *glyph == '█'),
            "the quiet zone: {}",
            code.text()
        );
        tmux.enter("");
        page("4 of 6: ", "(only Enter: I make one):");
        page("4 of 6: ", GO_ON);
        page("5 of 6: ", GO_ON);
        page("6 of 6: ", GO_ON);
        tmux.when(|text| {
            let is_last = text.starts_with("Go on\n") && text.contains("./quickstart --stop");
            is_last && text.ends_with(Tmux::PROMPT)
        });
    }
}
