//! What each role may do, and who has it: `/api/v1/roles`.

use std::collections::BTreeMap;

use http::StatusCode;
use privet_access::{Account, Administration, Authorizer, DecideError, Described, Privilege};
use privet_types::{PrincipalKind, RoleName, TenantId};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Answer, Call, Reply, unavailable};
use crate::gateway::Gateway;
use crate::problem::Problem;

/// A role.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RoleBody {
    pub(crate) role: String,
    /// What people with it may do, in some circumstance.
    pub(crate) people_may: Vec<&'static str>,
    /// What service accounts with it may do, in some circumstance and with a key of the scope.
    pub(crate) services_may: Vec<&'static str>,
    /// How many people, service accounts and groups it was granted to.
    pub(crate) holders: usize,
    /// Whether whoever asks may grant it to people.
    pub(crate) may_grant: bool,
}

/// All roles that a policy speaks of or somebody has, by name.
#[derive(Serialize, JsonSchema)]
pub(super) struct RolesBody {
    roles: Vec<RoleBody>,
}

/// What somebody of this kind may do who has `role` and nothing else.
fn permitted(
    authorizer: &Authorizer,
    tenant: &TenantId,
    role: &RoleName,
    kind: PrincipalKind,
) -> Result<Vec<Privilege>, DecideError> {
    authorizer.granted(&Account::from(Described::somebody(tenant, kind, role)))
}

/// All roles, as whoever administers may see and grant them.
pub(crate) async fn rows(
    gateway: &Gateway,
    tenant: &TenantId,
    administration: &Administration<'_>,
) -> Result<Vec<RoleBody>, Problem> {
    let people = gateway.keys().store().load_people().await;
    let people = people.map_err(|error| unavailable(&error))?;
    let grants = people.grants.iter().filter(|grant| grant.tenant == *tenant);
    let mut holders: BTreeMap<RoleName, usize> = BTreeMap::new();
    for grant in grants {
        *holders.entry(grant.role.clone()).or_default() += 1;
    }
    let (rules, delegable) = (gateway.keys().rules(), administration.delegable());
    let authorizer = &rules.authorizer;
    for role in authorizer.roles() {
        holders.entry(role).or_default();
    }
    let names = |privileges: &[Privilege]| privileges.iter().map(|one| one.name()).collect();
    let mut roles = Vec::new();
    for (role, holders) in holders {
        let of = |kind| {
            permitted(authorizer, tenant, &role, kind)
                .map_err(|error| Problem::from(privet_access::AdminError::from(error)))
        };
        let (as_person, as_service) = (of(PrincipalKind::User)?, of(PrincipalKind::Service)?);
        roles.push(RoleBody {
            may_grant: as_person.iter().all(|privilege| delegable.contains(privilege)),
            people_may: names(&as_person),
            services_may: names(&as_service),
            role: role.to_string(),
            holders,
        });
    }
    Ok(roles)
}

pub(super) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let roles = rows(&call.gateway, call.tenant(), &call.administration()).await?;
        Reply::json(StatusCode::OK, &RolesBody { roles })
    })
}
