//! `GET /api/v1/limits`: what the caller has used of its limits.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::{Method, Request, Response};
use jiff::Timestamp;
use privet_access::{Authenticated, Privilege};
use privet_policy::limits::{Amount, Asker, Charge, Count, LimitRule, Part, Standing};
use serde_json::{Value, json};

use super::shared::Unanswered;
use super::{Limits, Who};
use crate::gateway::Gateway;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::told::told;

pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/limits", get(show))
        .with_state(gateway)
}

/// What it does.
pub(crate) fn described() -> Vec<Operation> {
    let summary = "What the caller has used of its limits.";
    vec![
        Operation::new(Method::GET, "/api/v1/limits", Privilege::ListModels, summary)
            .gives(200, "LimitsUsed"),
    ]
}

async fn show(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let work = async {
        let (parts, _) = request.into_parts();
        let caller = gateway.admit(&parts).await?;
        let limits = &gateway.limits;
        let (standings, is_shared) = limits.standings(&caller, gateway.clock.now()).await?;
        let shown: Vec<Value> = standings.iter().map(shown).collect();
        Ok(json!({ "currency": limits.prices.currency(), "shared": is_shared, "limits": shown }))
    };
    told(work.await)
}

impl Limits {
    /// What costs are counted in.
    pub(crate) fn currency(&self) -> &str {
        self.prices.currency()
    }

    /// What is used of the caller's limits, and whether nodes share them. Where they do, of those that tell models apart the models are
    /// told that the settings name, and that the caller asked this node for.
    pub(crate) async fn standings(
        &self,
        caller: &Authenticated,
        now: Timestamp,
    ) -> Result<(Vec<Standing>, bool), Problem> {
        let who = Who::Caller(caller);
        let groups = who.groups();
        let asker = who.asker(&groups, (None, None));
        self.limiter.check_groups(&asker)?;
        self.standings_of(&asker, now).await
    }

    /// The same of anybody.
    pub(crate) async fn standings_of(
        &self,
        asker: &Asker<'_>,
        now: Timestamp,
    ) -> Result<(Vec<Standing>, bool), Problem> {
        let Some(shared) = &self.shared else {
            return Ok((self.limiter.standings(asker, now), false));
        };
        let of_caller = self.limiter.of_caller(asker, now).into_iter();
        let mut asked: Vec<(Option<String>, &LimitRule, Charge<'_>)> =
            of_caller.map(|(rule, charge)| (None, rule, charge)).collect();
        let mut models = shared.seen(&asker.owner());
        models.extend(self.named.iter().cloned());
        for model in models {
            let of_model = self.limiter.of_model(asker, &model, now).into_iter();
            asked.extend(of_model.map(|(rule, charge)| (Some(model.clone()), rule, charge)));
        }
        let charges: Vec<&Charge<'_>> = asked.iter().map(|(_, _, charge)| charge).collect();
        let counts = shared.read(&charges).await;
        let counts = counts.map_err(|Unanswered| Problem::BudgetUnknown)?;
        let standings = asked.iter().zip(counts);
        let standing =
            |((model, rule, charge), count): (&(Option<String>, &LimitRule, Charge<'_>), Count)| {
                let bounds = charge.window.map(|(window, from)| (from, window.end(from)));
                let is_now = bounds.is_none_or(|(from, _)| from <= count.window_start);
                let second = |second: i64| Timestamp::from_second(second).ok();
                Standing {
                    rule: (*rule).clone(),
                    model: model.clone(),
                    group: charge.group.clone(),
                    window_start: bounds.and_then(|(from, _)| second(from)),
                    window_end: bounds.and_then(|(_, to)| second(to)),
                    settled: if is_now { count.settled } else { Amount::default() },
                    reserved: count.reserved,
                    running: count.running,
                }
            };
        Ok((standings.map(standing).collect(), true))
    }
}

fn shown(standing: &Standing) -> Value {
    let Standing { rule, .. } = standing;
    let each: Vec<&str> = rule.each.iter().copied().map(Part::name).collect();
    let mut shown = json!({ "name": rule.name, "each": each });
    let mut set = |key: &str, value: Value| {
        if let Some(object) = shown.as_object_mut() {
            object.insert(key.to_owned(), value);
        }
    };
    if !rule.surfaces.is_empty() {
        set("surfaces", json!(rule.surfaces));
    }
    if !rule.models.is_empty() {
        set("models", json!(rule.models));
    }
    if let Some(group) = &standing.group {
        set("group", json!(group));
    } else if !rule.groups.is_empty() {
        set("groups", json!(rule.groups));
    }
    if let Some(model) = &standing.model {
        set("model", json!(model));
    }
    if let Some(window) = rule.window {
        set("window", json!(window.name()));
        set("from", json!(standing.window_start.map(|at| at.to_string())));
        set("until", json!(standing.window_end.map(|at| at.to_string())));
    }
    let (settled, reserved) = (standing.settled, standing.reserved);
    if let Some(most) = rule.requests {
        set(
            "requests",
            json!({ "limit": most, "used": settled.requests, "reserved": reserved.requests }),
        );
    }
    if let Some(most) = rule.tokens {
        set(
            "tokens",
            json!({ "limit": most, "used": settled.tokens, "reserved": reserved.tokens }),
        );
    }
    if let Some(most) = rule.cost {
        set(
            "cost",
            json!({ "limit": units(most.millionths().saturating_mul(1000)), "used": units(settled.nanos), "reserved": units(reserved.nanos) }),
        );
    }
    if let Some(most) = rule.concurrent {
        set("concurrent", json!({ "limit": most, "used": standing.running }));
    }
    if let Some(time) = rule.stream_time {
        set("stream_time", json!(time.to_string()));
    }
    shown
}

/// For people and plots; the counts themselves are exact.
#[expect(
    clippy::cast_precision_loss,
    reason = "fifteen digits of money are enough to be shown"
)]
fn units(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
