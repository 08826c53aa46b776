//! The way to servers of tools.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use privet_policy::{McpServer, Settings};
use privet_types::{Secret, TenantId};

use crate::Error;
use crate::connection::{NoReply, Origin, ReplyBody};
use crate::problem::Problem;
use crate::upstream::connector;

/// How long it is believed which tools have changed: another node may have seen another one.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The values of servers' headers: by the server's name, then by the header's.
pub type McpHeaders = BTreeMap<String, BTreeMap<String, Secret<String>>>;

/// A server of the settings, and where it is.
pub(super) struct Server {
    pub(super) settings: McpServer,
    /// Its name, to be shared.
    pub(super) name: Arc<str>,
    origin: Arc<Origin>,
    target: PathAndQuery,
    headers: HeaderMap,
    first_byte: Duration,
    /// Tools that describe themselves otherwise than when they were first seen, by tenant, and when that was
    /// looked up; none where nobody has looked yet.
    changed: RwLock<HashMap<TenantId, (Instant, BTreeSet<String>)>>,
}

/// What goes to a server beside a body.
#[derive(Default)]
pub(super) struct Head {
    /// The server's own id of the session.
    pub(super) session: Option<String>,
    /// The server's own id of the last event that the client has seen.
    pub(super) last_event: Option<String>,
    pub(super) version: Option<String>,
    /// Headers that say what the body says.
    pub(super) mirrored: Vec<(HeaderName, HeaderValue)>,
}

impl Server {
    pub(super) fn new(settings: &McpServer, all: &Settings, headers: &McpHeaders) -> Result<Self, Error> {
        let bad = || Error::BadAddress {
            provider: settings.name.clone(),
        };
        let parts = settings.url.parse::<Uri>().map_err(|_| bad())?.into_parts();
        let connector = connector(settings.ca_file.as_deref(), all.limits.connect_timeout.duration())?;
        let (scheme, authority) = parts.scheme.zip(parts.authority).ok_or_else(bad)?;
        let mut own = HeaderMap::new();
        for (name, value) in headers.get(&settings.name).into_iter().flatten() {
            let bad = || Error::BadUpstreamKey {
                provider: settings.name.clone(),
            };
            let name: HeaderName = name.parse().map_err(|_| bad())?;
            let mut value = HeaderValue::from_str(value.expose()).map_err(|_| bad())?;
            value.set_sensitive(true);
            own.insert(name, value);
        }
        Ok(Self {
            settings: settings.clone(),
            name: settings.name.as_str().into(),
            origin: Origin::new(connector, scheme, authority).ok_or_else(bad)?,
            target: parts
                .path_and_query
                .unwrap_or_else(|| PathAndQuery::from_static("/")),
            headers: own,
            first_byte: settings
                .first_byte_timeout
                .unwrap_or(all.limits.first_byte_timeout.duration()),
            changed: RwLock::default(),
        })
    }

    /// Sends `body`, or nothing, and waits for the head of the reply.
    pub(super) async fn send(
        &self,
        method: Method,
        head: &Head,
        body: Vec<u8>,
    ) -> Result<Response<ReplyBody>, Problem> {
        let mut headers = self.headers.clone();
        let accepted = match method {
            Method::POST => "application/json, text/event-stream",
            _ => "text/event-stream",
        };
        headers.insert(ACCEPT, HeaderValue::from_static(accepted));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let told = [
            ("mcp-session-id", &head.session),
            ("last-event-id", &head.last_event),
            ("mcp-protocol-version", &head.version),
        ];
        for (name, value) in told {
            if let Some(value) = value {
                let value = HeaderValue::from_str(value).map_err(|_| Problem::UpstreamUnreachable)?;
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        for (name, value) in &head.mirrored {
            headers.insert(name.clone(), value.clone());
        }
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from(self.target.clone());
        *request.headers_mut() = headers;
        let response = tokio::time::timeout(self.first_byte, self.origin.send(request)).await;
        let response = response.map_err(|_| Problem::UpstreamTimeout)?.map_err(|error| {
            let is_unsent = matches!(error, NoReply::NotOpened(_) | NoReply::Refused(_));
            tracing::warn!(server = %self.name, connect = is_unsent, "server of tools cannot be reached");
            Problem::UpstreamUnreachable
        })?;
        if response.status().is_redirection() {
            return Err(Problem::UpstreamUnusable("a redirect"));
        }
        let encoding = response.headers().get(CONTENT_ENCODING);
        if encoding.is_some_and(|e| e != "identity" && !e.is_empty()) {
            return Err(Problem::UpstreamUnusable(
                "a compressed body, although none was asked for",
            ));
        }
        Ok(response)
    }

    /// Whether `tool` is known to have changed for `tenant`; none if nobody has looked yet.
    pub(super) fn has_changed(&self, tenant: &TenantId, tool: &str) -> Option<bool> {
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        changed.get(tenant).map(|(_, tools)| tools.contains(tool))
    }

    /// Whether it was looked up lately which tools have changed for `tenant`.
    pub(super) fn knows_changed(&self, tenant: &TenantId) -> bool {
        let changed = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        changed
            .get(tenant)
            .is_some_and(|(at, _)| at.elapsed() < LOOK_AGAIN)
    }

    pub(super) fn set_changed(&self, tenant: &TenantId, tools: BTreeSet<String>) {
        let mut changed = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        changed.insert(tenant.clone(), (Instant::now(), tools));
    }
}

/// What the server does not let Privet do says nothing of the client.
pub(super) const fn is_refusal_of_privet(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 407)
}

/// What a status of the server's without a message means for the client.
pub(super) fn status_problem(status: StatusCode) -> Problem {
    let coded = |status, code, text: &str| Problem::coded(status, code, text);
    match status.as_u16() {
        400 => coded(
            StatusCode::BAD_REQUEST,
            "server_refused",
            "the server of tools does not take this request",
        ),
        404 => coded(
            StatusCode::NOT_FOUND,
            "no_session",
            "the session has ended; begin another one",
        ),
        405 => coded(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "the server of tools does not offer this",
        ),
        429 => coded(
            StatusCode::TOO_MANY_REQUESTS,
            "server_busy",
            "the server of tools wants fewer requests; wait a moment",
        ),
        401 | 403 | 407 => Problem::UpstreamUnusable(
            "the server of tools does not accept what `headers` in the settings say",
        ),
        _ => Problem::UpstreamUnusable("an answer that is no message"),
    }
}
