//! Shares and how far they can be trusted.

use serde::Serialize;

/// The 97.5 % point of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// `hits` out of `of`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// How many of them.
    pub hits: u64,
    /// Out of how many.
    pub of: u64,
}

/// Precision and recall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Scores {
    /// Of what was found, how much is right.
    pub precision: Rate,
    /// Of what is right, how much was found.
    pub recall: Rate,
}

impl Rate {
    /// `hits` out of `of`.
    #[must_use]
    pub const fn new(hits: u64, of: u64) -> Self {
        Self { hits, of }
    }

    /// The share, 0.0 ..= 1.0; none of nothing.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }

    /// The 95 % Wilson interval.
    #[must_use]
    pub fn interval(self) -> Option<(f64, f64)> {
        Some(wilson(self.value()?, self.of as f64))
    }
}

impl Scores {
    /// The harmonic mean of precision and recall; none if there is neither gold nor a finding, 0 if nothing matches.
    #[must_use]
    pub fn f1(self) -> Option<f64> {
        if self.precision.of + self.recall.of == 0 {
            return None;
        }
        let (precision, recall) = (
            self.precision.value().unwrap_or(0.0),
            self.recall.value().unwrap_or(0.0),
        );
        if precision + recall == 0.0 {
            return Some(0.0);
        }
        Some(2.0 * precision * recall / (precision + recall))
    }

    /// An approximate 95 % interval of [`f1`](Self::f1).
    ///
    /// F is 2J/(1 + J) of the share J = TP/(TP + FP + FN), which rises with J: the Wilson interval of J, carried over. Where
    /// hits are counted from both sides (overlap) TP is their mean. Like every interval here it takes spans for independent;
    /// those of one document are not, so the truth is somewhat wider.
    #[must_use]
    pub fn f1_interval(self) -> Option<(f64, f64)> {
        let f1 = self.f1()?;
        let matched = (self.precision.hits + self.recall.hits) as f64 / 2.0;
        let n = (self.precision.of + self.recall.of) as f64 - matched;
        let (low, high) = wilson(f1 / (2.0 - f1), n);
        let carry = |j: f64| 2.0 * j / (1.0 + j);
        Some((carry(low), carry(high)))
    }
}

/// The 95 % Wilson score interval of a share `p`, 0.0 ..= 1.0, that was seen in `n` > 0 trials.
///
/// # Source
/// E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22 (1927), 209–212.
#[must_use]
pub fn wilson(p: f64, n: f64) -> (f64, f64) {
    let z2 = Z * Z;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_15_out_of_148_is_the_published_one() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 15/148 and 0/20, 1/29.
        for (hits, of, low, high) in [
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (l, h) = Rate::new(hits, of).interval().unwrap();
            assert!(
                (l - low).abs() < 5e-5 && (h - high).abs() < 5e-5,
                "{hits}/{of}: {l} {h}"
            );
        }
    }

    #[test]
    fn nothing_has_no_share_and_a_total_miss_has_f_zero() {
        assert_eq!(Rate::new(0, 0).value(), None);
        assert_eq!(Scores::default().f1(), None);
        let miss = Scores {
            precision: Rate::new(0, 0),
            recall: Rate::new(0, 5),
        };
        assert_eq!(miss.f1(), Some(0.0));
        assert!(
            miss.f1_interval()
                .is_some_and(|(low, high)| low == 0.0 && high > 0.2)
        );
    }

    #[test]
    fn the_interval_of_f_holds_f() {
        for hits in 0..=20 {
            let scores = Scores {
                precision: Rate::new(hits, 20),
                recall: Rate::new(hits, 30),
            };
            let (low, high) = scores.f1_interval().unwrap();
            let f1 = scores.f1().unwrap();
            assert!(
                low <= f1 + 1e-12 && f1 <= high + 1e-12,
                "{hits}: {low} {f1} {high}"
            );
        }
    }
}
