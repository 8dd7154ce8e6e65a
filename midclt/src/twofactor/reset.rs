//! `midclt 2fa reset`: an account without any second factor, as if it never had one.

use clap::Args;
use serde_json::{Value, json};

use super::daemon::Daemon;
use super::talk::Consent;
use super::{JsonArg, YesArg};
use crate::cli::Connection;
use crate::failure::Failure;

/// Forget an account: its devices, recovery codes, bypasses and failures
#[derive(Debug, Args)]
#[command(after_help = "\
For an account that is gone, or a name that belongs to somebody else now.
For a lost phone: midclt 2fa device remove ID, and then
midclt 2fa device add USER.

Examples:
  midclt 2fa reset alice
  midclt 2fa reset alice --yes")]
pub(crate) struct ResetArgs {
    /// Which account
    #[arg(value_name = "USER")]
    user: String,
    #[command(flatten)]
    yes: YesArg,
    #[command(flatten)]
    json: JsonArg,
}

/// Forgets one account.
pub(super) fn run(connection: &Connection, args: &ResetArgs) -> Result<(), Failure> {
    let daemon = Daemon::new(connection, "2fa reset");
    let user = args.user.as_str();
    let what = format!(
        "This forgets all devices of {user}, the recovery codes, invites, bypasses,\n\
         exemptions and failures. There is no way back: the phone must be set up anew."
    );
    let consent = args.yes.consent()?;
    if consent == Consent::Asked {
        daemon.check_user(user)?;
    }
    consent.to(&what, "Forget it all?")?;
    let answer = daemon.call("user.unset_2fa_secret", &[json!(user)])?;
    args.json.form().print(&answer, |_: Value| {
        format!(
            "{user} has no second factor any more.\n\
             To set one up: midclt 2fa device add {user}\n"
        )
    })
}
