//! A disk that fails at the n-th write, under a daemon that runs: a small library of ours, loaded into
//! the built program, counts what it writes and syncs in its state directory, and has some of it fail.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use nix::errno::Errno;

/// The disk of one daemon. Nothing fails until a test says so.
#[derive(Debug)]
pub struct FailingDisk {
    plan: PathBuf,
}

impl FailingDisk {
    pub(crate) fn create(plan: PathBuf) -> Self {
        fs::write(&plan, [0; 16]).expect("write the plan of a disk");
        Self { plan }
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

    /// The environment that puts a program on this disk, by what it has below a directory.
    pub(crate) fn environment(&self, below: &Path) -> [(&'static str, PathBuf); 3] {
        let parent = below.parent().and_then(|parent| parent.canonicalize().ok());
        let parent = parent.expect("a directory for the state");
        let below = parent.join(below.file_name().expect("a name of the state"));
        [
            ("LD_PRELOAD", library().to_path_buf()),
            ("FAILING_DISK_PLAN", self.plan.clone()),
            ("FAILING_DISK_BELOW", below),
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
