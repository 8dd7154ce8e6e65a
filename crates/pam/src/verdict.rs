//! What the daemon says, and what PAM is told of it.

use pam::constants::PamResultCode;
use serde::Deserialize;

/// Whether a door opens. A word that is not known is no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Verdict {
    NotRequired,
    Exempt,
    Bypassed,
    Accepted,
    CodeRequired,
    Wrong,
    Replayed,
    Locked,
    NotEnrolled,
}

/// The daemon's answer to a door. Newer daemons may say more.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) message: String,
    pub(crate) warnings: Vec<String>,
    /// Whether this login may set up the account's first device.
    #[serde(default)]
    pub(crate) may_enrol: bool,
}

/// The words of the protocol.
const WORDS: [(&str, Verdict); 9] = [
    ("NOT_REQUIRED", Verdict::NotRequired),
    ("EXEMPT", Verdict::Exempt),
    ("BYPASSED", Verdict::Bypassed),
    ("ACCEPTED", Verdict::Accepted),
    ("CODE_REQUIRED", Verdict::CodeRequired),
    ("WRONG", Verdict::Wrong),
    ("REPLAYED", Verdict::Replayed),
    ("LOCKED", Verdict::Locked),
    ("NOT_ENROLLED", Verdict::NotEnrolled),
];

/// By hand, since serde would take `{"EXEMPT": null}` for the word as well.
impl TryFrom<String> for Verdict {
    type Error = &'static str;

    fn try_from(word: String) -> Result<Self, Self::Error> {
        let known = WORDS.iter().find(|(known, _)| *known == word);
        known.map(|(_, verdict)| *verdict).ok_or("no verdict")
    }
}

impl Answer {
    /// One without words.
    pub(crate) const fn of(verdict: Verdict) -> Self {
        Self {
            verdict,
            message: String::new(),
            warnings: Vec::new(),
            may_enrol: false,
        }
    }
}

impl Verdict {
    /// Whether somebody passes. Nothing else opens.
    pub(crate) const fn opens(self) -> bool {
        matches!(
            self,
            Self::NotRequired | Self::Exempt | Self::Bypassed | Self::Accepted
        )
    }

    /// Whether another code may be typed.
    pub(crate) const fn asks_for_a_code(self) -> bool {
        matches!(self, Self::CodeRequired | Self::Wrong | Self::Replayed)
    }

    /// What PAM is told where nothing more can be typed.
    pub(crate) const fn code(self) -> PamResultCode {
        match self {
            Self::NotRequired | Self::Exempt | Self::Bypassed | Self::Accepted => {
                PamResultCode::PAM_SUCCESS
            }
            Self::CodeRequired | Self::Wrong | Self::Replayed => PamResultCode::PAM_AUTH_ERR,
            Self::Locked => PamResultCode::PAM_MAXTRIES,
            Self::NotEnrolled => PamResultCode::PAM_PERM_DENIED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_has_its_code_and_only_four_open() {
        use PamResultCode::{PAM_AUTH_ERR, PAM_MAXTRIES, PAM_PERM_DENIED, PAM_SUCCESS};
        let cases = [
            ("NOT_REQUIRED", PAM_SUCCESS, false),
            ("EXEMPT", PAM_SUCCESS, false),
            ("BYPASSED", PAM_SUCCESS, false),
            ("ACCEPTED", PAM_SUCCESS, false),
            ("CODE_REQUIRED", PAM_AUTH_ERR, true),
            ("WRONG", PAM_AUTH_ERR, true),
            ("REPLAYED", PAM_AUTH_ERR, true),
            ("LOCKED", PAM_MAXTRIES, false),
            ("NOT_ENROLLED", PAM_PERM_DENIED, false),
        ];
        for (word, code, asks) in cases {
            let verdict: Verdict = serde_json::from_str(&format!("\"{word}\"")).unwrap();
            assert_eq!(verdict.code(), code, "{word}");
            assert_eq!(verdict.opens(), code == PAM_SUCCESS, "{word}");
            assert_eq!(verdict.asks_for_a_code(), asks, "{word}");
        }
    }

    #[test]
    fn what_is_no_answer_is_not_read_as_one() {
        let good =
            r#"{"verdict":"EXEMPT","message":"","retry_after":null,"device":null,"warnings":[]}"#;
        assert!(!serde_json::from_str::<Answer>(good).unwrap().may_enrol);
        let more = good.replace(r#""device""#, r#""may_enrol":true,"later":{},"device""#);
        assert!(serde_json::from_str::<Answer>(&more).unwrap().may_enrol);
        let cases = [
            "null",
            "true",
            "{}",
            "[]",
            r#""ACCEPTED""#,
            &good.replace("EXEMPT", "exempt"),
            &good.replace("EXEMPT", "WELCOME"),
            &good.replace("EXEMPT", ""),
            &good.replace(r#""EXEMPT""#, "null"),
            &good.replace(r#""EXEMPT""#, r#"["EXEMPT"]"#),
            &good.replace(r#""EXEMPT""#, r#"{"EXEMPT":null}"#),
            &good.replace(r#""message":"","#, ""),
            &good.replace(r#""warnings":[]"#, r#""warnings":[1]"#),
            &good.replace(
                r#""verdict":"EXEMPT","#,
                r#""verdict":"EXEMPT","verdict":"EXEMPT","#,
            ),
        ];
        for text in cases {
            assert!(serde_json::from_str::<Answer>(text).is_err(), "{text}");
        }
    }
}
