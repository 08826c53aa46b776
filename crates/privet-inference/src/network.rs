//! The network: rows of tables summed for each word, then five dilated convolutions, then one score for each label.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use pulp::{Arch, NullaryFnOnce};

use crate::error::Error;
use crate::feature::{Casing, casing, features};
use crate::label::LABELS;
use crate::token::{Kind, Token};
use crate::weights::{DILATIONS, LANES, Layer, Row, WIDTH, Weights};

/// The network with its weights. Made once, then shared between threads.
#[derive(Debug)]
pub struct Tagger {
    weights: Weights,
    arch: Arch,
}

/// Rows of zeros before and after a window, so that every layer finds its neighbours there.
const MARGIN: usize = 4;

/// Tokens that the inner loop handles at once.
const TOKENS: usize = 4;

/// Words kept by [`Memory`]; past that it starts anew.
const MOST_WORDS: usize = 16_384;

/// What has been computed of the words of one text, and space to work in. It changes no result.
#[derive(Debug, Default)]
pub struct Memory<'t> {
    places: HashMap<&'t str, usize>,
    rows: Vec<Row>,
    state: Vec<Row>,
    normed: Vec<Row>,
}

impl Tagger {
    /// Reads weights, in the layout that `weights.rs` describes.
    ///
    /// # Errors
    /// [`Error`] if the bytes are not weights of this layout or are damaged.
    pub fn new(weights: Cow<'static, [u8]>) -> Result<Self, Error> {
        Ok(Self {
            weights: Weights::read(weights)?,
            arch: Arch::new(),
        })
    }

    /// The network for names, places, organisations, groups, dates and addresses that is part of this crate.
    ///
    /// # Errors
    /// [`Error`] if the weights in the binary are not of this layout. Their checksum is not asked for: a test holds it, and
    /// to compute it would read 4 MiB of tables into memory before there is a text.
    pub fn shipped() -> Result<Self, Error> {
        let weights = Cow::Borrowed(include_bytes!("../weights/ner.bin").as_slice());
        Ok(Self {
            weights: Weights::read_shipped(weights)?,
            arch: Arch::new(),
        })
    }

    /// Natural-log probability of each label for each of `tokens[window]`, one row a token, appended to `out`.
    ///
    /// The result depends on the bytes of the window alone: neither on the text around it nor on `memory`. Sums are
    /// neither fused nor reordered, so that instruction sets agree (but for the last bit of the platform's `exp`). O(n); about 0.13 MFLOP a token.
    pub fn tag<'t>(
        &self,
        text: &'t str,
        tokens: &[Token],
        window: Range<usize>,
        memory: &mut Memory<'t>,
        out: &mut Vec<[f32; LABELS]>,
    ) {
        let Some(tokens) = tokens.get(window) else { return };
        self.arch.dispatch(Pass {
            weights: &self.weights,
            text,
            tokens,
            memory,
            out,
        });
    }
}

/// One window on its way through the network, compiled once for each instruction set.
struct Pass<'a, 't> {
    weights: &'a Weights,
    text: &'t str,
    tokens: &'a [Token],
    memory: &'a mut Memory<'t>,
    out: &'a mut Vec<[f32; LABELS]>,
}

impl NullaryFnOnce for Pass<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            weights,
            text,
            tokens,
            memory,
            out,
        } = self;
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
            return;
        };
        let bytes = first.start..last.end;
        let casing = casing(text, tokens);
        let count = tokens.len();
        let padded = count.next_multiple_of(TOKENS);
        memory.state.clear();
        for token in tokens {
            let row = word(weights, text, &bytes, token, memory);
            memory.state.push(placed(weights, row, token, casing));
        }
        memory.state.resize(padded, [0.0; WIDTH]);
        memory.normed.clear();
        memory.normed.resize(padded + 2 * MARGIN, [0.0; WIDTH]);
        for (layer, distance) in weights.layers.iter().zip(DILATIONS) {
            let inner = memory.normed.iter_mut().skip(MARGIN);
            for (normed, row) in inner.zip(&memory.state).take(count) {
                normalise(row, &layer.gain, &layer.offset, normed);
            }
            convolve(layer, distance, &memory.normed, &mut memory.state);
        }
        for row in memory.state.iter().take(count) {
            let mut normed = [0.0; WIDTH];
            normalise(row, &weights.gain, &weights.offset, &mut normed);
            out.push(scores(weights, &normed));
        }
    }
}

/// What the network makes of a word on its own.
#[inline(always)]
fn word<'t>(
    weights: &Weights,
    text: &'t str,
    window: &Range<usize>,
    token: &Token,
    memory: &mut Memory<'t>,
) -> Row {
    let name = text.get(token.start..token.end).unwrap_or_default();
    let is_kept = token.kind != Kind::Glyph && name.len() <= 32;
    if is_kept && let Some(row) = memory.places.get(name).and_then(|i| memory.rows.get(*i)) {
        return *row;
    }
    let f = features(text, window, token);
    let mut sum = weights.bias;
    for row in f.words {
        weights.add(&weights.words, row, 1.0, &mut sum);
    }
    // At most 16 parts: the conversion is exact.
    let factor = (f.part_count.max(1) as f32).sqrt().recip();
    for row in f.parts.iter().take(f.part_count) {
        weights.add(&weights.parts, *row, factor, &mut sum);
    }
    for row in f.shapes {
        weights.add(&weights.shapes, row, 1.0, &mut sum);
    }
    for number in &mut sum {
        *number = number.max(0.0);
    }
    if is_kept {
        if memory.rows.len() >= MOST_WORDS {
            memory.rows.clear();
            memory.places.clear();
        }
        memory.places.insert(name, memory.rows.len());
        memory.rows.push(sum);
    }
    sum
}

#[inline(always)]
fn placed(weights: &Weights, mut row: Row, token: &Token, casing: Casing) -> Row {
    let [tight, spaced] = &weights.spaced;
    let spacing = if token.is_spaced { spaced } else { tight };
    let casing = weights.casings.get(casing as usize).unwrap_or(spacing);
    for ((number, a), b) in row.iter_mut().zip(spacing).zip(casing) {
        *number = *number + a + b;
    }
    row
}

/// Sum in eight lanes, then across: an order that vector units of every width keep.
#[inline(always)]
fn sum(row: &Row) -> f32 {
    let mut lanes = [0.0_f32; 8];
    for chunk in row.as_chunks::<8>().0 {
        for (lane, number) in lanes.iter_mut().zip(chunk) {
            *lane += number;
        }
    }
    lanes.iter().sum()
}

/// Layer normalisation: Ba, Kiros & Hinton 2016, with ε = 1e-5.
#[inline(always)]
fn normalise(row: &Row, gain: &Row, offset: &Row, out: &mut Row) {
    const SHARE: f32 = 1.0 / 64.0;
    let mean = sum(row) * SHARE;
    let mut squares = [0.0; WIDTH];
    for ((square, out), number) in squares.iter_mut().zip(out.iter_mut()).zip(row) {
        *out = number - mean;
        *square = *out * *out;
    }
    let factor = (sum(&squares) * SHARE + 1e-5).sqrt().recip();
    for ((out, gain), offset) in out.iter_mut().zip(gain).zip(offset) {
        *out = *out * factor * gain + offset;
    }
}

/// Adds to each row of `state` what the layer makes of the row of `normed` and its two neighbours at `distance`.
#[inline(always)]
fn convolve(layer: &Layer, distance: usize, normed: &[Row], state: &mut [Row]) {
    let blocks = layer.kernel.chunks_exact(3 * WIDTH);
    for (column, (kernel, bias)) in blocks.zip(layer.bias.as_chunks::<LANES>().0).enumerate() {
        for (group, rows) in state.as_chunks_mut::<TOKENS>().0.iter_mut().enumerate() {
            let [mut s0, mut s1, mut s2, mut s3] = [*bias; TOKENS];
            for (tap, kernel) in kernel.as_chunks::<WIDTH>().0.iter().enumerate() {
                let first = TOKENS * group + MARGIN + tap * distance - distance;
                let Some([n0, n1, n2, n3]) = normed.get(first..first + TOKENS) else {
                    continue;
                };
                for ((((w, a0), a1), a2), a3) in kernel.iter().zip(n0).zip(n1).zip(n2).zip(n3) {
                    add(&mut s0, *a0, w);
                    add(&mut s1, *a1, w);
                    add(&mut s2, *a2, w);
                    add(&mut s3, *a3, w);
                }
            }
            for (row, sums) in rows.iter_mut().zip([s0, s1, s2, s3]) {
                let Some(part) = row.as_chunks_mut::<LANES>().0.get_mut(column) else {
                    continue;
                };
                for (number, sum) in part.iter_mut().zip(sums) {
                    *number += sum.max(0.0);
                }
            }
        }
    }
}

#[inline(always)]
fn add<const N: usize>(sums: &mut [f32; N], factor: f32, row: &[f32; N]) {
    for (sum, number) in sums.iter_mut().zip(row) {
        *sum += factor * number;
    }
}

/// Natural logarithm of the softmax over the labels, at the temperature that calibrates it.
#[inline(always)]
fn scores(weights: &Weights, normed: &Row) -> [f32; LABELS] {
    let mut sums = weights.out_bias;
    for (row, number) in weights.out.iter().zip(normed) {
        add(&mut sums, *number, row);
    }
    let mut logits = [0.0; LABELS];
    let cool = weights.temperature.recip();
    for (logit, sum) in logits.iter_mut().zip(sums) {
        *logit = sum * cool;
    }
    let most = logits.iter().copied().fold(f32::MIN, f32::max);
    let total: f32 = logits.iter().map(|l| (l - most).exp()).sum();
    let shift = most + total.ln();
    logits.map(|l| l - shift)
}
