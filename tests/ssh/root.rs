//! Root, under each `PermitRootLogin`, with and without our lines for it.

use ssh::dropin::{DropIn, Mode, RootDoor};

use super::door::{CODE, Door, EITHER, PASSWORD, check, passes, refused};
use super::parallel::at_once;

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
    let tablet = door.site.issue("root", "root's tablet");
    door.site.confirm(&tablet);
    door.site.pass(30);
    for (permit, is_in) in [
        ("yes", true),
        ("prohibit-password", false),
        ("without-password", false),
        ("forced-commands-only", false),
        ("no", false),
    ] {
        door.machine.write(ssh::DROPIN, &with_root(permit));
        door.machine.reload_sshd();
        // Each with a phone of its own, or one would use up the other's code.
        let outcomes = at_once(&[
            door.by_password(&root).code(&door.code(&phone)),
            door.by_key(&root).code(&door.code(&tablet)),
            door.by_key(&root).option("BatchMode=yes"),
        ]);
        let found: Vec<_> = outcomes.iter().map(|outcome| outcome.is_in).collect();
        assert_eq!(found, [is_in, is_in, false], "{permit}: {outcomes:#?}");
        if permit == "prohibit-password" {
            // sshd asks, and hands on something else than what was typed.
            assert_eq!(outcomes[1].prompts, [CODE; 3], "{outcomes:#?}");
        }
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
