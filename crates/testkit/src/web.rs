//! The running web service of one test, and a browser that shows everything: statuses, heads, cookies.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::binaries;

const PATIENCE: Duration = Duration::from_secs(20);

/// What a client of it reads and writes.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// A built `middlewared-web` on a port and a directory of its own. It is killed, by its pid, when this
/// value goes.
#[derive(Debug)]
pub struct Web {
    child: Child,
    dir: PathBuf,
    address: SocketAddr,
}

impl Web {
    /// Starts it before a daemon's web socket, with files in `dir` and this configuration.
    pub fn start(dir: &Path, daemon: &Path, config: &str) -> Self {
        let dir = dir.join("web");
        fs::create_dir(&dir).expect("create a directory");
        let file = dir.join("web.toml");
        fs::write(&file, config).expect("write the configuration");
        let log = File::create(dir.join("log")).expect("create the log");
        let mut command = Command::new(binaries::middlewared_web());
        command
            .arg("--config")
            .arg(&file)
            .arg("--daemon")
            .arg(daemon);
        command.arg("--state-dir").arg(dir.join("state"));
        command.args(["--listen", "127.0.0.1:0"]);
        command.stdin(std::process::Stdio::null());
        command
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        let child = command.spawn().expect("start middlewared-web");
        let mut web = Self {
            child,
            dir,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        web.address = web.wait_until_ready();
        web
    }

    fn wait_until_ready(&mut self) -> SocketAddr {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let ready = log
                .lines()
                .find_map(|line| line.split("ready address=").nth(1));
            if let Some(address) = ready.and_then(|address| address.trim().parse().ok()) {
                return address;
            }
            let ended = self.child.try_wait().expect("look at the child");
            assert!(ended.is_none(), "middlewared-web ended: {log}");
            assert!(Instant::now() < deadline, "never ready: {log}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).expect("read the log")
    }

    /// The certificate that it has made for itself.
    pub fn certificate(&self) -> PathBuf {
        self.dir.join("state/certificate.pem")
    }

    /// A connection of TLS to it.
    pub fn connect_tls(&self) -> TlsStream {
        self.tls_over(self.connect())
    }

    /// TLS which trusts its certificate and nothing else, over a connection to whoever has it.
    pub fn tls_over(&self, stream: TcpStream) -> TlsStream {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_file(self.certificate()).expect("its certificate");
        roots.add(own).expect("trust the certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of TLS")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("begin TLS");
        StreamOwned::new(connection, stream)
    }

    /// A plain connection to it.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("connect to middlewared-web");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A browser that has been nowhere.
    pub fn browser(&self) -> Browser<'_> {
        Browser {
            web: self,
            cookies: Vec::new(),
            csrf: String::new(),
        }
    }

    /// Whether somebody who comes now is served.
    pub fn has_room(&self) -> bool {
        let mut bytes = Vec::new();
        let request = "GET /sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        talk(self.connect_tls(), request, &mut bytes);
        bytes.starts_with(b"HTTP/1.1 200 ")
    }

    /// Sends the head and body as they are; the whole answer. Plain HTTP where there is no certificate.
    pub fn exchange(&self, request: &str) -> Answer {
        let mut bytes = Vec::new();
        if self.certificate().exists() {
            talk(self.connect_tls(), request, &mut bytes);
        } else {
            talk(self.connect(), request, &mut bytes);
        }
        Answer::parse(&bytes)
    }
}

impl Drop for Web {
    #[expect(clippy::print_stderr, reason = "part of a failed test's report")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- what middlewared-web said\n{}---", self.log());
        }
    }
}

fn talk(mut stream: impl Read + Write, request: &str, bytes: &mut Vec<u8>) {
    // A server that refuses may close before it has read everything, and without TLS's goodbye.
    let _ = stream.write_all(request.as_bytes());
    let _ = stream.read_to_end(bytes);
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The number.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// What follows.
    pub body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            status: status.unwrap_or_else(|| panic!("no answer of HTTP: {text:?}")),
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    /// The first header of this name; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether the page says so.
    pub fn says(&self, text: &str) -> bool {
        self.body.contains(text)
    }
}

/// Without scripts: it keeps cookies, sends the token of the last page, and goes where it is sent.
#[derive(Debug)]
pub struct Browser<'a> {
    web: &'a Web,
    /// Names and values.
    pub cookies: Vec<(String, String)>,
    /// The token of the last page with a form.
    pub csrf: String,
}

impl Browser<'_> {
    /// A page.
    pub fn get(&mut self, path: &str) -> Answer {
        let answer = self.send("GET", path, "", None);
        self.follow(answer)
    }

    /// A form, with the token of the page before.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let answer = self.post_only(path, fields);
        self.follow(answer)
    }

    /// The same, and what is answered itself.
    pub fn post_only(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf.clone();
        let fields = [&[("csrf", csrf.as_str())], fields].concat();
        let pairs = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.send("POST", path, "", Some(&body))
    }

    /// One request, with more lines of the head.
    pub fn send(&mut self, method: &str, path: &str, lines: &str, body: Option<&str>) -> Answer {
        let cookies: Vec<_> = (self.cookies.iter())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {}\r\n{lines}",
            cookies.join("; ")
        );
        if let Some(body) = body {
            head += "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ";
            head += &body.len().to_string();
            head += "\r\n";
        }
        let request = format!("{head}\r\n{}", body.unwrap_or_default());
        let answer = self.web.exchange(&request);
        self.remember(&answer);
        answer
    }

    fn remember(&mut self, answer: &Answer) {
        let cookies = answer
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie");
        for (_, line) in cookies {
            let pair = line.split(';').next().and_then(|pair| pair.split_once('='));
            let (name, value) = pair.expect("a cookie");
            self.cookies.retain(|(old, _)| old != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        let token = answer.body.split("name=\"csrf\" value=\"").nth(1);
        if let Some(token) = token.and_then(|rest| rest.split('"').next()) {
            token.clone_into(&mut self.csrf);
        }
    }

    fn follow(&mut self, mut answer: Answer) -> Answer {
        for _ in 0..5 {
            if answer.status != 303 {
                return answer;
            }
            let to = answer.header("location").to_owned();
            answer = self.send("GET", &to, "", None);
        }
        panic!("sent around in circles: {answer:?}");
    }
}

fn encode(value: &str) -> String {
    let bytes = value.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    bytes.collect()
}
