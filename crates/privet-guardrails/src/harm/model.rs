//! The weights of the categories, and the scores that they give to windows.

use super::category::HarmCategory;
use crate::detect::BUDGETS;
use crate::detect::feature::{self, lexical};
use crate::detect::model::{checksum, windows};
use crate::detect::token::Tokens;
use crate::error::Error;

const MAGIC: &[u8; 8] = b"PRVHRM1\n";
/// Categories that are scored.
pub(crate) const CATEGORIES: usize = HarmCategory::ALL.len();
/// Families of features: letters and words, as the detector's.
pub(crate) const FAMILIES: usize = 2;
/// Features there are weights for, as a power of two: the highest bits of the detector's numbers.
pub(crate) const BITS: u32 = 18;
/// Added to the number of features of a family before its root is taken, so that short texts are not sure of anything.
const DAMPING: [f32; FAMILIES] = [16.0, 8.0];
/// Numbers of 32 bits before the weights.
const NUMBERS: usize = CATEGORIES * (FAMILIES + 1 + 2 + BUDGETS.len());

/// How scores of a category become chances, and which score each false-positive budget asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Turn {
    pub(crate) slope: f32,
    pub(crate) shift: f32,
    /// Least scores, one for each of [`BUDGETS`].
    pub(crate) least: [f32; BUDGETS.len()],
}

impl Turn {
    pub(crate) fn chance(&self, score: f32) -> f32 {
        1.0 / (1.0 + (-(self.slope * score + self.shift)).exp())
    }
}

/// All that is trained.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    weights: Vec<[i8; CATEGORIES]>,
    scales: [[f32; CATEGORIES]; FAMILIES],
    bias: [f32; CATEGORIES],
    turns: [Turn; CATEGORIES],
}

/// What the tokens `from..to` score: natural-log odds of each category, before calibration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowScore {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) scores: [f32; CATEGORIES],
}

/// Which weights a feature of the detector has here.
const fn row(bucket: u32) -> usize {
    (bucket >> (feature::BITS - BITS)) as usize
}

/// Hands each feature to `take`, with the number of its token, its family and its row of weights. One that a word repeats at once
/// (`0000`) counts once.
pub(crate) fn features(tokens: &Tokens, mut take: impl FnMut(usize, usize, usize)) {
    // Runs of three, four and five characters come in turns.
    let mut last = [usize::MAX; 3];
    lexical(tokens, |token, family, bucket| {
        let row = row(bucket);
        if !last.contains(&row) {
            take(token, family as usize, row);
        }
        last = [row, last[0], last[1]];
    });
}

/// One over the root of the number of features, damped.
pub(crate) fn damping(family: usize, count: u32) -> f32 {
    let more = DAMPING.get(family).copied().unwrap_or(1.0);
    1.0 / (count as f32 + more).sqrt()
}

/// Sums of weights, and numbers of features, of each family.
#[derive(Debug, Clone, Copy, Default)]
struct Sums([([i32; CATEGORIES], u32); FAMILIES]);

impl Model {
    /// Reads weights as [`Model::to_bytes`] writes them.
    ///
    /// # Errors
    /// [`Error::Weights`] if they are not of this layout, damaged, or hold numbers that are not finite.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = |reason| Error::Weights { reason };
        let (body, sum) = bytes
            .split_last_chunk::<8>()
            .ok_or_else(|| wrong("they are too short"))?;
        if u64::from_le_bytes(*sum) != checksum(body) {
            return Err(wrong("their checksum differs"));
        }
        let rest = body
            .strip_prefix(MAGIC)
            .ok_or_else(|| wrong("they do not begin with the name of layout 1 of harm"))?;
        let (numbers, weights) = rest
            .split_at_checked(4 * NUMBERS)
            .ok_or_else(|| wrong("they are too short"))?;
        let mut numbers = numbers
            .as_chunks::<4>()
            .0
            .iter()
            .map(|four| f32::from_le_bytes(*four));
        let (rows, rest) = weights.as_chunks::<CATEGORIES>();
        if rows.len() != 1 << BITS || !rest.is_empty() {
            return Err(wrong("their table has another length"));
        }
        if numbers.clone().any(|n| !n.is_finite()) {
            return Err(wrong("they hold a number that is not finite"));
        }
        let mut next = || numbers.next().unwrap_or_default();
        Ok(Self {
            weights: rows
                .iter()
                .map(|row| row.map(|b| i8::from_le_bytes([b])))
                .collect(),
            scales: std::array::from_fn(|_| std::array::from_fn(|_| next())),
            bias: std::array::from_fn(|_| next()),
            turns: std::array::from_fn(|_| Turn {
                slope: next(),
                shift: next(),
                least: std::array::from_fn(|_| next()),
            }),
        })
    }

    /// The weights as a file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let turns = self
            .turns
            .iter()
            .flat_map(|turn| [turn.slope, turn.shift].into_iter().chain(turn.least));
        let numbers = self.scales.into_iter().flatten().chain(self.bias).chain(turns);
        numbers.for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        out.extend(self.weights.iter().flatten().flat_map(|w| w.to_le_bytes()));
        let sum = checksum(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Rounds weights to eight bits, a scale for each family and category. `family` says which one a row is of; what is larger than
    /// `most` of its family and category is cut to it, so that outliers do not coarsen the steps of all others.
    pub(crate) fn round(
        weights: &[[f32; CATEGORIES]],
        family: &[u8],
        most: [[f32; CATEGORIES]; FAMILIES],
        bias: [f32; CATEGORIES],
        turns: [Turn; CATEGORIES],
    ) -> Self {
        let scales = most.map(|of| of.map(|most| (most / 127.0).max(f32::MIN_POSITIVE)));
        let round = |(row, family): (&[f32; CATEGORIES], &u8)| {
            let scales = scales
                .get(usize::from(*family))
                .copied()
                .unwrap_or([1.0; CATEGORIES]);
            let mut out = [0_i8; CATEGORIES];
            for ((out, weight), scale) in out.iter_mut().zip(row).zip(scales) {
                *out = (weight / scale).round().clamp(-127.0, 127.0) as i8;
            }
            out
        };
        Self {
            weights: weights.iter().zip(family).map(round).collect(),
            scales,
            bias,
            turns,
        }
    }

    /// Scores each window of `tokens`.
    pub(crate) fn score(&self, tokens: &Tokens) -> Vec<WindowScore> {
        // Sums up to each token.
        let mut upto = vec![Sums::default(); tokens.tokens.len() + 1];
        let mut all = Sums::default();
        let mut done = 0;
        features(tokens, |token, family, row| {
            while done <= token {
                if let Some(sums) = upto.get_mut(done) {
                    *sums = all;
                }
                done += 1;
            }
            if let (Some((sums, count)), Some(weights)) = (all.0.get_mut(family), self.weights.get(row)) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += i32::from(*weight);
                }
                *count += 1;
            }
        });
        upto.iter_mut().skip(done).for_each(|sums| *sums = all);
        let window = |(from, to): (usize, usize)| {
            let mut scores = self.bias;
            if let (Some(start), Some(end)) = (upto.get(from), upto.get(to)) {
                let families = start.0.iter().zip(&end.0).zip(&self.scales).enumerate();
                for (family, (((a, m), (b, n)), scales)) in families {
                    let factor = damping(family, n - m);
                    for (((score, a), b), scale) in scores.iter_mut().zip(a).zip(b).zip(scales) {
                        *score += (b - a) as f32 * scale * factor;
                    }
                }
            }
            WindowScore { from, to, scores }
        };
        windows(tokens.tokens.len()).map(window).collect()
    }

    pub(crate) const fn turns(&self) -> &[Turn; CATEGORIES] {
        &self.turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::token::tokens;

    fn any() -> Model {
        let turn = Turn {
            slope: 1.0,
            shift: 0.5,
            least: [0.25; BUDGETS.len()],
        };
        let weights: Vec<[f32; CATEGORIES]> = (0..1 << BITS)
            .map(|i| std::array::from_fn(|c| ((i + c) % 7) as f32 - 3.0))
            .collect();
        Model::round(
            &weights,
            &vec![0; 1 << BITS],
            [[3.0; CATEGORIES]; FAMILIES],
            [0.1; CATEGORIES],
            [turn; CATEGORIES],
        )
    }

    #[test]
    fn weights_are_read_as_they_were_written() {
        assert_eq!(Model::read(&any().to_bytes()).unwrap(), any());
    }

    #[test]
    fn damaged_weights_are_refused() {
        let good = any().to_bytes();
        for at in [0, 9, 100, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(Model::read(&bad).is_err(), "byte {at}");
        }
        assert!(Model::read(&good[..good.len() - 1]).is_err());
        assert!(Model::read(b"").is_err());
    }

    #[test]
    fn a_window_scores_what_its_tokens_score_alone() {
        let text = "one two three four five six seven eight nine ten ".repeat(20);
        let whole = any().score(&tokens(&text));
        let again = any().score(&tokens(&text));
        assert!(whole.len() > 4);
        assert!(whole.iter().zip(&again).all(|(a, b)| a.scores == b.scores));
        assert!(whole.iter().all(|w| w.scores.iter().all(|s| s.is_finite())));
    }
}
