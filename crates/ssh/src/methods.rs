//! `AuthenticationMethods` as sshd prints it: alternatives, each a list of methods that are needed
//! one after the other. See `sshd_config(5)`.

/// The value of the setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods(Vec<Vec<String>>);

/// What keyboard-interactive asks for after a key, and in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// A code: PAM's stack has our lines.
    Code,
    /// The password: it is the stack of before.
    Password,
}

/// A key and a code.
pub const KEY: &str = "publickey,keyboard-interactive:pam";
/// A key and a code, or a password and a code.
pub const EITHER: &str = "publickey,keyboard-interactive:pam keyboard-interactive:pam";
/// A key is enough: what the blocks of jobs say.
pub const KEY_ALONE: &str = "publickey";

impl Methods {
    /// Reads what `sshd -T` prints behind the keyword; nothing printed is `any`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let list = |list: &str| list.split(',').map(str::to_ascii_lowercase).collect();
        Self(text.split_whitespace().map(list).collect())
    }

    /// Whether any single method is enough.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
            || self
                .0
                .iter()
                .any(|list| matches!(list.as_slice(), [one] if one == "any"))
    }

    /// Whether every way in asks PAM, by the only method that can ask for a code.
    #[must_use]
    pub fn always_ask_pam(&self) -> bool {
        let asks = |list: &Vec<String>| list.iter().any(|name| is_pam(name));
        !self.is_any() && self.0.iter().all(asks)
    }

    /// Whether some way in takes a key *and* a password, which keyboard-interactive asks for too where
    /// nothing else was set up.
    #[must_use]
    pub fn key_and_password(&self) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|name| base(name) == wanted);
        let password = |list: &[String]| has(list, "password") || has(list, "keyboard-interactive");
        let mut lists = self.0.iter();
        lists.any(|list| has(list, "publickey") && password(list))
    }

    /// What is left for root under `PermitRootLogin prohibit-password`, where sshd refuses each method
    /// that takes a password; None: nothing.
    #[must_use]
    pub fn without_passwords(&self) -> Option<Self> {
        const NO_PASSWORD: [&str; 3] = ["publickey", "hostbased", "gssapi-with-mic"];
        let is_left = |list: &&Vec<String>| {
            let mut names = list.iter().map(|name| base(name));
            names.all(|name| NO_PASSWORD.contains(&name))
        };
        let left: Vec<_> = self.0.iter().filter(is_left).cloned().collect();
        (!left.is_empty()).then_some(Self(left))
    }

    /// Whether there is a way in without a key, `GSSAPI` and hosts aside, where these methods are on.
    #[must_use]
    pub fn has_password(&self, password: bool, keyboard: bool) -> bool {
        let counts = |name: &str| match base(name) {
            "password" => password,
            "keyboard-interactive" => keyboard,
            _ => false,
        };
        if self.is_any() {
            return password || keyboard;
        }
        self.0
            .iter()
            .any(|list| list.iter().all(|name| counts(name)))
    }

    /// What sshd offers before anything is proven: the first of each list, without repetition.
    #[must_use]
    pub fn offered(&self) -> Vec<String> {
        let mut first: Vec<_> = self
            .0
            .iter()
            .filter_map(|list| list.first())
            .map(|name| base(name).to_owned())
            .collect();
        first.sort();
        first.dedup();
        first
    }

    /// The same in words for people.
    #[must_use]
    pub fn in_words(&self, asks: Asks) -> String {
        if self.is_any() {
            return "any method alone".to_owned();
        }
        let ways: Vec<_> = self.0.iter().map(|list| way(list, asks)).collect();
        ways.join(", or ")
    }
}

/// One alternative in words. In our stack, PAM asks for the password itself where no key came first.
fn way(list: &[String], asks: Asks) -> String {
    let names: Vec<&str> = list.iter().map(String::as_str).collect();
    let text = match (names.as_slice(), asks) {
        (["publickey"], _) => "key alone",
        (["publickey", pam], Asks::Code) if is_pam(pam) => "key + code",
        (["publickey", pam], Asks::Password) if is_pam(pam) => "key + password",
        ([pam], Asks::Code) if is_pam(pam) => "password + code",
        ([pam], Asks::Password) if is_pam(pam) => "password alone",
        (["password"], _) => "password alone",
        _ => return names.join(" + "),
    };
    text.to_owned()
}

/// Without its `:device`.
fn base(name: &str) -> &str {
    name.split_once(':').map_or(name, |(base, _)| base)
}

fn is_pam(name: &str) -> bool {
    matches!(name, "keyboard-interactive" | "keyboard-interactive:pam")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_pam() {
        let check = |text: &str, expected: bool, words: &str| {
            let methods = Methods::parse(text);
            assert_eq!(methods.always_ask_pam(), expected, "{text}");
            assert_eq!(methods.in_words(Asks::Code), words, "{text}");
        };
        check(EITHER, true, "key + code, or password + code");
        check(KEY, true, "key + code");
        check("keyboard-interactive", true, "password + code");
        check("", false, "any method alone");
        check("any", false, "any method alone");
        check("publickey", false, "key alone");
        check("publickey,publickey", false, "publickey + publickey");
        check(
            "publickey,keyboard-interactive:pam publickey",
            false,
            "key + code, or key alone",
        );
        check("publickey,password", false, "publickey + password");
        check("password", false, "password alone");
        check(
            "keyboard-interactive:pam,publickey",
            true,
            "keyboard-interactive:pam + publickey",
        );
        check(
            "keyboard-interactive:bsdauth",
            false,
            "keyboard-interactive:bsdauth",
        );
        check(
            "hostbased,publickey,keyboard-interactive:pam",
            true,
            "hostbased + publickey + keyboard-interactive:pam",
        );
    }

    /// "+ code" is said only where our lines ask for it.
    #[test]
    fn without_our_stack_nothing_asks_for_a_code() {
        let check = |text: &str, words: &str| {
            let methods = Methods::parse(text);
            assert_eq!(methods.in_words(Asks::Password), words, "{text}");
        };
        check(EITHER, "key + password, or password alone");
        check("publickey,keyboard-interactive", "key + password");
        check("publickey", "key alone");
        check("publickey,password", "publickey + password");
    }

    #[test]
    fn what_prohibit_password_leaves() {
        let check = |text: &str, left: Option<&str>| {
            let found = Methods::parse(text).without_passwords();
            assert_eq!(found, left.map(Methods::parse), "{text}");
        };
        check("publickey", Some("publickey"));
        check(EITHER, None);
        check(
            "publickey,password hostbased,publickey",
            Some("hostbased,publickey"),
        );
        check("publickey,publickey password", Some("publickey,publickey"));
    }

    /// Where no password helped, none must help later: the drop-in takes the form without.
    #[test]
    fn on_a_key_only_host_the_drop_in_opens_a_password_path() {
        let check = |text: &str, password: bool, keyboard: bool, expected: bool| {
            let found = Methods::parse(text).has_password(password, keyboard);
            assert_eq!(found, expected, "{text} {password} {keyboard}");
        };
        check("", true, false, true);
        check("any", false, true, true);
        check("any", false, false, false);
        check("publickey", true, true, false);
        check("publickey,password", true, true, false);
        check("publickey password", true, false, true);
        check("publickey password", false, true, false);
        check(EITHER, false, true, true);
        check(EITHER, true, false, false);
        check(KEY, true, true, false);
    }

    #[test]
    fn what_is_offered_first() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(Methods::parse(text).offered(), expected, "{text}");
        };
        check(EITHER, &["keyboard-interactive", "publickey"]);
        check(KEY, &["publickey"]);
        check("publickey publickey,password", &["publickey"]);
    }
}
