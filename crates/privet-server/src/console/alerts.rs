//! Alerts, and closing them.

use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};
use privet_access::Privilege;
use privet_console::day_and_time;
use privet_console::watch::{AlertRow, AlertsPage};
use privet_store::AlertRecord;
use serde_json::Value;

use super::Desk;
use super::answer::{Answer, Stop, answer};
use super::form::with_query;
use super::past::People;
use super::visit::Visit;
use crate::watch;

const PATH: &str = "/console/alerts";
/// Alerts that are shown.
const MOST: u32 = 200;
/// What the page before did.
const DONE: [(&str, &str); 1] = [("closed", "The alert is closed.")];

pub(super) async fn show(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::WatchRead).await?;
        let tenant = &visit.caller().tenant;
        let shows_all = visit.form.text("all") == "yes";
        let found = desk.gateway.keys().store().alerts(tenant, !shows_all, MOST).await;
        let found = found.map_err(|error| Stop::from(watch::unavailable(&error)))?;
        let people = desk
            .may(&visit, Privilege::PeopleRead)
            .then(|| desk.people(tenant));
        let may_close = desk.may(&visit, Privilege::WatchManage);
        let own = desk
            .gateway
            .pseudonyms
            .pseudonym(tenant, &visit.caller().principal);
        let row = |alert: AlertRecord| {
            let is_own = alert.who == own.0;
            row(alert, people.as_ref(), may_close && !is_own, &visit)
        };
        let notice = visit.done(&DONE);
        Answer::page(&AlertsPage {
            frame: desk.frame(&visit, "Alerts").with_notice(notice),
            shows_all,
            alerts: found.into_iter().map(row).collect(),
        })
    })
    .await
}

pub(super) async fn close(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let visit = desk.visit(request, Privilege::WatchManage).await?;
        let store = desk.gateway.keys().store();
        let closed = watch::close(&desk.gateway, store, visit.caller(), visit.form.text("id")).await;
        closed.map_err(|problem| Stop::from(problem).within(|| desk.frame(&visit, "")))?;
        Ok(Answer::see(with_query(PATH, &[("done", "closed")])))
    })
    .await
}

/// What a finding says of itself, as OCSF has it.
pub(super) fn title_of(alert: &AlertRecord) -> (String, String) {
    let finding: Value = serde_json::from_str(&alert.finding).unwrap_or_default();
    let text = |pointer: &str| {
        finding
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let title = text("/finding_info/title").unwrap_or_else(|| alert.rule.clone());
    (title, text("/message").unwrap_or_default())
}

fn row(alert: AlertRecord, people: Option<&People>, may_close: bool, visit: &Visit) -> AlertRow {
    let (title, explanation) = title_of(&alert);
    let name = people.and_then(|people| people.name(&alert.who));
    let standing = match (alert.closed_at, alert.lifted_at, alert.held_until) {
        (Some(at), ..) => format!("closed {}", day_and_time(at)),
        (None, None, Some(until)) if until > visit.now => {
            format!("open; the caller is held until {}", day_and_time(until))
        }
        _ => "open".to_owned(),
    };
    AlertRow {
        at: day_and_time(alert.at),
        severity: alert.severity,
        title,
        explanation,
        who: name.map_or(alert.who, str::to_owned),
        response: match alert.response.as_str() {
            "throttle" => format!("slowed down to {} requests a minute", alert.requests),
            "suspend" => "suspended".to_owned(),
            _ => "nothing but this alert".to_owned(),
        },
        standing,
        incident: alert.incident.unwrap_or_default(),
        can_be_closed: may_close && alert.closed_at.is_none(),
        id: alert.id,
    }
}
