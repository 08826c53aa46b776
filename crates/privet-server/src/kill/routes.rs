//! `/api/v1/kill-switches`: what is switched off, and switching it off and on again.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{delete, get};
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use privet_access::{Authenticated, KillOrder, KillSwitch, KillSwitches, KillTarget, Privilege};
use privet_types::TenantId;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::named::Named;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::prompt::{check_media, read_body};
use crate::told::told;

/// Switches that are shown: the newest.
const MOST: u32 = 1_000;
/// What a tenant is told of the operator's people.
const OPERATOR: &str = "the operator";

pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/kill-switches", get(answer_list).post(answer_set))
        .route("/api/v1/kill-switches/{id}", delete(answer_lift))
        .with_state(gateway)
}

/// What is asked for with `POST`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KillOrder")]
pub(crate) struct Order {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) reason: String,
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(crate) until: Option<Timestamp>,
    /// Another tenant than the caller's own.
    #[serde(default)]
    pub(crate) tenant: Option<String>,
    /// A model or a provider for all tenants.
    #[serde(default)]
    pub(crate) everywhere: bool,
}

/// What they do.
pub(crate) fn described() -> Vec<Operation> {
    vec![
        Operation::new(
            Method::GET,
            "/api/v1/kill-switches",
            Privilege::KillRead,
            "What is switched off, the newest first.",
        )
        .gives(200, "KillSwitches"),
        Operation::new(
            Method::POST,
            "/api/v1/kill-switches",
            Privilege::KillManage,
            "Switches off everybody, a tenant, a principal, a key, a model or a provider.",
        )
        .takes::<Order>()
        .gives(201, "KillSwitch"),
        Operation::new(
            Method::DELETE,
            "/api/v1/kill-switches/{id}",
            Privilege::KillManage,
            "Switches on again.",
        )
        .gives(200, "KillSwitch"),
    ]
}

/// The switches that `caller` sees, the newest first.
pub(crate) async fn list(gateway: &Gateway, caller: &Authenticated) -> Result<Vec<KillSwitch>, Problem> {
    let switches = gateway.kill_switches();
    let found = switches.list(MOST, gateway.within(caller)).await;
    let found = found.map_err(|error| refused(&error))?;
    Ok(found
        .into_iter()
        .map(|switch| seen_by(gateway, caller, switch))
        .collect())
}

/// `switch` as `caller` may see it: a tenant is not told which of the operator's people did something to it.
fn seen_by(gateway: &Gateway, caller: &Authenticated, switch: KillSwitch) -> KillSwitch {
    let within = gateway.within(caller);
    let name = |written: String| match (written.split_once('/'), within) {
        (Some((_, name)), None) => name.to_owned(),
        (Some((home, name)), Some(tenant)) if home == tenant.as_str() => name.to_owned(),
        (Some(_), Some(_)) => OPERATOR.to_owned(),
        (None, _) => written,
    };
    KillSwitch {
        set_by: name(switch.set_by),
        lifted_by: switch.lifted_by.map(name),
        ..switch
    }
}

/// Switches off what `order` says, in the name of `caller`, who may.
pub(crate) async fn set(
    gateway: &Gateway,
    caller: &Authenticated,
    order: Order,
) -> Result<KillSwitch, Problem> {
    let order = order.checked(gateway, caller)?;
    let actor = caller.principal.as_str();
    let set = gateway.kill_switches().set(order, actor, &caller.tenant).await;
    let switch = set.map_err(|error| refused(&error))?;
    gateway.look_at_keys().await;
    Ok(seen_by(gateway, caller, switch))
}

/// Lifts the switch `id`, in the name of `caller`, who may.
pub(crate) async fn lift(gateway: &Gateway, caller: &Authenticated, id: &str) -> Result<KillSwitch, Problem> {
    let switches = gateway.kill_switches();
    let (actor, within) = (caller.principal.as_str(), gateway.within(caller));
    let lifted = switches.lift(id, actor, &caller.tenant, within).await;
    let switch = lifted.map_err(|error| refused(&error))?;
    gateway.look_at_keys().await;
    Ok(seen_by(gateway, caller, switch))
}

async fn answer_list(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let work = async {
        let (parts, _) = request.into_parts();
        let caller = gateway.admit(&parts).await?;
        let found = list(&gateway, &caller).await?;
        let now = gateway.clock.now();
        let shown: Vec<Value> = found.iter().map(|switch| shown(switch, now)).collect();
        Ok((StatusCode::OK, json!({ "switches": shown })))
    };
    told(work.await)
}

async fn answer_set(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let work = async {
        let (parts, body) = request.into_parts();
        let caller = gateway.admit_for(&parts, Privilege::KillManage).await?;
        check_media(&parts.headers)?;
        let body = read_body(&gateway, &parts.headers, body).await?;
        let order: Order = serde_json::from_slice(&body)
            .map_err(|error| bad(format!("the body is no order to switch something off: {error}")))?;
        let switch = set(&gateway, &caller, order).await?;
        Ok((StatusCode::CREATED, shown(&switch, gateway.clock.now())))
    };
    told(work.await)
}

async fn answer_lift(
    State(gateway): State<Arc<Gateway>>,
    Named(id): Named,
    request: Request<Body>,
) -> Response<Body> {
    let work = async {
        let (parts, _) = request.into_parts();
        let caller = gateway.admit_for(&parts, Privilege::KillManage).await?;
        let switch = lift(&gateway, &caller, &id).await?;
        Ok((StatusCode::OK, shown(&switch, gateway.clock.now())))
    };
    told(work.await)
}

impl Order {
    fn checked(self, gateway: &Gateway, caller: &Authenticated) -> Result<KillOrder, Problem> {
        let target = KillTarget::parse(&self.kind, &self.name).map_err(|unknown| bad(unknown.to_string()))?;
        let other = self.tenant.as_deref().map(str::parse::<TenantId>).transpose();
        let other = other.map_err(|unknown| bad(unknown.to_string()))?;
        let can_be_everywhere = matches!(target, KillTarget::Model(_) | KillTarget::Provider(_));
        if self.everywhere && !can_be_everywhere {
            return Err(bad("`everywhere` is for a `model` or a `provider`".to_owned()));
        }
        let tenant = if self.everywhere || target == KillTarget::All {
            None
        } else {
            Some(other.unwrap_or_else(|| caller.tenant.clone()))
        };
        if gateway.within(caller).is_some() && tenant.as_ref() != Some(&caller.tenant) {
            let text = "only the installation's own tenant switches off what is not its own";
            return Err(Problem::told(StatusCode::FORBIDDEN, text));
        }
        Ok(KillOrder {
            tenant,
            target,
            reason: self.reason,
            ends_at: self.until,
        })
    }
}

impl Gateway {
    fn kill_switches(&self) -> KillSwitches<'_> {
        KillSwitches::with(self.keys().store(), self.pseudonyms.clone(), &*self.clock)
    }

    /// The tenant that `caller` sees alone; none for those of the installation's own.
    fn within<'a>(&self, caller: &'a Authenticated) -> Option<&'a TenantId> {
        (caller.tenant != self.tenant).then_some(&caller.tenant)
    }

    /// So that a change counts here before its answer is out; other nodes look by themselves.
    pub(crate) async fn look_at_keys(&self) {
        if let Err(error) = self.keys().refresh_if_changed().await {
            tracing::warn!(%error, "cannot read API keys from the store");
        }
    }
}

fn shown(switch: &KillSwitch, now: Timestamp) -> Value {
    json!({
        "id": switch.id,
        "tenant": switch.tenant,
        "kind": switch.target.kind(),
        "name": switch.target.name(),
        "reason": switch.reason,
        "set_by": switch.set_by,
        "set_at": switch.set_at.to_string(),
        "until": switch.ends_at.map(|at| at.to_string()),
        "lifted_at": switch.lifted_at.map(|at| at.to_string()),
        "lifted_by": switch.lifted_by,
        "in_force": switch.is_in_force(now),
    })
}

fn bad(text: String) -> Problem {
    Problem::told(StatusCode::BAD_REQUEST, text)
}

fn refused(error: &privet_access::Error) -> Problem {
    use privet_access::Error;
    let status = match error {
        Error::BadKillOrder { .. } | Error::ExpiresInPast { .. } => StatusCode::BAD_REQUEST,
        Error::UnknownKeyId { .. } | Error::UnknownKillSwitch { .. } => StatusCode::NOT_FOUND,
        _ => {
            tracing::error!(%error, "kill switches cannot be read or changed");
            let text = "kill switches cannot be read or changed at the moment; use `privet kill on --local` on each machine";
            return Problem::told(StatusCode::SERVICE_UNAVAILABLE, text);
        }
    };
    Problem::told(status, error.to_string())
}
