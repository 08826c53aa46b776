//! What is told of something unusual, so that a person can judge it: which feature, what was expected, what was seen, how that
//! was told, and on what evidence.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Response, Severity, Watched};

/// What can be unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// More requests in an hour than usual.
    Requests,
    /// More personal values in an hour than usual.
    PersonalData,
    /// More bytes in an hour than usual.
    Bytes,
    /// More near-equal prompts in an hour than usual, as when a model or a record is read out piece by piece.
    Repetition,
    /// A little more on each day, for days.
    SlowExfiltration,
    /// A larger share of refused requests than before.
    Denied,
    /// A model that the caller never used.
    NewModel,
    /// A network that the caller never came from.
    NewNetwork,
    /// A network that the caller never came from, and the usual one, in the same hour.
    TwoNetworks,
    /// Much at an hour at which the caller is not at work.
    OffHours,
    /// A model refuses more often than before.
    ModelRefusals,
    /// A model's replies became longer or shorter.
    ModelLength,
    /// A model fails more often than before.
    ModelErrors,
    /// More replies hold stand-ins that cannot be restored.
    ModelLeftovers,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Requests,
        Self::PersonalData,
        Self::Bytes,
        Self::Repetition,
        Self::SlowExfiltration,
        Self::Denied,
        Self::NewModel,
        Self::NewNetwork,
        Self::TwoNetworks,
        Self::OffHours,
        Self::ModelRefusals,
        Self::ModelLength,
        Self::ModelErrors,
        Self::ModelLeftovers,
    ];

    /// The name in documents, alerts and leaves.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::PersonalData => "personal_data",
            Self::Bytes => "bytes",
            Self::Repetition => "repetition",
            Self::SlowExfiltration => "slow_exfiltration",
            Self::Denied => "denied",
            Self::NewModel => "new_model",
            Self::NewNetwork => "new_network",
            Self::TwoNetworks => "two_networks",
            Self::OffHours => "off_hours",
            Self::ModelRefusals => "model_refusals",
            Self::ModelLength => "model_length",
            Self::ModelErrors => "model_errors",
            Self::ModelLeftovers => "model_leftovers",
        }
    }

    /// The rule of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// A sentence for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Requests => "More requests in an hour than this caller ever sends",
            Self::PersonalData => "More personal data in an hour than this caller ever sends",
            Self::Bytes => "More text in an hour than this caller ever sends",
            Self::Repetition => "Near-equal prompts in large number",
            Self::SlowExfiltration => "A little more than usual every day, for days",
            Self::Denied => "A larger share of requests is refused than before",
            Self::NewModel => "A model that this caller never used",
            Self::NewNetwork => "A network that this caller never came from",
            Self::TwoNetworks => "One key from a new network and from the usual one at once",
            Self::OffHours => "Much use at an hour at which this caller is not at work",
            Self::ModelRefusals => "A model refuses more often than before",
            Self::ModelLength => "The length of a model's replies has changed",
            Self::ModelErrors => "A model fails more often than before",
            Self::ModelLeftovers => "More replies hold stand-ins that cannot be restored",
        }
    }

    /// Whether it is about a model and not about a caller.
    #[must_use]
    pub const fn is_of_model(self) -> bool {
        matches!(
            self,
            Self::ModelRefusals | Self::ModelLength | Self::ModelErrors | Self::ModelLeftovers
        )
    }
}

/// How it was told that a value is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// Modified z-score of logarithms: Iglewicz & Hoaglin 1993.
    ModifiedZ,
    /// Cumulative sum: Page 1954, its threshold by Siegmund 1985.
    Cusum,
    /// Wilson's interval: Wilson 1927.
    Wilson,
    /// Tail of the Poisson distribution.
    PoissonTail,
    /// Share of active days in a histogram of hours.
    Histogram,
    /// Two things at once that never were.
    Coincidence,
}

impl Method {
    /// The method and its source, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::ModifiedZ => "median and MAD of logarithms (Iglewicz & Hoaglin 1993)",
            Self::Cusum => "cumulative sum (Page 1954; threshold by Siegmund 1985)",
            Self::Wilson => "Wilson interval (Wilson 1927)",
            Self::PoissonTail => "Poisson tail of how often something new comes",
            Self::Histogram => "histogram of active hours by weekday and weekend",
            Self::Coincidence => "coincidence in one hour",
        }
    }
}

/// Something unusual, explained. Holds numbers and pseudonyms only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// When.
    pub at: Timestamp,
    /// What.
    pub rule: Rule,
    /// How grave.
    pub severity: Severity,
    /// Of whom, or of which model.
    pub who: Watched,
    /// The key that did the most of it.
    pub key: Option<u64>,
    /// What was counted: `personal values in an hour`.
    pub feature: String,
    /// The lowest usual value.
    pub expected_low: f64,
    /// The highest usual value.
    pub expected_high: f64,
    /// What was seen.
    pub seen: f64,
    /// How that was told.
    pub method: Method,
    /// On how many observations, and of what: `43 active hours`.
    pub evidence: String,
    /// What else speaks for it.
    pub company: Vec<String>,
}

/// What the rest of the world calls things that are pseudonyms in an [`Alert`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// The alert's id.
    pub id: String,
    /// The tenant's name.
    pub tenant: String,
    /// The pseudonym of the caller in the audit log, or the name of the model.
    pub who: String,
    /// The id of the key, if one is named.
    pub key: Option<String>,
    /// What was done about it.
    pub response: Response,
}

impl Alert {
    /// One sentence: what was seen, what was expected, and why that counts.
    #[must_use]
    pub fn explanation(&self) -> String {
        let mut text = format!(
            "{} {}, expected {} to {}; {}, {}",
            short(self.seen),
            self.feature,
            short(self.expected_low),
            short(self.expected_high),
            self.method.text(),
            self.evidence
        );
        for reason in &self.company {
            text.push_str("; ");
            text.push_str(reason);
        }
        text
    }

    /// The alert as an OCSF 1.3 *Detection Finding* (class 2004, category *Findings* 2, activity *Create* 1).
    ///
    /// # Source
    /// Open Cybersecurity Schema Framework 1.3.0, `schema.ocsf.io/1.3.0/classes/detection_finding`.
    #[must_use]
    pub fn to_ocsf(&self, labels: &Labels) -> Value {
        let millis = self.at.as_millisecond();
        let severity_id = match self.severity {
            Severity::Low => 2,
            Severity::Medium => 3,
            Severity::High => 4,
        };
        let is_of_model = self.rule.is_of_model();
        let evidence = json!({
            "feature": self.feature,
            "expected_low": self.expected_low,
            "expected_high": self.expected_high,
            "seen": self.seen,
            "method": self.method.text(),
            "evidence": self.evidence,
            "company": self.company,
        });
        let evidences = if is_of_model {
            json!([{ "data": evidence }])
        } else {
            json!([{ "data": evidence, "actor": { "user": { "uid": labels.who, "type_id": 99, "type": "pseudonym" } } }])
        };
        let mut resource = json!({
            "uid": labels.who,
            "type": if is_of_model { "model" } else { "caller" },
            "namespace": labels.tenant,
        });
        if let (Some(key), Some(fields)) = (&labels.key, resource.as_object_mut()) {
            fields.insert("data".to_owned(), json!({ "api_key": key }));
        }
        json!({
            "activity_id": 1,
            "activity_name": "Create",
            "category_uid": 2,
            "category_name": "Findings",
            "class_uid": 2004,
            "class_name": "Detection Finding",
            "type_uid": 200_401,
            "time": millis,
            "severity_id": severity_id,
            "severity": match self.severity { Severity::Low => "Low", Severity::Medium => "Medium", Severity::High => "High" },
            "status_id": 1,
            "status": "New",
            "message": self.explanation(),
            "finding_info": {
                "uid": labels.id,
                "title": self.rule.title(),
                "desc": self.explanation(),
                "types": [self.rule.name()],
                "created_time": millis,
                "analytic": { "uid": self.rule.name(), "name": self.rule.title(), "type_id": 3, "type": "Statistical", "desc": self.method.text() },
            },
            "metadata": {
                "version": "1.3.0",
                "product": { "name": "Privet", "vendor_name": "Privet", "version": env!("CARGO_PKG_VERSION") },
                "tenant_uid": labels.tenant,
            },
            "resources": [resource],
            "evidences": evidences,
            "unmapped": { "response": labels.response.name() },
        })
    }
}

fn short(value: f64) -> String {
    if value.abs() >= 10.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
