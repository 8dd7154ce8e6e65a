//! What is not as it should be, for programs and for people.

/// How bad it is. The order is that of a page: the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The door is open without a code, or shut to everybody: nothing is turned on like this.
    Error,
    /// Somebody should look at it.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
            Self::Info => "INFO",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What kind of finding it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Its name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// sshd is not installed, or its configuration cannot be read.
    NoSshd = "NO_SSHD",
    /// sshd does not take its configuration.
    SshdRefuses = "SSHD_REFUSES",
    /// `pam_middleware.so` is not where PAM looks.
    NoModule = "NO_MODULE",
    /// The drop-in is not there.
    NoDropIn = "NO_DROPIN",
    /// The drop-in is not as it was written.
    DropInChanged = "DROPIN_CHANGED",
    /// sshd does not read the directory of the drop-in.
    NotIncluded = "NOT_INCLUDED",
    /// `AuthenticationMethods` in quotes is one list, which nobody can satisfy.
    Quoted = "QUOTED",
    /// Another file's setting wins over the drop-in's.
    Overridden = "OVERRIDDEN",
    /// A `Match` block lets somebody in without a code.
    MatchAround = "MATCH_AROUND",
    /// A `Match` block shuts somebody out.
    MatchShuts = "MATCH_SHUTS",
    /// Where a password did not help before, it would.
    OpensPassword = "OPENS_PASSWORD",
    /// A password helped before, and would not without a key.
    LosesPassword = "LOSES_PASSWORD",
    /// What sshd does there cannot be asked for.
    NotProvable = "NOT_PROVABLE",
    /// sshd does not use PAM.
    UsePamOff = "USE_PAM_OFF",
    /// sshd asks another PAM stack than the one with our lines.
    PamService = "PAM_SERVICE",
    /// keyboard-interactive, the only method that can ask for a code, is off.
    KeyboardOff = "KEYBOARD_OFF",
    /// Keys are off where one is demanded.
    KeysOff = "KEYS_OFF",
    /// The `password` method is on.
    PasswordMethodOn = "PASSWORD_METHOD_ON",
    /// The PAM stack has none of our lines.
    StackMissing = "STACK_MISSING",
    /// Our lines of the PAM stack are not as they were written.
    StackChanged = "STACK_CHANGED",
    /// A line that our block is built around is not there.
    NoInclude = "NO_INCLUDE",
    /// A line before ours may end the stack, or jump over ours.
    Sufficient = "SUFFICIENT",
    /// A wrong password comes to our line as if it were right.
    Unproven = "UNPROVEN",
    /// Another module asks for codes too.
    OtherModule = "OTHER_MODULE",
    /// sshd refuses root whatever it proves.
    RootRefused = "ROOT_REFUSED",
    /// Root needs a key and has none.
    RootNoKey = "ROOT_NO_KEY",
    /// There is no way to root at a console.
    NoConsole = "NO_CONSOLE",
    /// Files were put back on a guess.
    PutBack = "PUT_BACK",
    /// After a restart nothing would put a trial back.
    NoWayBack = "NO_WAY_BACK",
    /// The permission of a job is over.
    JobExpired = "JOB_EXPIRED",
    /// A job's files are not as they were written.
    JobChanged = "JOB_CHANGED",
    /// sshd takes keys in hardware only with their PIN or finger.
    VerifyRequired = "VERIFY_REQUIRED",
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which kind.
    pub code: Code,
    /// A sentence for people, with the file and the line where there is one.
    pub text: String,
    /// What to do, best a command.
    pub cure: String,
}

impl Finding {
    pub(crate) fn new(severity: Severity, code: Code, text: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            text: text.into(),
            cure: String::new(),
        }
    }

    pub(crate) fn error(code: Code, text: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, text)
    }

    pub(crate) fn warning(code: Code, text: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, text)
    }

    pub(crate) fn info(code: Code, text: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, text)
    }

    pub(crate) fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = cure.into();
        self
    }
}
