//! One call: who calls, what was sent, what is answered, and what the log is told.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use privet_policy::DatabunkerSettings;
use privet_types::{KeyScope, Pseudonym, TenantId};
use privet_vault::{Access, Actor, Audited, SubjectId, SubjectRef, Vault, Wrote};
use serde_json::{Map, Value};
use tokio::sync::OwnedSemaphorePermit;

use super::body::{self, Sent};
use super::page::Page;
use super::refusal::{JSON, Refusal, absent};
use super::table::{Entry, Interface, Needs, Params};
use super::{Databunker, audit, identity, own_tokens, page, time};
use crate::access::address_of;
use crate::credentials::Claim;
use crate::prompt::{new_request_id, with_request_id};
use crate::query::pairs;
use crate::records::{self, Records};
use crate::vault::call::collect;

/// The header of the key. It is read from nowhere else.
const KEY: HeaderName = HeaderName::from_static("x-bunker-token");
/// Most bytes of the body of a call without a key: it names one record.
const KEYLESS_BODY: u64 = 4 << 10;
/// The header of the tenant.
const TENANT: HeaderName = HeaderName::from_static("x-bunker-tenant");

/// A call that was let in, whose body could be read, and whose needed fields are there.
pub(crate) struct Call {
    pub(crate) bunker: Arc<Databunker>,
    pub(crate) interface: Interface,
    /// What is done, by its name in `/v2`.
    pub(crate) name: &'static str,
    /// On whose behalf.
    pub(crate) actor: Actor,
    /// Whose own token the caller has, if it is no key of an operator.
    pub(crate) own: Option<SubjectId>,
    /// Whether the caller's key is good for erasing.
    pub(crate) may_erase: bool,
    /// Whether it is good for reading the whole log.
    pub(crate) may_audit: bool,
    /// What the log will be told beside what was done and how it ended.
    pub(crate) event: Event,
    /// The tenant's newest event before the call was worked on, if it may change something.
    pub(crate) since: Option<i64>,
    params: Params,
    query: Vec<(String, Value)>,
    sent: Sent,
    _place: OwnedSemaphorePermit,
}

/// What the log is told of a call. Handlers fill in what they learn.
#[derive(Debug, Default)]
pub(crate) struct Event {
    /// Whom the call reached. [`Call::person`] fills it in. An erasure takes it away again: its event names nobody.
    pub(crate) subject: Option<SubjectId>,
    /// The application whose data it was about.
    pub(crate) app: Option<String>,
    /// Whom something was shared with.
    pub(crate) partner: Option<String>,
    /// What was read.
    pub(crate) access: Option<Access>,
    /// Which version of the profile, or of the data of `app`, was written.
    pub(crate) version: Option<u64>,
    /// What was written that has no version.
    pub(crate) wrote: Option<Wrote>,
}

/// What is answered.
pub(crate) enum Answer {
    /// An object, to which `status` is added.
    Fields(Map<String, Value>),
    /// Text of a content type, with this status.
    Text(StatusCode, HeaderValue, String),
}

/// Who calls.
struct Caller {
    actor: Actor,
    own: Option<SubjectId>,
    may_erase: bool,
    may_audit: bool,
}

/// Answers `request`.
pub(crate) async fn answer(bunker: Arc<Databunker>, request: Request<Body>) -> Response<Body> {
    let request_id = new_request_id();
    let path = request.uri().path();
    let (interface, rest) = match path.strip_prefix("/v2") {
        Some(rest) => (Interface::V2, rest),
        None => (Interface::V1, path.strip_prefix("/v1").unwrap_or(path)),
    };
    let rest = rest.strip_prefix('/').unwrap_or(rest).to_owned();
    let outcome = match bunker.table.find(interface, request.method(), &rest) {
        Ok((entry, params)) => {
            let shared = Arc::clone(&bunker);
            handle(shared, interface, entry, params, request).await
        }
        Err(refusal) => Err(refusal),
    };
    let response = match outcome {
        Ok(answer) => answer.respond(),
        Err(refusal) => {
            let status = refusal.status(interface).as_u16();
            tracing::info!(request_id, status, "refused");
            refusal.respond(interface)
        }
    };
    bunker.counters.count(interface, response.status());
    with_request_id(response, &request_id)
}

async fn handle(
    bunker: Arc<Databunker>,
    interface: Interface,
    entry: &Entry,
    params: Params,
    request: Request<Body>,
) -> Result<Answer, Refusal> {
    let (api, mut actor) = (Arc::clone(&bunker.api), None);
    let admitted = admit(bunker, interface, entry, params, request, &mut actor).await;
    let mut call = match admitted {
        Ok(call) => call,
        Err(refusal) => {
            api.refused(actor.as_ref(), reason(&refusal)).await;
            return Err(refusal);
        }
    };
    let outcome = (entry.handler)(&mut call).await;
    // Who has no key and found nobody cannot fill the log.
    if entry.is_logged && (entry.needs != Needs::NoKey || call.event.subject.is_some()) {
        // Nothing is answered of which the log was not told.
        audit::record(&call, outcome.as_ref().err()).await?;
    }
    outcome
}

/// Why a call was not let in, in the words that the log has for the vault's own interface.
const fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoAccess => "invalid_api_key",
        Refusal::NotAllowed(_) => "out_of_scope",
        Refusal::TooLarge(_) => "request_too_large",
        Refusal::Busy => "busy",
        Refusal::Failed | Refusal::Unfinished => "failed",
        _ => "bad_request",
    }
}

async fn admit(
    bunker: Arc<Databunker>,
    interface: Interface,
    entry: &Entry,
    params: Params,
    request: Request<Body>,
    known: &mut Option<Actor>,
) -> Result<Call, Refusal> {
    let (parts, body) = request.into_parts();
    let caller = who(&bunker, entry, &parts, known).await?;
    let place = || {
        let places = Arc::clone(&bunker.api.places);
        places.try_acquire_owned().map_err(|_| Refusal::Busy)
    };
    // Who has no key takes no place before their small body is there.
    let early = (entry.needs != Needs::NoKey).then(&place).transpose()?;
    let query = pairs(parts.uri.query()).ok_or_else(|| Refusal::field("query", "it is not well formed"))?;
    let sent = if parts.method == Method::GET {
        Sent::Nothing
    } else {
        read_body(&bunker, interface, entry, &parts.headers, body).await?
    };
    let place = match early {
        Some(place) => place,
        None => place()?,
    };
    let since = match entry.needs {
        Needs::Scope(KeyScope::VaultRead | KeyScope::VaultAudit | KeyScope::VaultBulk) => None,
        Needs::Scope(_) if entry.is_logged => Some(bunker.api.vault.newest_event(&caller.actor).await?),
        _ => None,
    };
    let call = Call {
        interface,
        name: entry.name,
        actor: caller.actor,
        own: caller.own,
        may_erase: caller.may_erase,
        may_audit: caller.may_audit,
        event: Event::default(),
        since,
        params,
        query: query
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect(),
        sent,
        _place: place,
        bunker,
    };
    let has_records = matches!(call.sent, Sent::Records(..));
    let is_missing =
        |field: &&&'static str| call.field(field).is_none() && !(has_records && **field == "records");
    let missing: Vec<&'static str> = entry.fields.iter().filter(is_missing).copied().collect();
    if missing.is_empty() {
        Ok(call)
    } else {
        Err(Refusal::Missing(missing))
    }
}

/// Two reads of one call as one.
fn both(before: &Access, after: Access) -> Access {
    let subjects = if before.subject.is_some() && before.subject == after.subject {
        before.subjects.max(after.subjects)
    } else {
        before.subjects.saturating_add(after.subjects)
    };
    Access {
        fields: before.fields.saturating_add(after.fields),
        subjects,
        ..after
    }
}

/// Who calls. The key decides the tenant; a header that names another one is like a bad key.
async fn who(
    bunker: &Databunker,
    entry: &Entry,
    parts: &Parts,
    known: &mut Option<Actor>,
) -> Result<Caller, Refusal> {
    let (headers, address) = (&parts.headers, address_of(&parts.extensions));
    let named = single(headers, &TENANT)?;
    let scope = match entry.needs {
        Needs::NoKey => {
            let tenant = match named {
                Some(name) => name.parse().map_err(|_| Refusal::NoAccess)?,
                None => TenantId::default(),
            };
            return Ok(Caller {
                actor: Actor {
                    tenant,
                    principal: Pseudonym("anonymous".to_owned()),
                },
                own: None,
                may_erase: false,
                may_audit: false,
            });
        }
        Needs::AnyKey => None,
        Needs::Scope(scope) => Some(scope),
    };
    let key = single(headers, &KEY)?;
    if let Some(own) = own_tokens::caller(bunker, key).await? {
        *known = Some(own.actor.clone());
        if named.is_some_and(|named| named != own.actor.tenant.as_str()) {
            return Err(Refusal::NoAccess);
        }
        if !entry.is_for_own_tokens {
            return Err(Refusal::NotAllowed("API access denied".into()));
        }
        return Ok(Caller {
            actor: own.actor,
            own: Some(own.subject),
            may_erase: false,
            may_audit: false,
        });
    }
    let (caller, actor) = bunker.api.caller(key.map_or(Claim::Nothing, Claim::Key)).await?;
    *known = Some(actor.clone());
    if named.is_some_and(|named| named != actor.tenant.as_str()) {
        return Err(Refusal::NoAccess);
    }
    let api = &bunker.api;
    api.check_held(&actor)
        .map_err(|problem| Refusal::NotAllowed(problem.detail.into()))?;
    match scope {
        Some(scope) => api.authorise(&caller, scope, None, address)?,
        // What any key will do for needs a caller who may do something in the vault.
        None if KeyScope::ALL
            .iter()
            .any(|scope| api.permits(&caller, *scope, address)) => {}
        None => return Err(Refusal::NotAllowed("API access denied".into())),
    }
    let may = |scope| caller.check(scope).is_ok() && api.permits(&caller, scope, address);
    let (may_erase, may_audit) = (may(KeyScope::VaultErase), may(KeyScope::VaultAudit));
    Ok(Caller {
        actor,
        own: None,
        may_erase,
        may_audit,
    })
}

/// The value of a header that stands once at most; an empty one is none.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(Refusal::NoAccess);
    }
    let text = first.map(|value| value.to_str().map_err(|_| Refusal::NoAccess));
    Ok(text.transpose()?.filter(|text| !text.is_empty()))
}

async fn read_body(
    bunker: &Databunker,
    interface: Interface,
    entry: &Entry,
    headers: &HeaderMap,
    body: Body,
) -> Result<Sent, Refusal> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Refusal::BadBody);
    }
    let limit = match (entry.needs, entry.is_bulk) {
        (Needs::NoKey, _) => KEYLESS_BODY,
        (_, true) => bunker.settings.bulk_body.bytes(),
        (_, false) => bunker.settings.request_body.bytes(),
    };
    let bytes = collect(body, headers, limit, bunker.api.body_timeout)
        .await
        .map_err(|problem| match problem.code {
            "request_too_large" => Refusal::TooLarge(limit),
            _ => problem.into(),
        })?;
    if entry.is_bulk {
        return body::read_bulk(&bytes, bulk_limits(&bunker.settings));
    }
    let media = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let media = media.unwrap_or_default().split(';').next().unwrap_or_default();
    body::read(interface, &media.trim().to_ascii_lowercase(), &bytes)
}

fn bulk_limits(settings: &DatabunkerSettings) -> records::Limits {
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    records::Limits {
        records: size(settings.bulk_records.into()),
        bytes: size(settings.bulk_record.bytes()),
        depth: size(settings.bulk_depth.into()),
    }
}

impl Call {
    /// The vault.
    pub(crate) fn vault(&self) -> &Vault {
        &self.bunker.api.vault
    }

    /// The current instant.
    pub(crate) fn now(&self) -> Timestamp {
        self.bunker.api.clock.now()
    }

    /// The part `name` of the path; empty where the path has none.
    pub(crate) fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The value `name` of the query.
    pub(crate) fn asked(&self, name: &str) -> Option<&Value> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    /// The field `name` of the body; `null` is left out.
    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        match &self.sent {
            Sent::Fields(fields) | Sent::Records(fields, _) => {
                fields.get(name).filter(|value| !value.is_null())
            }
            Sent::Nothing | Sent::List(_) => None,
        }
    }

    /// The whole body.
    pub(crate) const fn sent(&self) -> &Sent {
        &self.sent
    }

    /// The fields of the body, of which there is at least one: what a `/v1` call stores.
    pub(crate) fn stored(&self) -> Result<Map<String, Value>, Refusal> {
        match &self.sent {
            Sent::Fields(fields) if !fields.is_empty() => Ok(fields.clone()),
            _ => Err(Refusal::BadBody),
        }
    }

    /// The text `name`, of the path or else of the body.
    pub(crate) fn text(&self, name: &'static str) -> Result<&str, Refusal> {
        match self.params.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => Ok(value),
            None => self.said(name)?.ok_or_else(|| Refusal::Missing(vec![name])),
        }
    }

    /// The text `name` of the body, if there is one.
    pub(crate) fn said(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        match self.field(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::field(name, "use text")),
        }
    }

    /// The claim `name` of the body; `false` if it is left out. A form has text.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Refusal> {
        let bad = || Refusal::field(name, "use true or false");
        match self.field(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" => Ok(true),
                "false" | "0" | "no" | "off" | "" => Ok(false),
                _ => Err(bad()),
            },
            Some(_) => Err(bad()),
        }
    }

    /// The object `name` of the body, which has at least one field.
    pub(crate) fn object(&self, name: &'static str) -> Result<Map<String, Value>, Refusal> {
        match self.field(name) {
            Some(Value::Object(fields)) if !fields.is_empty() => Ok(fields.clone()),
            _ => Err(Refusal::field(name, "use an object with at least one field")),
        }
    }

    /// The list `name` of the body.
    pub(crate) fn list(&self, name: &'static str) -> Result<&[Value], Refusal> {
        match self.field(name) {
            Some(Value::Array(list)) => Ok(list),
            _ => Err(Refusal::field(name, "use a list")),
        }
    }

    /// The records of the body, of which there is at least one.
    pub(crate) fn records(&self) -> Result<&Records, Refusal> {
        match &self.sent {
            Sent::Records(_, records) if records.len() > 0 => Ok(records),
            _ => Err(Refusal::field(
                "records",
                "use a list of objects, with at least one",
            )),
        }
    }

    /// The whole number `name` of the body, 0 or more, if there is one.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<u64>, Refusal> {
        let number = page::number(name, self.field(name))?;
        number
            .map(|number| u64::try_from(number).map_err(|_| Refusal::field(name, "use 0 or more")))
            .transpose()
    }

    /// The UUID `name`, of the path or else of the body, in lower case.
    pub(crate) fn uuid(&self, name: &'static str) -> Result<String, Refusal> {
        identity::uuid(self.text(name)?)
    }

    /// When `name` of the body says that something ends.
    pub(crate) fn end(&self, name: &'static str) -> Result<Option<Timestamp>, Refusal> {
        time::end(name, self.field(name), self.now())
    }

    /// The span `name` of the body.
    pub(crate) fn span(&self, name: &'static str) -> Result<Option<Duration>, Refusal> {
        time::span(name, self.field(name), self.now())
    }

    /// The page that is asked for: by the query in `/v1`, by the body in `/v2`.
    pub(crate) fn page(&self) -> Result<Page, Refusal> {
        match self.interface {
            Interface::V1 => Page::read(self.asked("offset"), self.asked("limit")),
            Interface::V2 => Page::read(self.field("offset"), self.field("limit")),
        }
    }

    /// The mode in which the subject is named.
    pub(crate) fn mode(&self) -> Result<&str, Refusal> {
        if self.params.iter().any(|(name, _)| *name == "token") {
            return Ok("token");
        }
        self.text("mode")
    }

    /// Whom the call names: by `{token}`, or `{mode}` and `{identity}` of the path, or `mode` and `identity` of the body.
    pub(crate) fn who(&self) -> Result<SubjectRef, Refusal> {
        let mode = self.mode()?;
        let token = self.param("token");
        if !token.is_empty() {
            return identity::subject("token", token);
        }
        match self.field("identity") {
            // What the path names is not named again by the data that is to be stored.
            Some(Value::Number(number)) if number.is_u64() && self.param("identity").is_empty() => {
                identity::subject(mode, &number.to_string())
            }
            _ => identity::subject(mode, self.text("identity")?),
        }
    }

    /// The subject whom the call names, looked up. To be asked once all fields are known to be good. From then on the log
    /// is told that the call was about them.
    pub(crate) async fn person(&mut self) -> Result<SubjectId, Refusal> {
        let who = self.who()?;
        self.find(&who).await
    }

    /// As [`person`](Self::person), for `who`. To the owner of a token of their own everybody else is absent.
    pub(crate) async fn find(&mut self, who: &SubjectRef) -> Result<SubjectId, Refusal> {
        let found = self.vault().locate(&self.actor, who).await?;
        if self.own.as_ref().is_some_and(|own| *own != found) {
            return Err(Refusal::Absent(absent::USER));
        }
        self.event.subject = Some(found.clone());
        Ok(found)
    }

    /// What was read; the log is told of it before it is shown.
    pub(crate) fn shown<T>(&mut self, read: Audited<T>) -> T {
        let Audited { value, access } = read;
        self.event.access = Some(match self.event.access.take() {
            None => access,
            Some(before) => both(&before, access),
        });
        value
    }
}

impl Answer {
    /// Nothing but that all went well.
    pub(crate) fn done() -> Self {
        Self::Fields(Map::new())
    }

    /// The fields of the object `value`.
    pub(crate) fn of(value: Value) -> Self {
        match value {
            Value::Object(fields) => Self::Fields(fields),
            _ => Self::done(),
        }
    }

    fn respond(self) -> Response<Body> {
        let (status, kind, body) = match self {
            Self::Fields(mut fields) => {
                fields.insert("status".to_owned(), "ok".into());
                (StatusCode::OK, JSON, Value::Object(fields).to_string())
            }
            Self::Text(status, kind, text) => (status, kind, text),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, kind);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
