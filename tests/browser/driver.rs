//! `WebDriver` as far as the tests need it: JSON over HTTP, one question after the other.
//!
//! Our own, because the crates for it are asynchronous, bring twenty others, and one of them makes
//! `String + &String` ambiguous wherever it is linked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// The key under which an element's name comes, by the standard.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// More than any page or script takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// A browser's driver with one session, on a port of its own.
pub(super) struct Driver {
    process: Child,
    port: u16,
    session: String,
    // Goes after the browser has gone.
    dir: TempDir,
}

impl Driver {
    /// Debian's `chromium`, driven by Debian's `chromium-driver`, with these arguments besides a
    /// private directory.
    pub(super) fn start(arguments: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("chromium-").tempdir();
        let dir = dir.expect("a directory");
        let (process, port) = spawn(&dir);
        let mut driver = Self {
            process,
            port,
            session: String::new(),
            dir,
        };
        let profile = format!(
            "--user-data-dir={}",
            driver.dir.path().join("profile").display()
        );
        let arguments = [arguments, &[&profile]].concat();
        let options = json!({"binary": "/usr/bin/chromium", "args": arguments});
        // The service's certificate is its own; that it is the right one, other tests show.
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "acceptInsecureCerts": true, "goog:chromeOptions": options,
        }}});
        let session = driver.ask("POST", "/session", &wanted).expect("a browser");
        let id = session["sessionId"].as_str().expect("a session");
        driver.session = format!("/session/{id}");
        driver
    }

    /// The private directory.
    pub(super) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// A command that changes something.
    pub(super) fn post(&self, path: &str, params: &Value) -> Result<Value, String> {
        self.ask("POST", &format!("{}{path}", self.session), params)
    }

    /// A command that looks.
    pub(super) fn get(&self, path: &str) -> Result<Value, String> {
        self.ask("GET", &format!("{}{path}", self.session), &Value::Null)
    }

    /// The names of the elements that an `XPath` finds, as part of a command's path.
    pub(super) fn find(&self, xpath: &str) -> Result<Vec<String>, String> {
        let params = json!({"using": "xpath", "value": xpath});
        let found = self.post("/elements", &params)?;
        let found = found.as_array().into_iter().flatten();
        let names = found.filter_map(|element| element[ELEMENT].as_str());
        Ok(names.map(|name| format!("/element/{name}")).collect())
    }

    fn ask(&self, method: &str, path: &str, params: &Value) -> Result<Value, String> {
        let body = match params {
            Value::Null => String::new(),
            params => params.to_string(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.port,
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("reach the driver");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(request.as_bytes())
            .expect("ask the driver");
        let body = read_answer(stream);
        let mut answer: Value = serde_json::from_slice(&body).expect("an answer in JSON");
        let value = answer["value"].take();
        match value.get("error").and_then(Value::as_str) {
            Some(error) => Err(format!("{error}: {}", value["message"])),
            None => Ok(value),
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Chromium ends with its session; without an answer, a test has failed already.
        if !self.session.is_empty() && self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.ask("DELETE", &self.session, &Value::Null);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The body, by its length: the driver leaves the connection open.
fn read_answer(stream: TcpStream) -> Vec<u8> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line of the head");
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(number) = line.strip_prefix("content-length:") {
            length = number.trim().parse().expect("a length");
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    body
}

/// Starts the driver on a free port, which it tells.
fn spawn(dir: &TempDir) -> (Child, u16) {
    // It goes with the test, however that ends, and Chromium with it: see `ARGUMENTS`.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "chromedriver"]);
    // Chromium leaves things in these.
    command.env("HOME", dir.path()).env("TMPDIR", dir.path());
    for name in ["XDG_CONFIG_HOME", "XDG_CACHE_HOME"] {
        command.env_remove(name);
    }
    command.arg("--port=0").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command
        .spawn()
        .expect("setpriv is missing: apt-get install util-linux");
    let output = BufReader::new(process.stdout.take().expect("its output"));
    let mut lines = output.lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        let rest = line.split("started successfully on port ").nth(1)?;
        rest.trim_end_matches('.').parse().ok()
    });
    // Whatever else it says must not fill the pipe.
    thread::spawn(move || lines.count());
    (
        process,
        port.expect("no chromedriver: apt-get install chromium-driver"),
    )
}
