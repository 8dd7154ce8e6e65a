//! `midclt 2fa unlock`: forget the wrong codes of an account.

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::JsonArg;
use super::daemon::Daemon;
use crate::cli::Connection;
use crate::failure::Failure;
use crate::layout::count;

/// Forget an account's wrong codes, so that it need not wait
#[derive(Debug, Args)]
#[command(after_help = "\
It also lets codes count again that a clock once set ahead has used up,
where the clock is synchronised now. First look who has been guessing:
midclt 2fa log USER.

Examples:
  midclt 2fa unlock alice")]
pub(crate) struct UnlockArgs {
    /// Which account
    #[arg(value_name = "USER")]
    user: String,
    #[command(flatten)]
    json: JsonArg,
}

#[derive(Debug, Deserialize)]
struct Unlocked {
    failures_forgiven: u64,
    floors_reset: u64,
    clock_synchronised: bool,
}

/// Unlocks one account.
pub(super) fn run(connection: &Connection, args: &UnlockArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa unlock");
    let answer = daemon.call("auth.twofactor.unlock", &[json!(args.user)])?;
    let text = |unlocked: Unlocked| unlocked.text(&args.user);
    args.json.form().print(&answer, text)
}

impl Unlocked {
    fn text(&self, user: &str) -> String {
        let mut text = match self.failures_forgiven {
            0 => format!("{user} had no wrong codes.\n"),
            failures => {
                let codes = count(failures, "wrong code");
                format!("{user} need not wait any more: {codes} forgotten.\n")
            }
        };
        if self.floors_reset > 0 {
            let devices = count(self.floors_reset, "device");
            text.push_str("The clock had been ahead: codes count again of ");
            text.push_str(&devices);
            text.push_str(".\n");
        }
        if !self.clock_synchronised {
            text.push_str(
                "If right codes are refused: the clock is not synchronised, and codes that a\n\
                 clock set ahead has used up stay so. Once it is (timedatectl): the same command\n\
                 again.\n",
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_did() {
        let check = |failures_forgiven, floors_reset, clock_synchronised, expected: &str| {
            let unlocked = Unlocked {
                failures_forgiven,
                floors_reset,
                clock_synchronised,
            };
            assert_eq!(unlocked.text("bob"), expected);
        };
        let first = "bob need not wait any more: 12 wrong codes forgotten.\n";
        check(12, 0, true, first);
        check(0, 0, true, "bob had no wrong codes.\n");
        check(
            12,
            1,
            true,
            &format!("{first}The clock had been ahead: codes count again of 1 device.\n"),
        );
        check(
            12,
            0,
            false,
            &format!(
                "{first}If right codes are refused: the clock is not synchronised, and codes that \
                 a\nclock set ahead has used up stay so. Once it is (timedatectl): the same command\n\
                 again.\n"
            ),
        );
    }
}
