//! The options of the module's line in the stack.

use std::ffi::CStr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// How long a call of the daemon may take, in milliseconds.
const TIMEOUT_MS: RangeInclusive<u64> = 10..=60_000;

/// Under which uid strangers show in a user namespace, `user_namespaces(7)`.
const OVERFLOW_UID: u32 = 65_534;

/// What the line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Only for whoever has proven a key; everybody else is for the next line.
    pub(crate) key: bool,
    /// Where the daemon listens.
    pub(crate) socket: PathBuf,
    /// The deadline of one call, with the connection.
    pub(crate) timeout: Duration,
    /// What asks for the code.
    pub(crate) prompt: String,
    /// Whether a local terminal is asked, too.
    pub(crate) asks_console: bool,
    /// Who may serve the socket besides root.
    pub(crate) peer_uid: Option<u32>,
}

/// Which option cannot be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) String);

impl Default for Options {
    fn default() -> Self {
        Self {
            key: false,
            socket: PathBuf::from(client::DEFAULT_SOCKET),
            timeout: Duration::from_secs(2),
            prompt: "Verification code: ".to_owned(),
            asks_console: false,
            peer_uid: None,
        }
    }
}

impl Options {
    /// Reads the words of the line, of which each may stand there once.
    ///
    /// A word that is not known may be a mistyped restriction, so it refuses.
    pub(crate) fn parse(words: &[&CStr]) -> Result<Self, Wrong> {
        let mut options = Self::default();
        let mut seen = Vec::new();
        for word in words {
            let text = word.to_str();
            let text = text.map_err(|_| Wrong("an option that is not UTF-8".to_owned()))?;
            let name = text.split_once('=').map_or(text, |(name, _)| name);
            if seen.contains(&name) || options.set(text).is_none() {
                return Err(Wrong(format!("the option '{name}' is unknown, or wrong")));
            }
            seen.push(name);
        }
        Ok(options)
    }

    fn set(&mut self, word: &str) -> Option<()> {
        match word.split_once('=') {
            None if word == "key" => self.key = true,
            Some(("socket", path)) => {
                self.socket = PathBuf::from(path);
                self.socket.is_absolute().then_some(())?;
            }
            Some(("timeout_ms", text)) => {
                let millis = number(text).filter(|millis| TIMEOUT_MS.contains(millis))?;
                self.timeout = Duration::from_millis(millis);
            }
            Some(("prompt", text)) if !text.trim().is_empty() => {
                (!text.contains(char::is_control)).then_some(())?;
                text.clone_into(&mut self.prompt);
            }
            Some(("console", "ask")) => self.asks_console = true,
            Some(("console", "pass")) => self.asks_console = false,
            Some(("peer_uid", text)) => {
                let uid = number(text).and_then(|uid| u32::try_from(uid).ok());
                self.peer_uid = Some(uid.filter(|uid| *uid != OVERFLOW_UID)?);
            }
            _ => return None,
        }
        Some(())
    }
}

/// Digits alone: `parse` would take a plus sign as well.
fn number(text: &str) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_has_its_effect() {
        let usual = Options::default;
        let cases: &[(&[&CStr], Options)] = &[
            (&[], usual()),
            (
                &[c"key"],
                Options {
                    key: true,
                    ..usual()
                },
            ),
            (
                &[c"socket=/tmp/s"],
                Options {
                    socket: PathBuf::from("/tmp/s"),
                    ..usual()
                },
            ),
            (
                &[c"timeout_ms=300", c"key"],
                Options {
                    key: true,
                    timeout: Duration::from_millis(300),
                    ..usual()
                },
            ),
            (
                &[c"prompt=Code = "],
                Options {
                    prompt: "Code = ".to_owned(),
                    ..usual()
                },
            ),
            (
                &[c"console=ask"],
                Options {
                    asks_console: true,
                    ..usual()
                },
            ),
            (&[c"console=pass"], usual()),
            (
                &[c"peer_uid=1000"],
                Options {
                    peer_uid: Some(1000),
                    ..usual()
                },
            ),
        ];
        for (words, expected) in cases {
            assert_eq!(Options::parse(words).as_ref(), Ok(expected), "{words:?}");
        }
    }

    #[test]
    fn what_is_not_known_refuses() {
        let cases: &[&[&CStr]] = &[
            &[c"panic"],
            &[c"Key"],
            &[c"key=1"],
            &[c"key", c"key"],
            &[c"nullok"],
            &[c"debug"],
            &[c""],
            &[c"socket"],
            &[c"socket="],
            &[c"socket=middlewared.sock"],
            &[c"socket=/a", c"socket=/b"],
            &[c"timeout_ms="],
            &[c"timeout_ms=0"],
            &[c"timeout_ms=9"],
            &[c"timeout_ms=60001"],
            &[c"timeout_ms=+300"],
            &[c"timeout_ms=2s"],
            &[c"timeout_ms=18446744073709551616"],
            &[c"prompt="],
            &[c"prompt= "],
            &[c"prompt=a\nb"],
            &[c"console"],
            &[c"console=yes"],
            &[c"peer_uid="],
            &[c"peer_uid=-1"],
            &[c"peer_uid=root"],
            &[c"peer_uid=65534"],
            &[c"peer_uid=4294967296"],
            &[c"key", c"\xff"],
        ];
        for words in cases {
            assert!(Options::parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn each_option_is_in_the_manual() {
        let page = include_str!("../../../docs/man/pam_middleware.8");
        for option in [
            "key",
            "socket=",
            "timeout_ms=",
            "prompt=",
            "console=ask",
            "console=pass",
            "peer_uid=",
        ] {
            assert!(page.contains(&format!("\\fB{option}\\f")), "{option}");
        }
    }

    /// It may hold anything that was put on the wrong line.
    #[test]
    fn the_value_of_a_wrong_option_is_not_told() {
        let Err(Wrong(told)) = Options::parse(&[c"token=123456"]) else {
            panic!("accepted");
        };
        assert!(
            told.contains("'token'") && !told.contains("123456"),
            "{told}"
        );
    }
}
