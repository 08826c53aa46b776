//! A number with what it takes to believe it.

use serde::{Deserialize, Serialize};

/// A measured value: what it is of, how it came about, and how sure it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Which metric, from the catalogue: `consent_compliance`.
    pub metric: String,
    /// The value; `None` if there was nothing to measure, which is not the same as a good value.
    pub value: Option<f64>,
    /// The unit: `share` (0 to 1), `bits`, `seconds`, `count`.
    pub unit: String,
    /// Between which values the true one lies; `None` if everything was counted, or nothing.
    pub interval: Option<Interval>,
    /// How it was measured, in a sentence.
    pub method: String,
    /// How many items were looked at.
    pub sample_size: u64,
    /// How many items there were to look at.
    pub population: u64,
    /// How many leaves the log had then.
    pub log_position: u64,
    /// The value apart for each class, ordered by name; empty if there are no classes.
    pub classes: Vec<ClassShare>,
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

impl ClassShare {
    /// The share, 0 to 1; `None` for a class without items.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn share(&self) -> Option<f64> {
        (self.denominator > 0).then(|| self.numerator as f64 / self.denominator as f64)
    }
}
