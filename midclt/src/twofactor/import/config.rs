//! What `midclt call auth.twofactor.config` prints on TrueNAS 22.12: the one secret of that machine,
//! which is root's here.

use serde::Deserialize;

use super::{Found, Known};

#[derive(Deserialize)]
struct Config {
    secret: Option<String>,
    otp_digits: Option<u32>,
    interval: Option<u32>,
}

pub(super) fn parse(text: &str) -> Found {
    let mut found = Found::default();
    // serde's own words would show a part of the text.
    match serde_json::from_str(text) {
        Ok(Config {
            secret: Some(secret),
            otp_digits,
            interval,
        }) => found.known.push(Known {
            user: Some("root".to_owned()),
            secret,
            algorithm: None,
            otp_digits,
            interval,
        }),
        Ok(Config { secret: None, .. }) => found.left_out.push((1, "it has no secret")),
        Err(_) => found
            .left_out
            .push((1, "it is no answer of auth.twofactor.config")),
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let text = r#"{"id": 1, "enabled": true, "secret": "GEZDGNBVGY3TQOJQ", "window": 0,
            "otp_digits": 8, "interval": 30, "services": {"ssh": false}}"#;
        let known = &parse(text).known[0];
        assert_eq!(known.user.as_deref(), Some("root"));
        assert_eq!((known.otp_digits, known.interval), (Some(8), Some(30)));
        for wrong in ["{}", r#"{"secret": null}"#, "[1]", "{"] {
            let found = parse(wrong);
            assert!(
                found.known.is_empty() && found.left_out.len() == 1,
                "{wrong}"
            );
        }
    }
}
