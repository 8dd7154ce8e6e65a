//! Who asks, by which name, from which page: the peer's address behind proxies, `Host` and `Origin`.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use nix::unistd::gethostname;

use crate::config::Config;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// By what this service may be called, and who may speak for others.
#[derive(Debug)]
pub(crate) struct Origins {
    hosts: Vec<String>,
    proxies: Vec<IpAddr>,
    tls: bool,
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stray {
    /// `Host` is not one of our names: a foreign name was pointed at this address.
    Host,
    /// The page that asks is not ours.
    Origin,
}

impl Origins {
    pub(crate) fn new(config: &Config) -> Self {
        let mut hosts = config.hosts.clone();
        hosts.extend(["localhost".to_owned(), machine_name().to_ascii_lowercase()]);
        Self {
            hosts,
            proxies: config.trusted_proxies.clone(),
            tls: !config.http,
        }
    }

    /// Whether pages are reached by https, here or at the proxy in front.
    pub(crate) fn is_secure(&self, peer: Peer) -> bool {
        self.tls || self.is_proxy(peer.0.ip())
    }

    /// For whom the peer asks: itself, unless it is a trusted proxy. Then the last address of
    /// `X-Forwarded-For` that is no proxy's counts, since whatever stands before may be made up.
    pub(crate) fn source(&self, peer: Peer, headers: &HeaderMap) -> IpAddr {
        let mut source = peer.0.ip().to_canonical();
        if !self.is_proxy(source) {
            return source;
        }
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        let lines = lines.iter().rev().map(|line| line.to_str().unwrap_or(""));
        for hop in lines.flat_map(|line| line.rsplit(',')) {
            match hop.trim().parse::<IpAddr>() {
                Ok(address) => source = address.to_canonical(),
                Err(_) => return source,
            }
            if !self.is_proxy(source) {
                return source;
            }
        }
        source
    }

    /// Whether `Host` is a name of ours. Addresses always are: no foreign name can be pointed at one.
    ///
    /// # Errors
    /// It is not, or there is none, or more than one.
    pub(crate) fn check_host(&self, headers: &HeaderMap) -> Result<(), Stray> {
        let host = only(headers, &HOST).ok_or(Stray::Host)?;
        let name = name_of(host).ok_or(Stray::Host)?;
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let known = || {
            self.hosts
                .iter()
                .any(|ours| name.eq_ignore_ascii_case(ours))
        };
        if bare.parse::<IpAddr>().is_ok() || known() {
            Ok(())
        } else {
            Err(Stray::Host)
        }
    }

    /// Whether the page that asks is ours: `Origin` is scheme, host and port of this very service. Without
    /// one no browser asks.
    ///
    /// # Errors
    /// It is another page.
    pub(crate) fn check_origin(&self, peer: Peer, headers: &HeaderMap) -> Result<(), Stray> {
        if !headers.contains_key(ORIGIN) {
            return Ok(());
        }
        let scheme = if self.is_secure(peer) {
            "https"
        } else {
            "http"
        };
        let ours = only(headers, &HOST).map(|host| format!("{scheme}://{host}"));
        let theirs = only(headers, &ORIGIN);
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if ours.eq_ignore_ascii_case(theirs) => Ok(()),
            _ => Err(Stray::Origin),
        }
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.contains(&address.to_canonical())
    }
}

/// The machine's own name.
pub(crate) fn machine_name() -> String {
    let name = gethostname().ok().and_then(|name| name.into_string().ok());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value: &HeaderValue = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

/// The name in `name:port`.
fn name_of(host: &str) -> Option<&str> {
    let uri: Uri = host.parse().ok()?;
    let authority = uri.authority()?.as_str();
    // Nothing but a name and a port: no user, no path.
    if authority != host || host.contains('@') {
        return None;
    }
    let end = match host.rfind(']') {
        Some(bracket) => bracket + 1,
        None => host.find(':').unwrap_or(host.len()),
    };
    host.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(tls: bool, proxies: &[&str]) -> Origins {
        Origins {
            hosts: vec!["nas.example.org".to_owned(), "localhost".to_owned()],
            proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
            tls,
        }
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let parsed = lines.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        });
        let mut headers = HeaderMap::new();
        for (name, value) in parsed {
            headers.append(name, value);
        }
        headers
    }

    fn peer(address: &str) -> Peer {
        Peer(SocketAddr::new(address.parse().unwrap(), 4711))
    }

    #[test]
    fn only_our_names_and_addresses_are_hosts() {
        let origins = origins(true, &[]);
        for host in [
            "nas.example.org",
            "NAS.example.org:8443",
            "localhost:1",
            "192.0.2.1:8443",
            "[2001:db8::1]:8443",
            "[::1]",
        ] {
            assert_eq!(
                origins.check_host(&headers(&[("host", host)])),
                Ok(()),
                "{host}"
            );
        }
        for host in [
            "evil.example",
            "nas.example.org.evil.example",
            "x@nas.example.org",
            "nas.example.org/x",
            "",
            "nas.example.org@evil.example",
        ] {
            let found = origins.check_host(&headers(&[("host", host)]));
            assert_eq!(found, Err(Stray::Host), "{host}");
        }
        let two = headers(&[("host", "localhost"), ("host", "localhost")]);
        assert_eq!(origins.check_host(&two), Err(Stray::Host));
        assert_eq!(origins.check_host(&headers(&[])), Err(Stray::Host));
    }

    #[test]
    fn an_origin_is_ours_to_the_letter_or_absent() {
        let host = ("host", "nas.example.org:8443");
        let check = |tls, origin| {
            let headers = headers(&[host, ("origin", origin)]);
            origins(tls, &["127.0.0.1"]).check_origin(peer("192.0.2.9"), &headers)
        };
        assert_eq!(check(true, "https://nas.example.org:8443"), Ok(()));
        assert_eq!(check(false, "http://nas.example.org:8443"), Ok(()));
        for origin in [
            "http://nas.example.org:8443",
            "https://nas.example.org",
            "https://nas.example.org:8444",
            "https://evil.example",
            "null",
            "",
        ] {
            assert_eq!(check(true, origin), Err(Stray::Origin), "{origin}");
        }
        let absent = headers(&[host]);
        assert_eq!(
            origins(true, &[]).check_origin(peer("::1"), &absent),
            Ok(())
        );
    }

    #[test]
    fn a_proxy_in_front_speaks_https() {
        let headers = headers(&[
            ("host", "nas.example.org"),
            ("origin", "https://nas.example.org"),
        ]);
        let behind = origins(false, &["127.0.0.1"]);
        assert_eq!(behind.check_origin(peer("127.0.0.1"), &headers), Ok(()));
        assert_eq!(
            behind.check_origin(peer("::1"), &headers),
            Err(Stray::Origin)
        );
    }

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        let origins = origins(true, &["10.0.0.1", "10.0.0.2"]);
        for (from, lines, source) in [
            ("192.0.2.9", vec!["203.0.113.5"], "192.0.2.9"),
            ("10.0.0.1", vec!["203.0.113.5"], "203.0.113.5"),
            ("::ffff:10.0.0.1", vec!["203.0.113.5"], "203.0.113.5"),
            // Whatever a client writes itself stands before what the proxy adds.
            ("10.0.0.1", vec!["198.51.100.1, 203.0.113.5"], "203.0.113.5"),
            (
                "10.0.0.1",
                vec!["198.51.100.1", "203.0.113.5"],
                "203.0.113.5",
            ),
            ("10.0.0.1", vec!["203.0.113.5, 10.0.0.2"], "203.0.113.5"),
            ("10.0.0.1", vec!["203.0.113.5, junk"], "10.0.0.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
        ] {
            let lines: Vec<_> = lines
                .iter()
                .map(|line| ("x-forwarded-for", *line))
                .collect();
            let found = origins.source(peer(from), &headers(&lines));
            assert_eq!(found.to_string(), source, "{from} {lines:?}");
        }
    }
}
