//! Root, under each `PermitRootLogin`, with and without our lines for it.

use ssh::dropin::{DropIn, Mode, RootDoor};

use super::door::{CODE, Door, EITHER, PASSWORD, check, passes, refused};

/// The drop-in without its lines about root, and this in their place.
fn with_root(permit: &str) -> String {
    let plain = DropIn {
        mode: Mode::PasswordOrKey,
        root: RootDoor::AsItWas,
    };
    format!("{}PermitRootLogin {permit}\n", plain.text())
}

/// `prohibit-password`, Debian's default, refuses root with key *and* code, after asking for the code;
/// which is why the pre-flight names it and the drop-in says `yes`.
#[test]
fn root_under_each_permit_root_login() {
    let mut door = Door::with_files(&with_root("yes"), str::to_owned);
    let (root, phone) = door.root();
    for (permit, password_passes, key_passes) in [
        ("yes", true, true),
        ("prohibit-password", false, false),
        ("without-password", false, false),
        ("forced-commands-only", false, false),
        ("no", false, false),
    ] {
        door.machine.write(ssh::DROPIN, &with_root(permit));
        door.machine.reload_sshd();
        let outcome = door.by_password(&root).code(&door.code(&phone)).run();
        assert_eq!(outcome.is_in, password_passes, "{permit}: {outcome:?}");
        door.site.pass(30);
        let outcome = door.by_key(&root).code(&door.code(&phone)).run();
        assert_eq!(outcome.is_in, key_passes, "{permit}: {outcome:?}");
        if permit == "prohibit-password" {
            // sshd asks, and hands on something else than what was typed.
            assert_eq!(outcome.prompts, [CODE; 3], "{outcome:?}");
        }
        let alone = door.by_key(&root).option("BatchMode=yes").run();
        assert!(!alone.is_in, "{permit}: {alone:?}");
        door.site.pass(30);
    }
}

#[test]
fn root_as_the_drop_in_has_it() {
    let mut door = Door::new(EITHER);
    let (root, phone) = door.root();
    check(&[
        refused(
            "password + code",
            door.by_password(&root).code(&door.code(&phone)),
            &[],
        ),
        refused("key alone", door.by_key(&root).option("BatchMode=yes"), &[]),
        passes(
            "key + code",
            door.by_key(&root).code(&door.code(&phone)),
            &[CODE],
        ),
    ]);
    let with_password = DropIn {
        root: RootDoor::PasswordOrKey,
        ..EITHER
    };
    door.machine.write(ssh::DROPIN, &with_password.text());
    door.machine.reload_sshd();
    door.site.pass(30);
    check(&[
        passes(
            "--root-password: password + code",
            door.by_password(&root).code(&door.code(&phone)),
            &[PASSWORD, CODE],
        ),
        refused(
            "--root-password: key alone",
            door.by_key(&root).option("BatchMode=yes"),
            &[],
        ),
    ]);
    door.site.pass(30);
    check(&[passes(
        "still by key",
        door.by_key(&root).code(&door.code(&phone)),
        &[CODE],
    )]);
}
