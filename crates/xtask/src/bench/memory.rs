//! What a process holds in memory, as the kernel counts it.

use std::fs;

use anyhow::{Context, Result};

/// KiB, from `/proc/PID/smaps_rollup`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// Resident pages, shared ones counted whole.
    pub(super) rss: f64,
    /// Resident pages, shared ones counted by their share.
    pub(super) pss: f64,
}

/// Reads it for one process.
pub(super) fn of(pid: u32) -> Result<Memory> {
    let file = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
    let field = |name| field(&text, name).with_context(|| format!("{file} has no {name}"));
    Ok(Memory {
        rss: field("Rss:")?,
        pss: field("Pss:")?,
    })
}

fn field(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_has_memory() {
        let memory = super::of(std::process::id()).unwrap();
        assert!(memory.rss >= memory.pss && memory.pss > 0.0, "{memory:?}");
    }
}
