//! Groups and who is in them: `/api/v1/groups`.

use std::collections::BTreeSet;

use http::StatusCode;
use privet_store::{GroupRecord, Holder, PeopleSnapshot};
use privet_types::{GroupName, Principal, TenantId};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Answer, Call, Reply, unavailable};
use super::page::Page;
use super::people::{NewNameBody, parse_name};
use crate::gateway::Gateway;
use crate::problem::Problem;

/// A group.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GroupBody {
    pub(crate) name: String,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// The roles that it gives to all in it.
    pub(crate) roles: BTreeSet<String>,
    /// Who is in it.
    pub(crate) members: BTreeSet<String>,
}

/// A page of groups, by name.
#[derive(Serialize, JsonSchema)]
pub(super) struct GroupsBody {
    rows: Vec<GroupBody>,
    /// What `after` of the next page is; without it this is the last one.
    next: Option<String>,
}

impl GroupBody {
    fn new(group: &GroupRecord, people: &PeopleSnapshot) -> Self {
        let holder = Holder::Group(group.name.clone());
        let grants = people.grants.iter();
        let grants = grants.filter(|grant| grant.tenant == group.tenant && grant.holder == holder);
        let members = people.members.iter();
        let members = members.filter(|member| member.tenant == group.tenant && member.group == group.name);
        Self {
            name: group.name.to_string(),
            created_at: group.created_at.to_string(),
            roles: grants.map(|grant| grant.role.to_string()).collect(),
            members: members.map(|member| member.principal.to_string()).collect(),
        }
    }
}

async fn people(gateway: &Gateway) -> Result<PeopleSnapshot, Problem> {
    let people = gateway.keys().store().load_people().await;
    people.map_err(|error| unavailable(&error))
}

/// The groups of `tenant`, a page of them, and where the next one begins.
pub(crate) async fn rows(
    gateway: &Gateway,
    tenant: &TenantId,
    page: &Page,
) -> Result<(Vec<GroupBody>, Option<String>), Problem> {
    let people = people(gateway).await?;
    let groups = people.groups.iter().filter(|group| group.tenant == *tenant);
    let (rows, next) = page.by_name(groups, |group| group.name.as_str());
    let rows = rows.into_iter().map(|group| GroupBody::new(group, &people));
    Ok((rows.collect(), next))
}

/// The group `name` of `tenant`.
pub(crate) async fn find(
    gateway: &Gateway,
    tenant: &TenantId,
    name: &GroupName,
) -> Result<GroupBody, Problem> {
    let people = people(gateway).await?;
    let mut groups = people.groups.iter();
    let group = groups.find(|group| group.tenant == *tenant && group.name == *name);
    let group = group.ok_or_else(|| {
        let name = name.to_string();
        Problem::from(privet_access::AdminError::from(
            privet_access::Error::UnknownGroup { name },
        ))
    })?;
    Ok(GroupBody::new(group, &people))
}

pub(super) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let page = Page::of(&call)?;
        let (rows, next) = rows(&call.gateway, call.tenant(), &page).await?;
        Reply::json(StatusCode::OK, &GroupsBody { rows, next })
    })
}

pub(super) fn one(call: Call) -> Answer {
    Box::pin(async move {
        let found = find(&call.gateway, call.tenant(), &call.param("name")?).await?;
        Reply::json(StatusCode::OK, &found)
    })
}

pub(super) fn create(call: Call) -> Answer {
    Box::pin(async move {
        let asked: NewNameBody = call.json()?;
        let name: GroupName = parse_name(&asked.name)?;
        let made = call.administration().create_group(&name).await?;
        call.tell().await;
        Reply::json(
            StatusCode::CREATED,
            &GroupBody::new(&made, &PeopleSnapshot::default()),
        )
    })
}

fn set_member(call: Call, is_in: bool) -> Answer {
    Box::pin(async move {
        let (group, member): (GroupName, Principal) = (call.param("name")?, call.param("member")?);
        call.administration().set_member(&group, &member, is_in).await?;
        call.tell().await;
        Ok(Reply::nothing())
    })
}

pub(super) fn add(call: Call) -> Answer {
    set_member(call, true)
}

pub(super) fn remove(call: Call) -> Answer {
    set_member(call, false)
}

fn set_role(call: Call, is_granted: bool) -> Answer {
    Box::pin(async move {
        let (group, role) = (call.param("name")?, call.param("role")?);
        let administration = call.administration();
        administration
            .set_role_of_group(&group, &role, is_granted)
            .await?;
        call.tell().await;
        Ok(Reply::nothing())
    })
}

pub(super) fn grant(call: Call) -> Answer {
    set_role(call, true)
}

pub(super) fn take_back(call: Call) -> Answer {
    set_role(call, false)
}
