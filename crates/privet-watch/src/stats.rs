//! The statistics: robust location and scale, intervals, tails, and the run lengths of cumulative sums.

/// The factor that makes the median absolute deviation of normal values their standard deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

/// The middle value; the mean of the two middle ones where there is an even number. `None` of nothing. Sorts `values`.
pub fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

/// Location and scale of `values` that a few wild ones do not move: the median, and the median absolute deviation times 1.4826,
/// which estimates the standard deviation of normal values. `None` of nothing. A value `x` has the modified z-score
/// (`x` − location) / scale.
///
/// # Source
/// Iglewicz & Hoaglin, "How to Detect and Handle Outliers", ASQC, 1993.
#[must_use]
pub fn robust(values: &[f64]) -> Option<(f64, f64)> {
    let mut values = values.to_vec();
    let location = median(&mut values)?;
    for value in &mut values {
        *value = (*value - location).abs();
    }
    let deviation = median(&mut values)?;
    Some((location, deviation * MAD_TO_SIGMA))
}

/// Between which shares the true one lies where `successes` of `trials` were seen, `z` standard errors to either side.
/// (0, 1) where nothing was seen.
///
/// # Source
/// Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927.
#[must_use]
pub fn wilson(successes: f64, trials: f64, z: f64) -> (f64, f64) {
    if trials <= 0.0 {
        return (0.0, 1.0);
    }
    let share = successes / trials;
    let square = z * z;
    let middle = share + square / (2.0 * trials);
    let half = z * (share * (1.0 - share) / trials + square / (4.0 * trials * trials)).sqrt();
    let below = 1.0 + square / trials;
    (
        ((middle - half) / below).max(0.0),
        ((middle + half) / below).min(1.0),
    )
}

/// The chance that a Poisson count with mean `mean` is `count` or more. O(`count`) at most.
#[must_use]
pub fn poisson_tail(count: u32, mean: f64) -> f64 {
    if count == 0 {
        return 1.0;
    }
    if mean <= 0.0 {
        return 0.0;
    }
    let log_factorial: f64 = (1..=count).map(|n| f64::from(n).ln()).sum();
    let mut term = (f64::from(count) * mean.ln() - mean - log_factorial).exp();
    if f64::from(count) <= mean {
        // The lower tail has fewer terms that matter.
        let (mut sum, mut below) = (0.0, term);
        for n in (1..=count).rev() {
            below *= f64::from(n) / mean;
            sum += below;
        }
        return (1.0 - sum).clamp(0.0, 1.0);
    }
    let (mut sum, mut n) = (0.0, count);
    while term > sum * f64::EPSILON && n < u32::MAX {
        sum += term;
        n += 1;
        term *= mean / f64::from(n);
    }
    sum.min(1.0)
}

/// How many normal values it takes on average until a one-sided cumulative sum with allowance `allowance` passes `threshold`
/// though nothing changed. Both in standard deviations.
///
/// # Source
/// Siegmund, "Sequential Analysis", Springer, 1985: (e^{2kb} − 2kb − 1) / 2k² with b = h + 1.166.
#[must_use]
pub fn run_length(allowance: f64, threshold: f64) -> f64 {
    let twice = 2.0 * allowance * (threshold + 1.166);
    (twice.exp() - twice - 1.0) / (2.0 * allowance * allowance)
}

/// The threshold at which [`run_length`] is `wanted`, to 1/1000.
#[must_use]
pub fn threshold_for(allowance: f64, wanted: f64) -> f64 {
    let (mut low, mut high) = (0.0, 100.0);
    while high - low > 1e-3 {
        let middle = f64::midpoint(low, high);
        if run_length(allowance, middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// One side of a cumulative sum after `score` came to `sum`.
///
/// # Source
/// Page, "Continuous Inspection Schemes", Biometrika 41, 1954.
#[must_use]
pub fn cusum(sum: f64, score: f64, allowance: f64) -> f64 {
    (sum + score - allowance).max(0.0)
}

/// What one trial adds to a cumulative sum that looks for the share `before` having become `after`: the logarithm of the
/// likelihoods' ratio. Both between 0 and 1.
#[must_use]
pub fn bernoulli_score(is_success: bool, before: f64, after: f64) -> f64 {
    if is_success {
        (after / before).ln()
    } else {
        ((1.0 - after) / (1.0 - before)).ln()
    }
}
