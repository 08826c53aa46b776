//! One call of the vault's interface: who calls, what was sent, what is answered.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, IF_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use privet_store::Leaf;
use privet_types::Pseudonym;
use privet_vault::{
    Access, AccessResult, Actor, Audited, Error, Ground, Operation, PermittedUse, SubjectId, SubjectRef,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::VaultApi;
use super::problem::VaultProblem;
use super::reader::BodyReader;
use super::route::Route;
use crate::access::address_of;
use crate::prompt::{new_request_id, with_request_id};
use crate::query::pairs;

/// The kind of the leaves that tell of reads.
const READ: &str = "vault_read";

/// Why a body is refused, before anything is done with it.
const BODY: [&str; 5] = [
    "request_too_large",
    "body_timeout",
    "body_cut",
    "unsupported_media",
    "bad_json",
];

/// Media types of answers.
pub(crate) const JSON: &str = "application/json";
pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const LINES: &str = "application/x-ndjson";

/// Where a page of lines goes on.
const NEXT: HeaderName = HeaderName::from_static("x-privet-next");

/// Pieces of an import's body that may wait for being read.
const PIECES: usize = 16;

/// The header that declares a purpose which a restriction permits.
const GROUND: &str = "x-privet-ground";

/// A call whose key is good for it.
pub(crate) struct Call {
    pub(crate) api: Arc<VaultApi>,
    /// On whose behalf.
    pub(crate) actor: Actor,
    params: Vec<(String, String)>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    /// Locked by nobody; a body alone could not be shared between threads, as a call is that waits.
    body: Mutex<Body>,
    _place: OwnedSemaphorePermit,
}

/// What is answered.
pub(crate) struct Reply {
    status: StatusCode,
    body: Option<Vec<u8>>,
    media: &'static str,
    /// Where to go on, for an answer that is a page of lines.
    next: Option<String>,
    /// The version of what is shown or was stored.
    version: Option<u64>,
}

/// What the log is told of a read, beside its time and tenant.
#[derive(Serialize)]
struct ReadLeaf<'a> {
    principal: &'a Pseudonym,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a Pseudonym>,
    operation: Operation,
    #[serde(skip_serializing_if = "Ground::is_ordinary")]
    ground: Ground,
    fields: u32,
    subjects: u32,
    result: AccessResult,
}

/// Answers `request`, which is for `route`.
pub(crate) async fn answer(
    api: Arc<VaultApi>,
    route: &Route,
    params: Vec<(String, String)>,
    request: Request<Body>,
) -> Response<Body> {
    let request_id = new_request_id();
    let mut actor = None;
    let response = match admit(Arc::clone(&api), route, params, request, &mut actor).await {
        Ok(call) => match (route.handler)(call).await {
            // The body comes once the call was let in; a handler that cannot have it has done nothing yet.
            Err(problem) if BODY.contains(&problem.code) => {
                api.refused(actor.as_ref(), problem.code).await;
                Err(problem)
            }
            response => response,
        },
        Err(problem) => {
            api.refused(actor.as_ref(), problem.code).await;
            Err(problem)
        }
    };
    let response = match response {
        Ok(reply) => reply.respond(),
        Err(problem) => {
            tracing::info!(request_id, path = route.path, problem = problem.code, "refused");
            problem.respond()
        }
    };
    with_request_id(response, &request_id)
}

async fn admit(
    api: Arc<VaultApi>,
    route: &Route,
    params: Vec<(String, String)>,
    request: Request<Body>,
    known: &mut Option<Actor>,
) -> Result<Call, VaultProblem> {
    let (parts, body) = request.into_parts();
    let actor = match route.scope {
        Some(scope) => {
            let (caller, actor) = api.caller_of(&parts).await?;
            *known = Some(actor.clone());
            api.check_held(&actor)?;
            let subject = params.iter().find(|(name, _)| *name == "subject");
            let subject = subject.and_then(|(_, token)| token.parse().ok());
            let address = address_of(&parts.extensions);
            api.authorise(&caller, scope, subject.as_ref(), address)?;
            actor
        }
        None => api.nobody(),
    };
    let place = Arc::clone(&api.places)
        .try_acquire_owned()
        .map_err(|_| VaultProblem::busy())?;
    Ok(Call {
        api,
        actor,
        params,
        query: pairs(parts.uri.query()).ok_or_else(|| {
            VaultProblem::new(
                StatusCode::BAD_REQUEST,
                "bad_query",
                "the query is not well formed",
            )
        })?,
        headers: parts.headers,
        body: Mutex::new(body),
        _place: place,
    })
}

impl Call {
    /// The parameter `name` of the path.
    pub(crate) fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The token of the subject that the path names. What is no token is no subject either.
    pub(crate) fn subject_id(&self) -> Result<SubjectId, VaultProblem> {
        Ok(self.param("subject").parse()?)
    }

    /// The subject that the path names by its token.
    pub(crate) fn subject(&self) -> Result<SubjectRef, VaultProblem> {
        Ok(SubjectRef::Token(self.subject_id()?))
    }

    /// The parameter `name` of the query.
    pub(crate) fn asked(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A number of the query.
    pub(crate) fn asked_number(&self, name: &str) -> Result<Option<u64>, VaultProblem> {
        self.asked(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| VaultProblem::field(name, "use a whole number, 0 or more"))
            })
            .transpose()
    }

    /// `limit` of the query, no more than a page has.
    pub(crate) fn limit(&self) -> Result<u32, VaultProblem> {
        let most = self.api.limits.page;
        let asked = self.asked_number("limit")?.unwrap_or(u64::from(most));
        match u32::try_from(asked) {
            Ok(asked) if (1..=most).contains(&asked) => Ok(asked),
            _ => Err(VaultProblem::field("limit", format!("use 1 to {most}"))),
        }
    }

    /// `after` of the query.
    pub(crate) fn after(&self) -> Result<Option<SubjectId>, VaultProblem> {
        self.asked("after")
            .map(|text| {
                text.parse()
                    .map_err(|_| VaultProblem::field("after", "use the token of a subject"))
            })
            .transpose()
    }

    /// The version that is to be changed: `if-match: 3`, with or without quotes.
    pub(crate) fn expected(&self) -> Result<Option<u64>, VaultProblem> {
        let Some(value) = self.headers.get(IF_MATCH) else {
            return Ok(None);
        };
        let text = value.to_str().unwrap_or_default().trim().trim_matches('"');
        text.parse()
            .map(Some)
            .map_err(|_| VaultProblem::field("if-match", "use the version that `etag` told, such as \"3\""))
    }

    /// The purpose that was declared.
    pub(crate) fn ground(&self) -> Result<Ground, VaultProblem> {
        let Some(value) = self.headers.get(GROUND) else {
            return Ok(Ground::Ordinary);
        };
        Ok(Ground::Permitted(match value.to_str().unwrap_or_default() {
            "consent" => PermittedUse::Consent,
            "legal_claims" => PermittedUse::LegalClaims,
            "rights_of_others" => PermittedUse::RightsOfOthers,
            "public_interest" => PermittedUse::PublicInterest,
            "subject_request" => PermittedUse::SubjectRequest,
            _ => {
                return Err(VaultProblem::field(
                    GROUND,
                    "use consent, legal_claims, rights_of_others, public_interest or subject_request",
                ));
            }
        }))
    }

    /// The content type, without its parameters.
    pub(crate) fn media(&self) -> String {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    }

    /// The body as JSON of `T`.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, VaultProblem> {
        let bytes = self.json_text().await?;
        read_json(&bytes)
    }

    /// The body, which says that it is JSON.
    pub(crate) async fn json_text(&mut self) -> Result<Bytes, VaultProblem> {
        let kind = self.media();
        let is_json = kind == "application/json" || kind.ends_with("+json");
        if !is_json || self.headers.contains_key(CONTENT_ENCODING) {
            return Err(VaultProblem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media",
                "send the body as plain JSON: `content-type: application/json`, and no `content-encoding`",
            ));
        }
        self.whole().await
    }

    async fn whole(&mut self) -> Result<Bytes, VaultProblem> {
        let body = std::mem::take(self.body.get_mut().unwrap_or_else(PoisonError::into_inner));
        let limit = self.api.limits.request_body.bytes();
        collect(body, &self.headers, limit, self.api.body_timeout).await
    }

    /// The body as it comes, for who reads without waiting on the runtime.
    pub(crate) fn stream(&mut self) -> Result<BodyReader, VaultProblem> {
        let limit = self.api.limits.import_body.bytes();
        check_length(&self.headers, limit)?;
        let (pieces, reader) = mpsc::channel(PIECES);
        let body = std::mem::take(self.body.get_mut().unwrap_or_else(PoisonError::into_inner));
        let patience = self.api.limits.import_timeout.duration();
        tokio::spawn(async move {
            let fed = tokio::time::timeout(patience, feed(body, limit, &pieces)).await;
            let error = match fed {
                Ok(None) => return,
                Ok(Some(error)) => error,
                Err(_) => io::ErrorKind::TimedOut.into(),
            };
            // Who read may have given up.
            let _ = pieces.send(Err(error)).await;
        });
        Ok(BodyReader::new(reader))
    }

    /// What was read, once the log is told of it; and what went wrong, of which it is told too.
    pub(crate) async fn show<T>(
        &self,
        operation: Operation,
        ground: Ground,
        outcome: Result<Audited<T>, Error>,
    ) -> Result<T, VaultProblem> {
        match outcome {
            Ok(Audited { value, access }) => {
                self.tell(&access).await?;
                Ok(value)
            }
            Err(error) => {
                let now = self.api.clock.now();
                self.tell(&Access::ended(&self.actor, now, operation, ground, &error))
                    .await?;
                Err(error.into())
            }
        }
    }

    /// As [`show`](Self::show), for what was read of `subject`, or of nobody in particular; `count` says how much of it was.
    pub(crate) async fn show_of<T>(
        &self,
        operation: Operation,
        subject: Option<&SubjectId>,
        count: impl FnOnce(&T) -> usize,
        outcome: Result<T, Error>,
    ) -> Result<T, VaultProblem> {
        let (now, ground) = (self.api.clock.now(), Ground::Ordinary);
        let outcome = match outcome {
            Ok(value) => {
                let subject = match subject {
                    // Without a pseudonym the record would not say whom this was about.
                    Some(id) => match self.api.pseudonym(&self.actor.tenant, id).await {
                        Some(pseudonym) => Some(pseudonym),
                        None => return Err(VaultProblem::not_recorded()),
                    },
                    None => None,
                };
                let access = Access::to(&self.actor, now, operation, ground, subject, count(&value));
                Ok(Audited { value, access })
            }
            Err(error) => Err(error),
        };
        self.show(operation, ground, outcome).await
    }

    /// As [`show_of`](Self::show_of), of whom the log calls `subject`.
    pub(crate) async fn show_as<T>(
        &self,
        operation: Operation,
        subject: Option<Pseudonym>,
        outcome: Result<T, Error>,
    ) -> Result<T, VaultProblem> {
        let (now, ground) = (self.api.clock.now(), Ground::Ordinary);
        let outcome = outcome.map(|value| Audited {
            access: Access::to(&self.actor, now, operation, ground, subject, 1),
            value,
        });
        self.show(operation, ground, outcome).await
    }

    async fn tell(&self, access: &Access) -> Result<(), VaultProblem> {
        let payload = ReadLeaf {
            principal: &access.principal,
            subject: access.subject.as_ref(),
            operation: access.operation,
            ground: access.ground,
            fields: access.fields,
            subjects: access.subjects,
            result: access.result,
        };
        let leaf = Leaf {
            kind: READ,
            tenant: &access.tenant,
            at: access.at,
            payload: &payload,
        };
        match self.api.spool.append_leaf(leaf).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%error, "a read of the vault cannot be recorded; reads are refused until it can");
                Err(VaultProblem::not_recorded())
            }
        }
    }

    /// The current instant.
    pub(crate) fn now(&self) -> Timestamp {
        self.api.clock.now()
    }
}

/// All of `body`, if it is no longer than `limit` bytes and arrives within `patience`.
pub(crate) async fn collect(
    body: Body,
    headers: &HeaderMap,
    limit: u64,
    patience: Duration,
) -> Result<Bytes, VaultProblem> {
    check_length(headers, limit)?;
    let body = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    match tokio::time::timeout(patience, body.collect()).await {
        Err(_) => Err(VaultProblem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "the request body did not arrive in time; send it again",
        )),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(VaultProblem::too_large(limit))
        }
        Ok(Err(_)) => Err(VaultProblem::new(
            StatusCode::BAD_REQUEST,
            "body_cut",
            "the request body broke off; send it again",
        )),
    }
}

/// Hands the body on, piece by piece. Gives back what went wrong.
async fn feed(mut body: Body, limit: u64, pieces: &mpsc::Sender<io::Result<Bytes>>) -> Option<io::Error> {
    let mut left = limit;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Some(io::ErrorKind::UnexpectedEof.into());
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let Some(rest) = left.checked_sub(data.len() as u64) else {
            return Some(io::ErrorKind::FileTooLarge.into());
        };
        left = rest;
        if pieces.send(Ok(data)).await.is_err() {
            return None;
        }
    }
    None
}

fn check_length(headers: &HeaderMap, limit: u64) -> Result<(), VaultProblem> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok());
    match declared.and_then(|text| text.parse::<u64>().ok()) {
        Some(length) if length > limit => Err(VaultProblem::too_large(limit)),
        _ => Ok(()),
    }
}

/// Reads JSON. What is wrong is told with the field's name, and never with what stood there.
pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, VaultProblem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if !inner.is_data() {
            return VaultProblem::new(
                StatusCode::BAD_REQUEST,
                "bad_json",
                format!(
                    "the body is no JSON (line {}, column {})",
                    inner.line(),
                    inner.column()
                ),
            );
        }
        let (field, why) = without_values(&path, &inner.to_string());
        VaultProblem::field(field, why)
    })?;
    reader.end().map_err(|_| {
        VaultProblem::new(
            StatusCode::BAD_REQUEST,
            "bad_json",
            "something follows the JSON of the body",
        )
    })?;
    Ok(value)
}

/// Which field is at fault and why, from a deserialiser's message with all values left out.
fn without_values(path: &str, message: &str) -> (String, String) {
    let inside = |name: &str| match path {
        "." | "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    if let Some(rest) = message.strip_prefix("missing field `") {
        let name = rest.split('`').next().unwrap_or_default();
        return (inside(name), "is missing".to_owned());
    }
    if message.starts_with("unknown field `") {
        return (path.to_owned(), "is not known here".to_owned());
    }
    let expected = message.rsplit_once(", expected ").map(|(_, rest)| rest);
    // `… at line 1 column 9` ends the message.
    let expected = expected.map(|rest| rest.rsplit_once(" at line ").map_or(rest, |(text, _)| text));
    let why = match expected {
        Some(expected) => format!("expected {expected}"),
        None => "cannot be used".to_owned(),
    };
    (path.to_owned(), why)
}

impl Reply {
    /// `value` as JSON.
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, VaultProblem> {
        let body = serde_json::to_vec(value).map_err(Error::Json)?;
        Ok(Self {
            body: Some(body),
            ..Self::empty(status)
        })
    }

    const fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: None,
            media: JSON,
            next: None,
            version: None,
        }
    }

    /// 200 with `text` of this media type.
    pub(crate) fn text(media: &'static str, text: String) -> Self {
        Self {
            body: Some(text.into_bytes()),
            media,
            ..Self::empty(StatusCode::OK)
        }
    }

    /// With `x-privet-next` saying where to go on.
    pub(crate) fn going_on_at(mut self, next: Option<String>) -> Self {
        self.next = next;
        self
    }

    /// 200 with `value`.
    pub(crate) fn ok(value: &impl Serialize) -> Result<Self, VaultProblem> {
        Self::json(StatusCode::OK, value)
    }

    /// 204.
    pub(crate) const fn done() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
    }

    /// With `etag` naming the version.
    pub(crate) const fn at_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }

    fn respond(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        if let Some(body) = self.body {
            *response.body_mut() = Body::from(body);
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static(self.media));
        }
        let headers = response.headers_mut();
        if self.media == HTML {
            // The page holds what others wrote: it loads and runs nothing, whatever stands in it.
            let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
            headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        if let Some(next) = self.next.and_then(|next| HeaderValue::from_str(&next).ok()) {
            headers.insert(NEXT, next);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(tag) = self
            .version
            .and_then(|v| HeaderValue::from_str(&format!("\"{v}\"")).ok())
        {
            headers.insert(ETAG, tag);
        }
        response
    }
}

/// The longest a shared thing may be asked to live, so that no length of time overflows.
pub(crate) const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// A length of time in seconds, as `field` names it.
pub(crate) fn seconds(field: &str, asked: u64) -> Result<Duration, VaultProblem> {
    let asked = Duration::from_secs(asked);
    if asked.is_zero() || asked > LONGEST {
        return Err(VaultProblem::field(
            field,
            "use 1 second or more, and less than 100 years",
        ));
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Sample {
        count: u32,
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        name: String,
    }

    #[test]
    fn what_is_wrong_is_told_with_the_field_and_never_with_the_value() {
        for (body, field) in [
            (r#"{"count":"hush"}"#, "count"),
            (r#"{"count":1,"inner":{}}"#, "inner.name"),
            (r#"{"count":1,"inner":{"name":["hush"]}}"#, "inner.name"),
            (r#"{"count":1,"inner":{"name":"x","more":"hush"}}"#, "inner.more"),
            (r#"{"inner":null}"#, "count"),
        ] {
            let problem = read_json::<Sample>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.field.as_deref(), Some(field), "{body}");
            assert!(!problem.detail.contains("hush"), "{problem:?}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place() {
        let problem = read_json::<Sample>(b"{\"hush").unwrap_err();
        assert_eq!(problem.code, "bad_json");
        assert!(!problem.detail.contains("hush"));
        assert_eq!(
            read_json::<Sample>(b"{\"count\":1} hush").unwrap_err().code,
            "bad_json"
        );
    }
}
