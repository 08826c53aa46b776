//! Databunker's `/v1` and Databunker Pro's `/v2` over the vault, for programs that were written for them.
//!
//! What they answer is written in `clients/vault/CONTRACT.md`. One [`table`] holds every route of `/v1` and every call of
//! `/v2`; each file beside it has the handlers of both interfaces for one subject matter. Everything goes through the
//! vault's library: there is no second store.

mod activities;
mod agreements;
mod audit;
mod bases;
mod body;
mod bulk;
mod call;
mod identity;
mod page;
mod refusal;
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

/// Both interfaces. Shared by all connections.
pub(crate) struct Databunker {
    pub(crate) api: Arc<VaultApi>,
    pub(crate) settings: DatabunkerSettings,
    table: Table,
}

/// Their addresses.
pub(crate) fn routes(api: &Arc<VaultApi>, settings: DatabunkerSettings) -> Router {
    let mut table = Table::default();
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
    });
    let mut router = Router::new();
    for path in ["/v1", "/v1/", "/v1/{*rest}", "/v2", "/v2/", "/v2/{*rest}"] {
        let databunker = Arc::clone(&databunker);
        router = router.route(path, any(move |request| answer(Arc::clone(&databunker), request)));
    }
    router
}

async fn answer(databunker: Arc<Databunker>, request: Request<Body>) -> Response<Body> {
    call::answer(databunker, request).await
}
