//! Alerts and incidents.

use askama::Template;

use crate::Frame;

/// What was unusual, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "alerts.html")]
pub struct AlertsPage {
    /// What stands round it.
    pub frame: Frame,
    /// Whether closed ones are shown, too.
    pub shows_all: bool,
    /// The alerts.
    pub alerts: Vec<AlertRow>,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    /// Its id.
    pub id: String,
    /// When, in UTC.
    pub at: String,
    /// `low`, `medium`, `high`.
    pub severity: String,
    /// What it is.
    pub title: String,
    /// What was expected, what was seen, and how that is told.
    pub explanation: String,
    /// A name where it may be seen, a pseudonym, or a model.
    pub who: String,
    /// What was done about it.
    pub response: String,
    /// How it stands.
    pub standing: String,
    /// The incident it belongs to; empty if none.
    pub incident: String,
    /// Whether who looks may close it.
    pub can_be_closed: bool,
}

impl AlertRow {
    fn class(&self) -> &'static str {
        match self.severity.as_str() {
            "high" => "bad",
            "medium" => "warn",
            _ => "plain",
        }
    }
}

/// Incidents, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "incidents.html")]
pub struct IncidentsPage {
    /// What stands round it.
    pub frame: Frame,
    /// The incidents.
    pub incidents: Vec<IncidentRow>,
    /// Whether who looks may open and work on them.
    pub may_change: bool,
    /// The kinds to choose from.
    pub kinds: Vec<&'static str>,
    /// The title that was typed.
    pub typed_title: String,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRow {
    /// Its id.
    pub id: String,
    /// What kind.
    pub kind: &'static str,
    /// In a few words.
    pub title: String,
    /// Where it stands.
    pub state: &'static str,
    /// When it was opened, in UTC.
    pub opened_at: String,
    /// How the 72 hours stand.
    pub clock: Clock,
}

/// How the 72 hours of Article 33 GDPR stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// In words.
    pub text: String,
    /// `good`, `warn`, `bad`: a class of the style sheet.
    pub class: &'static str,
}

/// One incident with all that happened with it.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "incident.html")]
pub struct IncidentPage {
    /// What stands round it.
    pub frame: Frame,
    /// The incident.
    pub incident: IncidentRow,
    /// When it was known, in UTC.
    pub aware_at: String,
    /// When the authority must have been told, in UTC.
    pub due_at: String,
    /// What it is about, each with its name.
    pub scope: Vec<(&'static str, String)>,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// What happened with it.
    pub timeline: Vec<TimelineRow>,
    /// Its alerts: id and title.
    pub alerts: Vec<(String, String)>,
    /// Whether who looks may work on it.
    pub may_change: bool,
    /// The states it can go to.
    pub next: Vec<&'static str>,
}

/// One thing that happened with an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineRow {
    /// When, in UTC.
    pub at: String,
    /// By whom.
    pub by: String,
    /// What.
    pub kind: String,
    /// In words.
    pub text: String,
}
