//! From a request to its answer.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE,
    HeaderMap, HeaderName, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::doors::{Doors, Sender};
use super::look::{File, Looker, Mode, Spotted, Wish};
use super::problem::Problem;

/// The longest body.
const MOST_BYTES: u64 = 32 << 20;
/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(20);
/// Longest name of a file.
const MOST_NAME: usize = 1024;
/// What a file is called that comes without a name.
const NAMELESS: &str = "untitled.ipynb";
/// Private Network Access: browsers ask whether pages may reach addresses of this machine.
const ALLOW_PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");
const REQUEST_PRIVATE: HeaderName = HeaderName::from_static("access-control-request-private-network");

type Answer = Response<Full<Bytes>>;

/// `POST /v1/scan`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScanBody {
    name: Option<String>,
    content: String,
}

/// `POST /v1/redact`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedactBody {
    name: Option<String>,
    content: String,
    mode: Mode,
    #[serde(default)]
    source: bool,
    fingerprints: Option<BTreeSet<String>>,
    places: Option<Vec<Spotted>>,
}

/// All that is served.
pub(super) struct Service {
    doors: Doors,
    looker: Looker,
    most: u64,
}

impl Service {
    pub(super) fn new(doors: Doors, looker: Looker) -> Self {
        Self {
            most: looker.most_bytes().min(MOST_BYTES),
            doors,
            looker,
        }
    }

    /// Answers `request`. Nothing of it is kept or written anywhere.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let sender = match self.doors.sender(&request) {
            Ok(sender) => sender,
            Err(problem) => return problem.to_response(),
        };
        let mut answer = match (&sender, request.method()) {
            (Sender::Page(_), &Method::OPTIONS) => preflight(request.headers()),
            _ => match self.route(request).await {
                Ok(value) => told(&value),
                Err(problem) => problem.to_response(),
            },
        };
        let headers = answer.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(VARY, HeaderValue::from_static("origin"));
        if let Sender::Page(origin) = sender {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        answer
    }

    async fn route(&self, request: Request<Incoming>) -> Result<Value, Problem> {
        self.doors.check_token(request.headers())?;
        let (path, method) = (request.uri().path(), request.method());
        match (path, method) {
            ("/v1/healthz", &Method::GET) => Ok(json!({
                "status": "ok",
                "version": env!("CARGO_PKG_VERSION"),
                "most_bytes": self.most,
            })),
            ("/v1/scan", &Method::POST) => self.scan(request).await,
            ("/v1/redact", &Method::POST) => self.redact(request).await,
            ("/v1/healthz", _) => Err(Problem::WrongMethod("GET")),
            ("/v1/scan" | "/v1/redact", _) => Err(Problem::WrongMethod("POST")),
            _ => Err(Problem::NoSuchAddress),
        }
    }

    async fn scan(&self, request: Request<Incoming>) -> Result<Value, Problem> {
        let is_json = is_json(request.headers())?;
        let query = request.uri().query().unwrap_or_default().to_owned();
        let place = self.looker.place().await?;
        let body = self.body(request).await?;
        let file = if is_json {
            let asked: ScanBody = parsed(&body)?;
            file(asked.name, asked.content.into_bytes())?
        } else {
            file(name_of(&query)?, body)?
        };
        self.looker.scan(place, file).await
    }

    async fn redact(&self, request: Request<Incoming>) -> Result<Value, Problem> {
        if !is_json(request.headers())? {
            return Err(Problem::UnsupportedMedia);
        }
        let place = self.looker.place().await?;
        let body = self.body(request).await?;
        let asked: RedactBody = parsed(&body)?;
        let file = file(asked.name, asked.content.into_bytes())?;
        let wish = Wish {
            mode: asked.mode,
            source: asked.source,
            fingerprints: asked.fingerprints,
            places: asked.places,
        };
        self.looker.mend(place, file, wish).await
    }

    async fn body(&self, request: Request<Incoming>) -> Result<Vec<u8>, Problem> {
        let body = request.into_body();
        if body.size_hint().lower() > self.most {
            return Err(Problem::TooLarge(self.most));
        }
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        match tokio::time::timeout(BODY_DEADLINE, Limited::new(body, most).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes().into()),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                Err(Problem::TooLarge(self.most))
            }
            Ok(Err(_)) | Err(_) => Err(Problem::BodyCut),
        }
    }
}

/// Tells the browser that the page may ask, by which methods and with which headers.
fn preflight(asked: &HeaderMap) -> Answer {
    if !asked.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return Problem::WrongMethod("GET, POST").to_response();
    }
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST"),
    );
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("authorization, content-type"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    let asks_private = asked.get(REQUEST_PRIVATE).is_some_and(|value| value == "true");
    if asks_private {
        headers.insert(ALLOW_PRIVATE, HeaderValue::from_static("true"));
    }
    answer
}

fn told(value: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(value.to_string())));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Whether the body is JSON of ours, and not a file's bytes.
fn is_json(headers: &HeaderMap) -> Result<bool, Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Problem::UnsupportedMedia);
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
    match kind.trim().to_ascii_lowercase().as_str() {
        "application/json" => Ok(true),
        "application/octet-stream" | "application/x-ipynb+json" => Ok(false),
        _ => Err(Problem::UnsupportedMedia),
    }
}

/// A fault is told by its place alone: the parser's words may quote the text.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::BadJson {
        line: error.line(),
        column: error.column(),
    })
}

fn file(name: Option<String>, bytes: Vec<u8>) -> Result<File, Problem> {
    let name = name.unwrap_or_default();
    let name = name.trim_start_matches('/');
    if name.len() > MOST_NAME || name.chars().any(char::is_control) {
        return Err(Problem::BadName);
    }
    let name = if name.is_empty() { NAMELESS } else { name };
    Ok(File {
        name: name.to_owned(),
        bytes,
    })
}

/// `name` of a query, percent-decoded.
fn name_of(query: &str) -> Result<Option<String>, Problem> {
    let Some(value) = query.split('&').find_map(|pair| pair.strip_prefix("name=")) else {
        return Ok(None);
    };
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err(Problem::BadName);
                };
                u8::try_from(high * 16 + low).map_err(|_| Problem::BadName)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map(Some).map_err(|_| Problem::BadName)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_the_query_is_decoded() {
        assert_eq!(name_of(""), Ok(None));
        assert_eq!(name_of("a=b"), Ok(None));
        let name = "a b/ä.ipynb".to_owned();
        assert_eq!(name_of("a=b&name=a+b%2F%C3%A4.ipynb"), Ok(Some(name)));
        for wrong in ["name=%", "name=%4", "name=%zz", "name=%ff"] {
            assert_eq!(name_of(wrong), Err(Problem::BadName), "{wrong}");
        }
    }

    #[test]
    fn a_name_has_an_end_and_no_control_characters() {
        let named = |name: &str| file(Some(name.to_owned()), Vec::new()).map(|file| file.name);
        assert_eq!(named("/a.ipynb"), Ok("a.ipynb".to_owned()));
        assert_eq!(named(""), Ok(NAMELESS.to_owned()));
        assert_eq!(named("a\nb"), Err(Problem::BadName));
        assert_eq!(named(&"a".repeat(MOST_NAME + 1)), Err(Problem::BadName));
    }
}
