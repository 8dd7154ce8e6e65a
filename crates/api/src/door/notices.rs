//! What somebody is told who has just got in: what happened to the account since the last login, and
//! whoever has uid 0, to any account.

use store::{Notice, StoreError};
use twofactor::UnixTime;

use super::{Answer, Attempt, span};
use crate::CallError;
use crate::auth_twofactor::{ROOT, whose};
use crate::clock_guard;
use crate::method::Writing;

/// How many lines there are at most: more are not read.
const MOST: usize = 5;

/// Adds what has to be told, and notes that it was. Nothing before a password or a key is proven.
pub(super) fn tell(
    write: &mut Writing<'_, '_>,
    attempt: &Attempt<'_>,
    answer: &mut Answer,
) -> Result<(), CallError> {
    let Some(uid) = attempt.who.known_uid().filter(|_| attempt.is_proven()) else {
        return Ok(());
    };
    if answer.verdict.opens() {
        return tell_news(write, uid, answer);
    }
    clock_guard::tell(write, uid, answer)
}

fn tell_news(write: &mut Writing<'_, '_>, uid: u32, answer: &mut Answer) -> Result<(), CallError> {
    let notices = match write.tx.notices(uid) {
        // Nobody stays outside because of it.
        Err(StoreError::Damaged { .. }) => return Ok(()),
        notices => notices?,
    };
    if notices.is_empty() {
        return Ok(());
    }
    for notice in notices.iter().take(MOST) {
        let line = line(write, uid, notice)?;
        answer.warnings.push(line);
    }
    answer
        .warnings
        .push(match (uid, notices.len().saturating_sub(MOST)) {
            (ROOT, 0) => "More about it: midclt 2fa log".to_owned(),
            (ROOT, more) => format!("{more} more like that: midclt 2fa log"),
            (_, _) => "If any of this was not you, tell your administrator".to_owned(),
        });
    Ok(write.tx.notices_told(uid)?)
}

fn line(write: &Writing<'_, '_>, told: u32, notice: &Notice) -> Result<String, CallError> {
    let now: UnixTime = write.tx.now();
    let ago = span(now.since(notice.at));
    let times = match notice.count {
        0 | 1 => String::new(),
        count => format!(", the last of {count}"),
    };
    let whose = match notice.uid {
        Some(uid) if uid != told => format!(", {}", whose::username(write.tx, uid)?),
        _ => String::new(),
    };
    Ok(format!("{ago} ago{whose}{times}: {}", notice.message))
}
