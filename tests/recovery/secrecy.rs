//! What is typed is nobody else's business: `ps` shows no params, and no log has them.

use std::fs;
use std::thread;
use std::time::Duration;

use testkit::{Signal, binaries};

use super::scene::Scene;
use crate::support::WriteLock;

/// Words that are in the params and nowhere else.
const MARK: &str = "a-reason-that-is-nobody-elses";

/// Params from a file, as somebody would who has read the manual.
const CALL: &str = "exec \"$0\" call auth.twofactor.bypass.create - < \"$1\"";

/// The second of the two processes that do it.
const AT_WORK: &str = "middlewared once --as-owner auth.twofactor.bypass.create";

/// Every process of this machine and of the host, as `ps` would show it, with what it has read.
fn seen() -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let words = processes.filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    words.collect()
}

#[test]
fn params_are_in_no_argument_and_in_no_log() {
    let scene = Scene::new();
    let lock = WriteLock::take(&scene.daemon);
    scene.daemon.signal(Signal::SIGSTOP);
    let params = scene.machine.dir().join("params");
    let text = format!("{{\"username\": \"alice\", \"reason\": \"{MARK}\"}}\n");
    fs::write(&params, text).unwrap();
    let midclt = binaries::midclt();
    let words = [midclt.to_str().unwrap(), params.to_str().unwrap()];
    let line = ["sh", "-c", CALL, words[0], words[1]];
    let met = thread::scope(|scope| {
        let call = scope.spawn(|| scene.machine.run_ok(line));
        let mut met = 0;
        while !call.is_finished() {
            for line in seen() {
                assert!(!line.contains(MARK), "{line}");
                met += usize::from(line.contains(AT_WORK));
            }
            thread::sleep(Duration::from_millis(2));
        }
        let printed = call.join().unwrap();
        assert!(printed.contains(MARK), "the answer has it: {printed}");
        met
    });
    assert!(met > 0, "it was never seen at work, so this proves nothing");
    let text = fs::read_to_string(scene.machine.path("/run/middleware-override/override")).unwrap();
    assert!(
        text.contains("bypass alice ") && !text.contains(MARK),
        "{text}"
    );
    assert!(!scene.daemon.log().contains(MARK));
    drop(lock);
}
