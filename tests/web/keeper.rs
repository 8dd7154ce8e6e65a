//! Somebody who answers questions about passwords as `middlewared-password` does.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

/// Everybody's password.
pub(crate) const WORD: &str = "correct horse";

/// What was asked: names, passwords, addresses.
pub(crate) struct Keeper {
    asked: Arc<Mutex<Vec<[String; 3]>>>,
}

impl Keeper {
    /// Answers at this path, each question in its own time.
    pub(crate) fn listen(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("bind the keeper's socket");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let all = Arc::clone(&all);
                thread::spawn(move || {
                    let mut stream = stream.expect("accept");
                    let mut question = String::new();
                    stream.read_to_string(&mut question).expect("a question");
                    let mut fields = question.split('\0').map(str::to_owned);
                    let fields = [(); 3].map(|()| fields.next().expect("three fields"));
                    let answer: &[u8] = match (fields[0].as_str(), fields[1].as_str()) {
                        ("expired", WORD) => b"expired\n",
                        ("silent", _) => b"",
                        (_, WORD) => b"right\n",
                        _ => b"wrong\n",
                    };
                    all.lock().unwrap().push(fields);
                    // Whoever has gone does not hear it.
                    let _ = stream.write_all(answer);
                });
            }
        });
        Self { asked }
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<[String; 3]> {
        self.asked.lock().unwrap().clone()
    }
}
