//! What guardrails hold until somebody approves it: `/api/v1/guard/holds`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use privet_access::{Authenticated, Privilege};
use privet_guardrails::gate::{Approvals, Held, HoldId};
use privet_store::{HoldDecided, HoldRecord, NewHold};
use privet_types::{AuditEvent, TenantId};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::named::Named;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::prompt::{check_media, read_body};
use crate::told::told;
use crate::watch::unavailable;

/// Holds of one answer: the newest.
const MOST: u32 = 1_000;
/// How many hours an approval counts if nobody says otherwise.
const USUAL: u32 = 24;
/// How many it may count.
const LONGEST: u32 = 30 * 24;
/// After this the store is asked again what was approved. An approval is not felt earlier.
const FRESH: Duration = Duration::from_secs(1);
/// Tenants whose approvals are kept in memory.
const TENANTS: usize = 1024;

/// What was approved, as of late.
#[derive(Default)]
pub(crate) struct Approved(Mutex<HashMap<TenantId, (Instant, Arc<Approvals>)>>);

impl Approved {
    /// What a tenant's callers may send although a rule holds it. Nothing if the store does not answer: what is held stays held.
    pub(crate) async fn of(&self, gateway: &Gateway, tenant: &TenantId) -> Arc<Approvals> {
        {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((at, approved)) = known.get(tenant)
                && at.elapsed() < FRESH
            {
                return Arc::clone(approved);
            }
        }
        let store = gateway.keys().store();
        let approved = match store.approved_holds(tenant, gateway.clock.now()).await {
            Ok(ids) => ids.iter().filter_map(|id| HoldId::parse(id)).collect(),
            Err(error) => {
                tracing::warn!(%error, "cannot read from the store what was approved");
                Approvals::new()
            }
        };
        let approved = Arc::new(approved);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TENANTS {
            known.clear();
        }
        known.insert(tenant.clone(), (Instant::now(), Arc::clone(&approved)));
        approved
    }

    fn forget(&self, tenant: &TenantId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(tenant);
    }
}

/// Writes down what is held of a request, so that somebody can approve it. It is held whether this succeeds or not.
pub(crate) async fn open(gateway: &Gateway, event: &AuditEvent, held: &[Held]) {
    let (Ok(tenant), Some(who)) = (event.tenant.parse::<TenantId>(), event.principal.clone()) else {
        return;
    };
    let holds = held
        .iter()
        .map(|held| NewHold {
            id: held.id.to_hex(),
            rule: held.rule.0.to_owned(),
            surface: event.surface.name().to_owned(),
            model: event.model.as_deref().and_then(name).unwrap_or_default(),
            tool: held.tool.as_deref().and_then(name),
            who: who.clone(),
        })
        .collect();
    let opened = gateway.keys().store().open_holds(&tenant, holds, event.at).await;
    if let Err(error) = opened {
        tracing::error!(%error, "what a guardrail holds cannot be written down for approval");
    }
}

/// `text` if it is a name. What a model or a caller makes up may be anything.
fn name(text: &str) -> Option<String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/@".contains(&byte);
    (text.len() <= 128 && text.bytes().all(is_name)).then(|| text.to_owned())
}

pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/guard/holds", get(list))
        .route("/api/v1/guard/holds/{id}/approve", post(approve))
        .route("/api/v1/guard/holds/{id}/refuse", post(refuse))
        .with_state(gateway)
}

/// How long an approval counts.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "GuardApproval")]
struct Approval {
    /// Hours, from 1 to 720; 24 if left out.
    hours: Option<u32>,
}

/// What they do.
pub(crate) fn described() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/api/v1/guard/holds",
            Privilege::WatchRead,
            "What guardrails hold until somebody approves it, or held, the newest first. No text is kept.",
        )
        .query(&[("open", "`true`: only what nobody has decided about.")])
        .gives(200, "GuardHolds"),
        Operation::new(
            Method::POST,
            "/api/v1/guard/holds/{id}/approve",
            Privilege::WatchManage,
            "Lets the same text or tool call of the same caller pass for some hours.",
        )
        .takes::<Approval>()
        .gives(200, "GuardHold"),
        Operation::new(
            Method::POST,
            "/api/v1/guard/holds/{id}/refuse",
            Privilege::WatchManage,
            "Refuses it, also if it was approved before.",
        )
        .gives(200, "GuardHold"),
    ]
}

async fn list(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = async {
        let caller = gateway.admit_for(&parts, Privilege::WatchRead).await?;
        let is_open = parts
            .uri
            .query()
            .is_some_and(|query| query.split('&').any(|part| part == "open=true"));
        let holds = gateway.keys().store().holds(&caller.tenant, MOST).await;
        let holds = holds.map_err(|error| unavailable(&error))?;
        let now = gateway.clock.now();
        let mut shown: Vec<Value> = holds.iter().map(|record| hold_shown(record, now)).collect();
        shown.retain(|hold| !is_open || hold.get("state").is_some_and(|state| state == "open"));
        Ok(json!({ "holds": shown }))
    };
    told(work.await)
}

async fn approve(
    State(gateway): State<Arc<Gateway>>,
    Named(id): Named,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let work = async {
        let caller = gateway.admit_for(&parts, Privilege::WatchManage).await?;
        let body = read_body(&gateway, &parts.headers, body).await?;
        let approval = if body.is_empty() {
            Approval::default()
        } else {
            check_media(&parts.headers)?;
            serde_json::from_slice(&body).map_err(|_| bad("the body must be empty or {\"hours\": 24}"))?
        };
        decide(&gateway, &caller, &id, Some(approval.hours.unwrap_or(USUAL))).await
    };
    told(work.await)
}

async fn refuse(
    State(gateway): State<Arc<Gateway>>,
    Named(id): Named,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = async {
        let caller = gateway.admit_for(&parts, Privilege::WatchManage).await?;
        decide(&gateway, &caller, &id, None).await
    };
    told(work.await)
}

/// Decides in the name of `caller`, who may: lets it pass for so many hours, or refuses it.
pub(crate) async fn decide(
    gateway: &Gateway,
    caller: &Authenticated,
    id: &str,
    hours: Option<u32>,
) -> Result<Value, Problem> {
    let (now, tenant) = (gateway.clock.now(), &caller.tenant);
    let until = match hours {
        None => None,
        Some(hours) if (1..=LONGEST).contains(&hours) => {
            let lasts = SignedDuration::from_hours(hours.into());
            Some(now.saturating_add(lasts).unwrap_or(now))
        }
        Some(_) => return Err(bad("`hours` is from 1 to 720")),
    };
    let by = &gateway.pseudonyms.pseudonym(tenant, &caller.principal);
    let decided = gateway
        .keys()
        .store()
        .decide_hold(tenant, id, until, by, now)
        .await;
    if let Some(guards) = &gateway.guards {
        guards.approved.forget(tenant);
    }
    match decided.map_err(|error| unavailable(&error))? {
        HoldDecided::Done(record) => Ok(hold_shown(&record, now)),
        HoldDecided::Missing => Err(Problem::told(
            StatusCode::NOT_FOUND,
            "nothing is held under this number; GET /api/v1/guard/holds lists what is",
        )),
        HoldDecided::Own => Err(Problem::told(
            StatusCode::FORBIDDEN,
            "this was held of yourself; somebody else has to look at it",
        )),
    }
}

fn bad(text: &str) -> Problem {
    Problem::told(StatusCode::BAD_REQUEST, text)
}

/// A hold as JSON.
#[must_use]
pub fn hold_shown(record: &HoldRecord, now: Timestamp) -> Value {
    let decision = record.decision.as_ref();
    json!({
        "id": record.hold.id,
        "state": record.state(now),
        "rule": record.hold.rule,
        "surface": record.hold.surface,
        "model": record.hold.model,
        "tool": record.hold.tool,
        "who": record.hold.who,
        "opened_at": record.opened_at,
        "decided_at": decision.map(|it| it.at),
        "decided_by": decision.map(|it| &it.by),
        "expires_at": decision.and_then(|it| it.expires_at),
    })
}
