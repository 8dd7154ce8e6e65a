//! Sections of `middlewared-web(8)`, with its configuration file, which has no page of its own.

use super::sections::Section;

pub(super) const WEB: &[Section] = &[
    CONFIGURATION,
    (
        "EXIT STATUS",
        &[
            (
                "0",
                "Ended by SIGTERM or SIGINT; or what --check-config or --show had to print is printed.",
            ),
            (
                "1",
                "It cannot start, or there is no certificate to show yet. The last line on standard error \
                 names the file and the cure.",
            ),
            ("2", "Wrong usage."),
        ],
    ),
    (
        "SIGNALS",
        &[(
            "SIGTERM, SIGINT",
            "End at once. Whoever is signed in by a page signs in again; the configuration is read at the \
             start only.",
        )],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "MIDDLEWARED_WEB_CONFIG",
                "What --config says, where it is not given.",
            ),
            (
                "STATE_DIRECTORY",
                "Set by systemd: what --state-dir says, where it is not given.",
            ),
        ],
    ),
    (
        "FILES",
        &[
            (
                "/etc/middlewared/web.toml",
                "The configuration. There need be none.",
            ),
            (
                "/etc/middlewared/tls/",
                "For a certificate that others issued: its user may read there, root alone may write.",
            ),
            (
                "/var/lib/middlewared-web/certificate.pem, key.pem",
                "What it made for itself, until the year 2099. Remove both and restart it for new ones.",
            ),
            (
                "/run/middleware/web.sock",
                "The daemon's entrance: whoever comes by it has to sign in. It is the one thing that this \
                 service's group may use and others may not.",
            ),
        ],
    ),
    (
        "UNDER SYSTEMD",
        &[
            (
                "middlewared-web.socket",
                "Holds port 8443 of every address. Enabling it is all: it starts the daemon's entrance \
                 (middlewared-entrance.socket) and what checks passwords (middlewared-password.socket). Another \
                 port or address: systemctl edit middlewared-web.socket, with a line ListenStream= and one \
                 ListenStream=127.0.0.1:8443 below [Socket].",
            ),
            (
                "middlewared-web.service",
                "Starts with the first connection, as the user middlewared-web: without capabilities, without \
                 a network but that port, and without sight of the daemon's state, its other socket, PAM, \
                 and the passwords.",
            ),
            (
                "systemctl disable --now middlewared-web.socket middlewared-web.service",
                "Closes it. Logins at other doors go on as before.",
            ),
        ],
    ),
];

/// The keys: each with its default as it is written, where there is one.
const CONFIGURATION: Section = (
    "CONFIGURATION",
    &[
        (
            "certificate, key",
            "A certificate with its chain, and its key: PEM files that the user middlewared-web can read. Both \
             or neither; without them it makes its own at the first start. After a renewal restart it.",
        ),
        (
            "hosts = []",
            "Names by which people reach it, besides the machine's own name, localhost, and addresses. A \
             request for another name is refused. The first one is what midclt 2fa web shows.",
        ),
        (
            "trusted_proxies = []",
            "Addresses of the proxies in front. Only these are believed about where somebody comes from \
             (X-Forwarded-For), and about https.",
        ),
        (
            "http = false",
            "Plain HTTP, for a proxy on this machine: it needs a loopback address to listen on.",
        ),
        (
            "listen = \"[::]:8443\"",
            "Where to listen. Of no effect where systemd passes the socket, as the Debian package has it.",
        ),
        (
            "daemon = \"/run/middleware/web.sock\"",
            "The daemon's entrance.",
        ),
        (
            "log = \"info\"",
            "How much is logged: error, warn, info, debug or trace. Never a password, a code, a cookie.",
        ),
        (
            "max_connections = 2048",
            "At most this many connections at a time, 2 to 100000. Of one address, or one network of IPv6, \
             there are at most 256, except from this machine and from trusted proxies.",
        ),
    ],
);

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use testkit::{binaries, run_with_deadline};

    use super::*;

    #[test]
    fn the_page_has_every_key_with_its_default() {
        let mut web = Command::new(binaries::middlewared_web());
        web.args(["--config", "/dev/null", "--check-config"]);
        let output = run_with_deadline(&mut web, Duration::from_secs(10));
        let said = String::from_utf8_lossy(&output.stdout);
        let mut in_force: Vec<&str> = said.lines().collect();
        in_force.sort_unstable();
        let keys = CONFIGURATION.1.iter().map(|(key, _)| *key);
        // A certificate is no default.
        let mut documented: Vec<&str> = keys.filter(|key| key.contains('=')).collect();
        documented.sort_unstable();
        assert_eq!(documented, in_force, "{output:?}");
    }
}
