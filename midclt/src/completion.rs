//! `midclt completion`: scripts for the shells, with the method and event names of the contract.

use clap::builder::PossibleValuesParser;
use clap_complete::{Shell, generate};

use crate::cli::{CompletionArgs, CompletionShell};
use crate::contract::Contract;
use crate::failure::Failure;
use crate::output;

/// Prints the script for one shell.
pub(crate) fn run(args: &CompletionArgs) -> Result<(), Failure> {
    let shell = match args.shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
    };
    output::text(&script(shell))
}

/// The completion script of midclt for a shell.
#[must_use]
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut named(crate::command()), "midclt", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Fish {
        script + &for_fish()
    } else {
        script
    }
}

/// The names again for fish, whose generator leaves out the values of positional arguments.
fn for_fish() -> String {
    let contract = Contract::built_in();
    let line = |command: &str, name: &str| {
        format!(
            "complete -c midclt -n \"__fish_midclt_using_subcommand {command}\" -f -a \"{name}\"\n"
        )
    };
    let methods = contract
        .methods
        .iter()
        .map(|method| line("call", method.name));
    let events = contract
        .events
        .iter()
        .map(|event| line("subscribe", event.name));
    methods.chain(events).collect()
}

/// The command line with the known names as the values that may follow. Only for completion: a
/// newer daemon has methods that this midclt does not know, and calls them all the same.
fn named(command: clap::Command) -> clap::Command {
    let contract = Contract::built_in();
    let methods = contract.methods.into_iter().map(|method| method.name);
    // Not `*`: bash would expand it to file names.
    let events = contract
        .events
        .into_iter()
        .map(|event| event.name)
        .filter(|name| *name != "*");
    command
        .mut_subcommand("call", |call| {
            call.mut_arg("method", |method| {
                method.value_parser(PossibleValuesParser::new(methods))
            })
        })
        .mut_subcommand("subscribe", |subscribe| {
            subscribe.mut_arg("event", |event| {
                event.value_parser(PossibleValuesParser::new(events))
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_knows_the_methods() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            assert!(script.contains("auth.twofactor.update"), "{shell:?}");
            assert!(script.contains("waitready"), "{shell:?}");
        }
    }
}
