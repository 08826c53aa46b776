//! What is used of limits.

use askama::Template;

use crate::Frame;

/// What who looks has used of its limits.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "budgets.html")]
pub struct BudgetsPage {
    /// What stands round it.
    pub frame: Frame,
    /// Whether nodes share the counts.
    pub is_shared: bool,
    /// The limits that apply.
    pub limits: Vec<LimitCard>,
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitCard {
    /// How it is called.
    pub name: String,
    /// Who shares it, and which models count.
    pub of: String,
    /// The time in which it counts; empty if it is no matter of time.
    pub window: String,
    /// What it bounds.
    pub gauges: Vec<Gauge>,
}

/// How much of one bound is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauge {
    /// Of what.
    pub name: &'static str,
    /// What is used, as it is read.
    pub used: String,
    /// What is set aside for requests under way, as it is read.
    pub reserved: String,
    /// The bound, as it is read.
    pub most: String,
    /// The used share in hundredths, 100 at most.
    pub share: u64,
}

impl Gauge {
    /// `used` and `reserved` of `most`, each with how it is read.
    #[must_use]
    pub fn new(
        name: &'static str,
        (used, reserved, most): (u64, u64, u64),
        said: impl Fn(u64) -> String,
    ) -> Self {
        let share = used
            .saturating_add(reserved)
            .saturating_mul(100)
            .checked_div(most)
            .unwrap_or(100);
        Self {
            name,
            used: said(used),
            reserved: said(reserved),
            most: said(most),
            share: share.min(100),
        }
    }

    /// A class of the style sheet.
    pub(crate) fn class(&self) -> &'static str {
        match self.share {
            0..80 => "masked",
            80..100 => "near",
            _ => "blocked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_is_full_at_its_bound_and_never_fuller() {
        let shares = [(0, 0, 10), (5, 3, 10), (10, 5, 10), (0, 0, 0), (u64::MAX, 1, 1)].map(|numbers| {
            let gauge = Gauge::new("requests", numbers, |number| number.to_string());
            (gauge.share, gauge.class())
        });
        assert_eq!(
            shares,
            [
                (0, "masked"),
                (80, "near"),
                (100, "blocked"),
                (100, "blocked"),
                (100, "blocked")
            ]
        );
    }
}
