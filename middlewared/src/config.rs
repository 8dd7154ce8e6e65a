//! What can be configured: flags over environment over file over defaults.

use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, bail};
use api::Identity;
use clap::{Parser, Subcommand};
use serde::Deserialize;

use crate::logging::Level;
use crate::once::OnceArgs;
use crate::restore::RestoreArgs;

const DEFAULT_FILE: &str = "/etc/middlewared/config.toml";

/// The daemon that owns the second factor of a machine.
#[derive(Debug, Parser)]
#[command(name = "middlewared", version = env!("MIDDLEWARED_VERSION"), about, long_about = LONG_ABOUT, after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// Read this file instead of /etc/middlewared/config.toml.
    #[arg(long, global = true, value_name = "FILE", env = "MIDDLEWARED_CONFIG")]
    config: Option<PathBuf>,

    /// Listen on this Unix socket.
    #[arg(long, value_name = "PATH", env = "MIDDLEWARED_SOCKET")]
    socket: Option<PathBuf>,

    /// Keep the state in this directory.
    #[arg(long, global = true, value_name = "DIR", env = "MIDDLEWARED_STATE_DIR")]
    state_dir: Option<PathBuf>,

    /// How much to log: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", env = "MIDDLEWARED_LOG")]
    log: Option<Level>,

    /// Check the configuration, print what is in force, and exit.
    #[arg(long)]
    pub(crate) check_config: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What it does instead of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Once(OnceArgs),
    Restore(RestoreArgs),
}

const LONG_ABOUT: &str = "\
The daemon that owns the second factor of a machine. It answers JSON-RPC 2.0 on a Unix socket that \
only root may use; midclt(1) is its client.";

const AFTER_HELP: &str = "\
A locked-out administrator turns two-factor authentication off with:
  midclt call auth.twofactor.update '{ \"enabled\":false }'
also where this daemon does not run. What to do about the daemon and its state: docs/recovery.md.";

/// The file. Every key may be left away, and an unknown one stops the start.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    socket: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    log: Option<Level>,
    issuer: Option<String>,
    product: Option<String>,
    max_connections: Option<usize>,
    #[serde(default)]
    web: WebFile,
}

/// What the file says of the web's socket.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebFile {
    socket: Option<PathBuf>,
    administrators: Option<String>,
    password: Option<PathBuf>,
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// Where to listen, unless a socket is passed.
    pub(crate) socket: PathBuf,
    /// Where the state is.
    pub(crate) state_dir: PathBuf,
    /// How much to log.
    pub(crate) log: Level,
    /// How the machine names itself on a phone.
    pub(crate) identity: Identity,
    /// How many connections the socket has at most.
    pub(crate) max_connections: usize,
    /// The socket of the web service.
    pub(crate) web: Web,
}

/// The socket of the web service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Web {
    /// Where to listen, unless a socket of the name `web` is passed; nowhere if it is not given.
    pub(crate) socket: Option<PathBuf>,
    /// The group whose members are administrators.
    pub(crate) administrators: String,
    /// Where passwords are checked.
    pub(crate) password: PathBuf,
}

impl Web {
    fn new(file: WebFile) -> Self {
        let password = file.password;
        Self {
            socket: file.socket,
            administrators: file.administrators.unwrap_or_else(|| "sudo".to_owned()),
            password: password.unwrap_or_else(|| "/run/middlewared/password.sock".into()),
        }
    }
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
        let config = Self::new(flags, file);
        config.check()?;
        Ok(config)
    }

    /// What is in force where the file cannot be used.
    pub(crate) fn without_file(flags: &Flags) -> Self {
        Self::new(flags, File::default())
    }

    fn new(flags: &Flags, file: File) -> Self {
        let socket = flags.socket.clone().or(file.socket);
        let state_dir = flags.state_dir.clone().or(file.state_dir);
        Self {
            socket: socket.unwrap_or_else(|| "/run/middleware/middlewared.sock".into()),
            state_dir: state_dir.unwrap_or_else(|| "/var/lib/middlewared".into()),
            log: flags.log.or(file.log).unwrap_or_default(),
            identity: Identity {
                issuer: file.issuer.unwrap_or_else(|| "middlewared".to_owned()),
                product: file.product.unwrap_or_else(|| "Linux".to_owned()),
            },
            max_connections: file.max_connections.unwrap_or(1024),
            web: Web::new(file.web),
        }
    }

    fn check(&self) -> anyhow::Result<()> {
        for (key, value) in [
            ("issuer", &self.identity.issuer),
            ("product", &self.identity.product),
        ] {
            // A colon ends the issuer in a provisioning URI's label.
            if value.is_empty() || value.len() > 64 || value.contains([':', '\n']) {
                bail!("{key} must be 1 to 64 characters without a colon");
            }
        }
        if !(2..=100_000).contains(&self.max_connections) {
            bail!("max_connections must be between 2 and 100000");
        }
        if self.web.administrators.is_empty() || self.web.administrators.contains(['\0', '\n']) {
            bail!("web.administrators must be the name of a group");
        }
        if self.web.socket.as_ref() == Some(&self.socket) {
            bail!("web.socket must be another one than socket, which is root's");
        }
        Ok(())
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "socket = {:?}", self.socket.to_string_lossy())?;
        writeln!(f, "state_dir = {:?}", self.state_dir.to_string_lossy())?;
        writeln!(f, "log = \"{}\"", self.log)?;
        writeln!(f, "issuer = {:?}", self.identity.issuer)?;
        writeln!(f, "product = {:?}", self.identity.product)?;
        writeln!(f, "max_connections = {}", self.max_connections)?;
        if let Some(socket) = &self.web.socket {
            writeln!(f, "web.socket = {:?}", socket.to_string_lossy())?;
        }
        writeln!(f, "web.administrators = {:?}", self.web.administrators)?;
        writeln!(
            f,
            "web.password = {:?}",
            self.web.password.to_string_lossy()
        )
    }
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
        let path = dir.path().join("config.toml");
        fs::write(&path, file).unwrap();
        let path = path.to_str().unwrap();
        let flags = Flags::parse_from(["middlewared", "--config", path].iter().chain(args));
        Config::load(&flags)
    }

    #[test]
    fn an_empty_file_means_defaults_and_flags_win_over_the_file() {
        let config = load("", &[]).unwrap();
        assert_eq!(config.socket, Path::new("/run/middleware/middlewared.sock"));
        let config = load("socket = \"/a\"\nissuer = \"x\"\n", &["--socket", "/b"]).unwrap();
        assert_eq!(
            (config.socket.to_str(), config.identity.issuer.as_str()),
            (Some("/b"), "x")
        );
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        for file in [
            "log = \"debug\"\nmax_connections = 7\n",
            "[web]\nsocket = \"/a\"\nadministrators = \"wheel\"\npassword = \"/b\"\n",
        ] {
            let config = load(file, &[]).unwrap();
            assert_eq!(load(&config.to_string(), &[]).unwrap(), config);
        }
    }

    #[test]
    fn a_mistake_stops_the_start_and_shows_its_line() {
        for (file, shown) in [
            ("sokcet = \"/a\"\n", "sokcet"),
            ("\n\nlog = 3\n", "line 3"),
            ("log = \"loud\"\n", "loud"),
            ("issuer = \"a:b\"\n", "without a colon"),
            ("max_connections = 1\n", "between 2 and 100000"),
            ("= =\n", "line 1"),
            ("[web]\nadministrators = \"\"\n", "web.administrators"),
            ("socket = \"/a\"\n[web]\nsocket = \"/a\"\n", "another one"),
            ("[web]\nport = 1\n", "port"),
        ] {
            let error = format!("{:#}", load(file, &[]).unwrap_err());
            assert!(error.contains(shown), "{file}: {error}");
        }
        let flags = Flags::parse_from(["middlewared", "--config", "/nowhere/config.toml"]);
        assert!(
            format!("{:#}", Config::load(&flags).unwrap_err()).contains("/nowhere/config.toml")
        );
    }
}
