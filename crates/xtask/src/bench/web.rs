//! The pages: the first byte beside nginx, what an open page costs, and many people who sign in at once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::json;
use testkit::{Answer, Browser, Daemon, TlsStream, Web};

use super::figure::{Figure, Target, median_ms, percentile_ms};
use super::figures::SETTLE;
use super::nginx::Nginx;
use super::server::Programs;
use super::{Options, memory};

const PASSWORD: &str = "correct horse";
const VISITS: usize = 301;
const PAGES: usize = 1000;
/// Who open those pages, one after the other each.
const HANDS: usize = 8;
const PEOPLE: usize = 200;
/// Between two calls of root's.
const PAUSE: Duration = Duration::from_millis(2);

const GET: &[u8] = b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A daemon, somebody who finds every password right that is, and the web service before them.
struct Site {
    // The web service goes first.
    web: Web,
    daemon: Daemon,
}

impl Site {
    fn start() -> Result<Self> {
        let builder = Daemon::builder();
        let run = builder.dir().join("run");
        answer_passwords(&run.join("password.sock"))?;
        let config = format!(
            "[web]\nsocket = \"{}\"\npassword = \"{}\"\n",
            run.join("web.sock").display(),
            run.join("password.sock").display(),
        );
        let daemon = builder.config(&config).start();
        let web = Web::start(daemon.dir(), &run.join("web.sock"), "");
        Ok(Self { web, daemon })
    }

    /// Somebody who has signed in.
    fn sign_in(&self) -> Result<Browser<'_>> {
        let mut browser = self.web.browser();
        browser.get("/sign-in");
        let fields = [("username", "root"), ("password", PASSWORD)];
        let answer: Answer = browser.post_only("/sign-in", &fields);
        ensure!(answer.status == 303, "not signed in: {answer:?}");
        Ok(browser)
    }

    /// An open page of theirs, which waits for something to change.
    fn open(&self) -> Result<TlsStream> {
        let browser = self.sign_in()?;
        let (name, value) = browser.cookies.first().context("no cookie")?;
        let mut stream = self.web.connect_tls();
        write!(
            stream,
            "GET /live HTTP/1.1\r\nHost: localhost\r\nCookie: {name}={value}\r\n\r\n"
        )?;
        let mut head = [0; 15];
        stream.read_exact(&mut head)?;
        ensure!(head.starts_with(b"HTTP/1.1 200"), "no events");
        Ok(stream)
    }
}

/// As `middlewared-password` does, but at once. It ends with this program.
fn answer_passwords(path: &Path) -> Result<()> {
    let listener = UnixListener::bind(path)?;
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut question = String::new();
                stream.read_to_string(&mut question)?;
                let is_right = question.split('\0').nth(1) == Some(PASSWORD);
                stream.write_all(if is_right { b"right\n" } else { b"wrong\n" })
            });
        }
    });
    Ok(())
}

/// How long the first byte of the sign-in page takes, and how much there is of it.
pub(super) fn first_byte(_: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let site = Site::start()?;
    let mut browser = site.web.browser();
    let page = browser.get("/sign-in").body;
    let peer = tempfile::tempdir()?;
    let certificates = site.web.certificate();
    let certificates = certificates.parent().context("a directory")?;
    let nginx = Nginx::start(peer.path(), certificates, &page)?;
    let addresses = [site.web.address(), nginx.address];
    let mut visits = [Vec::new(), Vec::new()];
    let mut requests = [Vec::new(), Vec::new()];
    for number in 0..VISITS {
        for (side, address) in addresses.into_iter().enumerate() {
            let (visit, request) = visit(&site.web, address)?;
            // Not counted: the first of each.
            if let (Some(visits), Some(requests), 1..) =
                (visits.get_mut(side), requests.get_mut(side), number)
            {
                visits.push(visit);
                requests.push(request);
            }
        }
    }
    let row = |name, [ours, peer]: [Vec<Duration>; 2]| Figure {
        name,
        unit: "ms",
        ours: median_ms(ours),
        peer: Some(("nginx", median_ms(peer))),
        target: Target::RatioAtMost(2.0),
    };
    let bytes = weight(&mut browser, &page);
    Ok(vec![
        row("sign-in page, first byte with TCP and TLS", visits),
        row("sign-in page, first byte of a request", requests),
        Figure {
            name: "sign-in page, with all that it needs",
            unit: "KiB",
            ours: bytes / 1024.0,
            peer: None,
            target: Target::AtMost(60.0),
        },
    ])
}

/// A new connection and its first request; then another request on it.
fn visit(web: &Web, address: SocketAddr) -> Result<(Duration, Duration)> {
    let began = Instant::now();
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut stream = web.tls_over(stream);
    first_byte_of(&mut stream)?;
    let visit = began.elapsed();
    read_page(&mut stream)?;
    let began = Instant::now();
    first_byte_of(&mut stream)?;
    Ok((visit, began.elapsed()))
}

fn first_byte_of(stream: &mut TlsStream) -> Result<()> {
    stream.write_all(GET)?;
    let mut first = [0];
    Ok(stream.read_exact(&mut first)?)
}

/// The rest of it.
fn read_page(stream: &mut TlsStream) -> Result<()> {
    let mut bytes = Vec::new();
    let mut more = [0; 4096];
    while !bytes.trim_ascii_end().ends_with(b"</html>") {
        let length = stream.read(&mut more)?;
        ensure!(length > 0, "the page has no end");
        bytes.extend(more.iter().take(length));
    }
    Ok(())
}

/// The page and what it links to.
fn weight(browser: &mut Browser<'_>, page: &str) -> f64 {
    let links = page.split('"').filter(|word| word.starts_with("/assets/"));
    let assets: usize = links.map(|link| browser.get(link).body.len()).sum();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
    let bytes = (page.len() + assets) as f64;
    bytes
}

/// What the service holds for a thousand people who have the page open and do nothing.
pub(super) fn idle_pages(_: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let site = &Site::start()?;
    let pages: Vec<TlsStream> = thread::scope(|scope| {
        let hands: Vec<_> = (0..HANDS)
            .map(|_| scope.spawn(|| (0..PAGES / HANDS).map(|_| site.open()).collect()))
            .collect();
        let opened = hands.into_iter().map(|hand| {
            let pages: Result<Vec<_>> = hand.join().map_err(|_| anyhow!("a client panicked"))?;
            pages
        });
        opened.collect::<Result<Vec<_>>>()
    })?
    .into_iter()
    .flatten()
    .collect();
    ensure!(pages.len() == PAGES, "{} pages are open", pages.len());
    thread::sleep(SETTLE);
    let held = memory::of(site.web.pid())?.rss;
    Ok(vec![Figure {
        name: "1,000 idle pages, RSS of middlewared-web",
        unit: "MiB",
        ours: held / 1024.0,
        peer: None,
        target: Target::AtMost(64.0),
    }])
}

/// Many people sign in at the same moment: all get in, and root's socket answers beside them.
pub(super) fn sign_ins(_: &Programs, _: &Options) -> Result<Vec<Figure>> {
    let site = &Site::start()?;
    let is_over = &Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let (all, pings) = thread::scope(|scope| {
        let root = scope.spawn(|| pings(site, is_over));
        let people: Vec<_> = (0..PEOPLE)
            .map(|_| scope.spawn(|| site.sign_in().map(drop)))
            .collect();
        for person in people {
            person.join().map_err(|_| anyhow!("a client panicked"))??;
        }
        let all = began.elapsed();
        is_over.store(true, Ordering::Relaxed);
        let pings = root.join().map_err(|_| anyhow!("root panicked"))?;
        anyhow::Ok((all, pings))
    })?;
    Ok(vec![
        Figure {
            name: "200 people sign in at once, all of them",
            unit: "ms",
            ours: median_ms(vec![all]),
            peer: None,
            target: Target::AtMost(10_000.0),
        },
        Figure {
            name: "core.ping on root's socket beside them, p99",
            unit: "ms",
            ours: percentile_ms(pings, 99),
            peer: None,
            target: Target::AtMost(50.0),
        },
    ])
}

fn pings(site: &Site, is_over: &AtomicBool) -> Vec<Duration> {
    let mut socket = site.daemon.connect();
    let mut times = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        socket.call("core.ping", json!([]));
        times.push(began.elapsed());
        thread::sleep(PAUSE);
    }
    times
}
