//! How often people were told to do otherwise, and about what: `GET /api/v1/coaching`, for those who plan trainings.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::{Method, Request, Response};
use jiff::Timestamp;
use privet_access::Privilege;
use privet_types::{Entity, Pseudonym, TenantId};
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::openapi::Operation;
use crate::told::told;

/// The code of prompts that went on with kinds replaced that people are coached about.
pub(crate) const MASKED: &str = "masked";
/// Principals of one tenant that are counted apart.
const MOST: usize = 10_000;
/// All others of a tenant.
const OTHERS: &str = "others";

/// Counts since the start, of this node. They hold nothing of what was written.
pub(crate) struct Coached {
    since: Timestamp,
    tenants: Mutex<HashMap<TenantId, OfTenant>>,
}

/// By pseudonym, then by code and kind.
type OfTenant = BTreeMap<String, BTreeMap<(&'static str, &'static str), u64>>;

impl Coached {
    pub(crate) fn new(since: Timestamp) -> Self {
        Self {
            since,
            tenants: Mutex::default(),
        }
    }

    /// Counts that somebody was told something with `code`, about `kinds`, if about any.
    pub(crate) fn count(&self, tenant: &TenantId, who: &Pseudonym, code: &'static str, kinds: &[Entity]) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = tenants.entry(tenant.clone()).or_default();
        let is_known = of_tenant.contains_key(&who.0) || of_tenant.len() < MOST;
        let name = if is_known { who.0.as_str() } else { OTHERS };
        let counts = of_tenant.entry(name.to_owned()).or_default();
        let mut one = |kind| *counts.entry((code, kind)).or_default() += 1;
        if kinds.is_empty() {
            one("");
        }
        for kind in kinds {
            one(kind.name());
        }
    }

    fn shown(&self, tenant: &TenantId) -> Vec<Value> {
        let tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = tenants.get(tenant).into_iter().flatten();
        let shown = of_tenant.map(|(who, counts)| {
            let counts: Vec<Value> = counts
                .iter()
                .map(|((code, kind), count)| json!({ "code": code, "kind": kind, "count": count }))
                .collect();
            json!({ "principal": who, "counts": counts })
        });
        shown.collect()
    }
}

pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/coaching", get(show))
        .with_state(gateway)
}

/// What it does.
pub(crate) fn described() -> Vec<Operation> {
    let summary = "How often people were told to do otherwise, and about what.";
    vec![
        Operation::new(Method::GET, "/api/v1/coaching", Privilege::WatchRead, summary)
            .gives(200, "CoachingCounts"),
    ]
}

async fn show(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    told(gateway.admit(&parts).await.map(|caller| {
        json!({
            "node": gateway.spool.node(),
            "since": gateway.coached.since.to_string(),
            "principals": gateway.coached.shown(&caller.tenant),
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_a_share_and_the_rest_are_counted_together() {
        let coached = Coached::new(Timestamp::UNIX_EPOCH);
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        for number in 0..MOST + 3 {
            let who = Pseudonym(format!("{number:032}"));
            coached.count(&acme, &who, "entity_blocked", &[Entity::IBAN_CODE]);
        }
        coached.count(&other, &Pseudonym("a".to_owned()), "content_not_checkable", &[]);
        let shown = coached.shown(&acme);
        assert_eq!(shown.len(), MOST + 1);
        assert_eq!(
            shown[MOST],
            json!({ "principal": "others", "counts": [{ "code": "entity_blocked", "kind": "IBAN_CODE", "count": 3 }] })
        );
        assert_eq!(coached.shown(&other)[0]["counts"][0]["kind"], "");
    }
}
