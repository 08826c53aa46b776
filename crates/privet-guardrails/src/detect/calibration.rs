//! Which score is flagged in each channel, and how that is measured on benign texts of one's own.

use serde::{Deserialize, Serialize};

use super::model::Model;
use super::{BUDGETS, CHANNELS, Origin};
use crate::error::Error;

/// Fewest benign texts of a channel for a budget: with one in `budget` texts flagged there are to be ten of them.
pub const FEWEST_TEXTS: f32 = 10.0;

/// The limit of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelLimit {
    /// Least score that is flagged, above 0.0 and at most 1.0.
    pub threshold: f32,
    /// Benign texts it was measured on; 0 for the limits of the binary.
    pub texts: u64,
    /// Share of benign texts that may be flagged.
    pub budget: f32,
}

/// Limits of channels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// What a person wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<ChannelLimit>,
    /// Documents, pages, mails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<ChannelLimit>,
    /// What tools returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ChannelLimit>,
    /// What was remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ChannelLimit>,
}

impl Calibration {
    /// The limits of the weights for a budget, one of [`BUDGETS`].
    pub(crate) fn of(model: &Model, budget: f32) -> Result<Self, Error> {
        let known = BUDGETS.iter().position(|b| (b - budget).abs() < f32::EPSILON);
        let number = known.ok_or(Error::Calibration {
            reason: "its share of benign texts is none of 0.001, 0.002, 0.005, 0.01 and 0.02",
        })?;
        let mut all = Self::default();
        for origin in Origin::ALL {
            let turn = model.turn(origin.number());
            let score = turn.least.get(number).copied().unwrap_or_default();
            *all.limit_mut(origin) = Some(ChannelLimit {
                threshold: 1.0 / (1.0 + (-(turn.slope * score + turn.shift)).exp()),
                texts: 0,
                budget,
            });
        }
        debug_assert_eq!(Origin::ALL.len(), CHANNELS);
        Ok(all)
    }

    /// Measures the limit of `origin` on scores of benign texts: at most a share of `budget` of them reaches it.
    ///
    /// # Errors
    /// [`Error::Calibration`] if there are fewer than [`FEWEST_TEXTS`] ÷ `budget` scores, or the budget is not between 0 and
    /// 1.
    pub fn measure(&mut self, origin: Origin, mut scores: Vec<f32>, budget: f32) -> Result<(), Error> {
        let wrong = |reason| Error::Calibration { reason };
        if !(budget > 0.0 && budget < 1.0) {
            return Err(wrong("its share of benign texts is not between 0 and 1"));
        }
        let count = scores.len() as f32;
        if count * budget < FEWEST_TEXTS {
            return Err(wrong(
                "there are too few benign texts for this share: not enough evidence",
            ));
        }
        scores.sort_unstable_by(|a, b| b.total_cmp(a));
        let allowed = (count * budget).floor() as usize;
        // The first that may not be flagged; the limit lies just above it.
        let highest = scores.get(allowed).copied().unwrap_or(0.0);
        *self.limit_mut(origin) = Some(ChannelLimit {
            threshold: highest.next_up().clamp(f32::MIN_POSITIVE, 1.0),
            texts: scores.len() as u64,
            budget,
        });
        Ok(())
    }

    /// Checks limits that were read from a file.
    ///
    /// # Errors
    /// [`Error::Calibration`] if a threshold is not above 0 and at most 1.
    pub fn check(self) -> Result<Self, Error> {
        let limits = [self.user, self.document, self.tool, self.memory];
        let is_wrong = |limit: &ChannelLimit| !(limit.threshold > 0.0 && limit.threshold <= 1.0);
        if limits.iter().flatten().any(is_wrong) {
            return Err(Error::Calibration {
                reason: "a threshold is not above 0 and at most 1",
            });
        }
        Ok(self)
    }

    /// Takes the limits that `other` has.
    pub(crate) fn take(&mut self, other: &Self) {
        for origin in Origin::ALL {
            if let Some(limit) = other.limit(origin) {
                *self.limit_mut(origin) = Some(limit);
            }
        }
    }

    /// The limit of a channel, if there is one.
    #[must_use]
    pub const fn limit(&self, origin: Origin) -> Option<ChannelLimit> {
        match origin {
            Origin::User => self.user,
            Origin::Document => self.document,
            Origin::Tool => self.tool,
            Origin::Memory => self.memory,
        }
    }

    const fn limit_mut(&mut self, origin: Origin) -> &mut Option<ChannelLimit> {
        match origin {
            Origin::User => &mut self.user,
            Origin::Document => &mut self.document,
            Origin::Tool => &mut self.tool,
            Origin::Memory => &mut self.memory,
        }
    }

    /// The least score of a channel that is flagged; a channel without a limit flags what is more likely an attack than not.
    #[must_use]
    pub fn threshold(&self, origin: Origin) -> f32 {
        self.limit(origin).map_or(0.5, |limit| limit.threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_budget_reaches_a_measured_limit() {
        let scores: Vec<f32> = (0..1000).map(|i| i as f32 / 1000.0).collect();
        let mut calibration = Calibration::default();
        calibration.measure(Origin::User, scores.clone(), 0.02).unwrap();
        let limit = calibration.threshold(Origin::User);
        assert_eq!(scores.iter().filter(|s| **s >= limit).count(), 20);
    }

    #[test]
    fn equal_scores_are_all_spared() {
        let mut calibration = Calibration::default();
        calibration.measure(Origin::Tool, vec![0.7; 2000], 0.01).unwrap();
        assert!(calibration.threshold(Origin::Tool) > 0.7);
    }

    #[test]
    fn too_few_texts_are_not_enough_evidence() {
        let error = Calibration::default().measure(Origin::User, vec![0.1; 999], 0.01);
        assert!(error.unwrap_err().to_string().contains("not enough evidence"));
    }
}
