//! Installed, removed, purged, downgraded: what stays, what goes, and what it never does.

use serde_json::json;
use testkit::{Container, Socket};

use super::site::{SOCKET, deliver, install, installed};

/// What the packages may not touch: PAM, sshd. They bring one stack of their own, which no other door reads.
const DOORS: &str = "cd /etc; find pam.d ssh -type f ! -path pam.d/middlewared \
    -printf '%p %m %u\\n' -exec sha256sum '{}' ';' | sort";

fn exists(container: &Container, path: &str) -> bool {
    container.path(path).symlink_metadata().is_ok()
}

#[test]
fn installing_asks_nobody_for_a_code() {
    let container = Container::boot();
    let before = container.script(DOORS);
    let packages = deliver(&container, 1);
    install(&container, &packages);
    assert_eq!(container.script(DOORS), before);
    let config = Socket::connect(&container.path(SOCKET)).call("auth.twofactor.config", json!([]));
    assert_eq!(config["enabled"], false, "{config}");
    assert_eq!(config["services"]["ssh"], false, "{config}");
    // Again, over itself.
    install(&container, &packages);
    assert_eq!(container.run_ok(["midclt", "ping"]), "pong");
    let user = "stat -c '%U %a' /var/lib/middlewared /run/middleware /run/middleware-override";
    let found = container.script(user);
    assert_eq!(found, "middlewared 700\nroot 755\nroot 755");
}

#[test]
fn removing_keeps_the_state_and_purging_removes_it() {
    let container = installed();
    let mut socket = Socket::connect(&container.path(SOCKET));
    socket.call("auth.twofactor.update", json!([{"enabled": true}]));
    let secret = socket.call("auth.twofactor.config", json!([]))["secret"].clone();
    drop(socket);
    container.write("/etc/middlewared/config.toml", "product = \"NAS\"\n");

    let alone = container.run(["dpkg", "--remove", "middlewared"]);
    assert!(!alone.status.success(), "the module would refuse everybody");
    let all = [
        "middlewared-web",
        "libpam-middleware",
        "middlewared",
        "midclt-remote",
        "midclt",
    ];
    container.run_ok(["dpkg", "--remove"].iter().chain(&all));
    assert!(!exists(&container, SOCKET));
    assert_eq!(
        container.property("middlewared.socket", "ActiveState"),
        "inactive"
    );
    assert!(exists(&container, "/var/lib/middlewared/middlewared.db"));
    assert!(exists(&container, "/etc/middlewared/config.toml"));
    assert!(!exists(
        &container,
        "/etc/systemd/system/sockets.target.wants/middlewared.socket.dpkg"
    ));

    let packages = deliver(&container, 1);
    install(&container, &packages);
    let mut socket = Socket::connect(&container.path(SOCKET));
    let config = socket.call("auth.twofactor.config", json!([]));
    assert_eq!(
        (&config["enabled"], &config["secret"]),
        (&json!(true), &secret)
    );
    assert_eq!(
        container.read("/etc/middlewared/config.toml"),
        "product = \"NAS\"\n"
    );
    drop(socket);

    container.write("/etc/credstore.encrypted/middlewared.key", "sealed");
    container.run_ok(["dpkg", "--purge"].iter().chain(&all));
    for gone in [
        "/var/lib/middlewared",
        "/etc/middlewared",
        "/etc/credstore.encrypted/middlewared.key",
        "/run/middleware",
        "/run/middleware-override",
        "/etc/systemd/system/sockets.target.wants/middlewared.socket",
        "/etc/systemd/system/multi-user.target.wants/middlewared-sshd.path",
        "/etc/systemd/system/multi-user.target.wants/middlewared-sshd.service",
        "/etc/systemd/system/timers.target.wants/middlewared-sshd.timer",
        "/etc/systemd/system/middlewared.socket",
    ] {
        assert!(!exists(&container, gone), "{gone}");
    }
    let left = container.run([
        "dpkg-query",
        "-W",
        "middlewared",
        "midclt",
        "midclt-remote",
        "middlewared-web",
        "libpam-middleware",
    ]);
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

#[test]
fn a_downgrade_goes_on_with_the_state_and_with_what_the_administrator_decided() {
    let container = Container::boot();
    let newer = deliver(&container, 2);
    let older = deliver(&container, 1);
    install(&container, &newer);
    let mut socket = Socket::connect(&container.path(SOCKET));
    socket.call(
        "auth.twofactor.update",
        json!([{"enabled": true, "window": 3}]),
    );
    drop(socket);
    container.run_ok(["systemctl", "disable", "middlewared.socket"]);
    let said = install(&container, &older);
    let version = container.run_ok(["dpkg-query", "-W", "-f", "${Version}", "middlewared"]);
    assert!(version.ends_with("-1"), "{version}: {said}");
    let mut socket = Socket::connect(&container.path(SOCKET));
    let config = socket.call("auth.twofactor.config", json!([]));
    assert_eq!(
        (&config["enabled"], &config["window"]),
        (&json!(true), &json!(3))
    );
    let enabled = container.run(["systemctl", "is-enabled", "middlewared.socket"]);
    assert_eq!(enabled.stdout, b"disabled\n", "as the administrator has it");
}

/// The socket unit would take the path from a daemon that was started by hand.
#[test]
fn the_socket_of_another_process_is_left_to_it() {
    let container = Container::boot();
    let packages = deliver(&container, 1);
    let other = "
import os, socket
os.makedirs('/run/middleware', exist_ok=True)
s = socket.socket(socket.AF_UNIX)
s.bind('/run/middleware/middlewared.sock')
s.listen()
open('/run/other-listens', 'w').close()
s.accept()[0].sendall(b'other')
";
    container.write("/opt/other.py", other);
    container.script("setsid python3 /opt/other.py >/dev/null 2>&1 & until [ -e /run/other-listens ]; do sleep 0.05; done");
    install(&container, &packages);
    let journal = container.journal("middlewared.socket");
    assert!(journal.contains("another process serves"), "{journal}");
    let answer = "import socket; s = socket.socket(socket.AF_UNIX); \
                  s.connect('/run/middleware/middlewared.sock'); print(s.recv(5).decode())";
    assert_eq!(container.run_ok(["python3", "-c", answer]), "other");
    // It has ended by that; what is left of its socket is in nobody's way.
    container.run_ok(["systemctl", "start", "middlewared.socket"]);
    assert_eq!(container.run_ok(["midclt", "ping"]), "pong");
}

/// Writes what `midclt 2fa ssh enable` writes, without its trial: the files of an image, which is `/`.
const GUARD: &str = "
mkdir /run/image
mount --bind / /run/image
midclt 2fa ssh enable --yes --root-password --root /run/image
grep -q pam_middleware.so /etc/pam.d/sshd
systemctl reload ssh
sshd -T | grep -q '^authenticationmethods .*keyboard-interactive'
";

const START_SSHD: &str = "
ssh-keygen -A
echo 'root:a password for the console' | chpasswd
systemctl start ssh.service
";

#[test]
fn removing_the_module_puts_sshd_and_pam_back() {
    // By midclt; and where midclt cannot, by the marks.
    for midclt_is_broken in [false, true] {
        let container = installed();
        container.script(START_SSHD);
        let before = container.script(DOORS);
        container.script(GUARD);
        assert_ne!(container.script(DOORS), before);
        if midclt_is_broken {
            container.script("printf '#!/bin/sh\nexit 1\n' > /usr/bin/midclt");
        }
        let sshd = container.property("ssh.service", "MainPID");
        container.run_ok(["dpkg", "--purge", "libpam-middleware"]);
        assert_eq!(container.script(DOORS), before);
        assert_eq!(
            container.property("ssh.service", "MainPID"),
            sshd,
            "reloaded"
        );
        assert_eq!(container.property("ssh.service", "ActiveState"), "active");
        let in_effect = container.run_ok(["sshd", "-T"]);
        assert!(
            in_effect.contains("authenticationmethods any\n"),
            "{in_effect}"
        );
    }
}

/// PAM refuses everybody where a module is missing.
#[test]
fn the_module_does_not_go_while_another_stack_names_it() {
    let container = installed();
    container.script("echo 'auth required pam_middleware.so' >> /etc/pam.d/su");
    let removal = container.run(["dpkg", "--remove", "libpam-middleware"]);
    let said = String::from_utf8_lossy(&removal.stderr);
    assert!(
        !removal.status.success() && said.contains("/etc/pam.d/su still names"),
        "{said}"
    );
    let modules = container.script("ls /usr/lib/*/security/pam_middleware.so");
    assert_eq!(modules.lines().count(), 1);
    container.script("sed -i /pam_middleware/d /etc/pam.d/su; dpkg --remove libpam-middleware");
}
