//! Wrong passwords by address. In memory only: it slows down, and what must not be forgotten is counted
//! by the verifier.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

/// Wrong passwords from one address within a window; then nothing is looked at until it is over.
const MOST_WRONG: u32 = 20;

/// Seconds.
const WINDOW_SECS: u64 = 60;

/// Addresses that are remembered. When there are more, the oldest makes room, and nobody is refused for it.
const MOST_ADDRESSES: usize = 10_000;

/// An address, as far as it is told apart: 64 bits of IPv6. What is no address is one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Ip(IpAddr),
    None,
}

impl Address {
    pub(super) fn parse(text: &str) -> Self {
        let address = text.split('%').next().unwrap_or_default().parse();
        address.map_or(Self::None, |ip: IpAddr| Self::Ip(ip.to_canonical()))
    }

    /// Whose wrong passwords are counted together.
    fn network(self) -> Self {
        match self {
            Self::Ip(IpAddr::V6(address)) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Self::Ip(IpAddr::V6(network.into()))
            }
            other => other,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::None => Ok(()),
        }
    }
}

/// What was counted.
#[derive(Default)]
pub(super) struct Throttle(HashMap<Address, Count>);

#[derive(Clone, Copy)]
struct Count {
    began: u64,
    wrong: u32,
}

impl Throttle {
    /// How long this address has to wait, if it does.
    pub(super) fn wait(&self, address: Address, now: u64) -> Option<u64> {
        let count = self.0.get(&address.network())?;
        let left = (count.began + WINDOW_SECS).checked_sub(now)?;
        (left > 0 && count.wrong >= MOST_WRONG).then_some(left)
    }

    /// A password was wrong.
    pub(super) fn wrong(&mut self, address: Address, now: u64) {
        let address = address.network();
        if !self.0.contains_key(&address) && self.0.len() >= MOST_ADDRESSES {
            let is_over = |count: &Count| count.began + WINDOW_SECS <= now;
            self.0.retain(|_, count| !is_over(count));
            // Of those that count, the one with the fewest.
            let least = self
                .0
                .iter()
                .min_by_key(|(_, count)| (count.wrong, count.began));
            if let Some(least) = least
                .map(|(address, _)| *address)
                .filter(|_| self.0.len() >= MOST_ADDRESSES)
            {
                self.0.remove(&least);
            }
        }
        let new = Count {
            began: now,
            wrong: 0,
        };
        let count = self.0.entry(address).or_insert(new);
        if count.began + WINDOW_SECS <= now {
            *count = new;
        }
        count.wrong += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_21st_wrong_password_of_a_minute_waits_for_its_end() {
        let mut throttle = Throttle::default();
        let (here, there) = (Address::parse("192.0.2.1"), Address::parse("192.0.2.2"));
        for _ in 0..MOST_WRONG {
            assert_eq!(throttle.wait(here, 100), None);
            throttle.wrong(here, 100);
        }
        assert_eq!(throttle.wait(here, 100), Some(60));
        assert_eq!(throttle.wait(here, 159), Some(1));
        assert_eq!(throttle.wait(there, 159), None);
        assert_eq!(throttle.wait(here, 160), None);
        throttle.wrong(here, 160);
        assert_eq!(throttle.wait(here, 160), None, "a new minute");
    }

    #[test]
    fn addresses_are_told_apart_as_sources_are() {
        let mut throttle = Throttle::default();
        for _ in 0..MOST_WRONG {
            throttle.wrong(Address::parse("2001:db8::1"), 0);
            throttle.wrong(Address::parse("::ffff:192.0.2.1"), 0);
            throttle.wrong(Address::parse("somewhere.example"), 0);
        }
        for (text, waits) in [
            ("2001:db8::2", true),
            ("2001:db8:0:1::2", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("", true),
            ("elsewhere", true),
        ] {
            let wait = throttle.wait(Address::parse(text), 0);
            assert_eq!(wait.is_some(), waits, "{text}");
        }
    }

    #[test]
    fn a_full_table_refuses_nobody_and_keeps_who_guesses_most() {
        let mut throttle = Throttle::default();
        let guesser = Address::parse("192.0.2.1");
        for _ in 0..MOST_WRONG {
            throttle.wrong(guesser, 0);
        }
        for number in 0..20_000_u32 {
            let address = Address::Ip(std::net::Ipv4Addr::from(0x0a00_0000 + number).into());
            assert_eq!(throttle.wait(address, 1), None);
            throttle.wrong(address, 1);
        }
        assert!(throttle.0.len() <= MOST_ADDRESSES);
        assert!(throttle.wait(guesser, 1).is_some());
    }
}
