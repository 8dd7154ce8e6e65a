//! `midclt 2fa doctor USER`: why a code is refused.

use serde::Deserialize;
use serde_json::json;

use super::DoctorArgs;
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::wrap;
use crate::twofactor::daemon::{Daemon, read};
use crate::twofactor::talk;

#[derive(Debug, Deserialize)]
struct Explained {
    meaning: String,
    message: String,
}

/// Something to look at.
const SOMETHING: u8 = 3;

/// Asks for the code where it was not given, and says what it is.
pub(super) fn explain(
    connection: &Connection,
    user: &str,
    args: &DoctorArgs,
) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa doctor");
    let code = match &args.code {
        Some(code) => code.clone(),
        None if talk::can_ask() => {
            daemon.check_user(user)?;
            talk::text("Type the code that the phone shows now: ")?
        }
        None => {
            return Err(Failure::usage(
                "there is no terminal to ask for the code on: --code is missing",
            ));
        }
    };
    let method = "auth.twofactor.device.explain";
    let answer = daemon.call(method, &[json!(user), json!(code)])?;
    let explained: Explained = read(&answer)?;
    let text = wrap(&format!("{}.", explained.message), 80).join("\n") + "\n";
    args.json.form().print(&answer, |_: Explained| text)?;
    if explained.meaning == "RIGHT" {
        return Ok(());
    }
    Err(Failure {
        lines: Vec::new(),
        exit: SOMETHING,
    })
}
