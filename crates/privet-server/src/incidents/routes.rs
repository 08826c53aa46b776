//! `/api/v1/incidents`: opening, seeing and working on incidents.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use privet_access::Privilege;
use privet_watch::incident::IncidentState;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{IncidentError, IncidentScope, Incidents, Opening, Step};
use crate::gateway::Gateway;
use crate::named::Named;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::told::told;
use crate::watch::admitted;

/// Largest body.
const MOST_BYTES: usize = 64 << 10;

pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/incidents", get(list).post(open))
        .route("/api/v1/incidents/{id}", get(show).post(step))
        .route("/api/v1/incidents/{id}/affected", get(affected))
        .with_state(gateway)
}

/// An incident that is to be opened.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "IncidentOpen")]
struct OpenBody {
    kind: String,
    title: String,
    #[serde(default)]
    scope: IncidentScope,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    aware_at: Option<Timestamp>,
}

/// One of the steps.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
#[schemars(rename = "IncidentStep")]
enum StepBody {
    Note(String),
    State {
        to: String,
        why: String,
    },
    Notified {
        #[schemars(with = "String")]
        at: Timestamp,
        note: String,
    },
    NoNotice(String),
}

/// What they do.
pub(crate) fn described() -> Vec<Operation> {
    let [read, manage] = [Privilege::WatchRead, Privilege::WatchManage];
    vec![
        Operation::new(Method::GET, "/api/v1/incidents", read, "Lists incidents.").gives(200, "Incidents"),
        Operation::new(Method::POST, "/api/v1/incidents", manage, "Opens an incident.")
            .takes::<OpenBody>()
            .gives(200, "Incident"),
        Operation::new(
            Method::GET,
            "/api/v1/incidents/{id}",
            read,
            "One incident, with all that happened.",
        )
        .gives(200, "Incident"),
        Operation::new(Method::POST, "/api/v1/incidents/{id}", manage, "Takes a step.")
            .takes::<StepBody>()
            .gives(200, "Incident"),
        Operation::new(
            Method::GET,
            "/api/v1/incidents/{id}/affected",
            read,
            "Whose data passed, as far as the log tells.",
        )
        .gives(200, "IncidentAffected"),
    ]
}

impl TryFrom<StepBody> for Step {
    type Error = IncidentError;

    fn try_from(body: StepBody) -> Result<Self, IncidentError> {
        Ok(match body {
            StepBody::Note(text) => Self::Note(text),
            StepBody::State { to, why } => Self::State(to.parse::<IncidentState>()?, why),
            StepBody::Notified { at, note } => Self::Notified(at, note),
            StepBody::NoNotice(why) => Self::NoNotice(why),
        })
    }
}

impl From<IncidentError> for Problem {
    fn from(error: IncidentError) -> Self {
        match error {
            IncidentError::Unknown { .. } => Self::told(
                StatusCode::NOT_FOUND,
                "there is no such incident; GET /api/v1/incidents lists them",
            ),
            IncidentError::Step(_) | IncidentError::Busy => {
                Self::told(StatusCode::CONFLICT, error.to_string())
            }
            IncidentError::Length | IncidentError::Name(_) | IncidentError::Time(_) => {
                Self::told(StatusCode::BAD_REQUEST, error.to_string())
            }
            error => {
                tracing::error!(%error, "an incident cannot be worked on");
                Self::StoreUnavailable
            }
        }
    }
}

async fn body<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let limited = Limited::new(body, MOST_BYTES);
    let bytes = limited.collect().await.map_err(|_| Problem::TooLarge {
        limit: MOST_BYTES as u64,
    })?;
    // The error of the parser would repeat what was sent.
    serde_json::from_slice(&bytes.to_bytes()).map_err(|error| {
        Problem::told(
            StatusCode::BAD_REQUEST,
            format!(
                "the body is not what this address takes: line {}, column {}",
                error.line(),
                error.column()
            ),
        )
    })
}

async fn list(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = async {
        let (caller, store) = admitted(&gateway, &parts, Privilege::WatchRead).await?;
        let incidents = Incidents::new(store.clone(), &gateway.root);
        let all = incidents.list(&caller.tenant, gateway.clock.now()).await?;
        Ok(json!({ "incidents": all }))
    };
    told(work.await)
}

async fn open(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let (parts, sent) = request.into_parts();
    let work = async {
        let (caller, store) = admitted(&gateway, &parts, Privilege::WatchManage).await?;
        let OpenBody {
            kind,
            title,
            scope,
            aware_at,
        } = body(sent).await?;
        let incidents = Incidents::new(store.clone(), &gateway.root);
        let opening = Opening {
            kind: kind.parse().map_err(IncidentError::Name)?,
            title,
            scope,
            aware_at,
            actor: gateway.pseudonyms.pseudonym(&caller.tenant, &caller.principal),
        };
        let now = gateway.clock.now();
        let id = incidents.open(&caller.tenant, opening, now).await?;
        shown(&incidents, &caller.tenant, &id, now).await
    };
    told(work.await)
}

async fn show(
    State(gateway): State<Arc<Gateway>>,
    Named(id): Named,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = async {
        let (caller, store) = admitted(&gateway, &parts, Privilege::WatchRead).await?;
        let incidents = Incidents::new(store.clone(), &gateway.root);
        shown(&incidents, &caller.tenant, &id, gateway.clock.now()).await
    };
    told(work.await)
}

async fn step(
    State(gateway): State<Arc<Gateway>>,
    Named(id): Named,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, sent) = request.into_parts();
    let work = async {
        let (caller, store) = admitted(&gateway, &parts, Privilege::WatchManage).await?;
        let step: StepBody = body(sent).await?;
        let incidents = Incidents::new(store.clone(), &gateway.root);
        let (tenant, now) = (&caller.tenant, gateway.clock.now());
        let actor = gateway.pseudonyms.pseudonym(tenant, &caller.principal);
        incidents.step(tenant, &id, step.try_into()?, &actor, now).await?;
        shown(&incidents, tenant, &id, now).await
    };
    told(work.await)
}

async fn affected(
    State(gateway): State<Arc<Gateway>>,
    Named(id): Named,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = async {
        let (caller, store) = admitted(&gateway, &parts, Privilege::WatchRead).await?;
        let incidents = Incidents::new(store.clone(), &gateway.root);
        let affected = incidents
            .affected(&caller.tenant, &id, gateway.clock.now())
            .await?;
        Ok(json!(affected))
    };
    told(work.await)
}

async fn shown(
    incidents: &Incidents,
    tenant: &privet_types::TenantId,
    id: &str,
    now: Timestamp,
) -> Result<Value, Problem> {
    Ok(json!(incidents.show(tenant, id, now).await?))
}
