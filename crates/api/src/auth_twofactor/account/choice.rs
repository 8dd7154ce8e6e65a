//! Which accounts a page is about: those of the machine and those on record, by name.

use std::collections::BTreeMap;

use twofactor::{Account, AccountName};

use crate::auth_twofactor::people::Login;

/// Which are wanted.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) username: Option<AccountName>,
    /// In lower case.
    pub(super) search: String,
    pub(super) after: Option<AccountName>,
    pub(super) limit: usize,
}

/// Whom the page is about.
pub(crate) struct Chosen {
    pub(super) accounts: Vec<(Account, Option<bool>)>,
    pub(super) matching: usize,
    pub(super) has_more: bool,
}

impl Wanted {
    /// Those of the machine and those on record, each name once: whoever logs in by a name is the account
    /// that the machine has under it.
    pub(super) fn choose(&self, logins: Option<Vec<Login>>, known: Vec<Account>) -> Chosen {
        let is_read = logins.is_some();
        let mut all = BTreeMap::new();
        for account in known {
            all.insert(
                account.name.to_string(),
                (account, is_read.then_some(false)),
            );
        }
        for Login { uid, name } in logins.into_iter().flatten() {
            if let Some(valid) = AccountName::new(&name) {
                all.insert(name, (Account { uid, name: valid }, Some(true)));
            }
        }
        let only = self.username.as_ref().map(AccountName::as_str);
        all.retain(|name, _| {
            only.is_none_or(|only| only == name) && name.to_lowercase().contains(&self.search)
        });
        let matching = all.len();
        let after = self.after.as_ref().map(AccountName::as_str);
        let mut rest = all
            .into_iter()
            .filter(|(name, _)| after.is_none_or(|after| name.as_str() > after))
            .map(|(_, entry)| entry);
        let accounts: Vec<_> = rest.by_ref().take(self.limit).collect();
        Chosen {
            accounts,
            matching,
            has_more: rest.next().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, uid: u32) -> Account {
        Account {
            uid,
            name: AccountName::new(name).unwrap(),
        }
    }

    fn page(search: &str, after: Option<&str>, limit: usize) -> (Vec<String>, usize, bool) {
        let wanted = Wanted {
            search: search.to_owned(),
            after: after.and_then(AccountName::new),
            limit,
            ..Wanted::default()
        };
        let login = |name: &str, uid| Login {
            uid,
            name: name.to_owned(),
        };
        let logins = vec![login("root", 0), login("alice", 1000), login("Alina", 1001)];
        let known = vec![
            account("root", 0),
            account("gone", 1005),
            account("alice", 7),
        ];
        let chosen = wanted.choose(Some(logins), known);
        let shown = chosen.accounts.iter().map(|(account, has_shell)| {
            format!("{} {} {}", account.name, account.uid, has_shell.unwrap())
        });
        (shown.collect(), chosen.matching, chosen.has_more)
    }

    #[test]
    fn each_name_is_listed_once_and_the_machine_says_whose_it_is() {
        let all = [
            "Alina 1001 true",
            "alice 1000 true",
            "gone 1005 false",
            "root 0 true",
        ];
        let all = all.map(str::to_owned).to_vec();
        assert_eq!(page("", None, 4), (all.clone(), 4, false));
        assert_eq!(page("", None, 2), (all[..2].to_vec(), 4, true));
        assert_eq!(page("", Some("alice"), 2), (all[2..].to_vec(), 4, false));
        assert_eq!(page("ali", None, 1), (all[..1].to_vec(), 2, true));
        assert_eq!(page("nobody", None, 1), (Vec::new(), 0, false));
    }

    #[test]
    fn without_passwd_those_on_record_are_there() {
        let wanted = Wanted {
            limit: 10,
            ..Wanted::default()
        };
        let chosen = wanted.choose(None, vec![account("alice", 7)]);
        assert_eq!(chosen.accounts, [(account("alice", 7), None)]);
    }
}
