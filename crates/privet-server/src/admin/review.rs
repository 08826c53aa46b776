//! What was granted against what is used: `/api/v1/access_review`.

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use privet_access::{Account, Accounts, AdminError, DecideError, ReviewRow, review};
use privet_types::TenantId;
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Answer, Call, Reply, unavailable};
use super::page::Page;
use crate::gateway::Gateway;
use crate::problem::Problem;

/// One privilege of somebody.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GrantedBody {
    pub(crate) name: String,
    /// `user` or `service`.
    pub(crate) kind: &'static str,
    /// Whether it was made; one that was not is only named by a key.
    pub(crate) is_made: bool,
    pub(crate) is_disabled: bool,
    /// Its roles and those of its groups.
    pub(crate) roles: Vec<String>,
    /// What it may do, in some circumstance.
    pub(crate) action: String,
    /// Whether a good key of its has the scope for that.
    pub(crate) has_key: bool,
    /// How often it did that.
    pub(crate) uses: u64,
    /// When for the last time, RFC 3339; written down once a minute.
    pub(crate) last_used_at: Option<String>,
    /// When such a key was last used for anything, RFC 3339.
    pub(crate) key_last_used_at: Option<String>,
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

/// The privileges of a page of the people and service accounts of `tenant`, and where the next page begins.
pub(crate) async fn rows(
    gateway: &Gateway,
    tenant: &TenantId,
    page: Page,
    only_unused: bool,
) -> Result<(Vec<GrantedBody>, Option<String>), Problem> {
    let (store, rules, now) = (
        gateway.keys().store(),
        gateway.keys().rules(),
        gateway.clock.now(),
    );
    let failed = |error: privet_store::Error| unavailable(&error);
    let snapshot = store.load_api_keys().await.map_err(failed)?;
    let key_uses = store.list_api_key_uses().await.map_err(failed)?;
    let uses = store.list_privilege_uses().await.map_err(failed)?;
    let tenant = tenant.clone();
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
    Ok((shown.map(GrantedBody::from).collect(), next))
}

pub(super) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let (page, only_unused) = (Page::of(&call)?, call.asks_for("unused")?);
        let (rows, next) = rows(&call.gateway, call.tenant(), page, only_unused).await?;
        Reply::json(StatusCode::OK, &ReviewBody { rows, next })
    })
}
