//! A `Match` line turned into connections that come to its block.

use std::net::IpAddr;

use crate::accounts::Accounts;
use crate::config::{self, Block};
use crate::sshd::Who;

/// At most so many for one line.
const MOST: usize = 8;
/// An account that no line means.
const SOMEBODY: &str = "nobody";

/// Connections that may come to the block: sshd is asked afterwards whether they do.
///
/// # Errors
/// The criterion that cannot be turned into one, in words.
pub(super) fn of(block: &Block, accounts: &Accounts) -> Result<Vec<Who>, String> {
    let mut users = None;
    let mut who = Who::from_anywhere(SOMEBODY);
    let mut criteria = block.criteria.iter().map(|word| word.text.as_str());
    while let Some(criterion) = criteria.next() {
        if criterion.eq_ignore_ascii_case("all") {
            continue;
        }
        let patterns = criteria.next().unwrap_or_default();
        let unknown = || format!("{criterion} {patterns}");
        match criterion.to_ascii_lowercase().as_str() {
            "user" => users = Some(names(patterns, accounts)),
            "group" => {
                let groups = positive(patterns).filter(|group| !is_pattern(group));
                let members = groups.filter_map(|group| accounts.member_of(group));
                let members: Vec<_> = members.map(str::to_owned).collect();
                if members.is_empty() {
                    return Err(unknown());
                }
                // Beside a User criterion both must hold; sshd says whether they do.
                users.get_or_insert(members);
            }
            "host" => who.host = positive(patterns).next().map(filled).ok_or_else(unknown)?,
            "address" => who.address = address(patterns).ok_or_else(unknown)?,
            "localaddress" => who.local_address = address(patterns).ok_or_else(unknown)?,
            "localport" => {
                who.local_port = positive(patterns).next().map(filled).ok_or_else(unknown)?;
            }
            _ => return Err(unknown()),
        }
    }
    let users = users.unwrap_or_else(|| vec![SOMEBODY.to_owned(), "root".to_owned()]);
    let each = |user| Who {
        user,
        ..who.clone()
    };
    Ok(users.into_iter().take(MOST).map(each).collect())
}

/// Whether the block is for accounts that it names one by one.
pub(super) fn names_accounts(block: &Block) -> bool {
    let criteria = block.criteria.iter().map(|word| word.text.as_str());
    let mut after_user = criteria
        .skip_while(|word| !word.eq_ignore_ascii_case("user"))
        .skip(1);
    after_user
        .next()
        .is_some_and(|patterns| patterns.split(',').all(|pattern| !is_pattern(pattern)))
}

/// Those of a list that are not negated.
fn positive(patterns: &str) -> impl Iterator<Item = &str> {
    patterns
        .split(',')
        .filter(|pattern| !pattern.starts_with('!'))
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '!'])
}

fn filled(pattern: &str) -> String {
    let text = pattern.replace('*', "").replace('?', "x");
    if text.is_empty() {
        "x".to_owned()
    } else {
        text
    }
}

fn names(patterns: &str, accounts: &Accounts) -> Vec<String> {
    let mut names = Vec::new();
    for pattern in positive(patterns) {
        if is_pattern(pattern) {
            let known = [SOMEBODY, "root"].into_iter().chain(accounts.names());
            let matching = known.filter(|name| config::matches(pattern, name));
            names.extend(matching.take(MOST / 2).map(str::to_owned));
            names.push(filled(pattern));
        } else {
            names.push(pattern.to_owned());
        }
    }
    names.dedup();
    names
}

/// An address of a list of patterns and networks.
fn address(patterns: &str) -> Option<String> {
    positive(patterns).find_map(one_address)
}

fn one_address(pattern: &str) -> Option<String> {
    if let Some((network, _)) = pattern.split_once('/') {
        let network: IpAddr = network.parse().ok()?;
        return Some(network.to_string());
    }
    let text = pattern.replace(['*', '?'], "1");
    let missing = 3_usize.saturating_sub(text.matches('.').count());
    let padded = if pattern.ends_with('*') && !text.contains(':') {
        text.clone() + &".1".repeat(missing)
    } else {
        text
    };
    padded
        .parse::<IpAddr>()
        .ok()
        .map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |patterns: &str, expected: Option<&str>| {
            assert_eq!(address(patterns).as_deref(), expected, "{patterns}");
        };
        check("10.0.0.0/8", Some("10.0.0.0"));
        check("!10.0.0.1,192.168.1.*", Some("192.168.1.1"));
        check("192.168.*", Some("192.168.1.1"));
        check("10.*", Some("10.1.1.1"));
        check("10.0.0.?", Some("10.0.0.1"));
        check("2001:db8::/32", Some("2001:db8::"));
        check("::1", Some("::1"));
        check("*", Some("1.1.1.1"));
        check("nas.example", None);
        check("!10.0.0.1", None);
    }
}
