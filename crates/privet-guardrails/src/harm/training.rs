//! What the trainer of the harm classifiers needs: their own features, and the way to make a file of weights.
//!
//! Hidden from the documentation; `examples/train_harm.rs` and `training/guardrails/harm` are its users.

use super::model::{self, Model, Turn, damping, features};
use super::{HarmClassifier, tokens};
use crate::detect::BUDGETS;
use crate::detect::model::windows as cut;
use crate::error::Error;
use privet_types::Budget;

/// Rows of weights.
pub const ROWS: usize = 1 << model::BITS;
/// Families of features.
pub const FAMILIES: usize = model::FAMILIES;
/// Categories, in the order of `HarmCategory::ALL`.
pub const CATEGORIES: usize = model::CATEGORIES;

/// Rows of a window's features, a list for each family.
pub type Window = [Vec<u32>; FAMILIES];

/// Windows of `text`.
#[must_use]
pub fn windows(text: &str) -> Vec<Window> {
    let tokens = tokens(text);
    let mut own: Vec<Window> = vec![Window::default(); tokens.tokens.len()];
    features(&tokens, |token, family, row| {
        if let Some(list) = own.get_mut(token).and_then(|o| o.get_mut(family)) {
            list.push(u32::try_from(row).unwrap_or_default());
        }
    });
    let window = |(from, to): (usize, usize)| {
        let mut window = Window::default();
        for token in own.get(from..to).unwrap_or_default() {
            window.iter_mut().zip(token).for_each(|(w, t)| w.extend(t));
        }
        window
    };
    cut(tokens.tokens.len()).map(window).collect()
}

/// What the sum of `count` weights of a family is multiplied by.
#[must_use]
pub fn factor(family: usize, count: usize) -> f32 {
    damping(family, u32::try_from(count).unwrap_or(u32::MAX))
}

/// The calibration of a category: slope, shift, least scores for `BUDGETS`.
pub type CategoryTurn = (f32, f32, [f32; BUDGETS.len()]);

/// A file of weights. `family` says which family a row is of; `most` is the largest weight that is kept, by family and category.
#[must_use]
pub fn pack(
    weights: &[[f32; CATEGORIES]],
    family: &[u8],
    most: [[f32; CATEGORIES]; FAMILIES],
    bias: [f32; CATEGORIES],
    turns: [CategoryTurn; CATEGORIES],
) -> Vec<u8> {
    let turns = turns.map(|(slope, shift, least)| Turn { slope, shift, least });
    Model::round(weights, family, most, bias, turns).to_bytes()
}

/// Scores of a text before calibration, by the shipped path: natural-log odds.
///
/// # Errors
/// As [`HarmClassifier::scores`].
pub fn raw(classifier: &HarmClassifier, text: &str) -> Result<[f32; CATEGORIES], Error> {
    let scores = classifier.scores(text, &Budget::unlimited())?;
    let mut out = [0.0; CATEGORIES];
    for ((out, turn), chance) in out
        .iter_mut()
        .zip(classifier.model.turns())
        .zip(scores.into_values())
    {
        let chance = chance.clamp(1e-7, 1.0 - 1e-7);
        *out = ((chance / (1.0 - chance)).ln() - turn.shift) / turn.slope;
    }
    Ok(out)
}
