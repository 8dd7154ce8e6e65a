//! The log: the journal where there is one, else standard error. Never holds params, frames, secrets
//! or codes.

use std::env;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::panic;
use std::str::FromStr;

use anyhow::Context;
use api::Alert;
use serde::Deserialize;
use tracing::Metadata;
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::{Layer, Layered, SubscriberExt};
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::{Registry, fmt as to_text, registry};

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Level(LevelFilter);

impl Default for Level {
    fn default() -> Self {
        Self(LevelFilter::INFO)
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "error" | "warn" | "info" | "debug" | "trace" => name
                .parse()
                .map(Self)
                .map_err(|_| format!("{name} is no log level")),
            _ => Err(format!(
                "{name:?} is not one of error, warn, info, debug, trace"
            )),
        }
    }
}

impl TryFrom<String> for Level {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// What alerts are logged as.
const ALERT: &str = "middlewared::alert";

/// Tells the journal of an alert. The fields are named for `journalctl MESSAGE_ID=…` to find.
pub(crate) fn alert(alert: &Alert) {
    tracing::warn!(
        target: ALERT,
        message_id = alert.kind.message_id(),
        middlewared_alert = alert.kind.as_str(),
        middlewared_username = alert.username(),
        middlewared_source = alert.source.map(tracing::field::display),
        "{}",
        alert.message
    );
}

/// Changes the level of a running log.
pub(crate) struct Log(Handle<Targets, Registry>);

/// Alerts are logged at every level: mail or monitoring hangs on them.
fn targets(level: Level) -> Targets {
    Targets::new()
        .with_default(level.0)
        .with_target(ALERT, LevelFilter::WARN)
}

impl Log {
    /// Starts the log.
    ///
    /// # Errors
    /// There is one already.
    pub(crate) fn start(level: Level) -> anyhow::Result<Self> {
        Self::write_to(level, writer())
    }

    /// Starts the log of a short call: to the journal, if there is one. Standard error is for the person
    /// who made the call.
    ///
    /// # Errors
    /// There is no journal.
    pub(crate) fn to_the_journal() -> anyhow::Result<Self> {
        let journal = journal().context("there is no journal")?;
        Self::write_to(Level::default(), journal)
    }

    fn write_to(level: Level, writer: BoxedWriter<Filtered>) -> anyhow::Result<Self> {
        let (filter, handle) = reload::Layer::new(targets(level));
        let log = registry().with(filter).with(writer);
        tracing::subscriber::set_global_default(log).context("the log cannot be started")?;
        panic::set_hook(Box::new(|panic| {
            // The payload may hold anything, so only the place is told.
            let place = panic
                .location()
                .map(ToString::to_string)
                .unwrap_or_default();
            tracing::error!(
                place,
                "a bug: the call was given up and what it wrote undone"
            );
        }));
        Ok(Self(handle))
    }

    /// Changes how much is logged.
    pub(crate) fn set_level(&self, level: Level) {
        if self.0.modify(|filter| *filter = targets(level)).is_err() {
            tracing::warn!("the log level cannot be changed");
        }
    }
}

type BoxedWriter<S> = Box<dyn Layer<S> + Send + Sync>;

/// What the writers write to.
type Filtered = Layered<reload::Layer<Targets, Registry>, Registry>;

fn writer() -> BoxedWriter<Filtered> {
    let journal = stderr_is_the_journal().then(journal).flatten();
    journal.unwrap_or_else(|| {
        Box::new(
            to_text::layer()
                .with_writer(std::io::stderr)
                .with_target(false)
                .with_ansi(false),
        )
    })
}

fn journal() -> Option<BoxedWriter<Filtered>> {
    let (journal, alerts) = (tracing_journald::layer(), tracing_journald::layer());
    // With a prefix, MESSAGE_ID would be another field, which the journal knows nothing of.
    let is_alert = |of: &Metadata<'_>| of.target() == ALERT;
    let journal = journal.ok()?;
    let journal = journal.with_field_prefix(Some("MIDDLEWARED".to_owned()));
    let journal = journal.with_filter(filter_fn(move |of| !is_alert(of)));
    let alerts = alerts.ok()?.with_field_prefix(None);
    let alerts = alerts.with_filter(filter_fn(is_alert));
    Some(Box::new(journal.and_then(alerts)))
}

/// systemd.exec(5), `$JOURNAL_STREAM`: device and inode of the journal's end, to be compared, since
/// the variable is inherited also by those whose standard error is elsewhere.
fn stderr_is_the_journal() -> bool {
    let Some(stderr) = fs::metadata("/proc/self/fd/2").ok() else {
        return false;
    };
    env::var("JOURNAL_STREAM").is_ok_and(|is| is == format!("{}:{}", stderr.dev(), stderr.ino()))
}
