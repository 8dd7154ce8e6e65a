//! The command line. Doc comments here are the help, the man page and the completion.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand, ValueEnum};
use client::{Client, Deadline, Error};

use crate::failure::{Failure, Request};
use crate::output;
use crate::remote::{Address, Login, Remote, RemoteArgs};
use crate::twofactor::TwoFactor;

const CALL_SECONDS: u64 = 60;

const EXAMPLES: &str = "\
Locked out? As root, on a console:
  midclt call auth.twofactor.update '{ \"enabled\":false }'
  midclt call auth.twofactor.update enabled=false        easier to type

Examples:
  midclt call auth.twofactor.config
  midclt call auth.twofactor.verify 123456
  midclt 2fa qr
  midclt methods

Where middlewared does not answer root within 3 s, what a recovery needs is
done without it (turning off, bypass, unlock, recovery codes, status), by
middlewared once; where it cannot be stored, until the next reboot.

MIDDLEWARED_SOCKET and CALL_TIMEOUT in the environment stand for -u and -t.
The socket is /run/middleware/middlewared.sock where nothing else is said.";

const CALL_EXAMPLES: &str = "\
Each ARG is JSON, or text where it is no JSON. Where a method takes one object,
it may be typed in easier ways; these all turn two-factor authentication off:
  midclt call auth.twofactor.update '{\"enabled\": false}'
  midclt call auth.twofactor.update '<\"enabled\": false>'   no braces to be found
  midclt call auth.twofactor.update enabled=false          no quotes either
and services.ssh=true is '{\"services\": {\"ssh\": true}}'. A word in JSON quotes is
always text: '\"enabled=false\"'.

True, False and text are printed as they are, all else as JSON on one line.
Exit status: 0 done, 1 the call failed, 2 wrong usage.";

/// Talks to middlewared, the daemon that owns this machine's second factor.
#[derive(Debug, Parser)]
#[command(name = "midclt", bin_name = "midclt", version = env!("MIDDLEWARED_VERSION"), after_help = EXAMPLES)]
#[command(
    disable_help_subcommand = true,
    infer_long_args = true,
    subcommand_value_name = "COMMAND"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The options that say how to reach the daemon.
#[derive(Debug, Args)]
pub(crate) struct ConnectionArgs {
    /// The daemon's socket, as a path or a ws+unix URI
    #[arg(short, long, global = true, value_name = "SOCKET", value_parser = place)]
    #[arg(env = "MIDDLEWARED_SOCKET", hide_env = true)]
    #[arg(default_value = client::DEFAULT_SOCKET, hide_default_value = true)]
    uri: Place,
    /// Give up after this many seconds; 0 means 60
    #[arg(
        short,
        long,
        value_name = "SECONDS",
        env = "CALL_TIMEOUT",
        hide_env = true
    )]
    timeout: Option<u64>,
    /// Say nothing on stderr of what was done or refused
    #[arg(short, long, global = true)]
    quiet: bool,
}

/// Where the daemon is.
#[derive(Debug, Clone)]
enum Place {
    Socket(PathBuf),
    Machine(Address),
}

/// What is left of the connection options once they are checked.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// The socket; of another machine its URI, for people.
    pub(crate) socket: PathBuf,
    pub(crate) remote: Option<Rc<Remote>>,
    pub(crate) quiet: bool,
    timeout: Option<u64>,
    /// The daemon was asked once, and did not answer: then it is not waited for again.
    pub(crate) was_in_vain: Cell<bool>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Call(CallArgs),
    Ping(PingArgs),
    Subscribe(SubscribeArgs),
    Waitready(WaitreadyArgs),
    Methods(MethodsArgs),
    #[command(name = "2fa", subcommand)]
    TwoFactor(TwoFactor),
    Completion(CompletionArgs),
}

/// Call a method and print its result
#[derive(Debug, Args)]
#[command(after_help = CALL_EXAMPLES)]
pub(crate) struct CallArgs {
    /// The method, such as auth.twofactor.config; see midclt methods
    #[arg(value_name = "METHOD", index = 1)]
    pub(crate) method: String,
    /// Its arguments; - reads one from standard input
    #[arg(value_name = "ARG", index = 2, allow_negative_numbers = true)]
    pub(crate) words: Vec<String>,
    /// Give up after this many seconds; 0 means 60
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
    /// For old scripts: every call waits for its result
    #[arg(short, long)]
    job: bool,
    /// Accepted for old scripts, as -jp too
    #[arg(long, value_name = "HOW", hide = true)]
    job_print: Option<JobPrint>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum JobPrint {
    Progressbar,
    Description,
}

/// Ask whether the daemon answers; prints pong
#[derive(Debug, Args)]
pub(crate) struct PingArgs {
    /// Give up after this many seconds [default: 10]
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

/// Print events as they come, one JSON object on each line
#[derive(Debug, Args)]
pub(crate) struct SubscribeArgs {
    /// The event, such as auth.twofactor.config, or '*' for all
    #[arg(value_name = "EVENT")]
    pub(crate) event: String,
    /// Stop after this many events
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) number: Option<u64>,
    /// Stop after this many seconds, with exit status 1
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

/// Wait until the daemon answers
#[derive(Debug, Args)]
pub(crate) struct WaitreadyArgs {
    /// Give up after this many seconds [default: 60]
    #[arg(short, long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,
}

/// List the running daemon's methods, each with one line about it
#[derive(Debug, Args)]
pub(crate) struct MethodsArgs {
    /// Only names that start so, such as core or auth.twofactor
    #[arg(value_name = "PREFIX", default_value = "", hide_default_value = true)]
    pub(crate) prefix: String,
}

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  midclt completion bash > /usr/share/bash-completion/completions/midclt
  midclt completion zsh > /usr/local/share/zsh/site-functions/_midclt
  midclt completion fish > /usr/share/fish/vendor_completions.d/midclt.fish")]
pub(crate) struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: CompletionShell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CompletionShell {
    Bash,
    Zsh,
    Fish,
}

impl Connection {
    /// Puts together what the options say, as far as it makes sense.
    pub(crate) fn new(args: ConnectionArgs, remote: RemoteArgs) -> Result<Self, Failure> {
        let (socket, remote) = match args.uri {
            Place::Socket(socket) => {
                remote.refuse_login()?;
                (socket, None)
            }
            Place::Machine(address) => {
                let shown = address.uri().into();
                (shown, Some(Rc::new(remote.reach(address)?)))
            }
        };
        Ok(Self {
            socket,
            remote,
            quiet: args.quiet,
            timeout: args.timeout,
            was_in_vain: Cell::new(false),
        })
    }

    /// Connects and signs in, if that is on another machine: what went wrong there has its own words.
    pub(crate) fn begin(&self, login: Login, request: &Request<'_>) -> Result<(), Failure> {
        let limit = Duration::from_secs(request.seconds);
        match &self.remote {
            Some(remote) => remote.begin(login, (request, limit)),
            None => Ok(()),
        }
    }

    /// The connection to the daemon. One to another machine is there once, after [`Connection::begin`].
    pub(crate) fn open(&self, deadline: Deadline) -> Result<Client, Error> {
        match &self.remote {
            Some(remote) => remote.take(deadline),
            None => Client::connect(&self.socket, deadline),
        }
    }

    /// A request, for when it fails.
    pub(crate) fn request<'a>(&'a self, command: &'a str, limit: Duration) -> Request<'a> {
        Request {
            command,
            socket: &self.socket,
            is_remote: self.remote.is_some(),
            seconds: limit.as_secs(),
            quiet: self.quiet,
        }
    }

    /// The time for one call: the option nearest to it, else the global one, else `default_seconds`.
    pub(crate) fn time_limit(&self, own: Option<u64>, default_seconds: u64) -> Duration {
        let seconds = own.or(self.timeout).filter(|&seconds| seconds != 0);
        Duration::from_secs(seconds.unwrap_or(default_seconds))
    }

    /// A line on stderr about something that was done; `-q` keeps it away.
    pub(crate) fn remark(&self, line: &str) {
        if !self.quiet {
            output::note(line);
        }
    }

    /// The time for an ordinary call.
    /// The same connection, with calls that take so many seconds at most.
    pub(crate) fn within(&self, seconds: u64) -> Self {
        Self {
            timeout: Some(seconds),
            ..self.clone()
        }
    }

    pub(crate) fn call_limit(&self, own: Option<u64>) -> Duration {
        self.time_limit(own, CALL_SECONDS)
    }
}

fn place(uri: &str) -> Result<Place, String> {
    let path = match uri.split_once("://") {
        Some(("ws+unix" | "unix", path)) => path,
        Some(("wss", rest)) => return Address::parse(rest).map(Place::Machine),
        Some(("ws", _)) => {
            let why = "without TLS everybody on the way could read it: wss://HOST/api/current";
            return Err(why.into());
        }
        Some(_) => return Err("a socket, ws+unix://PATH, or wss://HOST/api/current".into()),
        None => uri,
    };
    if path.is_empty() {
        return Err("the path of the socket is missing".into());
    }
    Ok(Place::Socket(path.into()))
}

/// What clap has to say: help and version are no failure, the rest is wrong usage.
pub(crate) fn usage_failure(error: &clap::Error) -> Failure {
    let exit = u8::try_from(error.exit_code()).unwrap_or(2);
    // To stdout or stderr, as clap decides; a closed one leaves nothing to do.
    let _ = error.print();
    let word = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(word)) if word.contains('.') => Some(word),
        _ => None,
    };
    let lines = word.map(|method| format!("midclt: to call a method: midclt call {method}"));
    Failure {
        lines: lines.into_iter().collect(),
        exit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, FromArgMatches};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sockets() {
        let check = |uri: &str, expected: Result<&str, &str>| {
            let found = match place(uri) {
                Ok(Place::Socket(path)) => Ok(path.display().to_string()),
                Ok(Place::Machine(address)) => Ok(address.uri()),
                Err(why) => Err(why),
            };
            let found = found.as_ref().map(String::as_str);
            assert_eq!(found.map_err(String::as_str), expected, "{uri}");
        };
        check("/run/x.sock", Ok("/run/x.sock"));
        check("x.sock", Ok("x.sock"));
        check("ws+unix:///run/x.sock", Ok("/run/x.sock"));
        check("unix:///run/x.sock", Ok("/run/x.sock"));
        let plain = "without TLS everybody on the way could read it: wss://HOST/api/current";
        check("ws://nas/websocket", Err(plain));
        check("wss://nas:8443", Ok("wss://nas:8443/api/current"));
        let neither = "a socket, ws+unix://PATH, or wss://HOST/api/current";
        check("https://nas/api/current", Err(neither));
        check("ws+unix://", Err("the path of the socket is missing"));
        check("", Err("the path of the socket is missing"));
    }

    #[test]
    fn time_limits() {
        let check = |line: &str, seconds: u64| {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            let remote = RemoteArgs::augment_args(Cli::command());
            let remote = remote.get_matches_from(["midclt"]);
            let remote = RemoteArgs::from_arg_matches(&remote).unwrap();
            let connection = Connection::new(cli.connection, remote).unwrap();
            let Some(Command::Call(args)) = cli.command else {
                panic!("{line}")
            };
            assert_eq!(
                connection.call_limit(args.timeout).as_secs(),
                seconds,
                "{line}"
            );
        };
        check("midclt call a.b", 60);
        check("midclt -t 0 call a.b", 60);
        check("midclt -t 5 call a.b", 5);
        check("midclt --time 5 call a.b", 5);
        check("midclt call -t 7 a.b", 7);
        check("midclt -t 5 call a.b 1 -t 7", 7);
    }

    #[test]
    fn words_and_options_in_any_place() {
        let check = |line: &str, quiet: bool, words: &[&str]| {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            let Some(Command::Call(args)) = cli.command else {
                panic!("{line}")
            };
            assert_eq!(args.words, words, "{line}");
            assert_eq!(cli.connection.quiet, quiet, "{line}");
        };
        check("midclt call a.b", false, &[]);
        check("midclt -q call a.b 1", true, &["1"]);
        check("midclt call -q a.b 1", true, &["1"]);
        check("midclt call a.b 1 -q", true, &["1"]);
        check(
            "midclt call -u /x -j a.b -1 -1.5 -",
            false,
            &["-1", "-1.5", "-"],
        );
        check("midclt call a.b -- -q --x", false, &["-q", "--x"]);
    }
}
