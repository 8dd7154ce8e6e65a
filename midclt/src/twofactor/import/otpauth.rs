//! Lines of `otpauth://totp/…` URIs, as authenticators and password stores export them (the Key URI
//! Format of Google Authenticator).

use super::{Found, Known};

pub(super) fn parse(text: &str) -> Found {
    let mut found = Found::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match uri(line) {
            Ok(known) => found.known.push(known),
            Err(why) => found.left_out.push((number, why)),
        }
    }
    found
}

fn uri(line: &str) -> Result<Known, &'static str> {
    let (scheme, rest) = line.split_once("://").ok_or("it is no otpauth:// URI")?;
    let (kind, rest) = rest.split_once('/').ok_or("it is no otpauth:// URI")?;
    if !scheme.eq_ignore_ascii_case("otpauth") {
        return Err("it is no otpauth:// URI");
    }
    if !kind.eq_ignore_ascii_case("totp") {
        return Err("it counts logins (HOTP); only codes of a time are supported");
    }
    let (label, query) = rest.split_once('?').ok_or("it has no secret")?;
    let mut known = Known {
        user: user(&decoded(label)),
        ..Known::default()
    };
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        let number = || value.parse().map_err(|_| "its number cannot be read");
        match key.to_ascii_lowercase().as_str() {
            "secret" => known.secret = value,
            "algorithm" => known.algorithm = Some(value.to_ascii_uppercase().replace('-', "")),
            "digits" => known.otp_digits = Some(number()?),
            "period" => known.interval = Some(number()?),
            _ => {}
        }
    }
    if known.secret.is_empty() {
        return Err("it has no secret");
    }
    Ok(known)
}

/// `Issuer:alice@host` is alice's.
fn user(label: &str) -> Option<String> {
    let name = label.rsplit_once(':').map_or(label, |(_, name)| name);
    let name = name.split_once('@').map_or(name, |(name, _)| name).trim();
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

/// Percent-encoding undone, RFC 3986 §2.1. What is no encoding stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let encoded = (*first == b'%').then(|| tail.split_at_checked(2)).flatten();
        let byte = encoded.and_then(|(hex, after)| {
            let hex = std::str::from_utf8(hex).ok()?;
            Some((u8::from_str_radix(hex, 16).ok()?, after))
        });
        let (byte, after) = byte.unwrap_or((*first, tail));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        for (line, user, looks) in [
            (
                "otpauth://totp/middlewared:alice-host%40Linux?secret=GEZDGNBV&issuer=middlewared",
                Some("alice-host"),
                (None, None, None),
            ),
            (
                "otpauth://totp/Big%20Corp%3Abob@example.org?period=60&digits=8&algorithm=SHA-256&secret=GEZDGNBV",
                Some("bob"),
                (Some("SHA256"), Some(8), Some(60)),
            ),
            (
                "OTPAUTH://TOTP/carol?SECRET=GEZDGNBV",
                Some("carol"),
                (None, None, None),
            ),
            ("otpauth://totp/?secret=GEZDGNBV", None, (None, None, None)),
        ] {
            let known = uri(line).unwrap();
            assert_eq!(
                (known.user.as_deref(), known.secret.as_str()),
                (user, "GEZDGNBV"),
                "{line}"
            );
            let found = (known.algorithm.as_deref(), known.otp_digits, known.interval);
            assert_eq!(found, looks, "{line}");
        }
    }

    #[test]
    fn what_is_left_out() {
        let text = "# exported\n\nhttps://example.org/?secret=A\notpauth://hotp/x?secret=A\n\
            otpauth://totp/x\notpauth://totp/x?issuer=y\notpauth://totp/x?secret=A&digits=six\n";
        let found = parse(text);
        assert!(found.known.is_empty());
        let lines: Vec<_> = found.left_out.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7]);
    }

    #[test]
    fn escapes() {
        for (text, expected) in [
            ("a%20b", "a b"),
            ("%C3%BC", "\u{fc}"),
            ("100%", "100%"),
            ("%zz", "%zz"),
        ] {
            assert_eq!(decoded(text), expected);
        }
    }
}
