//! Groups: who is in them, and which roles they give.

use axum::body::Body;
use axum::extract::{Path, State};
use http::{Request, Response};
use privet_access::Privilege;
use privet_console::Notice;
use privet_console::people::{GroupPage, GroupRow, GroupsPage};
use privet_types::{GroupName, Principal, RoleName};

use super::Desk;
use super::answer::{Answer, Stop, answer, in_words};
use super::changes::{more, said};
use super::visit::Visit;
use crate::admin::{self, Page, name_of};
use crate::problem::Problem;

const PATH: &str = "/console/groups";
/// What the page before did.
const DONE: [(&str, &str); 6] = [
    (
        "made",
        "The group was made. It gives nothing yet: grant it a role.",
    ),
    ("add", "Somebody was put into the group."),
    ("remove", "Somebody was taken out of the group."),
    ("grant", "The role was granted to all in the group."),
    ("take", "The role was taken back from all in the group."),
    ("none", "There was nothing to do."),
];

pub(super) async fn list(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PeopleRead).await?;
        Answer::page(&desk.groups_page(&visit, None).await?)
    })
    .await
}

pub(super) async fn create(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PeopleManage).await?;
        let made = async {
            let name: GroupName = admin::parse_name(visit.form.text("name"))?;
            let made = desk.administration(&visit).create_group(&name).await?;
            Ok::<_, Problem>(made.name)
        };
        match made.await {
            Ok(name) => Ok(Answer::see(format!("{PATH}/{name}?done=made"))),
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.groups_page(&visit, Some(notice)).await?;
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

pub(super) async fn show(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PeopleRead).await?;
        let notice = visit.done(&DONE);
        Answer::page(&desk.group_page(&visit, &name, notice).await?)
    })
    .await
}

pub(super) async fn step(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PeopleManage).await?;
        let here = format!("{PATH}/{name}");
        desk.check_proof(&visit, &here)?;
        let done = desk.step_of_group(&visit, &name).await;
        desk.gateway.look_at_keys().await;
        match done {
            Ok(has_changed) => {
                let done = if has_changed {
                    visit.form.text("step")
                } else {
                    "none"
                };
                Ok(Answer::see(format!("{here}?done={done}")))
            }
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.group_page(&visit, &name, Some(notice)).await?;
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

impl Desk {
    async fn step_of_group(&self, visit: &Visit, name: &str) -> Result<bool, Problem> {
        let name: GroupName = name_of(name)?;
        let administration = self.administration(visit);
        let member = || -> Result<Principal, Problem> { name_of(visit.form.text("member")) };
        let role = || -> Result<RoleName, Problem> { name_of(visit.form.text("role")) };
        Ok(match visit.form.text("step") {
            "add" => administration.set_member(&name, &member()?, true).await?,
            "remove" => administration.set_member(&name, &member()?, false).await?,
            "grant" => administration.set_role_of_group(&name, &role()?, true).await?,
            "take" => administration.set_role_of_group(&name, &role()?, false).await?,
            _ => return Err(visit.unknown_step()),
        })
    }

    async fn groups_page(&self, visit: &Visit, notice: Option<Notice>) -> Result<GroupsPage, Stop> {
        let is_form = !crate::sign_in::is_safe(&visit.parts.method);
        let page = Page::behind(if is_form { "" } else { visit.form.text("after") });
        let (rows, next) = admin::groups(&self.gateway, &visit.caller().tenant, &page).await?;
        Ok(GroupsPage {
            frame: self.frame(visit, "Groups").with_notice(notice),
            rows: rows.into_iter().map(row).collect(),
            next: next.map(|after| more(PATH, &[], &after)),
            may_change: self.may(visit, Privilege::PeopleManage),
        })
    }

    async fn group_page(&self, visit: &Visit, name: &str, notice: Option<Notice>) -> Result<GroupPage, Stop> {
        let within = |problem: Problem| Stop::from(problem).within(|| self.frame(visit, ""));
        let tenant = &visit.caller().tenant;
        let name: GroupName = name_of(name).map_err(within)?;
        let group = admin::group(&self.gateway, tenant, &name).await.map_err(within)?;
        let may_change = self.may(visit, Privilege::PeopleManage);
        let roles = admin::roles(&self.gateway, tenant, &self.administration(visit)).await?;
        let grantable = roles
            .into_iter()
            .filter(|role| may_change && role.may_grant && !group.roles.contains(&role.role))
            .map(|role| role.role);
        Ok(GroupPage {
            frame: self.frame(visit, group.name.as_str()).with_notice(notice),
            grantable: grantable.collect(),
            created_at: said(Some(&group.created_at), ""),
            row: row(group),
            may_change,
        })
    }
}

fn row(group: admin::GroupBody) -> GroupRow {
    GroupRow {
        name: group.name,
        roles: group.roles.into_iter().collect(),
        members: group.members.into_iter().collect(),
    }
}
