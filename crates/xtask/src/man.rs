//! `docs/man/`: pages from the same tables that parse the command lines and the calls.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};
use serde_json::Value;

use crate::golden::{Mode, settle};

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
        see_also: &["midclt-2fa(1)", "middlewared(8)"],
    };
    let twofactor = Page {
        command: twofactor.context("midclt has no command 2fa")?,
        section: "1",
        methods: None,
        see_also: &["midclt(1)", "middlewared(8)"],
    };
    let contract = api::contract();
    let daemon = Page {
        command: middlewared::command(),
        section: "8",
        methods: Some(&contract),
        see_also: &["midclt(1)", "systemd(1)"],
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
    )
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
        let mut page = Vec::new();
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        let mut text = format!("{APOSTROPHE}{}", lines(&page, |_| true)?);
        if !commands.is_empty() {
            text.push_str(".SH COMMANDS\n");
        }
        for command in &commands {
            text.push_str(&subcommand(command)?);
        }
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
        let repeated = argument.is_global_set() || argument.get_id() == "help";
        argument.hide(repeated)
    });
    let name = own.get_bin_name().unwrap_or(own.get_name()).to_owned();
    let end = if APART.contains(&name.as_str()) {
        format!("See {}(1).\n", name.replace(' ', "\\-"))
    } else {
        end_of_help(command)?
    };
    let man = Man::new(own);
    let mut body = Vec::new();
    man.render_synopsis_section(&mut body)?;
    body.extend(b".PP\n");
    man.render_description_section(&mut body)?;
    man.render_options_section(&mut body)?;
    let text = lines(&body, is_text)?;
    Ok(format!(".SS \"{name}\"\n{text}{end}"))
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
