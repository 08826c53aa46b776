//! What was found, where, how sure, by which rule.

use serde::Serialize;

use crate::Entity;

/// A half-open byte range `start..end` in UTF-8 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The range `start..end`; an `end` before `start` gives an empty range at `start`.
    #[must_use]
    pub const fn new(start: usize, end: usize) -> Self {
        Self {
            start,
            end: if end < start { start } else { end },
        }
    }

    /// Bytes covered.
    #[must_use]
    pub const fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether it covers nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end == self.start
    }

    /// Whether both ranges share a byte.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The text covered, if the range lies in `text` and on character bounds.
    #[must_use]
    pub fn of(self, text: &str) -> Option<&str> {
        text.get(self.start..self.end)
    }
}

/// The name of the rule that found something, such as `card/luhn`. A closed set: safe in logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RuleId(pub &'static str);

/// What a finding rests on, from the weakest to the strongest. Where findings overlap the stronger one keeps its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A form that other things have, too.
    Form,
    /// A neural network.
    Network,
    /// A form that hardly anything else has.
    Pattern,
    /// A form, and a word beside it that says what it is.
    Context,
    /// A check digit, or a rule that hardly any other value passes.
    Checksum,
    /// Somebody listed the value.
    Listed,
}

/// Personal data found in a text. Holds no text itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Finding {
    /// What kind it is.
    #[serde(rename = "type")]
    pub entity: Entity,
    /// Where, in bytes of the text that was analysed.
    #[serde(flatten)]
    pub span: Span,
    /// How sure, 0.0 ..= 1.0.
    pub score: f32,
    /// Which rule found it.
    pub rule: RuleId,
    /// What it rests on.
    pub basis: Basis,
}
