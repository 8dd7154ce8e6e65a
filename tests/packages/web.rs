//! The web service as systemd runs it: installed, signed in to, restarted, removed; and what its user reaches.

use serde_json::{Value, json};
use testkit::{Container, Socket, now};

use crate::support::code_at;

use super::site::{SOCKET, deliver, install, installed};

const PASSWORD: &str = "a password for the web";

/// A browser without a screen: one directory of cookies, and the token of the page before.
const BROWSER: &str = r#"
fetch() { curl --silent --show-error --cacert /var/lib/middlewared-web/certificate.pem \
    --cookie /root/cookies --cookie-jar /root/cookies --location "$@" > /root/page; }
page() { fetch "https://localhost:8443$1"; }
form() {
    local path=$1; shift
    local token; token=$(sed -n 's/.*name="csrf" value="\([^"]*\)".*/\1/p' /root/page | head -n 1)
    fetch --data-urlencode "csrf=$token" "$@" "https://localhost:8443$path"
}
rm -f /root/cookies
# The first connection starts the service, which makes its certificate.
timeout 30 bash -c 'until curl -sko /dev/null https://localhost:8443/sign-in; do sleep 0.1; done'
page /sign-in
"#;

/// What the page says after the form with the password, and perhaps one with a code.
fn sign_in(container: &Container, password: &str, code: Option<&str>) -> String {
    let step = code.map(|code| format!("form /sign-in/code --data-urlencode 'code={code}'"));
    container.script(&format!(
        "{BROWSER}
         form /sign-in --data-urlencode username=root --data-urlencode 'password={password}'
         {}
         cat /root/page",
        step.unwrap_or_default()
    ))
}

fn with_password(container: &Container) {
    container.script(&format!("echo 'root:{PASSWORD}' | chpasswd"));
}

#[test]
fn it_is_there_after_the_installation_and_a_restart_keeps_its_certificate() {
    let container = installed();
    with_password(&container);
    for unit in ["web", "entrance", "password"] {
        let unit = format!("middlewared-{unit}.socket");
        assert_eq!(container.property(&unit, "ActiveState"), "active", "{unit}");
    }
    let told = container.run_ok(["midclt", "2fa", "web"]);
    let print = container.run_ok(["middlewared-web", "--show"]);
    let print = print.rsplit(' ').next().unwrap();
    assert!(told.contains(print.split_at(48).0), "{told}");
    assert!(
        told.contains(print.split_at(48).1) && told.lines().count() == 4,
        "{told}"
    );
    let page = sign_in(&container, PASSWORD, None);
    assert!(page.contains("is NOT enabled"), "{page}");

    let mut socket = Socket::connect(&container.path(SOCKET));
    let config = socket.call("auth.twofactor.update", json!([{"enabled": true}]));
    let code = code_at(config["secret"].as_str().unwrap(), now());
    let page = sign_in(&container, PASSWORD, Some(&code));
    assert!(page.contains("IS currently enabled"), "{page}");
    let page = sign_in(&container, PASSWORD, Some(&code));
    assert!(page.contains("code is wrong"), "used: {page}");
    let page = sign_in(&container, "a wrong one", None);
    assert!(page.contains("code is wrong"), "{page}");

    let show = ["middlewared-web", "--show"];
    let before = container.run_ok(show);
    container.run_ok(["systemctl", "restart", "middlewared-web.service"]);
    let page = sign_in(&container, PASSWORD, None);
    assert!(page.contains("one-time-code"), "{page}");
    assert_eq!(container.run_ok(show), before);
    let journal = container.journal("middlewared-web.service");
    assert!(!journal.contains(PASSWORD) && !journal.contains(&code));
}

/// The user alone, without what the unit shuts it out of besides: what is opened by file modes is enough.
const AS_ITS_USER: &str = "setpriv --reuid=middlewared-web --regid=middlewared-web --clear-groups";

#[test]
fn whoever_takes_it_over_reaches_the_entrance_and_nothing_else() {
    let container = installed();
    container.run_ok(["midclt", "ping"]);
    let connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])";
    let connect = |path: &str| format!("{AS_ITS_USER} python3 -c '{connect}' {path} 2>&1");
    container.script(&connect("/run/middleware/web.sock"));
    for path in [
        "/run/middleware/middlewared.sock",
        "/run/middlewared/password.sock",
    ] {
        assert!(container.path(path).exists(), "{path}");
        let refused = container.script(&format!("! {}", connect(path)));
        assert!(refused.contains("Permission denied"), "{path}: {refused}");
    }
    for file in [
        "/var/lib/middlewared/middlewared.db",
        "/var/lib/middlewared/middlewared.key",
        "/etc/shadow",
    ] {
        assert!(container.path(file).exists(), "{file}");
        let refused = container.script(&format!("! {AS_ITS_USER} cat {file} 2>&1"));
        assert!(refused.contains("Permission denied"), "{file}: {refused}");
    }
    for directory in [
        "/run/middleware",
        "/run/middleware-override",
        "/etc/middlewared/tls",
    ] {
        container.script(&format!("! {AS_ITS_USER} touch {directory}/x 2>/dev/null"));
    }
    // By the entrance it is a stranger like everybody, whatever it is that root's socket alone has.
    let mut stranger = Socket::on_web(&container.path("/run/middleware/web.sock"), "192.0.2.1");
    for method in [
        "auth.twofactor.export",
        "auth.twofactor.config",
        "auth.sessions",
    ] {
        let refused = stranger.call_err(method, json!([]));
        assert_eq!(refused["data"]["error"], 207, "{method}: {refused}");
    }
}

/// The process itself sees even less.
#[test]
fn the_process_is_shut_in() {
    let container = installed();
    with_password(&container);
    sign_in(&container, PASSWORD, None);
    let pid = container.property("middlewared-web.service", "MainPID");
    let inside = |words: &str| {
        let enter = format!("nsenter --target={pid} --mount --net --");
        container.run(["bash", "-c", &format!("{enter} {words}")])
    };
    // As root, with all its capabilities: they are not there.
    for hidden in ["/var/lib/middlewared", "/run/middlewared", "/etc/pam.d"] {
        let listed = inside(&format!("ls {hidden}/"));
        assert!(listed.stdout.is_empty(), "{hidden}: {listed:?}");
    }
    let net = |pid: &str| container.run_ok(["readlink", &format!("/proc/{pid}/ns/net")]);
    assert_ne!(net(&pid), net("1"), "no network but what systemd accepts");
    let status = container.read(&format!("/proc/{pid}/status"));
    for line in [
        "CapEff:\t0000000000000000",
        "CapBnd:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line}: {status}");
    }
}

#[test]
fn removing_it_closes_the_entrance_and_purging_takes_its_certificate() {
    let container = installed();
    with_password(&container);
    sign_in(&container, PASSWORD, None);
    let exists = |path: &str| container.path(path).symlink_metadata().is_ok();
    container.run_ok(["dpkg", "--remove", "middlewared-web"]);
    assert!(!exists("/run/middleware/web.sock"));
    assert!(!exists("/run/middlewared/password.sock"));
    assert!(exists("/var/lib/middlewared-web/key.pem"));
    assert!(exists("/etc/middlewared/web.toml"));
    let closed = container.run(["curl", "-sk", "https://localhost:8443/sign-in"]);
    assert_eq!(closed.status.code(), Some(7), "refused");
    assert_eq!(container.run_ok(["midclt", "ping"]), "pong");

    // Back, as it was.
    let packages = deliver(&container, 1);
    install(&container, &packages);
    assert!(sign_in(&container, PASSWORD, None).contains("is NOT enabled"));
    container.write("/etc/middlewared/tls/key.pem", "of somebody's own");
    container.run_ok(["dpkg", "--purge", "middlewared-web"]);
    for gone in ["/var/lib/middlewared-web", "/etc/middlewared/web.toml"] {
        assert!(!exists(gone), "{gone}");
    }
    for kept in ["/etc/middlewared/tls/key.pem", SOCKET] {
        assert!(exists(kept), "{kept}");
    }
    let wants = "/etc/systemd/system/sockets.target.wants/middlewared-web.socket";
    assert!(!exists(wants));
}

/// A daemon that runs already has no entrance: the package sees to one, and midclt to what is missing later.
#[test]
fn it_comes_to_a_daemon_that_runs_and_what_is_closed_is_named() {
    let container = Container::boot();
    let packages = deliver(&container, 1);
    let (web, others): (Vec<_>, Vec<_>) =
        (packages.into_iter()).partition(|package| package.contains("middlewared-web_"));
    install(&container, &others);
    let missing = container.run(["midclt", "2fa", "web"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stdout).contains("apt install middlewared-web"));
    container.run_ok(["midclt", "ping"]);
    with_password(&container);
    install(&container, &web);
    assert!(sign_in(&container, PASSWORD, None).contains("is NOT enabled"));

    container.run_ok([
        "systemctl",
        "disable",
        "--now",
        "--quiet",
        "middlewared-web.socket",
    ]);
    let closed = container.run(["midclt", "2fa", "web", "--json"]);
    let found: Value = serde_json::from_slice(&closed.stdout).unwrap();
    assert_eq!(closed.status.code(), Some(1), "{found}");
    let cure = found["troubles"][0]["cure"].as_str().unwrap();
    assert!(cure.contains("systemctl enable --now"), "{found}");
    container.script(cure);
    assert!(sign_in(&container, PASSWORD, None).contains("is NOT enabled"));
    container.run_ok(["midclt", "2fa", "web"]);
    // Somebody else's port.
    container.script(
        "mkdir /etc/systemd/system/middlewared-web.socket.d
         printf '[Socket]\\nListenStream=\\nListenStream=127.0.0.1:443\\n' \\
             > /etc/systemd/system/middlewared-web.socket.d/port.conf
         systemctl daemon-reload; systemctl stop middlewared-web.service
         systemctl restart middlewared-web.socket; systemctl start middlewared-web.service",
    );
    let told = container.run_ok(["midclt", "2fa", "web"]);
    assert!(told.lines().next().unwrap().ends_with(":443/"), "{told}");
    container.run_ok([
        "curl",
        "-sk",
        "-o",
        "/dev/null",
        "https://127.0.0.1/sign-in",
    ]);
}

/// A certificate of somebody's own, by the recipe of docs/web.md.
#[test]
fn a_certificate_that_others_issued_is_served() {
    let container = installed();
    let page = container.script(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=nas.example.org \
             -addext subjectAltName=DNS:nas.example.org -keyout /root/key.pem -out /root/certificate.pem 2>/dev/null
         install -m 644 /root/certificate.pem /etc/middlewared/tls/certificate.pem
         install -m 640 -g middlewared-web /root/key.pem /etc/middlewared/tls/key.pem
         cat > /etc/middlewared/web.toml <<END
hosts = [\"nas.example.org\"]
certificate = \"/etc/middlewared/tls/certificate.pem\"
key = \"/etc/middlewared/tls/key.pem\"
END
         systemctl restart middlewared-web.service
         curl -s --cacert /root/certificate.pem --resolve nas.example.org:8443:127.0.0.1 \
             https://nas.example.org:8443/sign-in",
    );
    assert!(page.contains("<h1>Sign in</h1>"), "{page}");
}
