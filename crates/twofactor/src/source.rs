//! Where an attempt comes from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an attempt comes from, as far as that can be trusted.
///
/// Budgets are kept for each source, so that a stranger's wrong codes do not lock the owner out. A
/// source is an address and never a name: whoever owns an address decides what its PTR record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// This machine: nobody said that it came from elsewhere.
    Local,
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address. The other 64 are the client's own choice
    /// (RFC 4291 §2.5.1, RFC 8981), so that a budget for each would be no budget.
    V6([u16; 4]),
    /// A name, or anything else that is no address: all of them are one source.
    Unplaced,
    /// What the process that faces the network tells, which may lie when it is taken over: so its
    /// addresses have budgets of their own, and are never known ones.
    Web(WebAddress),
}

/// An address as the process that faces the network tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebAddress {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address.
    V6([u16; 4]),
    /// None.
    Unplaced,
}

impl Source {
    /// Reads what PAM has as `PAM_RHOST` or a peer gives as a source: an IP address.
    ///
    /// The empty text is [`Source::Local`]. An IPv4 address in IPv6 clothes (`::ffff:192.0.2.1`,
    /// RFC 4291 §2.5.5.2) is the IPv4 address, and a zone (`fe80::1%eth0`) is dropped. Addresses of
    /// this host (`127.0.0.1`, `::1`) stay addresses: a tunnel ends there as well.
    #[must_use]
    pub fn parse(text: &str) -> Source {
        if text.is_empty() {
            return Source::Local;
        }
        let address = match text.split_once('%') {
            Some((address, zone)) if !zone.is_empty() => address.parse().map(IpAddr::V6),
            _ => text.parse(),
        };
        match address {
            Ok(IpAddr::V4(address)) => Source::V4(address),
            Ok(IpAddr::V6(address)) => Source::of_v6(address),
            Err(_) => Source::Unplaced,
        }
    }

    /// The same for what the process that faces the network tells: never this machine.
    #[must_use]
    pub fn of_web(text: &str) -> Source {
        Source::Web(match Source::parse(text) {
            Source::V4(address) => WebAddress::V4(address),
            Source::V6(network) => WebAddress::V6(network),
            Source::Local | Source::Unplaced | Source::Web(_) => WebAddress::Unplaced,
        })
    }

    fn of_v6(address: Ipv6Addr) -> Source {
        if let Some(address) = address.to_ipv4_mapped() {
            return Source::V4(address);
        }
        let [a, b, c, d, ..] = address.segments();
        Source::V6([a, b, c, d])
    }

    /// Whether both may be one person's place: whoever is on the web and at SSH has the same address.
    #[must_use]
    pub fn is_same_place(self, other: Source) -> bool {
        self.without_web() == other.without_web()
    }

    const fn without_web(self) -> Source {
        match self {
            Source::Web(WebAddress::V4(address)) => Source::V4(address),
            Source::Web(WebAddress::V6(network)) => Source::V6(network),
            Source::Web(WebAddress::Unplaced) => Source::Unplaced,
            _ => self,
        }
    }

    /// The source in a sentence for people.
    #[must_use]
    pub fn in_words(self) -> String {
        match self.without_web() {
            Source::Local => "this machine".to_owned(),
            Source::Unplaced => "an unknown place".to_owned(),
            address => address.to_string(),
        }
    }

    /// Reads a source as `Display` writes it, and nothing else.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Source> {
        let address = |text: &str| text.strip_suffix("/64").unwrap_or(text).to_owned();
        let source = match text {
            "local" => Source::Local,
            "unplaced" => Source::Unplaced,
            "web" => Source::Web(WebAddress::Unplaced),
            _ => match text.strip_prefix("web:") {
                Some(text) => Source::of_web(&address(text)),
                None => Source::parse(&address(text)),
            },
        };
        (source.to_string() == text).then_some(source)
    }

    /// Whether its failures are counted over all accounts.
    ///
    /// Those of [`Source::Local`] are not: one local user would slow all others on this machine.
    #[must_use]
    pub const fn has_level(self) -> bool {
        !matches!(self, Source::Local)
    }

    /// Whether an accepted code makes it a known source of the account: only an address.
    ///
    /// [`Source::Unplaced`] is everybody whose address is not known, [`Source::Local`] is open
    /// without being remembered, and [`Source::Web`] may be a lie.
    #[must_use]
    pub const fn can_be_known(self) -> bool {
        matches!(self, Source::V4(_) | Source::V6(_))
    }
}

impl fmt::Display for Source {
    /// `local`, `192.0.2.1`, `2001:db8:1:2::/64` or `unplaced`; `web:` before what the web tells, `web`
    /// where it tells none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Source::Local => f.write_str("local"),
            Source::V4(address) => write!(f, "{address}"),
            Source::V6(network) => write_network(f, network),
            Source::Unplaced => f.write_str("unplaced"),
            Source::Web(WebAddress::V4(address)) => write!(f, "web:{address}"),
            Source::Web(WebAddress::V6(network)) => {
                f.write_str("web:")?;
                write_network(f, network)
            }
            Source::Web(WebAddress::Unplaced) => f.write_str("web"),
        }
    }
}

fn write_network(f: &mut fmt::Formatter<'_>, network: [u16; 4]) -> fmt::Result {
    let mut segments = [0; 8];
    for (segment, of_network) in segments.iter_mut().zip(network) {
        *segment = of_network;
    }
    write!(f, "{}/64", Ipv6Addr::from(segments))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Source, WebAddress};

    #[test]
    fn addresses() {
        let cases = [
            ("", "local"),
            ("192.0.2.1", "192.0.2.1"),
            ("127.0.0.1", "127.0.0.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::FFFF:c000:201", "192.0.2.1"),
            ("::1", "::/64"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:DB8:1:2::ffff", "2001:db8:1:2::/64"),
            ("2001:db8::1", "2001:db8::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("fe80::1%2", "fe80::/64"),
        ];
        for (text, shown) in cases {
            assert_eq!(Source::parse(text).to_string(), shown, "{text}");
        }
        assert_eq!(
            Source::parse("2001:db8:1:2::1"),
            Source::parse("2001:db8:1:2:ffff::2")
        );
        assert_ne!(
            Source::parse("2001:db8:1:2::1"),
            Source::parse("2001:db8:1:3::1")
        );
    }

    #[test]
    fn a_name_is_no_source() {
        let cases = [
            "localhost",
            "local",
            "unplaced",
            "gateway.example.org",
            "192.0.2.1.example.org",
            " ",
            "192.0.2.1 ",
            "192.0.2.01",
            "192.0.2",
            "3221225985",
            "0x7f.0.0.1",
            "192.0.2.1:22",
            "192.0.2.1/32",
            "192.0.2.1%eth0",
            "[::1]",
            "fe80::1%",
            "%eth0",
            "2001:db8::/64",
            "::g",
            "192.0.2.1\0",
        ];
        for text in cases {
            assert_eq!(Source::parse(text), Source::Unplaced, "{text:?}");
        }
    }

    #[test]
    fn who_has_what() {
        let cases = [
            ("", false, false),
            ("192.0.2.1", true, true),
            ("2001:db8::1", true, true),
            ("gateway.example.org", true, false),
        ];
        for (text, has_level, can_be_known) in cases {
            let source = Source::parse(text);
            assert_eq!(source.has_level(), has_level, "{text}");
            assert_eq!(source.can_be_known(), can_be_known, "{text}");
        }
    }

    /// A process that was taken over tells what it likes.
    #[test]
    fn what_the_web_tells_is_never_known_and_never_this_machine() {
        for (text, shown) in [
            ("192.0.2.1", "web:192.0.2.1"),
            ("::ffff:192.0.2.1", "web:192.0.2.1"),
            ("2001:db8:1:2::1", "web:2001:db8:1:2::/64"),
            ("", "web"),
            ("local", "web"),
            ("web:192.0.2.1", "web"),
            ("somewhere.example", "web"),
        ] {
            let source = Source::of_web(text);
            assert_eq!(source.to_string(), shown, "{text}");
            assert_eq!(Source::from_stored(shown), Some(source), "{text}");
            assert!(source.has_level() && !source.can_be_known(), "{text}");
        }
    }

    #[test]
    fn only_what_was_written_is_read() {
        let cases = [
            "",
            "Local",
            "192.0.2.01",
            "192.0.2.1/64",
            "2001:db8::1/64",
            "2001:db8::",
            "2001:DB8::/64",
            "::ffff:192.0.2.1",
            "::/64/64",
            "name",
            "web:",
            "web:name",
            "web:2001:db8::1",
            "web:192.0.2.1/64",
        ];
        for text in cases {
            assert_eq!(Source::from_stored(text), None, "{text:?}");
        }
        assert_eq!(Source::from_stored("local"), Some(Source::Local));
        assert_eq!(Source::from_stored("unplaced"), Some(Source::Unplaced));
    }

    proptest! {
        #[test]
        fn stored_and_read(v4: [u8; 4], v6: [u16; 4]) {
            let web = [WebAddress::V4(v4.into()), WebAddress::V6(v6)].map(Source::Web);
            for source in [Source::V4(v4.into()), Source::V6(v6), web[0], web[1]] {
                prop_assert_eq!(Source::from_stored(&source.to_string()), Some(source));
            }
        }

        #[test]
        fn no_text_panics(text in ".*|[0-9a-f:.%/]{0,45}") {
            let source = Source::parse(&text);
            prop_assert_eq!(Source::from_stored(&source.to_string()), Some(source));
        }
    }
}
