//! `middlewared-password` on a private machine, started for each connection as systemd does.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::{Machine, binaries};

/// Who knows the passwords of a machine.
#[derive(Debug)]
pub struct Keeper {
    children: Arc<Mutex<Vec<Child>>>,
}

impl Keeper {
    /// Listens at a path that the machine shares. Each question gets a process of its own.
    pub fn on(machine: &Machine, path: &Path) -> Self {
        // The build directory may be one that the machine does not share.
        let program = machine.dir().join("middlewared-password");
        fs::copy(binaries::password(), &program).expect("copy the program");
        let listener = UnixListener::bind(path).expect("listen for questions");
        let children = Arc::new(Mutex::new(Vec::<Child>::new()));
        let all = Arc::clone(&children);
        let start = starter(machine, program);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = OwnedFd::from(stream.expect("accept a question"));
                let answers = stream.try_clone().expect("share the connection");
                let mut command = start();
                let child = command.stdin(stream).stdout(answers).spawn();
                let mut all = all.lock().expect("the children");
                all.retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
                all.push(child.expect("run middlewared-password"));
            }
        });
        Self { children }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        for child in self.children.lock().expect("the children").iter_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Makes the command, again and again.
fn starter(machine: &Machine, program: PathBuf) -> impl Fn() -> Command + Send + use<> {
    let entered = machine.enter();
    let enter = entered.get_program().to_owned();
    let arguments: Vec<_> = entered.get_args().map(ToOwned::to_owned).collect();
    move || {
        let mut command = Command::new(&enter);
        command.args(&arguments).arg(&program);
        command
    }
}
