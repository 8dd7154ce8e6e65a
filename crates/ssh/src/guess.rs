//! A sign that is left where files were put back though nobody could say whether they were kept:
//! codes may have been wanted, and are not asked for. It stays until somebody decides.

use crate::finding::{Code, Finding};
use crate::{Error, Root, files};

const SIGN: &str = "/etc/ssh/middlewared-put-back";
/// Longer than any date.
const LONGEST: usize = 32;

/// Leaves it, with the time in words.
///
/// # Errors
/// It cannot be written.
pub fn note(root: &Root, at: &str) -> Result<(), Error> {
    files::write(&root.at(SIGN), &format!("{at}\n"))
}

/// Takes it away: somebody has decided.
pub(crate) fn forget(root: &Root) -> Result<(), Error> {
    files::remove(&root.at(SIGN))
}

/// What it says to whoever looks.
pub(crate) fn finding(root: &Root) -> Result<Option<Finding>, Error> {
    let Some(text) = files::read_lossy(&root.at(SIGN))? else {
        return Ok(None);
    };
    let is_time = |c: char| c.is_ascii_alphanumeric() || " -:".contains(c);
    let at: String = text.chars().filter(|c| is_time(*c)).take(LONGEST).collect();
    let text =
        format!("{at}: a trial was put back though middlewared could not say whether it was kept");
    let cure = "midclt 2fa ssh enable, or midclt 2fa ssh disable";
    Ok(Some(Finding::warning(Code::PutBack, text).cure(cure)))
}
