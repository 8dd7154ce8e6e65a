//! Moving: `midclt 2fa export` on a machine that dies, `midclt 2fa restore` on one that has nothing, and
//! the phones go on.

mod crowd;
mod faults;
mod file;

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Daemon, run_with_input};

use crate::site::{ACCOUNTS, DAY, Phone, Site, login, uid_of, wrong_code};
use crate::support::{audited, eventually, stderr};

const PASSPHRASE: &str = "correct horse battery staple";

/// Ten thousand accounts in programs that are not optimised, on a machine that has other work.
const LIMIT: Duration = Duration::from_mins(5);

/// Runs midclt with a passphrase on its standard input, as a script does.
fn midclt(daemon: &Daemon, words: &[&str], passphrase: &str) -> Output {
    let file = daemon.dir().join("passphrase");
    fs::write(&file, format!("{passphrase}\n")).unwrap();
    let mut command = daemon.midclt_command();
    command.args(words).arg("--passphrase-stdin");
    command.stdin(File::open(file).unwrap());
    run_with_input(&mut command, LIMIT)
}

fn midclt_ok(daemon: &Daemon, words: &[&str]) -> (String, String) {
    let output = midclt(daemon, words, PASSPHRASE);
    assert!(output.status.success(), "{words:?}: {output:?}");
    let said = stderr(&output);
    (String::from_utf8(output.stdout).unwrap(), said)
}

fn file_of(daemon: &Daemon) -> PathBuf {
    daemon.dir().join("nas1.2fa")
}

fn export(daemon: &Daemon) -> PathBuf {
    let file = file_of(daemon);
    midclt_ok(daemon, &["2fa", "export", file.to_str().unwrap(), "--yes"]);
    file
}

/// Restores the file, and says what was said.
fn restore(daemon: &Daemon, options: &[&str]) -> (String, String) {
    let file = file_of(daemon);
    let words = [&["2fa", "restore", file.to_str().unwrap()], options].concat();
    midclt_ok(daemon, &words)
}

/// The machine dies: state, copies and key are gone. Another one, where sshd asks, takes its place.
fn lose_everything(site: &mut Site) {
    site.stop();
    fs::remove_dir_all(site.daemon.state_dir()).unwrap();
    site.start();
    site.daemon.report_sshd_ready();
}

/// What the phone shows: by a program that is not ours.
fn oathtool(phone: &Phone, time: u64) -> String {
    let mut command = Command::new("oathtool");
    command.args(["--totp", "--base32", &format!("--now=@{time}"), "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.spawn().expect("oathtool is installed");
    let mut input = running.stdin.take().unwrap();
    writeln!(input, "{}", phone.secret).unwrap();
    drop(input);
    let output = running.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn verdict(site: &mut Site, name: &str, code: &str) -> String {
    site.verdict(&login(name).code(code))
}

/// A site whose other accounts are let in, so that sshd may be made to ask again.
fn site() -> Site {
    let site = Site::new();
    site.daemon.unenrolled("ALLOW");
    site
}

/// Export, the end of the machine with its key, restore: the same phone logs in, and what was used
/// before is used.
#[test]
fn the_phones_go_on_after_state_and_key_are_gone() {
    let mut site = site();
    let phone = site.enrol("alice");
    let recovery = site.recovery_codes("alice");
    export(&site.daemon);
    // Used after the export: only "now" can know of it.
    site.pass(30);
    let used = oathtool(&phone, site.now());
    assert_eq!(verdict(&mut site, "alice", &used), "ACCEPTED");
    lose_everything(&mut site);
    assert_eq!(
        verdict(&mut site, "alice", &used),
        "NOT_REQUIRED",
        "a new one is off"
    );
    let (done, said) = restore(&site.daemon, &["--yes"]);
    assert!(done.contains("is ON by it"), "{done}");
    assert!(said.contains("recovery codes are void"), "{said}");
    assert!(!said.contains("ssh enable"), "{said}");
    assert_eq!(verdict(&mut site, "alice", &used), "REPLAYED");
    assert_eq!(verdict(&mut site, "alice", &recovery[0]), "WRONG");
    site.pass(60);
    let code = oathtool(&phone, site.now());
    assert_eq!(verdict(&mut site, "alice", &code), "ACCEPTED");
    assert_eq!(verdict(&mut site, "alice", &code), "REPLAYED");
    let left = site.call("auth.twofactor.recovery.remaining", json!(["alice"]));
    assert_eq!(left["remaining"], 0);
    assert_eq!(
        audited(&site.daemon.state_dir(), "restored"),
        3,
        "the whole, alice, and root"
    );
    let log = site.daemon.log();
    assert!(log.contains("WARN An export of"), "{log}");
    assert!(
        log.contains("WARN Settings and devices are being exported"),
        "{log}"
    );
}

/// sshd is not made to ask where it cannot, and where somebody would be locked out; that is said.
#[test]
fn sshd_is_made_to_ask_only_where_it_does() {
    let mut site = site();
    let phone = site.enrol("alice");
    site.daemon.unenrolled("DENY");
    export(&site.daemon);
    for is_ready in [false, true] {
        site.stop();
        fs::remove_dir_all(site.daemon.state_dir()).unwrap();
        site.start();
        if is_ready {
            // All others have no device, and the policy of the export is to refuse them.
            site.daemon.report_sshd_ready();
        }
        let (done, said) = restore(&site.daemon, &["--yes"]);
        assert!(done.contains("is ON by it"), "{done}");
        assert!(said.contains("midclt 2fa ssh enable"), "{said}");
        assert_eq!(verdict(&mut site, "alice", "000000"), "NOT_REQUIRED");
        let code = oathtool(&phone, site.now() + 60);
        site.pass(60);
        let web = login("alice").with("service", "web").code(&code);
        assert_eq!(site.verdict(&web), "ACCEPTED");
    }
    // Nor does it shut out whoever gets in now.
    site.daemon.unenrolled("ALLOW");
    site.call(
        "auth.twofactor.update",
        json!([{"services": {"ssh": true}}]),
    );
    let (_, said) = restore(&site.daemon, &["--yes"]);
    assert!(
        said.contains("accounts without a device are still let in"),
        "{said}"
    );
    let policy = site.call("auth.twofactor.policy.config", json!([]));
    assert_eq!(policy["unenrolled"], "ALLOW");
    assert_eq!(site.verdict(&login("bob")), "NOT_REQUIRED");
}

/// Off is off until root says otherwise: `--stay-off`, also with the devices back.
#[test]
fn off_stays_off_where_root_wants_it() {
    let mut site = site();
    site.enrol("alice");
    export(&site.daemon);
    site.call("auth.twofactor.update", json!([{"enabled": false}]));
    let (done, said) = restore(&site.daemon, &["--yes", "--stay-off"]);
    assert!(done.contains("stays off"), "{done}");
    assert!(said.contains("midclt 2fa enable"), "{said}");
    assert_eq!(site.call("auth.two_factor_auth", json!([])), false);
    restore(&site.daemon, &["--yes"]);
    assert_eq!(site.call("auth.two_factor_auth", json!([])), true);
}

/// A name that was made anew, with another uid, gets nothing of its predecessor.
#[test]
fn a_name_that_was_made_anew_inherits_nothing() {
    let mut site = site();
    let phone = site.enrol("alice");
    site.enrol("bob");
    export(&site.daemon);
    lose_everything(&mut site);
    let others = ACCOUNTS.into_iter().filter(|(name, _)| *name != "bob");
    let mut others: Vec<_> = others.collect();
    others[0] = ("alice", 72_001);
    site.daemon.accounts().set(&others);
    let (_, said) = restore(&site.daemon, &["--yes"]);
    let alice = format!(
        "alice (uid {}) gets nothing: that user has another uid",
        uid_of("alice")
    );
    assert!(said.contains(&alice), "{said}");
    assert!(
        said.contains("bob (uid 71002) gets nothing: there is no such user"),
        "{said}"
    );
    let devices = site.call("auth.twofactor.device.query", json!([]));
    let users: Vec<_> = devices
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["username"])
        .collect();
    assert_eq!(users, [&json!("root")]);
    site.pass(60);
    let code = oathtool(&phone, site.now());
    assert_ne!(verdict(&mut site, "alice", &code), "ACCEPTED");
}

/// A lock counts on, over the end of the machine.
#[test]
fn a_restore_does_not_open_what_wrong_codes_have_locked() {
    let mut site = site();
    let phone = site.enrol("alice");
    let wrong = wrong_code(&[&phone], 6, site.now());
    site.guess_wrong(&login("alice").code(&wrong), 5);
    let code = oathtool(&phone, site.now());
    assert_eq!(verdict(&mut site, "alice", &code), "LOCKED");
    export(&site.daemon);
    lose_everything(&mut site);
    restore(&site.daemon, &["--yes"]);
    assert_eq!(verdict(&mut site, "alice", &code), "LOCKED");
    site.pass(DAY / 2);
    let code = oathtool(&phone, site.now());
    assert_eq!(verdict(&mut site, "alice", &code), "ACCEPTED");
}

/// The way of docs/recovery.md, where the key is lost: the state is set aside, and the export restored
/// into a new one.
#[test]
fn a_lost_master_key_is_made_up_for_by_an_export() {
    let mut site = site();
    let phone = site.enrol("alice");
    export(&site.daemon);
    site.stop();
    let state = site.daemon.state_dir();
    fs::remove_file(state.join("middlewared.key")).unwrap();
    site.start();
    let file = file_of(&site.daemon);
    let words = ["2fa", "restore", file.to_str().unwrap(), "--yes"];
    let refused = midclt(&site.daemon, &words, PASSPHRASE);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("set this state aside"),
        "{refused:?}"
    );
    assert!(!state.join("middlewared.key").exists(), "no second key");
    let row = site.call("auth.twofactor.update", json!([{"enabled": false}]));
    assert_eq!(row["enabled"], false, "turning it off needs no key");
    site.stop();
    fs::rename(&state, state.with_file_name("without-key")).unwrap();
    site.start();
    site.daemon.report_sshd_ready();
    restore(&site.daemon, &["--yes"]);
    site.pass(60);
    let code = oathtool(&phone, site.now());
    assert_eq!(verdict(&mut site, "alice", &code), "ACCEPTED");
}

/// An older release takes over: it reads what was restored, and its own exports and restores work.
#[test]
fn after_a_downgrade() {
    let mut site = site();
    let phone = site.enrol("alice");
    export(&site.daemon);
    lose_everything(&mut site);
    restore(&site.daemon, &["--yes"]);
    site.stop();
    let newer = crate::support::database(&site.daemon.state_dir());
    newer
        .execute_batch("PRAGMA user_version = 99; ALTER TABLE devices ADD COLUMN future TEXT")
        .unwrap();
    drop(newer);
    site.start();
    site.pass(60);
    let code = oathtool(&phone, site.now());
    assert_eq!(verdict(&mut site, "alice", &code), "ACCEPTED");
    export(&site.daemon);
    let (done, _) = restore(&site.daemon, &["--yes"]);
    assert!(done.contains("came 0, went 0"), "{done}");
    assert_eq!(verdict(&mut site, "alice", &code), "REPLAYED");
}

/// Neither the passphrase nor a secret is in a log, in the state, or for others to see while it runs.
#[test]
fn nothing_of_it_is_written_down_or_shown() {
    let builder = Daemon::builder()
        .accounts(&ACCOUNTS)
        .arg("--log")
        .arg("trace");
    let mut site = Site::with(builder);
    let phone = site.enrol("alice");
    let file = export(&site.daemon);
    restore(&site.daemon, &["--yes"]);
    let mut command = site.daemon.midclt_command();
    command.args([
        "2fa",
        "restore",
        file.to_str().unwrap(),
        "--yes",
        "--passphrase-stdin",
    ]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut running = command.spawn().unwrap();
    let mut input = running.stdin.take().unwrap();
    input.write_all(PASSPHRASE.as_bytes()).unwrap();
    let mut seen = Vec::new();
    let process = format!("/proc/{}", running.id());
    eventually("it shows its arguments", || {
        seen = fs::read(format!("{process}/cmdline")).unwrap();
        seen.windows(7).any(|word| word == b"restore")
    });
    seen.extend(fs::read(format!("{process}/environ")).unwrap());
    drop(input);
    assert!(running.wait().unwrap().success());
    site.stop();
    let mut places = vec![
        ("the log".to_owned(), site.daemon.log().into_bytes()),
        ("the process".to_owned(), seen),
        ("the file".to_owned(), fs::read(&file).unwrap()),
    ];
    crate::api::secrecy::collect(&site.daemon.state_dir(), &mut places);
    for (place, bytes) in places {
        for secret in [PASSPHRASE, &phone.secret] {
            let found = bytes
                .windows(secret.len())
                .any(|one| one == secret.as_bytes());
            assert!(!found, "{secret} in {place}");
        }
    }
}

/// The pages of an export, as the daemon hands them out.
fn pages(site: &mut Site) -> Vec<Value> {
    let mut pages = vec![site.call("auth.twofactor.export", json!([]))];
    while let Some(next) = pages.last().unwrap()["next"].as_u64() {
        pages.push(site.call("auth.twofactor.export", json!([next])));
    }
    pages
}
