//! What several topics need: the database from outside, codes in order, raw HTTP and frames.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Output;
#[cfg(feature = "system")]
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use testkit::{Algorithm, Daemon, Socket, exchange, now, totp};

/// Long enough for a loaded machine; whoever waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Turns two-factor authentication on with a window of 10 steps, so that 21 codes are good at any
/// time. The secret.
pub(crate) fn enable(socket: &mut Socket) -> String {
    let changes = json!([{"enabled": true, "window": 10}]);
    let row = socket.call("auth.twofactor.update", changes);
    row["secret"].as_str().expect("a secret").to_owned()
}

/// The six-digit code of a time.
pub(crate) fn code_at(secret: &str, time: u64) -> String {
    totp(secret, 6, 30, time, Algorithm::Sha1)
}

/// Codes that are good now, each later than the one before, so that each is accepted once. One step
/// at either end of the window is left out: time goes on while a test runs.
pub(crate) fn good_codes(secret: &str) -> Vec<String> {
    codes_around(secret, now())
}

/// The same around another time.
pub(crate) fn codes_around(secret: &str, time: u64) -> Vec<String> {
    (0..19)
        .map(|step| code_at(secret, time - 270 + 30 * step))
        .collect()
}

/// One call of `auth.twofactor.verify`.
pub(crate) fn verify(socket: &mut Socket, code: &str) -> bool {
    socket.call("auth.twofactor.verify", json!([code])) == json!(true)
}

/// Params of `auth.twofactor.authenticate` for a wrong code that is judged, counted and written down
/// however many there were: nobody's name, from a place of its own.
pub(crate) fn stray_guess(number: u64) -> Value {
    let [.., a, b, c] = number.to_be_bytes();
    json!([{
        "username": format!("nobody-{number}"), "uid": 4_000_000_000_u32, "service": "stray",
        "source": format!("10.{a}.{b}.{c}"), "token": "000000",
    }])
}

/// The text of a request.
#[expect(
    clippy::needless_pass_by_value,
    reason = "`json!([…])` reads better without a reference"
)]
pub(crate) fn request(id: u64, method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": params, "id": id}).to_string()
}

/// The `reason` of an error object.
pub(crate) fn reason(error: &Value) -> &str {
    error["data"]["reason"].as_str().unwrap_or_default()
}

/// The number of an error object, for programs.
pub(crate) fn errno(error: &Value) -> i64 {
    error["data"]["error"].as_i64().unwrap_or_default()
}

/// What a program said on its standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Everything that comes until the other side closes, as text.
pub(crate) fn read_to_end(stream: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never came: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Asserts that the daemon is the same process still, and serves a new client.
pub(crate) fn assert_alive(daemon: &mut Daemon, after: &str) {
    if let Some(status) = daemon.wait_for_exit(Duration::ZERO) {
        panic!("ended, {status}, by: {after}");
    }
    let pong = daemon.connect().call("core.ping", json!([]));
    assert_eq!(pong, "pong", "after: {after}");
}

/// The database, as another process opens it.
pub(crate) fn database(state_dir: &Path) -> Connection {
    // Never created: SQLite resolves a path under /proc/PID/root to the host's, where there is none.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let database = Connection::open_with_flags(state_dir.join("middlewared.db"), flags);
    let database = database.expect("open the database");
    database.busy_timeout(PATIENCE).unwrap();
    database
}

/// Method and outcome of each row of the audit, oldest first.
pub(crate) fn audit(state_dir: &Path) -> Vec<(String, String)> {
    let database = database(state_dir);
    let mut select = database
        .prepare("SELECT method, outcome FROM audit ORDER BY id")
        .unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// How many rows the audit has of this outcome.
pub(crate) fn audited(state_dir: &Path, outcome: &str) -> usize {
    let rows = audit(state_dir);
    rows.iter().filter(|(_, found)| found == outcome).count()
}

/// The write lock of the database, held by this process until dropped, so that the daemon's writer
/// waits. This process must not open the database file in the meantime: fcntl(2) locks of a process
/// go when it closes any descriptor of the file.
pub(crate) struct WriteLock(Connection);

impl WriteLock {
    pub(crate) fn take(daemon: &Daemon) -> Self {
        let database = database(&daemon.state_dir());
        database
            .execute_batch("BEGIN IMMEDIATE")
            .expect("the write lock");
        Self(database)
    }
}

impl Drop for WriteLock {
    fn drop(&mut self) {
        let _ = self.0.execute_batch("ROLLBACK");
    }
}

/// A connection of another process, perhaps another user's, whose bytes pass through that process:
/// the daemon sees the credentials of whoever connected.
#[cfg(feature = "system")]
pub(crate) struct Relay {
    process: Child,
    ours: UnixStream,
}

#[cfg(feature = "system")]
impl Relay {
    /// Copies between its standard input, a socket, and the daemon's.
    const COPY: &str = "\
import os, select, socket, sys
there = socket.socket(socket.AF_UNIX)
there.connect(sys.argv[1])
here = socket.socket(fileno=0)
here.sendall(b'!')
while True:
    for one in select.select([here, there], [], [])[0]:
        data = one.recv(65536)
        (there if one is here else here).sendall(data)
        if not data:
            sys.exit()
";

    /// Connects as `uid`, or as ourselves.
    pub(crate) fn connect(socket: &Path, uid: Option<u32>) -> Self {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let mut command = match uid {
            None => Command::new("/usr/bin/python3"),
            Some(uid) => {
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={uid}"))
                    .arg(format!("--regid={uid}"));
                command.args(["--clear-groups", "--", "/usr/bin/python3"]);
                command
            }
        };
        command.args(["-c", Self::COPY]).arg(socket);
        command.stdin(std::os::fd::OwnedFd::from(theirs));
        let process = command.spawn().expect("run python3");
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut connected = [0];
        ours.read_exact(&mut connected)
            .expect("the relay has connected");
        Self { process, ours }
    }

    /// The stream to the daemon.
    pub(crate) fn stream(&self) -> UnixStream {
        self.ours.try_clone().unwrap()
    }

    /// A WebSocket to the daemon.
    pub(crate) fn upgrade(&self) -> Socket {
        Socket::over(self.stream()).expect("the upgrade succeeds for everybody")
    }
}

#[cfg(feature = "system")]
impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends raw HTTP to the daemon. What came back: all of it, as text.
pub(crate) fn http(daemon: &Daemon, request: impl AsRef<[u8]>) -> String {
    let answer = exchange(daemon.socket(), request.as_ref(), Duration::from_secs(5));
    String::from_utf8_lossy(&answer).into_owned()
}

/// One POST on a connection of its own: its status line and its body.
pub(crate) fn post(daemon: &Daemon, body: &str) -> (String, String) {
    let head = "POST /api/current HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    let answer = http(
        daemon,
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()),
    );
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default();
    (status.to_owned(), body.to_owned())
}

/// The upgrade that a client sends, with these lines in place of `Host` and `Origin`.
pub(crate) fn upgrade_request(lines: &str) -> String {
    format!(
        "GET /api/current HTTP/1.1\r\n{lines}Upgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// A masked frame (RFC 6455 §5.2) with this first byte: FIN and opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 + u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0xff);
            bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}
