//! `wss://HOST[:PORT]/api/current`, the one form in which another machine can be named.

/// Another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// Name or address; one of IPv6 without its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As `Host` has it.
    pub(crate) authority: String,
}

/// Where `-u` says nothing of it.
const HTTPS: u16 = 443;

impl Address {
    /// What follows `wss://`.
    pub(crate) fn parse(rest: &str) -> Result<Self, String> {
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, path),
            None => (rest, ""),
        };
        // A password in a URI would be for everybody to see.
        if authority.contains('@') {
            return Err("say who you are with -U, not in the URI".into());
        }
        match path {
            "" | "api/current" => {}
            "websocket" => {
                return Err("the protocol of 22.12 is spoken on no network: \
                            wss://HOST/api/current"
                    .into());
            }
            _ => return Err("it has to end in /api/current".into()),
        }
        let (host, port) = split(authority).ok_or("a host and a port: wss://HOST:8443")?;
        Ok(Self {
            host: host.to_owned(),
            port,
            authority: authority.to_owned(),
        })
    }

    /// For people.
    pub(crate) fn uri(&self) -> String {
        format!("wss://{}/api/current", self.authority)
    }
}

fn split(authority: &str) -> Option<(&str, u16)> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => match authority.find(':') {
            Some(colon) => authority.split_at_checked(colon)?,
            None => (authority, ""),
        },
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port != 0)?,
        None if rest.is_empty() => HTTPS,
        None => return None,
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    let is_host = !host.is_empty() && !host.starts_with('-') && host.bytes().all(is_plain);
    is_host.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        let check = |rest: &str, expected: Option<(&str, u16)>| {
            let found = Address::parse(rest);
            let found = found
                .as_ref()
                .map(|found| (found.host.as_str(), found.port));
            assert_eq!(found.ok(), expected, "{rest}");
        };
        check("nas", Some(("nas", 443)));
        check("nas:8443/", Some(("nas", 8443)));
        check(
            "nas.example.org:8443/api/current",
            Some(("nas.example.org", 8443)),
        );
        check("192.0.2.1:1/api/current", Some(("192.0.2.1", 1)));
        check("[2001:db8::1]:8443", Some(("2001:db8::1", 8443)));
        check("[::1]", Some(("::1", 443)));
        for wrong in [
            "",
            "/",
            ":8443",
            "nas:",
            "nas:0",
            "nas:x",
            "nas:65536",
            "nas/websocket",
            "nas/x",
            "root:secret@nas",
            "[::1",
            "[::1]x",
            "::1",
            "-x",
            "n as",
            "nas?x",
            "nas#x",
        ] {
            check(wrong, None);
        }
    }
}
