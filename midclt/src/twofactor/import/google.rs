//! A `.google_authenticator` file: the secret in base32, options that begin with `" `, scratch codes of
//! eight digits (FILEFORMAT of google-authenticator-libpam).

use super::{Found, Known};

pub(super) fn parse(text: &str) -> Found {
    let mut found = Found::default();
    let mut lines = (1..).zip(text.lines().map(str::trim));
    let secret = lines.find(|(_, line)| !line.is_empty());
    let Some((_, secret)) = secret.filter(|(_, line)| is_secret(line)) else {
        found.left_out.push((1, "it is no secret in base32"));
        return found;
    };
    let mut known = Known {
        secret: secret.to_owned(),
        ..Known::default()
    };
    let (mut counts_logins, mut scratch_codes) = (false, 0);
    for (number, line) in lines {
        match option(line) {
            Some(("STEP_SIZE", value)) => match value.parse() {
                Ok(secs) => known.interval = Some(secs),
                Err(_) => found.left_out.push((number, "its number cannot be read")),
            },
            Some(("HOTP_COUNTER", _)) => counts_logins = true,
            Some(("WINDOW_SIZE" | "RATE_LIMIT", _)) => found.remarks.push(format!(
                "line {number} is not taken over: the window and the throttle are the machine's"
            )),
            // What was used, and when: no code of that time is good here.
            Some(_) => {}
            None if line.len() == 8 && line.bytes().all(|byte| byte.is_ascii_digit()) => {
                scratch_codes += 1;
            }
            None if line.is_empty() => {}
            None => found.left_out.push((number, "it is not known")),
        }
    }
    if counts_logins {
        let why = "it counts logins (HOTP); only codes of a time are supported";
        found.left_out.push((1, why));
        return found;
    }
    if scratch_codes > 0 {
        found.remarks.push(format!(
            "{scratch_codes} scratch codes are not taken over; new ones: midclt 2fa recovery USER"
        ));
    }
    found.known.push(known);
    found
}

/// `" STEP_SIZE 60`: the name and the rest.
fn option(line: &str) -> Option<(&str, &str)> {
    let option = line.strip_prefix("\" ")?.trim();
    Some(option.split_once(' ').unwrap_or((option, "")))
}

/// Whether a line can be the secret.
pub(super) fn is_secret(line: &str) -> bool {
    let is_base32 = |byte: u8| matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'2'..=b'7' | b'=');
    line.len() >= 16 && line.bytes().all(is_base32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n\
        \" RATE_LIMIT 3 30 1795508731\n\
        \" WINDOW_SIZE 17\n\
        \" STEP_SIZE 60\n\
        \" DISALLOW_REUSE 59850291\n\
        \" TOTP_AUTH\n\
        12345678\n\
        87654321\n";

    #[test]
    fn a_file() {
        let found = parse(FILE);
        assert_eq!(found.known.len(), 1);
        let known = &found.known[0];
        assert_eq!(known.secret, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
        assert_eq!((known.interval, &known.user), (Some(60), &None));
        assert!(found.left_out.is_empty(), "{:?}", found.left_out);
        let remarks = found.remarks.join("\n");
        assert!(remarks.contains("2 scratch codes"), "{remarks}");
        assert!(!remarks.contains("1234"), "{remarks}");
    }

    #[test]
    fn what_counts_logins_or_has_no_secret_is_left_out() {
        let counting = FILE.replace("TOTP_AUTH", "HOTP_COUNTER 5");
        for text in [counting.as_str(), "", "not a secret\n", "\" TOTP_AUTH\n"] {
            let found = parse(text);
            assert!(found.known.is_empty(), "{text}");
            assert_eq!(found.left_out.len(), 1, "{text}");
        }
    }
}
