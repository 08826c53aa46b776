//! What guardrails hold, and deciding about it.

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};
use privet_access::Privilege;
use privet_console::holds::{HoldRow, HoldsPage};
use privet_console::{Notice, day_and_time};
use privet_store::HoldRecord;

use super::Desk;
use super::answer::{Answer, Stop, answer, in_words};
use super::form::with_query;
use super::past::People;
use super::visit::Visit;
use crate::guard;
use crate::problem::Problem;
use crate::watch::unavailable;

pub(super) const PATH: &str = "/console/holds";
/// Holds that are shown.
const MOST: u32 = 200;
/// What the page before did.
const DONE: [(&str, &str); 2] = [
    (
        "approved",
        "From a second on the same passes for the same caller, on every node.",
    ),
    ("refused", "It stays held."),
];

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::WatchRead).await?;
        let notice = visit.done(&DONE);
        Answer::page(&desk.holds_page(&visit, notice).await?)
    })
    .await
}

pub(super) async fn decide(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::WatchManage).await?;
        match desk.decide(&visit).await {
            Ok(done) => Ok(Answer::see(with_query(PATH, &[("done", done)]))),
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.holds_page(&visit, Some(notice)).await?;
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

impl Desk {
    async fn decide(&self, visit: &Visit) -> Result<&'static str, Problem> {
        let form = &visit.form;
        let bad = |text| Err(Problem::told(StatusCode::BAD_REQUEST, text));
        let (hours, done) = match (form.text("decision"), form.number("hours")) {
            ("refuse", _) => (None, "refused"),
            ("approve", Some(hours)) => (Some(hours), "approved"),
            ("approve", None) => return bad("Say for how many hours it may pass."),
            _ => return bad("Approve it or refuse it."),
        };
        guard::decide(&self.gateway, visit.caller(), form.text("id"), hours).await?;
        Ok(done)
    }

    async fn holds_page(&self, visit: &Visit, notice: Option<Notice>) -> Result<HoldsPage, Stop> {
        let caller = visit.caller();
        let shows_all = visit.form.text("all") == "yes";
        let found = self.gateway.keys().store().holds(&caller.tenant, MOST).await;
        let found = found.map_err(|error| Stop::from(unavailable(&error)))?;
        let people = self
            .may(visit, Privilege::PeopleRead)
            .then(|| self.people(&caller.tenant));
        let own = self
            .gateway
            .pseudonyms
            .pseudonym(&caller.tenant, &caller.principal);
        let may_decide = self.may(visit, Privilege::WatchManage);
        let row = |record: &HoldRecord| {
            let is_own = record.hold.who == own;
            HoldRow {
                is_own: is_own && may_decide,
                may_decide: may_decide && !is_own,
                ..row(record, people.as_ref(), visit)
            }
        };
        let mut holds: Vec<HoldRow> = found.iter().map(row).collect();
        holds.retain(|hold| shows_all || hold.state == "open");
        Ok(HoldsPage {
            frame: self.frame(visit, "Held for approval").with_notice(notice),
            shows_all,
            holds,
        })
    }
}

fn row(record: &HoldRecord, people: Option<&People>, visit: &Visit) -> HoldRow {
    let named = |who: &str| {
        let name = people.and_then(|people| people.name(who));
        name.unwrap_or(who).to_owned()
    };
    let hold = &record.hold;
    let decision = record.decision.as_ref().map(|decision| {
        let (at, by) = (day_and_time(decision.at), named(&decision.by.0));
        match decision.expires_at {
            Some(until) => format!("approved {at} by {by}, until {}", day_and_time(until)),
            None => format!("refused {at} by {by}"),
        }
    });
    HoldRow {
        id: hold.id.clone(),
        at: day_and_time(record.opened_at),
        rule: hold.rule.clone(),
        state: record.state(visit.now).to_owned(),
        who: named(&hold.who.0),
        surface: hold.surface.clone(),
        model: hold.model.clone(),
        tool: hold.tool.clone().unwrap_or_default(),
        decision: decision.unwrap_or_default(),
        is_own: false,
        may_decide: false,
    }
}
