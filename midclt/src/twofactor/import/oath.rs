//! The users file of `pam_oath`: `TYPE USER PIN SECRET`, the secret in hexadecimal, and what the module
//! remembers of the last login (liboath's usersfile.c). What it remembers is not needed: the daemon
//! refuses every code of the time before the import.

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};

use super::{Found, Known};

pub(super) fn parse(text: &str) -> Found {
    let mut found = Found::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match row(line) {
            Ok(known) => found.known.push(known),
            Err(why) => found.left_out.push((number, why)),
        }
    }
    found
}

fn row(line: &str) -> Result<Known, &'static str> {
    let mut columns = line.split_whitespace();
    let mut column = || columns.next();
    let (Some(kind), Some(user), Some(_pin), Some(secret)) =
        (column(), column(), column(), column())
    else {
        return Err("it has fewer than four columns");
    };
    let (interval, otp_digits) = looks(kind)?;
    let secret = HEXLOWER_PERMISSIVE
        .decode(secret.as_bytes())
        .map_err(|_| "its secret is not hexadecimal")?;
    Ok(Known {
        user: Some(user.to_owned()),
        secret: BASE32_NOPAD.encode(&secret),
        algorithm: None,
        otp_digits: Some(otp_digits),
        interval: Some(interval),
    })
}

/// `HOTP/T30`, `HOTP/T60/8`; without a time it is of the kind that counts logins.
fn looks(kind: &str) -> Result<(u32, u32), &'static str> {
    const UNKNOWN: &str = "its type is not known";
    let mut parts = kind.split('/');
    if parts.next() != Some("HOTP") {
        return Err(UNKNOWN);
    }
    let interval = parts.next().and_then(|part| part.strip_prefix('T'));
    let Some(interval) = interval else {
        return Err("it counts logins (HOTP); only codes of a time are supported");
    };
    let digits = parts.next().unwrap_or("6");
    match (interval.parse(), digits.parse(), parts.next()) {
        (Ok(interval), Ok(digits), None) => Ok((interval, digits)),
        _ => Err(UNKNOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows() {
        let text = "# users of this machine\n\
            HOTP/T30/6\talice\t-\t3132333435363738393031323334353637383930\n\
            HOTP/T60/8 bob + 3132333435363738393031323334353637383930 0 94287082 2026-11-24T10:00:00L\n\
            HOTP/T30 carol - 4A4B4c4d4e4f50515253\n\
            HOTP/E/6 dave - 3132333435363738393031323334353637383930 7\n\
            HOTP erin - 3132333435363738393031323334353637383930\n\
            HOTP/T30 frank -\n\
            HOTP/T30 grace - xyz\n\
            TOTP henry - 00\n";
        let found = parse(text);
        let shown: Vec<_> = found
            .known
            .iter()
            .map(|known| {
                let looks = (known.interval.unwrap(), known.otp_digits.unwrap());
                (known.user.as_deref().unwrap(), known.secret.as_str(), looks)
            })
            .collect();
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(
            shown,
            [
                ("alice", secret, (30, 6)),
                ("bob", secret, (60, 8)),
                ("carol", "JJFUYTKOJ5IFCUST", (30, 6)),
            ]
        );
        let left_out: Vec<_> = found.left_out.iter().map(|(line, _)| *line).collect();
        assert_eq!(left_out, [5, 6, 7, 8, 9]);
    }
}
