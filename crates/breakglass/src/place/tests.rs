//! Every rule by which an override is ignored.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use nix::unistd::{geteuid, mkfifo};
use tempfile::TempDir;

use super::*;
use crate::{Grant, Moment};

const BOOT: BootId = BootId([7; 16]);

fn off() -> Override {
    Override {
        generation: 3,
        grant: Grant::Off,
    }
}

/// A place of the user who runs the test, with a good override in it.
struct Written {
    dir: TempDir,
    place: Place,
}

impl Written {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let place = Place::new(&dir.path().join("o"), geteuid().as_raw());
        place.write(BOOT, &off()).unwrap();
        Self { dir, place }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("o").join(FILE)
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn it_is_written_read_replaced_and_removed() {
    let written = Written::new();
    let place = &written.place;
    assert_eq!(place.read(BOOT).unwrap(), Some(off()));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&written.file()), 0o644);
    assert_eq!(mode(written.file().parent().unwrap()), 0o755);
    // What an interrupted writer left behind is in nobody's way.
    fs::write(written.file().with_extension("new"), "half").unwrap();
    let next = Override {
        generation: 4,
        grant: Grant::Bypass {
            account: "alice".to_owned(),
            until: Moment {
                wall: 17,
                of_boot: 18,
            },
        },
    };
    place.write(BOOT, &next).unwrap();
    assert_eq!(place.read(BOOT).unwrap(), Some(next));
    assert!(!written.file().with_extension("new").exists());
    assert!(place.remove().unwrap());
    assert!(!place.remove().unwrap());
    assert_eq!(place.read(BOOT).unwrap(), None);
}

#[test]
fn without_a_directory_there_is_none() {
    let dir = TempDir::new().unwrap();
    let place = Place::new(&dir.path().join("missing"), geteuid().as_raw());
    assert_eq!(place.read(BOOT).unwrap(), None);
    assert!(!place.remove().unwrap());
}

#[test]
fn modes_that_let_nobody_else_write_are_good() {
    let written = Written::new();
    for mode in [0o644, 0o600, 0o400, 0o444, 0o755] {
        chmod(&written.file(), mode);
        assert!(written.place.read(BOOT).unwrap().is_some(), "{mode:o}");
    }
    for mode in [0o755, 0o700, 0o711] {
        chmod(written.file().parent().unwrap(), mode);
        assert!(written.place.read(BOOT).unwrap().is_some(), "{mode:o}");
    }
}

/// What is done to a good override, and why it is ignored then.
type Case = (&'static str, fn(&Written), fn(&Trouble) -> bool);

const CASES: &[Case] = &[
    (
        "group may write",
        |w| chmod(&w.file(), 0o664),
        |t| matches!(t, Trouble::NotRoots),
    ),
    (
        "all may write",
        |w| chmod(&w.file(), 0o602),
        |t| matches!(t, Trouble::NotRoots),
    ),
    (
        "a second link",
        |w| fs::hard_link(w.file(), w.dir.path().join("second")).unwrap(),
        |t| matches!(t, Trouble::Links),
    ),
    (
        "a symbolic link",
        |w| {
            fs::rename(w.file(), w.dir.path().join("moved")).unwrap();
            symlink(w.dir.path().join("moved"), w.file()).unwrap();
        },
        |t| matches!(t, Trouble::NoFile),
    ),
    (
        "a directory",
        |w| {
            fs::remove_file(w.file()).unwrap();
            fs::create_dir(w.file()).unwrap();
        },
        |t| matches!(t, Trouble::NoFile),
    ),
    (
        "a fifo",
        |w| {
            fs::remove_file(w.file()).unwrap();
            mkfifo(&w.file(), Mode::from_bits_truncate(0o600)).unwrap();
        },
        |t| matches!(t, Trouble::NoFile),
    ),
    (
        "a socket",
        |w| {
            fs::remove_file(w.file()).unwrap();
            drop(UnixListener::bind(w.file()).unwrap());
        },
        |t| matches!(t, Trouble::NoFile),
    ),
    (
        "over 4 KiB",
        |w| fs::write(w.file(), "x".repeat(4097)).unwrap(),
        |t| matches!(t, Trouble::TooLarge),
    ),
    (
        "no text",
        |w| fs::write(w.file(), [0xff, 0xfe]).unwrap(),
        |t| matches!(t, Trouble::Malformed(_)),
    ),
    (
        "empty",
        |w| fs::write(w.file(), "").unwrap(),
        |t| matches!(t, Trouble::Malformed(_)),
    ),
    (
        "of another boot",
        |w| w.place.write(BootId([8; 16]), &off()).unwrap(),
        |t| matches!(t, Trouble::OtherBoot),
    ),
    (
        "group may write to the directory",
        |w| chmod(w.file().parent().unwrap(), 0o775),
        |t| matches!(t, Trouble::Directory),
    ),
    (
        "all may write to the directory, though sticky",
        |w| chmod(w.file().parent().unwrap(), 0o1757),
        |t| matches!(t, Trouble::Directory),
    ),
    (
        "the directory is a symbolic link",
        |w| {
            let (here, there) = (w.dir.path().join("o"), w.dir.path().join("moved"));
            fs::rename(&here, &there).unwrap();
            symlink(there, here).unwrap();
        },
        |t| matches!(t, Trouble::Directory),
    ),
    (
        "the directory is a file",
        |w| {
            fs::remove_dir_all(w.dir.path().join("o")).unwrap();
            fs::write(w.dir.path().join("o"), "").unwrap();
        },
        |t| matches!(t, Trouble::Directory),
    ),
];

#[test]
fn everything_that_is_not_as_it_should_be_is_ignored() {
    for (what, spoil, is_reason) in CASES {
        let written = Written::new();
        spoil(&written);
        match written.place.read(BOOT) {
            Err(trouble) => assert!(is_reason(&trouble), "{what}: {trouble:?}"),
            Ok(read) => panic!("{what}: {read:?}"),
        }
    }
}

/// Another owner is another user as well: this needs no second one.
#[test]
fn what_another_user_wrote_is_ignored() {
    let written = Written::new();
    let stranger = geteuid().as_raw() + 1;
    let place = Place::new(&written.dir.path().join("o"), stranger);
    assert!(matches!(place.read(BOOT), Err(Trouble::Directory)));
    assert!(matches!(place.write(BOOT, &off()), Err(Trouble::Directory)));
    assert!(matches!(place.remove(), Err(Trouble::Directory)));
    // The directory aside, the file is looked at by itself.
    let metadata = fs::metadata(written.file()).unwrap();
    assert!(matches!(place.judge(&metadata), Err(Trouble::NotRoots)));
    assert!(written.place.judge(&metadata).is_ok());
}

#[test]
fn nothing_is_written_where_others_may_write() {
    let written = Written::new();
    fs::remove_file(written.file()).unwrap();
    chmod(written.file().parent().unwrap(), 0o777);
    assert!(matches!(
        written.place.write(BOOT, &off()),
        Err(Trouble::Directory)
    ));
    assert_eq!(
        fs::read_dir(written.dir.path().join("o")).unwrap().count(),
        0
    );
}
