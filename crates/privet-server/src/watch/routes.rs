//! `/api/v1/alerts`: what was unusual, and who looked at it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use privet_access::{Authenticated, Privilege};
use privet_store::{AlertRecord, Store};
use privet_types::Pseudonym;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::named::Named;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::told::told;

/// Alerts of one answer.
const MOST: u32 = 1000;

pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/alerts", get(list))
        .route("/api/v1/alerts/{id}", get(one))
        .route("/api/v1/alerts/{id}/close", post(answer_close))
        .with_state(gateway)
}

/// What they do.
pub(crate) fn described() -> Vec<Operation> {
    let read = Privilege::WatchRead;
    vec![
        Operation::new(
            Method::GET,
            "/api/v1/alerts",
            read,
            "What was unusual, the newest first.",
        )
        .query(&[("open", "`true`: only those that nobody has closed.")])
        .gives(200, "Alerts"),
        Operation::new(
            Method::GET,
            "/api/v1/alerts/{id}",
            read,
            "One alert, and what is known of whom it is about.",
        )
        .gives(200, "Alert"),
        Operation::new(
            Method::POST,
            "/api/v1/alerts/{id}/close",
            Privilege::WatchManage,
            "Closes an alert, and ends what was done about it.",
        )
        .gives(200, "Alert"),
    ]
}

/// Who asks, if they may, and the store.
pub(crate) async fn admitted<'g>(
    gateway: &'g Gateway,
    parts: &Parts,
    privilege: Privilege,
) -> Result<(Authenticated, &'g Store), Problem> {
    let caller = gateway.admit_for(parts, privilege).await?;
    let store = gateway.watch.store().ok_or(Problem::StoreUnavailable)?;
    Ok((caller, store))
}

/// What the store says when it does not answer.
pub(crate) fn unavailable(error: &privet_store::Error) -> Problem {
    tracing::warn!(%error, "the store does not answer");
    Problem::StoreUnavailable
}

async fn list(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = async {
        let (caller, store) = admitted(&gateway, &parts, Privilege::WatchRead).await?;
        let is_open = parts
            .uri
            .query()
            .is_some_and(|query| query.split('&').any(|part| part == "open=true"));
        let alerts = store.alerts(&caller.tenant, is_open, MOST).await;
        let alerts = alerts.map_err(|error| unavailable(&error))?;
        let shown: Vec<Value> = alerts.iter().map(shown).collect();
        Ok(json!({ "alerts": shown }))
    };
    told(work.await)
}

async fn one(
    State(gateway): State<Arc<Gateway>>,
    Named(id): Named,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = async {
        let (caller, store) = admitted(&gateway, &parts, Privilege::WatchRead).await?;
        let alert = store.alert(&caller.tenant, &id).await;
        let alert = alert
            .map_err(|error| unavailable(&error))?
            .ok_or_else(no_such_alert)?;
        let mut shown = shown(&alert);
        let standing = gateway.watch.standing(&Pseudonym(alert.who.clone()));
        if let (Some(fields), Some(standing)) = (shown.as_object_mut(), standing) {
            fields.insert("known".to_owned(), json!(standing));
        }
        Ok(shown)
    };
    told(work.await)
}

async fn answer_close(
    State(gateway): State<Arc<Gateway>>,
    Named(id): Named,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = async {
        let (caller, store) = admitted(&gateway, &parts, Privilege::WatchManage).await?;
        let closed = close(&gateway, store, &caller, &id).await?;
        let alert = store.alert(&caller.tenant, &id).await;
        let alert = alert
            .map_err(|error| unavailable(&error))?
            .ok_or_else(no_such_alert)?;
        let mut shown = shown(&alert);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("was_open".to_owned(), json!(closed));
        }
        Ok(shown)
    };
    told(work.await)
}

/// Closes the alert `id` in the name of `caller`, who may. Returns whether it was open.
pub(crate) async fn close(
    gateway: &Gateway,
    store: &Store,
    caller: &Authenticated,
    id: &str,
) -> Result<bool, Problem> {
    let by = gateway.pseudonyms.pseudonym(&caller.tenant, &caller.principal);
    let alert = store.alert(&caller.tenant, id).await;
    let alert = alert
        .map_err(|error| unavailable(&error))?
        .ok_or_else(no_such_alert)?;
    check_is_of_another(&alert, &by)?;
    let closed = store.close_alert(&caller.tenant, id, &by, gateway.clock.now());
    closed.await.map_err(|error| unavailable(&error))
}

/// That an alert is not about `by`, who is to close it.
fn check_is_of_another(alert: &AlertRecord, by: &Pseudonym) -> Result<(), Problem> {
    if alert.who != by.0 {
        return Ok(());
    }
    Err(Problem::told(
        StatusCode::FORBIDDEN,
        "this alert is about yourself; somebody else has to look at it and close it",
    ))
}

fn no_such_alert() -> Problem {
    Problem::told(
        StatusCode::NOT_FOUND,
        "there is no such alert; GET /api/v1/alerts lists them",
    )
}

/// An alert as JSON: what it is, what was done about it, and the OCSF finding.
pub fn shown(alert: &AlertRecord) -> Value {
    json!({
        "id": alert.id,
        "at": alert.at,
        "rule": alert.rule,
        "severity": alert.severity,
        "who": alert.who,
        "key": alert.key_id,
        "response": alert.response,
        "requests_a_minute": (alert.requests > 0).then_some(alert.requests),
        "held_until": alert.held_until,
        "lifted_at": alert.lifted_at,
        "closed_at": alert.closed_at,
        "incident": alert.incident,
        "finding": serde_json::from_str::<Value>(&alert.finding).unwrap_or_default(),
    })
}
