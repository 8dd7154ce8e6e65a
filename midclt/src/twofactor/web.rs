//! `midclt 2fa web`: where the pages are, whether they are served, and what to compare in the browser.
//!
//! It asks systemd and `middlewared-web` itself, not the daemon: so it answers also where that does not.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use serde_json::{Value, json};

use super::JsonArg;
use super::daemon::Form;
use crate::failure::Failure;
use crate::layout::matter;
use crate::{output, result};

/// Show where the web pages are, whether they run, and their fingerprint
#[derive(Debug, Args)]
#[command(after_help = "\
Where the browser warns of the certificate, compare the fingerprint with
what it shows before you go on. What does not run is named, with the line
that starts it. It needs no daemon, and changes nothing.
Exit status: 0 people can sign in, 1 they cannot.

Examples:
  midclt 2fa web
  midclt 2fa web --json")]
pub(crate) struct WebArgs {
    #[command(flatten)]
    json: JsonArg,
}

const SERVICE: &str = "middlewared-web.service";
const SOCKET: &str = "middlewared-web.socket";
const ENTRANCE: &str = "middlewared-entrance.socket";
const PASSWORDS: &str = "middlewared-password.socket";

/// Looks, and says what it found.
pub(super) fn run(args: &WebArgs) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::told("midclt: needs root: sudo midclt 2fa web"));
    }
    let found = Machine::new().look();
    match args.json.form() {
        Form::Text => output::page(&found.page())?,
        Form::Json => output::line(&result::to_json(&found.to_json()))?,
    }
    if found.troubles.iter().any(|trouble| trouble.closes) {
        return Err(Failure {
            lines: Vec::new(),
            exit: 1,
        });
    }
    Ok(())
}

/// The programs that are asked.
struct Machine {
    web: PathBuf,
    systemctl: PathBuf,
    /// Where there is a directory if systemd runs the machine.
    systemd: PathBuf,
}

/// What is known.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    url: Option<String>,
    certificate: Option<String>,
    sha256: Option<String>,
    troubles: Vec<Trouble>,
}

/// Something that is not as it should be, and the line that mends it.
#[derive(Debug, PartialEq, Eq)]
struct Trouble {
    text: String,
    cure: String,
    /// Nobody can sign in because of it.
    closes: bool,
}

impl Machine {
    fn new() -> Self {
        Self {
            web: "/usr/sbin/middlewared-web".into(),
            systemctl: "systemctl".into(),
            systemd: "/run/systemd/system".into(),
        }
    }

    fn look(&self) -> Found {
        let mut found = Found::default();
        if !self.web.exists() {
            let text = format!("{} is not there.", self.web.display());
            found.close(text, "apt install middlewared-web");
            return found;
        }
        if self.systemd.is_dir() {
            self.units(&mut found.troubles);
        } else {
            let text = "systemd does not run here: whether the pages are served is not known.";
            found.troubles.push(Trouble {
                text: text.into(),
                cure: String::new(),
                closes: false,
            });
        }
        self.describe(&mut found);
        found
    }

    /// Whether everything listens, now and after the next boot.
    fn units(&self, troubles: &mut Vec<Trouble>) {
        let mut closed = |text: &str, cure: &str| {
            troubles.push(Trouble {
                text: text.into(),
                cure: cure.into(),
                closes: true,
            });
        };
        let is_open = self.is_active(SOCKET);
        if !is_open {
            closed(
                "middlewared-web.socket is not active: nobody can connect.",
                &format!("systemctl enable --now {SOCKET}"),
            );
        }
        if !self.is_active(ENTRANCE) {
            closed(
                "middlewared-entrance.socket is not active: the pages cannot reach the daemon.",
                &format!("systemctl stop middlewared; systemctl start {ENTRANCE}"),
            );
        }
        if !self.is_active(PASSWORDS) {
            closed(
                "middlewared-password.socket is not active: no password can be checked.",
                &format!("systemctl start {PASSWORDS}"),
            );
        }
        if matches!(
            self.property(SERVICE, "SubState").as_str(),
            "failed" | "auto-restart"
        ) {
            closed(
                "middlewared-web.service ends at once; its last words say why.",
                &format!("journalctl -n 5 -u {SERVICE}"),
            );
        }
        if is_open && self.property(SOCKET, "UnitFileState") != "enabled" {
            troubles.push(Trouble {
                text: "middlewared-web.socket is not enabled: the next boot closes the pages."
                    .into(),
                cure: format!("systemctl enable {SOCKET}"),
                closes: false,
            });
        }
    }

    /// Address and certificate, as the program itself reads its configuration.
    fn describe(&self, found: &mut Found) {
        let mut command = Command::new(&self.web);
        command.arg("--show");
        if let Some(address) = self.listening() {
            command.arg("--listen").arg(address.to_string());
        }
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => {
                let text = format!("{} does not run: {error}.", self.web.display());
                return found.close(text, "apt install --reinstall middlewared-web");
            }
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().trim_start_matches("middlewared-web: ");
            // It is made at the start, and everything else in the way of that is told by the journal.
            return found.close(format!("{said}."), &format!("systemctl restart {SERVICE}"));
        }
        found.read(&String::from_utf8_lossy(&output.stdout));
    }

    /// Where systemd listens, which need not be what the configuration says.
    fn listening(&self) -> Option<SocketAddr> {
        let listed = self.property(SOCKET, "Listen");
        listed.split_whitespace().find_map(|word| word.parse().ok())
    }

    fn is_active(&self, unit: &str) -> bool {
        self.property(unit, "ActiveState") == "active"
    }

    /// Empty where it cannot be had.
    fn property(&self, unit: &str, property: &str) -> String {
        let mut command = Command::new(&self.systemctl);
        let output = command.args(["show", "-P", property, "--", unit]).output();
        let text = output.map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&text).trim().to_owned()
    }
}

impl Found {
    fn close(&mut self, text: String, cure: &str) {
        self.troubles.push(Trouble {
            text,
            cure: cure.to_owned(),
            closes: true,
        });
    }

    /// Takes what `middlewared-web --show` prints: the address, and then a name and a value each line.
    fn read(&mut self, shown: &str) {
        let mut lines = shown.lines();
        self.url = lines.next().map(str::to_owned);
        for line in lines {
            match line.split_once(": ") {
                Some(("certificate", file)) => self.certificate = Some(file.trim().to_owned()),
                Some(("SHA-256", print)) => self.sha256 = Some(print.trim().to_owned()),
                _ => {}
            }
        }
    }

    fn page(&self) -> String {
        let mut page = String::new();
        for (name, value) in [
            ("The page:    ", &self.url),
            ("Certificate: ", &self.certificate),
        ] {
            if let Some(value) = value {
                let _ = writeln!(page, "{name} {value}");
            }
        }
        if let Some(print) = &self.sha256 {
            // 32 pairs are too long for a console.
            let middle = print.len().min(48);
            let (first, rest) = print.split_at_checked(middle).unwrap_or((print, ""));
            let _ = writeln!(page, "SHA-256:      {first}\n              {rest}");
        }
        for trouble in &self.troubles {
            let mark = if trouble.closes { '!' } else { '*' };
            for line in matter(mark, &trouble.text, &trouble.cure) {
                let _ = writeln!(page, "{line}");
            }
        }
        page
    }

    fn to_json(&self) -> Value {
        let troubles = self.troubles.iter();
        let troubles: Vec<Value> = troubles
            .map(|trouble| json!({"text": trouble.text, "cure": trouble.cure, "closes": trouble.closes}))
            .collect();
        json!({
            "url": self.url,
            "certificate": self.certificate,
            "sha256": self.sha256,
            "troubles": troubles,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const PRINT: &str = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\
                         00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

    /// A machine of scripts: what systemctl says of a unit's property, and what the service says.
    fn machine(directory: &TempDir, states: &str, show: &str) -> Machine {
        let script = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
            path
        };
        Machine {
            web: script("web", show),
            systemctl: script(
                "systemctl",
                &format!("case \"$5 $3\" in\n{states}\n*' ActiveState') echo active;; esac"),
            ),
            systemd: directory.path().to_owned(),
        }
    }

    fn show() -> String {
        format!("echo https://nas:8443/; echo 'certificate: /c.pem'; echo 'SHA-256:     {PRINT}'")
    }

    fn cures(found: &Found) -> Vec<&str> {
        let troubles = found.troubles.iter();
        troubles.map(|trouble| trouble.cure.as_str()).collect()
    }

    #[test]
    fn all_is_well() {
        let directory = TempDir::new().unwrap();
        let states = "*web.socket' Listen') echo '[::]:443 (Stream)';;\n\
                      *web.socket' UnitFileState') echo enabled;;";
        let web = "[ \"$*\" = '--show --listen [::]:443' ] || exit 1; echo https://nas:443/\n";
        let web = format!("{web}echo 'certificate: /c.pem'; echo 'SHA-256:     {PRINT}'");
        let found = machine(&directory, states, &web).look();
        assert_eq!(found.troubles, []);
        let page = found.page();
        let (first, rest) = PRINT.split_at(48);
        assert_eq!(
            page,
            format!(
                "The page:     https://nas:443/\nCertificate:  /c.pem\n\
                 SHA-256:      {first}\n              {rest}\n"
            )
        );
        assert!(page.lines().all(|line| line.chars().count() <= 80));
        assert_eq!(found.to_json()["sha256"], PRINT);
    }

    #[test]
    fn what_does_not_run_is_named_with_what_starts_it() {
        for (states, cure, closes) in [
            (
                "'middlewared-web.socket ActiveState') echo inactive;;",
                "systemctl enable --now middlewared-web.socket",
                true,
            ),
            (
                "'middlewared-entrance.socket ActiveState') echo failed;;",
                "systemctl stop middlewared; systemctl start middlewared-entrance.socket",
                true,
            ),
            (
                "'middlewared-password.socket ActiveState') ;;",
                "systemctl start middlewared-password.socket",
                true,
            ),
            (
                "'middlewared-web.service SubState') echo auto-restart;;",
                "journalctl -n 5 -u middlewared-web.service",
                true,
            ),
            (
                "'middlewared-web.socket UnitFileState') echo disabled;;",
                "systemctl enable middlewared-web.socket",
                false,
            ),
        ] {
            let directory = TempDir::new().unwrap();
            let states = format!("{states}\n*web.socket' UnitFileState') echo enabled;;");
            let found = machine(&directory, &states, &show()).look();
            assert_eq!(cures(&found), [cure]);
            assert_eq!(found.troubles[0].closes, closes, "{cure}");
            assert!(found.page().contains(cure), "{}", found.page());
            assert!(found.sha256.is_some(), "told all the same");
        }
    }

    #[test]
    fn without_the_package_or_a_certificate_it_says_so() {
        let directory = TempDir::new().unwrap();
        let states = "*web.socket' UnitFileState') echo enabled;;";
        let broken = "echo 'middlewared-web: certificate /c.pem: no such file' >&2; exit 1";
        let found = machine(&directory, states, broken).look();
        assert_eq!(found.troubles[0].text, "certificate /c.pem: no such file.");
        assert_eq!(cures(&found), ["systemctl restart middlewared-web.service"]);

        let mut nothing = machine(&directory, states, "");
        nothing.web = "/nowhere/middlewared-web".into();
        let found = nothing.look();
        assert_eq!(cures(&found), ["apt install middlewared-web"]);
        assert_eq!(found.url, None);
    }

    #[test]
    fn without_systemd_only_the_certificate_is_known() {
        let directory = TempDir::new().unwrap();
        let mut machine = machine(&directory, "*) exit 1;;", &show());
        machine.systemd = directory.path().join("none");
        let found = machine.look();
        assert!(!found.troubles[0].closes && found.troubles.len() == 1);
        assert_eq!(found.sha256.as_deref(), Some(PRINT));
    }
}
