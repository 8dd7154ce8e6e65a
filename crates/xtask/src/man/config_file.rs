//! `middlewared.toml(5)`: the configuration file, which no command line holds.

use clap_mangen::roff::{Roff, bold, italic, roman};

/// The keys: each with its default as it is written, and what it says.
const KEYS: &[(&str, &str, &str)] = &[
    (
        "socket",
        "\"/run/middleware/middlewared.sock\"",
        "Listen on this Unix socket. Of no effect where systemd passes the socket, as the Debian package \
         has it: there, change ListenStream of middlewared.socket.",
    ),
    (
        "state_dir",
        "\"/var/lib/middlewared\"",
        "Keep the state in this directory. The service may write to no other than its StateDirectory, \
         systemd.exec(5).",
    ),
    (
        "log",
        "\"info\"",
        "How much is logged: error, warn, info, debug or trace. Alerts are logged at every level.",
    ),
    (
        "issuer",
        "\"middlewared\"",
        "Who gave out the code, as the phone shows it: 1 to 64 characters without a colon.",
    ),
    (
        "product",
        "\"Linux\"",
        "The label on the phone is hostname@product: 1 to 64 characters without a colon.",
    ),
    (
        "max_connections",
        "1024",
        "At most this many connections at a time, 2 to 100000, on each socket.",
    ),
    (
        "web.administrators",
        "\"sudo\"",
        "Members of this group are administrators on the web, as root is.",
    ),
    (
        "web.password",
        "\"/run/middlewared/password.sock\"",
        "Where passwords of people who sign in on the web are checked: by middlewared-password.socket.",
    ),
];

/// The page.
pub(super) fn render() -> String {
    let mut page = Roff::new();
    let version = concat!("middlewared ", env!("CARGO_PKG_VERSION"));
    page.control("TH", ["middlewared.toml", "5", "", version]);
    page.control("SH", ["NAME"]);
    page.text([roman("middlewared.toml - configuration of middlewared")]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold("/etc/middlewared/config.toml")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(
        "The configuration of middlewared(8), in TOML (https://toml.io). Nothing must be configured, and there \
         need be no file. Flags win over the environment, that over the file, that over the default. An \
         unknown key or a wrong value stops the start and shows the line; so look before a restart:",
    )]);
    page.control("PP", []);
    page.text([bold("middlewared --check-config")]);
    page.control("PP", []);
    page.text([roman(
        "prints what would be in force. Settings of two-factor authentication itself are not here, but in the \
         state: see midclt-2fa(1).",
    )]);
    page.control("SH", ["KEYS"]);
    for (key, default, text) in KEYS {
        page.control("TP", []);
        page.text([bold(*key), roman(" = "), italic(*default)]);
        page.text([roman(*text)]);
    }
    page.control("TP", []);
    page.text([bold("web.socket")]);
    page.text([roman(
        "Listen on this Unix socket for a web service, whose users sign in. There is none if it is not given, \
         unless systemd passes one of the name web: middlewared-entrance.socket.",
    )]);
    page.control("SH", ["RELOAD"]);
    page.text([roman(
        "SIGHUP, or systemctl reload middlewared, reads the file again: log, issuer and product change at once, \
         the others with a restart. A mistake in the file then changes nothing, and is logged.",
    )]);
    page.control("SH", ["SEE ALSO"]);
    page.text([roman("middlewared(8), midclt-2fa(1)")]);
    page.render()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use testkit::{binaries, run_with_deadline};

    use super::*;

    #[test]
    fn the_page_has_every_key_with_its_default() {
        let mut daemon = Command::new(binaries::middlewared());
        daemon.args(["--config", "/dev/null", "--check-config"]);
        let output = run_with_deadline(&mut daemon, Duration::from_secs(10));
        let in_force = String::from_utf8_lossy(&output.stdout).into_owned();
        let keys = KEYS
            .iter()
            .map(|(key, default, _)| format!("{key} = {default}\n"));
        assert_eq!(keys.collect::<String>(), in_force, "{output:?}");
    }
}
