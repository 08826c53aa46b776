//! Databunker's `/v1` and Databunker Pro's `/v2` over the vault, for programs that were written for them.
//!
//! What they answer is written in `clients/vault/CONTRACT.md`. One [`table`] holds every route of `/v1` and every call of
//! `/v2`; each file beside it has the handlers of both interfaces for one subject matter. Everything goes through the
//! vault's library: there is no second store.

mod activities;
mod agreements;
mod apps;
mod audit;
mod bases;
mod body;
mod bulk;
mod call;
mod expiry;
mod identity;
mod own_tokens;
mod page;
mod refusal;
mod reports;
mod requests;
mod sessions;
mod shares;
mod stats;
mod table;
mod time;
mod unspoken;
mod users;
mod values;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{Request, Response};
use privet_policy::DatabunkerSettings;

use crate::vault::VaultApi;
use table::Table;

/// Where they answer; the table tells the rest.
const PATHS: [&str; 8] = [
    "/v1",
    "/v1/",
    "/v1/{*rest}",
    "/v2",
    "/v2/",
    "/v2/{*rest}",
    "/status",
    "/metrics",
];

/// Both interfaces. Shared by all connections.
pub(crate) struct Databunker {
    pub(crate) api: Arc<VaultApi>,
    pub(crate) settings: DatabunkerSettings,
    table: Table,
    counters: stats::Counters,
}

/// Their addresses.
pub(crate) fn routes(api: &Arc<VaultApi>, settings: DatabunkerSettings) -> Router {
    let mut table = Table::default();
    expiry::register(&mut table, settings.has_links);
    own_tokens::register(&mut table);
    reports::register(&mut table);
    requests::register(&mut table);
    apps::register(&mut table);
    sessions::register(&mut table);
    shares::register(&mut table);
    stats::register(&mut table);
    activities::register(&mut table);
    agreements::register(&mut table);
    audit::register(&mut table);
    bases::register(&mut table);
    bulk::register(&mut table);
    users::register(&mut table);
    values::register(&mut table);
    unspoken::register(&mut table);
    let databunker = Arc::new(Databunker {
        api: Arc::clone(api),
        settings,
        table,
        counters: stats::Counters::default(),
    });
    let mut router = Router::new();
    for path in PATHS {
        let databunker = Arc::clone(&databunker);
        router = router.route(path, any(move |request| answer(Arc::clone(&databunker), request)));
    }
    router
}

async fn answer(databunker: Arc<Databunker>, request: Request<Body>) -> Response<Body> {
    call::answer(databunker, request).await
}
