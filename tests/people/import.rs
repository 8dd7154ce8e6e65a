//! A move from another system: its files, and then its phones.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::python::output_of;
use crate::site::{Site, login};
use crate::support::stderr;

/// What another program says that an app shows at a time.
fn shown(secret: &str, interval: u64, now: u64) -> String {
    let mut oathtool = Command::new("oathtool");
    oathtool
        .args(["--totp", "--base32", secret])
        .arg(format!("--time-step-size={interval}s"))
        .arg(format!("--now=@{now}"));
    output_of(&mut oathtool).trim_end().to_owned()
}

/// The program itself makes the file.
#[test]
fn a_file_of_google_authenticator() {
    let mut site = Site::new();
    let file = site.daemon.dir().join("google_authenticator");
    let path = file.to_str().unwrap();
    let options = [
        "-t", "-d", "-f", "-q", "-r", "3", "-R", "30", "-w", "3", "-C",
    ];
    let mut made = Command::new("google-authenticator");
    output_of(made.args(options).args(["-s", path]));
    let text = fs::read_to_string(&file).unwrap();
    let secret = text.lines().next().unwrap();

    let nobody = site.daemon.midclt(["2fa", "import", path, "--yes"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(stderr(&nobody).contains("add --user USER"), "{nobody:?}");
    let words = ["2fa", "import", path, "--user", "alice"];
    let dry = site.daemon.midclt_ok(words.iter().chain(&["--dry-run"]));
    assert!(dry.contains("alice  new     to be added"), "{dry}");
    assert_eq!(site.verdict(&login("alice").code("123456")), "NOT_ENROLLED");

    let used = shown(secret, 30, site.now());
    let done = site.daemon.midclt(words.iter().chain(&["--yes"]));
    assert!(done.status.success(), "{done:?}");
    let said = stderr(&done);
    assert!(
        said.contains("5 scratch codes are not taken over"),
        "{said}"
    );
    assert!(!said.contains(secret), "{said}");
    // It may have been used at the old system.
    assert_eq!(site.verdict(&login("alice").code(&used)), "REPLAYED");
    site.pass(60);
    let fresh = shown(secret, 30, site.now());
    assert_eq!(site.verdict(&login("alice").code(&fresh)), "ACCEPTED");

    let again = site.daemon.midclt_ok(words.iter().chain(&["--yes"]));
    assert!(again.contains("there already"), "{again}");
}

/// Many rows: those that can be read are imported, the others are told by number, and an account that
/// there is not keeps none from coming.
#[test]
fn a_users_file_of_pam_oath() {
    let mut site = Site::new();
    let hex = "3132333435363738393031323334353637383930";
    let file = site.daemon.dir().join("users.oath");
    let text = format!(
        "HOTP/T30/6\talice\t-\t{hex}\t0\t755224\t2026-11-24T10:00:00L\n\
         HOTP/T60 bob - 4a4b4c4d4e4f505152534a4b4c4d4e4f50515253\n\
         HOTP/E/6 carol - {hex}\n\
         HOTP/T30 nobody-here - {hex}\n"
    );
    fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let done = site.daemon.midclt(["2fa", "import", path, "--yes"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    let said = stderr(&done);
    assert!(said.contains("line 3: left out"), "{said}");
    assert!(said.contains("User 'nobody-here' does not exist"), "{said}");
    assert!(said.ends_with("1 device refused\n"), "{said}");
    assert!(!said.contains("31323334"), "{said}");
    site.pass(120);
    for (name, secret, interval) in [
        ("alice", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 30),
        ("bob", "JJFUYTKOJ5IFCUSTJJFUYTKOJ5IFCUST", 60),
    ] {
        let code = shown(secret, interval, site.now());
        assert_eq!(site.verdict(&login(name).code(&code)), "ACCEPTED", "{name}");
    }
}

/// From another machine of this kind, and from TrueNAS 22.12.
#[test]
fn a_list_of_uris_and_a_configuration() {
    let mut old = Site::new();
    let phone = old.enrol("alice");
    let uri = old.call("user.provisioning_uri", json!(["alice"]));
    let config = old.daemon.midclt_ok(["call", "auth.twofactor.config"]);

    let mut new = Site::new();
    let list = new.daemon.dir().join("uris");
    fs::write(&list, format!("{}\n", uri.as_str().unwrap())).unwrap();
    let settings = new.daemon.dir().join("config.json");
    fs::write(&settings, &config).unwrap();
    for (file, user) in [(&list, "alice"), (&settings, "root")] {
        let path = file.to_str().unwrap();
        let words = ["2fa", "import", path, "--user", user, "--yes", "--json"];
        let done = new.daemon.midclt_ok(words);
        let answer: serde_json::Value = serde_json::from_str(&done).unwrap();
        assert_eq!(answer["outcome"], "ADDED", "{user}");
    }
    new.pass(60);
    let code = phone.code(new.now());
    assert_eq!(new.verdict(&login("alice").code(&code)), "ACCEPTED");
}
