//! `http://` and `https://` addresses, as strictly as a document needs them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An absolute address without user name, query or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WebAddress<'a> {
    pub(crate) is_https: bool,
    /// Without brackets.
    pub(crate) host: &'a str,
    /// Empty, or beginning with `/`.
    pub(crate) path: &'a str,
}

/// Takes an address apart; the error says what is wrong without repeating any of it.
pub(crate) fn parse(text: &str) -> Result<WebAddress<'_>, &'static str> {
    if !text
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'`' | b'^' | b'|'))
    {
        return Err("holds a blank, or a character that does not belong in an address");
    }
    let (is_https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err("must begin with `https://` or `http://`"),
    };
    if rest.contains(['?', '#']) {
        return Err("must not hold `?` or `#`");
    }
    let (authority, path) = rest
        .find('/')
        .and_then(|at| rest.split_at_checked(at))
        .unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err("must not hold a user name or password");
    }
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("must not hold `.` or `..` as a path segment");
    }
    Ok(WebAddress {
        is_https,
        host: host(authority)?,
        path,
    })
}

fn host(authority: &str) -> Result<&str, &'static str> {
    const BAD_HOST: &str = "must name a host, such as `api.example.com` or `127.0.0.1`";
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(BAD_HOST)?;
        host.parse::<Ipv6Addr>().map_err(|_| BAD_HOST)?;
        (host, port)
    } else {
        let (host, port) = authority
            .find(':')
            .and_then(|at| authority.split_at_checked(at))
            .unwrap_or((authority, ""));
        let is_name = host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        });
        let ends_in_number = host
            .rsplit('.')
            .next()
            .is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
        // `127.1` and `0x7f.1` mean different hosts to different libraries.
        if !is_name || host.len() > 253 || (ends_in_number && host.parse::<Ipv4Addr>().is_err()) {
            return Err(BAD_HOST);
        }
        (host, port)
    };
    let is_port = |digits: &str| {
        digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if port.is_empty() || port.strip_prefix(':').is_some_and(is_port) {
        Ok(host)
    } else {
        Err("has a bad port: use a number from 1 to 65535")
    }
}

impl WebAddress<'_> {
    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}
