//! A disk that fails at the n-th write, under a daemon that runs: a small library of ours, loaded into
//! the built program, counts what it writes and syncs on the disk of its state, and has some of it fail.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nix::errno::Errno;

/// The disk of one daemon. Nothing fails until a test says so.
#[derive(Debug)]
pub struct FailingDisk {
    plan: PathBuf,
    library: PathBuf,
}

impl FailingDisk {
    /// One that every user can be put on: the build directory may be closed to some.
    pub(crate) fn create(directory: &Path) -> Self {
        let disk = Self {
            plan: directory.join("disk"),
            library: directory.join("failing.so"),
        };
        fs::write(&disk.plan, [0; 16]).expect("write the plan of a disk");
        fs::set_permissions(&disk.plan, fs::Permissions::from_mode(0o666)).expect("open it to all");
        fs::copy(library(), &disk.library).expect("copy the library");
        disk
    }

    /// From now on these writes and syncs fail so; the next one is number 1.
    pub fn fail(&self, which: &Range<i32>, error: Errno) {
        self.write([0, which.start, which.end, error as i32]);
    }

    /// Nothing fails any more; the next write is number 1.
    pub fn heal(&self) {
        self.write([0; 4]);
    }

    /// How many writes and syncs there were since one of the two.
    pub fn seen(&self) -> i32 {
        let plan = fs::read(&self.plan).expect("read the plan of a disk");
        let seen = plan.first_chunk().expect("a plan of 16 bytes");
        i32::from_ne_bytes(*seen)
    }

    /// The environment that puts a program on this disk: on the one of this directory.
    pub fn environment(&self, directory: &Path) -> [(&'static str, PathBuf); 3] {
        [
            ("LD_PRELOAD", self.library.clone()),
            ("FAILING_DISK_PLAN", self.plan.clone()),
            ("FAILING_DISK_OF", directory.to_path_buf()),
        ]
    }

    /// In place: the program has mapped it.
    fn write(&self, plan: [i32; 4]) {
        let bytes = plan.map(i32::to_ne_bytes).concat();
        OpenOptions::new()
            .write(true)
            .open(&self.plan)
            .and_then(|mut file| file.write_all(&bytes))
            .expect("write the plan of a disk");
    }
}

/// Built once a process by the compiler that SQLite needs as well.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let directory = crate::binaries::directory().join("failing-disk");
        fs::create_dir_all(&directory).expect("create a directory");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/disk/failing.c");
        let unfinished = directory.join(format!("{}.so", std::process::id()));
        let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
        let status = Command::new(compiler)
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&unfinished, &source])
            .status();
        assert!(status.expect("run cc").success(), "cc cannot build it");
        let library = directory.join("failing.so");
        fs::rename(&unfinished, &library).expect("put the library in its place");
        library
    })
}
