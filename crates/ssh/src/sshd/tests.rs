//! Tests with the real sshd, in a mount namespace where it has its `/run/sshd`.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::sync::LazyLock;

use tempfile::TempDir;

use super::*;
use crate::dropin::{DropIn, Mode, RootDoor};
use crate::methods::{EITHER, KEY};
use crate::{DROPIN, write};

/// A mount namespace with a `/run/sshd`, as a root of its own where the test has no rights. It ends
/// with the test's process, whose end of the pipe closes then.
static NAMESPACE: LazyLock<Child> = LazyLock::new(|| {
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let script = "mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && echo ready && read -r _";
    let mut holder = command
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 6];
    holder
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut said)
        .unwrap();
    assert_eq!(&said, b"ready\n");
    holder
});

/// The real sshd in that namespace.
fn wrapper() -> String {
    let pid = NAMESPACE.id();
    let user = if nix::unistd::geteuid().is_root() {
        String::new()
    } else {
        format!("--user=/proc/{pid}/ns/user --preserve-credentials")
    };
    format!("#!/bin/sh\nexec nsenter {user} --mount=/proc/{pid}/ns/mnt /usr/sbin/sshd \"$@\"\n")
}

/// A directory with the files of Debian 12, and the real sshd to look at it.
pub(crate) struct Machine {
    _directory: TempDir,
    pub(crate) system: System,
}

impl Machine {
    pub(crate) fn debian() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let wrapper = directory.path().join("sshd");
        fs::write(&wrapper, self::wrapper()).unwrap();
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
        let machine = Self {
            system: System {
                root: Root::new(directory.path().join("root")),
                sshd: wrapper,
            },
            _directory: directory,
        };
        machine.put(
            SSHD_CONFIG,
            include_str!("../../testdata/debian12/sshd_config"),
        );
        machine.put(
            crate::STACK,
            include_str!("../../testdata/debian12/pam.d/sshd"),
        );
        for name in ["common-auth", "common-account"] {
            let from = format!(
                "{}/testdata/debian12/pam.d/{name}",
                env!("CARGO_MANIFEST_DIR")
            );
            let text = fs::read_to_string(from).unwrap();
            machine.put(&format!("/etc/pam.d/{name}"), &text);
        }
        machine
    }

    pub(crate) fn put(&self, path: &str, text: &str) -> &Self {
        write(&self.system.root.at(path), text).unwrap();
        self
    }

    /// sshd as from OpenSSH 9.8 on, which knows `PAMServiceName` and prints it: the real one of today
    /// does not see that line, and this account is asked by that service.
    pub(crate) fn knows_pam_services(&self, user: &str, service: &str) -> &Self {
        let real = fs::read_to_string(&self.system.sshd).unwrap();
        let new = format!(
            "#!/bin/sh
             for word; do last=$word; done
             [ -f \"$last\" ] && sed -i /PAMServiceName/Id \"$(dirname \"$last\")\"/*
             case \" $* \" in
                 *' user={user},'*) echo pamservicename {service} ;;
                 *' -T '*) echo pamservicename sshd ;;
             esac
             {}",
            real.replace("#!/bin/sh\n", "")
        );
        fs::write(&self.system.sshd, new).unwrap();
        self
    }

    /// Appends to sshd's main file.
    pub(crate) fn append(&self, text: &str) -> &Self {
        let old = self.text(SSHD_CONFIG);
        self.put(SSHD_CONFIG, &format!("{old}\n{text}"))
    }

    pub(crate) fn text(&self, path: &str) -> String {
        crate::read(&self.system.root.at(path)).unwrap().unwrap()
    }

    pub(crate) fn view(&self) -> View<'_> {
        View::of(&self.system, &Plan::default()).unwrap()
    }
}

fn dropin(mode: Mode, root: RootDoor) -> String {
    DropIn { mode, root }.text()
}

#[test]
fn every_form_of_the_drop_in_is_taken_and_in_effect() {
    let check = |mode, root, anybody: &str, for_root: &str, permit: &str| {
        let machine = Machine::debian();
        machine.put(DROPIN, &dropin(mode, root));
        let view = machine.view();
        view.test().unwrap();
        for (user, methods) in [("nobody", anybody), ("root", for_root)] {
            let effective = view.effective(&Who::from_anywhere(user)).unwrap();
            assert_eq!(
                effective.one("authenticationmethods"),
                methods,
                "{user} {mode:?}"
            );
            assert!(effective.has_keyboard() && effective.methods().always_ask_pam());
            assert!(!effective.is_on("passwordauthentication"));
        }
        let effective = view.effective(&Who::from_anywhere("root")).unwrap();
        assert_eq!(effective.one("permitrootlogin"), permit);
    };
    check(Mode::PasswordOrKey, RootDoor::Key, EITHER, KEY, "yes");
    check(
        Mode::PasswordOrKey,
        RootDoor::PasswordOrKey,
        EITHER,
        EITHER,
        "yes",
    );
    check(
        Mode::PasswordOrKey,
        RootDoor::AsItWas,
        EITHER,
        EITHER,
        "without-password",
    );
    check(Mode::KeyOnly, RootDoor::Key, KEY, KEY, "yes");
    check(Mode::KeyOnly, RootDoor::PasswordOrKey, KEY, EITHER, "yes");
}

#[test]
fn where_a_value_comes_from() {
    let machine = Machine::debian();
    machine
        .put(DROPIN, &dropin(Mode::PasswordOrKey, RootDoor::Key))
        .put(
            "/etc/ssh/sshd_config.d/50-x.conf",
            "PasswordAuthentication yes\nMatch User bob\n  AuthenticationMethods publickey\n",
        )
        .append("Match Address 10.0.0.0/8\n  PasswordAuthentication yes\n");
    let view = machine.view();
    let check = |keyword: &str, who: &Who, expected: Option<&str>| {
        let found = view.origin(keyword, who).unwrap().map(ToString::to_string);
        assert_eq!(found.as_deref(), expected, "{keyword} {who:?}");
    };
    let anywhere = Who::from_anywhere("nobody");
    let inside = Who {
        address: "10.1.1.1".to_owned(),
        ..anywhere.clone()
    };
    let d = "/etc/ssh/sshd_config.d/10-middlewared.conf";
    let of_dropin = |line: u8| format!("{d}:{line}");
    check("authenticationmethods", &anywhere, Some(&of_dropin(4)));
    check(
        "authenticationmethods",
        &Who::from_anywhere("root"),
        Some(&of_dropin(11)),
    );
    check(
        "authenticationmethods",
        &Who::from_anywhere("bob"),
        Some("/etc/ssh/sshd_config.d/50-x.conf:3"),
    );
    check("passwordauthentication", &anywhere, Some(&of_dropin(7)));
    check(
        "passwordauthentication",
        &inside,
        Some("/etc/ssh/sshd_config:125"),
    );
    check("maxauthtries", &anywhere, None);
}

/// sshd takes the quoted form and shows it as if it were right.
#[test]
fn the_quoted_form_looks_right_to_sshd() {
    let machine = Machine::debian();
    let quoted = format!("AuthenticationMethods \"{EITHER}\"");
    let text = dropin(Mode::PasswordOrKey, RootDoor::AsItWas);
    machine.put(
        DROPIN,
        &text.replace(&format!("AuthenticationMethods {EITHER}"), &quoted),
    );
    assert!(machine.text(DROPIN).contains(&quoted));
    let view = machine.view();
    view.test().unwrap();
    let effective = view.effective(&Who::from_anywhere("nobody")).unwrap();
    assert_eq!(effective.one("authenticationmethods"), EITHER);
}

#[test]
fn a_broken_file_is_named_as_people_know_it() {
    let machine = Machine::debian();
    machine.put("/etc/ssh/sshd_config.d/50-x.conf", "\nUsePAM maybe\n");
    let error = machine.view().test().unwrap_err().to_string();
    assert!(
        error.contains("/etc/ssh/sshd_config.d/50-x.conf"),
        "{error}"
    );
    assert!(!error.contains("middlewared-ssh-"), "{error}");
}

#[test]
fn options_on_the_command_line() {
    let machine = Machine::debian();
    let check = |text: &str, expected: Option<&str>| {
        machine.put(DEFAULTS, text);
        let found = command_line_options(&machine.system.root).unwrap();
        let expected = expected.map(|options| {
            format!("/etc/default/ssh has SSHD_OPTS={options}, which may win over {SSHD_CONFIG}")
        });
        assert_eq!(found, expected, "{text}");
    };
    check("# Options\nSSHD_OPTS=\n", None);
    check("SSHD_OPTS=\"-o UsePAM=no\"\n", Some("-o UsePAM=no"));
    check("#SSHD_OPTS=-4\n", None);
}

#[test]
fn the_copies_are_private_and_go() {
    let machine = Machine::debian();
    let view = machine.view();
    let directory = view.directory.0.clone();
    let mode = directory.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o700);
    drop(view);
    assert!(!directory.exists());
}
