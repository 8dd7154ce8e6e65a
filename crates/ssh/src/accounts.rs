//! The accounts of the machine, as its own files have them: `passwd(5)`, `shadow(5)`, `group(5)`.
//! Accounts of a directory service are not in them; nothing here concludes that there are none.

use crate::{Error, Root, files};

/// One line of `/etc/passwd`, with what `/etc/shadow` says of its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    gid: u32,
    /// Its directory.
    pub home: String,
    /// What is started at a login.
    pub shell: String,
    /// Whether some password is accepted.
    pub has_password: bool,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    accounts: Vec<Account>,
    groups: Vec<Group>,
}

#[derive(Debug, Clone)]
struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

/// Groups whose members may become root on most distributions.
const ADMINISTRATORS: [&str; 3] = ["sudo", "wheel", "admin"];

impl Accounts {
    /// Reads the three files. A shadow file that is not there has no passwords.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn read(root: &Root) -> Result<Self, Error> {
        let text = |path: &str| Ok(files::read_lossy(&root.at(path))?.unwrap_or_default());
        let (passwd, shadow, group) = (
            text("/etc/passwd")?,
            text("/etc/shadow")?,
            text("/etc/group")?,
        );
        let groups = group.lines().filter_map(group_of).collect();
        let accounts = passwd.lines().filter_map(|line| account(line, &shadow));
        Ok(Self {
            accounts: accounts.collect(),
            groups,
        })
    }

    /// The account of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// The names of all of them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.accounts.iter().map(|account| account.name.as_str())
    }

    /// Root, and some accounts of people: what a login can be tried with.
    pub(crate) fn people(&self) -> impl Iterator<Item = &str> {
        let is_person = |account: &&Account| {
            let can_log_in = !["nologin", "false"]
                .iter()
                .any(|end| account.shell.ends_with(end));
            account.uid == 0 || ((1000..60_000).contains(&account.uid) && can_log_in)
        };
        let people = self.accounts.iter().filter(is_person);
        people.take(4).map(|account| account.name.as_str())
    }

    /// Somebody who is in this group.
    #[must_use]
    pub fn member_of(&self, group: &str) -> Option<&str> {
        let group = self.groups.iter().find(|found| found.name == group)?;
        let of_gid = self
            .accounts
            .iter()
            .find(|account| account.gid == group.gid);
        let first = group.members.first().map(String::as_str);
        first.or(of_gid.map(|account| account.name.as_str()))
    }

    /// Somebody who can log in at a console with a password and be root: root, or an administrator
    /// where there is sudo.
    #[must_use]
    pub fn root_at_a_console(&self, root: &Root) -> Option<&str> {
        let usable = |name: &str| self.named(name).filter(|found| found.has_password);
        if let Some(account) = usable("root") {
            return Some(&account.name);
        }
        if !root.at("/usr/bin/sudo").exists() {
            return None;
        }
        let groups = self.groups.iter();
        groups
            .filter(|group| ADMINISTRATORS.contains(&group.name.as_str()))
            .flat_map(|group| &group.members)
            .find_map(|name| usable(name))
            .map(|account| account.name.as_str())
    }
}

fn account(line: &str, shadow: &str) -> Option<Account> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let password = fields.next()?;
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = fields.nth(1)?.to_owned();
    let shell = fields.next()?.to_owned();
    let has_password = if password == "x" {
        let lines = shadow.lines().map(|line| line.split(':'));
        let mut hashes = lines.filter_map(|mut fields| Some((fields.next()?, fields.next()?)));
        hashes.any(|(found, hash)| found == name && is_usable(hash))
    } else {
        is_usable(password)
    };
    Some(Account {
        name,
        uid,
        gid,
        home,
        shell,
        has_password,
    })
}

/// `!` and `*` begin what no password can be hashed to. An empty field needs none.
fn is_usable(hash: &str) -> bool {
    !hash.starts_with(['!', '*'])
}

fn group_of(line: &str) -> Option<Group> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let gid = fields.nth(1)?.parse().ok()?;
    let members = fields.next()?.split(',').filter(|name| !name.is_empty());
    Some(Group {
        name,
        gid,
        members: members.map(str::to_owned).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/bash
alice:x:1000:1000:,,,:/home/alice:/bin/bash
backup:x:34:34:backup:/var/backups:/usr/sbin/nologin
";
    const GROUP: &str = "root:x:0:\nsudo:x:27:alice,nobody\nbackup:x:34:\nempty:x:99:\n";

    fn accounts(shadow: &str) -> (tempfile::TempDir, Root, Accounts) {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path());
        let files = [
            ("/etc/passwd", PASSWD),
            ("/etc/group", GROUP),
            ("/etc/shadow", shadow),
            ("/usr/bin/sudo", ""),
        ];
        for (path, text) in files {
            files::write(&root.at(path), text).unwrap();
        }
        let accounts = Accounts::read(&root).unwrap();
        (dir, root, accounts)
    }

    #[test]
    fn who_is_root_at_a_console() {
        let check = |root_hash: &str, alice_hash: &str, expected: Option<&str>| {
            let shadow = format!("root:{root_hash}:1::::::\nalice:{alice_hash}:1::::::\n");
            let (_dir, root, accounts) = accounts(&shadow);
            assert_eq!(accounts.root_at_a_console(&root), expected, "{shadow}");
        };
        check("$y$x", "!", Some("root"));
        check("", "!", Some("root"));
        check("*", "$y$x", Some("alice"));
        check("!$y$x", "!", None);
        check("!*", "*", None);
    }

    #[test]
    fn without_sudo_an_administrator_is_nobody() {
        let (_dir, root, accounts) = accounts("root:*:\nalice:$y$:\n");
        std::fs::remove_file(root.at("/usr/bin/sudo")).unwrap();
        assert_eq!(accounts.root_at_a_console(&root), None);
    }

    #[test]
    fn members() {
        let (_dir, _root, accounts) = accounts("");
        assert_eq!(accounts.member_of("sudo"), Some("alice"));
        assert_eq!(accounts.member_of("backup"), Some("backup"));
        assert_eq!(accounts.member_of("empty"), None);
        assert_eq!(accounts.member_of("nobody"), None);
        let backup = accounts.named("backup").unwrap();
        assert_eq!((backup.uid, backup.has_password), (34, false));
        assert_eq!(backup.shell, "/usr/sbin/nologin");
        assert_eq!(backup.home, "/var/backups");
    }
}
