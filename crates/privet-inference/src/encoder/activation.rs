//! What stands between the products: normalisation, softmax, GELU. Written so that compilers make vector code of it.

use pulp::NullaryFnOnce;

use super::weights::Norm;

const LANES: usize = 16;

/// The sum, in lanes first.
#[inline(always)]
fn sum(row: impl Iterator<Item = [f32; LANES]>) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for chunk in row {
        for (lane, number) in lanes.iter_mut().zip(chunk) {
            *lane += number;
        }
    }
    lanes.iter().sum()
}

/// e to the power of `x`, for −87 ≤ x ≤ 88, to 2 units in the last place: 2ⁿ times a Taylor polynomial, whose remainder is
/// below 6·10⁻⁹ on half a step.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // The logarithm of 2 in two parts: the first is so short that its multiples are exact.
    let r = x - n * (355.0 / 512.0) + n * 2.121_944_4e-4;
    let mut p = 1.0 / 5040.0;
    for factor in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        1.0 / 2.0,
        1.0,
        1.0,
    ] {
        p = p * r + factor;
    }
    p * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// The error function, to 5·10⁻⁷.
///
/// Source: Abramowitz & Stegun, "Handbook of Mathematical Functions", 1964, formula 7.1.26.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let mut p = 1.061_405_4;
    for factor in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = p * t + factor;
    }
    (1.0 - p * t * exp(-size * size)).copysign(x)
}

/// Adds `residual` to `rows` and normalises each row over its `width`: Ba, Kiros & Hinton 2016.
pub(crate) struct Normalise<'a> {
    pub(crate) rows: &'a mut [f32],
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) norm: &'a Norm,
}

impl NullaryFnOnce for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let width = self.norm.gain.len().max(1);
        if let Some(residual) = self.residual {
            for (number, other) in self.rows.iter_mut().zip(residual) {
                *number += other;
            }
        }
        let share = 1.0 / width as f32;
        for row in self.rows.chunks_exact_mut(width) {
            let row = row.as_chunks_mut::<LANES>().0;
            let mean = sum(row.iter().copied()) * share;
            let squares = row.iter().map(|chunk| chunk.map(|n| (n - mean) * (n - mean)));
            let factor = (sum(squares) * share + self.norm.epsilon).sqrt().recip();
            let gain = self.norm.gain.as_chunks::<LANES>().0;
            let offset = self.norm.offset.as_chunks::<LANES>().0;
            for ((chunk, gain), offset) in row.iter_mut().zip(gain).zip(offset) {
                for ((number, gain), offset) in chunk.iter_mut().zip(gain).zip(offset) {
                    *number = (*number - mean) * factor * gain + offset;
                }
            }
        }
    }
}

/// x·Φ(x) of each number.
pub(crate) struct Gelu<'a>(pub(crate) &'a mut [f32]);

impl NullaryFnOnce for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for chunk in self.0.as_chunks_mut::<LANES>().0 {
            for number in chunk {
                *number = 0.5 * *number * (1.0 + erf(*number * std::f32::consts::FRAC_1_SQRT_2));
            }
        }
    }
}

/// Softmax of `scale` times the first `length` numbers of each row of `stride`, a multiple of 16; the others become zero.
pub(crate) struct Softmax<'a> {
    pub(crate) rows: &'a mut [f32],
    pub(crate) stride: usize,
    pub(crate) length: usize,
    pub(crate) scale: f32,
}

impl NullaryFnOnce for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for row in self.rows.chunks_exact_mut(self.stride.max(LANES)) {
            for number in row.iter_mut().skip(self.length) {
                *number = f32::MIN;
            }
            let row = row.as_chunks_mut::<LANES>().0;
            let mut most = [f32::MIN; LANES];
            for chunk in row.iter() {
                for (most, number) in most.iter_mut().zip(chunk) {
                    *most = most.max(*number);
                }
            }
            let most = most.iter().copied().fold(f32::MIN, f32::max);
            for chunk in row.iter_mut() {
                for number in chunk {
                    // Far below the greatest nothing is left of a number but e⁻⁸⁷.
                    *number = exp(((*number - most) * self.scale).max(-87.0));
                }
            }
            let factor = sum(row.iter().copied()).recip();
            for chunk in row.iter_mut() {
                for number in chunk {
                    *number *= factor;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_and_the_error_function_are_close_to_their_definitions() {
        for step in -8700_i16..8800 {
            let x = f32::from(step) / 100.0;
            let exact = f64::from(x).exp();
            assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7, "{x}");
        }
        // Wolfram's values.
        for (x, y) in [
            (0.0, 0.0),
            (0.5, 0.520_499_9),
            (1.0, 0.842_700_8),
            (2.5, 0.999_593_1),
            (6.0, 1.0),
        ] {
            assert!((erf(x) - y).abs() < 5e-7, "{x}");
            assert!((erf(-x) + y).abs() < 5e-7, "{x}");
        }
    }

    #[test]
    fn a_softmax_is_a_distribution_over_what_counts() {
        let mut rows: Vec<f32> = (0..32_u8).map(f32::from).collect();
        Softmax {
            rows: &mut rows,
            stride: 16,
            length: 3,
            scale: 0.5,
        }
        .call();
        for row in rows.chunks(16) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(row[3..].iter().all(|n| *n < 1e-30));
            assert!((row[1] / row[0] - 0.5_f32.exp()).abs() < 1e-6);
        }
    }
}
