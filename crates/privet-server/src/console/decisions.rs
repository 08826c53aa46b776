//! Live decisions, without any text.

use std::ops::ControlFlow;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use jiff::SignedDuration;
use privet_access::Privilege;
use privet_console::clock_time;
use privet_console::decisions::{DecisionList, DecisionRow, DecisionsPage, Filter};
use privet_types::{AuditEvent, Principal};

use super::Desk;
use super::answer::{Answer, answer};
use super::form::with_query;
use super::overview::milliseconds;
use super::past::People;
use super::visit::Visit;
use crate::problem::Problem;

const PATH: &str = "/console/decisions";
/// Rows that are shown.
const MOST_ROWS: usize = 100;
/// How often a list renews itself before it rests: ten minutes, so that a page that is left open keeps nobody signed in.
const RENEWALS: u32 = 120;
/// Longest time that can be asked for: minutes of 30 days.
const MOST_MINUTES: u32 = 30 * 24 * 60;

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::VaultAudit).await?;
        let form = &visit.form;
        let filter = Filter {
            minutes: form.number("minutes").unwrap_or(60).clamp(1, MOST_MINUTES),
            outcome: match form.text("outcome") {
                known @ ("allow" | "redact" | "block") => known.to_owned(),
                _ => String::new(),
            },
            who: form.text("who").to_owned(),
            model: form.text("model").to_owned(),
        };
        let left = form.number("left").unwrap_or(RENEWALS).min(RENEWALS);
        let shows_names = desk.may(&visit, Privilege::PeopleRead);
        let list = desk.list(&visit, &filter, shows_names, left).await?;
        if form.text("part") == "list" {
            return Answer::page(&list);
        }
        Answer::page(&DecisionsPage {
            frame: desk.frame(&visit, "Live decisions"),
            list,
            filter,
            shows_names,
        })
    })
    .await
}

/// The address of the page with this filter; with how often it is still to renew itself, that of its list.
fn address(filter: &Filter, left: Option<u32>) -> String {
    let minutes = filter.minutes.to_string();
    let left = left.map(|left| left.to_string()).unwrap_or_default();
    let part = if left.is_empty() { "" } else { "list" };
    with_query(
        PATH,
        &[
            ("minutes", &minutes),
            ("outcome", &filter.outcome),
            ("who", &filter.who),
            ("model", &filter.model),
            ("left", &left),
            ("part", part),
        ],
    )
}

impl Desk {
    async fn list(
        &self,
        visit: &Visit,
        filter: &Filter,
        shows_names: bool,
        left: u32,
    ) -> Result<DecisionList, Problem> {
        let tenant = &visit.caller().tenant;
        let people = shows_names.then(|| self.people(tenant));
        // Whoever may not see names learns nothing of whose pseudonym is which.
        let named = filter.who.parse::<Principal>().ok().filter(|_| shows_names);
        let named = named.map(|name| self.gateway.pseudonyms.pseudonym(tenant, &name).0);
        let is_wanted = |event: &AuditEvent| {
            let who = event.principal.as_ref().map_or("", |who| who.0.as_str());
            let is_who = filter.who.is_empty()
                || (filter.who.len() >= 8 && who.starts_with(&filter.who))
                || named.as_deref() == Some(who);
            is_who
                && (filter.outcome.is_empty() || event.decision.action.name() == filter.outcome)
                && (filter.model.is_empty() || event.model.as_deref() == Some(&filter.model))
        };
        let since = SignedDuration::from_mins(filter.minutes.into());
        let since = visit.now.checked_sub(since).unwrap_or(visit.now);
        let mut events = Vec::new();
        let take = |event: AuditEvent| {
            if is_wanted(&event) {
                if events.len() == MOST_ROWS {
                    return ControlFlow::Break(());
                }
                events.push(event);
            }
            ControlFlow::Continue(())
        };
        let is_cut = self.past(tenant, since, take).await?;
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        let rests = left == 0;
        let is_long = filter.minutes > 24 * 60;
        Ok(DecisionList {
            rows: events
                .into_iter()
                .map(|event| row(event, people.as_ref(), is_long))
                .collect(),
            is_cut,
            renews: (!rests).then(|| address(filter, Some(left - 1))),
            resumes: rests.then(|| address(filter, None)),
            at: clock_time(visit.now),
        })
    }
}

fn row(event: AuditEvent, people: Option<&People>, is_long: bool) -> DecisionRow {
    let pseudonym = event.principal.map(|who| who.0).unwrap_or_default();
    let name = people.and_then(|people| people.name(&pseudonym));
    DecisionRow {
        at: if is_long {
            privet_console::day_and_time(event.at)
        } else {
            clock_time(event.at)
        },
        action: event.decision.action.name(),
        reason: event.decision.reason,
        is_pseudonym: name.is_none(),
        who: name.map_or(pseudonym.clone(), str::to_owned),
        surface: event.surface.name(),
        model: event.model.unwrap_or_default(),
        provider: event.provider.unwrap_or_default(),
        kinds: event
            .decision
            .counts
            .iter()
            .map(|(kind, count)| (kind.name().to_owned(), *count))
            .collect(),
        time: milliseconds(event.decision.latency_us),
        request_id: event.request_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_asks_for_itself_with_its_filter_and_one_time_less() {
        let filter = Filter {
            minutes: 60,
            outcome: "block".to_owned(),
            who: "a b".to_owned(),
            model: String::new(),
        };
        assert_eq!(
            address(&filter, Some(3)),
            "/console/decisions?minutes=60&outcome=block&who=a%20b&left=3&part=list"
        );
        assert_eq!(
            address(&filter, None),
            "/console/decisions?minutes=60&outcome=block&who=a%20b"
        );
    }
}
