//! One call of an administrator: who calls, what was sent, what is answered.

use std::net::IpAddr;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use privet_access::{Administration, Authenticated, Privilege};
use privet_policy::Period;
use privet_types::TenantId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::access::address_of;
use crate::gateway::Gateway;
use crate::problem::Problem;
use crate::prompt::{new_request_id, with_request_id};
use crate::query::pairs;
use crate::sign_in::{parse, small_body};
use crate::vault::problem::VaultProblem;
use crate::vault::route::Route;

/// Longest that an answer takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a handler gives back.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

/// Who may have a route answered, and what answers it.
#[derive(Clone)]
pub(super) struct Duty {
    pub(super) privilege: Privilege,
    /// Whether a session's person must have shown not long ago who it is.
    pub(super) needs_proof: bool,
    pub(super) run: fn(Call) -> Answer,
}

/// A call of somebody who may make it.
pub(super) struct Call {
    pub(super) gateway: Arc<Gateway>,
    caller: Authenticated,
    by_session: bool,
    address: Option<IpAddr>,
    params: Vec<(String, String)>,
    query: Vec<(String, String)>,
    body: Bytes,
}

/// What goes back.
pub(super) struct Reply {
    status: StatusCode,
    body: Vec<u8>,
}

impl Reply {
    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| {
            tracing::error!(%error, "an answer cannot be written as JSON");
            Problem::told(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be shown")
        })?;
        Ok(Self { status, body })
    }

    pub(super) const fn nothing() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: Vec::new(),
        }
    }
}

/// Answers `request`, which is for `route`.
pub(super) async fn answer(
    gateway: Arc<Gateway>,
    route: &Route<Duty>,
    params: Vec<(String, String)>,
    request: Request<Body>,
) -> Response<Body> {
    let id = new_request_id();
    let work = async {
        let call = admit(Arc::clone(&gateway), route, params, request).await?;
        (route.handler.run)(call).await
    };
    let done = timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        let text = "this takes too long; look whether it was done before you try again";
        Err(Problem::coded(StatusCode::SERVICE_UNAVAILABLE, "late", text))
    });
    let response = match done {
        Ok(reply) => {
            let is_empty = reply.body.is_empty();
            let mut response = Response::new(Body::from(reply.body));
            *response.status_mut() = reply.status;
            let headers = response.headers_mut();
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            if !is_empty {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
            response
        }
        Err(problem) => {
            tracing::info!(
                request_id = id,
                path = route.path,
                problem = problem.code(),
                "refused"
            );
            VaultProblem::of(&problem).respond()
        }
    };
    with_request_id(response, &id)
}

async fn admit(
    gateway: Arc<Gateway>,
    route: &Route<Duty>,
    params: Vec<(String, String)>,
    request: Request<Body>,
) -> Result<Call, Problem> {
    let (parts, body) = request.into_parts();
    let duty = &route.handler;
    let admitted = gateway.admit_proved(&parts, duty.privilege, duty.needs_proof);
    let (caller, by_session) = admitted.await?;
    let query = pairs(parts.uri.query()).ok_or_else(|| bad("the query is not well formed"))?;
    for (name, _) in &query {
        if !route.query.iter().any(|(known, _)| known == name) {
            return Err(bad(
                "this address does not take that parameter; see GET /api/v1/openapi.json",
            ));
        }
    }
    let body = if route.body.is_some() {
        small_body(&gateway, &parts.headers, body).await?
    } else {
        Bytes::new()
    };
    Ok(Call {
        caller,
        by_session,
        address: address_of(&parts.extensions),
        params,
        query,
        body,
        gateway,
    })
}

impl Call {
    /// Changes, within what the caller may do and hand on.
    pub(super) fn administration(&self) -> Administration<'_> {
        administration(&self.gateway, (&self.caller, self.by_session), self.address)
    }

    /// Whose keys and people are shown.
    pub(super) const fn tenant(&self) -> &TenantId {
        &self.caller.tenant
    }

    pub(super) fn now(&self) -> Timestamp {
        self.gateway.clock.now()
    }

    /// The parameter `name` of the path. What cannot be a name is nobody's.
    pub(super) fn param<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        let found = self.params.iter().find(|(known, _)| known == name);
        let value = found.map_or("", |(_, value)| value.as_str());
        name_of(value)
    }

    /// The parameter `name` of the query.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the parameter `name` of the query is `true`.
    pub(super) fn asks_for(&self, name: &str) -> Result<bool, Problem> {
        match self.asked(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(bad_field(name, "use `true` or `false`")),
        }
    }

    /// What the body says.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        parse(&self.body)
    }

    /// So that what was changed counts here before the answer is out; other nodes look by themselves.
    pub(super) async fn tell(&self) {
        self.gateway.look_at_keys().await;
    }
}

/// Changes of `caller`, who came in by a session or by something else, within what it may do and hand on.
pub(crate) fn administration<'a>(
    gateway: &'a Gateway,
    caller: (&'a Authenticated, bool),
    address: Option<IpAddr>,
) -> Administration<'a> {
    Administration::new(gateway.keys(), &gateway.root, &*gateway.clock, caller, address)
}

/// The name that a path or a form gives to something that is there. What cannot be a name is nobody's.
pub(crate) fn name_of<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| {
        let text =
            "there is nothing of this name here; names are 1 to 64 of a-z, A-Z, 0-9, `.`, `_`, `-`, `@`";
        Problem::coded(StatusCode::NOT_FOUND, "not_found", text)
    })
}

fn bad(text: &str) -> Problem {
    Problem::coded(StatusCode::BAD_REQUEST, "bad_query", text)
}

/// What stands in `field` cannot be used. The value is not repeated.
pub(super) fn bad_field(field: &str, why: &str) -> Problem {
    Problem::coded(StatusCode::BAD_REQUEST, "bad_field", format!("`{field}`: {why}"))
}

/// The length of time that `text` in `field` says.
pub(crate) fn period(field: &str, text: &str) -> Result<Duration, Problem> {
    let period: Result<Period, _> = text.parse();
    let period = period.map_err(|_| bad_field(field, "write a length of time such as 24h or 90d"))?;
    Ok(period.duration())
}

/// What the store says when it does not answer.
pub(super) fn unavailable(error: &privet_store::Error) -> Problem {
    tracing::warn!(%error, "the store does not answer");
    Problem::StoreUnavailable
}
