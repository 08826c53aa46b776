//! People and service accounts: who there is, what they have, and changing it.

use axum::body::Body;
use axum::extract::{Path, State};
use http::{Request, Response};
use privet_access::{Administration, Privilege};
use privet_console::people::{PeopleFilter, PeoplePage, PersonPage, PersonRow};
use privet_console::{Notice, Once};
use privet_types::{Principal, PrincipalKind, RoleName};

use super::Desk;
use super::answer::{Answer, Stop, answer, in_words};
use super::changes::{more, said};
use super::visit::Visit;
use crate::admin::{self, Page, name_of};
use crate::problem::Problem;

/// What the page before did.
const DONE: [(&str, &str); 10] = [
    (
        "made",
        "It was made. It may do nothing of its own yet: grant it a role.",
    ),
    ("grant", "The role was granted, and counts within a second."),
    ("take", "The role was taken back, within a second on every node."),
    ("unlock", "Wrong passwords and codes are forgotten."),
    ("sessions", "All sessions ended."),
    ("password", "The password was taken away."),
    ("factors", "Second factors were taken away."),
    (
        "off",
        "It is switched off, here at once and on other nodes within a second.",
    ),
    ("on", "It is switched on again."),
    ("none", "There was nothing to do."),
];
/// Steps that take something from somebody, and are to be confirmed.
const SURE: [&str; 3] = ["password", "factors", "off"];
/// Steps that ask for no fresh proof.
const OPEN: [&str; 2] = ["unlock", "sessions"];

const fn path_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "/console/people",
        PrincipalKind::Service => "/console/services",
    }
}

pub(super) async fn people(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    list(&desk, request, PrincipalKind::User).await
}

pub(super) async fn services(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    list(&desk, request, PrincipalKind::Service).await
}

pub(super) async fn make_person(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    create(&desk, request, PrincipalKind::User).await
}

pub(super) async fn make_service(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    create(&desk, request, PrincipalKind::Service).await
}

pub(super) async fn person(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    show(&desk, &name, request, PrincipalKind::User).await
}

pub(super) async fn service(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    show(&desk, &name, request, PrincipalKind::Service).await
}

pub(super) async fn change_person(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    change(&desk, &name, request, PrincipalKind::User).await
}

pub(super) async fn change_service(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    change(&desk, &name, request, PrincipalKind::Service).await
}

async fn list(desk: &Desk, request: Request<Body>, kind: PrincipalKind) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PeopleRead).await?;
        Answer::page(&desk.people_page(&visit, kind, None).await?)
    })
    .await
}

async fn create(desk: &Desk, request: Request<Body>, kind: PrincipalKind) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PeopleManage).await?;
        let made = async {
            let name: Principal = admin::parse_name(visit.form.text("name"))?;
            let made = desk.administration(&visit).create(&name, kind).await?;
            Ok::<_, Problem>(made.name)
        };
        match made.await {
            Ok(name) => {
                desk.gateway.look_at_keys().await;
                Ok(Answer::see(format!("{}/{name}?done=made", path_of(kind))))
            }
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.people_page(&visit, kind, Some(notice)).await?;
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

async fn show(desk: &Desk, name: &str, request: Request<Body>, kind: PrincipalKind) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PeopleRead).await?;
        let notice = visit.done(&DONE);
        Answer::page(&desk.person_page(&visit, name, kind, None, notice).await?)
    })
    .await
}

async fn change(desk: &Desk, name: &str, request: Request<Body>, kind: PrincipalKind) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::PeopleManage).await?;
        let here = format!("{}/{name}", path_of(kind));
        let step = visit.form.text("step");
        if !OPEN.contains(&step) {
            desk.check_proof(&visit, &here)?;
        }
        let done = desk.step_of_person(&visit, name, kind).await;
        desk.gateway.look_at_keys().await;
        match done {
            Ok(Step::Invited(code)) => {
                Answer::page(&desk.person_page(&visit, name, kind, Some(code), None).await?)
            }
            Ok(Step::Done(has_changed)) => {
                let done = if has_changed { step } else { "none" };
                Ok(Answer::see(format!("{here}?done={done}")))
            }
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.person_page(&visit, name, kind, None, Some(notice)).await?;
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

/// What came of a step.
enum Step {
    /// It is done; or there was nothing to do.
    Done(bool),
    Invited(Once),
}

impl Desk {
    async fn step_of_person(&self, visit: &Visit, name: &str, kind: PrincipalKind) -> Result<Step, Problem> {
        let name: Principal = name_of(name)?;
        let administration: Administration<'_> = self.administration(visit);
        let step = visit.form.text("step");
        if SURE.contains(&step) {
            visit.is_sure()?;
        }
        let role = || -> Result<RoleName, Problem> { name_of(visit.form.text("role")) };
        let is_person = kind == PrincipalKind::User;
        let has_changed = match step {
            "grant" => administration.set_role((&name, kind), &role()?, true).await?,
            "take" => administration.set_role((&name, kind), &role()?, false).await?,
            "on" => administration.switch(&name, kind, true).await?,
            "off" => administration.switch(&name, kind, false).await?,
            "unlock" if is_person => administration.unlock(&name).await?,
            "sessions" if is_person => administration.end_sessions(&name).await? > 0,
            "password" if is_person => administration.remove_password(&name).await?,
            "factors" if is_person => administration.remove_factors(&name).await?,
            "invite" if is_person => {
                let invite = admin::invite(&self.gateway, &administration, &name).await?;
                return Ok(Step::Invited(Once {
                    what: format!("The invite of {name}"),
                    how: format!(
                        "{name} sets a password with it at {}/console/invite until {}, UTC.",
                        self.door.sign_in().config().origin,
                        said(Some(&invite.expires_at), "")
                    ),
                    text: invite.code,
                }));
            }
            _ => return Err(visit.unknown_step()),
        };
        Ok(Step::Done(has_changed))
    }

    async fn people_page(
        &self,
        visit: &Visit,
        kind: PrincipalKind,
        notice: Option<Notice>,
    ) -> Result<PeoplePage, Stop> {
        let is_form = !crate::sign_in::is_safe(&visit.parts.method);
        let asked = |name: &str| if is_form { "" } else { visit.form.text(name) };
        let filter = PeopleFilter {
            begins: asked("begins").to_owned(),
            role: asked("role").to_owned(),
            group: asked("group").to_owned(),
            state: asked("state").to_owned(),
        };
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let wanted = admin::PeopleFilter {
            begins: filter.begins.clone(),
            role: some(&filter.role),
            group: some(&filter.group),
            state: some(&filter.state),
        };
        let tenant = &visit.caller().tenant;
        let page = Page::behind(asked("after"));
        let (rows, next) = admin::principals(&self.gateway, tenant, kind, &page, &wanted).await?;
        let fields = [
            ("begins", filter.begins.as_str()),
            ("role", filter.role.as_str()),
            ("group", filter.group.as_str()),
            ("state", filter.state.as_str()),
        ];
        let next = next.map(|after| more(path_of(kind), &fields, &after));
        let are_people = kind == PrincipalKind::User;
        let title = if are_people { "People" } else { "Service accounts" };
        Ok(PeoplePage {
            frame: self.frame(visit, title).with_notice(notice),
            are_people,
            rows: rows.iter().map(row).collect(),
            may_change: self.may(visit, Privilege::PeopleManage),
            filter,
            next,
        })
    }

    async fn person_page(
        &self,
        visit: &Visit,
        name: &str,
        kind: PrincipalKind,
        made: Option<Once>,
        notice: Option<Notice>,
    ) -> Result<PersonPage, Stop> {
        let within = |problem: Problem| Stop::from(problem).within(|| self.frame(visit, ""));
        let caller = visit.caller();
        let name: Principal = name_of(name).map_err(within)?;
        let found = admin::principal(&self.gateway, &caller.tenant, kind, &name).await;
        let body = found.map_err(within)?;
        let may_change = self.may(visit, Privilege::PeopleManage);
        let is_oneself = caller.principal == name;
        let grantable = if may_change && !is_oneself {
            let roles = admin::roles(&self.gateway, &caller.tenant, &self.administration(visit)).await?;
            let offered = roles.into_iter().filter(|role| {
                let may = if kind == PrincipalKind::User {
                    role.may_grant
                } else {
                    true
                };
                let gives = if kind == PrincipalKind::User {
                    &role.people_may
                } else {
                    &role.services_may
                };
                may && !gives.is_empty() && !body.roles.contains(&role.role)
            });
            let is_for_kind =
                |role: &String| kind == PrincipalKind::Service || role != privet_access::SERVICE_ROLE;
            offered.map(|role| role.role).filter(is_for_kind).collect()
        } else {
            Vec::new()
        };
        let mut facts = Vec::new();
        for (what, at) in [("Made", &body.created_at), ("Switched off", &body.disabled_at)] {
            if at.is_some() {
                facts.push((what, said(at.as_ref(), "")));
            }
        }
        let groups = body.groups.iter();
        let groups = groups.map(|(group, roles)| (group.clone(), roles.iter().cloned().collect()));
        Ok(PersonPage {
            frame: self.frame(visit, body.name.as_str()).with_notice(notice),
            is_person: kind == PrincipalKind::User,
            row: row(&body),
            facts,
            roles: body.roles.iter().cloned().collect(),
            groups: groups.collect(),
            grantable,
            may_change,
            is_oneself,
            made,
        })
    }
}

fn row(body: &admin::PrincipalBody) -> PersonRow {
    let of_groups = body.groups.values().flatten();
    let roles: std::collections::BTreeSet<&String> = body.roles.iter().chain(of_groups).collect();
    PersonRow {
        name: body.name.clone(),
        state: body.state,
        roles: roles.into_iter().cloned().collect(),
        groups: body.groups.keys().cloned().collect(),
    }
}
