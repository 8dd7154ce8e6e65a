//! What a door is told, in words for whoever stands before it.

use nix::errno::Errno;
use schemars::JsonSchema;
use serde::Serialize;
use twofactor::{AccountName, Bypass, LockCause, Locked, UnixTime};

use super::{Attempt, Who};
use crate::CallError;
use crate::event::{Event, LOGIN};
use crate::method::Writing;

/// Whether a door opens. Only the first four do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
pub(crate) enum Verdict {
    /// No code is asked for.
    NotRequired,
    /// The account is exempt until a date.
    Exempt,
    /// One use of a bypass was used up.
    Bypassed,
    /// The code was right, and is used up.
    Accepted,
    /// Ask for a code, and call again with it.
    CodeRequired,
    /// The code is wrong, or is none.
    Wrong,
    /// The code was right once.
    Replayed,
    /// Too many wrong codes; nothing was looked at.
    Locked,
    /// The account has no device, and nothing lets it in without.
    NotEnrolled,
}

impl Verdict {
    /// Whether the door opens.
    pub(crate) const fn opens(self) -> bool {
        matches!(
            self,
            Self::NotRequired | Self::Exempt | Self::Bypassed | Self::Accepted
        )
    }

    /// Its words in the audit.
    pub(super) const fn outcome(self) -> &'static str {
        match self {
            Self::NotRequired => "not required",
            Self::Exempt => "exempt",
            Self::Bypassed => "bypassed",
            Self::Accepted => "accepted",
            Self::CodeRequired => "code required",
            Self::Wrong => "wrong",
            Self::Replayed => "replayed",
            Self::Locked => "locked",
            Self::NotEnrolled => "not enrolled",
        }
    }
}

/// The answer to a door.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// Whether the door opens: `NOT_REQUIRED`, `EXEMPT`, `BYPASSED` and `ACCEPTED` do, nothing else does.
    pub(crate) verdict: Verdict,
    /// What to show to whoever stands before the door; may be empty.
    pub(crate) message: String,
    /// Seconds to wait before the next try has any effect, or null.
    pub(crate) retry_after: Option<u64>,
    /// The device whose code it was, "recovery code", or null.
    pub(crate) device: Option<String>,
    /// What to show besides, once the door is open.
    pub(crate) warnings: Vec<String>,
    /// Whether this account may set up its first device now, with an invite: see
    /// auth.twofactor.device.enrol.
    pub(crate) may_enrol: bool,
}

impl Answer {
    pub(super) fn of(verdict: Verdict, message: impl Into<String>) -> Self {
        Self {
            verdict,
            message: message.into(),
            retry_after: None,
            device: None,
            warnings: Vec::new(),
            may_enrol: false,
        }
    }

    /// The name that may be written down: of an account that is on record, or of one that was let in
    /// by its password or key alone. Other names come by the thousand, and may be mistyped passwords.
    pub(super) fn name_to_tell<'a>(&self, attempt: &Attempt<'a>) -> Option<&'a str> {
        match self.verdict {
            Verdict::NotRequired | Verdict::Exempt | Verdict::Bypassed if attempt.is_proven() => {
                attempt.who.name().map(AccountName::as_str)
            }
            _ => attempt.who.known_name(),
        }
    }

    /// Tells subscribers of a login, where its name may be told.
    pub(super) fn tell(
        &self,
        write: &mut Writing<'_, '_>,
        attempt: &Attempt<'_>,
    ) -> Result<(), CallError> {
        let Some(username) = self.name_to_tell(attempt) else {
            return Ok(());
        };
        let login = Login {
            username,
            verdict: self.verdict,
            service: attempt.service,
            source: attempt.source.to_string(),
            device: self.device.as_deref(),
        };
        write.emit(Event::happened(LOGIN, &login)?);
        Ok(())
    }

    /// For the methods that answer only yes or no: being locked out is neither. What was written is
    /// kept then too: the wait that begins now after a clock that was ahead.
    pub(crate) fn into_bool(self, write: &mut Writing<'_, '_>) -> Result<bool, CallError> {
        match self.verdict {
            Verdict::Locked => {
                let locked = CallError::refused(Errno::EBUSY, self.message);
                Err(write.refuse(locked))
            }
            verdict => Ok(verdict == Verdict::Accepted),
        }
    }
}

#[derive(Serialize)]
struct Login<'a> {
    username: &'a str,
    verdict: Verdict,
    service: &'a str,
    source: String,
    device: Option<&'a str>,
}

pub(super) fn code_required() -> Answer {
    Answer::of(Verdict::CodeRequired, "Verification code")
}

pub(super) fn malformed() -> Answer {
    let message =
        "A code has 6 to 8 digits, a recovery code 17 letters and digits. Nothing was counted";
    Answer::of(Verdict::Wrong, message)
}

pub(super) fn wrong() -> Answer {
    let message = "This code is wrong. Wait for the next one, or use a recovery code";
    Answer::of(Verdict::Wrong, message)
}

pub(super) fn wrong_invite() -> Answer {
    let message =
        "This invite is wrong, was used, or is over. Ask the administrator for another one";
    Answer::of(Verdict::Wrong, message)
}

pub(super) fn wrong_recovery() -> Answer {
    let message = "This recovery code is wrong, or was used already";
    Answer::of(Verdict::Wrong, message)
}

/// The next code is another one after `secs`.
pub(super) fn replayed(secs: u64) -> Answer {
    let message = format!("This code was already used; the next one comes in {secs} s");
    Answer {
        retry_after: Some(secs),
        ..Answer::of(Verdict::Replayed, message)
    }
}

/// Says how long, and to whoever has proven a password or a key also how to get around it.
pub(super) fn locked(attempt: &Attempt<'_>, locked: &Locked, now: UnixTime) -> Answer {
    let secs = locked.until.since(now).max(1);
    let wait = span(secs);
    let name = attempt.who.known_name().filter(|_| attempt.is_proven());
    let message = match (locked.cause, name) {
        (LockCause::Account, Some(name)) => format!(
            "Too many wrong codes for this account from new addresses. Use an address that you logged \
             in from in the last 30 days, a recovery code, or the console; or have root run: midclt \
             2fa unlock {name}"
        ),
        _ => format!("Too many wrong codes. Try again in {wait}"),
    };
    Answer {
        retry_after: Some(secs),
        ..Answer::of(Verdict::Locked, message)
    }
}

/// The wait ended between two looks at it.
pub(super) fn too_soon() -> Answer {
    Answer {
        retry_after: Some(1),
        ..Answer::of(Verdict::Locked, "Too many wrong codes. Try again in 1 s")
    }
}

pub(super) fn not_enrolled(who: &Who) -> Answer {
    let message = match who.name() {
        Some(name) => format!(
            "This account has no second factor. Ask the administrator: midclt 2fa device add {name}"
        ),
        None => "This account has no second factor".to_owned(),
    };
    Answer::of(Verdict::NotEnrolled, message)
}

pub(super) fn grace(until: UnixTime, today: UnixTime) -> String {
    let left = span(until.since(today));
    format!("This account has no second factor; from {left} on it needs one: midclt 2fa device add")
}

pub(super) fn bypassed(used: &Bypass, today: UnixTime) -> String {
    let more = used.uses_left.saturating_sub(1);
    let left = span(used.until.since(today));
    match more {
        0 => "No code was asked for: a bypass, used up now".to_owned(),
        1 => format!("No code was asked for: a bypass, good once more for {left}"),
        _ => format!("No code was asked for: a bypass, good {more} times more for {left}"),
    }
}

/// What the owner must know who has just got in.
pub(super) fn failures_since_login(failures: u32) -> Option<String> {
    let codes = match failures {
        0 => return None,
        1 => "1 wrong code was".to_owned(),
        _ => format!("{failures} wrong codes were"),
    };
    Some(format!(
        "{codes} typed since your last login, after your password or key. If that was not you, change \
         your password"
    ))
}

/// Recovery codes that are nearly used up.
pub(super) fn few_codes_left(left: u32) -> Option<String> {
    let codes = match left {
        0 => "no recovery code is".to_owned(),
        1 => "1 recovery code is".to_owned(),
        2 => "2 recovery codes are".to_owned(),
        _ => return None,
    };
    Some(format!("Only {codes} left; make new ones: midclt 2fa recovery").replace("Only no", "No"))
}

/// A time that people can read: up to two minutes in seconds, up to two hours in minutes, then hours,
/// then days.
pub(crate) fn span(secs: u64) -> String {
    match secs {
        0..=120 => format!("{secs} s"),
        121..=7_200 => format!("{} min", secs.div_ceil(60)),
        7_201..=172_800 => format!("{} h", secs.div_ceil(3_600)),
        _ => format!("{} days", secs / 86_400),
    }
}
