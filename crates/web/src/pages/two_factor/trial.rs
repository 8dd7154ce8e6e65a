//! Settings that end by themselves: how long they still run, and what became of the last ones.

use serde_json::Value;

use crate::pages::answer::Problem;

/// What runs now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trial {
    pub(super) id: i64,
    /// As the page is made; scripts count on from here, whatever the reader's clock says.
    pub(super) seconds_left: u64,
    /// The time of day.
    pub(super) until: String,
    /// It is about SSH.
    pub(super) is_ssh: bool,
    pub(super) service: String,
}

impl Trial {
    /// From what `auth.twofactor.status` answers.
    pub(super) fn new(status: &Value) -> Result<Option<Self>, Problem> {
        let Some(trial) = status.get("trial").filter(|trial| !trial.is_null()) else {
            return Ok(None);
        };
        let number = |key| trial.get(key).and_then(Value::as_u64);
        let service = trial.get("service").and_then(Value::as_str);
        let found = Self {
            id: trial
                .get("id")
                .and_then(Value::as_i64)
                .ok_or(Problem::Broken)?,
            seconds_left: number("seconds_left").ok_or(Problem::Broken)?,
            until: time_of_day(number("until").ok_or(Problem::Broken)?),
            is_ssh: trial.pointer("/changes/services/ssh").is_some(),
            service: service.unwrap_or_default().to_owned(),
        };
        Ok(Some(found))
    }
}

/// Why the last one was not kept, if it was not.
pub(super) fn rolled_back(status: &Value) -> Option<String> {
    let ended = status.get("rolled_back")?;
    let at = time_of_day(ended.get("at")?.as_u64()?);
    let why = match ended.get("why")?.as_str()? {
        "deadline" => "nobody logged in with a code in time",
        "reboot" => "the machine was started anew",
        _ => "somebody wanted it so",
    };
    Some(format!(
        "What was on trial was undone at {at}: {why}. All is as it was before."
    ))
}

/// Of seconds since 1970.
pub(super) fn time_of_day(at: u64) -> String {
    let of_day = at % 86_400;
    let (hours, minutes, seconds) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02} UTC")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_trial_is_shown_with_what_is_left_of_it() {
        let status = json!({"trial": {
            "id": 4, "until": 1_800_000_061, "seconds_left": 61, "service": "sshd",
            "changes": {"services": {"ssh": true}},
        }, "rolled_back": null});
        let trial = Trial::new(&status).unwrap().unwrap();
        assert_eq!((trial.id, trial.seconds_left, trial.is_ssh), (4, 61, true));
        assert_eq!(trial.until, "08:01:01 UTC");
        assert_eq!(Trial::new(&json!({"trial": null})).unwrap(), None);
        assert!(Trial::new(&json!({"trial": {"id": 4}})).is_err());
        assert_eq!(rolled_back(&status), None);
    }

    #[test]
    fn why_a_trial_was_not_kept() {
        for (why, words) in [
            ("deadline", "in time"),
            ("reboot", "started anew"),
            ("asked", "wanted"),
        ] {
            let status = json!({"rolled_back": {"at": 0, "id": 1, "why": why}});
            let text = rolled_back(&status).unwrap();
            assert!(
                text.contains(words) && text.contains("00:00:00 UTC"),
                "{text}"
            );
        }
    }
}
