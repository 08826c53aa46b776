//! Numbers that are measured from what is there.

use privet_types::{ClassShare, Interval, Measurement, Part};
use privet_vault::{Measures, Metric, Surroundings};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::{Call, Reply};
use super::consent::moment;
use super::problem::VaultProblem;

/// Leaves that are computed again on request; some seconds. Of longer logs so many are drawn. `privet vault measure` has no
/// such bound.
const MOST_LEAVES: u64 = 200_000;
/// Subjects and events that are looked at.
const SAMPLE: u64 = 10_000;

/// What was measured.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MeasurementsBody {
    rows: Vec<MeasurementBody>,
}

/// A number with what it takes to believe it.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MeasurementBody {
    /// Which: `consent_compliance`.
    metric: String,
    /// Its value; null if it could not be measured: `reason` says why.
    value: Option<f64>,
    /// `share` (0 to 1), `bits`, `count`.
    unit: String,
    /// Between which values the true one lies; null if everything was counted.
    interval: Option<IntervalBody>,
    numerator: Option<u64>,
    denominator: Option<u64>,
    /// In words.
    formula: String,
    source: String,
    method: String,
    sample_size: u64,
    population: u64,
    /// RFC 3339.
    at: String,
    log_position: PositionBody,
    classes: Vec<ClassBody>,
    parts: Vec<PartBody>,
    /// What the value leaves out.
    excluded: Vec<String>,
    /// Why there is no value.
    reason: Option<String>,
}

/// A confidence interval.
#[derive(Serialize, JsonSchema)]
pub(crate) struct IntervalBody {
    low: f64,
    high: f64,
    confidence: f64,
}

/// A signed state of the log.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PositionBody {
    /// Leaves of the tree.
    size: u64,
    /// Root hash, base64; null while nothing was sequenced.
    root: Option<String>,
}

/// A share within one class.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ClassBody {
    class: String,
    numerator: u64,
    denominator: u64,
}

/// A number that a value is made of.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PartBody {
    name: String,
    value: Option<f64>,
    unit: String,
    numerator: u64,
    denominator: u64,
    interval: Option<IntervalBody>,
    note: String,
}

impl From<Interval> for IntervalBody {
    fn from(interval: Interval) -> Self {
        Self {
            low: interval.low,
            high: interval.high,
            confidence: interval.confidence,
        }
    }
}

impl From<ClassShare> for ClassBody {
    fn from(share: ClassShare) -> Self {
        Self {
            class: share.class,
            numerator: share.numerator,
            denominator: share.denominator,
        }
    }
}

impl From<Part> for PartBody {
    fn from(part: Part) -> Self {
        Self {
            name: part.name,
            value: part.value,
            unit: part.unit,
            numerator: part.numerator,
            denominator: part.denominator,
            interval: part.interval.map(Into::into),
            note: part.note,
        }
    }
}

impl From<Measurement> for MeasurementBody {
    fn from(measured: Measurement) -> Self {
        Self {
            metric: measured.metric,
            value: measured.value,
            unit: measured.unit,
            interval: measured.interval.map(Into::into),
            numerator: measured.numerator,
            denominator: measured.denominator,
            formula: measured.formula,
            source: measured.source,
            method: measured.method,
            sample_size: measured.sample_size,
            population: measured.population,
            at: measured.at.to_string(),
            log_position: PositionBody {
                size: measured.log_position.size,
                root: measured.log_position.root,
            },
            classes: measured.classes.into_iter().map(Into::into).collect(),
            parts: measured.parts.into_iter().map(Into::into).collect(),
            excluded: measured.excluded,
            reason: measured.reason,
        }
    }
}

pub(crate) async fn list(call: Call) -> Result<Reply, VaultProblem> {
    let wanted = match call.asked("names") {
        None => Metric::ALL.to_vec(),
        Some(names) => names
            .split(',')
            .map(|name| {
                Metric::parse(name.trim())
                    .ok_or_else(|| VaultProblem::field("names", "there is no such number"))
            })
            .collect::<Result<_, _>>()?,
    };
    let since = moment("since", call.asked("since"))?;
    let api = &call.api;
    // All of the tenant is looked at: one at a time, so that nobody else waits for it.
    let _place = api.measuring.try_acquire().map_err(|_| VaultProblem::busy())?;
    let log = if wanted.contains(&Metric::Auditability) {
        let checked = api
            .store
            .check_log(&api.log_key.get(), MOST_LEAVES, &mut |_, _| {})
            .await;
        Some(checked.map_err(privet_vault::Error::from)?)
    } else {
        None
    };
    let around = Surroundings {
        root: api.root,
        log,
        backups: None,
        since,
        sample: Some(SAMPLE),
    };
    let measures = Measures::new(api.vault.clone(), api.consent.clone(), api.retention.clone());
    let mut rows = Vec::new();
    for metric in wanted {
        let measured = measures.measure(&call.actor.tenant, metric, &around).await?;
        rows.extend(measured.into_iter().map(Into::into));
    }
    Reply::ok(&MeasurementsBody { rows })
}
