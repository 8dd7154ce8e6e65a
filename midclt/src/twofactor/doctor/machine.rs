//! What the files of the machine say, whether the daemon runs or not.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use ::ssh::{Root, Severity};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::{Kind, Trouble};

const STATE: &str = "/var/lib/middlewared";

/// Where the unit takes the master key from, if it is there.
const CREDENTIAL: &str = "/etc/credstore.encrypted/middlewared.key";

/// What the daemon needs to go on writing for a while: less, and codes will be refused.
const LITTLE_BYTES: u64 = 16 << 20;

/// Where packages have their units.
const UNIT_DIRECTORIES: [&str; 3] = [
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// What systemd needs to run the daemon.
const UNITS: [&str; 2] = ["middlewared.service", "middlewared.socket"];

/// Where TrueNAS, or its own client, puts programs of the same names.
const TRUENAS: [&str; 3] = [
    "/usr/lib/python3/dist-packages/middlewared",
    "/usr/lib/python3/dist-packages/truenas_api_client",
    "/usr/lib/python3/dist-packages/middlewared.client",
];

/// Everything that can be seen from here.
pub(super) fn look(root: &Root, socket: &Path) -> Vec<Trouble> {
    let mut all = Vec::new();
    all.extend(state(root));
    all.extend(listening(socket));
    all.extend(units(root));
    all.extend(truenas(root));
    all
}

fn state(root: &Root) -> Vec<Trouble> {
    let directory = root.at(STATE);
    let Ok(metadata) = fs::symlink_metadata(&directory) else {
        // Kept elsewhere, or nothing was ever kept; the daemon's answer says which.
        return Vec::new();
    };
    let mut all = vec![privacy(&directory, &metadata), room(&directory)];
    all.push(key(root, &directory, metadata.uid()));
    all.push(database(&directory, metadata.uid()));
    all.into_iter().flatten().collect()
}

/// Whether the group or others may do anything with it.
fn is_open(metadata: &Metadata) -> bool {
    metadata.mode() & 0o077 != 0
}

fn privacy(directory: &Path, metadata: &Metadata) -> Option<Trouble> {
    let shown = directory.display();
    if !metadata.is_dir() {
        let text = format!("{shown} is no directory: the daemon cannot start.");
        let cure = format!("mv {shown} {shown}.aside");
        return Some(Trouble::new(
            Kind::StateNoDirectory,
            Severity::Error,
            text,
            cure,
        ));
    }
    is_open(metadata).then(|| {
        let text = format!("{shown} is open to others: secrets may have been read.");
        Trouble::new(
            Kind::StateOpen,
            Severity::Error,
            text,
            format!("chmod 700 {shown}"),
        )
    })
}

/// Without its key no secret can be read; a key that others can read guards nothing.
fn key(root: &Root, directory: &Path, owner: u32) -> Option<Trouble> {
    let key = directory.join("middlewared.key");
    let shown = key.display();
    if !directory.join("middlewared.db").exists() {
        return None;
    }
    let Ok(metadata) = fs::symlink_metadata(&key) else {
        if root.at(CREDENTIAL).exists() {
            return None;
        }
        let text = format!(
            "{shown} is not there, and no systemd credential: put back your copy, or no code can be \
             checked. Till then, for each who has to get in:"
        );
        return Some(Trouble::new(
            Kind::KeyMissing,
            Severity::Warning,
            text,
            "midclt 2fa bypass USER --reason TEXT",
        ));
    };
    if !is_open(&metadata) && metadata.uid() == owner {
        return None;
    }
    let text = format!("{shown} is open to others, or not its owner's.");
    let cure = format!(
        "chown --reference={} {shown}; chmod 600 {shown}",
        directory.display()
    );
    Some(Trouble::new(Kind::KeyOpen, Severity::Error, text, cure))
}

/// The database, which nobody but the daemon may have its hands on.
fn database(directory: &Path, owner: u32) -> Option<Trouble> {
    let database = directory.join("middlewared.db");
    let metadata = fs::symlink_metadata(&database).ok()?;
    if metadata.is_file() && !is_open(&metadata) && metadata.uid() == owner {
        return None;
    }
    let shown = database.display();
    let text = format!("{shown} is open to others, or not its owner's.");
    let cure = format!(
        "chown --reference={} {shown}; chmod 600 {shown}",
        directory.display()
    );
    Some(Trouble::new(
        Kind::DatabaseOpen,
        Severity::Error,
        text,
        cure,
    ))
}

/// Where systemd runs the daemon: whether it will, after the next boot as well.
fn units(root: &Root) -> Vec<Trouble> {
    let has = |path: &str| fs::symlink_metadata(root.at(path)).is_ok();
    let is_installed = UNIT_DIRECTORIES
        .iter()
        .any(|directory| has(&format!("{directory}/middlewared.socket")));
    if !is_installed || !has("/run/systemd/system") {
        return Vec::new();
    }
    let masked = UNITS.into_iter().filter(|unit| {
        let link = fs::read_link(root.at(format!("/etc/systemd/system/{unit}")));
        link.is_ok_and(|to| to == Path::new("/dev/null"))
    });
    let mut all: Vec<Trouble> = masked
        .map(|unit| {
            let text = format!("{unit} is masked: systemd will not start middlewared.");
            Trouble::new(
                Kind::UnitMasked,
                Severity::Error,
                text,
                format!("systemctl unmask {unit}"),
            )
        })
        .collect();
    if !has("/etc/systemd/system/sockets.target.wants/middlewared.socket") {
        let text = "middlewared.socket is not enabled: after the next boot nobody answers, and \
            whoever is asked for a code is refused.";
        let cure = "systemctl enable --now middlewared.socket";
        all.push(Trouble::new(
            Kind::SocketDisabled,
            Severity::Warning,
            text,
            cure,
        ));
    }
    all
}

fn room(directory: &Path) -> Option<Trouble> {
    let filesystem = statvfs(directory).ok()?;
    let shown = directory.display();
    if filesystem.flags().contains(FsFlags::ST_RDONLY) {
        let text = format!("{shown} is on a read-only filesystem: no code can be used.");
        let cure = format!(r#"mount -o remount,rw "$(findmnt -n -o TARGET -T {shown})""#);
        return Some(Trouble::new(Kind::ReadOnly, Severity::Error, text, cure));
    }
    let free = filesystem
        .blocks_available()
        .saturating_mul(filesystem.fragment_size());
    (free < LITTLE_BYTES).then(|| {
        let text = format!(
            "{shown} has {} MiB left; on a full disk codes are refused.",
            free >> 20
        );
        Trouble::new(
            Kind::LittleRoom,
            Severity::Error,
            text,
            format!("df -h {shown}"),
        )
    })
}

/// The socket is for root: who can connect can turn everything off.
fn listening(socket: &Path) -> Option<Trouble> {
    let metadata = fs::symlink_metadata(socket).ok()?;
    let shown = socket.display();
    if !metadata.file_type().is_socket() {
        let text = format!("{shown} is no socket.");
        return Some(Trouble::new(
            Kind::NotASocket,
            Severity::Error,
            text,
            format!("rm {shown}"),
        ));
    }
    is_open(&metadata).then(|| {
        let text = format!("{shown} is open to others.");
        Trouble::new(
            Kind::SocketOpen,
            Severity::Error,
            text,
            format!("chmod 600 {shown}"),
        )
    })
}

fn truenas(root: &Root) -> Option<Trouble> {
    let found = TRUENAS.iter().find(|path| root.at(path).exists())?;
    let text = format!(
        "{found} belongs to TrueNAS or its client, whose midclt and middlewared have the same names."
    );
    Some(Trouble::new(
        Kind::TrueNas,
        Severity::Warning,
        text,
        format!("dpkg -S {found}; type -a midclt middlewared"),
    ))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// What is found in a machine where these files have these modes.
    fn found(files: &[(&str, u32)], socket_mode: u32) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        for (path, mode) in files {
            let path = root.at(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if path.extension().is_some() {
                fs::write(&path, "").unwrap();
            } else {
                fs::create_dir_all(&path).unwrap();
            }
            chmod(&path, *mode);
        }
        let socket = directory.path().join("s");
        let _listener = UnixListener::bind(&socket).unwrap();
        chmod(&socket, socket_mode);
        let found = look(&root, &socket);
        let shown = directory.path().to_str().unwrap();
        found
            .into_iter()
            .map(|trouble| trouble.text.replace(shown, ""))
            .collect()
    }

    #[test]
    fn a_machine_that_is_as_it_should_be() {
        assert_eq!(found(&[], 0o600), [""; 0]);
        let good = [
            ("/var/lib/middlewared", 0o700),
            ("/var/lib/middlewared/middlewared.db", 0o600),
            ("/var/lib/middlewared/middlewared.key", 0o600),
        ];
        assert_eq!(found(&good, 0o600), [""; 0]);
    }

    /// Each is made wrong, found, and gone once its own cure has run.
    #[test]
    fn the_cure_of_each_mends_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        let state = root.at(STATE);
        fs::create_dir_all(&state).unwrap();
        let socket = directory.path().join("s");
        let _listener = UnixListener::bind(&socket).unwrap();
        let [database, key] = ["db", "key"].map(|end| state.join(format!("middlewared.{end}")));
        for file in [&database, &key] {
            fs::write(file, "").unwrap();
            chmod(file, 0o600);
        }
        chmod(&state, 0o700);
        chmod(&socket, 0o600);
        assert_eq!(look(&root, &socket), []);
        for (wrong, mode) in [
            (&state, 0o755),
            (&database, 0o644),
            (&key, 0o640),
            (&socket, 0o666),
        ] {
            chmod(wrong, mode);
            let found = look(&root, &socket);
            assert_eq!(found.len(), 1, "{found:?}");
            let cured = Command::new("sh").args(["-c", &found[0].cure]).status();
            assert!(cured.unwrap().success(), "{found:?}");
            assert_eq!(look(&root, &socket), []);
        }
    }

    #[test]
    fn a_unit_that_is_masked() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path());
        let wants = "/etc/systemd/system/sockets.target.wants";
        for path in ["/run/systemd/system", "/usr/lib/systemd/system", wants] {
            fs::create_dir_all(root.at(path)).unwrap();
        }
        let unit = "/usr/lib/systemd/system/middlewared.socket";
        fs::write(root.at(unit), "").unwrap();
        symlink(unit, root.at(format!("{wants}/middlewared.socket"))).unwrap();
        assert_eq!(units(&root), []);
        let masked = "/etc/systemd/system/middlewared.service";
        symlink("/dev/null", root.at(masked)).unwrap();
        let found = units(&root);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].cure, "systemctl unmask middlewared.service");
    }

    #[test]
    fn what_is_wrong_is_found() {
        let state = ("/var/lib/middlewared", 0o700);
        let database = ("/var/lib/middlewared/middlewared.db", 0o600);
        for (files, mode, expected) in [
            (
                vec![("/var/lib/middlewared", 0o750)],
                0o600,
                "/var/lib/middlewared is open to others",
            ),
            (
                vec![state, database],
                0o600,
                "/var/lib/middlewared/middlewared.key is not there, and",
            ),
            (
                vec![
                    state,
                    database,
                    ("/var/lib/middlewared/middlewared.key", 0o640),
                ],
                0o600,
                "/var/lib/middlewared/middlewared.key is open to others",
            ),
            (
                vec![
                    state,
                    ("/var/lib/middlewared/middlewared.db", 0o644),
                    ("/var/lib/middlewared/middlewared.key", 0o600),
                ],
                0o600,
                "/var/lib/middlewared/middlewared.db is open to others",
            ),
            (
                vec![
                    ("/run/systemd/system", 0o755),
                    ("/usr/lib/systemd/system/middlewared.socket", 0o644),
                ],
                0o600,
                "middlewared.socket is not enabled",
            ),
            (vec![], 0o660, "/s is open to others."),
            (
                vec![("/usr/lib/python3/dist-packages/truenas_api_client", 0o755)],
                0o600,
                "/usr/lib/python3/dist-packages/truenas_api_client belongs to TrueNAS",
            ),
        ] {
            let found = found(&files, mode);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(expected), "{found:?}");
        }
    }
}
