//! Incidents: what kind, in which state, what to do, and how much of the 72 hours is left.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How long after a controller knows of a breach the supervisory authority must be told at the latest: Article 33(1) GDPR.
pub const NOTIFICATION: Duration = Duration::from_secs(72 * 3600);

/// The kinds that come with a playbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IncidentKind {
    /// A key is in hands it was not made for.
    LeakedKey,
    /// Data is carried out.
    Exfiltration,
    /// A provider lost data.
    ProviderBreach,
    /// A text of somebody else's gave orders to a model.
    PromptInjection,
    /// A device is lost.
    LostDevice,
    /// A model does what it did not do before.
    ModelMisbehaviour,
    /// All else.
    Other,
}

/// Where an incident stands. It goes forwards only, but for being opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IncidentState {
    /// Somebody should look.
    Open,
    /// It goes no further.
    Contained,
    /// Its causes and damage are dealt with.
    Resolved,
    /// Nobody has anything left to do.
    Closed,
}

/// A text that names nothing of the kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{name}`; use {known}")]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: String,
}

/// A step between states that there is none of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an incident that is {from} cannot become {to}; it can become {}", names(&from.next()))]
pub struct BadStep {
    /// Where it stands.
    pub from: IncidentState,
    /// Where it was to go.
    pub to: IncidentState,
}

/// The 72 hours at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Clock72 {
    /// When the controller knew of it.
    pub aware_at: Timestamp,
    /// When the authority must have been told.
    pub due_at: Timestamp,
    /// Seconds until then; negative when it is over. `None` once the authority was told, or it was decided that it need not be.
    pub remaining: Option<i64>,
    /// When it was told.
    pub notified_at: Option<Timestamp>,
    /// Whether it was told later than it must be, or is late now: reasons must go with it.
    pub is_late: bool,
}

/// What to do about one kind of incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// What has happened, in a few words.
    pub title: String,
    /// What to do, in order.
    pub steps: Vec<String>,
}

impl IncidentKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::LeakedKey,
        Self::Exfiltration,
        Self::ProviderBreach,
        Self::PromptInjection,
        Self::LostDevice,
        Self::ModelMisbehaviour,
        Self::Other,
    ];

    /// The name on the command line, in leaves and bundles.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeakedKey => "leaked_key",
            Self::Exfiltration => "exfiltration",
            Self::ProviderBreach => "provider_breach",
            Self::PromptInjection => "prompt_injection",
            Self::LostDevice => "lost_device",
            Self::ModelMisbehaviour => "model_misbehaviour",
            Self::Other => "other",
        }
    }

    /// The playbook that ships with Privet, as TOML: a `title` and a list of `steps`.
    #[must_use]
    pub const fn playbook_toml(self) -> &'static str {
        match self {
            Self::LeakedKey => include_str!("playbooks/leaked_key.toml"),
            Self::Exfiltration => include_str!("playbooks/exfiltration.toml"),
            Self::ProviderBreach => include_str!("playbooks/provider_breach.toml"),
            Self::PromptInjection => include_str!("playbooks/prompt_injection.toml"),
            Self::LostDevice => include_str!("playbooks/lost_device.toml"),
            Self::ModelMisbehaviour => include_str!("playbooks/model_misbehaviour.toml"),
            Self::Other => include_str!("playbooks/other.toml"),
        }
    }
}

impl IncidentState {
    const ALL: [Self; 4] = [Self::Open, Self::Contained, Self::Resolved, Self::Closed];

    /// The name on the command line, in leaves and bundles.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Contained => "contained",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }

    /// The states it can go to from this one.
    #[must_use]
    pub fn next(self) -> Vec<Self> {
        match self {
            Self::Open => vec![Self::Contained, Self::Resolved, Self::Closed],
            Self::Contained => vec![Self::Open, Self::Resolved, Self::Closed],
            Self::Resolved => vec![Self::Open, Self::Closed],
            Self::Closed => vec![Self::Open],
        }
    }

    /// The state after a step to `to`.
    ///
    /// # Errors
    /// [`BadStep`] if there is no such step.
    pub fn step(self, to: Self) -> Result<Self, BadStep> {
        if self.next().contains(&to) {
            Ok(to)
        } else {
            Err(BadStep { from: self, to })
        }
    }
}

impl Clock72 {
    /// As it stands at `now`. `needs_none`: it was decided that nobody must be told.
    #[must_use]
    pub fn at(aware_at: Timestamp, notified_at: Option<Timestamp>, needs_none: bool, now: Timestamp) -> Self {
        let due_at = aware_at.checked_add(NOTIFICATION).unwrap_or(Timestamp::MAX);
        let runs = notified_at.is_none() && !needs_none;
        Self {
            aware_at,
            due_at,
            remaining: runs.then(|| due_at.duration_since(now).as_secs()),
            notified_at,
            is_late: match notified_at {
                Some(at) => at > due_at,
                None => runs && now > due_at,
            },
        }
    }
}

fn unknown(what: &'static str, name: &str, known: &[&'static str]) -> UnknownName {
    UnknownName {
        what,
        name: name.to_owned(),
        known: known.join(", "),
    }
}

impl FromStr for IncidentKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| unknown("kind of incident", name, &Self::ALL.map(Self::name)))
    }
}

impl FromStr for IncidentState {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|state| state.name() == name);
        found.ok_or_else(|| unknown("state", name, &Self::ALL.map(Self::name)))
    }
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for IncidentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn names(states: &[IncidentState]) -> String {
    let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
    names.join(" or ")
}
