//! Joins what the network says with other evidence.
//!
//! A log-linear model over the kinds: to the logarithm of the network's probability of a kind, times a factor, come the
//! weights of the features that a token has. Its few numbers are fitted on texts of our own (`training/lexicon`); the
//! network stays as it is.

use std::ops::Range;

use privet_inference::label::{KINDS, LABELS};
use privet_types::Span;

use super::evidence::Evidence;
use super::facts::Case;
use super::fitted::{SCALES, WEIGHTS};

/// The kinds and, first, no kind.
const CLASSES: usize = KINDS.len() + 1;
/// A word is surely a name from this probability on.
const SURE: f32 = 0.8;
/// Place of persons among the kinds.
const PERSON: usize = 0;
/// Labels of a kind.
const PLACES: usize = 4;

/// What is known of a token when the evidence is joined.
#[derive(Debug, Clone)]
pub struct TokenEvidence {
    /// Where it stands, in bytes.
    pub span: Span,
    /// Natural-log probabilities of the labels by the network alone, in the order of [`privet_inference::label`].
    pub scores: Vec<f32>,
    /// Numbers of the features that it has; none for signs, numbers and line breaks.
    pub features: Vec<u16>,
}

/// The logarithms of the probabilities of no kind and each kind.
fn classes(row: &[f32; LABELS]) -> [f32; CLASSES] {
    let mut out = [0.0; CLASSES];
    let mut labels = row.iter();
    for (class, score) in out.iter_mut().enumerate() {
        let count = if class == 0 { 1 } else { PLACES };
        let sum: f32 = labels.by_ref().take(count).map(|s| s.exp()).sum();
        *score = sum.max(f32::MIN_POSITIVE).ln();
    }
    out
}

/// What the features add to each kind.
fn shifts(ids: impl Iterator<Item = u16>, known: &[f32; CLASSES]) -> [f32; CLASSES] {
    let mut out = [0.0; CLASSES];
    for ((shift, scale), score) in out.iter_mut().zip(SCALES).zip(known) {
        *shift = (scale - 1.0) * score;
    }
    for id in ids {
        if let Some(weights) = WEIGHTS.get(usize::from(id)) {
            for (shift, weight) in out.iter_mut().skip(1).zip(weights) {
                *shift += weight;
            }
        }
    }
    out
}

/// Adds `shifts` to the kinds of a row, and makes probabilities of it again.
fn shifted(row: &[f32; LABELS], shifts: &[f32; CLASSES]) -> [f32; LABELS] {
    let mut out = *row;
    let mut labels = out.iter_mut();
    for (class, shift) in shifts.iter().enumerate() {
        let count = if class == 0 { 1 } else { PLACES };
        for score in labels.by_ref().take(count) {
            *score += shift;
        }
    }
    let most = out.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = out.iter().map(|s| (s - most).exp()).sum();
    let whole = most + sum.ln();
    for score in &mut out {
        *score -= whole;
    }
    out
}

/// Joins the evidence of the tokens of `window` with their scores, natural-log probabilities, one row a token.
pub(super) fn rescore(scores: &mut [[f32; LABELS]], window: Range<usize>, evidence: &mut Evidence<'_>) {
    let has_capitals = evidence.has_capitals(window.clone());
    let mut sure = Vec::new();
    for (row, at) in scores.iter_mut().zip(window) {
        let Some(active) = evidence.of(at, has_capitals) else {
            continue;
        };
        let known = classes(row);
        let ids = active.ids().iter().copied();
        let joined = shifted(row, &shifts(ids.clone(), &known));
        let is_sure = classes(&joined).get(PERSON + 1).is_some_and(|p| p.exp() >= SURE);
        *row = match evidence.mentioned(at) {
            Some(id) => shifted(row, &shifts(ids.chain([id]), &known)),
            None => joined,
        };
        if is_sure {
            sure.push(at);
        }
    }
    for at in sure {
        evidence.remember(at);
    }
}

/// What [`rescore`] would join, token by token: the network's scores of the labels, and the features.
pub(super) fn token_evidence(
    scores: &[[f32; LABELS]],
    window: Range<usize>,
    evidence: &mut Evidence<'_>,
) -> Vec<(Vec<f32>, Vec<u16>)> {
    let has_capitals = evidence.has_capitals(window.clone());
    let mut out = Vec::new();
    let mut sure = Vec::new();
    for (row, at) in scores.iter().zip(window) {
        let known = classes(row);
        let mut features = Vec::new();
        if let Some(active) = evidence.of(at, has_capitals) {
            features.extend(active.ids());
            let joined = shifted(row, &shifts(active.ids().iter().copied(), &known));
            if classes(&joined).get(PERSON + 1).is_some_and(|p| p.exp() >= SURE) {
                sure.push(at);
            }
            features.extend(evidence.mentioned(at));
        }
        out.push((row.to_vec(), features));
    }
    for at in sure {
        evidence.remember(at);
    }
    out
}

impl Evidence<'_> {
    /// Whether any word of `window` is written with a capital.
    fn has_capitals(&self, window: Range<usize>) -> bool {
        window
            .into_iter()
            .any(|at| matches!(self.case(at), Case::Capital | Case::Upper | Case::Mixed))
    }
}
