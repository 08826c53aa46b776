//! Headers of clients of servers of tools.

use data_encoding::BASE64;
use http::header::{HeaderName, HeaderValue, ORIGIN};
use http::{HeaderMap, StatusCode};
use privet_surface::mcp::MessageKind;

use super::exchange::Outgoing;
use super::rules::{DEFAULT_VERSION, HEADERS_FROM, VERSIONS};
use super::seal::{Of, Seal};
use super::upstream::Head;
use crate::problem::Problem;

const VERSION: &str = "mcp-protocol-version";
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
const PARAMETER: &str = "mcp-param-";
/// How a text is written that no header can hold as it is.
const ENCODED: (&str, &str) = ("=?base64?", "?=");

/// That no page of a stranger's calls through somebody's browser (DNS rebinding): it would name its origin.
pub(super) fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), Problem> {
    let is_allowed = headers.get_all(ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        allowed.contains(&origin)
    });
    if is_allowed {
        return Ok(());
    }
    Err(Problem::coded(
        StatusCode::FORBIDDEN,
        "origin_not_allowed",
        "pages of this origin may not call here; the operator lists those that may in `[mcp] origins` of the settings",
    ))
}

/// What a request says of session and version, in the server's words.
pub(super) fn read(headers: &HeaderMap, seal: &Seal) -> Result<Head, Problem> {
    let version = match one(headers, VERSION)? {
        None => None,
        Some(version) if VERSIONS.contains(&version) => Some(version.to_owned()),
        Some(_) => {
            let text = format!(
                "this version of the protocol is not spoken here; use {}",
                VERSIONS.join(", ")
            );
            return Err(Problem::coded(
                StatusCode::BAD_REQUEST,
                "unsupported_version",
                text,
            ));
        }
    };
    let session = match one(headers, "mcp-session-id")? {
        None => None,
        Some(sealed) => Some(seal.open(Of::Session, sealed).ok_or_else(|| {
            let text = "there is no such session of yours; begin another one";
            Problem::coded(StatusCode::NOT_FOUND, "no_session", text)
        })?),
    };
    let last_event = match one(headers, "last-event-id")? {
        None => None,
        Some(sealed) => Some(seal.open(Of::Event, sealed).ok_or_else(|| {
            let text = "there is no such event of yours to go on from; begin another stream";
            Problem::coded(StatusCode::BAD_REQUEST, "no_event", text)
        })?),
    };
    Ok(Head {
        session,
        last_event,
        version,
        mirrored: Vec::new(),
    })
}

/// The only header of this name: of two, the server may go by the other.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Problem> {
    let mut all = headers.get_all(name).iter();
    let bad = || {
        let text = format!("send `{name}` once, and in plain letters");
        Problem::coded(StatusCode::BAD_REQUEST, "header_mismatch", text)
    };
    let first = all.next();
    if all.next().is_some() {
        return Err(bad());
    }
    first.map(|value| value.to_str().map_err(|_| bad())).transpose()
}

fn mismatch(text: &str) -> Problem {
    Problem::coded(StatusCode::BAD_REQUEST, "header_mismatch", text)
}

/// The headers that say what the body says, made anew from what goes on. Those of the client must agree with what it sent.
pub(super) fn mirror(headers: &HeaderMap, out: &Outgoing) -> Result<Vec<(HeaderName, HeaderValue)>, Problem> {
    let version = one(headers, VERSION)?.unwrap_or(DEFAULT_VERSION);
    if version < HEADERS_FROM {
        return Ok(Vec::new());
    }
    let MessageKind::Request { method, .. } = &out.kind else {
        return Ok(Vec::new());
    };
    if one(headers, METHOD.as_str())? != Some(method.as_str()) {
        return Err(mismatch("`Mcp-Method` does not say what the body says"));
    }
    let mut mirrored = vec![(METHOD, encoded(method)?)];
    let wants_name = matches!(method.as_str(), "tools/call" | "resources/read" | "prompts/get");
    if let Some((_, name)) = out.named.as_ref().filter(|_| wants_name) {
        let said = one(headers, NAME.as_str())?.and_then(decoded);
        if said.as_ref() != Some(name) {
            return Err(mismatch("`Mcp-Name` does not say what the body says"));
        }
        mirrored.push((NAME, encoded(out.sent_name.as_deref().unwrap_or_default())?));
    }
    for (name, value) in headers {
        if !name.as_str().starts_with(PARAMETER) {
            continue;
        }
        if !out.is_as_it_came {
            return Err(mismatch(
                "the call names its arguments in headers (`Mcp-Param-…`), and private values in the body were replaced; leave them out of the call",
            ));
        }
        // Nothing goes in a header that does not go in the body, which was looked at.
        let said = value.to_str().ok().and_then(decoded);
        if !said.is_some_and(|said| out.arguments.contains(&said)) {
            return Err(mismatch("`Mcp-Param-…` says what is no argument in the body"));
        }
        mirrored.push((name.clone(), value.clone()));
    }
    Ok(mirrored)
}

fn encoded(text: &str) -> Result<HeaderValue, Problem> {
    let is_plain = text.bytes().all(|b| (0x20..=0x7e).contains(&b))
        && text.trim() == text
        && !(text.starts_with(ENCODED.0) && text.ends_with(ENCODED.1));
    let written = if is_plain {
        text.to_owned()
    } else {
        format!("{}{}{}", ENCODED.0, BASE64.encode(text.as_bytes()), ENCODED.1)
    };
    HeaderValue::from_str(&written).map_err(|_| mismatch("a name that no header can hold"))
}

fn decoded(written: &str) -> Option<String> {
    let inner = written
        .strip_prefix(ENCODED.0)
        .and_then(|rest| rest.strip_suffix(ENCODED.1));
    match inner {
        None => Some(written.to_owned()),
        Some(inner) => String::from_utf8(BASE64.decode(inner.as_bytes()).ok()?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_header_can_hold_is_encoded_and_comes_back() {
        for text in [
            "get_weather",
            "file:///a/b",
            "Grüße",
            " padded ",
            "a\nb",
            "=?base64?x?=",
        ] {
            let written = encoded(text).unwrap();
            assert_eq!(decoded(written.to_str().unwrap()).as_deref(), Some(text));
        }
        assert_eq!(encoded("get_weather").unwrap(), "get_weather");
        assert_eq!(encoded("Hello, 世界").unwrap(), "=?base64?SGVsbG8sIOS4lueVjA==?=");
    }

    #[test]
    fn only_listed_origins_may_call_from_pages() {
        let allowed = ["https://chat.example.com".to_owned()];
        let with = |origins: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(ORIGIN, HeaderValue::from_static(origin));
            }
            check_origin(&headers, &allowed).is_ok()
        };
        assert!(with(&[]) && with(&["https://Chat.example.com"]));
        assert!(!with(&["http://chat.example.com"]) && !with(&["null"]));
        assert!(!with(&["https://chat.example.com", "https://evil.example"]));
    }
}
