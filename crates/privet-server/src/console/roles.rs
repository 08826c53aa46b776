//! What each role may do, and what is used of what was granted.

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use privet_access::Privilege;
use privet_console::roles::{May, PrivilegeRow, ReviewPage, ReviewRow, RoleColumn, RolesPage};

use super::Desk;
use super::answer::{Answer, answer};
use super::changes::{more, said};
use crate::admin::{self, Page};

const REVIEW: &str = "/console/review";

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PeopleRead).await?;
        let tenant = &visit.caller().tenant;
        let roles = admin::roles(&desk.gateway, tenant, &desk.administration(&visit)).await?;
        let may = |role: &admin::RoleBody, name: &'static str| match (
            role.people_may.contains(&name),
            role.services_may.contains(&name),
        ) {
            (true, true) => May::All,
            (true, false) => May::People,
            (false, true) => May::Services,
            (false, false) => May::Nobody,
        };
        let rows = Privilege::ALL.into_iter().map(|privilege| PrivilegeRow {
            name: privilege.name(),
            may: roles.iter().map(|role| may(role, privilege.name())).collect(),
        });
        let columns = roles.iter().map(|role| RoleColumn {
            name: role.role.clone(),
            holders: role.holders,
            may_grant: role.may_grant,
        });
        Answer::page(&RolesPage {
            frame: desk.frame(&visit, "Roles"),
            roles: columns.collect(),
            rows: rows.collect(),
        })
    })
    .await
}

pub(super) async fn review(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PeopleRead).await?;
        let only_unused = visit.form.text("unused") == "yes";
        let page = Page::behind(visit.form.text("after"));
        let tenant = &visit.caller().tenant;
        let (rows, next) = admin::review(&desk.gateway, tenant, page, only_unused).await?;
        let fields = [("unused", if only_unused { "yes" } else { "" })];
        Answer::page(&ReviewPage {
            frame: desk.frame(&visit, "Access review"),
            rows: rows.into_iter().map(row).collect(),
            next: next.map(|after| more(REVIEW, &fields, &after)),
            only_unused,
        })
    })
    .await
}

fn row(row: admin::GrantedBody) -> ReviewRow {
    let path = if row.kind == "user" { "people" } else { "services" };
    ReviewRow {
        path: format!("/console/{path}/{}", row.name),
        last_used_at: said(row.last_used_at.as_ref(), ""),
        name: row.name,
        roles: row.roles,
        action: row.action,
        has_key: row.has_key,
        uses: row.uses,
    }
}
