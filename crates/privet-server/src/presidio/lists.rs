//! What there is: recognisers, kinds, operators.

use axum::body::Body;
use axum::extract::State;
use http::Response;
use http::request::Parts;
use privet_pii::presidio::{Way, classes, operator_names};
use privet_types::{Entity, SurfaceKind};

use super::{Door, answer};
use crate::gateway::Gateway;
use crate::problem::Problem;
use crate::prompt::new_request_id;

/// Stands for the kinds that Presidio has no recogniser for.
pub(super) const OTHERS: &str = "PrivetRecognizer";

pub(super) async fn recognizers(State(door): State<Door>, parts: Parts) -> Response<Body> {
    let own = door.gateway.policy.pii().recognizers.iter();
    let names: Vec<String> = classes()
        .chain([OTHERS])
        .map(str::to_owned)
        .chain(own.map(|r| r.name.clone()))
        .collect();
    list(&door, &parts, names).await
}

pub(super) async fn supported_entities(State(door): State<Door>, parts: Parts) -> Response<Body> {
    let names = known(&door.gateway).iter().map(Entity::to_string).collect();
    list(&door, &parts, names).await
}

pub(super) async fn anonymizers(State(door): State<Door>, parts: Parts) -> Response<Body> {
    let names = operator_names(Way::Anonymize).iter().map(|n| (*n).to_owned());
    list(&door, &parts, names.collect()).await
}

pub(super) async fn deanonymizers(State(door): State<Door>, parts: Parts) -> Response<Body> {
    let names = operator_names(Way::Deanonymize).iter().map(|n| (*n).to_owned());
    list(&door, &parts, names.collect()).await
}

/// Every kind that this gateway can find, sorted.
pub(crate) fn known(gateway: &Gateway) -> Vec<Entity> {
    let pii = gateway.policy.pii();
    let own = pii.recognizers.iter().map(|r| r.entity);
    let listed = pii.terms.iter().map(|t| t.entity);
    let mut all: Vec<Entity> = Entity::ALL.iter().copied().chain(own).chain(listed).collect();
    all.retain(|e| *e != Entity::SURROGATE);
    all.sort_unstable();
    all.dedup();
    all
}

async fn list(door: &Door, parts: &Parts, names: Vec<String>) -> Response<Body> {
    let is_let_in = if door.requires_key || door.gateway.says_who(parts) {
        door.gateway.admit(parts).await.map(|_| ())
    } else {
        Ok(())
    };
    let result = is_let_in.and_then(|()| {
        let json = serde_json::to_string(&names);
        json.map_err(|_| Problem::DetectorFailed)
    });
    answer(SurfaceKind::Presidio, result, &new_request_id())
}
