//! `[watch]` of the policy document.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Rule;

/// The `[watch]` table of the policy document: what counts as unusual, and what becomes of who does it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WatchConfig {
    /// Whether callers and models are watched at all.
    pub enabled: bool,
    /// How many robust standard deviations above its usual an hour must be.
    pub deviations: f64,
    /// Once in how many days a day's sums may alert by chance, for each caller and feature.
    pub run_length_days: f64,
    /// Active hours that must be known of a caller before its hours are judged.
    pub least_hours: u32,
    /// Active days that must be known before days, networks, models and times of day are.
    pub least_days: u32,
    /// How long a rule is silent about a caller after it spoke, in hours.
    pub quiet_hours: u32,
    /// Most callers that are remembered; past it those seen longest ago are forgotten.
    pub most_callers: u32,
    /// The hours of work, such as `[7, 20]`, on days from Monday to Friday, by `access.utc_offset`. Without it they are learnt.
    pub work_hours: Option<[u8; 2]>,
    /// What becomes of callers, by rule; alerts alone where no rule says otherwise. The first that applies counts.
    pub actions: Vec<RuleAction>,
}

/// One of `[[watch.actions]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleAction {
    /// The rule; every one if left out.
    #[serde(default)]
    pub rule: Option<Rule>,
    /// From which severity on.
    #[serde(default)]
    pub severity: Severity,
    /// What happens.
    pub action: Response,
    /// For how long, in minutes; an administrator can end it before.
    #[serde(default = "an_hour")]
    pub minutes: u32,
    /// With `throttle`: most requests a minute.
    #[serde(default = "six")]
    pub requests: u32,
    /// Whether an incident is opened, too.
    #[serde(default)]
    pub incident: bool,
}

const fn an_hour() -> u32 {
    60
}

const fn six() -> u32 {
    6
}

/// What an alert leads to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// Nothing but the alert.
    #[default]
    Alert,
    /// The caller gets few requests a minute for a while.
    Throttle,
    /// The caller gets none for a while.
    Suspend,
}

/// How grave an alert is.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth a look among others.
    Low,
    /// Worth a look of its own.
    #[default]
    Medium,
    /// Somebody should look now.
    High,
}

impl Severity {
    /// The name in documents and alerts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// One grave more.
    #[must_use]
    pub const fn raised(self) -> Self {
        match self {
            Self::Low => Self::Medium,
            Self::Medium | Self::High => Self::High,
        }
    }
}

impl Response {
    /// The name in documents and leaves.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Throttle => "throttle",
            Self::Suspend => "suspend",
        }
    }
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            deviations: 5.0,
            run_length_days: 20_000.0,
            least_hours: 20,
            least_days: 7,
            quiet_hours: 12,
            most_callers: 10_000,
            work_hours: None,
            actions: Vec::new(),
        }
    }
}

impl WatchConfig {
    /// Whether this is what holds without a `[watch]` table.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with it: the key, and what to do.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if !(3.0..=20.0).contains(&self.deviations) {
            return Err(("deviations", "use 3.0 to 20.0"));
        }
        if !(100.0..=1e9).contains(&self.run_length_days) {
            return Err(("run_length_days", "use 100 to 1000000000"));
        }
        if !(10..=48).contains(&self.least_hours) {
            return Err(("least_hours", "use 10 to 48"));
        }
        if !(3..=20).contains(&self.least_days) {
            return Err(("least_days", "use 3 to 20"));
        }
        if !(1..=720).contains(&self.quiet_hours) {
            return Err(("quiet_hours", "use 1 to 720"));
        }
        if !(1..=200_000).contains(&self.most_callers) {
            return Err(("most_callers", "use 1 to 200000"));
        }
        if self.work_hours.is_some_and(|[from, to]| from >= to || to > 24) {
            return Err((
                "work_hours",
                "use two hours of a day, the earlier first: `[7, 20]`",
            ));
        }
        if self.actions.len() > 64 {
            return Err(("actions", "use at most 64"));
        }
        for action in &self.actions {
            if !(1..=43_200).contains(&action.minutes) {
                return Err(("actions", "use 1 to 43200 `minutes`"));
            }
            if !(1..=100_000).contains(&action.requests) {
                return Err((
                    "actions",
                    "use 1 to 100000 `requests` a minute; `suspend` lets none through",
                ));
            }
        }
        Ok(())
    }

    /// The entry of `actions` for an alert of `rule`, if there is one.
    #[must_use]
    pub fn action_for(&self, rule: Rule, severity: Severity) -> Option<&RuleAction> {
        let applies = |action: &&RuleAction| {
            action.rule.is_none_or(|wanted| wanted == rule) && severity >= action.severity
        };
        self.actions.iter().find(applies)
    }
}
