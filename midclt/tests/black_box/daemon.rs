//! A daemon that answers what it is told to, and keeps what it was asked.

use std::ffi::OsStr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tungstenite::{Message, accept};

/// Serves until the test process ends.
pub(crate) struct Daemon {
    directory: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Daemon {
    /// Answers every request with these texts; `ID` in them becomes the id of the request.
    pub(crate) fn answering(answers: &'static [&'static str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("s")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), answers, &record);
            }
        });
        Self { directory, asked }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    /// The requests since the last look.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    pub(crate) fn midclt<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Output {
        self.command(env!("CARGO_BIN_EXE_midclt"))
            .args(args)
            .output()
            .unwrap()
    }

    /// A program that finds this daemon, and this midclt on its PATH.
    pub(crate) fn command(&self, program: &str) -> Command {
        let midclt = PathBuf::from(env!("CARGO_BIN_EXE_midclt"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = midclt
            .parent()
            .map(PathBuf::from)
            .into_iter()
            .chain(std::env::split_paths(&path));
        let mut command = Command::new(program);
        command
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("MIDDLEWARED_SOCKET", self.socket())
            .env_remove("CALL_TIMEOUT")
            .stdin(Stdio::null());
        command
    }
}

fn serve(stream: UnixStream, answers: &[&str], record: &Mutex<Vec<String>>) {
    let Ok(mut socket) = accept(stream) else {
        return;
    };
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else {
            continue;
        };
        record.lock().unwrap().push(text.to_string());
        let request: serde_json::Value = serde_json::from_str(&text).unwrap();
        for answer in answers {
            let answer = match *answer {
                "CLOSE" => Message::Close(None),
                text => Message::text(text.replace("ID", &request["id"].to_string())),
            };
            if socket.send(answer).is_err() {
                return;
            }
        }
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
