//! A second opinion on codes: RFC 6238 from HMAC alone, sharing nothing with the product.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};

/// The hash functions of RFC 6238.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// What every authenticator app knows.
    Sha1,
    /// Honoured by some apps.
    Sha256,
    /// Honoured by some apps.
    Sha512,
}

/// The code of a base32 secret at `unix_time`, zero-padded to `digits`.
///
/// `interval` is the time step in seconds. The secret is upper-case base32, with or
/// without `=` padding.
pub fn totp(
    secret: &str,
    digits: u32,
    interval: u64,
    unix_time: u64,
    algorithm: Algorithm,
) -> String {
    let key = BASE32_NOPAD
        .decode(secret.trim_end_matches('=').as_bytes())
        .expect("a base32 secret");
    hotp(&key, unix_time / interval, digits, algorithm)
}

/// RFC 4226 section 5.3.
fn hotp(key: &[u8], counter: u64, digits: u32, algorithm: Algorithm) -> String {
    let counter = counter.to_be_bytes();
    let mac = match algorithm {
        Algorithm::Sha1 => mac::<Hmac<sha1::Sha1>>(key, &counter),
        Algorithm::Sha256 => mac::<Hmac<sha2::Sha256>>(key, &counter),
        Algorithm::Sha512 => mac::<Hmac<sha2::Sha512>>(key, &counter),
    };
    let offset = usize::from(mac.last().expect("a hash is not empty") & 0x0f);
    let four = mac.get(offset..offset + 4).expect("20 bytes or more");
    let number = u32::from_be_bytes(four.try_into().expect("four bytes")) & 0x7fff_ffff;
    format!(
        "{:0width$}",
        number % 10_u32.pow(digits),
        width = digits as usize
    )
}

fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B: the ASCII keys, 8 digits, 30 seconds.
    #[test]
    fn rfc_6238_vectors() {
        let keys = [
            (Algorithm::Sha1, 20, ["94287082", "07081804", "65353130"]),
            (Algorithm::Sha256, 32, ["46119246", "68084774", "77737706"]),
            (Algorithm::Sha512, 64, ["90693936", "25091201", "47863826"]),
        ];
        for (algorithm, length, codes) in keys {
            let key: String = "1234567890".chars().cycle().take(length).collect();
            let secret = BASE32_NOPAD.encode(key.as_bytes());
            for (time, code) in [59, 1_111_111_109, 20_000_000_000].into_iter().zip(codes) {
                assert_eq!(totp(&secret, 8, 30, time, algorithm), code, "{algorithm:?}");
            }
        }
    }

    #[test]
    fn padding_is_ignored_and_zeroes_are_kept() {
        let secret = BASE32_NOPAD.encode(b"12345678901234567890");
        let padded = format!("{secret}====");
        let code = totp(&padded, 8, 30, 1_111_111_109, Algorithm::Sha1);
        assert_eq!(code, "07081804");
    }
}
