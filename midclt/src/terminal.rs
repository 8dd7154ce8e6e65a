//! What a terminal can show, and whether somebody sits at it.

use std::env;
use std::io::{IsTerminal, stderr, stdout};
use std::os::fd::AsFd;

use terminal_size::{Height, Width, terminal_size_of};

/// A size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// Where the result will be seen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Screen {
    /// A terminal; `colours` unless it says that it is dumb.
    Terminal { size: Size, colours: bool },
    /// A file or a pipe: no bounds, no colours.
    Elsewhere,
}

/// A serial line does not know its size; this is what everything can show.
const SMALLEST: Size = Size {
    columns: 80,
    rows: 24,
};

impl Screen {
    /// Looks at stdout.
    pub(crate) fn of_stdout() -> Self {
        Self::of(stdout())
    }

    /// Looks at stderr.
    pub(crate) fn of_stderr() -> Self {
        Self::of(stderr())
    }

    fn of(stream: impl IsTerminal + AsFd) -> Self {
        if !stream.is_terminal() {
            return Self::Elsewhere;
        }
        let size =
            terminal_size_of(stream).map_or(SMALLEST, |(Width(columns), Height(rows))| Size {
                columns: columns.into(),
                rows: rows.into(),
            });
        Self::Terminal {
            size,
            colours: env::var_os("TERM").is_some_and(|term| term != "dumb"),
        }
    }
}

/// Whether text is shown as UTF-8, from the variables that setlocale(3) reads, in its order.
pub(crate) fn is_utf8() -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(env::var_os);
    let locale = named
        .into_iter()
        .find(|value| !value.is_empty())
        .unwrap_or_default();
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
