//! Random bytes, from getrandom(2): only for the salt and the nonce of an export, which midclt locks.
//! Secrets are made by the daemon.

use crate::failure::Failure;

/// `N` fresh random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    #[expect(
        clippy::disallowed_methods,
        reason = "midclt reads random bytes here and nowhere else; store::entropy belongs to the daemon"
    )]
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|_| Failure::told("midclt: the kernel gives no random bytes"))?;
    Ok(bytes)
}
