//! An account as the pages show it.

use serde_json::{Value, json};

use crate::pages::answer::Problem;
use crate::pages::when::When;
use crate::sessions::Session;

/// An account.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) uid: u64,
    pub(super) has_shell: Option<bool>,
    pub(super) devices: Vec<Device>,
    pub(super) last_use: Option<When>,
    pub(super) last_login: Option<When>,
    pub(super) recovery_codes: u64,
    pub(super) exempt_until: Option<When>,
    pub(super) grace_until: Option<When>,
    pub(super) bypass_until: Option<When>,
    /// Seconds that codes from somewhere wait after wrong ones.
    pub(super) retry_after: Option<u64>,
    pub(super) ssh: &'static str,
    pub(super) others: &'static str,
}

/// A device.
pub(super) struct Device {
    pub(super) name: String,
    pub(super) is_active: bool,
    pub(super) last_used: Option<When>,
}

impl Entry {
    pub(super) fn new(entry: &Value) -> Option<Self> {
        let number = |key| entry.get(key).and_then(Value::as_u64);
        let devices = entry.get("devices")?.as_array()?;
        let devices: Vec<_> = devices.iter().filter_map(Device::new).collect();
        Some(Self {
            name: entry.get("username")?.as_str()?.to_owned(),
            uid: number("uid")?,
            has_shell: entry.get("has_shell").and_then(Value::as_bool),
            last_use: devices.iter().filter_map(|device| device.last_used).max(),
            devices,
            last_login: When::of(entry, "last_login"),
            recovery_codes: number("recovery_codes").unwrap_or(0),
            exempt_until: When::of(entry, "exempt_until"),
            grace_until: When::of(entry, "grace_until"),
            bypass_until: When::of(entry, "bypass_until"),
            retry_after: number("retry_after"),
            ssh: asked(entry.get("ssh")?),
            others: asked(entry.get("others")?),
        })
    }

    pub(super) fn has_active(&self) -> bool {
        self.devices.iter().any(|device| device.is_active)
    }

    /// Where its page is, or a question about it.
    pub(super) fn link(&self, what: &str) -> String {
        super::link(what, &self.name)
    }

    /// Where its entries are in the log.
    pub(super) fn log(&self) -> String {
        format!("/log?account={}", super::encoded(&self.name))
    }
}

impl Device {
    fn new(entry: &Value) -> Option<Self> {
        Some(Self {
            name: entry.get("name")?.as_str()?.to_owned(),
            is_active: entry.get("state")? == "ACTIVE",
            last_used: When::of(entry, "last_used"),
        })
    }
}

/// What somebody is asked for who has proven a password or a key. What is not known here is not said to
/// be harmless.
fn asked(word: &Value) -> &'static str {
    match word.as_str() {
        Some("OFF") => "nothing: it is off",
        Some("CODE") => "a code",
        Some("EXEMPT") => "nothing: exempt",
        Some("GRACE") => "nothing: grace",
        Some("ALLOWED") => "nothing: no device, which the policy allows",
        Some("BYPASS") => "nothing: bypass",
        Some("REFUSED") => "refused: no device",
        _ => "unknown",
    }
}

/// What sshd was last found to do.
pub(super) struct Sshd {
    /// When somebody looked.
    pub(super) at: Option<When>,
    pub(super) is_ready: bool,
    /// Accounts, or none for all others; and what it asks them for.
    doors: Vec<(Option<String>, String)>,
}

impl Sshd {
    /// From the newest report.
    pub(super) async fn look(session: &Session) -> Result<Self, Problem> {
        let method = "auth.twofactor.status";
        let status = session.daemon.call(method, json!([])).await?;
        Ok(Self::new(status.get("sshd").unwrap_or(&Value::Null)))
    }

    fn new(report: &Value) -> Self {
        let doors = report.get("doors").and_then(Value::as_array);
        let doors = doors.into_iter().flatten();
        let text = |door: &Value, key| door.get(key).and_then(Value::as_str).map(str::to_owned);
        // What holds for one address only says nothing of the others.
        let doors = doors.filter(|door| text(door, "address").is_none());
        Self {
            at: When::of(report, "at"),
            is_ready: report.get("ready") == Some(&json!(true)),
            doors: doors
                .filter_map(|door| Some((text(door, "username"), text(door, "effective")?)))
                .collect(),
        }
    }

    /// What it asks this account for: by its own door, or else by that of everybody.
    pub(super) fn effective(&self, name: &str) -> &str {
        let of = |wanted: Option<&str>| {
            let mut doors = self.doors.iter();
            doors.find(|(owner, _)| owner.as_deref() == wanted)
        };
        let door = of(Some(name)).or_else(|| of(None));
        door.map_or("unknown", |(_, effective)| effective.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_door_of_an_account_comes_before_that_of_everybody() {
        let report = json!({"at": 1, "ready": true, "doors": [
            {"username": null, "address": null, "configured": "x", "effective": "key and code"},
            {"username": "root", "address": null, "configured": "x", "effective": "nobody"},
            {"username": "bob", "address": "192.0.2.1", "configured": "x", "effective": "key"},
        ]});
        let sshd = Sshd::new(&report);
        assert!(sshd.is_ready && sshd.at.is_some());
        for (name, effective) in [
            ("root", "nobody"),
            ("bob", "key and code"),
            ("alice", "key and code"),
        ] {
            assert_eq!(sshd.effective(name), effective, "{name}");
        }
        let nothing = Sshd::new(&Value::Null);
        assert_eq!(
            (nothing.effective("root"), nothing.is_ready),
            ("unknown", false)
        );
    }
}
