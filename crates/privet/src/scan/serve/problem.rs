//! What is answered where no scan is: RFC 9457.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

/// Why a request is not answered. `Display` is the text for the caller; none holds anything of what it sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    WrongHost,
    WrongOrigin,
    WrongToken,
    NoSuchAddress,
    WrongMethod(&'static str),
    TooLarge(u64),
    BodyCut,
    BadJson { line: usize, column: usize },
    UnsupportedMedia,
    BadName,
    NotMended(String),
    Busy,
    Deadline(u64),
    Baseline,
    Failed,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WrongHost => {
                f.write_str("this server answers under `127.0.0.1` and `localhost` with its port only")
            }
            Self::WrongOrigin => {
                f.write_str("pages of this origin may not ask; name it with `--allow-origin` if they are yours")
            }
            Self::WrongToken => {
                f.write_str("send the token of `privet scan --serve` as `authorization: Bearer …`")
            }
            Self::NoSuchAddress => f.write_str(
                "there is no such address; there are POST /v1/scan, POST /v1/redact and GET /v1/healthz",
            ),
            Self::WrongMethod(allowed) => write!(f, "this address takes {allowed} only"),
            Self::TooLarge(most) => {
                write!(f, "the body is longer than {most} bytes, the most that is looked at")
            }
            Self::BodyCut => f.write_str("the body broke off, or did not arrive in time; send it again"),
            Self::BadJson { line, column } => write!(
                f,
                "the body is not JSON of the right shape (line {line}, column {column}); docs/scan.md tells which that is"
            ),
            Self::UnsupportedMedia => f.write_str(
                "send `application/json`, or a file's bytes to be scanned as `application/octet-stream`, without `content-encoding`",
            ),
            Self::BadName => f.write_str("the name is longer than 1024 bytes, or has control characters"),
            Self::NotMended(why) => write!(f, "the notebook is not mended: {why}"),
            Self::Busy => f.write_str("other files are being looked at; try again in a moment"),
            Self::Deadline(seconds) => write!(
                f,
                "it took longer than {seconds} seconds to look at; scan the file with `privet scan` instead"
            ),
            Self::Baseline => {
                f.write_str("the baseline of the settings cannot be used; `privet scan` tells why")
            }
            Self::Failed => {
                f.write_str("it could not be looked at, for a reason that does not lie with the caller")
            }
        }
    }
}

impl Problem {
    const fn status(&self) -> (StatusCode, &'static str) {
        match self {
            Self::WrongHost => (StatusCode::MISDIRECTED_REQUEST, "wrong_host"),
            Self::WrongOrigin => (StatusCode::FORBIDDEN, "origin_not_allowed"),
            Self::WrongToken => (StatusCode::UNAUTHORIZED, "wrong_token"),
            Self::NoSuchAddress => (StatusCode::NOT_FOUND, "not_found"),
            Self::WrongMethod(_) => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Self::BodyCut => (StatusCode::REQUEST_TIMEOUT, "body_cut"),
            Self::BadJson { .. } => (StatusCode::BAD_REQUEST, "bad_json"),
            Self::UnsupportedMedia => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::BadName => (StatusCode::BAD_REQUEST, "bad_name"),
            Self::NotMended(_) => (StatusCode::UNPROCESSABLE_ENTITY, "not_mended"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Deadline(_) => (StatusCode::SERVICE_UNAVAILABLE, "deadline"),
            Self::Baseline => (StatusCode::INTERNAL_SERVER_ERROR, "bad_baseline"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
        }
    }

    pub(super) fn to_response(&self) -> Response<Full<Bytes>> {
        let (status, code) = self.status();
        let body = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": self.to_string(),
            "code": code,
        });
        let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::WrongToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::WrongMethod(allowed) => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
