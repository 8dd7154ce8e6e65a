//! Random bytes from the kernel, for cookies and the key of form tokens.

use anyhow::anyhow;
use data_encoding::BASE64URL_NOPAD;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// 32 bytes: nobody guesses them.
///
/// # Errors
/// The kernel gives none.
pub(crate) fn bytes() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| anyhow!("the kernel gives no random bytes"))?;
    Ok(bytes)
}

/// The same as text for a cookie.
///
/// # Errors
/// As for [`bytes`].
pub(crate) fn text() -> anyhow::Result<Zeroizing<String>> {
    Ok(Zeroizing::new(BASE64URL_NOPAD.encode(&bytes()?)))
}
