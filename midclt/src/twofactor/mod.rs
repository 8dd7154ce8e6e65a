//! `midclt 2fa`: two-factor authentication for people. A file for each family of commands.
//!
//! What was asked for goes to stdout, as text or with `--json` as the method's own result. The
//! conversation goes to stderr: what will be done, the questions, and the QR code that a question
//! is about. Without a terminal nothing is asked: the option that is missing is named instead.

mod bypass;
mod daemon;
mod device;
mod doctor;
mod enable;
mod enrol;
mod exempt;
mod export;
mod grace;
mod import;
mod invite;
mod kit;
mod log;
mod off;
mod passphrase;
mod permit;
mod policy;
mod qr;
mod recovery;
mod renew;
mod reset;
mod restore;
mod ssh;
mod status;
mod talk;
mod time;
mod unlock;
mod web;
mod wire;

use clap::{Args, Subcommand};

use self::daemon::Form;
use self::talk::Consent;
use crate::cli::Connection;
use crate::failure::Failure;

pub(crate) use self::off::remind as remind_of_off;
pub(crate) use self::talk::{can_ask, hidden};

/// Two-factor authentication, for people
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  midclt 2fa status                              how it stands
  midclt 2fa enable                              a phone, codes, then on
  midclt 2fa ssh enable                          codes at SSH logins
  midclt 2fa device add alice                    a device for somebody
  midclt 2fa bypass alice --reason 'phone lost'  in without a code, once
  midclt 2fa log alice                           what happened
  midclt 2fa disable                             off, for EVERYBODY

Without a terminal nothing is asked: say --yes, and a code with --code.
With --json each command prints its method's result; enable and disable
leave root's secret out. Times are UTC.")]
pub(crate) enum TwoFactor {
    Status(status::StatusArgs),
    Doctor(doctor::DoctorArgs),
    #[command(alias = "on")]
    Enable(enable::EnableArgs),
    #[command(alias = "off")]
    Disable(off::DisableArgs),
    Qr(qr::QrArgs),
    #[command(subcommand)]
    Device(device::Device),
    Renew(renew::RenewArgs),
    Recovery(recovery::RecoveryArgs),
    Invite(invite::InviteArgs),
    Kit(kit::KitArgs),
    Import(import::ImportArgs),
    Export(export::ExportArgs),
    Restore(restore::RestoreArgs),
    Bypass(bypass::BypassArgs),
    Exempt(exempt::ExemptArgs),
    Grace(grace::GraceArgs),
    Policy(policy::PolicyArgs),
    Unlock(unlock::UnlockArgs),
    Reset(reset::ResetArgs),
    Log(log::LogArgs),
    #[command(subcommand)]
    Ssh(ssh::Ssh),
    Web(web::WebArgs),
}

/// Runs one command of the family.
pub(crate) fn run(connection: &Connection, command: TwoFactor) -> Result<(), Failure> {
    match command {
        TwoFactor::Status(args) => status::run(connection, &args),
        TwoFactor::Doctor(args) => doctor::run(connection, &args),
        TwoFactor::Enable(args) => enable::run(connection, &args),
        TwoFactor::Disable(args) => off::run(connection, &args),
        TwoFactor::Qr(args) => qr::run(connection, &args),
        TwoFactor::Device(command) => device::run(connection, &command),
        TwoFactor::Renew(args) => renew::run(connection, &args),
        TwoFactor::Recovery(args) => recovery::run(connection, &args),
        TwoFactor::Import(args) => import::run(connection, &args),
        TwoFactor::Export(args) => export::run(connection, &args),
        TwoFactor::Restore(args) => restore::run(connection, &args),
        TwoFactor::Kit(args) => kit::run(connection, &args),
        TwoFactor::Invite(args) => invite::run(connection, &args),
        TwoFactor::Bypass(args) => bypass::run(connection, &args),
        TwoFactor::Exempt(args) => exempt::run(connection, &args),
        TwoFactor::Grace(args) => grace::run(connection, &args),
        TwoFactor::Policy(args) => policy::run(connection, &args),
        TwoFactor::Unlock(args) => unlock::run(connection, &args),
        TwoFactor::Reset(args) => reset::run(connection, &args),
        TwoFactor::Log(args) => log::run(connection, &args),
        TwoFactor::Ssh(command) => ssh::run(connection, &command),
        TwoFactor::Web(args) => web::run(&args),
    }
}

/// The option that every command has.
#[derive(Debug, Args)]
struct JsonArg {
    /// Print the method's result as JSON, on one line
    #[arg(long)]
    json: bool,
}

impl JsonArg {
    const fn form(&self) -> Form {
        if self.json { Form::Json } else { Form::Text }
    }
}

/// The option of commands that ask first.
#[derive(Debug, Args)]
struct YesArg {
    /// Do not ask: the answer is yes
    #[arg(short, long)]
    yes: bool,
}

impl YesArg {
    fn consent(&self) -> Result<Consent, Failure> {
        Consent::new(self.yes)
    }
}

/// Whose account is meant where nobody is named.
const ROOT: &str = "root";

#[cfg(test)]
mod tests {
    use clap::Command;

    /// Every command below this one, with its whole name.
    fn below(command: &Command) -> Vec<Command> {
        let each = command.get_subcommands();
        each.flat_map(|command| [vec![command.clone()], below(command)].concat())
            .collect()
    }

    /// Help on a terminal of 80 columns, its end also in a man page, which indents it by 7.
    #[test]
    fn help_fits_a_console() {
        let mut all = crate::command();
        all.build();
        let mut commands = below(all.find_subcommand("2fa").unwrap());
        assert!(commands.len() > 15);
        for command in &mut commands {
            let end = command.get_after_help().map(ToString::to_string);
            for line in end.unwrap_or_default().lines() {
                assert!(line.chars().count() <= 73, "{line}");
            }
            for line in command.render_help().to_string().lines() {
                // The synopsis may be broken anywhere.
                let is_usage = line.contains("midclt 2fa") && !line.starts_with("  midclt");
                assert!(is_usage || line.chars().count() <= 80, "{line}");
            }
        }
    }

    /// Each says how it is used; those that only group others are shown by these.
    #[test]
    fn help_has_examples() {
        let mut all = crate::command();
        all.build();
        for command in below(all.find_subcommand("2fa").unwrap()) {
            let end = command.get_after_help().map(ToString::to_string);
            let name = command.get_bin_name().unwrap_or_default().to_owned();
            let has_examples = end.is_some_and(|end| end.contains(&format!("\n  {name}")));
            assert!(has_examples || command.has_subcommands(), "{name}");
        }
    }
}
