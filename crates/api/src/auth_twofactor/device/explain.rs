//! `auth.twofactor.device.explain`: why a code is refused, for root who helps somebody.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use store::StoredDevice;
use twofactor::{
    AccountName, Enrolment, Explanation, Reach, Sighting, UnixTime, Window, counting, explain,
    search,
};
use zeroize::Zeroizing;

use crate::CallError;
use crate::access::Right;
use crate::bounded::Username;
use crate::door::span;
use crate::fields::Token;
use crate::lookup;
use crate::method::{Declared, Reading, Slow, Stage, Writing};
use crate::params::fields;

fields! {
    /// Finds out what a code is that an account's phone shows: the right one, one of another time within
    /// a day, or one of an app that did not do as it was told.
    ///
    /// It is no door: nothing is accepted, used up or counted, and it works while the account is locked.
    /// For root, who can read the secret anyway; it is audited.
    pub(crate) struct ExplainCode {
        /// The account.
        username: Username,
        /// The code that the phone shows.
        token: Token,
    }
}

/// What the code is.
#[derive(Clone, Serialize, JsonSchema)]
pub(crate) struct Explained {
    /// What it is.
    meaning: Meaning,
    /// The device whose code it is, or null.
    device: Option<String>,
    /// By how many seconds the phone is ahead or behind, give or take half an interval; else 0.
    seconds: u64,
    /// Whether something keeps this machine's clock right.
    clock_synchronised: bool,
    /// The same in a sentence, with what to do.
    message: String,
}

/// What a code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
enum Meaning {
    /// The right one, and not used yet.
    Right,
    /// A right one that is used up.
    Used,
    /// One of the account's device that is not confirmed, and does not count yet.
    Pending,
    /// One of the future: the phone is ahead.
    Ahead,
    /// One of the past: the phone is behind.
    Behind,
    /// Of an app that ignored the number of digits, the interval or the hash.
    Ignored,
    /// None of this account's.
    Unknown,
}

/// What is searched.
pub(crate) struct Job {
    username: AccountName,
    devices: Vec<StoredDevice>,
    counting: Vec<bool>,
    typed: Zeroizing<String>,
    window: Window,
    now: UnixTime,
    synchronised: bool,
}

impl Declared for ExplainCode {
    const NAME: &'static str = "auth.twofactor.device.explain";
    const RIGHT: Right = Right::Root;
    type Output = Explained;
}

impl Slow for ExplainCode {
    type Job = Box<Job>;
    type Found = Explained;

    fn prepare(&self, read: &Reading<'_>) -> Result<Stage<Box<Job>, Explained>, CallError> {
        let name = &self.username.0;
        let record = read.tx.account_named(name)?;
        let uid = record.ok_or_else(|| lookup::is_absent(name))?.account.uid;
        let mut devices = read.tx.open_devices(uid)?;
        let today = read.today()?;
        devices.retain(|stored| super::is_alive(&stored.record, today));
        if devices.is_empty() {
            let message =
                format!("'{name}' has no device. To add one: midclt 2fa device add {name}");
            return Err(CallError::refused(Errno::ENOENT, message));
        }
        let enrolments: Vec<Enrolment> = devices.iter().map(|it| it.record.enrolment).collect();
        Ok(Stage::Work(Box::new(Job {
            username: name.clone(),
            counting: counting(&enrolments, today),
            devices,
            typed: self.token.0.clone(),
            window: read.tx.settings()?.window,
            now: read.clocks.wall,
            synchronised: read.clocks.synchronised,
        })))
    }

    fn work(job: Box<Job>) -> Result<Stage<Box<Job>, Explained>, CallError> {
        Ok(Stage::Ready(job.explain()))
    }

    fn finish(
        &self,
        found: &Explained,
        write: &mut Writing<'_, '_>,
    ) -> Result<Explained, CallError> {
        write.about(&self.username.0);
        write.audit("code explained")?;
        Ok(found.clone())
    }
}

impl Job {
    fn explain(&self) -> Explained {
        let searched = self.devices.iter().enumerate().filter_map(|(at, stored)| {
            let found = search(&stored.device, &self.typed, self.now, Reach::Day)?;
            Some((at, stored, found))
        });
        let nearest = searched.min_by_key(|(_, _, found)| found.secs.unsigned_abs());
        if let Some((at, stored, found)) = nearest {
            return self.found(at, stored, &found);
        }
        let ignored = self.devices.iter().find_map(|stored| {
            let explanation = explain(&stored.device, &[], &self.typed, self.now)?;
            Some((stored, explanation))
        });
        if let Some((stored, explanation)) = ignored {
            return self.ignored(stored, explanation);
        }
        let text = format!(
            "This is no code of this account's within a day. Is it of this machine and of this account? \
             Type the next one; else set the phone up anew: midclt 2fa renew {}",
            self.username
        );
        self.says(Meaning::Unknown, None, text)
    }

    fn found(&self, at: usize, stored: &StoredDevice, found: &Sighting) -> Explained {
        let name = &stored.record.name;
        let device = Some(name.clone());
        let step = u64::from(stored.device.step.as_secs());
        let current = self.now.as_secs() / step;
        let is_near = found.counter.abs_diff(current) <= u64::from(self.window.steps());
        let counts = self.counting.get(at).copied().unwrap_or(false);
        if is_near && !counts {
            let text = format!(
                "This is the code of '{name}', which was never confirmed and does not count. To do \
                 that: midclt 2fa device confirm {}",
                stored.record.id
            );
            return self.says(Meaning::Pending, device, text);
        }
        if is_near && found.is_burned {
            let text = format!(
                "This is a code of '{name}', and it is used up: each is good once. Type the next one"
            );
            return self.says(Meaning::Used, device, text);
        }
        if is_near {
            let text = format!("This is the right code of '{name}'. It was not used up by this");
            return self.says(Meaning::Right, device, text);
        }
        let (meaning, which) = if found.secs < 0 {
            (Meaning::Behind, "behind")
        } else {
            (Meaning::Ahead, "ahead of")
        };
        let seconds = found.secs.unsigned_abs();
        let zone = if is_like_a_time_zone(seconds) {
            ", as far as a wrong time zone makes it"
        } else {
            ""
        };
        let text = format!(
            "This is a code of '{name}', whose clock is about {} {which} this machine's{zone}. {}",
            span(seconds),
            self.which_clock()
        );
        Explained {
            seconds,
            ..self.says(meaning, device, text)
        }
    }

    const fn which_clock(&self) -> &'static str {
        if self.synchronised {
            "This machine's clock is kept right: have the phone set its own by the network"
        } else {
            "Nothing keeps this machine's clock right, so it may be that one: timedatectl status"
        }
    }

    fn ignored(&self, stored: &StoredDevice, explanation: Explanation) -> Explained {
        let device = Some(stored.record.name.clone());
        let text = super::confirm::in_words(explanation, &stored.device, &[]);
        self.says(Meaning::Ignored, device, text)
    }

    fn says(&self, meaning: Meaning, device: Option<String>, text: impl Into<String>) -> Explained {
        Explained {
            meaning,
            device,
            seconds: 0,
            clock_synchronised: self.synchronised,
            message: text.into(),
        }
    }
}

/// Off by a multiple of half an hour, nearly: nothing drifts like that.
const fn is_like_a_time_zone(secs: u64) -> bool {
    const HALF_HOUR: u64 = 1800;
    const NEAR: u64 = 90;
    let rest = secs % HALF_HOUR;
    secs >= HALF_HOUR - NEAR && (rest <= NEAR || rest >= HALF_HOUR - NEAR)
}
