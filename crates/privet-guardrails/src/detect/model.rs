//! The weights, and the scores that they give to windows and texts.

use super::feature::{BITS, FAMILIES, Family, STRIDE, WINDOW, ideas, lexical};
use super::lexicon::Mention;
use super::token::Tokens;
use super::{BUDGETS, CHANNELS};
use crate::error::Error;

const MAGIC: &[u8; 8] = b"PRVGRD1\n";
/// Numbers of 32 bits before the weights.
const NUMBERS: usize = FAMILIES + 1 + TEXT + CHANNELS * (2 + BUDGETS.len());
/// What a text is scored by: its best window, their mean, the logarithm of their number, and one.
pub(crate) const TEXT: usize = 4;

/// Added to the number of features of a family before its root is taken, so that short texts are not sure of anything.
pub(crate) const DAMPING: [f32; FAMILIES] = [24.0, 12.0, 8.0];

/// How scores of a channel become chances, and which score each false-positive budget asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Turn {
    pub(crate) slope: f32,
    pub(crate) shift: f32,
    /// Least scores, one for each of [`BUDGETS`].
    pub(crate) least: [f32; BUDGETS.len()],
}

/// All that is trained.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    weights: Vec<i8>,
    scales: [f32; FAMILIES],
    bias: f32,
    text: [f32; TEXT],
    turns: [Turn; CHANNELS],
}

/// What a window of tokens scores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowScore {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Natural-log odds, before calibration.
    pub(crate) score: f32,
}

/// Scores of a text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scored {
    pub(crate) windows: Vec<WindowScore>,
    /// What each token adds, for attribution: sums of weights of letters and words, not yet damped.
    pub(crate) tokens: Vec<[f32; 2]>,
}

pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Windows over `tokens` tokens; the last one ends with them.
pub(crate) fn windows(tokens: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = tokens.saturating_sub(WINDOW).div_ceil(STRIDE) + 1;
    (0..count).map(move |n| {
        let to = (n * STRIDE + WINDOW).min(tokens);
        (to.saturating_sub(WINDOW), to)
    })
}

/// Best, mean, logarithm of the number of windows, and one.
pub(crate) fn summary(windows: impl Iterator<Item = f32>) -> [f32; TEXT] {
    let (mut best, mut sum, mut count) = (f32::NEG_INFINITY, 0.0_f32, 0.0_f32);
    for score in windows {
        best = best.max(score);
        sum += score;
        count += 1.0;
    }
    if count == 0.0 {
        return [0.0, 0.0, 0.0, 1.0];
    }
    [best, sum / count, count.ln(), 1.0]
}

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
            .ok_or_else(|| wrong("they do not begin with the name of layout 1"))?;
        let (numbers, weights) = rest
            .split_at_checked(4 * NUMBERS)
            .ok_or_else(|| wrong("they are too short"))?;
        let mut numbers = numbers
            .as_chunks::<4>()
            .0
            .iter()
            .map(|four| f32::from_le_bytes(*four));
        if weights.len() != 1 << BITS {
            return Err(wrong("their table has another length"));
        }
        if numbers.clone().any(|n| !n.is_finite()) {
            return Err(wrong("they hold a number that is not finite"));
        }
        let mut next = || numbers.next().unwrap_or_default();
        Ok(Self {
            weights: weights.iter().map(|w| i8::from_le_bytes([*w])).collect(),
            scales: std::array::from_fn(|_| next()),
            bias: next(),
            text: std::array::from_fn(|_| next()),
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
        let numbers = self
            .scales
            .into_iter()
            .chain([self.bias])
            .chain(self.text)
            .chain(turns);
        numbers.for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
        out.extend(self.weights.iter().flat_map(|w| w.to_le_bytes()));
        let sum = checksum(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// Rounds weights to eight bits, a scale for each family. `family` says which one a weight is of.
    pub(crate) fn round(
        weights: &[f32],
        family: &[u8],
        bias: f32,
        text: [f32; TEXT],
        turns: [Turn; CHANNELS],
    ) -> Self {
        let mut scales = [f32::MIN_POSITIVE; FAMILIES];
        let of = |at: usize| usize::from(family.get(at).copied().unwrap_or_default()).min(FAMILIES - 1);
        for (at, weight) in weights.iter().enumerate() {
            if let Some(scale) = scales.get_mut(of(at)) {
                *scale = scale.max(weight.abs() / 127.0);
            }
        }
        let round = |(at, weight): (usize, &f32)| {
            let scale = scales.get(of(at)).copied().unwrap_or(1.0);
            (weight / scale).round().clamp(-127.0, 127.0) as i8
        };
        Self {
            weights: weights.iter().enumerate().map(round).collect(),
            scales,
            bias,
            text,
            turns,
        }
    }

    fn weight(&self, bucket: u32) -> f32 {
        f32::from(self.weights.get(bucket as usize).copied().unwrap_or_default())
    }

    /// Scores each window.
    pub(crate) fn score(&self, tokens: &Tokens, mentions: &[Mention]) -> Scored {
        let count = tokens.tokens.len();
        // Sums and numbers of features of letters and words, up to each token.
        let mut own = vec![([0.0_f32; 2], [0_u32; 2]); count];
        lexical(tokens, |token, family, bucket| {
            let weight = self.weight(bucket);
            if let Some((sums, counts)) = own.get_mut(token)
                && let (Some(sum), Some(count)) =
                    (sums.get_mut(family as usize), counts.get_mut(family as usize))
            {
                *sum += weight;
                *count += 1;
            }
        });
        let mut upto = Vec::with_capacity(count + 1);
        let mut all = ([0.0_f64; 2], [0_u32; 2]);
        upto.push(all);
        for (sums, counts) in &own {
            for (all, own) in all.0.iter_mut().zip(sums) {
                *all += f64::from(*own);
            }
            for (all, own) in all.1.iter_mut().zip(counts) {
                *all += own;
            }
            upto.push(all);
        }
        let mut buckets = Vec::new();
        let window = |(from, to): (usize, usize)| {
            let (start, end) = (upto.get(from), upto.get(to));
            let mut score = self.bias;
            if let (Some(start), Some(end)) = (start, end) {
                for (family, ((a, b), (m, n))) in start
                    .0
                    .iter()
                    .zip(&end.0)
                    .zip(start.1.iter().zip(&end.1))
                    .enumerate()
                {
                    let sum = (b - a) as f32;
                    score += sum * self.factor(family, n - m);
                }
            }
            ideas(&tokens.tokens, mentions, from, to, &mut buckets);
            let sum: f32 = buckets.iter().map(|b| self.weight(*b)).sum();
            score += sum
                * self.factor(
                    Family::Ideas as usize,
                    u32::try_from(buckets.len()).unwrap_or(u32::MAX),
                );
            WindowScore { from, to, score }
        };
        Scored {
            windows: windows(count).map(window).collect(),
            tokens: own.into_iter().map(|(sums, _)| sums).collect(),
        }
    }

    /// What the sum of `count` weights of a family is multiplied by.
    pub(crate) fn factor(&self, family: usize, count: u32) -> f32 {
        let scale = self.scales.get(family).copied().unwrap_or_default();
        scale * damping(family, count)
    }

    /// The score of a whole text, natural-log odds before calibration.
    pub(crate) fn text(&self, scored: &Scored) -> f32 {
        let summary = summary(scored.windows.iter().map(|w| w.score));
        summary.iter().zip(&self.text).map(|(a, b)| a * b).sum()
    }

    pub(crate) fn turn(&self, channel: usize) -> Turn {
        self.turns.get(channel).copied().unwrap_or(Turn {
            slope: 1.0,
            shift: 0.0,
            least: [0.0; BUDGETS.len()],
        })
    }
}

/// One over the root of the number of features, damped.
pub(crate) fn damping(family: usize, count: u32) -> f32 {
    let more = DAMPING.get(family).copied().unwrap_or(1.0);
    1.0 / (count as f32 + more).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any() -> Model {
        let turn = Turn {
            slope: 1.0,
            shift: 0.5,
            least: [0.25; BUDGETS.len()],
        };
        let weights: Vec<f32> = (0..1 << BITS).map(|i| (i % 7) as f32 - 3.0).collect();
        Model::round(
            &weights,
            &vec![0; 1 << BITS],
            0.1,
            [1.0, 0.0, 0.0, 0.0],
            [turn; CHANNELS],
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
    fn windows_overlap_and_reach_the_end() {
        assert_eq!(windows(0).collect::<Vec<_>>(), [(0, 0)]);
        assert_eq!(windows(WINDOW).collect::<Vec<_>>(), [(0, WINDOW)]);
        assert_eq!(
            windows(WINDOW + 4).collect::<Vec<_>>(),
            [(0, WINDOW), (4, WINDOW + 4)]
        );
        let last = (STRIDE + 4, STRIDE + 4 + WINDOW);
        assert_eq!(windows(STRIDE + 4 + WINDOW).last(), Some(last));
    }
}
