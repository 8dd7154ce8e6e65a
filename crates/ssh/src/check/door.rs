//! Ways in: everybody, root, each job, and whoever a `Match` line means.

use super::decisive::{DECISIVE, PAM_SERVICE, goes_around};
use super::triples;
use crate::accounts::Accounts;
use crate::config::{Block, Setting};
use crate::dropin::DropIn;
use crate::finding::{Code, Finding};
use crate::jobs::Job;
use crate::methods::{Asks, KEY, KEY_ALONE, Methods};
use crate::sshd::{Effective, View, Who};
use crate::{DROPIN, Error, JOB_KEYS, JOBS};

/// A way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// The account; None: any other.
    pub account: Option<String>,
    /// The address that it is for; None: any other.
    pub address: Option<String>,
    /// What is needed by our configuration, in words.
    pub configured: String,
    /// What is needed as sshd says, in words.
    pub effective: String,
}

/// What was found at all of them.
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    pub(super) doors: Vec<Door>,
}

/// Most doors of one report.
const MOST: usize = 64;

/// Looks at all of them.
pub(super) fn judge(
    view: &View<'_>,
    dropin: Option<DropIn>,
    jobs: &[Job],
    asks: Asks,
) -> Result<Judged, Error> {
    let mut judge = Judge {
        view,
        asks,
        dropin,
        jobs,
        findings: quoted(view),
        doors: Vec::new(),
    };
    for user in ["nobody", "root"] {
        judge.look(&Who::from_anywhere(user), None)?;
    }
    for job in jobs {
        judge.look(&Who::from_anywhere(&job.account), None)?;
    }
    let accounts = Accounts::read(view.root())?;
    for (index, block) in foreign_blocks(view) {
        judge.block(index, block, &accounts)?;
    }
    judge.doors.truncate(MOST);
    Ok(Judged {
        findings: judge.findings,
        doors: judge.doors,
    })
}

/// Every `Match` line but ours.
pub(super) fn foreign_blocks<'a>(view: &'a View<'_>) -> impl Iterator<Item = (usize, &'a Block)> {
    let blocks = view.config.blocks.iter().enumerate();
    blocks.filter(|(_, block)| ![DROPIN, JOBS].contains(&block.place.file.as_str()))
}

/// `sshd -T` prints the quoted form as if it were right.
fn quoted(view: &View<'_>) -> Vec<Finding> {
    let is_quoted = |setting: &&Setting| {
        let words = setting.words.iter();
        let mut wrong = words.filter(|word| word.quoted && word.text.contains(char::is_whitespace));
        setting.keyword == "authenticationmethods" && wrong.next().is_some()
    };
    let settings = view.config.settings.iter().filter(is_quoted);
    let finding = |setting: &Setting| {
        let text = format!(
            "{}: AuthenticationMethods in quotes is one list, which nobody can satisfy",
            setting.place
        );
        Finding::error(Code::Quoted, text).cure("take the quotes out")
    };
    settings.map(finding).collect()
}

struct Judge<'a> {
    view: &'a View<'a>,
    /// What the stack of PAM does, as it is or will be.
    asks: Asks,
    dropin: Option<DropIn>,
    jobs: &'a [Job],
    findings: Vec<Finding>,
    doors: Vec<Door>,
}

impl Judge<'_> {
    /// One `Match` line of somebody else.
    fn block(&mut self, index: usize, block: &Block, accounts: &Accounts) -> Result<(), Error> {
        let decides = |setting: &&Setting| {
            setting.block == Some(index) && DECISIVE.contains(&setting.keyword.as_str())
        };
        let decisive: Vec<&Setting> = self.view.config.settings.iter().filter(decides).collect();
        let before = self.findings.len();
        let reached = match triples::of(block, accounts) {
            Ok(all) => self.reached(all, block)?,
            Err(_) => Vec::new(),
        };
        for who in &reached {
            self.look(who, Some(block))?;
        }
        let is_shown = self.findings.len() > before;
        let goes_around = decisive.iter().any(|setting| goes_around(setting));
        let is_proven = !reached.is_empty() && (!goes_around || triples::names_accounts(block));
        if !is_shown && !decisive.is_empty() && !is_proven {
            let text = format!(
                "{}: what holds for \"Match {}\" cannot be proven",
                block.place,
                block.text()
            );
            let cure = "have an AuthenticationMethods with keyboard-interactive:pam in that block";
            // Whoever it is for may come in without a code: that is no matter of taste.
            let finding = if goes_around {
                Finding::error(Code::NotProvable, text)
            } else {
                Finding::warning(Code::NotProvable, text)
            };
            self.findings.push(finding.cure(cure));
        }
        Ok(())
    }

    fn reached(&self, all: Vec<Who>, block: &Block) -> Result<Vec<Who>, Error> {
        let mut reached = Vec::new();
        for who in all {
            if self.view.reaches(&who, block)? {
                reached.push(who);
            }
        }
        Ok(reached)
    }

    /// One way in: what is in effect there, and what is wrong with it.
    fn look(&mut self, who: &Who, block: Option<&Block>) -> Result<(), Error> {
        let effective = self.view.effective(who)?;
        let is_root = who.user == "root";
        let job = self.jobs.iter().find(|job| job.account == who.user);
        let expected = match (job, self.dropin) {
            (Some(_), _) => KEY_ALONE,
            (None, Some(dropin)) => dropin.expected(is_root),
            (None, None) => "",
        };
        let configured = if expected.is_empty() {
            "nothing".to_owned()
        } else {
            Methods::parse(expected).in_words(Asks::Code)
        };
        let named = is_root || job.is_some() || block.is_some_and(triples::names_accounts);
        self.doors.push(Door {
            account: named.then(|| who.user.clone()),
            address: block
                .filter(|block| is_local(block))
                .map(|_| who.address.clone()),
            configured,
            effective: in_words(&effective, is_root, self.asks),
        });
        if job.is_some() {
            self.job(who, &effective)
        } else {
            self.everybody(who, block, &effective)?;
            self.password(who, block, (expected, &effective))
        }
    }

    /// Where we say that a password never helps, it must not.
    fn password(
        &mut self,
        who: &Who,
        block: Option<&Block>,
        (expected, effective): (&str, &Effective),
    ) -> Result<(), Error> {
        let is_meant = expected.is_empty() || Methods::parse(expected).has_password(true, true);
        if is_meant || !effective.methods().always_ask_pam() || !effective.has_password() {
            return Ok(());
        }
        let from = self.from("authenticationmethods", who)?;
        let subject = subject(who, block);
        let text = format!(
            "{subject}: a password and a code help too, which the drop-in does not say{from}"
        );
        let finding = Finding::warning(Code::OpensPassword, text);
        let cure = format!("say there: AuthenticationMethods {KEY}");
        self.findings.push(finding.cure(cure));
        Ok(())
    }

    fn job(&mut self, who: &Who, effective: &Effective) -> Result<(), Error> {
        let keys = format!("{JOB_KEYS}/{}", who.user);
        if effective.one("authorizedkeysfile") != keys {
            let from = self.from("authorizedkeysfile", who)?;
            let text = format!(
                "the job of {} takes keys of another file than {keys}{from}: its owner may add some",
                who.user
            );
            let finding = Finding::error(Code::JobChanged, text);
            self.findings.push(finding.cure("take that line out"));
        }
        if effective.one("authenticationmethods") == KEY_ALONE {
            return Ok(());
        }
        let from = self.from("authenticationmethods", who)?;
        let text = format!("the job of {} needs more than its key{from}", who.user);
        self.findings.push(Finding::warning(Code::JobChanged, text));
        Ok(())
    }

    fn everybody(
        &mut self,
        who: &Who,
        block: Option<&Block>,
        effective: &Effective,
    ) -> Result<(), Error> {
        let methods = effective.methods();
        let subject = subject(who, block);
        if !methods.always_ask_pam() {
            // Without the drop-in there is nothing that could be gone around.
            if self.dropin.is_some() {
                let from = self.from("authenticationmethods", who)?;
                let text = format!(
                    "{subject} comes in with {}{from}",
                    in_words(effective, who.user == "root", self.asks)
                );
                let (code, cure) = around(block);
                self.findings.push(Finding::error(code, text).cure(cure));
            }
            return Ok(());
        }
        // What holds for everybody is not said of root again.
        let is_said = who.user == "root" && !block.is_some_and(triples::names_accounts);
        if !is_said {
            self.switches(who, block, effective)?;
        }
        self.root(who, effective)
    }

    /// The methods themselves, where the right ones are demanded.
    fn switches(
        &mut self,
        who: &Who,
        block: Option<&Block>,
        effective: &Effective,
    ) -> Result<(), Error> {
        let subject = subject(who, block);
        let mut wrong = |code, keyword: &str, what: &str| -> Result<(), Error> {
            let from = self.from(keyword, who)?;
            let finding = Finding::error(code, format!("{subject}: {what}{from}"));
            self.findings.push(finding.cure("take that line out"));
            Ok(())
        };
        if !effective.is_on("usepam") {
            wrong(
                Code::UsePamOff,
                "usepam",
                "UsePAM is off: nobody is asked, nobody comes in",
            )?;
        }
        if !["", PAM_SERVICE].contains(&effective.one("pamservicename")) {
            let service = effective.one("pamservicename");
            let what = format!("PAM asks the stack of {service}, which has no line of ours");
            wrong(Code::PamService, "pamservicename", &what)?;
        }
        if !effective.is_on("kbdinteractiveauthentication") {
            let what = "keyboard-interactive is off: the code cannot be asked for";
            let code = if block.is_some() {
                Code::MatchShuts
            } else {
                Code::KeyboardOff
            };
            wrong(code, "kbdinteractiveauthentication", what)?;
        }
        if effective.is_on("passwordauthentication") {
            self.password_on(who, &subject)?;
        }
        if !effective.is_on("pubkeyauthentication") {
            self.keys_off(who, &subject)?;
        }
        Ok(())
    }

    fn password_on(&mut self, who: &Who, subject: &str) -> Result<(), Error> {
        let from = self.from("passwordauthentication", who)?;
        let text =
            format!("{subject}: PasswordAuthentication is on, though nobody can use it{from}");
        let finding = Finding::warning(Code::PasswordMethodOn, text);
        self.findings
            .push(finding.cure("say PasswordAuthentication no there"));
        Ok(())
    }

    fn keys_off(&mut self, who: &Who, subject: &str) -> Result<(), Error> {
        let from = self.from("pubkeyauthentication", who)?;
        let text = format!("{subject}: PubkeyAuthentication is off: keys help nobody{from}");
        let finding = Finding::warning(Code::KeysOff, text);
        self.findings
            .push(finding.cure("say PubkeyAuthentication yes there"));
        Ok(())
    }

    fn root(&mut self, who: &Who, effective: &Effective) -> Result<(), Error> {
        let permit = effective.one("permitrootlogin");
        let is_meant = self.dropin.is_some_and(DropIn::lets_root_in);
        if who.user != "root" || permit == "yes" || !is_meant {
            return Ok(());
        }
        let from = self.from("permitrootlogin", who)?;
        let text = format!("root is refused whatever it proves: PermitRootLogin {permit}{from}");
        let finding = Finding::error(Code::RootRefused, text);
        self.findings.push(finding.cure("take that line out"));
        Ok(())
    }

    /// ` (file:line)`, of the setting that is in effect.
    fn from(&self, keyword: &str, who: &Who) -> Result<String, Error> {
        let place = self.view.origin(keyword, who)?;
        Ok(place.map_or(String::new(), |place| format!(" ({place})")))
    }
}

/// What is needed as sshd says, in words.
pub(super) fn in_words(effective: &Effective, is_root: bool, asks: Asks) -> String {
    const REFUSED: &str = "refused";
    let permit = effective.one("permitrootlogin");
    if is_root && permit == "no" {
        return REFUSED.to_owned();
    }
    let root_by_key = is_root && permit != "yes";
    let mut methods = effective.methods();
    if !methods.is_any() {
        if root_by_key {
            match methods.without_passwords() {
                Some(left) => methods = left,
                None => return REFUSED.to_owned(),
            }
        }
        let is_shut = methods.always_ask_pam() && !effective.has_keyboard();
        return if is_shut {
            REFUSED.to_owned()
        } else {
            methods.in_words(asks)
        };
    }
    let password = effective.is_on("passwordauthentication") || effective.has_keyboard();
    match (
        effective.is_on("pubkeyauthentication"),
        password && !root_by_key,
    ) {
        (true, true) => "key alone, or password alone".to_owned(),
        (true, false) => "key alone".to_owned(),
        (false, true) => "password alone".to_owned(),
        (false, false) => REFUSED.to_owned(),
    }
}

fn around(block: Option<&Block>) -> (Code, String) {
    match block {
        None => (
            Code::Overridden,
            format!("take that line out: {DROPIN} must come first"),
        ),
        Some(block) => (
            Code::MatchAround,
            format!(
                "have it say AuthenticationMethods with keyboard-interactive:pam: {}",
                block.place
            ),
        ),
    }
}

pub(super) fn is_local(block: &Block) -> bool {
    let mut words = block.criteria.iter();
    words.any(|word| word.text.eq_ignore_ascii_case("address"))
}

fn subject(who: &Who, block: Option<&Block>) -> String {
    match block {
        Some(block) if who.user == "root" => format!("root at \"Match {}\"", block.text()),
        Some(block) => format!("\"Match {}\"", block.text()),
        None if who.user == "root" => "root".to_owned(),
        None => "everybody".to_owned(),
    }
}
