//! Who may log in to this machine: the accounts of /etc/passwd that have a login shell.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;

/// More is not looked at: neither bytes nor accounts.
const MOST_BYTES: u64 = 4 << 20;
const MOST_ACCOUNTS: usize = 10_000;

/// Below are the accounts of services, root aside.
const FIRST_PERSON: u32 = 1000;

/// Programs that end a login at once.
const NO_SHELLS: [&str; 2] = ["nologin", "false"];

/// An account that may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) uid: u32,
    pub(crate) name: String,
}

/// Those of this machine. `None` where its accounts cannot be read.
pub(crate) fn logins() -> Option<Vec<Login>> {
    let passwd = read("/etc/passwd")?;
    Some(with_shell(&passwd, read("/etc/shells").as_deref()))
}

fn read(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The accounts of people and root whose shell is one. Without a list of shells (shells(5)) all are
/// that do not end a login at once.
fn with_shell(passwd: &str, shells: Option<&str>) -> Vec<Login> {
    let listed = shells.map(|shells| shells.lines().map(str::trim).collect::<HashSet<_>>());
    let is_shell = |shell: &str| {
        let program = shell.rsplit('/').next().unwrap_or_default();
        let is_listed = listed.as_ref().is_none_or(|listed| listed.contains(shell));
        is_listed && !NO_SHELLS.contains(&program)
    };
    let mut seen = HashSet::new();
    passwd
        .lines()
        .take(MOST_ACCOUNTS)
        .filter_map(login)
        .filter(|(_, shell)| is_shell(shell))
        .map(|(login, _)| login)
        // A second name of a uid is the same account.
        .filter(|login| seen.insert(login.uid))
        .collect()
}

/// A line of passwd(5): the account, if it is one of a person or root, and its shell.
fn login(line: &str) -> Option<(Login, &str)> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, _, _, _, shell] = fields.as_slice() else {
        return None;
    };
    let uid: u32 = uid.parse().ok()?;
    let is_person = uid == 0 || uid >= FIRST_PERSON;
    // Lines that begin so are of NIS, and no accounts.
    if !is_person || name.is_empty() || name.starts_with(['+', '-']) {
        return None;
    }
    let shell = if shell.is_empty() { "/bin/sh" } else { shell };
    let name = (*name).to_owned();
    Some((Login { uid, name }, shell))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_log_in() {
        const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/bash
toor:x:0:0:also root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
alice:x:1000:1000:Alice,,,:/home/alice:/bin/zsh
bob:x:1001:1001::/home/bob:
carol:x:1002:1002::/home/carol:/bin/false
dave:x:1003:1003::/home/dave:/opt/menu
+@admins::0:0:::
erin:x:-1:1003::/home/erin:/bin/sh
short:x:1004
";
        let shells = "# shells(5)\n/bin/sh\n/bin/bash\n /bin/zsh\n/usr/sbin/nologin\n";
        for (shells, expected) in [
            (Some(shells), &["root", "alice", "bob"][..]),
            (None, &["root", "alice", "bob", "dave"]),
            (Some(""), &[]),
        ] {
            let logins = with_shell(PASSWD, shells);
            let names: Vec<_> = logins.iter().map(|login| login.name.as_str()).collect();
            assert_eq!(names, expected);
        }
    }

    #[test]
    fn only_so_many_are_looked_at() {
        let line = |uid: usize| format!("u{uid}:x:{uid}:1000::/home:/bin/sh\n");
        let passwd: String = (1000..21_000).map(line).collect();
        assert_eq!(with_shell(&passwd, None).len(), MOST_ACCOUNTS);
    }

    #[test]
    fn this_machine_has_root() {
        assert!(logins().unwrap().iter().any(|login| login.uid == 0));
    }
}
