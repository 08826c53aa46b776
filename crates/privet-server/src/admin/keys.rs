//! API keys: `/api/v1/keys`.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use privet_access::NewKey;
use privet_store::ApiKeyRecord;
use privet_types::{KeyScope, KeyScopes, Principal, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::{Answer, Call, Reply, bad_field, period, unavailable};
use super::page::Page;
use super::people::parse_name;
use crate::gateway::Gateway;
use crate::problem::Problem;

/// An API key; never the key itself.
#[derive(Serialize, JsonSchema)]
pub(crate) struct KeyBody {
    /// Public name of the key.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) name: String,
    /// What it may be used for, at most.
    pub(crate) scopes: Vec<&'static str>,
    /// `active`, `rotating` (works beside its successor), `rotated`, `expired` or `revoked`.
    pub(crate) state: &'static str,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// RFC 3339; without it the key has no end.
    pub(crate) expires_at: Option<String>,
    /// RFC 3339.
    pub(crate) revoked_at: Option<String>,
    /// The id of the key that takes its place.
    pub(crate) successor: Option<String>,
    /// Until when it works beside its successor, RFC 3339.
    pub(crate) grace_until: Option<String>,
    /// The id of the first key of its chain of successors.
    pub(crate) line: String,
    /// When it was last used, to the minute and as far as that is written down, RFC 3339.
    pub(crate) last_used_at: Option<String>,
}

/// A page of keys, in the order in which they were made.
#[derive(Serialize, JsonSchema)]
pub(super) struct KeysBody {
    keys: Vec<KeyBody>,
    /// What `after` of the next page is; without it this is the last one.
    next: Option<String>,
}

/// A new key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKeyBody {
    /// Whose it will be: a person or a service account that was made.
    pub(crate) name: String,
    /// What it may be used for, at most.
    pub(crate) scopes: Vec<String>,
    /// How long it is good, such as `90d`; without end if left out.
    #[serde(default)]
    pub(crate) expires_in: Option<String>,
}

/// Another key in the place of one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateBody {
    /// How long the old key works beside it, such as `24h`; 90 days at most.
    grace: String,
}

/// A key that was just made.
#[derive(Serialize, JsonSchema)]
pub(super) struct MadeKeyBody {
    /// The key. It is shown this once.
    key: String,
    record: KeyBody,
}

impl NewKeyBody {
    /// Whose it will be, what for, and until when.
    pub(crate) fn checked(
        &self,
        now: Timestamp,
    ) -> Result<(Principal, KeyScopes, Option<Timestamp>), Problem> {
        let owner = parse_name(&self.name)?;
        let scopes: Result<Vec<KeyScope>, _> = self.scopes.iter().map(|scope| scope.parse()).collect();
        let known = || KeyScope::ALL.map(KeyScope::name).join(", ");
        let scopes = scopes.map_err(|_| bad_field("scopes", &format!("use some of {}", known())))?;
        if scopes.is_empty() {
            return Err(bad_field("scopes", &format!("name at least one of {}", known())));
        }
        let expires_at = match &self.expires_in {
            None => None,
            Some(text) => {
                let end = now.checked_add(period("expires_in", text)?);
                Some(end.map_err(|_| bad_field("expires_in", "this is too far off; leave it out"))?)
            }
        };
        Ok((owner, KeyScopes::of(&scopes), expires_at))
    }
}

impl KeyBody {
    fn new(key: &ApiKeyRecord, last_used_at: Option<Timestamp>, now: Timestamp) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: key.id.clone(),
            name: key.principal.to_string(),
            scopes: key.scopes.iter().map(KeyScope::name).collect(),
            state: key.state(now),
            created_at: key.created_at.to_string(),
            expires_at: text(key.expires_at),
            revoked_at: text(key.revoked_at),
            successor: key.successor.clone(),
            grace_until: text(key.grace_until),
            line: key.line().to_owned(),
            last_used_at: text(last_used_at),
        }
    }
}

/// The keys of `tenant`, in the order in which they were made, and when each was last used.
async fn of_tenant(
    gateway: &Gateway,
    tenant: &TenantId,
) -> Result<Vec<(ApiKeyRecord, Option<Timestamp>)>, Problem> {
    let store = gateway.keys().store();
    let keys = store.list_api_keys().await.map_err(|error| unavailable(&error))?;
    let uses = store
        .list_api_key_uses()
        .await
        .map_err(|error| unavailable(&error))?;
    let uses: BTreeMap<&str, Timestamp> = uses
        .iter()
        .filter(|used| used.tenant == *tenant)
        .map(|used| (used.id.as_str(), used.last_used_at))
        .collect();
    let keys = keys.into_iter().filter(|key| key.tenant == *tenant);
    Ok(keys
        .map(|key| {
            let last = uses.get(key.id.as_str()).copied();
            (key, last)
        })
        .collect())
}

/// Which keys are shown.
pub(crate) struct KeyFilter<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) state: Option<&'a str>,
    /// Good ones that were neither made nor used for so long.
    pub(crate) unused_since: Option<&'a str>,
}

/// The keys of `tenant` that `filter` wants, a page of them, and where the next one begins.
pub(crate) async fn rows(
    gateway: &Gateway,
    tenant: &TenantId,
    page: &Page,
    filter: &KeyFilter<'_>,
) -> Result<(Vec<KeyBody>, Option<String>), Problem> {
    let now = gateway.clock.now();
    let before = match filter.unused_since {
        None => None,
        Some(text) => {
            let before = now.checked_sub(period("unused_since", text)?);
            Some(before.map_err(|_| bad_field("unused_since", "this is too far back"))?)
        }
    };
    let keys = of_tenant(gateway, tenant).await?;
    let is_shown = |(key, last): &(ApiKeyRecord, Option<Timestamp>)| {
        filter.name.is_none_or(|name| key.principal.as_str() == name)
            && filter.state.is_none_or(|state| key.state(now) == state)
            && before.is_none_or(|before| key.is_unused_since(before, *last, now))
    };
    let (rows, next) = page.by_place(keys.into_iter(), |(key, _)| &key.id, is_shown)?;
    let rows = rows.iter().map(|(key, last)| KeyBody::new(key, *last, now));
    Ok((rows.collect(), next))
}

pub(super) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let page = Page::of(&call)?;
        let filter = KeyFilter {
            name: call.asked("name"),
            state: call.asked("state"),
            unused_since: call.asked("unused_since"),
        };
        let (keys, next) = rows(&call.gateway, call.tenant(), &page, &filter).await?;
        Reply::json(StatusCode::OK, &KeysBody { keys, next })
    })
}

/// The key `id` of `tenant`.
pub(crate) async fn find(gateway: &Gateway, tenant: &TenantId, id: &str) -> Result<KeyBody, Problem> {
    let keys = of_tenant(gateway, tenant).await?;
    let mut keys = keys.iter();
    let found = keys.find(|(key, _)| key.id == id);
    let (key, last) = found.ok_or_else(|| {
        let id = id.to_owned();
        Problem::from(privet_access::AdminError::from(
            privet_access::Error::UnknownKeyId { id },
        ))
    })?;
    Ok(KeyBody::new(key, *last, gateway.clock.now()))
}

async fn found(call: &Call, id: &str) -> Result<KeyBody, Problem> {
    find(&call.gateway, call.tenant(), id).await
}

pub(super) fn one(call: Call) -> Answer {
    Box::pin(async move {
        let id: String = call.param("id")?;
        Reply::json(StatusCode::OK, &found(&call, &id).await?)
    })
}

pub(super) fn create(call: Call) -> Answer {
    Box::pin(async move {
        let asked: NewKeyBody = call.json()?;
        let (owner, scopes, expires_at) = asked.checked(call.now())?;
        let administration = call.administration();
        let made = administration.create_key(&owner, scopes, expires_at);
        let made = made.await?;
        call.tell().await;
        show_once(&call, &made)
    })
}

pub(super) fn rotate(call: Call) -> Answer {
    Box::pin(async move {
        let id: String = call.param("id")?;
        let asked: RotateBody = call.json()?;
        let grace = period("grace", &asked.grace)?;
        let made = call.administration().rotate_key(&id, grace).await?;
        call.tell().await;
        show_once(&call, &made)
    })
}

pub(super) fn revoke(call: Call) -> Answer {
    Box::pin(async move {
        let id: String = call.param("id")?;
        call.administration().revoke_key(&id).await?;
        call.tell().await;
        Reply::json(StatusCode::OK, &found(&call, &id).await?)
    })
}

fn show_once(call: &Call, made: &NewKey) -> Result<Reply, Problem> {
    let body = MadeKeyBody {
        key: made.key.expose().clone(),
        record: KeyBody::new(&made.record, None, call.now()),
    };
    Reply::json(StatusCode::CREATED, &body)
}
