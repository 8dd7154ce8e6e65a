//! What can be configured: flags over environment over file over defaults.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, ensure};
use clap::Parser;
use serde::Deserialize;

use crate::logging::Level;

const DEFAULT_FILE: &str = "/etc/middlewared/web.toml";

/// The pages and the sign-in of the second factor, to the network.
#[derive(Debug, Parser)]
#[command(name = "middlewared-web", version = env!("MIDDLEWARED_VERSION"), long_about = LONG_ABOUT, after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// Read this file instead of /etc/middlewared/web.toml.
    #[arg(long, value_name = "FILE", env = "MIDDLEWARED_WEB_CONFIG")]
    config: Option<PathBuf>,

    /// Listen on this address and port, where systemd passes no socket.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The daemon's socket for the web.
    #[arg(long, value_name = "PATH")]
    daemon: Option<PathBuf>,

    /// Keep the certificate that this program makes by itself in this directory.
    #[arg(long, value_name = "DIR", env = "STATE_DIRECTORY")]
    state_dir: Option<PathBuf>,

    /// How much to log: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL")]
    log: Option<Level>,

    /// Check the configuration, print what is in force, and exit.
    #[arg(long)]
    pub(crate) check_config: bool,

    /// Print address and fingerprint of the certificate, and exit.
    #[arg(long)]
    pub(crate) show: bool,
}

const LONG_ABOUT: &str = "\
The pages and the sign-in of the second factor, to the network. It has no right of its own: it reaches \
one socket of the daemon, where people sign in, and passes on what the daemon lets them do. Remote \
clients reach the same socket by wss://HOST:8443/api/current.";

const AFTER_HELP: &str = "\
The certificate is made at the first start, unless one is configured. Compare its fingerprint with what \
the browser shows before you go on: midclt 2fa web.";

/// The file. Every key may be left away, and an unknown one stops the start.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    hosts: Option<Vec<String>>,
    trusted_proxies: Option<Vec<IpAddr>>,
    http: Option<bool>,
    daemon: Option<PathBuf>,
    log: Option<Level>,
    max_connections: Option<usize>,
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Where to listen, unless a socket is passed.
    pub(crate) listen: SocketAddr,
    /// Certificates and their key, unless this program makes its own.
    pub(crate) certificate: Option<Certificate>,
    /// Names that people may reach it by, besides the machine's own and addresses.
    pub(crate) hosts: Vec<String>,
    /// Who may say for whom it asks.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// Plain HTTP, which needs a loopback address.
    pub(crate) http: bool,
    /// The daemon's socket for the web.
    pub(crate) daemon: PathBuf,
    /// Where its own certificate is.
    pub(crate) state_dir: PathBuf,
    /// How much to log.
    pub(crate) log: Level,
    /// How many connections it has at most.
    pub(crate) max_connections: usize,
}

/// Two PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
}

impl Config {
    /// Puts together flags, environment, file and defaults.
    ///
    /// # Errors
    /// The file is named and not there, cannot be read, or says what it may not.
    pub(crate) fn load(flags: &Flags) -> anyhow::Result<Self> {
        let file = match &flags.config {
            Some(path) => read(path).with_context(|| path.display().to_string())?,
            None => match read(Path::new(DEFAULT_FILE)) {
                Err(error) if is_missing(&error) => File::default(),
                read => read.context(DEFAULT_FILE)?,
            },
        };
        Self::new(flags, file)
    }

    fn new(flags: &Flags, file: File) -> anyhow::Result<Self> {
        let everywhere = SocketAddr::from(([0_u16; 8], 8443));
        let certificate = match (file.certificate, file.key) {
            (Some(chain), Some(key)) => Some(Certificate { chain, key }),
            (None, None) => None,
            _ => anyhow::bail!("certificate and key come together: give both or neither"),
        };
        let config = Self {
            listen: flags.listen.or(file.listen).unwrap_or(everywhere),
            certificate,
            hosts: lower_case(file.hosts.unwrap_or_default()),
            trusted_proxies: file.trusted_proxies.unwrap_or_default(),
            http: file.http.unwrap_or(false),
            daemon: (flags.daemon.clone().or(file.daemon))
                .unwrap_or_else(|| "/run/middleware/web.sock".into()),
            state_dir: (flags.state_dir.clone())
                .unwrap_or_else(|| "/var/lib/middlewared-web".into()),
            log: flags.log.or(file.log).unwrap_or_default(),
            max_connections: file.max_connections.unwrap_or(2048),
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        for host in &self.hosts {
            let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            ensure!(
                !host.is_empty() && host.len() <= 253 && host.chars().all(is_part),
                "hosts has names without a port: {host:?} is none"
            );
        }
        ensure!(
            (2..=100_000).contains(&self.max_connections),
            "max_connections must be between 2 and 100000"
        );
        self.may_listen_on(self.listen)
    }

    /// Passwords and codes leave this machine in TLS only.
    ///
    /// # Errors
    /// It would speak plain HTTP to others.
    pub(crate) fn may_listen_on(&self, address: SocketAddr) -> anyhow::Result<()> {
        ensure!(
            !self.http || address.ip().is_loopback(),
            "http = true needs a loopback address, and this is {address}; set listen = \"127.0.0.1:8443\""
        );
        Ok(())
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "listen = \"{}\"", self.listen)?;
        if let Some(Certificate { chain, key }) = &self.certificate {
            writeln!(f, "certificate = {:?}", chain.to_string_lossy())?;
            writeln!(f, "key = {:?}", key.to_string_lossy())?;
        }
        writeln!(f, "hosts = {:?}", self.hosts)?;
        let proxies: Vec<_> = self.trusted_proxies.iter().map(IpAddr::to_string).collect();
        writeln!(f, "trusted_proxies = {proxies:?}")?;
        writeln!(f, "http = {}", self.http)?;
        writeln!(f, "daemon = {:?}", self.daemon.to_string_lossy())?;
        writeln!(f, "log = \"{}\"", self.log)?;
        writeln!(f, "max_connections = {}", self.max_connections)
    }
}

fn lower_case(hosts: Vec<String>) -> Vec<String> {
    let lower = hosts.into_iter().map(|host| host.to_ascii_lowercase());
    lower.collect()
}

fn read(path: &Path) -> anyhow::Result<File> {
    let text = fs::read_to_string(path)?;
    // The file holds no secret, so the parser may show the line.
    Ok(toml::from_str(&text)?)
}

fn is_missing(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, args: &[&str]) -> anyhow::Result<Config> {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("web.toml");
        fs::write(&path, file).unwrap();
        let path = path.to_str().unwrap();
        let flags = Flags::parse_from(["middlewared-web", "--config", path].iter().chain(args));
        Config::load(&flags)
    }

    #[test]
    fn an_empty_file_means_defaults_and_flags_win_over_the_file() {
        let config = load("", &[]).unwrap();
        assert_eq!(config.listen.to_string(), "[::]:8443");
        assert!(!config.http && config.certificate.is_none());
        let file = "listen = \"127.0.0.1:1\"\nlog = \"warn\"\n";
        let config = load(file, &["--listen", "127.0.0.1:2"]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:2");
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        let file = "certificate = \"/a\"\nkey = \"/b\"\nhosts = [\"Nas.Example.org\"]\n\
                    trusted_proxies = [\"::1\"]\nhttp = true\nlisten = \"127.0.0.1:80\"\n";
        let config = load(file, &[]).unwrap();
        assert_eq!(config.hosts, ["nas.example.org"]);
        assert_eq!(load(&config.to_string(), &[]).unwrap(), config);
    }

    #[test]
    fn a_mistake_stops_the_start_and_says_what_to_do() {
        for (file, shown) in [
            ("lisen = \"127.0.0.1:1\"\n", "lisen"),
            ("listen = \"8443\"\n", "line 1"),
            ("certificate = \"/a\"\n", "give both"),
            ("key = \"/a\"\n", "give both"),
            ("http = true\n", "loopback"),
            ("http = true\nlisten = \"192.0.2.1:80\"\n", "loopback"),
            ("hosts = [\"nas:8443\"]\n", "without a port"),
            ("hosts = [\"\"]\n", "without a port"),
            ("trusted_proxies = [\"proxy\"]\n", "line 1"),
            ("max_connections = 1\n", "between 2 and 100000"),
        ] {
            let error = format!("{:#}", load(file, &[]).unwrap_err());
            assert!(error.contains(shown), "{file}: {error}");
        }
    }
}
