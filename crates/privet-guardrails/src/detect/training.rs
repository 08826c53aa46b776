//! What the trainer needs: the features of the detector itself, and the way to make a file of weights.
//!
//! Hidden from the documentation; `examples/train.rs` and `training/guardrails` are its users.

use super::feature::{BITS, Family, ideas, lexical};
use super::lexicon::{Lexicon, Plain};
use super::model::{Model, Turn, damping, summary, windows};
use super::token::tokens;
use super::{BUDGETS, CHANNELS, Detector, Input, Origin};
use crate::error::Error;
use privet_types::Budget;

/// Numbers of features.
pub const BUCKETS: usize = 1 << BITS;
/// Families of features.
pub const FAMILIES: usize = super::feature::FAMILIES;
/// Numbers that a text is scored by.
pub const TEXT: usize = super::model::TEXT;

/// Features of a window, a list for each family.
pub type Window = [Vec<u32>; FAMILIES];

/// Turns texts into features.
#[derive(Debug)]
pub struct Extractor(Lexicon);

impl Extractor {
    /// # Errors
    /// [`Error::Lexicon`] if the words cannot be read.
    pub fn new() -> Result<Self, Error> {
        Lexicon::shipped().map(Self)
    }

    /// Windows of `text`.
    #[must_use]
    pub fn windows(&self, text: &str) -> Vec<Window> {
        let tokens = tokens(text);
        let mentions = self.0.mentions(&Plain::new(&tokens));
        let mut own: Vec<[Vec<u32>; 2]> = vec![Default::default(); tokens.tokens.len()];
        lexical(&tokens, |token, family, bucket| {
            if let Some(list) = own.get_mut(token).and_then(|o| o.get_mut(family as usize)) {
                list.push(bucket);
            }
        });
        let all = windows(tokens.tokens.len()).map(|(from, to)| {
            let mut window = Window::default();
            let [letters, words, thoughts] = &mut window;
            for [l, w] in own.get(from..to).unwrap_or_default() {
                letters.extend(l);
                words.extend(w);
            }
            ideas(&tokens.tokens, &mentions, from, to, thoughts);
            window
        });
        all.collect()
    }
}

/// What the sum of `count` weights of a family is multiplied by.
#[must_use]
pub fn factor(family: usize, count: usize) -> f32 {
    damping(family, u32::try_from(count).unwrap_or(u32::MAX))
}

/// What a text is scored by, from the scores of its windows.
#[must_use]
pub fn text_summary(scores: &[f32]) -> [f32; TEXT] {
    summary(scores.iter().copied())
}

/// The calibration of a channel: slope, shift, least scores for [`BUDGETS`].
pub type ChannelTurn = (f32, f32, [f32; BUDGETS.len()]);

/// A file of weights. `family` says which family a weight is of.
#[must_use]
pub fn pack(
    weights: &[f32],
    family: &[u8],
    bias: f32,
    text: [f32; TEXT],
    turns: [ChannelTurn; CHANNELS],
) -> Vec<u8> {
    let turns = turns.map(|(slope, shift, least)| Turn { slope, shift, least });
    Model::round(weights, family, bias, text, turns).to_bytes()
}

/// The score of a text before calibration, by the shipped path: natural-log odds, best of text and views.
///
/// # Errors
/// As [`Detector::check`].
pub fn raw(detector: &Detector, text: &str, origin: Origin) -> Result<f32, Error> {
    let turn = detector.model.turn(origin.number());
    let score = detector
        .check(Input::new(text, origin), &Budget::unlimited())?
        .score;
    let score = score.clamp(1e-7, 1.0 - 1e-7);
    Ok(((score / (1.0 - score)).ln() - turn.shift) / turn.slope)
}

const _: () = assert!(Family::Ideas as usize + 1 == FAMILIES);
