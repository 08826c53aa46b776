//! API keys: who has which, making one, and ending it.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::extract::{Path, State};
use http::{Request, Response};
use privet_access::{NewKey as MadeKey, Privilege};
use privet_console::keys::{KeyFilter, KeyPage, KeyRow, KeysPage, NewKey, Scope};
use privet_console::{Notice, Once};
use privet_types::KeyScope;

use super::Desk;
use super::answer::{Answer, Stop, answer, in_words};
use super::changes::{more, said};
use super::visit::Visit;
use crate::admin::{self, Page};
use crate::problem::Problem;

const PATH: &str = "/console/keys";
/// What the page before did.
const DONE: [(&str, &str); 1] = [(
    "revoked",
    "The key is revoked, here at once and on other nodes within a second.",
)];

pub(super) async fn list(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::KeyRead).await?;
        Answer::page(&desk.keys_page(&visit, None, None).await?)
    })
    .await
}

pub(super) async fn create(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::KeyManage).await?;
        desk.check_proof(&visit, PATH)?;
        let form = &visit.form;
        let scopes = KeyScope::ALL.into_iter().map(KeyScope::name);
        let body = admin::NewKeyBody {
            name: form.text("name").to_owned(),
            scopes: scopes
                .filter(|scope| is_chosen(&visit, scope))
                .map(str::to_owned)
                .collect(),
            expires_in: Some(form.text("expires_in").to_owned()).filter(|time| !time.is_empty()),
        };
        let made = async {
            let (owner, scopes, expires_at) = body.checked(visit.now)?;
            let administration = desk.administration(&visit);
            let made = administration.create_key(&owner, scopes, expires_at).await?;
            Ok::<MadeKey, Problem>(made)
        };
        match made.await {
            Ok(made) => {
                desk.gateway.look_at_keys().await;
                Answer::page(&desk.keys_page(&visit, Some(once(&made)), None).await?)
            }
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.keys_page(&visit, None, Some(notice)).await?;
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

pub(super) async fn show(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::KeyRead).await?;
        let notice = visit.done(&DONE);
        Answer::page(&desk.key_page(&visit, &id, None, notice).await?)
    })
    .await
}

pub(super) async fn step(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::KeyManage).await?;
        let here = format!("{PATH}/{id}");
        let administration = desk.administration(&visit);
        let done = match visit.form.text("step") {
            "rotate" => {
                desk.check_proof(&visit, &here)?;
                rotate(&visit, &administration, &id).await.map(Some)
            }
            "revoke" => revoke(&visit, &administration, &id).await.map(|()| None),
            _ => Err(visit.unknown_step()),
        };
        desk.gateway.look_at_keys().await;
        match done {
            Ok(Some(made)) => Answer::page(&desk.key_page(&visit, &id, Some(once(&made)), None).await?),
            Ok(None) => Ok(Answer::see(format!("{here}?done=revoked"))),
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.key_page(&visit, &id, None, Some(notice)).await?;
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

async fn rotate(
    visit: &Visit,
    administration: &privet_access::Administration<'_>,
    id: &str,
) -> Result<MadeKey, Problem> {
    let grace = admin::period("grace", visit.form.text("grace"))?;
    Ok(administration.rotate_key(id, grace).await?)
}

async fn revoke(
    visit: &Visit,
    administration: &privet_access::Administration<'_>,
    id: &str,
) -> Result<(), Problem> {
    visit.is_sure()?;
    administration.revoke_key(id).await?;
    Ok(())
}

fn is_chosen(visit: &Visit, scope: &str) -> bool {
    visit.form.text(&format!("scope.{scope}")) == "yes"
}

fn once(made: &MadeKey) -> Once {
    Once {
        what: format!("The key of {}", made.record.principal),
        how: format!("It goes to {} alone, by a safe way.", made.record.principal),
        text: made.key.expose().clone(),
    }
}

pub(super) fn row(key: admin::KeyBody) -> KeyRow {
    KeyRow {
        created_at: said(Some(&key.created_at), ""),
        expires_at: said(key.expires_at.as_ref(), "never"),
        last_used_at: said(key.last_used_at.as_ref(), "never"),
        id: key.id,
        name: key.name,
        scopes: key.scopes,
        state: key.state,
    }
}

impl Desk {
    async fn keys_page(
        &self,
        visit: &Visit,
        made: Option<Once>,
        notice: Option<Notice>,
    ) -> Result<KeysPage, Stop> {
        // What a form sends is no filter.
        let is_form = !crate::sign_in::is_safe(&visit.parts.method);
        let asked = |name: &str| if is_form { "" } else { visit.form.text(name) };
        let filter = KeyFilter {
            name: asked("name").to_owned(),
            state: asked("state").to_owned(),
            unused_since: asked("unused_since").to_owned(),
        };
        let wanted = admin::KeyFilter {
            name: Some(filter.name.as_str()).filter(|name| !name.is_empty()),
            state: Some(filter.state.as_str()).filter(|state| !state.is_empty()),
            unused_since: Some(filter.unused_since.as_str()).filter(|time| !time.is_empty()),
        };
        let page = Page::behind(asked("after"));
        let tenant = &visit.caller().tenant;
        let (rows, next) = admin::keys(&self.gateway, tenant, &page, &wanted).await?;
        let fields = [
            ("name", filter.name.as_str()),
            ("state", filter.state.as_str()),
            ("unused_since", filter.unused_since.as_str()),
        ];
        let next = next.map(|after| more(PATH, &fields, &after));
        let may_change = self.may(visit, Privilege::KeyManage);
        let delegable: BTreeSet<Privilege> = self.administration(visit).delegable().into_iter().collect();
        let is_offered = |scope: &KeyScope| {
            let mut all = Privilege::ALL
                .into_iter()
                .filter(|one| one.scope() == Some(*scope));
            all.all(|one| delegable.contains(&one))
        };
        let scopes = KeyScope::ALL.into_iter().filter(is_offered).map(|scope| Scope {
            name: scope.name(),
            is_chosen: is_form && is_chosen(visit, scope.name()),
        });
        let typed = NewKey {
            name: if is_form {
                visit.form.text("name").to_owned()
            } else {
                filter.name.clone()
            },
            expires_in: if is_form {
                visit.form.text("expires_in")
            } else {
                "90d"
            }
            .to_owned(),
        };
        Ok(KeysPage {
            frame: self.frame(visit, "API keys").with_notice(notice),
            rows: rows.into_iter().map(row).collect(),
            scopes: scopes.collect(),
            filter,
            next,
            may_change,
            typed,
            made,
        })
    }

    async fn key_page(
        &self,
        visit: &Visit,
        id: &str,
        made: Option<Once>,
        notice: Option<Notice>,
    ) -> Result<KeyPage, Stop> {
        let found = admin::key(&self.gateway, &visit.caller().tenant, id).await;
        let key = found.map_err(|problem| Stop::from(problem).within(|| self.frame(visit, "")))?;
        let mut facts = Vec::new();
        for (what, at) in [
            ("Revoked", &key.revoked_at),
            ("Works beside it until", &key.grace_until),
        ] {
            if at.is_some() {
                facts.push((what, said(at.as_ref(), "")));
            }
        }
        if let Some(successor) = &key.successor {
            facts.push(("In its place", successor.clone()));
        }
        if key.line != key.id {
            facts.push(("First of its line", key.line.clone()));
        }
        Ok(KeyPage {
            frame: self.frame(visit, "API key").with_notice(notice),
            key: row(key),
            facts,
            may_change: self.may(visit, Privilege::KeyManage),
            made,
        })
    }
}
