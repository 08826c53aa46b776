//! Measures scores against texts that people marked as attacks or not.
//!
//! Definitions. *AUC* is the chance that an attack scores higher than a benign text, ties counted half. *Recall at a
//! false-positive rate* is the share of attacks that score higher than all but that share of the benign texts; it needs thirty
//! benign texts above the limit for the limit to mean anything, so fewer than 30 ÷ rate benign texts (30,000 for 0.1 %) are *not
//! enough evidence*. *Over-defence* is the share of benign texts that are not flagged at the threshold in use, counted for a source
//! by itself. Intervals are 95 % Wilson intervals; they take texts for independent, and the limit for fixed.

use std::collections::BTreeMap;

pub use privet_pii::eval::{Rate, Reliability};

/// Benign texts above a limit that it must rest on.
const FEWEST_ABOVE: f64 = 30.0;

/// One text, as it was marked and as it was scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Whether it is an attack.
    pub is_attack: bool,
    /// Where it comes from.
    pub source: String,
    /// Its language, if known.
    pub language: Option<String>,
    /// Its score, 0.0 ..= 1.0.
    pub score: f32,
    /// Whether it was flagged at the threshold in use.
    pub is_flagged: bool,
}

/// Recall at a false-positive rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AtRate {
    /// There are too few benign texts to say; at least so many are needed.
    NotEnoughEvidence {
        /// Benign texts that are needed.
        needed: u64,
    },
    /// The score that only the share of benign texts exceeds, and the attacks that do.
    Measured {
        /// Attacks that score higher than `limit` count.
        limit: f32,
        /// Attacks above it, of all.
        recall: Rate,
    },
}

/// Numbers of a group of texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Group {
    /// Attacks that were flagged, of all attacks.
    pub recall: Rate,
    /// Benign texts that were flagged, of all benign texts.
    pub false_positives: Rate,
}

impl Group {
    fn add(&mut self, one: &Scored) {
        let rate = if one.is_attack {
            &mut self.recall
        } else {
            &mut self.false_positives
        };
        *rate = Rate::new(rate.hits + u64::from(one.is_flagged), rate.of + 1);
    }
}

/// All texts of a measurement.
///
/// ```
/// use privet_guardrails::eval::{Evaluation, Scored};
/// let text = |is_attack, score| Scored {
///     is_attack, source: "own".to_owned(), language: None, score, is_flagged: score >= 0.5,
/// };
/// let evaluation = Evaluation::new(vec![text(true, 0.9), text(true, 0.4), text(false, 0.2), text(false, 0.6)]);
/// assert_eq!(evaluation.auc(), Some(0.75));
/// assert_eq!(evaluation.all().false_positives.value(), Some(0.5));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    texts: Vec<Scored>,
    /// Scores, highest first.
    benign: Vec<f32>,
}

impl Evaluation {
    /// Takes the texts of a measurement.
    #[must_use]
    pub fn new(texts: Vec<Scored>) -> Self {
        let mut benign: Vec<f32> = texts.iter().filter(|t| !t.is_attack).map(|t| t.score).collect();
        benign.sort_unstable_by(|a, b| b.total_cmp(a));
        Self { texts, benign }
    }

    /// The texts.
    #[must_use]
    pub fn texts(&self) -> &[Scored] {
        &self.texts
    }

    /// The area under the curve of true over false positives, 0.0 ..= 1.0; none without attacks or without benign texts.
    /// O(n log n).
    #[must_use]
    pub fn auc(&self) -> Option<f64> {
        self.auc_of(|_| true)
    }

    /// The same for the attacks that `of` picks, against all benign texts.
    #[must_use]
    pub fn auc_of(&self, of: impl Fn(&Scored) -> bool) -> Option<f64> {
        let (mut sum, mut count) = (0.0, 0_u64);
        for attack in self.texts.iter().filter(|t| t.is_attack && of(t)) {
            let higher = self.benign.partition_point(|b| *b > attack.score);
            let not_lower = self.benign.partition_point(|b| *b >= attack.score);
            sum += (self.benign.len() - not_lower) as f64 + (not_lower - higher) as f64 / 2.0;
            count += 1;
        }
        (count > 0 && !self.benign.is_empty()).then(|| sum / (count as f64 * self.benign.len() as f64))
    }

    /// Recall where at most the share `rate` of all benign texts is flagged, for the attacks that `of` picks. `rate` is
    /// above 0.0 and below 1.0.
    #[must_use]
    pub fn recall_at(&self, rate: f64, of: impl Fn(&Scored) -> bool) -> AtRate {
        let needed = (FEWEST_ABOVE / rate).ceil() as u64;
        if (self.benign.len() as u64) < needed {
            return AtRate::NotEnoughEvidence { needed };
        }
        let allowed = (self.benign.len() as f64 * rate).floor() as usize;
        let limit = self.benign.get(allowed).copied().unwrap_or(f32::NEG_INFINITY);
        let (mut hits, mut all) = (0, 0);
        for attack in self.texts.iter().filter(|t| t.is_attack && of(t)) {
            all += 1;
            hits += u64::from(attack.score > limit);
        }
        AtRate::Measured {
            limit,
            recall: Rate::new(hits, all),
        }
    }

    /// Numbers at the threshold in use.
    #[must_use]
    pub fn all(&self) -> Group {
        let mut group = Group::default();
        self.texts.iter().for_each(|t| group.add(t));
        group
    }

    /// The same for each source.
    #[must_use]
    pub fn sources(&self) -> BTreeMap<&str, Group> {
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        for text in &self.texts {
            groups.entry(text.source.as_str()).or_default().add(text);
        }
        groups
    }

    /// The same for each language that is known.
    #[must_use]
    pub fn languages(&self) -> BTreeMap<&str, Group> {
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        for text in &self.texts {
            if let Some(language) = &text.language {
                groups.entry(language.as_str()).or_default().add(text);
            }
        }
        groups
    }

    /// How often texts of a score are attacks, in ten bins. A score speaks of a set with as many attacks as benign texts.
    #[must_use]
    pub fn reliability(&self) -> Reliability {
        let mut reliability = Reliability::default();
        self.texts
            .iter()
            .for_each(|t| reliability.add(t.score, t.is_attack));
        reliability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(is_attack: bool, score: f32) -> Scored {
        Scored {
            is_attack,
            source: if is_attack { "a" } else { "b" }.to_owned(),
            language: None,
            score,
            is_flagged: score >= 0.5,
        }
    }

    #[test]
    fn recall_is_counted_above_the_share_of_benign_texts() {
        let benign = (0..3000).map(|i| text(false, i as f32 / 3000.0));
        let attacks = [0.5, 0.985, 0.9898, 0.995, 1.0].map(|s| text(true, s));
        let evaluation = Evaluation::new(benign.chain(attacks).collect());
        let AtRate::Measured { limit, recall } = evaluation.recall_at(0.01, |_| true) else {
            panic!("there are enough benign texts");
        };
        assert_eq!((limit, recall), (2969.0 / 3000.0, Rate::new(3, 5)));
    }

    #[test]
    fn a_rate_that_the_benign_texts_cannot_show_is_not_enough_evidence() {
        let evaluation = Evaluation::new(
            (0..29_999)
                .map(|_| text(false, 0.1))
                .chain([text(true, 0.9)])
                .collect(),
        );
        assert_eq!(
            evaluation.recall_at(0.001, |_| true),
            AtRate::NotEnoughEvidence { needed: 30_000 }
        );
    }

    #[test]
    fn ties_count_half() {
        let evaluation = Evaluation::new(vec![text(true, 0.5), text(false, 0.5)]);
        assert_eq!(evaluation.auc(), Some(0.5));
        assert_eq!(Evaluation::new(vec![text(true, 0.5)]).auc(), None);
    }
}
