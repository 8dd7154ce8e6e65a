//! A disk that fails while the daemon runs: strace(1) makes the system calls of the store fail.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use testkit::{Daemon, run_with_deadline};

use crate::site::{ACCOUNTS, Login, Site, login, wrong_code};
use crate::support::{errno, stderr};

/// How long a mount may take.
const LIMIT: Duration = Duration::from_secs(20);

/// While it lives, these system calls of the daemon fail with this error.
struct Failing(Child);

impl Failing {
    fn begin(daemon: &Daemon, calls: &str, error: &str) -> Self {
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &daemon.pid().to_string()]);
        command.args(["-e", &format!("trace={calls}")]);
        command.args(["-e", &format!("inject={calls}:error={error}")]);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut strace = command.spawn().expect("strace (Debian: strace)");
        let mut said = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "strace: {line}");
        // It must not wait for anybody to read the rest.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Self(strace)
    }
}

impl Drop for Failing {
    /// It lets go of the daemon when it is asked to end, and not when it is killed.
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// What makes the state unwritable: the calls, and their error.
const FAULTS: [(&str, &str); 4] = [
    ("fdatasync,fsync", "EIO"),
    ("pwrite64", "EIO"),
    ("pwrite64", "EROFS"),
    ("pwrite64,fdatasync,fsync", "ENOSPC"),
];

/// Nobody is let in by an answer that may not last, no guess is judged that may not be counted, and
/// nothing that was refused so is used up when the disk is well again.
#[test]
fn on_a_failing_disk_every_door_is_an_error_and_nothing_is_used_up() {
    for (calls, error) in FAULTS {
        let mut site = Site::new();
        let phone = site.enrol("alice");
        let recovery = site.recovery_codes("alice");
        let bypass = json!([{"username": "bob", "reason": "a lost phone"}]);
        site.call("auth.twofactor.bypass.create", bypass);
        let alice = login("alice");
        let code = phone.code(site.now());
        let doors: [Login; 4] = [
            alice.clone().code(&code),
            alice.clone().code(&recovery[0]),
            alice.clone().code(&wrong_code(&[&phone], 6, site.now())),
            login("bob"),
        ];
        let failing = Failing::begin(&site.daemon, calls, error);
        for door in doors.iter().cycle().take(12) {
            let reply = site
                .socket
                .rpc("auth.twofactor.authenticate", door.params());
            assert!(
                reply.get("result").is_none(),
                "{calls} {error}: {door:?}: {reply}"
            );
            assert!(errno(&reply["error"]) > 0, "{reply}");
        }
        for (method, params) in [
            ("update", json!([{"enabled": false}])),
            ("device.create", json!([{"username": "carol"}])),
            ("policy.update", json!([{"unenrolled": "ALLOW"}])),
            ("recovery.generate", json!(["bob"])),
        ] {
            let reply = site.socket.rpc(&format!("auth.twofactor.{method}"), params);
            assert!(
                reply.get("result").is_none(),
                "{calls} {error}: {method}: {reply}"
            );
        }
        assert_eq!(
            site.call("auth.two_factor_auth", json!([])),
            true,
            "reads go on"
        );
        drop(failing);
        for restarts in [false, true] {
            if restarts {
                site.cut_power();
                site.pass(30);
            }
            let code = phone.code(site.now());
            assert_eq!(
                site.verdict(&alice.clone().code(&code)),
                "ACCEPTED",
                "{calls} {error}"
            );
            let spare = &recovery[usize::from(restarts)];
            assert_eq!(
                site.verdict(&alice.clone().code(spare)),
                "ACCEPTED",
                "{calls} {error}"
            );
        }
        assert_eq!(site.verdict(&login("bob")), "BYPASSED", "{calls} {error}");
        assert_eq!(
            site.verdict(&login("bob")),
            "NOT_ENROLLED",
            "{calls} {error}"
        );
        let row = site.call("auth.twofactor.update", json!([{"enabled": false}]));
        assert_eq!(row["enabled"], false, "{calls} {error}");
    }
}

/// A filesystem that is read-only already: no daemon, which says so, and nothing is lost by it.
#[test]
fn on_a_read_only_filesystem_the_daemon_does_not_start_and_says_why() {
    let builder = Daemon::builder().accounts(&ACCOUNTS).state_on_tmpfs("4m");
    let mut site = Site::with(builder);
    let phone = site.enrol("alice");
    site.stop();
    let remount = |site: &Site, how: &str| {
        // `/proc/PID/root/…` is how the test reaches the daemon's own mount.
        let seen = site.daemon.state_dir().to_string_lossy().into_owned();
        let mut parts = seen.trim_start_matches("/proc/").splitn(3, '/');
        let (pid, inside) = (parts.next().unwrap(), parts.nth(1).unwrap());
        let mut command = Command::new("nsenter");
        command.arg(format!("--mount=/proc/{pid}/ns/mnt"));
        command.args(["--", "mount", "-o", &format!("remount,{how}")]);
        let done = run_with_deadline(command.arg(format!("/{inside}")), LIMIT);
        assert!(done.status.success(), "{done:?}");
    };
    remount(&site, "ro");
    let again = Daemon::builder().state_dir(site.daemon.state_dir());
    let refused = again.run_to_end();
    let said = stderr(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    remount(&site, "rw");
    site.start();
    assert_eq!(site.log_in("alice", &phone), "ACCEPTED");
}
