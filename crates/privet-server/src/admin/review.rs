//! What was granted against what is used: `/api/v1/access_review`.

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use privet_access::{Account, Accounts, AdminError, DecideError, ReviewRow, review};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Answer, Call, Reply, unavailable};
use super::page::Page;
use crate::problem::Problem;

/// One privilege of somebody.
#[derive(Serialize, JsonSchema)]
pub(super) struct GrantedBody {
    name: String,
    /// `user` or `service`.
    kind: &'static str,
    /// Whether it was made; one that was not is only named by a key.
    is_made: bool,
    is_disabled: bool,
    /// Its roles and those of its groups.
    roles: Vec<String>,
    /// What it may do, in some circumstance.
    action: String,
    /// Whether a good key of its has the scope for that.
    has_key: bool,
    /// How often it did that.
    uses: u64,
    /// When for the last time, RFC 3339; written down once a minute.
    last_used_at: Option<String>,
    /// When such a key was last used for anything, RFC 3339.
    key_last_used_at: Option<String>,
}

/// The privileges of a page of people and service accounts, by name.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReviewBody {
    rows: Vec<GrantedBody>,
    /// What `after` of the next page is; without it this is the last one.
    next: Option<String>,
}

impl From<ReviewRow> for GrantedBody {
    fn from(row: ReviewRow) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            name: row.principal.to_string(),
            kind: row.kind.name(),
            is_made: row.is_known,
            is_disabled: row.is_disabled,
            roles: row.roles,
            action: row.action,
            has_key: row.has_key,
            uses: row.uses,
            last_used_at: text(row.last_used_at),
            key_last_used_at: text(row.key_last_used_at),
        }
    }
}

pub(super) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let (page, only_unused, now) = (Page::of(&call)?, call.asks_for("unused")?, call.now());
        let keys = call.gateway.keys();
        let (store, rules) = (keys.store(), keys.rules());
        let failed = |error: privet_store::Error| unavailable(&error);
        let snapshot = store.load_api_keys().await.map_err(failed)?;
        let key_uses = store.list_api_key_uses().await.map_err(failed)?;
        let uses = store.list_privilege_uses().await.map_err(failed)?;
        let tenant = call.tenant().clone();
        // Policies are asked about everybody on the page.
        let work = move || {
            let named = snapshot.keys.iter().map(|key| (&key.tenant, &key.principal));
            let accounts = Accounts::new(&snapshot.people, named, &rules.signers, &Accounts::default());
            let of_tenant = accounts.iter().filter(|account| *account.tenant() == tenant);
            let (shown, next): (Vec<&Arc<Account>>, _) =
                page.by_name(of_tenant, |account| account.name().as_str());
            let rows = review(&rules.authorizer, shown, &snapshot.keys, &key_uses, &uses, now)?;
            Ok::<_, DecideError>((rows, next))
        };
        let done = tokio::task::spawn_blocking(work).await;
        let (rows, next) = done
            .map_err(|_| Problem::StoreUnavailable)?
            .map_err(|error| Problem::from(AdminError::from(error)))?;
        let shown = rows.into_iter().filter(|row| !only_unused || row.uses == 0);
        let rows = shown.map(GrantedBody::from).collect();
        Reply::json(StatusCode::OK, &ReviewBody { rows, next })
    })
}
