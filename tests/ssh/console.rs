//! The console: not asked, and the way back while sshd refuses everybody.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::json;
use testkit::{Signal, run_with_input};

use crate::support::reason;

use super::door::{CODE, Door, EITHER, PASSWORD, check, passes, refused};

/// A stack that asks us wherever the login comes from. Only sshd is a service that is asked for codes.
const STACK: &str = "\
auth requisite pam_unix.so
auth [success=ok default=die] pam_middleware.so OPTIONS
account required pam_middleware.so OPTIONS
account required pam_unix.so
session required pam_permit.so
";

/// What pamtester comes to with these PAM items and this typed: whether it is in, and was asked.
fn pamtester(door: &Door, items: &[&str], typed: &str) -> (bool, bool) {
    let id = format!("typed-{:?}", thread::current().id());
    let file = door.machine.dir().join(id);
    fs::write(&file, typed).unwrap();
    let mut command: Command = door.machine.enter();
    command.arg("pamtester");
    for item in items {
        command.args(["-I", item]);
    }
    command.args(["sshd", "alice", "authenticate", "acct_mgmt"]);
    command.stdin(fs::File::open(&file).unwrap());
    let output = run_with_input(&mut command, Duration::from_secs(30));
    let said = [output.stdout, output.stderr].concat();
    let is_asked = String::from_utf8_lossy(&said).contains(CODE);
    (output.status.success(), is_asked)
}

/// All of them at the same time.
fn check_terminals(door: &Door, cases: &[&[&str]], typed: &str, expected: (bool, bool)) {
    thread::scope(|scope| {
        for items in cases {
            scope.spawn(move || {
                assert_eq!(pamtester(door, items, typed), expected, "{items:?}");
            });
        }
    });
}

#[test]
fn a_login_at_a_local_terminal_is_not_asked() {
    let mut door = Door::new(EITHER);
    let [(alice, phone)] = door.enrolled(["alice"]);
    let local: [&[&str]; 8] = [
        &["tty=tty1"],
        &["tty=/dev/tty1"],
        &["tty=ttyS0"],
        &["tty=/dev/ttyS0"],
        &["tty=ttyAMA0"],
        &["tty=hvc0"],
        &["tty=console"],
        &["tty=/dev/console"],
    ];
    // A network login, a pseudo-terminal, no terminal, and names that only look local.
    let others: [&[&str]; 10] = [
        &["tty=ssh", "rhost=127.0.0.1"],
        &["tty=/dev/tty1", "rhost=192.0.2.1"],
        &["tty=/dev/pts/3"],
        &["tty=pts/3"],
        &[],
        &["tty="],
        &["tty=:0"],
        &["tty=xtty1"],
        &["tty=/dev/pts/tty1"],
        &["tty=../tty1"],
    ];
    let stack = |options| {
        door.machine
            .write(ssh::STACK, &STACK.replace("OPTIONS", options));
    };
    let password = format!("{}\n", alice.password);
    let with_code = format!("{password}{}\n", door.code(&phone));
    stack("");
    check_terminals(&door, &local, &password, (true, false));
    check_terminals(&door, &local, "wrong\n", (false, false));
    let no_codes = format!("{password}\n\n\n");
    check_terminals(&door, &others, &no_codes, (false, true));
    // Nor does a daemon that is away keep anybody from the console.
    door.site.daemon.signal(Signal::SIGSTOP);
    check_terminals(&door, &local, &password, (true, false));
    check_terminals(&door, &others, &password, (false, false));
    door.site.daemon.signal(Signal::SIGCONT);
    // Where the administrator wants it, the console is asked as well.
    stack("console=ask");
    check_terminals(&door, &local, &no_codes, (false, true));
    check_terminals(&door, &local[..1], &with_code, (true, true));
}

/// A lost phone, and nobody gets in: root at the console turns it off, with the line of the manual.
#[test]
fn unlock_at_the_console_while_ssh_is_refused_then_ssh_works() {
    let mut door = Door::new(EITHER);
    let [(alice, _), (bob, _)] = door.enrolled(["alice", "bob"]);
    let [carol] = door.people(["carol"]);
    let nobody = |door: &Door| {
        check(&[
            refused(
                "by password",
                door.by_password(&alice),
                &[
                    PASSWORD,
                    "Verification code: ",
                    "Verification code: ",
                    "Verification code: ",
                ],
            ),
            refused("by key", door.by_key(&bob).option("BatchMode=yes"), &[]),
            refused(
                "no device, or no account",
                door.by_key(&carol).option("BatchMode=yes"),
                &[],
            ),
        ]);
    };
    nobody(&door);
    let unlock = r#"{"enabled":false}"#;
    door.midclt(&["call", "auth.twofactor.update", unlock]);
    check(&[
        passes("by password", door.by_password(&alice), &[PASSWORD]),
        passes("by key", door.by_key(&bob), &[]),
        passes("no device", door.by_key(&carol), &[]),
    ]);
    // On again, for those who would not be locked out.
    let on = json!([{"enabled": true}]);
    let refusal = door.site.refused("auth.twofactor.update", on.clone());
    assert!(reason(&refusal).contains("carol"), "{refusal}");
    // Her last session may be ending still.
    door.machine.run_ok(["userdel", "--force", "carol"]);
    door.site.call("auth.twofactor.update", on);
    nobody(&door);
}
