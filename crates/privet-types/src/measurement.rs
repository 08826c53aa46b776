//! A number with what it takes to believe it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A measured value: what it is of, how it came about, and how sure it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Which metric, from the catalogue: `consent_compliance`.
    pub metric: String,
    /// The value; `None` if it could not be measured, which is not the same as a good value: `reason` says why.
    pub value: Option<f64>,
    /// The unit: `share` (0 to 1), `bits`, `seconds`, `count`.
    pub unit: String,
    /// Between which values the true one lies; `None` if everything was counted, or nothing.
    pub interval: Option<Interval>,
    /// What is divided, where the value is a share.
    pub numerator: Option<u64>,
    /// By what.
    pub denominator: Option<u64>,
    /// The formula, in words.
    pub formula: String,
    /// Where the formula is from.
    pub source: String,
    /// How it was measured, in a sentence.
    pub method: String,
    /// How many items were looked at.
    pub sample_size: u64,
    /// How many items there were to look at.
    pub population: u64,
    /// When it was measured, UTC.
    pub at: Timestamp,
    /// What the log was then.
    pub log_position: LogPosition,
    /// The value apart for each class, ordered by name; empty if there are no classes.
    pub classes: Vec<ClassShare>,
    /// The numbers that the value is made of, in the formula's order; empty if it is made of itself.
    pub parts: Vec<Part>,
    /// What the value leaves out, a sentence each.
    pub excluded: Vec<String>,
    /// Why there is no value.
    pub reason: Option<String>,
}

/// A signed state of the log: every leaf before it is fixed by the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// How many leaves the tree has.
    pub size: u64,
    /// Its root hash, base64; `None` while nothing was sequenced.
    pub root: Option<String>,
}

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// How often such an interval holds the true value: 0.95.
    pub confidence: f64,
}

/// A share within one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassShare {
    /// Which class.
    pub class: String,
    /// How many items of it count.
    pub numerator: u64,
    /// How many items it has.
    pub denominator: u64,
}

/// A number that a value is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Which.
    pub name: String,
    /// Its value; `None` if it could not be measured.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// How many items count.
    pub numerator: u64,
    /// Of how many.
    pub denominator: u64,
    /// Between which values the true one lies, if it was sampled.
    pub interval: Option<Interval>,
    /// What there is to say of it: what was found, or why there is no value.
    pub note: String,
}

impl ClassShare {
    /// The share, 0 to 1; `None` for a class without items.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        share(self.numerator, self.denominator)
    }
}

impl Part {
    /// The share of `numerator` in `denominator`; no value where there are no items.
    #[must_use]
    pub fn share(name: &str, numerator: u64, denominator: u64, note: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: share(numerator, denominator),
            unit: "share".to_owned(),
            numerator,
            denominator,
            interval: None,
            note: note.to_owned(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn share(numerator: u64, denominator: u64) -> Option<f64> {
    (denominator > 0).then(|| numerator as f64 / denominator as f64)
}
