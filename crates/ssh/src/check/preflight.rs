//! Before anything is written: what it will be, and who would be locked out or let in.

use super::door::{self, Door, in_words};
use super::{
    Finding, Severity, machine, module, not_included, refuses, root_key, settle, triples, way_back,
};
use crate::accounts::Accounts;
use crate::config::Plan;
use crate::dropin::{DropIn, Mode, RootDoor};
use crate::finding::Code;
use crate::methods::Asks;
use crate::service::{self, Brought};
use crate::sshd::{Effective, System, View, Who};
use crate::stack::{self, Stack};
use crate::{DROPIN, Error, JOBS, STACK, files};

/// What somebody wants.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Root comes in with a password and a code too.
    pub root_password: bool,
    /// The module.
    pub stack: Stack,
}

/// A file that will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub path: &'static str,
    /// Its whole text; None: it will not be there.
    pub text: Option<String>,
}

/// What will be, and what is to be said about it.
#[derive(Debug)]
pub struct Preflight {
    /// The drop-in; None where it cannot be known what it should say.
    pub dropin: Option<DropIn>,
    /// The files, in the order in which they are written.
    pub changes: Vec<Change>,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What is needed now (as configured) and would be (as in effect).
    pub doors: Vec<Door>,
    /// What would be done to the service of sshd, and stays so.
    pub brings: Brought,
}

impl Preflight {
    /// Whether nothing speaks against it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.all(|finding| finding.severity != Severity::Error)
    }
}

/// Plans it, and has sshd look at the plan. Nothing is changed.
///
/// # Errors
/// The machine cannot be looked at.
pub fn preflight(system: &System, wanted: &Wanted) -> Result<Preflight, Error> {
    let root = &system.root;
    let mut plan = Preflight {
        dropin: None,
        changes: Vec::new(),
        findings: machine(root)?,
        doors: Vec::new(),
        brings: Brought::default(),
    };
    plan.findings.extend(way_back(root, Severity::Error));
    plan.findings.extend(module(root, &wanted.stack)?);
    let stack = files::read(&root.at(STACK))?.unwrap_or_default();
    match wanted.stack.insert(&stack) {
        Ok(text) => {
            plan.findings.extend(stack::flow_findings(root, &text)?);
            // The module first: a drop-in without it would let passwords in without a code.
            let text = Some(text);
            plan.changes.push(Change { path: STACK, text });
        }
        Err(finding) => plan.findings.push(finding),
    }
    let bare = Plan::default().with(DROPIN, None).with(JOBS, None);
    let before = View::of(system, &bare).and_then(|view| view.test().map(|()| view));
    match before {
        Ok(before) => {
            plan.brings = service::missing(system)?;
            look(system, wanted, &before, &mut plan)?;
        }
        Err(error) => plan.findings.push(refuses(&error)),
    }
    settle(&mut plan.findings);
    Ok(plan)
}

fn look(
    system: &System,
    wanted: &Wanted,
    before: &View<'_>,
    plan: &mut Preflight,
) -> Result<(), Error> {
    let dropin = dropin(before, wanted)?;
    let text = dropin.text();
    plan.dropin = Some(dropin);
    let planned = Plan::default().with(DROPIN, Some(&text));
    plan.changes.push(Change {
        path: DROPIN,
        text: Some(text),
    });
    let after = match View::of(system, &planned).and_then(|view| view.test().map(|()| view)) {
        Ok(after) => after,
        Err(error) => {
            plan.findings.push(refuses(&error));
            return Ok(());
        }
    };
    if !after.config.has_read(DROPIN) {
        plan.findings.push(not_included());
        return Ok(());
    }
    let mut jobs = Vec::new();
    if let Some(text) = files::read(&system.root.at(JOBS))? {
        jobs = crate::jobs::parse(&text).unwrap_or_default();
    }
    let judged = door::judge(&after, Some(dropin), &jobs, Asks::Code)?;
    plan.findings.extend(judged.findings);
    let root = after.effective(&Who::from_anywhere("root"))?;
    if dropin.root == RootDoor::Key {
        plan.findings
            .extend(root_key(&system.root, &root, Severity::Error)?);
    }
    compare(before, &after, plan)
}

/// No door is opened that was shut: neither for passwords nor for root.
fn dropin(before: &View<'_>, wanted: &Wanted) -> Result<DropIn, Error> {
    let somebody = before.effective(&Who::from_anywhere("nobody"))?;
    let root = before.effective(&Who::from_anywhere("root"))?;
    let was_shut = root.one("permitrootlogin") == "forced-commands-only"
        || in_words(&root, true, Asks::Password) == REFUSED;
    Ok(DropIn {
        mode: if somebody.has_password() {
            Mode::PasswordOrKey
        } else {
            Mode::KeyOnly
        },
        root: if wanted.root_password {
            RootDoor::PasswordOrKey
        } else if was_shut {
            RootDoor::AsItWas
        } else {
            RootDoor::Key
        },
    })
}

/// The table of doors, and what changes about passwords.
fn compare(before: &View<'_>, after: &View<'_>, plan: &mut Preflight) -> Result<(), Error> {
    let mut row = |who: &Who, account: Option<&str>, address: Option<&str>| {
        let (old, new) = (before.effective(who)?, after.effective(who)?);
        let is_root = who.user == "root";
        plan.doors.push(Door {
            account: account.map(str::to_owned),
            address: address.map(str::to_owned),
            configured: in_words(&old, is_root, Asks::Password),
            effective: in_words(&new, is_root, Asks::Code),
        });
        Ok::<_, Error>((old, new))
    };
    let (everybody, _) = row(&Who::from_anywhere("nobody"), None, None)?;
    let root = row(&Who::from_anywhere("root"), Some("root"), None)?;
    let accounts = Accounts::read(before.root())?;
    let mut findings: Vec<Finding> = root_shut("root", &root).into_iter().collect();
    for (_, block) in door::foreign_blocks(before) {
        for who in triples::of(block, &accounts).unwrap_or_default() {
            if !before.reaches(&who, block)? {
                continue;
            }
            if who.user == "root" {
                let root = (before.effective(&who)?, after.effective(&who)?);
                let name = format!("{}: root at \"Match {}\"", block.place, block.text());
                findings.extend(root_shut(&name, &root));
                continue;
            }
            let named = triples::names_accounts(block).then_some(who.user.as_str());
            let address = door::is_local(block).then_some(who.address.as_str());
            let (old, new) = row(&who, named, address)?;
            let name = format!("{}: \"Match {}\"", block.place, block.text());
            findings.extend(passwords(&name, &old, &new));
        }
    }
    let (root, _) = &root;
    let comes_in = in_words(root, true, Asks::Password) != REFUSED;
    let weaker_for_root = comes_in.then(|| weaker("root: ", root)).flatten();
    findings.extend(weaker("", &everybody).or(weaker_for_root));
    plan.findings.extend(findings);
    Ok(())
}

/// How a door is called where nobody comes in.
const REFUSED: &str = "refused";

/// Where root comes in now, it must not be refused whatever it proves: `prohibit-password` and
/// `forced-commands-only` refuse a key with a code.
fn root_shut(name: &str, (old, new): &(Effective, Effective)) -> Option<Finding> {
    let is_refused = |door, asks| in_words(door, true, asks) == REFUSED;
    (!is_refused(old, Asks::Password) && is_refused(new, Asks::Code)).then(|| {
        let permit = new.one("permitrootlogin");
        let text = format!("{name} comes in now, and would be refused: PermitRootLogin {permit}");
        let cure = "say PermitRootLogin yes there: the drop-in demands a key and a code of root";
        Finding::error(Code::RootRefused, text).cure(cure)
    })
}

/// A key and a password are two things; a key and a code are only one where no code is asked for.
fn weaker(name: &str, old: &Effective) -> Option<Finding> {
    old.methods().key_and_password().then(|| {
        let text = "a key AND a password are needed now; with a key and a code, the key alone would \
            let in whoever is exempt, bypassed or in grace, and everybody while codes are off";
        let cure = "if that is meant, take AuthenticationMethods out of sshd_config first";
        Finding::error(Code::LosesPassword, format!("{name}{text}")).cure(cure)
    })
}

fn passwords(name: &str, old: &Effective, new: &Effective) -> Option<Finding> {
    match (old.has_password(), new.has_password()) {
        (false, true) => {
            let text = format!("{name}: no password helps there now, and one would, with a code");
            let cure = format!(
                "add to that block: AuthenticationMethods {}",
                crate::methods::KEY
            );
            Some(Finding::error(Code::OpensPassword, text).cure(cure))
        }
        (true, false) => {
            let text = format!("{name}: passwords help there now, and will not without a key");
            let cure = format!(
                "add to that block: AuthenticationMethods {}",
                crate::methods::EITHER
            );
            Some(Finding::warning(Code::LosesPassword, text).cure(cure))
        }
        _ => None,
    }
}
