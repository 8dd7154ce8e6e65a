//! The pages in a real Chromium, as a person uses them: by what is written on them.

mod chrome;
mod devices;
mod driver;
mod gallery;
mod log;
mod looks;
mod picture;
mod signing_in;
mod ssh;
mod two_factor;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::sethostname;
use testkit::run_with_deadline;

use self::chrome::Chrome;
use crate::pages::Site;
use crate::web::keeper::WORD;

/// A site with root, anna and ben, and a browser that is at its door.
struct Walk {
    chrome: Chrome,
    site: Site,
}

impl Walk {
    fn new() -> Self {
        // The name belongs to this thread, and to what it starts.
        unshare(CloneFlags::CLONE_NEWUTS).expect("a name of our own: are you root?");
        sethostname("nas").unwrap();
        let walk = Self {
            chrome: Chrome::start(),
            site: Site::with_accounts(&[("anna", 1000), ("ben", 1001)]),
        };
        walk.open("/");
        walk
    }

    fn open(&self, path: &str) {
        let port = self.site.web.address().port();
        self.chrome.open(&format!("https://localhost:{port}{path}"));
    }

    /// The first step of signing in.
    fn give_password(&self, name: &str, password: &str) {
        self.chrome.fill("User name", name);
        self.chrome.fill("Password", password);
        self.chrome.click("Sign in");
    }

    /// The second one.
    fn give_code(&self, code: &str) {
        self.chrome.fill("Verification code", code);
        self.chrome.click("Continue");
    }

    /// Root, past both steps.
    fn sign_in(&self, code: Option<&str>) {
        self.give_password("root", WORD);
        if let Some(code) = code {
            self.give_code(code);
        }
        self.chrome.wait_for("Two-Factor Authentication");
    }
}

/// The code of a secret by Debian's oathtool, as many time steps from now.
fn oathtool(secret: &str, steps: u64) -> String {
    let when = format!("--now=now + {} seconds", 30 * steps);
    let mut command = Command::new("oathtool");
    command.args(["--totp", "--base32", &when, secret]);
    output_of(&mut command).trim().to_owned()
}

/// What Debian's zbarimg reads from a picture.
fn zbarimg(picture: &[u8], dir: &Path) -> String {
    let file = dir.join("picture.png");
    std::fs::write(&file, picture).unwrap();
    let mut command = Command::new("zbarimg");
    command.args(["--quiet", "--raw"]).arg(&file);
    output_of(&mut command).trim().to_owned()
}

fn output_of(command: &mut Command) -> String {
    let output = run_with_deadline(command, Duration::from_secs(20));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
