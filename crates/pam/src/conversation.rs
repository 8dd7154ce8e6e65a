//! The conversation: what is shown to whoever logs in, and what they type.

use pam::constants::{
    PAM_ERROR_MSG, PAM_PROMPT_ECHO_ON, PAM_SILENT, PAM_TEXT_INFO, PamFlag, PamMessageStyle,
    PamResultCode,
};
use pam::conv::Conv;
use pam::module::PamHandle;
use pam::secret::SecretBytes;

/// More than any code or invite has, with spaces.
const MAX_TYPED_BYTES: usize = 128;

/// The way to whoever logs in.
pub(crate) struct Conversation<'a> {
    conv: Option<Conv<'a>>,
    is_silent: bool,
}

/// What was typed; wiped when it goes.
pub(crate) struct Typed(SecretBytes);

impl<'a> Conversation<'a> {
    pub(crate) fn new(handle: &'a PamHandle, flags: PamFlag) -> Self {
        Self {
            conv: handle.get_item().ok().flatten(),
            is_silent: flags & PAM_SILENT != 0,
        }
    }

    /// Asks, with echo on. sshd's method `password` answers every prompt without echo with the
    /// *password*, and gives up at one with echo; so a password never reaches the daemon.
    pub(crate) fn prompt(&self, text: &str) -> Result<Typed, PamResultCode> {
        match self.send(PAM_PROMPT_ECHO_ON, text) {
            Some(typed) => Ok(Typed(typed)),
            None => Err(PamResultCode::PAM_CONV_ERR),
        }
    }

    /// Shows a text.
    pub(crate) fn tell(&self, text: &str) {
        self.show(PAM_TEXT_INFO, text);
    }

    /// Shows why something failed.
    pub(crate) fn complain(&self, text: &str) {
        self.show(PAM_ERROR_MSG, text);
    }

    /// Whoever cannot show it misses it; nothing depends on that.
    fn show(&self, style: PamMessageStyle, text: &str) {
        if !self.is_silent && !text.is_empty() {
            self.send(style, text);
        }
    }

    fn send(&self, style: PamMessageStyle, text: &str) -> Option<SecretBytes> {
        self.conv.as_ref()?.send(style, text).ok().flatten()
    }
}

impl Typed {
    /// The text, where it can be a code or an invite at all: what is much too long stays here.
    pub(crate) fn text(&self) -> Option<&str> {
        let text = self.0.as_str().ok()?;
        (text.len() <= MAX_TYPED_BYTES).then_some(text)
    }

    /// Whether only Enter was typed.
    pub(crate) fn is_blank(&self) -> bool {
        self.0.as_bytes().trim_ascii().is_empty()
    }
}
