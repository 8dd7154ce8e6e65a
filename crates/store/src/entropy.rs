//! Random bytes, from getrandom(2). The only place that reads them; elsewhere they are arguments.

use crate::StoreError;

/// `N` fresh random bytes.
///
/// # Errors
/// The kernel gave none, in which case nothing secret may be made.
pub fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    getrandom::fill(&mut bytes).map_err(|_| StoreError::NoRandomness)?;
    Ok(bytes)
}
