//! `docs/man/`: pages from the same tables that parse the command lines and the calls.

mod config_file;
mod sections;
mod web_sections;

use std::path::Path;

use anyhow::{Context, Result};
use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use serde_json::Value;

use crate::golden::{Mode, settle};
use sections::Section;

/// Writes or compares the pages.
pub(crate) fn run(root: &Path, mode: Mode) -> Result<()> {
    let directory = root.join("docs/man");
    let mut command = midclt::command();
    // Gives each subcommand its whole name.
    command.build();
    let twofactor = command.find_subcommand("2fa").cloned();
    let client = Page {
        command,
        section: "1",
        methods: None,
        sections: sections::CLIENT,
        see_also: &["midclt-2fa(1)", "middlewared(8)"],
    };
    let twofactor = Page {
        command: twofactor.context("midclt has no command 2fa")?,
        section: "1",
        methods: None,
        sections: sections::TWO_FACTOR,
        see_also: &["midclt(1)", "middlewared(8)"],
    };
    let contract = api::contract();
    let daemon = Page {
        command: middlewared::command(),
        section: "8",
        methods: Some(&contract),
        sections: sections::DAEMON,
        see_also: &["midclt(1)", "middlewared.toml(5)", "systemd(1)"],
    };
    let web = Page {
        command: web::command(),
        section: "8",
        methods: None,
        sections: web_sections::WEB,
        see_also: &["midclt-2fa(1)", "middlewared(8)", "systemd.socket(5)"],
    };
    settle(mode, &directory.join("midclt.1"), &client.render()?, "man")?;
    settle(
        mode,
        &directory.join("midclt-2fa.1"),
        &twofactor.render()?,
        "man",
    )?;
    settle(
        mode,
        &directory.join("middlewared.8"),
        &daemon.render()?,
        "man",
    )?;
    settle(
        mode,
        &directory.join("middlewared-web.8"),
        &web.render()?,
        "man",
    )?;
    let file = config_file::render();
    settle(mode, &directory.join("middlewared.toml.5"), &file, "man")
}

/// Defines the string that the pages use for an apostrophe, for groff and for others.
const APOSTROPHE: &str = r".ie \n(.g .ds Aq \(aq
.el .ds Aq '
";

/// What a page is made of.
struct Page<'a> {
    command: Command,
    section: &'static str,
    /// The contract, where the page lists the methods that can be called.
    methods: Option<&'a Value>,
    sections: &'static [Section],
    see_also: &'static [&'static str],
}

impl Page<'_> {
    fn render(mut self) -> Result<String> {
        self.command.build();
        let commands: Vec<Command> = subcommands(&self.command).collect();
        let version = env!("CARGO_PKG_VERSION");
        // "midclt 2fa" is a part of midclt.
        let name = self
            .command
            .get_bin_name()
            .unwrap_or(self.command.get_name());
        let program = name.split(' ').next().unwrap_or(name);
        let source = format!("{program} {version}");
        let man = Man::new(self.command.clone())
            .section(self.section)
            .source(source);
        let mut head = Vec::new();
        man.render_title(&mut head)?;
        man.render_name_section(&mut head)?;
        let mut body = Vec::new();
        man.render_description_section(&mut body)?;
        man.render_options_section(&mut body)?;
        let mut text = format!("{APOSTROPHE}{}", lines(&head, |_| true)?);
        text.push_str(".SH SYNOPSIS\n");
        text.push_str(&synopsis(&self.command)?);
        text.push_str(&lines(&body, |_| true)?);
        if !commands.is_empty() {
            text.push_str(".SH COMMANDS\n");
        }
        for command in &commands {
            text.push_str(&subcommand(command)?);
        }
        let sections = sections::render(self.sections);
        text.push_str(&lines(sections.as_bytes(), |_| true)?);
        text.push_str(&notes(&self.command)?);
        if let Some(contract) = self.methods {
            text.push_str(&lines(methods(contract)?.as_bytes(), |_| true)?);
        }
        text.push_str(".SH \"SEE ALSO\"\n");
        text.push_str(&self.see_also.join(", "));
        text.push('\n');
        Ok(text)
    }
}

/// Commands whose own commands have a page of their own.
const APART: [&str; 1] = ["midclt 2fa"];

/// All visible commands below this one, each before its own.
fn subcommands(command: &Command) -> Box<dyn Iterator<Item = Command> + '_> {
    let visible = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set() && below.get_name() != "help");
    Box::new(visible.flat_map(|below| {
        let is_apart = below
            .get_bin_name()
            .is_some_and(|name| APART.contains(&name));
        let own = (!is_apart).then(|| subcommands(below));
        std::iter::once(below.clone()).chain(own.into_iter().flatten())
    }))
}

/// A subsection: how to call it, what it does, its options, and its help's end.
fn subcommand(command: &Command) -> Result<String> {
    // The page's own options are not repeated under each command.
    let own = command.clone().mut_args(|argument| {
        let is_repeated = argument.is_global_set() || argument.get_id() == "help";
        let is_hidden = argument.is_hide_set();
        argument.hide(is_repeated || is_hidden)
    });
    let name = own.get_bin_name().unwrap_or(own.get_name()).to_owned();
    let end = if APART.contains(&name.as_str()) {
        format!("See {}(1).\n", name.replace(' ', "\\-"))
    } else {
        end_of_help(command)?
    };
    let synopsis = synopsis(&own)?;
    let man = Man::new(own);
    let mut body = Vec::new();
    man.render_description_section(&mut body)?;
    man.render_options_section(&mut body)?;
    let text = lines(&body, is_text)?;
    Ok(format!(".SS \"{name}\"\n{synopsis}.PP\n{text}{end}"))
}

/// How to call a command: as its help says where it says so itself, else its options with their
/// values, which `clap_mangen` leaves out, and its arguments.
fn synopsis(command: &Command) -> Result<String> {
    if command.get_overridden_usage().is_some() {
        let mut body = Vec::new();
        Man::new(command.clone()).render_synopsis_section(&mut body)?;
        return lines(&body, is_text);
    }
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let mut line = vec![bold(name)];
    let (arguments, options): (Vec<_>, Vec<_>) = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
        .partition(|argument| argument.is_positional());
    for argument in options.into_iter().chain(arguments) {
        let is_required = argument.is_required_set();
        let (start, end) = if is_required { (" ", "") } else { (" [", "]") };
        line.push(roman(start));
        line.extend(usage(argument));
        line.push(roman(end));
    }
    if command.has_subcommands() {
        let is_required = command.is_subcommand_required_set();
        let (start, end) = if is_required { (" ", "") } else { (" [", "]") };
        line.extend([roman(start), italic("COMMAND"), roman(end)]);
    }
    let mut page = Roff::new();
    page.text(line);
    lines(page.render().as_bytes(), |_| true)
}

/// An option with its value, or an argument.
fn usage(argument: &Arg) -> Vec<Inline> {
    let short = argument.get_short().map(|short| bold(format!("-{short}")));
    let long = argument.get_long().map(|long| bold(format!("--{long}")));
    let mut usage: Vec<Inline> = match (short, long) {
        (Some(short), Some(long)) => vec![short, roman("|"), long],
        (short, long) => short.into_iter().chain(long).collect(),
    };
    let takes = argument.get_num_args().unwrap_or_default();
    if takes.takes_values() {
        if !usage.is_empty() {
            usage.push(roman(" "));
        }
        let names = argument.get_value_names().map(|names| names.join(" "));
        usage.push(italic(
            names.unwrap_or_else(|| argument.get_id().as_str().to_owned()),
        ));
    }
    if takes.max_values() > 1 {
        usage.push(roman(" ..."));
    }
    usage
}

/// What the help of the page's command says at its end.
fn notes(command: &Command) -> Result<String> {
    let end = end_of_help(command)?;
    Ok(end.replacen(".PP", ".SH NOTES", 1))
}

/// The end of a command's help, as it is: tables and examples.
fn end_of_help(command: &Command) -> Result<String> {
    if command.get_after_long_help().is_none() && command.get_after_help().is_none() {
        return Ok(String::new());
    }
    let mut body = Vec::new();
    Man::new(command.clone()).render_extra_section(&mut body)?;
    let text = lines(&body, is_text)?;
    Ok(format!(".PP\n.nf\n{text}.fi\n"))
}

/// The lines of a rendered part that are wanted, without the preamble that each part
/// repeats, and without spaces at their ends.
fn lines(body: &[u8], wanted: fn(&str) -> bool) -> Result<String> {
    let text = std::str::from_utf8(body).context("a man page is UTF-8")?;
    let kept = text
        .lines()
        .filter(|line| APOSTROPHE.lines().all(|known| known != *line) && wanted(line));
    Ok(kept.flat_map(|line| [line.trim_end(), "\n"]).collect())
}

/// Not one of the section headings that `clap_mangen` gives each part.
fn is_text(line: &str) -> bool {
    !line.starts_with(".SH")
}

/// The methods of the contract, one tagged paragraph each.
fn methods(contract: &Value) -> Result<String> {
    let methods = contract.get("methods").and_then(Value::as_array);
    let mut page = Roff::new();
    page.control("SH", ["METHODS"]);
    page.text([
        roman("What "),
        bold("midclt call"),
        roman(" can call; the whole contract, with the schema of each param and result, is "),
        italic("docs/api.json"),
        roman("."),
    ]);
    for method in methods.context("the contract has no methods")? {
        let field = |name| method.get(name).and_then(Value::as_str).unwrap_or_default();
        page.control("TP", []);
        page.text([bold(format!("{} {}", field("name"), params(method)).trim())]);
        for (number, paragraph) in field("description").split("\n\n").enumerate() {
            if number > 0 {
                page.control("IP", []);
            }
            page.text([roman(paragraph.replace(['\n'], " ").replace('`', ""))]);
        }
    }
    Ok(page.render())
}

/// The params as a synopsis: `token`, `[service]`.
fn params(method: &Value) -> String {
    let params = method.get("params").and_then(Value::as_array);
    let shown = params.into_iter().flatten().map(|param| {
        let name = param
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let required = param.get("required").and_then(Value::as_bool);
        match required {
            Some(true) => name.to_owned(),
            _ => format!("[{name}]"),
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::*;

    /// What is typed, without roff's fonts and escapes.
    fn plain(roff: &str) -> String {
        let fonts = [r"\fB", r"\fI", r"\fR"];
        let text = fonts
            .iter()
            .fold(roff.to_owned(), |text, font| text.replace(font, ""));
        text.replace('\\', "").trim_end().to_owned()
    }

    #[test]
    fn the_synopsis_shows_values_and_nothing_hidden() {
        let command = Command::new("tool")
            .disable_help_flag(true)
            .arg(Arg::new("ID").required(true))
            .arg(Arg::new("WORD").action(ArgAction::Append).num_args(0..))
            .arg(
                Arg::new("yes")
                    .short('y')
                    .long("yes")
                    .action(ArgAction::SetTrue),
            )
            .arg(Arg::new("code").long("code").value_name("CODE"))
            .arg(
                Arg::new("why")
                    .long("why")
                    .value_name("TEXT")
                    .required(true),
            )
            .arg(Arg::new("old").long("old").value_name("HOW").hide(true));
        let shown = |mut command: Command| {
            command.build();
            plain(&synopsis(&command).unwrap())
        };
        assert_eq!(
            shown(command),
            "tool [-y|--yes] [--code CODE] --why TEXT ID [WORD ...]"
        );
        let group = Command::new("tool")
            .disable_help_flag(true)
            .subcommand(Command::new("below"))
            .disable_help_subcommand(true);
        assert_eq!(shown(group.clone()), "tool [COMMAND]");
        assert_eq!(shown(group.subcommand_required(true)), "tool COMMAND");
        let own = Command::new("tool").override_usage("tool USER\n       tool --list");
        assert_eq!(shown(own), "tool USER\n.br\ntool --list");
    }
}
