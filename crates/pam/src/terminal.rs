//! Which terminals are local: whoever types there stands before the machine, or before its IPMI.

/// Whether a login comes from a terminal of the machine itself: no remote host, and a virtual console,
/// a serial line or the console of a hypervisor. Not a pseudo terminal, not the `ssh` of sshd.
pub(crate) fn is_local(remote_host: Option<&str>, tty: Option<&str>) -> bool {
    let is_from_here = remote_host.is_none_or(str::is_empty);
    let tty = tty.unwrap_or_default();
    is_from_here && is_console(tty.strip_prefix("/dev/").unwrap_or(tty))
}

fn is_console(tty: &str) -> bool {
    if tty == "console" {
        return true;
    }
    let Some(kind) = ["tty", "hvc"]
        .iter()
        .find_map(|kind| tty.strip_prefix(kind))
    else {
        return false;
    };
    let (letters, digits) = kind.split_at(
        kind.find(|c: char| c.is_ascii_digit())
            .unwrap_or(kind.len()),
    );
    let is_numbered = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // Serial drivers have capitals (ttyS0, ttyAMA0, ttyUSB0), but for one. A small letter is one of
    // the pseudo terminals of BSD: ttyp0.
    let is_serial = tty.starts_with("tty")
        && (letters == "mxc" || letters.bytes().all(|byte| byte.is_ascii_uppercase()));
    is_numbered && (letters.is_empty() || is_serial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consoles_are_local_and_nothing_else_is() {
        let local = [
            "tty1",
            "tty63",
            "ttyS0",
            "ttyS12",
            "ttyAMA0",
            "ttyUSB0",
            "ttyPS1",
            "ttymxc0",
            "hvc0",
            "console",
            "/dev/tty1",
            "/dev/ttyS0",
            "/dev/console",
        ];
        for tty in local {
            assert!(is_local(None, Some(tty)), "{tty}");
            assert!(is_local(Some(""), Some(tty)), "{tty}");
            for host in ["198.51.100.7", "::1", "127.0.0.1", "localhost", " "] {
                assert!(!is_local(Some(host), Some(tty)), "{tty} from {host}");
            }
        }
        let other = [
            "",
            "ssh",
            "pts/0",
            "/dev/pts/0",
            "ttyp0",
            "ttyef",
            "tty",
            "ttyS",
            "hvc",
            "hvcS0",
            "cron",
            ":0",
            "consoles",
            "dev/tty1",
            "/dev//tty1",
            "/tmp/tty1",
            "tty1/../pts/0",
            "tty1 ",
            "TTY1",
            "web",
            "nodev",
            "ttyS0x",
            "tty０",
        ];
        for tty in other {
            assert!(!is_local(None, Some(tty)), "{tty}");
        }
        assert!(!is_local(None, None));
    }
}
