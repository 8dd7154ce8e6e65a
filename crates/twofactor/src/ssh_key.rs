//! A key that an SSH client has proven, as sshd names it (`ExposeAuthInfo` of `sshd_config(5)`).

use std::fmt;

use data_encoding::{BASE64, BASE64_NOPAD};
use sha2::{Digest, Sha256};

/// Kinds of keys in hardware, and their certificates (PROTOCOL.u2f of OpenSSH).
const IN_HARDWARE: [&str; 4] = [
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
];

/// More than the longest key that sshd takes, in base64.
const LONGEST: usize = 16 * 1024;

/// A proven key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey {
    kind: String,
    fingerprint: Fingerprint,
}

impl SshKey {
    /// Reads `KIND BASE64`, perhaps with a comment, as in `authorized_keys`. The key itself must be of
    /// that kind too (RFC 4253 §6.6).
    #[must_use]
    pub fn parse(line: &str) -> Option<SshKey> {
        let mut words = line.split_ascii_whitespace();
        let (kind, encoded) = (words.next()?, words.next()?);
        if encoded.len() > LONGEST {
            return None;
        }
        let blob = BASE64.decode(encoded.as_bytes()).ok()?;
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        (rest.get(..length)? == kind.as_bytes()).then(|| SshKey {
            kind: kind.to_owned(),
            fingerprint: Fingerprint(Sha256::digest(&blob).into()),
        })
    }

    /// Its fingerprint. That of a certificate is its own, not that of the key in it which
    /// `ssh-keygen -l` prints.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether it is kept in hardware that somebody has to touch.
    #[must_use]
    pub fn is_in_hardware(&self) -> bool {
        IN_HARDWARE.contains(&self.kind.as_str())
    }
}

/// The fingerprint of a key: `SHA256:` and 43 characters, as `ssh-keygen -l` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    const PREFIX: &'static str = "SHA256:";

    /// Reads one, in the one form that there is of it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Fingerprint> {
        let encoded = text.strip_prefix(Fingerprint::PREFIX)?;
        let bytes = BASE64_NOPAD.decode(encoded.as_bytes()).ok()?;
        bytes.try_into().ok().map(Fingerprint)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = BASE64_NOPAD.encode(&self.0);
        write!(f, "{}{encoded}", Fingerprint::PREFIX)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, SshKey};

    // ssh-keygen -t ed25519, and what ssh-keygen -lf said of it.
    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICnbN8bYMrfZgPRrMSZk8s0WYJzLmYTUmXGJ7+5eYcs3 a comment";
    const ED25519_PRINT: &str = "SHA256:adetJ8nNPfiSWHJeh+vFAMRFBYAZEn3aQ+DoyLRbOqU";
    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDMvwZY5lOTkCgKsogRiYA/ICxo3Q1EdcP4t6Y5DmDPRw74kfdzfW8w5LlcA+b/itIpepPG/Zx7XLlILQsBWbhyKB6lYUm9jzk2IJ9GUUDhxjy1ilxhE1OcQqEl7aEV0kUE57mvvjQq+DJ0jPqpuVT7wBNQ6tWxBZZOXU+YA3Ns4HLiyrDKtCWUOYyLukvAeaTAqK4MlbSsAUcJATGRGstzQ3D4OOAM2OpXnA2ecHBuaH0j+6UEck+a6rhLXvhVW2K2IBJklP0SKmfBG6whvyyXmkMdGFfd9EUTKX98cirMkT58kkYi/jUlU0YT/ryMCdqFkC9ZbvNr2dzA+FVtFqGP";
    const RSA_PRINT: &str = "SHA256:g27mE9RFhSzNN9FtVnuWRSvM7+kpc5ByL6gkaAE2yBI";

    #[test]
    fn fingerprints_are_those_of_ssh_keygen() {
        for (line, print) in [(ED25519, ED25519_PRINT), (RSA, RSA_PRINT)] {
            let key = SshKey::parse(line).unwrap();
            assert_eq!(key.fingerprint().to_string(), print);
            assert_eq!(Fingerprint::parse(print), Some(key.fingerprint()));
            assert!(!key.is_in_hardware());
        }
    }

    #[test]
    fn what_is_no_key_has_no_fingerprint() {
        let blob = ED25519.split(' ').nth(1).unwrap();
        for line in [
            "",
            "x",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-ed25519 ////////",
            "ssh-ed25519 not*base64",
            // Of another kind than it says.
            &format!("sk-ssh-ed25519@openssh.com {blob}"),
            &format!("ssh-rsa {blob}"),
            &format!("ssh-ed25519 {}", "A".repeat(20_000)),
        ] {
            assert_eq!(SshKey::parse(line), None, "{line}");
        }
        for text in [
            "",
            "SHA256:",
            "MD5:16:27:ac:a5",
            &ED25519_PRINT[7..],
            &format!("{ED25519_PRINT}="),
            &ED25519_PRINT[..49],
        ] {
            assert_eq!(Fingerprint::parse(text), None, "{text}");
        }
    }

    /// A key of this kind, as a token that needs to be touched would make it.
    fn of_kind(kind: &str) -> SshKey {
        let mut blob = u32::try_from(kind.len()).unwrap().to_be_bytes().to_vec();
        blob.extend(kind.as_bytes());
        blob.extend([0, 0, 0, 1, 7]);
        SshKey::parse(&format!("{kind} {}", super::BASE64.encode(&blob))).unwrap()
    }

    #[test]
    fn keys_in_hardware_are_told_by_their_kind() {
        for (kind, is_in_hardware) in [
            ("sk-ssh-ed25519@openssh.com", true),
            ("sk-ssh-ed25519-cert-v01@openssh.com", true),
            ("sk-ecdsa-sha2-nistp256@openssh.com", true),
            ("sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", true),
            ("ssh-ed25519", false),
            ("ecdsa-sha2-nistp256", false),
            ("ssh-ed25519-cert-v01@openssh.com", false),
            ("sk-ssh-ed25519@example.org", false),
            ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", false),
        ] {
            assert_eq!(of_kind(kind).is_in_hardware(), is_in_hardware, "{kind}");
        }
    }
}
