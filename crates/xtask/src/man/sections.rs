//! Sections of the pages that no command line holds.

use clap_mangen::roff::{Roff, bold, roman};

/// A section: its title, and tagged paragraphs.
pub(super) type Section = (&'static str, &'static [(&'static str, &'static str)]);

pub(super) const CLIENT: &[Section] = &[
    OTHER_MACHINES,
    CLIENT_EXIT_STATUS,
    (
        "ENVIRONMENT",
        &[
            SOCKET_VARIABLE,
            (
                "CALL_TIMEOUT",
                "The seconds that a call has, where -t is not given; 0 means 60.",
            ),
        ],
    ),
    CLIENT_FILES,
];

pub(super) const TWO_FACTOR: &[Section] = &[
    CLIENT_EXIT_STATUS,
    (
        "ENVIRONMENT",
        &[
            SOCKET_VARIABLE,
            (
                "LC_ALL, LC_CTYPE, LANG",
                "The first of them that is set says whether the terminal shows UTF-8. Where it does not, \
                 a QR code is drawn with #, which needs a larger terminal.",
            ),
            (
                "TERM",
                "Where it is dumb, or not set, a QR code is drawn without colours.",
            ),
        ],
    ),
    CLIENT_FILES,
];

const OTHER_MACHINES: Section = (
    "OTHER MACHINES",
    &[
        (
            "-u wss://HOST:PORT/api/current",
            "The machine, by its middlewared-web, which listens on port 8443; without a port it is 443. \
             Needs the package midclt-remote. The commands are call, subscribe, methods and ping; the \
             options below come before them.",
        ),
        (
            "-U, --username USER",
            "Sign in. The password and, where one is asked for, the verification code are asked for on the \
             terminal and not shown; so is a new code where a call needs one for itself, such as one that \
             turns two-factor authentication off. Without -U a stranger\'s few methods can be called.",
        ),
        (
            "--password-stdin; -P, --password PASSWORD",
            "Take the password from the first line of standard input; or from the command line, where \
             everybody on this machine can see it. On its way to midclt-remote it is no argument.",
        ),
        ("--otp CODE", "The verification code, or a recovery code."),
        (
            "--ca FILE",
            "Trust the certificates of this PEM file and no others: an authority, or a copy of the \
             certificate that middlewared-web made for itself. Else it is the system\'s authorities, or \
             those of the file that SSL_CERT_FILE names.",
        ),
        (
            "--insecure",
            "Take any certificate. Whoever sits in between can then read and change everything.",
        ),
    ],
);

const CLIENT_EXIT_STATUS: Section = (
    "EXIT STATUS",
    &[
        ("0", "Done. Also where the answer is False."),
        (
            "1",
            "The call failed, the daemon cannot be reached, or a question was answered with no. What it \
             says on standard error names the cure.",
        ),
        (
            "2",
            "Wrong usage; or there is something to ask and no terminal to ask on.",
        ),
        ("130", "Ended with Ctrl-C."),
    ],
);

const SOCKET_VARIABLE: (&str, &str) = (
    "MIDDLEWARED_SOCKET",
    "The daemon's socket, where -u is not given.",
);

const CLIENT_FILES: Section = (
    "FILES",
    &[(
        "/run/middleware/middlewared.sock",
        "The daemon's socket. Only root may use it.",
    )],
);

pub(super) const DAEMON: &[Section] = &[
    (
        "EXIT STATUS",
        &[
            (
                "0",
                "Ended by SIGTERM or SIGINT; or, with --check-config, the configuration is right.",
            ),
            (
                "1",
                "It cannot start or go on. The last line on standard error names the file and the cure.",
            ),
            ("2", "Wrong usage."),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "SIGTERM, SIGINT",
                "End, after the calls in flight, within 5 seconds.",
            ),
            (
                "SIGHUP",
                "Read the configuration again. A mistake in it changes nothing.",
            ),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "MIDDLEWARED_CONFIG, MIDDLEWARED_SOCKET, MIDDLEWARED_STATE_DIR, MIDDLEWARED_LOG",
                "What --config, --socket, --state-dir and --log say, where these are not given. They \
                 win over the file.",
            ),
            (
                "CREDENTIALS_DIRECTORY",
                "Set by systemd. A file middlewared.key in it is taken for the master key, if it is \
                 the right one.",
            ),
        ],
    ),
    (
        "FILES",
        &[
            (
                "/etc/middlewared/config.toml",
                "The configuration. There need be none.",
            ),
            ("/run/middleware/middlewared.sock", "The socket, mode 0600."),
            (
                "/var/lib/middlewared/middlewared.db",
                "The state, with its -wal and -shm while the daemon runs. Copies are in backups/.",
            ),
            (
                "/var/lib/middlewared/middlewared.key",
                "The master key, which seals the secrets. Keep a copy elsewhere.",
            ),
            (
                "/var/lib/middlewared/ballast",
                "Space set aside, so that what lets people in again works on a full disk.",
            ),
            (
                "/var/lib/middlewared/lock",
                "The pid of the running daemon.",
            ),
            (
                "/run/middleware-override/override",
                "What root has decided and nobody could store: off, or one account for a while. The \
                 daemon obeys it, and stores it when it can; it ends with the next reboot, or by \
                 midclt 2fa enable.",
            ),
        ],
    ),
    (
        "UNDER SYSTEMD",
        &[
            (
                "middlewared.socket",
                "Holds the socket, which is root's. Calls wait in it, and are not refused, while the daemon \
                 starts, restarts or is upgraded. It does not start where another process listens on the \
                 path.",
            ),
            (
                "middlewared.service",
                "Starts at the first call, as the user middlewared, without capabilities and network. \
                 However it ends, it is started again a second later, for ever; it is killed where it gives \
                 no sign of life for 30 seconds. Accounts that come from elsewhere than /etc/passwd are \
                 found where a local service is asked for them, such as sssd, nslcd or winbind.",
            ),
            (
                "systemd-creds encrypt --with-key=auto --tpm2-pcrs= --name=middlewared.key \
                 /var/lib/middlewared/middlewared.key /etc/credstore.encrypted/middlewared.key",
                "Makes the master key a credential (systemd-creds(1)), sealed to this machine and not to the \
                 state of its firmware. Make /etc/credstore.encrypted first, with mode 0700. Then keep a \
                 copy of the key on another machine, remove it from the state directory, restart the \
                 service, and see that midclt 2fa status finds nothing wrong. A credential that is missing \
                 does not keep the service from starting, one that cannot be decrypted does: move it away.",
            ),
        ],
    ),
];

/// The sections as a part of a page.
pub(super) fn render(sections: &[Section]) -> String {
    let mut page = Roff::new();
    for (title, entries) in sections {
        page.control("SH", [*title]);
        for (tag, text) in *entries {
            page.control("TP", []);
            page.text([bold(*tag)]);
            page.text([roman(*text)]);
        }
    }
    page.render()
}
