//! Whether a score of 0.8 means right eight times out of ten.

use serde::Serialize;

use super::Rate;

/// Bins of equal width over 0.0 ..= 1.0.
const BINS: usize = 10;

/// How often findings of a score are right (share a character with a gold span of their kind), in ten bins.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reliability {
    bins: [Bin; BINS],
}

/// Findings whose scores lie within a tenth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Findings, and those of them that are right.
    pub right: Rate,
    /// Sum of their scores.
    pub score_sum: f64,
}

impl Bin {
    /// Mean score, 0.0 ..= 1.0.
    #[must_use]
    pub fn mean_score(&self) -> Option<f64> {
        (self.right.of > 0).then(|| self.score_sum / self.right.of as f64)
    }
}

impl Reliability {
    /// Counts one finding.
    pub fn add(&mut self, score: f32, is_right: bool) {
        let tenth = (f64::from(score) * BINS as f64).clamp(0.0, (BINS - 1) as f64) as usize;
        if let Some(bin) = self.bins.get_mut(tenth) {
            bin.right = Rate::new(bin.right.hits + u64::from(is_right), bin.right.of + 1);
            bin.score_sum += f64::from(score);
        }
    }

    /// The bins [0, 0.1), [0.1, 0.2) … [0.9, 1.0].
    #[must_use]
    pub const fn bins(&self) -> &[Bin; BINS] {
        &self.bins
    }

    /// Expected calibration error, 0.0 ..= 1.0: the distance between mean score and share of right findings, averaged over
    /// the bins by their numbers of findings. None without findings.
    ///
    /// # Source
    /// M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
    #[must_use]
    pub fn expected_error(&self) -> Option<f64> {
        let total: u64 = self.bins.iter().map(|b| b.right.of).sum();
        (total > 0).then(|| {
            let distance = |b: &Bin| (b.score_sum - b.right.hits as f64).abs();
            self.bins.iter().map(distance).sum::<f64>() / total as f64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_scores_have_no_error_and_boasts_do() {
        let mut honest = Reliability::default();
        let mut boast = Reliability::default();
        for i in 0..10 {
            honest.add(0.8, i < 8);
            boast.add(1.0, i < 4);
        }
        assert!(honest.expected_error().unwrap() < 1e-6);
        assert!((boast.expected_error().unwrap() - 0.6).abs() < 1e-9);
        assert_eq!(boast.bins()[9].right, Rate::new(4, 10));
        assert_eq!(Reliability::default().expected_error(), None);
    }
}
