//! The log, on standard error, which is the journal's under systemd. Never holds a form, a cookie, a path
//! with its query, or what passes between a client and the daemon.

use std::env;
use std::fmt;
use std::panic;
use std::str::FromStr;

use anyhow::Context;
use serde::Deserialize;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{fmt as to_text, registry};

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

/// Starts the log.
///
/// # Errors
/// There is one already.
pub(crate) fn start(level: Level) -> anyhow::Result<()> {
    // Libraries below would show heads and frames: only what this program says is logged.
    let ours = Targets::new().with_target("web", level.0);
    let lines = to_text::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false);
    let lines = match env::var_os("JOURNAL_STREAM") {
        // The journal has the time already.
        Some(_) => lines.without_time().with_filter(ours).boxed(),
        None => lines.with_filter(ours).boxed(),
    };
    tracing::subscriber::set_global_default(registry().with(lines))
        .context("the log cannot be started")?;
    panic::set_hook(Box::new(|panic| {
        // The payload may hold anything, so only the place is told.
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(place, "a bug: one request was given up");
    }));
    Ok(())
}
