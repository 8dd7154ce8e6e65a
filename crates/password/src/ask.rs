//! PAM is asked: whether the password is right, and then whether the account may be used.

use std::ffi::{CStr, CString};
use std::io;

use pam_client2::{Context, ConversationHandler, ErrorCode, Flag};

use super::say;
use crate::question::Question;

/// The stack, in `/etc/pam.d`.
const SERVICE: &str = "middlewared";

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Right,
    Wrong,
    Expired,
    Denied,
}

impl Answer {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Right => "right\n",
            Self::Wrong => "wrong\n",
            Self::Expired => "expired\n",
            Self::Denied => "denied\n",
        }
    }
}

/// Answers one prompt without echo, and nothing else.
struct Conversation {
    password: Option<CString>,
    /// Something else was asked.
    is_refused: bool,
}

impl Conversation {
    fn refuse<T>(&mut self) -> Result<T, ErrorCode> {
        self.is_refused = true;
        Err(ErrorCode::CONV_ERR)
    }
}

impl ConversationHandler for Conversation {
    fn prompt_echo_on(&mut self, _: &CStr) -> Result<CString, ErrorCode> {
        self.refuse()
    }

    fn prompt_echo_off(&mut self, _: &CStr) -> Result<CString, ErrorCode> {
        match self.password.take() {
            Some(password) => Ok(password),
            None => self.refuse(),
        }
    }

    fn radio_prompt(&mut self, _: &CStr) -> Result<bool, ErrorCode> {
        self.refuse()
    }

    fn binary_prompt(&mut self, _: u8, _: &[u8]) -> Result<(u8, Vec<u8>), ErrorCode> {
        self.refuse()
    }

    fn text_info(&mut self, _: &CStr) {}

    fn error_msg(&mut self, _: &CStr) {}
}

/// Asks. Where PAM cannot work, nothing is said of the password.
pub(crate) fn ask(question: Question<'_>) -> io::Result<Answer> {
    let Question {
        name,
        password,
        address,
    } = question;
    let conversation = Conversation {
        password: Some(password),
        is_refused: false,
    };
    let mut context = Context::new(SERVICE, Some(name), conversation)?;
    if let Some(address) = address {
        context.set_rhost(Some(&address.to_string()))?;
    }
    // An account without a password lets nobody in from the network.
    let authenticated = context.authenticate(Flag::DISALLOW_NULL_AUTHTOK | Flag::SILENT);
    if context.conversation().is_refused {
        // Told to whoever reads the journal, and not to whoever stands at the door.
        say(
            "the stack of the service 'middlewared' wants more than a password: nobody gets in by it",
        );
        return Ok(Answer::Wrong);
    }
    match authenticated {
        Ok(()) => {}
        Err(error) if is_broken(error.code()) => return Err(io::Error::other(error.to_string())),
        // Whether there is such an account is not said.
        Err(_) => return Ok(Answer::Wrong),
    }
    // A module may have made another name of it: then nobody knows whose password it was.
    if context.user()? != name {
        return Ok(Answer::Denied);
    }
    Ok(match context.acct_mgmt(Flag::SILENT) {
        Ok(()) => Answer::Right,
        Err(error) => standing(error.code()),
    })
}

/// Why an account whose password was right is kept out.
const fn standing(code: ErrorCode) -> Answer {
    match code {
        ErrorCode::ACCT_EXPIRED
        | ErrorCode::NEW_AUTHTOK_REQD
        | ErrorCode::AUTHTOK_EXPIRED
        | ErrorCode::CRED_EXPIRED => Answer::Expired,
        _ => Answer::Denied,
    }
}

/// Whether PAM itself is out of order, for whatever account.
const fn is_broken(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::ABORT
            | ErrorCode::BUF_ERR
            | ErrorCode::MODULE_UNKNOWN
            | ErrorCode::OPEN_ERR
            | ErrorCode::SERVICE_ERR
            | ErrorCode::SYMBOL_ERR
            | ErrorCode::SYSTEM_ERR
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_prompt_without_echo_is_answered_and_no_other() {
        let mut conversation = Conversation {
            password: Some(c"correct horse".to_owned()),
            is_refused: false,
        };
        conversation.text_info(c"welcome");
        assert!(!conversation.is_refused);
        let answered = conversation.prompt_echo_off(c"Password: ").unwrap();
        assert_eq!(answered.as_c_str(), c"correct horse");
        assert!(!conversation.is_refused);
        assert!(conversation.prompt_echo_off(c"Again: ").is_err());
        assert!(conversation.is_refused);
        for ask in [
            |conversation: &mut Conversation| conversation.prompt_echo_on(c"Code: ").is_err(),
            |conversation: &mut Conversation| conversation.radio_prompt(c"Sure?").is_err(),
            |conversation: &mut Conversation| conversation.binary_prompt(1, &[]).is_err(),
        ] {
            let mut conversation = Conversation {
                password: Some(c"correct horse".to_owned()),
                is_refused: false,
            };
            assert!(ask(&mut conversation) && conversation.is_refused);
        }
    }

    #[test]
    fn what_is_over_is_told_from_what_is_forbidden() {
        for (code, answer) in [
            (ErrorCode::ACCT_EXPIRED, Answer::Expired),
            (ErrorCode::NEW_AUTHTOK_REQD, Answer::Expired),
            (ErrorCode::PERM_DENIED, Answer::Denied),
            (ErrorCode::AUTH_ERR, Answer::Denied),
            (ErrorCode::USER_UNKNOWN, Answer::Denied),
        ] {
            assert_eq!(standing(code), answer, "{code:?}");
        }
        assert!(!is_broken(ErrorCode::AUTHINFO_UNAVAIL) && !is_broken(ErrorCode::USER_UNKNOWN));
    }
}
