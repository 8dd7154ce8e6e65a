//! `docs/api.json`: what the method table says of itself, for reviewers and for midclt.

use std::path::Path;

use anyhow::Result;

use crate::golden::{Mode, settle};

/// Writes or compares the contract.
pub(crate) fn run(root: &Path, mode: Mode) -> Result<()> {
    let text = format!("{:#}\n", api::contract());
    settle(mode, &root.join("docs/api.json"), &text, "contract")
}
