//! What lets somebody in without a code or begin with one, and how long it was given for.

use std::collections::BTreeMap;

use super::happens::Happens;
use super::*;
use crate::tests::doors::keys::{KEY, PRINT};

/// Whose each is. None of them may have a device.
const BYPASSED: (&str, u32) = ("sys", 3);
const EXEMPT: (&str, u32) = ("games", 5);
const IN_GRACE: (&str, u32) = ("man", 6);
const INVITED: &str = BIN.0;

/// The least and the most that the latest time is that the machine remembers.
type Seen = (u64, u64);

#[derive(Default)]
pub(super) struct Permits {
    bypasses: BTreeMap<i64, Bypass>,
    /// Of the account, and of a key of it.
    exempt_until: [u64; 2],
    grace_until: u64,
    invites: Vec<Invite>,
    pending: Option<Pending>,
}

/// As long as it was given for on a clock that nobody sets.
struct Bypass {
    boot: u8,
    end: u64,
    until: u64,
    uses: u32,
}

struct Invite {
    text: Value,
    until: u64,
    is_good: bool,
}

struct Pending {
    id: Value,
    secret: String,
    until: u64,
}

impl Permits {
    pub(super) fn happens(&mut self, machine: &mut Machine, seen: Seen, what: Happens) {
        match what {
            Happens::IsGivenBypass { minutes, uses } => self.give_bypass(machine, minutes, uses),
            Happens::IsGivenExemption { days, is_for_key } => {
                self.exempt(machine, seen, days, is_for_key);
            }
            Happens::IsGivenGrace { days } => {
                let given = json!([{ "username": IN_GRACE.0, "days": days }]);
                let given = machine.ok("auth.twofactor.grace.create", given);
                self.grace_until = given["until"].as_u64().unwrap();
                assert_eq!(verdict(machine, IN_GRACE, false), "NOT_REQUIRED");
            }
            Happens::IsInvited { hours } => {
                let invited = json!([{ "username": INVITED, "hours": hours }]);
                let invited = machine.ok("auth.twofactor.invite.create", invited);
                self.void_invites();
                self.invites.push(Invite {
                    text: invited["invite"].clone(),
                    until: invited["expires"].as_u64().unwrap(),
                    is_good: true,
                });
            }
            Happens::UsesInvite(from_the_last) => {
                if let Some(at) = self.invites.len().checked_sub(from_the_last + 1) {
                    self.use_invite(machine, seen, at);
                }
            }
            Happens::Confirms => self.confirm(machine, seen),
            Happens::LogsIn => self.log_in(machine, seen),
            _ => {}
        }
    }

    /// Until a date that root names, which is refused where it would be over at once.
    fn exempt(&mut self, machine: &mut Machine, seen: Seen, days: u64, is_for_key: bool) {
        let until = machine.now + days * DAY;
        let mut given = json!({ "username": EXEMPT.0, "until": until, "reason": "job" });
        if is_for_key {
            given["key"] = json!(PRINT);
        }
        let given = machine.call("auth.twofactor.exemption.create", json!([given]));
        if given.is_ok() {
            let kept = &mut self.exempt_until[usize::from(is_for_key)];
            *kept = until.max(*kept);
            assert_eq!(verdict(machine, EXEMPT, is_for_key), "EXEMPT");
        } else {
            assert!(until <= seen.1, "{until} {seen:?}");
        }
    }

    fn give_bypass(&mut self, machine: &mut Machine, minutes: u64, uses: u32) {
        let given = json!({
            "username": BYPASSED.0, "minutes": minutes, "uses": uses, "reason": "lost phone",
        });
        let given = machine.ok("auth.twofactor.bypass.create", json!([given]));
        let bypass = Bypass {
            boot: machine.boot,
            end: machine.up.unwrap() + 60 * minutes,
            until: given["until"].as_u64().unwrap(),
            uses,
        };
        self.bypasses.insert(given["id"].as_i64().unwrap(), bypass);
        // Whatever the clock shows, it works now.
        assert!(self.is_let_in_by_a_bypass(machine));
    }

    /// Each lets in who has it, so often, so long, and dies with the boot.
    fn is_let_in_by_a_bypass(&mut self, machine: &mut Machine) -> bool {
        let left = |machine: &mut Machine| {
            let records = machine.state(|tx| tx.bypasses().unwrap());
            let left = |record: &store::BypassRecord| (record.id, record.bypass.uses_left);
            records.iter().map(left).collect::<BTreeMap<_, _>>()
        };
        let before = left(machine);
        match verdict(machine, BYPASSED, false).as_str() {
            "BYPASSED" => {}
            "NOT_ENROLLED" => return false,
            other => panic!("{other}"),
        }
        let after = left(machine);
        let used = before.iter().filter(|(id, uses)| after[*id] != **uses);
        let used: Vec<_> = used.collect();
        assert_eq!(used.len(), 1, "{before:?} {after:?}");
        let bypass = self.bypasses.get_mut(used[0].0).unwrap();
        assert_eq!(bypass.boot, machine.boot);
        assert!(machine.up.unwrap() < bypass.end && machine.now < bypass.until);
        bypass.uses = bypass.uses.checked_sub(1).unwrap();
        true
    }

    /// Once, the newest alone, and not after its time.
    fn use_invite(&mut self, machine: &mut Machine, seen: Seen, at: usize) {
        let invite = &mut self.invites[at];
        let wanted = json!([{ "username": INVITED, "invite": invite.text }]);
        if let Some(older) = self.pending.take() {
            // It may be over.
            let _ = machine.call("auth.twofactor.device.delete", json!([older.id]));
        }
        let made = machine.call("auth.twofactor.device.create", wanted);
        assert!(made.is_err() || (invite.is_good && seen.0 < invite.until));
        assert!(made.is_ok() || !invite.is_good || invite.until <= seen.1);
        let Ok(made) = made else { return };
        invite.is_good = false;
        self.pending = Some(Pending {
            id: made["id"].clone(),
            secret: made["secret"].as_str().unwrap().to_owned(),
            until: made["expires"].as_u64().unwrap(),
        });
    }

    fn void_invites(&mut self) {
        for invite in &mut self.invites {
            invite.is_good = false;
        }
    }

    /// The first right code makes a device active while it is pending.
    fn confirm(&mut self, machine: &mut Machine, seen: Seen) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let token = machine.code_of(&pending.secret);
        let typed = json!([{ "id": pending.id, "token": token }]);
        let confirmed = machine.call("auth.twofactor.device.confirm", typed);
        if confirmed.is_ok() {
            assert!(seen.0 < pending.until);
            // Who has a device needs no invite.
            self.void_invites();
            machine.ok("auth.twofactor.device.delete", json!([pending.id]));
        } else {
            assert!(pending.until <= seen.1, "{confirmed:?}");
        }
    }

    fn log_in(&mut self, machine: &mut Machine, seen: Seen) {
        self.is_let_in_by_a_bypass(machine);
        let [exempt_until, key_until] = self.exempt_until;
        let dated = [
            (EXEMPT, false, "EXEMPT", exempt_until),
            (EXEMPT, true, "EXEMPT", key_until.max(exempt_until)),
            (IN_GRACE, false, "NOT_REQUIRED", self.grace_until),
        ];
        for (who, by_key, let_in, until) in dated {
            let verdict = verdict(machine, who, by_key);
            assert!(verdict == let_in || verdict == "NOT_ENROLLED", "{verdict}");
            assert!(verdict != let_in || seen.0 < until, "{who:?} {seen:?}");
        }
    }

    /// An unlock leaves no more of what was given than could be given now: a week.
    pub(super) fn reset(&mut self, now: u64) {
        let invited = self.invites.iter_mut().map(|invite| &mut invite.until);
        let pending = self.pending.iter_mut().map(|pending| &mut pending.until);
        for until in invited.chain(pending) {
            *until = (now + 7 * DAY).min(*until);
        }
    }

    /// What is given by a right clock after an unlock works, and ends.
    pub(super) fn recover(&mut self, machine: &mut Machine, seen: Seen) {
        self.happens(machine, seen, Happens::IsGivenGrace { days: 1 });
        self.happens(
            machine,
            seen,
            Happens::IsGivenExemption {
                days: 1,
                is_for_key: false,
            },
        );
        self.happens(machine, seen, Happens::IsInvited { hours: 1 });
        let newest = self.invites.len() - 1;
        self.use_invite(machine, seen, newest);
        self.confirm(machine, seen);
        self.give_bypass(machine, 10, 1);
    }
}

/// At a door that is asked after a password, or at sshd after the key.
fn verdict(machine: &mut Machine, (name, uid): (&str, u32), by_key: bool) -> String {
    let (service, factor) = if by_key {
        ("sshd", KEY)
    } else {
        ("sudo", "password")
    };
    let login = json!([{ "username": name, "uid": uid, "service": service, "factor": factor }]);
    let answer = machine.ok("auth.twofactor.authenticate", login);
    answer["verdict"].as_str().unwrap().to_owned()
}
