//! What sshd itself says: whether a configuration is good, and what is in effect for whom.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::config::{Block, Config, Place, Plan};
use crate::methods::Methods;
use crate::{Error, Root, SSHD_CONFIG, program};

/// The machine: its files, and its sshd.
#[derive(Debug, Clone)]
pub struct System {
    /// Where its files are.
    pub root: Root,
    /// The program.
    pub sshd: PathBuf,
}

/// A connection that could be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The account.
    pub user: String,
    /// Where the client is.
    pub address: String,
    /// The client's name, where sshd looks for names.
    pub host: String,
    /// The address of this machine that it came to.
    pub local_address: String,
    /// And the port.
    pub local_port: String,
}

impl Who {
    /// Somebody from anywhere (RFC 5737 has the addresses).
    #[must_use]
    pub fn from_anywhere(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            address: "192.0.2.1".to_owned(),
            host: "192.0.2.1".to_owned(),
            local_address: "192.0.2.2".to_owned(),
            local_port: "22".to_owned(),
        }
    }

    /// As `sshd -C` wants it.
    fn specification(&self) -> String {
        let Self {
            user,
            address,
            host,
            local_address,
            local_port,
        } = self;
        format!("user={user},host={host},addr={address},laddr={local_address},lport={local_port}")
    }
}

/// What is in effect for one connection: `sshd -T`.
#[derive(Debug, Clone)]
pub struct Effective(BTreeMap<String, Vec<String>>);

impl Effective {
    fn parse(text: &str) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in text.lines() {
            let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
            let values = values.entry(keyword.to_ascii_lowercase()).or_default();
            values.push(value.to_owned());
        }
        Self(values)
    }

    /// The values of a keyword that may come more than once.
    #[must_use]
    pub fn all(&self, keyword: &str) -> &[String] {
        self.0.get(keyword).map_or(&[], Vec::as_slice)
    }

    /// The value of a keyword, empty where there is none.
    #[must_use]
    pub fn one(&self, keyword: &str) -> &str {
        self.all(keyword).first().map_or("", String::as_str)
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self, keyword: &str) -> bool {
        self.one(keyword) == "yes"
    }

    /// Which methods are demanded.
    #[must_use]
    pub fn methods(&self) -> Methods {
        Methods::parse(self.one("authenticationmethods"))
    }

    /// Whether keyboard-interactive can ask anything: without PAM it has nothing to ask.
    #[must_use]
    pub fn has_keyboard(&self) -> bool {
        self.is_on("kbdinteractiveauthentication") && self.is_on("usepam")
    }

    /// Whether a password helps, alone or with a code.
    #[must_use]
    pub fn has_password(&self) -> bool {
        let password = self.is_on("passwordauthentication");
        self.methods().has_password(password, self.has_keyboard())
    }
}

/// The time for sshd to read its configuration.
const LIMIT: Duration = Duration::from_secs(10);
/// Where sshd wants to be when it has no rights; its unit makes it.
const PRIVILEGE_SEPARATION: &str = "/run/sshd";

impl System {
    /// The machine that this program runs on, or a directory that stands for one.
    #[must_use]
    pub fn new(root: Root) -> Self {
        Self {
            root,
            sshd: "/usr/sbin/sshd".into(),
        }
    }

    /// Whether sshd takes its configuration as it is on the disk.
    ///
    /// # Errors
    /// It does not: with its own words.
    pub fn test(&self) -> Result<(), Error> {
        if self.root.is_host() {
            let mut command = self.command()?;
            return program::output(command.arg("-t"), LIMIT).map(drop);
        }
        View::of(self, &Plan::default())?.test()
    }

    fn command(&self) -> Result<Command, Error> {
        if !self.sshd.exists() {
            return Err(Error::Refused(format!(
                "sshd is not installed: there is no {}",
                self.sshd.display()
            )));
        }
        let directory = Path::new(PRIVILEGE_SEPARATION);
        if self.root.is_host() && !directory.exists() {
            let made = fs::DirBuilder::new().mode(0o755).create(directory);
            made.map_err(Error::io("make", directory))?;
        }
        Ok(Command::new(&self.sshd))
    }
}

/// A configuration, planned or real, that sshd can be asked about. It is a copy in a private
/// directory, which goes when this does.
#[derive(Debug)]
pub struct View<'a> {
    system: &'a System,
    /// The same, as it was read.
    pub config: Config,
    directory: Directory,
    main: PathBuf,
    /// A host key for an image, which has none yet.
    key: Option<PathBuf>,
}

impl<'a> View<'a> {
    /// Reads the configuration, with the planned files in place of those that are there.
    ///
    /// # Errors
    /// It cannot be read, or the copy not be written.
    pub fn of(system: &'a System, plan: &Plan) -> Result<Self, Error> {
        let config = Config::read(&system.root, plan)?;
        let directory = Directory::create()?;
        let main = config.render(&directory.0)?;
        let key = if system.root.is_host() {
            None
        } else {
            Some(throwaway_key(&directory.0)?)
        };
        Ok(Self {
            system,
            config,
            directory,
            main,
            key,
        })
    }

    /// The machine's files.
    pub(crate) fn root(&self) -> &Root {
        &self.system.root
    }

    /// Whether sshd takes it.
    ///
    /// # Errors
    /// It does not: with its own words, and the files that they are about.
    pub fn test(&self) -> Result<(), Error> {
        self.ask(&self.main, &["-t"]).map(drop)
    }

    /// What is in effect for somebody.
    ///
    /// # Errors
    /// sshd does not take the configuration.
    pub fn effective(&self, who: &Who) -> Result<Effective, Error> {
        let text = self.ask(&self.main, &["-T", "-C", &who.specification()])?;
        Ok(Effective::parse(&text))
    }

    /// Whether a connection comes to a `Match` block: sshd is asked about that line alone.
    ///
    /// # Errors
    /// sshd does not take the line, or wants to know more than it is told.
    pub fn reaches(&self, who: &Who, block: &Block) -> Result<bool, Error> {
        const SIGN: &str = "/middlewared/reached";
        let path = self.directory.0.join("block.conf");
        let text = format!("Match {}\nBanner {SIGN}\n", block.text());
        crate::write(&path, &text)?;
        let said = self.ask(&path, &["-T", "-C", &who.specification()])?;
        Ok(Effective::parse(&said).one("banner") == SIGN)
    }

    /// Where the value that is in effect for somebody comes from; None: it is sshd's own default.
    ///
    /// # Errors
    /// A block cannot be judged.
    pub fn origin(&self, keyword: &str, who: &Who) -> Result<Option<&Place>, Error> {
        let named = |name: &str| name == keyword || aliases(keyword).contains(&name);
        let mut settings = self.config.settings.iter();
        let mut outside = None;
        for setting in settings.by_ref().filter(|setting| named(&setting.keyword)) {
            let block = setting
                .block
                .and_then(|block| self.config.blocks.get(block));
            match block {
                None => outside = outside.or(Some(&setting.place)),
                Some(block) if self.reaches(who, block)? => return Ok(Some(&setting.place)),
                Some(_) => {}
            }
        }
        Ok(outside)
    }

    fn ask(&self, config: &Path, arguments: &[&str]) -> Result<String, Error> {
        let mut command = self.system.command()?;
        command.args(arguments).arg("-f").arg(config);
        if let Some(key) = &self.key {
            command.arg("-h").arg(key);
        }
        program::output(&mut command, LIMIT).map_err(|error| self.explain(error))
    }

    /// sshd names the copies; people know the originals.
    fn explain(&self, error: Error) -> Error {
        match error {
            Error::Program { program, why } => Error::Program {
                program: "sshd".to_owned() + if program.contains("-t") { " -t" } else { " -T" },
                why: self.config.original_names(&why, &self.directory.0),
            },
            other => other,
        }
    }
}

/// sshd says nothing without a host key.
fn throwaway_key(directory: &Path) -> Result<PathBuf, Error> {
    let key = directory.join("host_key");
    let mut command = Command::new("ssh-keygen");
    command
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key);
    program::output(&mut command, LIMIT).map(|_| key)
}

/// Older names of keywords.
fn aliases(keyword: &str) -> &'static [&'static str] {
    match keyword {
        "kbdinteractiveauthentication" => {
            &["challengeresponseauthentication", "skeyauthentication"]
        }
        "pubkeyauthentication" => &["dsaauthentication"],
        _ => &[],
    }
}

/// A private directory, removed when it is dropped.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn create() -> Result<Self, Error> {
        let base = std::env::temp_dir();
        let mut failed = Error::NotAFile(base.clone());
        // mkdir(2) takes no name that is there, so nobody can have prepared it.
        for number in 0..1000 {
            let name = format!("middlewared-ssh-{}-{number}", std::process::id());
            let path = base.join(name);
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => failed = Error::io("make", &path)(error),
            }
        }
        Err(failed)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Copies of what is readable anyway: one that stays does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The line that says how sshd is started, on Debian.
const DEFAULTS: &str = "/etc/default/ssh";

/// Options on the command line of sshd that win over all files, as its defaults file has them.
///
/// # Errors
/// The file cannot be read.
pub fn command_line_options(root: &Root) -> Result<Option<String>, Error> {
    let text = crate::read(&root.at(DEFAULTS))?.unwrap_or_default();
    let value = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("SSHD_OPTS="))
        .next_back();
    let value = value.map(|value| value.trim_matches(['"', '\'']).trim());
    Ok(value
        .filter(|value| !value.is_empty())
        .map(|value| format!("{DEFAULTS} has SSHD_OPTS={value}, which may win over {SSHD_CONFIG}")))
}

#[cfg(test)]
pub(crate) mod tests;
