//! The break-glass file: looked at only where the daemon cannot answer.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;

use testkit::now;

use super::host::{Host, WORD, other_uid};
use super::{AUTHINFO_UNAVAIL, PERM_DENIED, SUCCESS};

const PLACE: &str = "/run/middleware-override/override";

fn this_boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    id.trim().to_owned()
}

/// Lets alice in until so many seconds from now, by the wall clock and of this boot.
fn bypass(wall: i64, of_boot: i64) -> String {
    let up = fs::read_to_string("/proc/uptime").unwrap();
    let up: u64 = up.split('.').next().unwrap().parse().unwrap();
    let (wall, of_boot) = (
        now().saturating_add_signed(wall),
        up.saturating_add_signed(of_boot),
    );
    format!("bypass alice {wall} {of_boot}")
}

fn text(boot: &str, grant: &str) -> String {
    format!("version 1\nboot {boot}\ngeneration 1\n{grant}\n")
}

/// Puts the file there, as root would.
fn put(host: &Host, text: &str) -> PathBuf {
    host.machine.write(PLACE, text);
    let file = host.machine.path(PLACE);
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(file.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
    file
}

/// By key, past both phases.
fn by_key(host: &Host, user: &str) -> Vec<i64> {
    let login = host.with_key(user).step("authenticate").step("account");
    login.answer(&["000000", "000000", "000000"]).codes
}

const IN: [i64; 2] = [SUCCESS, SUCCESS];
const OUT: [i64; 2] = [AUTHINFO_UNAVAIL, PERM_DENIED];

#[test]
fn without_the_daemon_it_lets_in_whom_it_names() {
    let mut host = Host::new(&["alice", "bob"]);
    host.site.enrol_all(["alice", "bob"]);
    let boot = this_boot();
    let off = text(&boot, "off");
    assert_ne!(by_key(&host, "alice"), IN);
    host.site.stop();
    put(&host, &off);
    assert_eq!(by_key(&host, "alice"), IN);
    host.hears("LET IN WITHOUT A CODE by the break-glass file", 1);
    // The account phase alone, too.
    assert_eq!(
        host.login("bob").step("account").answer(&[]).code(),
        SUCCESS
    );
    // A password is asked for as ever.
    let login = host.login("alice").step("authenticate");
    assert_ne!(login.answer(&["wrong"]).code(), SUCCESS);
    put(&host, &text(&boot, &bypass(600, 600)));
    assert_eq!(by_key(&host, "alice"), IN);
    assert_eq!(by_key(&host, "bob"), OUT);
    let bare = |host: &Host| {
        host.at("bare", "alice")
            .step("authenticate")
            .answer(&[])
            .code()
    };
    assert_eq!(
        bare(&host),
        AUTHINFO_UNAVAIL,
        "a bypass is for whoever has proven something"
    );
    let by_password = host.login("alice").step("authenticate").answer(&[WORD]);
    assert_eq!(by_password.code(), SUCCESS, "{by_password:?}");
}

#[test]
fn what_is_not_exactly_an_override_is_ignored() {
    type Spoil = fn(&Host, &str);
    let cases: &[(&str, Spoil)] = &[
        ("another boot", |host, _| {
            put(host, &text("a1b2c3d4-0001-4002-8003-000000000004", "off"));
        }),
        ("over", |host, boot| {
            put(host, &text(boot, &bypass(-1, 600)));
        }),
        ("over, and the clock was set back", |host, boot| {
            put(host, &text(boot, &bypass(600, 0)));
        }),
        ("further than any bypass", |host, boot| {
            put(host, &text(boot, &bypass(90_000, 600)));
        }),
        ("no text of ours", |host, _| {
            put(host, "off\n");
        }),
        ("others may write", |host, boot| {
            let file = put(host, &text(boot, "off"));
            fs::set_permissions(file, Permissions::from_mode(0o666)).unwrap();
        }),
        ("others may write to its directory", |host, boot| {
            let file = put(host, &text(boot, "off"));
            let mode = Permissions::from_mode(0o1777);
            fs::set_permissions(file.parent().unwrap(), mode).unwrap();
        }),
        ("another user's", |host, boot| {
            let file = put(host, &text(boot, "off"));
            chown(file, Some(other_uid()), None).unwrap();
        }),
        ("another user's directory", |host, boot| {
            let file = put(host, &text(boot, "off"));
            chown(file.parent().unwrap(), Some(other_uid()), None).unwrap();
        }),
        ("two links", |host, boot| {
            let file = put(host, &text(boot, "off"));
            fs::hard_link(&file, file.with_extension("second")).unwrap();
        }),
        ("a symbolic link", |host, boot| {
            let file = put(host, &text(boot, "off"));
            fs::rename(&file, file.with_extension("moved")).unwrap();
            symlink("override.moved", file).unwrap();
        }),
    ];
    let mut host = Host::new(&["alice"]);
    host.site.stop();
    let boot = this_boot();
    let mut ignored = 0;
    for (what, spoil) in cases {
        let _ = fs::remove_dir_all(host.machine.path("/run/middleware-override"));
        spoil(&host, &boot);
        assert_eq!(by_key(&host, "alice"), OUT, "{what}");
        // What is over is an override all the same, of nobody. Both phases look.
        if !what.starts_with("over") && *what != "further than any bypass" {
            ignored += 1;
            host.hears("break-glass file ignored: ", ignored);
        }
        put_good(&host, &boot, what);
    }
}

/// That it would have been let in but for that.
fn put_good(host: &Host, boot: &str, what: &str) {
    let _ = fs::remove_dir_all(host.machine.path("/run/middleware-override"));
    put(host, &text(boot, "off"));
    assert_eq!(by_key(host, "alice"), IN, "after: {what}");
}

/// An error is an answer: the daemon lives, and obeys the file by itself.
#[test]
fn an_error_of_the_daemon_is_no_reason_to_look_at_it() {
    let mut host = Host::new(&["alice"]);
    host.site.enrol("alice");
    put(&host, &text(&this_boot(), "off"));
    // The daemon takes no such name of a service.
    let service = "a".repeat(65);
    host.stack(&service, "auth [success=ok default=die] MODULE\n");
    let applied = host
        .at(&service, "alice")
        .step("authenticate")
        .answer(&["000000"]);
    assert_eq!(applied.code(), AUTHINFO_UNAVAIL, "{applied:?}");
    host.hears("answers an error, errno 22", 1);
}
