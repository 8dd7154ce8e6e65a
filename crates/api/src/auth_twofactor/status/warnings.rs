//! What is not as it should be, with the cure.

use breakglass::Grant;
use twofactor::{Clocks as MachineClocks, Policy, SecurityKeys, Settings, Unenrolled, UnixTime};

use super::clocks::Clocks;
use super::report::Report;
use crate::CallError;
use crate::auth_twofactor::ssh::{PUT_BACK, Sshd, VERIFY_REQUIRED};
use crate::method::Reading;

/// A code that is good for longer than this is worth a word (NIST SP 800-63B).
const ADVISED_SPAN_SECS: u64 = 120;

/// Where an override is.
const FILE: &str = "/run/middleware-override/override";

/// How long a report about sshd counts as fresh: one may be late, or lost.
const REPORT_SECS: u64 = 2 * 24 * 60 * 60;

/// What warnings are made of.
pub(super) struct Facts {
    settings: Settings,
    policy: Policy,
    for_everybody: bool,
    machine: MachineClocks,
    overriding: Option<Grant>,
    has_stale_override: bool,
    key_missing: Option<String>,
    span_secs: u64,
    odd_steps: u32,
    weak_secrets: u32,
    few_codes: usize,
    without_codes: u32,
    sshd: Option<Sshd>,
    clocks: Clocks,
    /// Accounts with a login shell and without a device; `None` where nobody knows.
    pub(super) unenrolled: Option<u32>,
}

impl Facts {
    pub(super) fn stored(read: &Reading<'_>, report: &Report) -> Result<Self, CallError> {
        let settings = read.tx.settings()?;
        let shapes = read.tx.device_shapes()?;
        let longest = shapes.longest_step.unwrap_or(settings.step);
        Ok(Self {
            settings,
            policy: read.tx.policy()?,
            for_everybody: report
                .bypasses
                .iter()
                .any(|bypass| bypass.username.is_none()),
            machine: read.clocks,
            overriding: read.tx.overriding().map(|found| found.grant.clone()),
            has_stale_override: read.tx.has_stale_override(),
            key_missing: read.tx.degraded().map(str::to_owned),
            span_secs: settings.window.span_secs(longest),
            odd_steps: shapes.odd_steps,
            weak_secrets: shapes.weak_secrets,
            few_codes: report.recovery.len(),
            without_codes: report.accounts.without_codes,
            sshd: report.sshd.clone(),
            clocks: Clocks::stored(read, report)?,
            unenrolled: None,
        })
    }

    fn is_allowed(&self) -> bool {
        self.policy.unenrolled == Unenrolled::Allow
    }

    /// The gravest first.
    pub(super) fn warnings(&self) -> Vec<String> {
        let all = [
            self.overriding(),
            self.stale(),
            self.key(),
            self.everybody(),
            self.allowed(),
            self.sshd(),
            self.put_back(),
            self.old_report(),
            self.drop_in(),
            self.security_keys(),
            self.clocks.unkept(),
            self.clocks.behind(),
            self.clocks.burned(),
            self.clocks.skewed(),
            self.without_device(),
            self.codes(),
            self.span(),
            self.steps(),
            self.secrets(),
        ];
        all.into_iter().flatten().collect()
    }

    fn overriding(&self) -> Option<String> {
        Some(match self.overriding.as_ref()? {
            Grant::Off => {
                "An override turns two-factor authentication off UNTIL THE NEXT REBOOT, since \
                the state could not be written. To end it: midclt 2fa enable"
                    .to_owned()
            }
            Grant::Bypass { account, until } => format!(
                "An override lets {account} in without a code until {0} (date -d @{0}), since \
                 the state could not be written. To end it, as root: rm {FILE}",
                until.wall
            ),
        })
    }

    fn stale(&self) -> Option<String> {
        self.has_stale_override.then(|| {
            format!(
                "An override is there that is stored, and so counts only while middlewared does not \
                 answer. To end it, as root: rm {FILE}"
            )
        })
    }

    fn key(&self) -> Option<String> {
        let missing = self.key_missing.as_ref()?;
        Some(format!(
            "The master key is missing, so no code can be checked: {missing}. Recovery codes and \
             midclt 2fa bypass USER --reason TEXT still work; put back the copy of the key. Off for \
             everybody: midclt 2fa disable"
        ))
    }

    fn everybody(&self) -> Option<String> {
        let message = "A bypass lets everybody in without a code. To end it: midclt 2fa bypass \
            --list, then midclt 2fa bypass --delete ID";
        self.for_everybody.then(|| message.to_owned())
    }

    fn allowed(&self) -> Option<String> {
        let message = "Accounts without a device are let in with their password or key alone. To \
            refuse them: midclt 2fa policy unenrolled=DENY";
        self.is_allowed().then(|| message.to_owned())
    }

    fn sshd(&self) -> Option<String> {
        let is_ready = self.sshd.as_ref().is_some_and(|sshd| sshd.ready);
        let message = "sshd does not ask for codes as it should, or nobody has looked. To look: midclt \
            2fa ssh check --report";
        (self.settings.asks(Settings::SSHD) && !is_ready).then(|| message.to_owned())
    }

    fn put_back(&self) -> Option<String> {
        let is_guess = self.sshd.as_ref().is_some_and(|sshd| sshd.has(PUT_BACK));
        let message = "A trial of SSH was put back though nobody could say whether it was kept: codes \
            may be wanted, and are not asked for. Decide: midclt 2fa ssh enable, or midclt 2fa ssh \
            disable";
        is_guess.then(|| message.to_owned())
    }

    /// A timer looks each day, and so does every start of the machine.
    fn old_report(&self) -> Option<String> {
        let sshd = self.sshd.as_ref().filter(|sshd| sshd.ready)?;
        let message = "Nobody has looked whether sshd asks for codes for two days, or since the machine \
            was started. Why not: systemctl status middlewared-sshd.service. To look: midclt 2fa ssh \
            check --report";
        let counts = self.settings.asks(Settings::SSHD) && is_old(sshd, self.machine);
        counts.then(|| message.to_owned())
    }

    fn drop_in(&self) -> Option<String> {
        let mode = self.sshd.as_ref().and_then(|sshd| sshd.mode);
        let message = "sshd still wants keyboard-interactive from everybody: batch clients stay \
            refused. Lift it: midclt 2fa ssh disable";
        (!self.settings.asks(Settings::SSHD) && mode.is_some()).then(|| message.to_owned())
    }

    fn security_keys(&self) -> Option<String> {
        let sshd = self.sshd.as_ref();
        let is_seen_to = sshd.is_some_and(|sshd| sshd.has(VERIFY_REQUIRED));
        let counts = self.policy.security_keys == SecurityKeys::BothFactors;
        let message = "A security key counts for both factors, and nothing shows that sshd insists on \
            its PIN or finger (PubkeyAuthOptions verify-required): whoever finds the token gets in. \
            Ask for codes instead: midclt 2fa policy security_keys=ASK";
        (counts && !is_seen_to).then(|| message.to_owned())
    }

    fn without_device(&self) -> Option<String> {
        let count = self
            .unenrolled
            .filter(|count| self.settings.enabled && *count > 0)?;
        let (accounts, have) = counted(count, "account");
        let fate = if self.is_allowed() {
            "is let in without a code"
        } else {
            "is refused, unless exempt or in grace"
        };
        Some(format!(
            "{accounts} with a login shell {have} no device: whoever has none {fate}. For each: \
             midclt 2fa device add NAME"
        ))
    }

    fn codes(&self) -> Option<String> {
        let few = u32::try_from(self.few_codes).unwrap_or(u32::MAX);
        let message = match (few, self.without_codes) {
            (0, 0) => return None,
            (0, none) => {
                let (accounts, have) = counted(none, "account");
                format!("{accounts} {have} no recovery codes")
            }
            (few, _) => {
                let (accounts, have) = counted(few, "account");
                format!("{accounts} {have} two recovery codes or fewer left")
            }
        };
        Some(format!(
            "{message}: without the phone there is no way in. New ones: midclt 2fa recovery NAME"
        ))
    }

    fn span(&self) -> Option<String> {
        let span = self.span_secs;
        (span > ADVISED_SPAN_SECS).then(|| {
            format!(
                "A code is good for {span} s, and should be for at most {ADVISED_SPAN_SECS}: \
                 (2 * window + 1) * interval. To narrow it: midclt call auth.twofactor.update \
                 '{{\"window\": 1}}'"
            )
        })
    }

    fn steps(&self) -> Option<String> {
        let (devices, have) = counted(self.odd_steps, "device");
        (self.odd_steps > 0).then(|| {
            format!(
                "{devices} {have} an interval outside 15 to 120 s. A new one for the same phone: \
                 midclt 2fa renew NAME"
            )
        })
    }

    fn secrets(&self) -> Option<String> {
        let (devices, have) = counted(self.weak_secrets, "device");
        (self.weak_secrets > 0).then(|| {
            format!(
                "{devices} {have} a secret of less than 128 bits. A new one for the same phone: \
                 midclt 2fa renew NAME"
            )
        })
    }
}

/// Whether a report is of another boot, or too long ago, or by a clock that was ahead, so that nobody knows.
/// After a start it has some minutes to come.
fn is_old(sshd: &Sshd, clocks: MachineClocks) -> bool {
    const STARTING_SECS: u64 = 10 * 60;
    let at = UnixTime::from_secs(sshd.at);
    let age = clocks.wall.since(at);
    let is_of_this_boot = age <= clocks.boot.secs || clocks.boot.secs < STARTING_SECS;
    let is_to_come = at.since(clocks.wall) > STARTING_SECS;
    age > REPORT_SECS || is_to_come || !is_of_this_boot
}

/// `1 account`, `has`; `2 accounts`, `have`.
pub(super) fn counted(count: u32, what: &str) -> (String, &'static str) {
    match count {
        1 => (format!("1 {what}"), "has"),
        _ => (format!("{count} {what}s"), "have"),
    }
}
