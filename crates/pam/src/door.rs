//! One login at our door: asked, answered, shown, logged.

use pam::constants::PamResultCode;
use pam::module::PamHandle;

use crate::ask::{self, Failure, Question, Silence};
use crate::conversation::{Conversation, Typed};
use crate::enrol;
use crate::ffi;
use crate::login::Login;
use crate::options::Options;
use crate::verdict::{Answer, Verdict};

/// How many codes may be typed before the program has to begin anew.
const TRIES: usize = 3;

/// For whoever is locked out: recovery codes have waits of their own.
const LOCKED_PROMPT: &str = "Recovery code (Enter to give up): ";

/// What somebody is told who typed what no code can be.
const NO_CODE: &str = "This is no code. Nothing was counted";

/// What somebody is told where the daemon does not answer.
const UNAVAILABLE: &str = "The second factor cannot be checked now, so the login is refused. \
    Try again later, or ask the administrator";

/// What somebody is told who is let in by an override of root's.
const OVERRIDDEN: &str = "No code was asked for: middlewared does not answer, and root has left an \
    override. To end it: midclt 2fa enable";

/// Who stands before which door.
pub(crate) struct Door<'a> {
    pub(crate) handle: &'a PamHandle,
    pub(crate) options: &'a Options,
    pub(crate) login: &'a Login,
    pub(crate) conversation: &'a Conversation<'a>,
}

impl Door<'_> {
    /// Asks the daemon, and whoever logs in for what it wants, until it is decided.
    pub(crate) fn pass(&self) -> PamResultCode {
        match self.decide() {
            Ok(answer) => self.conclude(&answer),
            Err(Ended::Failed(failure)) => self.without_an_answer(&failure),
            Err(Ended::Unheard(code)) => {
                self.log(libc::LOG_NOTICE, "refused: nobody answers the prompt");
                code
            }
        }
    }

    /// Asks the daemon once, and nobody else: for the account phase.
    pub(crate) fn pass_unasked(&self) -> PamResultCode {
        match self.ask(None) {
            Ok(answer) if answer.verdict.opens() => self.conclude(&answer),
            Ok(_) => {
                self.log(
                    libc::LOG_ERR,
                    "refused: this login came without a second factor, past the auth lines of the \
                     module. Look for what leads around it: midclt 2fa ssh check",
                );
                PamResultCode::PAM_PERM_DENIED
            }
            Err(failure) => self.without_an_answer(&failure),
        }
    }

    fn decide(&self) -> Result<Answer, Ended> {
        let mut answer = self.ask(None)?;
        if answer.verdict == Verdict::Locked {
            return self.recover(&answer);
        }
        for _ in 0..TRIES {
            if !answer.verdict.asks_for_a_code() {
                break;
            }
            if answer.verdict == Verdict::CodeRequired {
                self.tell_all(&answer.warnings);
            }
            let typed = self.prompt(&self.options.prompt)?;
            answer = self.try_code(&typed, answer)?;
        }
        Ok(answer)
    }

    /// Codes are not looked at for a while. Recovery codes may be; so there is one prompt, which shows
    /// strangers nothing that the usual one would not.
    fn recover(&self, locked: &Answer) -> Result<Answer, Ended> {
        let prompt = if self.login.is_proven() {
            self.complain(&locked.message);
            LOCKED_PROMPT
        } else {
            &self.options.prompt
        };
        let typed = self.prompt(prompt)?;
        if typed.is_blank() {
            return Ok(Answer::of(Verdict::Locked));
        }
        self.try_code(&typed, Answer::of(Verdict::Locked))
    }

    /// Has what was typed judged, and shows what was wrong with it.
    fn try_code(&self, typed: &Typed, before: Answer) -> Result<Answer, Ended> {
        let Some(text) = typed.text() else {
            self.complain(NO_CODE);
            return Ok(before);
        };
        let answer = self.ask(Some(text))?;
        if matches!(answer.verdict, Verdict::Wrong | Verdict::Replayed) {
            self.complain(&answer.message);
        }
        Ok(answer)
    }

    fn prompt(&self, text: &str) -> Result<Typed, Ended> {
        self.conversation.prompt(text).map_err(Ended::Unheard)
    }

    fn ask(&self, typed: Option<&str>) -> Result<Answer, Failure> {
        let question = Question::of(self.login, typed);
        ask::call(self.options, "auth.twofactor.authenticate", &question)
    }

    /// What the last answer means to PAM, with its message to whoever may see it.
    fn conclude(&self, answer: &Answer) -> PamResultCode {
        let verdict = answer.verdict;
        if verdict.opens() {
            self.log(libc::LOG_INFO, &format!("let in: {verdict:?}"));
            self.tell_all(std::slice::from_ref(&answer.message));
            self.tell_all(&answer.warnings);
        } else {
            self.log(libc::LOG_NOTICE, &format!("refused: {verdict:?}"));
            if !verdict.asks_for_a_code() {
                self.complain(&answer.message);
            }
        }
        if answer.may_enrol && self.login.is_proven() && enrol::at(self) {
            self.log(libc::LOG_NOTICE, "has set up a first device, and is let in");
            return PamResultCode::PAM_SUCCESS;
        }
        verdict.code()
    }

    /// Nobody is let in, but by what root has left for this case.
    fn without_an_answer(&self, failure: &Failure) -> PamResultCode {
        let refused = PamResultCode::PAM_AUTHINFO_UNAVAIL;
        match failure {
            Failure::Refused(error) => {
                let errno = error.errno().unwrap_or_default();
                let message = format!("refused: middlewared answers an error, errno {errno}");
                self.log(libc::LOG_ERR, &message);
            }
            Failure::Silent(silence) => {
                if self.is_overridden(silence) {
                    return PamResultCode::PAM_SUCCESS;
                }
                self.log(libc::LOG_ERR, &format!("refused: {silence}"));
            }
        }
        self.complain(UNAVAILABLE);
        refused
    }

    /// Whether the break-glass file lets this login in.
    fn is_overridden(&self, silence: &Silence) -> bool {
        let clocks = clock::clocks();
        let boot = breakglass::BootId(clocks.boot.id.0);
        let found = match breakglass::Place::standard().read(boot) {
            Ok(found) => found,
            Err(trouble) => {
                self.log(
                    libc::LOG_ERR,
                    &format!("break-glass file ignored: {trouble}"),
                );
                None
            }
        };
        let Some(decided) = found else {
            return false;
        };
        // As at the daemon: a bypass is for whoever has proven a password or a key.
        let is_permitted = match &decided.grant {
            breakglass::Grant::Off => true,
            bypass @ breakglass::Grant::Bypass { .. } => {
                let now = breakglass::Moment {
                    wall: clocks.wall.as_secs(),
                    of_boot: clocks.boot.secs,
                };
                self.login.is_proven() && bypass.permits(&self.login.username, now)
            }
        };
        if is_permitted {
            let message = format!("LET IN WITHOUT A CODE by the break-glass file: {silence}");
            self.log(libc::LOG_WARNING, &message);
            self.tell_all(&[OVERRIDDEN.to_owned()]);
        }
        is_permitted
    }

    /// Shows something, once a first factor is proven.
    pub(crate) fn complain(&self, text: &str) {
        if self.login.is_proven() {
            self.conversation.complain(text);
        }
    }

    fn tell_all(&self, texts: &[String]) {
        if self.login.is_proven() {
            for text in texts {
                self.conversation.tell(text);
            }
        }
    }

    pub(crate) fn log(&self, priority: libc::c_int, message: &str) {
        let (who, service) = (self.login.who(), &self.login.service);
        ffi::log(
            self.handle,
            priority,
            &format!("{who} at {service}: {message}"),
        );
    }
}

/// Why it did not come to an answer.
enum Ended {
    Failed(Failure),
    Unheard(PamResultCode),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
