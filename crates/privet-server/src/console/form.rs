//! What forms and addresses hold.

use std::collections::BTreeMap;

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::gateway::Gateway;
use crate::problem::Problem;
use crate::query;

/// Largest form of somebody who has signed in.
const MOST_BYTES: usize = 256 << 10;
/// Largest form of anybody else: a name and a password.
pub(super) const MOST_OUTSIDE: usize = 16 << 10;

/// The fields of a form, or of an address. A field that stands twice does not count. It may hold passwords: it has no `Debug`.
pub(super) struct Form(BTreeMap<String, Option<String>>);

impl Form {
    /// The fields of the query of an address.
    pub(super) fn of_query(parts: &Parts) -> Result<Self, Problem> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }

    /// The fields of the form that a request brings, within the limits of size and time.
    pub(super) async fn read(gateway: &Gateway, headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        Self::read_up_to(MOST_BYTES, gateway, headers, body).await
    }

    /// The same of no more than `most` bytes.
    pub(super) async fn read_up_to(
        most: usize,
        gateway: &Gateway,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, Problem> {
        let is_form = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| {
                kind.trim()
                    .eq_ignore_ascii_case("application/x-www-form-urlencoded")
            });
        if !is_form {
            return Err(Problem::told(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "This is not a form of the console.",
            ));
        }
        let time = gateway.settings.limits.body_timeout.duration();
        let bytes = match timeout(time, Limited::new(body, most).collect()).await {
            Err(_) => return Err(Problem::BodyTimeout),
            Ok(Ok(collected)) => collected.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Problem::told(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!("That is too much at once: a form holds {} KiB.", most >> 10),
                ));
            }
            Ok(Err(_)) => return Err(Problem::BodyCut),
        };
        Self::parse(std::str::from_utf8(&bytes).unwrap_or("%"))
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let pairs = query::pairs(Some(text)).ok_or_else(|| {
            Problem::told(
                StatusCode::BAD_REQUEST,
                "What was sent cannot be read. Go back and try again.",
            )
        })?;
        let mut fields = BTreeMap::new();
        for (name, value) in pairs {
            fields
                .entry(name)
                .and_modify(|known| *known = None)
                .or_insert(Some(value));
        }
        Ok(Self(fields))
    }

    /// The field `name` as it was sent; empty if it was not.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.get(name).and_then(Option::as_deref).unwrap_or_default()
    }

    /// The same without blanks at either end.
    pub(super) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// A number, if it is one.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.text(name).parse().ok()
    }
}

/// `path` with these fields in its query; empty ones are left out.
pub(super) fn with_query(path: &str, fields: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    let mut sign = '?';
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        address.push(sign);
        address.push_str(name);
        address.push('=');
        address.push_str(&query::encode(value));
        sign = '&';
    }
    address
}

/// `wanted`, if it is a path of the console; else its first page. Nobody is sent elsewhere.
pub(super) fn local(wanted: &str) -> &str {
    let is_ours = wanted
        .strip_prefix("/console")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = wanted
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'#');
    // Browsers take `/console/../…` for another path.
    let climbs = wanted.to_ascii_lowercase().replace("%2e", ".").contains("..");
    if is_ours && is_plain && !climbs && wanted.len() <= 1024 {
        wanted
    } else {
        "/console"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_out_of_the_console() {
        for good in [
            "/console",
            "/console/",
            "/console/decisions?minutes=60&who=a%20b",
            "/console?x=1",
        ] {
            assert_eq!(local(good), good);
        }
        for bad in [
            "",
            "/",
            "//evil.example",
            "//evil.example/console",
            "/\\evil.example",
            "https://evil.example/console",
            "javascript:alert(1)",
            "/console.evil.example",
            "/consolex",
            "/console/../v1/models",
            "/console/%2e%2E/v1/models",
            "/console/\\\\evil.example",
            "/console\r\nset-cookie: a=b",
            "/console/é",
            " /console",
        ] {
            assert_eq!(local(bad), "/console", "{bad}");
        }
    }

    #[test]
    fn a_field_that_stands_twice_does_not_count() {
        let form = Form::parse("a=1&b=%C3%A9+x&a=2&csrf_token=t&csrf_token=t").ok();
        let form = form.as_ref();
        assert_eq!(form.map(|form| form.text("a")), Some(""));
        assert_eq!(form.map(|form| form.text("b")), Some("é x"));
        assert_eq!(form.map(|form| form.raw("csrf_token")), Some(""));
        assert!(Form::parse("a=%zz").is_err());
    }

    #[test]
    fn what_stands_in_an_address_comes_back_from_it() {
        let address = with_query("/console/x", &[("who", "a&b=c é"), ("none", ""), ("n", "1")]);
        assert_eq!(address, "/console/x?who=a%26b%3Dc%20%C3%A9&n=1");
        let (_, query) = address.split_once('?').unwrap_or_default();
        let form = Form::parse(query).ok();
        assert_eq!(form.as_ref().map(|form| form.text("who")), Some("a&b=c é"));
    }
}
