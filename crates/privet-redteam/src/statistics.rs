//! Shares, and how sure they are.

use privet_types::Interval;

/// The 97.5 % quantile of the standard normal distribution: 95 % lie within.
const Z: f64 = 1.959_963_984_540_054;

/// `hits` of `of`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// How many of them.
    pub hits: u64,
    /// Of how many.
    pub of: u64,
}

impl Rate {
    /// `hits` of `of`.
    #[must_use]
    pub const fn new(hits: u64, of: u64) -> Self {
        Self { hits, of }
    }

    /// The share, 0 to 1; none of nothing.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }

    /// The 95 % Wilson score interval.
    ///
    /// # Source
    /// E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn interval(self) -> Option<Interval> {
        let (p, n) = (self.value()?, self.of as f64);
        let z2 = Z * Z;
        let scale = 1.0 + z2 / n;
        let middle = (p + z2 / (2.0 * n)) / scale;
        let half = Z / scale * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        // By rounding the ends miss 0 and 1 where every trial went the same way.
        let low = if self.hits == 0 {
            0.0
        } else {
            (middle - half).max(0.0)
        };
        let high = if self.hits == self.of {
            1.0
        } else {
            (middle + half).min(1.0)
        };
        Some(Interval {
            low,
            high,
            confidence: 0.95,
        })
    }
}

/// How much larger the share of `first` is than that of `second`, with a 95 % interval: the square-and-add interval of two Wilson
/// intervals. `None` if one of them is of nothing.
///
/// It takes both for independent samples; where both are of the same probes the truth is somewhat narrower.
///
/// # Source
/// R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven methods",
/// Statistics in Medicine 17, 1998, method 10.
#[must_use]
pub fn difference(first: Rate, second: Rate) -> Option<(f64, Interval)> {
    let (p1, p2) = (first.value()?, second.value()?);
    let (i1, i2) = (first.interval()?, second.interval()?);
    let d = p1 - p2;
    let low = d - ((p1 - i1.low).powi(2) + (i2.high - p2).powi(2)).sqrt();
    let high = d + ((i1.high - p1).powi(2) + (p2 - i2.low).powi(2)).sqrt();
    let interval = Interval {
        low: low.max(-1.0),
        high: high.min(1.0),
        confidence: 0.95,
    };
    Some((d, interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_intervals_are_the_published_ones() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17, 1998, table I, method 3.
        for (hits, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let found = Rate::new(hits, of).interval().unwrap();
            assert!((found.low - low).abs() < 5e-5, "{found:?}");
            assert!((found.high - high).abs() < 5e-5, "{found:?}");
        }
        assert!(Rate::new(0, 0).interval().is_none());
    }

    #[test]
    fn intervals_of_differences_are_the_published_ones() {
        // Newcombe 1998 (differences), table II, method 10: 56/70 − 48/80, 9/10 − 3/10, 10/10 − 0/20.
        for (a, b, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((10, 10), (0, 20), 0.6791, 1.0),
        ] {
            let (_, found) = difference(Rate::new(a.0, a.1), Rate::new(b.0, b.1)).unwrap();
            assert!((found.low - low).abs() < 5e-5, "{found:?}");
            assert!((found.high - high).abs() < 5e-5, "{found:?}");
        }
        assert!(difference(Rate::new(1, 2), Rate::new(0, 0)).is_none());
    }
}
