//! How sure a sampled share is.

use privet_types::Interval;

/// The 97.5 % quantile of the standard normal distribution: 95 % lie within.
const Z: f64 = 1.959_963_984_540_054;

/// The Wilson score interval, 95 %, of a share of which `hits` of `tried` were seen; `None` if nothing was tried.
///
/// # Source
/// E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn wilson(hits: u64, tried: u64) -> Option<Interval> {
    if tried == 0 {
        return None;
    }
    let n = tried as f64;
    let share = hits as f64 / n;
    let z2 = Z * Z;
    let scale = 1.0 + z2 / n;
    let middle = (share + z2 / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    Some(Interval {
        low: (middle - half).max(0.0),
        high: (middle + half).min(1.0),
        confidence: 0.95,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_literature() {
        // Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17, 1998, table I, method 3.
        for (hits, tried, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
        ] {
            let found = wilson(hits, tried).unwrap();
            assert!((found.low - low).abs() < 5e-5, "{found:?}");
            assert!((found.high - high).abs() < 5e-5, "{found:?}");
        }
    }

    #[test]
    fn nothing_tried_gives_no_interval() {
        assert!(wilson(0, 0).is_none());
    }
}
