//! Incidents: seeing them, opening one, working on it.

use axum::body::Body;
use axum::extract::{Path, State};
use http::{Request, Response};
use jiff::SignedDuration;
use privet_access::Privilege;
use privet_console::watch::{Clock, IncidentPage, IncidentRow, IncidentsPage, TimelineRow};
use privet_console::{Notice, day_and_time};
use privet_policy::playbook;
use privet_types::Pseudonym;
use privet_watch::incident::{Clock72, IncidentKind, IncidentState};

use super::Desk;
use super::alerts::title_of;
use super::answer::{Answer, Stop, answer, in_words};
use super::form::with_query;
use super::past::People;
use super::visit::Visit;
use crate::incidents::{Incident, IncidentError, Incidents, Opening, Step};
use crate::problem::Problem;
use crate::watch::unavailable;

const PATH: &str = "/console/incidents";
/// With so little of the 72 hours left somebody should hurry.
const SHORT: SignedDuration = SignedDuration::from_hours(24);
/// What the page before did.
const DONE: [(&str, &str); 2] = [
    ("opened", "The incident is open. The playbook says what to do."),
    ("step", "It is written down."),
];

pub(super) async fn list(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::WatchRead).await?;
        Answer::page(&desk.incidents_page(&visit, String::new(), None).await?)
    })
    .await
}

pub(super) async fn open(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::WatchManage).await?;
        let title = visit.form.text("title").to_owned();
        let opened = desk.open_incident(&visit, title.clone()).await;
        match opened.map_err(Problem::from) {
            Ok(id) => Ok(Answer::see(with_query(
                &format!("{PATH}/{id}"),
                &[("done", "opened")],
            ))),
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.incidents_page(&visit, title, Some(notice)).await?;
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
        let visit = desk.visit(request, Privilege::WatchRead).await?;
        let notice = visit.done(&DONE);
        let page = desk.incident_page(&visit, &id, notice).await;
        let page = page.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        Answer::page(&page)
    })
    .await
}

pub(super) async fn step(
    State(desk): State<Desk>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::WatchManage).await?;
        let done = desk.step(&visit, &id).await;
        match done.map_err(Problem::from) {
            Ok(()) => Ok(Answer::see(with_query(
                &format!("{PATH}/{id}"),
                &[("done", "step")],
            ))),
            Err(problem) => {
                let notice = Notice::failed(in_words(&problem));
                let page = desk.incident_page(&visit, &id, Some(notice)).await;
                let page = page.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
                Ok(Answer::page(&page)?.because_of(&problem))
            }
        }
    })
    .await
}

impl Desk {
    fn incidents(&self) -> Incidents {
        Incidents::new(self.gateway.keys().store().clone(), &self.gateway.root)
    }

    fn actor(&self, visit: &Visit) -> Pseudonym {
        let caller = visit.caller();
        self.gateway
            .pseudonyms
            .pseudonym(&caller.tenant, &caller.principal)
    }

    async fn open_incident(&self, visit: &Visit, title: String) -> Result<String, IncidentError> {
        let opening = Opening {
            kind: visit.form.text("kind").parse()?,
            title,
            scope: crate::incidents::IncidentScope::default(),
            aware_at: None,
            actor: self.actor(visit),
        };
        let incidents = self.incidents();
        incidents.open(&visit.caller().tenant, opening, visit.now).await
    }

    async fn step(&self, visit: &Visit, id: &str) -> Result<(), IncidentError> {
        let text = visit.form.text("text").to_owned();
        let step = match visit.form.text("step") {
            "state" => Step::State(visit.form.text("to").parse::<IncidentState>()?, text),
            "notified" => Step::Notified(visit.now, text),
            "no_notice" => Step::NoNotice(text),
            _ => Step::Note(text),
        };
        let (incidents, tenant) = (self.incidents(), &visit.caller().tenant);
        incidents
            .step(tenant, id, step, &self.actor(visit), visit.now)
            .await
            .map(drop)
    }

    async fn incidents_page(
        &self,
        visit: &Visit,
        typed_title: String,
        notice: Option<Notice>,
    ) -> Result<IncidentsPage, Problem> {
        let all = self.incidents().list(&visit.caller().tenant, visit.now).await?;
        Ok(IncidentsPage {
            frame: self.frame(visit, "Incidents").with_notice(notice),
            incidents: all.into_iter().map(row).collect(),
            may_change: self.may(visit, Privilege::WatchManage),
            kinds: IncidentKind::ALL.into_iter().map(IncidentKind::name).collect(),
            typed_title,
        })
    }

    async fn incident_page(
        &self,
        visit: &Visit,
        id: &str,
        notice: Option<Notice>,
    ) -> Result<IncidentPage, Problem> {
        let tenant = &visit.caller().tenant;
        let incident = self.incidents().show(tenant, id, visit.now).await?;
        let store = self.gateway.keys().store();
        let alerts = store.alerts_of_incident(tenant, id).await;
        let alerts = alerts.map_err(|error| unavailable(&error))?;
        let people = self
            .may(visit, Privilege::PeopleRead)
            .then(|| self.people(tenant));
        let people = people.as_ref();
        let steps = playbook(incident.kind.playbook_toml(), "playbook.toml".as_ref());
        Ok(IncidentPage {
            frame: self.frame(visit, "Incident").with_notice(notice),
            aware_at: day_and_time(incident.notification.aware_at),
            due_at: day_and_time(incident.notification.due_at),
            scope: scope(&incident, people),
            steps: steps.map(|playbook| playbook.steps).unwrap_or_default(),
            timeline: incident
                .timeline
                .iter()
                .map(|entry| TimelineRow {
                    at: day_and_time(entry.at),
                    by: named(people, &entry.by.0),
                    kind: entry.kind.clone(),
                    text: entry.text.clone(),
                })
                .collect(),
            alerts: alerts
                .iter()
                .map(|alert| (alert.id.clone(), title_of(alert).0))
                .collect(),
            may_change: self.may(visit, Privilege::WatchManage),
            next: incident
                .state
                .next()
                .into_iter()
                .map(IncidentState::name)
                .collect(),
            incident: row(incident),
        })
    }
}

fn named(people: Option<&People>, pseudonym: &str) -> String {
    let name = people.and_then(|people| people.name(pseudonym));
    name.unwrap_or(pseudonym).to_owned()
}

fn scope(incident: &Incident, people: Option<&People>) -> Vec<(&'static str, String)> {
    let scope = &incident.scope;
    let principals: Vec<String> = scope.principals.iter().map(|who| named(people, who)).collect();
    let at = |at: Option<jiff::Timestamp>| at.map(day_and_time).unwrap_or_default();
    [
        ("Callers", principals.join(", ")),
        ("Providers", scope.providers.join(", ")),
        ("Models", scope.models.join(", ")),
        ("From", at(scope.from)),
        ("Until", at(scope.until)),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .collect()
}

fn row(incident: Incident) -> IncidentRow {
    IncidentRow {
        clock: clock(&incident.notification),
        id: incident.id,
        kind: incident.kind.name(),
        title: incident.title,
        state: incident.state.name(),
        opened_at: day_and_time(incident.opened_at),
    }
}

fn clock(clock: &Clock72) -> Clock {
    let (text, class) = match (clock.notified_at, clock.remaining) {
        (Some(_), _) if clock.is_late => ("told, late".to_owned(), "warn"),
        (Some(_), _) => ("told in time".to_owned(), "good"),
        (None, None) => ("need not be told".to_owned(), "plain"),
        (None, Some(seconds)) if seconds < 0 => (format!("{} h too late", -seconds / 3600), "bad"),
        (None, Some(seconds)) if SignedDuration::from_secs(seconds) < SHORT => {
            (format!("{} h left", seconds / 3600), "bad")
        }
        (None, Some(seconds)) => (format!("{} h left", seconds / 3600), "warn"),
    };
    Clock { text, class }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_72_hours_are_told_in_words() {
        let aware: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let at = |hours: i64| aware.checked_add(SignedDuration::from_hours(hours)).unwrap();
        let said = |notified: Option<i64>, needs_none: bool, now: i64| {
            let clock = clock(&Clock72::at(aware, notified.map(at), needs_none, at(now)));
            format!("{}: {}", clock.class, clock.text)
        };
        assert_eq!(said(None, false, 1), "warn: 71 h left");
        assert_eq!(said(None, false, 60), "bad: 12 h left");
        assert_eq!(said(None, false, 75), "bad: 3 h too late");
        assert_eq!(said(Some(5), false, 75), "good: told in time");
        assert_eq!(said(Some(73), false, 75), "warn: told, late");
        assert_eq!(said(None, true, 75), "plain: need not be told");
    }
}
