//! A model of the user's own that is asked where the detector is in doubt.

use std::fmt;

use privet_types::{Budget, RuleId, Span};

use crate::error::Error;

/// The rule of evidence that a second opinion gives.
pub(super) const RULE: RuleId = RuleId("onnx/label");

/// Log-odds that no opinion goes beyond: a model that is sure of everything is not to outvote everything.
const MOST: f32 = 6.0;
/// Log-odds of the 32-bit number next to 1, about.
const SURE: f32 = 16.0;

/// A model that says how likely a text is an attack. Asked from several threads at once.
pub trait SecondOpinion: fmt::Debug + Send + Sync {
    /// How likely `text` is an attack, and which part of it says so.
    ///
    /// # Errors
    /// [`Error::Budget`] if the budget is spent or cancelled, [`Error::SecondOpinion`] if the model fails. The text then counts as
    /// not looked at.
    fn opinion(&self, text: &str, budget: &Budget) -> Result<Opinion, Error>;

    /// Work units that [`opinion`](Self::opinion) charges for a byte at most, beside [`units_per_text`](Self::units_per_text).
    fn units_per_byte(&self) -> u64;

    /// Work units that it charges for a text, however short.
    fn units_per_text(&self) -> u64;
}

/// What a model says of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Opinion {
    /// Chance of an attack, 0.0 ..= 1.0.
    pub chance: f32,
    /// The part of the text that it was said of, on character bounds.
    pub span: Span,
}

/// How a detector's score and an opinion become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// The mean of their log-odds: the score's over the threshold, and the opinion's over one half. Both have to give way to each
    /// other.
    MeanOfLogOdds,
    /// The opinion alone: from this chance on a text is flagged.
    Opinion(f32),
}

/// Where a detector is in doubt, and what an opinion counts there.
///
/// Bounds are chances relative to the threshold: σ(logit(score) − logit(threshold)), so that 0.5 is a score at the threshold whatever
/// channel and budget it belongs to. Below `least` a text passes, and above `most` it is flagged, without the model being asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    least: f32,
    most: f32,
    decision: Decision,
}

impl Default for Band {
    /// 0.05 ..= 0.95, odds of an attack from a nineteenth of those at the threshold to nineteen times those, by
    /// [`Decision::MeanOfLogOdds`]. A choice, not measured.
    fn default() -> Self {
        Self {
            least: 0.05,
            most: 0.95,
            decision: Decision::MeanOfLogOdds,
        }
    }
}

impl Band {
    /// The band from `least` to `most`. 0.0 and 1.0 ask the model about every text.
    ///
    /// # Errors
    /// [`Error::Band`] unless 0 ≤ `least` ≤ 0.5 ≤ `most` ≤ 1 and the chance of [`Decision::Opinion`] is between 0 and 1.
    pub fn new(least: f32, most: f32, decision: Decision) -> Result<Self, Error> {
        let is_chance = match decision {
            Decision::MeanOfLogOdds => true,
            Decision::Opinion(least) => least > 0.0 && least < 1.0,
        };
        if (0.0..=0.5).contains(&least) && (0.5..=1.0).contains(&most) && is_chance {
            Ok(Self {
                least,
                most,
                decision,
            })
        } else {
            Err(Error::Band)
        }
    }

    /// Whether a model is asked about a text with this score.
    pub(super) fn holds(&self, score: f32, threshold: f32) -> bool {
        let relative = chance(log_odds(score) - log_odds(threshold));
        (self.least..=self.most).contains(&relative)
    }

    /// The score after `opinion`.
    pub(super) fn score(&self, score: f32, threshold: f32, opinion: f32) -> f32 {
        let limit = log_odds(threshold);
        let said = log_odds(opinion).clamp(-MOST, MOST);
        match self.decision {
            Decision::MeanOfLogOdds => {
                let distance = f32::midpoint(log_odds(score) - limit, said);
                settled(distance >= 0.0, chance(limit + distance), threshold)
            }
            Decision::Opinion(least) => {
                let distance = said - log_odds(least);
                settled(
                    opinion.is_nan() || opinion >= least,
                    chance(limit + distance),
                    threshold,
                )
            }
        }
    }
}

/// `score`, on its side of the threshold whatever was rounded.
fn settled(is_flagged: bool, score: f32, threshold: f32) -> f32 {
    if is_flagged {
        score.max(threshold)
    } else {
        score.min(threshold.next_down())
    }
}

fn log_odds(chance: f32) -> f32 {
    // Something that is no number is as likely an attack as can be.
    let chance = if chance.is_nan() { 1.0 } else { chance };
    (chance / (1.0 - chance)).ln().clamp(-SURE, SURE)
}

fn chance(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_lies_round_the_threshold() {
        let band = Band::default();
        for threshold in [0.5, 0.9, 0.99] {
            assert!(band.holds(threshold, threshold));
            assert!(!band.holds(0.01, threshold));
        }
        assert!(!band.holds(0.999, 0.9));
        let all = Band::new(0.0, 1.0, Decision::MeanOfLogOdds).unwrap();
        assert!(all.holds(0.0, 0.9) && all.holds(1.0, 0.9));
    }

    #[test]
    fn the_mean_of_log_odds_gives_the_more_certain_its_way() {
        let band = Band::default();
        assert!(band.score(0.8, 0.9, 0.99) >= 0.9);
        assert!(band.score(0.8, 0.9, 0.6) < 0.9);
        assert!(band.score(0.95, 0.9, 0.02) < 0.9);
        assert!(band.score(0.9, 0.9, 0.5) >= 0.9);
        assert!(band.score(0.5, 0.5, f32::NAN) >= 0.5);
    }

    #[test]
    fn an_opinion_alone_decides_where_that_is_asked_for() {
        let band = Band::new(0.0, 1.0, Decision::Opinion(0.7)).unwrap();
        assert!(band.score(0.01, 0.9, 0.7) >= 0.9);
        assert!(band.score(0.99, 0.9, 0.69) < 0.9);
        for (least, most, decision) in [
            (0.6, 0.9, Decision::MeanOfLogOdds),
            (0.1, 0.4, Decision::MeanOfLogOdds),
            (0.1, f32::NAN, Decision::MeanOfLogOdds),
            (0.1, 0.9, Decision::Opinion(1.0)),
        ] {
            assert_eq!(Band::new(least, most, decision), Err(Error::Band));
        }
    }
}
