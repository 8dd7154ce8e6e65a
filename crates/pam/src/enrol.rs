//! A first device, set up at the login: the invite, the secret as a QR code, the first code.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroize;

use crate::ask::{self, Failure, Question};
use crate::door::Door;
use crate::qr;

/// How often the invite, and then the code, may be typed.
const TRIES: usize = 3;

const INVITE_PROMPT: &str = "Invite (Enter to skip): ";
const CODE_PROMPT: &str = "Verification code: ";

/// A pending device, with its secret, which is wiped when it goes.
#[derive(Deserialize)]
struct Device {
    id: i64,
    secret: String,
    provisioning_uri: String,
}

impl Drop for Device {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.provisioning_uri.zeroize();
    }
}

#[derive(Serialize)]
struct FirstCode<'a> {
    id: i64,
    token: &'a str,
}

/// Offers to set up a device; whether there is an active one then. Everything else leaves the login as
/// it was.
pub(crate) fn at(door: &Door<'_>) -> bool {
    invited(door).is_some_and(|device| {
        show(door, &device);
        confirmed(door, &device)
    })
}

/// Asks for the invite until it is right, or left out.
fn invited(door: &Door<'_>) -> Option<Device> {
    for _ in 0..TRIES {
        let typed = door.conversation.prompt(INVITE_PROMPT).ok()?;
        if typed.is_blank() {
            return None;
        }
        let question = Question::with_invite(door.login, typed.text()?.trim());
        match ask::call(door.options, "auth.twofactor.device.enrol", &question) {
            Ok(device) => return Some(device),
            Err(failure) => refused(door, &failure)?,
        }
    }
    None
}

/// The QR code, and the secret for whoever cannot scan it.
fn show(door: &Door<'_>, device: &Device) {
    let tell = |text: &str| door.conversation.tell(text);
    tell("Scan this with your authenticator app:");
    for line in qr::lines(&device.provisioning_uri) {
        tell(&line);
    }
    tell(&format!("or type this key: {}", grouped(&device.secret)));
}

/// Asks for the first code until it is right.
fn confirmed(door: &Door<'_>, device: &Device) -> bool {
    for _ in 0..TRIES {
        let Ok(typed) = door.conversation.prompt(CODE_PROMPT) else {
            return false;
        };
        let Some(token) = typed.text().filter(|_| !typed.is_blank()) else {
            continue;
        };
        let first = FirstCode {
            id: device.id,
            token,
        };
        let confirmed: Result<Box<RawValue>, Failure> =
            ask::call(door.options, "auth.twofactor.device.confirm", &first);
        match confirmed {
            Ok(_) => {
                door.conversation.tell("Your second factor is set up");
                return true;
            }
            Err(failure) => {
                if refused(door, &failure).is_none() {
                    return false;
                }
            }
        }
    }
    false
}

/// Shows why the daemon refused; `None` where it has not answered, and there is nothing to try again.
fn refused(door: &Door<'_>, failure: &Failure) -> Option<()> {
    match failure {
        Failure::Refused(error) => {
            let words = error.violations();
            let message = words
                .first()
                .map_or_else(|| error.reason(), |word| word.message);
            door.complain(message);
            Some(())
        }
        Failure::Silent(silence) => {
            door.log(libc::LOG_ERR, &format!("no device was set up: {silence}"));
            None
        }
    }
}

/// Groups of four are what people can copy.
fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = letters
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_in_groups_of_four() {
        let cases = [
            ("", ""),
            ("ABCD", "ABCD"),
            ("ABCDE", "ABCD E"),
            ("ABCDEFGH", "ABCD EFGH"),
        ];
        for (secret, shown) in cases {
            assert_eq!(grouped(secret), shown);
        }
    }
}
