//! The time since boot, which no clock change moves, and which boot it is.

use std::path::Path;

use crate::{Error, files};

/// A moment of one boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// As the kernel names it.
    pub id: String,
    /// Seconds since then; suspended time counts.
    pub seconds: u64,
}

const ID: &str = "/proc/sys/kernel/random/boot_id";
const UPTIME: &str = "/proc/uptime";

impl Boot {
    /// Now, on the machine that this program runs on.
    ///
    /// # Errors
    /// There is no `/proc`.
    pub fn now() -> Result<Self, Error> {
        let text = |path: &'static str| {
            let text = files::read(Path::new(path))?;
            text.ok_or_else(|| Error::Refused(format!("there is no {path}")))
        };
        let uptime = text(UPTIME)?;
        let seconds = uptime.split('.').next().and_then(|text| text.parse().ok());
        Ok(Self {
            id: text(ID)?.trim().to_owned(),
            seconds: seconds.ok_or_else(|| Error::Refused(format!("{UPTIME} has no number")))?,
        })
    }
}
