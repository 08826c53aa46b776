use privet_watch::stats::{
    bernoulli_score, cusum, median, poisson_tail, robust, run_length, threshold_for, wilson,
};

fn near(value: f64, expected: f64, by: f64) {
    assert!((value - expected).abs() <= by, "{value} is not {expected}");
}

#[test]
fn a_wild_value_moves_neither_the_median_nor_its_deviation() {
    let (location, scale) = robust(&[1.0, 2.0, 3.0, 4.0, 1000.0]).unwrap();
    near(location, 3.0, 0.0);
    near(scale, 1.4826, 1e-9);
    assert_eq!(median(&mut []), None);
    near(median(&mut [4.0, 1.0]).unwrap(), 2.5, 0.0);
}

/// Values of Newcombe 1998, table I: 81 of 263, and 0 of 20.
#[test]
fn wilsons_interval_is_that_of_the_literature() {
    let (low, high) = wilson(81.0, 263.0, 1.959_964);
    near(low, 0.2553, 1e-4);
    near(high, 0.3662, 1e-4);
    let (low, high) = wilson(0.0, 20.0, 1.959_964);
    near(low, 0.0, 1e-12);
    near(high, 0.1611, 1e-4);
    assert_eq!(wilson(0.0, 0.0, 1.96), (0.0, 1.0));
}

#[test]
fn tails_of_poisson_counts_are_exact() {
    near(poisson_tail(0, 3.0), 1.0, 0.0);
    near(poisson_tail(1, 0.5), 1.0 - (-0.5_f64).exp(), 1e-12);
    near(poisson_tail(3, 1.0), 0.080_301_397, 1e-9);
    near(poisson_tail(10, 10.0), 0.542_070_286, 1e-8);
    near(poisson_tail(40, 10.0), 7.34e-13, 1e-15);
    near(poisson_tail(5, 0.0), 0.0, 0.0);
}

/// Exact run lengths of a one-sided sum with allowance 1/2: 335 at 4, 930 at 5 (Montgomery, "Introduction to Statistical
/// Quality Control", after Hawkins 1993: 168 and 465 for both sides).
#[test]
fn run_lengths_are_those_of_the_tables_within_two_in_a_hundred() {
    near(run_length(0.5, 4.0), 336.0, 7.0);
    near(run_length(0.5, 5.0), 931.0, 19.0);
    near(run_length(0.5, threshold_for(0.5, 20_000.0)), 20_000.0, 50.0);
}

#[test]
fn a_cumulative_sum_never_falls_below_zero_and_grows_by_what_is_above_its_allowance() {
    near(cusum(0.0, -9.0, 0.5), 0.0, 0.0);
    near(cusum(1.0, 2.0, 0.5), 2.5, 0.0);
    near(bernoulli_score(true, 0.1, 0.2), 2.0_f64.ln(), 1e-12);
    near(bernoulli_score(false, 0.1, 0.2), (8.0_f64 / 9.0).ln(), 1e-12);
}
