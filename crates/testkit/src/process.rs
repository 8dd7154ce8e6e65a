//! Child processes that end: by themselves, or by their own pid after a deadline.

use std::io;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Runs a command to its end without standard input, and collects what it printed.
///
/// A command that is still running after `limit` is killed, and the test fails.
pub fn run_with_deadline(command: &mut Command, limit: Duration) -> Output {
    command.stdin(Stdio::null());
    run_with_input(command, limit)
}

/// The same, with the standard input that the caller has set.
pub fn run_with_input(command: &mut Command, limit: Duration) -> Output {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", command.get_program().display()));
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(limit) else {
        signal(pid, Signal::SIGKILL);
        let output = receiver.recv().ok().and_then(io::Result::ok);
        panic!("{command:?} was still running after {limit:?}: {output:?}");
    };
    output.expect("collect the output")
}

/// Waits for a child to end. `None`: it was still running at the deadline.
pub(crate) fn wait_for_exit(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().expect("wait for a child") {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid"));
    kill(pid, signal).expect("signal a process of our own");
}
