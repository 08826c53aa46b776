//! The cookie that holds a session's token.

use http::HeaderMap;
use http::header::{COOKIE, HeaderValue};

use super::Door;

/// Its name over HTTPS: browsers then make sure that this host set it, for all paths and over HTTPS (RFC 6265bis §4.1.3.2).
const SECURE: &str = "__Host-privet_session";
/// Its name on this machine without HTTPS, where browsers take no such cookie.
const PLAIN: &str = "privet_session";

/// What the cookie `name` holds. One that stands twice does not count: a site beside this one may have set the other.
pub(super) fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let pairs = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value);
    match (ours.next(), ours.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

impl Door {
    const fn name(&self) -> &'static str {
        if self.is_https { SECURE } else { PLAIN }
    }

    /// The token in the cookie of this name. One that stands twice does not count: a site beside this one may have set the other.
    pub(crate) fn token<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        value(headers, self.name())
    }

    /// Gives the browser `token` for as long as it runs; without one it forgets what it has.
    pub(crate) fn set_cookie(&self, token: Option<&str>) -> Option<HeaderValue> {
        let secure = if self.is_https { "; Secure" } else { "" };
        let end = if token.is_some() { "" } else { "; Max-Age=0" };
        let text = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict{secure}{end}",
            self.name(),
            token.unwrap_or_default()
        );
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}
