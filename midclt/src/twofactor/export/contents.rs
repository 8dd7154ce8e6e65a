//! What is in an export: the daemon's pages, a line each. midclt hands them on as they are, and reads
//! only what it says about them.

use client::{Client, Deadline};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::super::daemon::Daemon;
use super::super::time;
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::count;

/// The form of pages that this release knows.
const FORMAT: u32 = 1;

/// How long handing over and restoring may take: ten thousand accounts take seconds, their look-ups
/// perhaps more.
const SECONDS: u64 = 600;

/// Pages with secrets; so it is wiped, and not `Debug`.
pub(in super::super) struct Contents(Zeroizing<Vec<u8>>);

/// What midclt reads of a page.
#[derive(Deserialize)]
struct Page {
    hostname: String,
    at: i64,
    settings: Settings,
    accounts: Vec<Account>,
    next: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
struct Settings {
    enabled: bool,
    ssh: bool,
}

#[derive(Deserialize)]
struct Account {
    username: String,
    grace_until: Option<i64>,
    recovery_codes: u32,
    unreadable: u64,
    devices: Vec<serde::de::IgnoredAny>,
    exemptions: Vec<serde::de::IgnoredAny>,
}

/// What an export has, without a secret.
pub(in super::super) struct Summary {
    pub(super) hostname: String,
    pub(super) at: i64,
    settings: Settings,
    pub(super) accounts: u64,
    pub(super) devices: u64,
    exemptions: u64,
    graces: u64,
    recovery_codes: u64,
    /// Whose devices could not be read.
    pub(super) unreadable: Vec<String>,
}

impl Contents {
    /// Asks the daemon for all pages.
    pub(super) fn fetch(daemon: &Daemon<'_>) -> Result<Self, Failure> {
        let mut contents = Zeroizing::new(Vec::new());
        let mut params = Vec::new();
        loop {
            let page = daemon.call("auth.twofactor.export", &params)?;
            contents.extend_from_slice(page.get().as_bytes());
            contents.push(b'\n');
            let next = read(page.get())?.next;
            match next {
                Some(uid) => params = vec![Value::from(uid)],
                None => return Ok(Self(contents)),
            }
        }
    }

    /// What was locked into a file.
    pub(in super::super) const fn opened(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn lines(&self) -> impl Iterator<Item = Result<&str, Failure>> {
        let lines = self.0.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        lines.map(|line| std::str::from_utf8(line).map_err(|_| unknown_form()))
    }

    /// Looks through it: all of it is there, and of a form that is known.
    pub(in super::super) fn summary(&self) -> Result<Summary, Failure> {
        let mut summary: Option<Summary> = None;
        let mut is_whole = false;
        for line in self.lines() {
            let page = read(line?)?;
            is_whole = page.next.is_none();
            summary.get_or_insert_with(|| Summary::new(&page)).add(page);
        }
        summary.filter(|_| is_whole).ok_or_else(unknown_form)
    }

    /// Hands the pages over, and has them restored.
    pub(in super::super) fn restore(
        &self,
        (daemon, connection): (&Daemon<'_>, &Connection),
        options: &Value,
    ) -> Result<Box<RawValue>, Failure> {
        let deadline = Deadline::after(connection.time_limit(None, SECONDS));
        let failed = |error| daemon.failure(&error);
        let mut client = Client::connect(&connection.socket, deadline).map_err(failed)?;
        for (number, line) in self.lines().enumerate() {
            let page: &RawValue = serde_json::from_str(line?).map_err(|_| unknown_form())?;
            let handed = client.call("auth.twofactor.restore_page", &(number, page));
            handed.map_err(failed)?;
        }
        let restored = client.call("auth.twofactor.restore", &[options]);
        restored.map_err(failed)
    }
}

/// Nothing of a page is repeated: it has secrets.
fn read(line: &str) -> Result<Page, Failure> {
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    let form: Form = serde_json::from_str(line).map_err(|_| unknown_form())?;
    if form.format > FORMAT {
        return Err(Failure::told(
            "midclt: a newer release made this export; install it here first",
        ));
    }
    serde_json::from_str(line).map_err(|_| unknown_form())
}

fn unknown_form() -> Failure {
    Failure::told("midclt: what is in this export has an unknown form")
}

impl Summary {
    fn new(page: &Page) -> Self {
        Self {
            hostname: page.hostname.clone(),
            at: page.at,
            settings: page.settings,
            accounts: 0,
            devices: 0,
            exemptions: 0,
            graces: 0,
            recovery_codes: 0,
            unreadable: Vec::new(),
        }
    }

    fn add(&mut self, page: Page) {
        for account in page.accounts {
            self.accounts += 1;
            self.devices += account.devices.len() as u64;
            self.exemptions += account.exemptions.len() as u64;
            self.graces += u64::from(account.grace_until.is_some());
            self.recovery_codes += u64::from(account.recovery_codes > 0);
            if account.unreadable > 0 {
                self.unreadable.push(account.username);
            }
        }
    }

    /// `Export of nas1, made 2026-11-24 15:40 UTC.`
    pub(in super::super) fn title(&self) -> String {
        format!(
            "Export of {}, made {}.",
            self.hostname,
            time::minute(self.at)
        )
    }

    /// All of it, for people.
    pub(super) fn page(&self) -> String {
        let switch = |is_on: bool| if is_on { "on" } else { "off" };
        let mut page = format!(
            "{}\n{} with {}; {} with recovery codes, which a restore voids.\n\
             Exemptions: {}. In grace: {}.\nTwo-factor authentication: {}; asked by sshd: {}.\n",
            self.title(),
            count(self.accounts, "account"),
            count(self.devices, "device"),
            self.recovery_codes,
            self.exemptions,
            self.graces,
            switch(self.settings.enabled),
            if self.settings.ssh { "yes" } else { "no" },
        );
        if !self.unreadable.is_empty() {
            page.push_str("Not in it, since they could not be read: devices of ");
            page.push_str(&self.unreadable.join(", "));
            page.push_str(".\n");
        }
        page
    }

    /// The same, for programs.
    pub(super) fn json(&self) -> Value {
        serde_json::json!({
            "version": FORMAT, "hostname": self.hostname, "at": self.at,
            "accounts": self.accounts, "devices": self.devices, "exemptions": self.exemptions,
            "graces": self.graces, "enabled": self.settings.enabled, "ssh": self.settings.ssh,
            "unreadable": self.unreadable,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(uid: u32, next: Option<u32>) -> Value {
        json!({
            "format": 1, "hostname": "nas1", "at": 1_795_534_800,
            "settings": { "enabled": true, "ssh": false, "window": 1 }, "policy": {},
            "accounts": [{
                "uid": uid, "username": format!("user{uid}"), "grace_until": null,
                "recovery_codes": 10, "unreadable": uid / 1000,
                "devices": [{ "secret": "GEZDGNBVGY3TQOJQ" }], "exemptions": [],
            }],
            "next": next,
        })
    }

    fn contents(pages: &[Value]) -> Contents {
        let lines = pages.iter().map(|page| format!("{page}\n"));
        Contents(Zeroizing::new(lines.collect::<String>().into_bytes()))
    }

    #[test]
    fn what_is_said_has_no_secret() {
        let summary = contents(&[page(0, Some(0)), page(1000, None)]).summary();
        let summary = summary.unwrap_or_else(|failure| panic!("{failure:?}"));
        assert_eq!(
            summary.page(),
            "Export of nas1, made 2026-11-24 15:40 UTC.\n\
             2 accounts with 2 devices; 2 with recovery codes, which a restore voids.\n\
             Exemptions: 0. In grace: 0.\n\
             Two-factor authentication: on; asked by sshd: no.\n\
             Not in it, since they could not be read: devices of user1000.\n"
        );
        assert!(!summary.json().to_string().contains("GEZDGNBVGY3TQOJQ"));
    }

    #[test]
    fn what_is_no_export_is_refused() {
        let mut newer = page(0, None);
        newer["format"] = json!(2);
        newer["accounts"] = json!({ "sharded": true });
        for (contents, expected) in [
            (contents(&[]), "unknown form"),
            (contents(&[page(0, Some(0))]), "unknown form"),
            (contents(&[json!({ "format": 1 })]), "unknown form"),
            (contents(&[json!("x")]), "unknown form"),
            (contents(&[newer]), "a newer release made this export"),
            (Contents(Zeroizing::new(vec![0xff, b'\n'])), "unknown form"),
        ] {
            let Err(failure) = contents.summary() else {
                panic!("{expected}")
            };
            assert!(failure.lines[0].contains(expected), "{failure:?}");
        }
    }
}
