//! What is switched off, and switching it off and on again.

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use privet_access::{KillSwitch, Privilege};
use privet_console::kill::{KillPage, Order, SwitchRow};
use privet_console::{Notice, day_and_time};

use super::Desk;
use super::answer::{Answer, Stop, answer, in_words};
use super::form::with_query;
use super::visit::Visit;
use crate::kill;
use crate::problem::Problem;

const PATH: &str = "/console/kill";
/// Switches that are over and are shown.
const MOST_PAST: usize = 50;
/// What the page before did.
const DONE: [(&str, &str); 2] = [
    (
        "set",
        "It is switched off, here at once and on other nodes within a second.",
    ),
    ("lifted", "It is switched on again."),
];

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::KillRead).await?;
        let notice = visit.done(&DONE);
        Answer::page(&desk.kill_page(&visit, Order::default(), notice).await?)
    })
    .await
}

pub(super) async fn set(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::KillManage).await?;
        let form = &visit.form;
        let typed = Order {
            kind: form.text("kind").to_owned(),
            name: form.text("name").to_owned(),
            reason: form.text("reason").to_owned(),
            hours: form.text("hours").to_owned(),
            everywhere: form.text("everywhere") == "yes",
        };
        let order = kill::Order {
            kind: typed.kind.clone(),
            name: typed.name.clone(),
            reason: typed.reason.clone(),
            until: until(form.number("hours"), &typed.hours, visit.now)?,
            tenant: None,
            everywhere: typed.everywhere,
        };
        match kill::set(&desk.gateway, visit.caller(), order).await {
            Ok(_) => Ok(Answer::see(with_query(PATH, &[("done", "set")]))),
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.kill_page(&visit, typed, Some(notice)).await?;
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

pub(super) async fn lift(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::KillManage).await?;
        let lifted = kill::lift(&desk.gateway, visit.caller(), visit.form.text("id")).await;
        lifted.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        Ok(Answer::see(with_query(PATH, &[("done", "lifted")])))
    })
    .await
}

/// When a switch ends that is set for so many hours; none if it is to be lifted. What is no number ends nothing by itself.
fn until(hours: Option<u32>, typed: &str, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let bad = || Problem::told(http::StatusCode::BAD_REQUEST, "Say for how many hours.");
    match hours {
        None if typed.is_empty() => Ok(None),
        None => Err(bad()),
        Some(hours) => {
            let until = now.checked_add(SignedDuration::from_hours(hours.into()));
            until.map(Some).map_err(|_| bad())
        }
    }
}

impl Desk {
    async fn kill_page(
        &self,
        visit: &Visit,
        typed: Order,
        notice: Option<Notice>,
    ) -> Result<KillPage, Problem> {
        let caller = visit.caller();
        let switches = kill::list(&self.gateway, caller).await?;
        let now = self.now();
        let (in_force, past): (Vec<_>, Vec<_>) = switches.iter().partition(|switch| switch.is_in_force(now));
        let rows = |switches: Vec<&KillSwitch>| switches.into_iter().map(row).collect();
        Ok(KillPage {
            frame: self.frame(visit, "Kill switch").with_notice(notice),
            in_force: rows(in_force),
            past: rows(past.into_iter().take(MOST_PAST).collect()),
            may_change: self.may(visit, Privilege::KillManage),
            may_everywhere: caller.tenant == self.gateway.tenant,
            typed,
        })
    }
}

fn row(switch: &KillSwitch) -> SwitchRow {
    let end = match (switch.lifted_at, &switch.lifted_by, switch.ends_at) {
        (Some(at), Some(by), _) => format!("{}, by {by}", day_and_time(at)),
        (Some(at), None, _) => day_and_time(at),
        (None, _, Some(at)) => day_and_time(at),
        (None, _, None) => "when it is lifted".to_owned(),
    };
    SwitchRow {
        id: switch.id.clone(),
        kind: switch.target.kind(),
        name: switch.target.name().to_owned(),
        tenant: switch
            .tenant
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        reason: switch.reason.clone(),
        set_by: switch.set_by.clone(),
        set_at: day_and_time(switch.set_at),
        end,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_ends_after_the_hours_that_were_chosen_or_not_at_all() {
        let now: Timestamp = "2026-03-04T05:06:07Z".parse().unwrap();
        let after = |typed: &str| until(typed.parse().ok(), typed, now).ok();
        assert_eq!(after(""), Some(None));
        assert_eq!(after("8"), Some("2026-03-04T13:06:07Z".parse().ok()));
        assert_eq!(after("soon"), None);
        assert_eq!(after("4294967295"), None);
    }
}
