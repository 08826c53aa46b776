//! The first page: what was protected today, and how Privet is.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use jiff::Timestamp;
use privet_access::Privilege;
use privet_console::overview::{Hour, OpenMatters, OverviewPage, Today};
use privet_console::plot::Bar;
use privet_types::{Action, AuditEvent};

use super::Desk;
use super::answer::{Answer, answer};
use super::past::People;
use super::try_prompt::TRIED;
use super::visit::Visit;
use crate::incidents::Incidents;
use crate::problem::Problem;
use crate::watch::unavailable;

/// Kinds and teams that are shown.
const MOST_BARS: usize = 12;
/// Alerts that are counted.
const MOST_ALERTS: u32 = 1_000;

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::SignIn).await?;
        let is_of_all = [Privilege::VaultAudit, Privilege::ReadMetrics]
            .into_iter()
            .any(|privilege| desk.may(&visit, privilege));
        let page = OverviewPage {
            frame: desk.frame(&visit, "Overview"),
            day: visit.now.strftime("%A, %Y-%m-%d").to_string(),
            is_of_all,
            today: desk.today(&visit, is_of_all).await.ok(),
            health: if desk.may(&visit, Privilege::ReadMetrics) {
                desk.health().await
            } else {
                Vec::new()
            },
            open: if desk.may(&visit, Privilege::WatchRead) {
                desk.open_matters(&visit).await.ok()
            } else {
                None
            },
        };
        Answer::page(&page)
    })
    .await
}

/// What is counted while decisions are looked through.
#[derive(Default)]
struct Count {
    hours: BTreeMap<u8, Hour>,
    kinds: BTreeMap<String, u64>,
    teams: BTreeMap<String, u64>,
    masked: u64,
    blocked: u64,
    looked_at: u64,
    values: u64,
    times: Vec<u64>,
}

impl Count {
    fn add(&mut self, event: &AuditEvent, start: Timestamp, people: Option<&People>) {
        let seconds = event.at.duration_since(start).as_secs();
        let number = u8::try_from(seconds.div_euclid(3600)).unwrap_or(23).min(23);
        let hour = self.hours.entry(number).or_default();
        let decision = &event.decision;
        self.looked_at += 1;
        match decision.action {
            Action::Allow => hour.clean += 1,
            Action::Redact => {
                hour.masked += 1;
                self.masked += 1;
            }
            _ => {
                hour.blocked += 1;
                self.blocked += 1;
            }
        }
        let mut values = 0;
        for (kind, count) in &decision.counts {
            values += u64::from(*count);
            *self.kinds.entry(kind.name().to_owned()).or_default() += u64::from(*count);
        }
        self.values += values;
        self.times.push(decision.latency_us);
        if let (Some(people), Some(who), true) = (people, &event.principal, values > 0) {
            let mut has_team = false;
            for group in people.groups(&who.0) {
                has_team = true;
                *self.teams.entry(group.to_owned()).or_default() += values;
            }
            if !has_team {
                *self.teams.entry("(no team)".to_owned()).or_default() += values;
            }
        }
    }
}

/// The most first, and no more than are shown.
fn bars(counts: BTreeMap<String, u64>) -> Vec<Bar> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    counts.sort_by(|(_, a), (_, b)| b.cmp(a));
    counts.truncate(MOST_BARS);
    Bar::rows(counts)
}

/// Microseconds as milliseconds that are read.
pub(super) fn milliseconds(micros: u64) -> String {
    if micros < 10_000 {
        format!("{}.{}", micros / 1000, micros % 1000 / 100)
    } else {
        privet_console::amount(micros / 1000)
    }
}

/// When the day of `now` began, in UTC.
fn start_of_day(now: Timestamp) -> Timestamp {
    let into = now.as_second().rem_euclid(86_400);
    let start = Timestamp::from_second(now.as_second() - into);
    start.unwrap_or(now)
}

impl Desk {
    async fn today(&self, visit: &Visit, is_of_all: bool) -> Result<Today, Problem> {
        let caller = visit.caller();
        let start = start_of_day(visit.now);
        let own = self
            .gateway
            .pseudonyms
            .pseudonym(&caller.tenant, &caller.principal);
        let shows_teams = is_of_all && self.may(visit, Privilege::PeopleRead);
        let people = shows_teams.then(|| self.people(&caller.tenant));
        let mut count = Count::default();
        let take = |event: AuditEvent| {
            let is_prompt = event.decision.reason != TRIED;
            if is_prompt && (is_of_all || event.principal.as_ref() == Some(&own)) {
                count.add(&event, start, people.as_ref());
            }
            ControlFlow::Continue(())
        };
        let is_cut = self.past(&caller.tenant, start, take).await?;
        let hours = (0..24).map(|hour| Hour {
            hour,
            ..count.hours.get(&hour).copied().unwrap_or_default()
        });
        let middle = count.times.len() / 2;
        let middle = if count.times.is_empty() {
            0
        } else {
            *count.times.select_nth_unstable(middle).1
        };
        Ok(Today {
            is_cut,
            looked_at: count.looked_at,
            masked: count.masked,
            blocked: count.blocked,
            values: count.values,
            middle_time: milliseconds(middle),
            hours: hours.collect(),
            kinds: bars(count.kinds),
            teams: shows_teams.then(|| bars(count.teams)),
        })
    }

    async fn open_matters(&self, visit: &Visit) -> Result<OpenMatters, Problem> {
        let tenant = &visit.caller().tenant;
        let store = self.gateway.keys().store();
        let alerts = store.alerts(tenant, true, MOST_ALERTS).await;
        let alerts = alerts.map_err(|error| unavailable(&error))?;
        let incidents = Incidents::new(store.clone(), &self.gateway.root);
        let all = incidents.list(tenant, visit.now).await?;
        let is_open = |incident: &&crate::incidents::Incident| incident.closed_at.is_none();
        Ok(OpenMatters {
            alerts: alerts.len() as u64,
            incidents: all.iter().filter(is_open).count() as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let start = start_of_day("2026-03-04T23:59:59.5Z".parse().unwrap());
        assert_eq!(start, "2026-03-04T00:00:00Z".parse().unwrap());
        assert_eq!(start_of_day(start), start);
        let later = start.checked_add(SignedDuration::from_hours(1)).unwrap();
        assert_eq!(start_of_day(later), start);
    }

    #[test]
    fn short_times_have_a_tenth() {
        assert_eq!(
            [0, 840, 1250, 12_345, 1_234_567].map(milliseconds),
            ["0.0", "0.8", "1.2", "12", "1\u{202f}234"]
        );
    }
}
