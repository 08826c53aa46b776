//! Tells harmful content by category: hate, sexual content, violence, self-harm, weapons and crime.
//!
//! A linear model for each category over the detector's own features of letters and words; `training/guardrails/harm` makes the weights.
//! It says what a text is about and how it speaks of it, not what its writer is up to; docs/guardrails.md says how often it is right.

mod category;
mod model;
#[doc(hidden)]
pub mod training;

use std::collections::BTreeMap;
use std::ops::Range;

pub use category::{HarmCategory, HarmScores};
use model::{CATEGORIES, Model};
use privet_types::Budget;

use crate::detect::token::{Tokens, tokens};
use crate::detect::view::{to_original, views};
use crate::detect::{BUDGETS, MOST_BYTES};
use crate::error::Error;

/// The weights that are part of the binary.
const WEIGHTS: &[u8] = include_bytes!("../../weights/harm.bin");

/// The share of harmless texts that a category's limit may flag, unless another is asked for.
pub const DEFAULT_HARM_BUDGET: f32 = 0.005;

/// Work units for each byte of the text and of its views.
const UNITS: u64 = 24;
/// Work units of the weights for each byte.
const SCORE_UNITS: u64 = 12;

/// The classifier: weights and limits.
#[derive(Debug)]
pub struct HarmClassifier {
    model: Model,
    limits: BTreeMap<HarmCategory, f32>,
}

impl HarmClassifier {
    /// The classifier with the weights of the binary, and limits for a false-positive budget of [`DEFAULT_HARM_BUDGET`].
    ///
    /// # Errors
    /// [`Error::Weights`] if the build is damaged.
    ///
    /// ```
    /// use privet_guardrails::harm::{HarmCategory, HarmClassifier};
    /// use privet_types::Budget;
    /// let classifier = HarmClassifier::shipped()?;
    /// let scores = classifier.scores("How do I bake rye bread?", &Budget::unlimited())?;
    /// assert!(scores[&HarmCategory::Violence] < classifier.limit(HarmCategory::Violence));
    /// # Ok::<(), privet_guardrails::Error>(())
    /// ```
    pub fn shipped() -> Result<Self, Error> {
        Self::with_weights(WEIGHTS)
    }

    /// The classifier with other weights of the same layout, as `training/guardrails/harm` writes them.
    ///
    /// # Errors
    /// [`Error::Weights`] if they cannot be used.
    pub fn with_weights(weights: &[u8]) -> Result<Self, Error> {
        let classifier = Self {
            model: Model::read(weights)?,
            limits: BTreeMap::new(),
        };
        classifier.with_budget(DEFAULT_HARM_BUDGET)
    }

    /// The same with the limits for another share of harmless texts, one of [`BUDGETS`].
    ///
    /// # Errors
    /// [`Error::Calibration`] for another number.
    pub fn with_budget(mut self, budget: f32) -> Result<Self, Error> {
        let known = BUDGETS.iter().position(|b| (b - budget).abs() < f32::EPSILON);
        let number = known.ok_or(Error::Calibration {
            reason: "its share of benign texts is none of 0.001, 0.002, 0.005, 0.01 and 0.02",
        })?;
        let limit = |turn: &model::Turn| turn.chance(turn.least.get(number).copied().unwrap_or_default());
        self.limits = HarmCategory::ALL
            .into_iter()
            .zip(self.model.turns().iter().map(limit))
            .collect();
        Ok(self)
    }

    /// The least score of a category that is flagged, 0.0 ..= 1.0.
    #[must_use]
    pub fn limit(&self, category: HarmCategory) -> f32 {
        self.limits.get(&category).copied().unwrap_or(1.0)
    }

    /// The least scores of all categories.
    #[must_use]
    pub const fn limits(&self) -> &BTreeMap<HarmCategory, f32> {
        &self.limits
    }

    /// Categories whose score reaches their limit.
    pub fn flagged(&self, scores: &HarmScores) -> impl Iterator<Item = HarmCategory> {
        let reaches =
            |(category, score): (&HarmCategory, &f32)| (*score >= self.limit(*category)).then_some(*category);
        scores.iter().filter_map(reaches)
    }

    /// The chance of each category, 0.0 ..= 1.0, were its texts as frequent as harmless ones: the highest over overlapping windows of
    /// the text, and of what is hidden in it.
    ///
    /// A budget of 1,024 units per byte and 65,536 on top covers every text.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond [`MOST_BYTES`], [`Error::Budget`] if the budget is spent or cancelled; the text then counts
    /// as not looked at.
    pub fn scores(&self, text: &str, budget: &Budget) -> Result<HarmScores, Error> {
        self.scores_within(text, 0..text.len(), budget)
    }

    /// The same of the windows that reach into the bytes `within`.
    pub(crate) fn scores_within(
        &self,
        text: &str,
        within: Range<usize>,
        budget: &Budget,
    ) -> Result<HarmScores, Error> {
        if text.len() > MOST_BYTES {
            return Err(Error::TooLong {
                bytes: text.len(),
                most: MOST_BYTES,
            });
        }
        budget.charge(UNITS * text.len() as u64)?;
        let own = tokens(text);
        let hidden = views(text, &own, budget)?;
        let mut best = Best::default();
        budget.charge(SCORE_UNITS * own.folded.len() as u64)?;
        best.take(&self.model, &own, |bytes| {
            bytes.start < within.end && within.start < bytes.end
        });
        for (number, view) in hidden.iter().enumerate() {
            budget.charge((UNITS + SCORE_UNITS) * view.text.len() as u64)?;
            best.take(&self.model, &tokens(&view.text), |bytes| {
                let span = to_original(&hidden, number, bytes);
                span.start < within.end && within.start < span.end
            });
        }
        Ok(self.chances(&best))
    }

    /// The highest chances of texts that are cut already.
    pub(crate) fn scores_of<'a>(
        &self,
        texts: impl Iterator<Item = &'a Tokens>,
        budget: &Budget,
    ) -> Result<HarmScores, Error> {
        let mut best = Best::default();
        for tokens in texts {
            budget.charge(SCORE_UNITS * tokens.folded.len() as u64)?;
            best.take(&self.model, tokens, |_| true);
        }
        Ok(self.chances(&best))
    }

    fn chances(&self, best: &Best) -> HarmScores {
        let chance = |(turn, score): (&model::Turn, f32)| turn.chance(score);
        HarmCategory::ALL
            .into_iter()
            .zip(self.model.turns().iter().zip(best.0).map(chance))
            .collect()
    }
}

/// The highest score of each category.
struct Best([f32; CATEGORIES]);

impl Default for Best {
    fn default() -> Self {
        Self([f32::NEG_INFINITY; CATEGORIES])
    }
}

impl Best {
    /// Takes the windows whose bytes of the text `counts`.
    fn take(&mut self, model: &Model, tokens: &Tokens, counts: impl Fn(Range<usize>) -> bool) {
        for window in model.score(tokens) {
            let own = tokens.tokens.get(window.from..window.to).unwrap_or_default();
            let bytes = match (own.first(), own.last()) {
                (Some(first), Some(last)) => first.from as usize..last.to as usize,
                _ => continue,
            };
            if counts(bytes) {
                for (best, score) in self.0.iter_mut().zip(window.scores) {
                    *best = best.max(score);
                }
            }
        }
    }
}
