//! People and service accounts: `/api/v1/people`, `/api/v1/services`.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use privet_access::Administration;
use privet_store::{ApiKeySnapshot, Holder};
use privet_types::{Principal, PrincipalKind, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::{Answer, Call, Reply, bad_field, unavailable};
use super::page::Page;
use crate::gateway::Gateway;
use crate::problem::Problem;

/// A person or a service account.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PrincipalBody {
    pub(crate) name: String,
    /// `user` or `service`.
    pub(crate) kind: &'static str,
    /// `active`, `disabled`, or `by_key` for one that nobody made and only a key names.
    pub(crate) state: &'static str,
    /// RFC 3339.
    pub(crate) created_at: Option<String>,
    /// Since when none of its keys and sessions is good, RFC 3339.
    pub(crate) disabled_at: Option<String>,
    /// Its own roles.
    pub(crate) roles: BTreeSet<String>,
    /// Its groups, each with the roles that it gives.
    pub(crate) groups: BTreeMap<String, BTreeSet<String>>,
}

/// A page of people or service accounts, by name.
#[derive(Serialize, JsonSchema)]
pub(super) struct PrincipalsBody {
    rows: Vec<PrincipalBody>,
    /// What `after` of the next page is; without it this is the last one.
    next: Option<String>,
}

/// A new person, service account or group.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewNameBody {
    /// 1 to 64 of a-z, A-Z, 0-9, `.`, `_`, `-`, `@`.
    pub(super) name: String,
}

/// Switched off, or on again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchBody {
    disabled: bool,
}

/// A one-time code.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InviteBody {
    /// With it the person sets a password: `POST /api/v1/invites/accept`. It is shown this once.
    pub(crate) code: String,
    /// RFC 3339.
    pub(crate) expires_at: String,
}

/// How many sessions ended.
#[derive(Serialize, JsonSchema)]
pub(super) struct EndedBody {
    ended: u64,
}

impl PrincipalBody {
    fn holds(&self, role: &str) -> bool {
        self.roles.contains(role) || self.groups.values().any(|roles| roles.contains(role))
    }
}

/// Everybody of `kind` in `tenant`, by name; those that only keys name are service accounts.
fn of_kind(
    snapshot: &ApiKeySnapshot,
    tenant: &TenantId,
    kind: PrincipalKind,
) -> BTreeMap<Principal, PrincipalBody> {
    let people = &snapshot.people;
    let mut found = BTreeMap::new();
    if kind == PrincipalKind::Service {
        for key in snapshot.keys.iter().filter(|key| key.tenant == *tenant) {
            let body = PrincipalBody {
                name: key.principal.to_string(),
                kind: kind.name(),
                state: "by_key",
                created_at: None,
                disabled_at: None,
                roles: BTreeSet::from([privet_access::SERVICE_ROLE.to_owned()]),
                groups: BTreeMap::new(),
            };
            found.insert(key.principal.clone(), body);
        }
    }
    for made in people.principals.iter().filter(|made| made.tenant == *tenant) {
        if made.kind != kind {
            found.remove(&made.name);
            continue;
        }
        let state = if made.disabled_at.is_some() {
            "disabled"
        } else {
            "active"
        };
        let body = PrincipalBody {
            name: made.name.to_string(),
            kind: kind.name(),
            state,
            created_at: Some(made.created_at.to_string()),
            disabled_at: made.disabled_at.map(|at| at.to_string()),
            roles: BTreeSet::new(),
            groups: BTreeMap::new(),
        };
        found.insert(made.name.clone(), body);
    }
    let mut of_groups: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for grant in people.grants.iter().filter(|grant| grant.tenant == *tenant) {
        match &grant.holder {
            Holder::Group(group) => {
                let roles = of_groups.entry(group.as_str()).or_default();
                roles.insert(grant.role.to_string());
            }
            Holder::Principal(name) => {
                if let Some(body) = found.get_mut(name) {
                    body.roles.insert(grant.role.to_string());
                }
            }
        }
    }
    for member in people.members.iter().filter(|member| member.tenant == *tenant) {
        if let Some(body) = found.get_mut(&member.principal) {
            let roles = of_groups.get(member.group.as_str()).cloned();
            body.groups
                .insert(member.group.to_string(), roles.unwrap_or_default());
        }
    }
    found
}

async fn load(
    gateway: &Gateway,
    tenant: &TenantId,
    kind: PrincipalKind,
) -> Result<BTreeMap<Principal, PrincipalBody>, Problem> {
    let snapshot = gateway.keys().store().load_api_keys().await;
    let snapshot = snapshot.map_err(|error| unavailable(&error))?;
    Ok(of_kind(&snapshot, tenant, kind))
}

/// Who is shown.
pub(crate) struct PeopleFilter {
    /// Names that begin so.
    pub(crate) begins: String,
    /// Who has this role, by itself or by a group.
    pub(crate) role: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) state: Option<String>,
}

/// Those of `kind` in `tenant` whom `filter` wants, a page of them, and where the next one begins.
pub(crate) async fn rows(
    gateway: &Gateway,
    tenant: &TenantId,
    kind: PrincipalKind,
    page: &Page,
    filter: &PeopleFilter,
) -> Result<(Vec<PrincipalBody>, Option<String>), Problem> {
    let all = load(gateway, tenant, kind).await?;
    let is_shown = |body: &PrincipalBody| {
        body.name.starts_with(&filter.begins)
            && filter.role.as_deref().is_none_or(|role| body.holds(role))
            && filter
                .group
                .as_ref()
                .is_none_or(|group| body.groups.contains_key(group))
            && filter.state.as_deref().is_none_or(|state| body.state == state)
    };
    Ok(page.by_name(all.into_values().filter(is_shown), |body| &body.name))
}

/// The one of `kind` in `tenant` with this name.
pub(crate) async fn find(
    gateway: &Gateway,
    tenant: &TenantId,
    kind: PrincipalKind,
    name: &Principal,
) -> Result<PrincipalBody, Problem> {
    let found = load(gateway, tenant, kind).await?.remove(name);
    found.ok_or_else(|| {
        let (kind, name) = (kind.name(), name.to_string());
        Problem::from(privet_access::AdminError::from(
            privet_access::Error::UnknownPrincipal { kind, name },
        ))
    })
}

async fn found(call: &Call, kind: PrincipalKind) -> Result<PrincipalBody, Problem> {
    find(&call.gateway, call.tenant(), kind, &call.param("name")?).await
}

fn list(call: Call, kind: PrincipalKind) -> Answer {
    Box::pin(async move {
        let page = Page::of(&call)?;
        let asked = |name: &str| call.asked(name).map(ToOwned::to_owned);
        let filter = PeopleFilter {
            begins: asked("begins").unwrap_or_default(),
            role: asked("role"),
            group: asked("group"),
            state: asked("state"),
        };
        let (rows, next) = rows(&call.gateway, call.tenant(), kind, &page, &filter).await?;
        Reply::json(StatusCode::OK, &PrincipalsBody { rows, next })
    })
}

fn create(call: Call, kind: PrincipalKind) -> Answer {
    Box::pin(async move {
        let asked: NewNameBody = call.json()?;
        let name: Principal = parse_name(&asked.name)?;
        let made = call.administration().create(&name, kind).await?;
        call.tell().await;
        let body = PrincipalBody {
            name: made.name.to_string(),
            kind: kind.name(),
            state: "active",
            created_at: Some(made.created_at.to_string()),
            disabled_at: None,
            roles: BTreeSet::new(),
            groups: BTreeMap::new(),
        };
        Reply::json(StatusCode::CREATED, &body)
    })
}

fn one(call: Call, kind: PrincipalKind) -> Answer {
    Box::pin(async move { Reply::json(StatusCode::OK, &found(&call, kind).await?) })
}

fn switch(call: Call, kind: PrincipalKind) -> Answer {
    Box::pin(async move {
        let name: Principal = call.param("name")?;
        let asked: SwitchBody = call.json()?;
        let is_on = !asked.disabled;
        call.administration().switch(&name, kind, is_on).await?;
        call.tell().await;
        Reply::json(StatusCode::OK, &found(&call, kind).await?)
    })
}

fn set_role(call: Call, kind: PrincipalKind, is_granted: bool) -> Answer {
    Box::pin(async move {
        let (name, role) = (call.param("name")?, call.param("role")?);
        let administration = call.administration();
        administration.set_role((&name, kind), &role, is_granted).await?;
        call.tell().await;
        Ok(Reply::nothing())
    })
}

/// The name that a body gives.
pub(crate) fn parse_name<T: std::str::FromStr>(name: &str) -> Result<T, Problem> {
    let why = "use 1 to 64 of a-z, A-Z, 0-9, `.`, `_`, `-`, `@`";
    name.parse().map_err(|_| bad_field("name", why))
}

pub(super) fn list_people(call: Call) -> Answer {
    list(call, PrincipalKind::User)
}

pub(super) fn list_services(call: Call) -> Answer {
    list(call, PrincipalKind::Service)
}

pub(super) fn create_person(call: Call) -> Answer {
    create(call, PrincipalKind::User)
}

pub(super) fn create_service(call: Call) -> Answer {
    create(call, PrincipalKind::Service)
}

pub(super) fn person(call: Call) -> Answer {
    one(call, PrincipalKind::User)
}

pub(super) fn service(call: Call) -> Answer {
    one(call, PrincipalKind::Service)
}

pub(super) fn switch_person(call: Call) -> Answer {
    switch(call, PrincipalKind::User)
}

pub(super) fn switch_service(call: Call) -> Answer {
    switch(call, PrincipalKind::Service)
}

pub(super) fn grant_person(call: Call) -> Answer {
    set_role(call, PrincipalKind::User, true)
}

pub(super) fn take_from_person(call: Call) -> Answer {
    set_role(call, PrincipalKind::User, false)
}

pub(super) fn grant_service(call: Call) -> Answer {
    set_role(call, PrincipalKind::Service, true)
}

pub(super) fn take_from_service(call: Call) -> Answer {
    set_role(call, PrincipalKind::Service, false)
}

/// Invites the person `name`.
pub(crate) async fn invite_person(
    gateway: &Gateway,
    administration: &Administration<'_>,
    name: &Principal,
) -> Result<InviteBody, Problem> {
    let Some(sign_in) = &gateway.settings.sign_in else {
        let text = "nobody can sign in here; the operator sets `origin` in `[sign_in]` of the settings";
        return Err(Problem::coded(StatusCode::CONFLICT, "no_sign_in", text));
    };
    let invite = administration.invite(name, sign_in.invite.duration()).await?;
    Ok(InviteBody {
        code: invite.code.expose().clone(),
        expires_at: invite.expires_at.to_string(),
    })
}

pub(super) fn invite(call: Call) -> Answer {
    Box::pin(async move {
        let name: Principal = call.param("name")?;
        let invited = invite_person(&call.gateway, &call.administration(), &name).await?;
        Reply::json(StatusCode::CREATED, &invited)
    })
}

pub(super) fn unlock(call: Call) -> Answer {
    Box::pin(async move {
        call.administration().unlock(&call.param("name")?).await?;
        Ok(Reply::nothing())
    })
}

pub(super) fn reset_password(call: Call) -> Answer {
    Box::pin(async move {
        call.administration()
            .remove_password(&call.param("name")?)
            .await?;
        Ok(Reply::nothing())
    })
}

pub(super) fn reset_factors(call: Call) -> Answer {
    Box::pin(async move {
        call.administration().remove_factors(&call.param("name")?).await?;
        Ok(Reply::nothing())
    })
}

pub(super) fn end_sessions(call: Call) -> Answer {
    Box::pin(async move {
        let ended = call.administration().end_sessions(&call.param("name")?).await?;
        Reply::json(StatusCode::OK, &EndedBody { ended })
    })
}
