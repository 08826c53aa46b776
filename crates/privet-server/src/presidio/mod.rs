//! Presidio's analyzer and anonymizer under their own paths, so that their users switch by changing a URL.
//!
//! Fields, offsets (code points), order, defaults, statuses and texts follow Presidio 2.2.366. What differs is in
//! docs/presidio.md.

mod analyze;
mod anonymize;
mod cache;
mod lists;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response};
use privet_access::{Authenticated, Privilege};
use privet_types::{Action, AuditEvent, Decision, Entity, SurfaceKind};
use tokio::sync::OwnedSemaphorePermit;

use crate::gateway::Gateway;
use crate::limits::{Meter, Who};
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::prompt::{check_media, new_request_id, read_body, record, with_request_id};
use crate::tokens;

pub(crate) use analyze::{MOST_EXPLANATIONS, UNITS_PER_EXPLANATION, analyzer, config_for, detector, rounded};
pub(crate) use cache::Analyzers;
pub(crate) use lists::known;

/// Everything that is served here.
pub(crate) const PATHS: &[&str] = &[
    "/analyze",
    "/recognizers",
    "/supportedentities",
    "/anonymize",
    "/deanonymize",
    "/anonymizers",
    "/deanonymizers",
    "/health",
];

/// One of the ways in.
#[derive(Clone)]
struct Door {
    gateway: Arc<Gateway>,
    requires_key: bool,
}

/// A request whose body has come, with its place among those under way.
pub(crate) struct Call {
    pub(crate) caller: Option<Authenticated>,
    pub(crate) body: Vec<u8>,
    pub(crate) read_at: Instant,
    /// What it takes from its limits, if any apply.
    _meter: Option<Meter>,
    _place: OwnedSemaphorePermit,
}

/// What was done to a text, for the audit log.
pub(crate) struct Deed {
    pub(crate) surface: SurfaceKind,
    pub(crate) action: Action,
    pub(crate) reason: &'static str,
    pub(crate) counts: BTreeMap<Entity, u32>,
}

/// Presidio's addresses alone, with errors in Presidio's shape for all others.
pub(crate) fn router(gateway: Arc<Gateway>, requires_key: bool) -> Router {
    routes(gateway, requires_key)
        .fallback(|| async { tell(&Problem::NoSuchSurface) })
        .method_not_allowed_fallback(|| async { tell(&Problem::WrongMethod) })
}

/// Presidio's addresses. Restoring needs a key even where the others need none.
pub(crate) fn routes(gateway: Arc<Gateway>, requires_key: bool) -> Router {
    Router::new()
        .route("/analyze", post(analyze))
        .route("/recognizers", get(lists::recognizers))
        .route("/supportedentities", get(lists::supported_entities))
        .route("/anonymize", post(anonymize))
        .route("/deanonymize", post(deanonymize))
        .route("/anonymizers", get(lists::anonymizers))
        .route("/deanonymizers", get(lists::deanonymizers))
        .route("/health", get(|| async { "Privet is up\n" }))
        .with_state(Door {
            gateway,
            requires_key,
        })
}

/// What they do; on an address of their own they may need no key.
pub(crate) fn described() -> Vec<Operation> {
    let [detect, anonymize, restore] = [
        Privilege::DetectText,
        Privilege::AnonymizeText,
        Privilege::RestoreText,
    ];
    vec![
        Operation::new(Method::POST, "/analyze", detect, "Presidio's analyzer.")
            .takes_shape("PresidioAnalyze")
            .gives(200, "PresidioResults")
            .refuses_as_presidio(),
        Operation::new(Method::POST, "/anonymize", anonymize, "Presidio's anonymizer.")
            .takes_shape("PresidioAnonymize")
            .gives(200, "PresidioMade")
            .refuses_as_presidio(),
        Operation::new(Method::POST, "/deanonymize", restore, "Presidio's deanonymizer.")
            .takes_shape("PresidioDeanonymize")
            .gives(200, "PresidioMade")
            .refuses_as_presidio(),
        Operation::new(Method::GET, "/recognizers", detect, "Names of recognisers.")
            .gives(200, "PresidioNames")
            .refuses_as_presidio(),
        Operation::new(Method::GET, "/supportedentities", detect, "Kinds that are found.")
            .gives(200, "PresidioNames")
            .refuses_as_presidio(),
        Operation::new(
            Method::GET,
            "/anonymizers",
            anonymize,
            "Operators of the anonymizer.",
        )
        .gives(200, "PresidioNames")
        .refuses_as_presidio(),
        Operation::new(
            Method::GET,
            "/deanonymizers",
            restore,
            "Operators of the deanonymizer.",
        )
        .gives(200, "PresidioNames")
        .refuses_as_presidio(),
        Operation::open(Method::GET, "/health", "Says that the process runs.").gives_text(),
    ]
}

async fn analyze(State(door): State<Door>, request: Request<Body>) -> Response<Body> {
    let id = new_request_id();
    let work = async {
        let call = admit(&door.gateway, request, SurfaceKind::Presidio, door.requires_key).await?;
        analyze::serve(&door.gateway, call).await
    };
    answer(SurfaceKind::Presidio, work.await, &id)
}

async fn anonymize(State(door): State<Door>, request: Request<Body>) -> Response<Body> {
    let id = new_request_id();
    let work = async {
        let call = admit(&door.gateway, request, SurfaceKind::Presidio, door.requires_key).await?;
        anonymize::serve(&door.gateway, call, anonymize::Way::Anonymize, &id).await
    };
    answer(SurfaceKind::Presidio, work.await, &id)
}

async fn deanonymize(State(door): State<Door>, request: Request<Body>) -> Response<Body> {
    let id = new_request_id();
    let work = async {
        let call = admit(&door.gateway, request, SurfaceKind::Presidio, true).await?;
        anonymize::serve(&door.gateway, call, anonymize::Way::Deanonymize, &id).await
    };
    answer(SurfaceKind::Presidio, work.await, &id)
}

/// Authenticates, finds a place, reads, and takes from the limits that apply. A key that is sent must be good even where none is needed.
pub(crate) async fn admit(
    gateway: &Arc<Gateway>,
    request: Request<Body>,
    surface: SurfaceKind,
    requires_key: bool,
) -> Result<Call, Problem> {
    let (parts, body) = request.into_parts();
    let caller = if requires_key || gateway.says_who(&parts) {
        Some(gateway.admit(&parts).await?)
    } else {
        gateway.check_open()?;
        None
    };
    let place = Arc::clone(&gateway.requests)
        .try_acquire_owned()
        .map_err(|_| Problem::Busy)?;
    let who = caller.as_ref().map_or(Who::Anybody(&gateway.tenant), Who::Caller);
    gateway.limits.look(who, surface, gateway.clock.now())?;
    check_media(&parts.headers)?;
    let body = read_body(gateway, &parts.headers, body).await?;
    let (read_at, now) = (Instant::now(), gateway.clock.now());
    let meter = gateway.limits.reserve_text(who, surface, body.len(), now).await?;
    Ok(Call {
        caller,
        body,
        read_at,
        _meter: meter,
        _place: place,
    })
}

/// Writes down what was done; without that there is no answer.
pub(crate) async fn note(
    gateway: &Gateway,
    call: (Option<&Authenticated>, Instant),
    deed: Deed,
    request_id: &str,
) -> Result<(), Problem> {
    let (caller, since) = call;
    let tenant = caller.map_or(&gateway.tenant, |caller| &caller.tenant);
    let (way, token) = caller.map_or_else(Default::default, tokens::came_by);
    let event = AuditEvent {
        at: gateway.clock.now(),
        tenant: tenant.to_string(),
        principal: caller.map(|c| gateway.pseudonyms.pseudonym(tenant, &c.principal)),
        way,
        token,
        request_id: request_id.to_owned(),
        issuer: caller.and_then(Authenticated::issuer).map(str::to_owned),
        subject: None,
        purpose: None,
        surface: deed.surface,
        model: None,
        provider: None,
        decision: Decision {
            action: deed.action,
            reason: deed.reason.to_owned(),
            counts: deed.counts,
            guardrails: BTreeMap::new(),
            latency_us: u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX),
        },
        request_hash: None,
        sent_hash: None,
        policy: gateway.policy.version().to_owned(),
    };
    record(gateway, &event).await
}

/// The answer, a JSON text, or the problem in the shape of `surface`.
pub(crate) fn answer(
    surface: SurfaceKind,
    result: Result<String, Problem>,
    request_id: &str,
) -> Response<Body> {
    let response = match result {
        Ok(json) => {
            let mut response = Response::new(Body::from(json));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(problem) => {
            tracing::info!(
                request_id,
                surface = surface.name(),
                problem = problem.code(),
                "refused"
            );
            problem.respond(surface, request_id)
        }
    };
    with_request_id(response, request_id)
}

fn tell(problem: &Problem) -> Response<Body> {
    let id = new_request_id();
    with_request_id(problem.respond(SurfaceKind::Presidio, &id), &id)
}
