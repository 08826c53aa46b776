//! The forward pass of a BERT encoder.
//!
//! Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", NAACL 2019; Vaswani et al., "Attention Is
//! All You Need", 2017. Each text of a batch is seen on its own; only the products are made for all of them together.

use std::ops::Range;

use privet_types::Budget;
use pulp::Arch;

use super::activation::{Gelu, Normalise, Softmax};
use super::matmul::{Multiply, MultiplyPlain, Packed, Target, group};
#[cfg(feature = "onnx")]
use super::weights::{Activation, Layer, Pooler};
use super::weights::{COLUMNS, Distances, Linear, Positions, Weights};
use crate::error::Error;

/// Space to work in, kept from call to call. It changes no result.
#[derive(Debug, Default)]
pub(crate) struct Space {
    packed: Packed,
    panel: Vec<[f32; COLUMNS]>,
    panels: Vec<[f32; COLUMNS]>,
    state: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    scores: Vec<f32>,
    mixed: Vec<f32>,
    inner: Vec<f32>,
    outer: Vec<f32>,
    /// What a place and each distance have to do with each other: by the place's query, and by its key.
    by_query: Vec<f32>,
    by_key: Vec<f32>,
}

/// One score for each label of each of `ids`, in rows of `weights.labelled.outputs`, the first `weights.labels` of which count.
///
/// `texts`: ranges of `ids`, one after the other, none longer than the encoder has places.
///
/// # Errors
/// [`Error::Budget`] if the budget is cancelled.
pub(crate) fn forward<'s>(
    arch: Arch,
    weights: &Weights,
    heads: usize,
    ids: &[u32],
    texts: &[Range<usize>],
    space: &'s mut Space,
    budget: &Budget,
) -> Result<&'s [f32], Error> {
    encode(arch, weights, heads, ids, texts, space, budget)?;
    let Space {
        packed,
        panel,
        state,
        scores,
        ..
    } = space;
    packed.fill(group(arch), state, weights.width, 0, weights.width);
    multiply(arch, packed, &weights.labelled, panel, ids.len(), scores);
    Ok(&space.scores)
}

/// One score for each label of the one text `ids`, of which the first `weights.labels` count.
///
/// # Errors
/// [`Error::Budget`] if the budget is cancelled.
#[cfg(feature = "onnx")]
pub(crate) fn judge<'s>(
    arch: Arch,
    weights: &Weights,
    pooler: &Pooler,
    heads: usize,
    ids: &[u32],
    space: &'s mut Space,
    budget: &Budget,
) -> Result<&'s [f32], Error> {
    let whole = 0..ids.len();
    encode(
        arch,
        weights,
        heads,
        ids,
        std::slice::from_ref(&whole),
        space,
        budget,
    )?;
    let (group, width) = (group(arch), weights.width);
    let Space {
        packed,
        panel,
        state,
        scores,
        inner,
        ..
    } = space;
    packed.fill(group, state.get(..width).unwrap_or_default(), width, 0, width);
    multiply(arch, packed, &pooler.linear, panel, 1, inner);
    match pooler.activation {
        Activation::Tanh => inner.iter_mut().for_each(|n| *n = n.tanh()),
        Activation::Relu => inner.iter_mut().for_each(|n| *n = n.max(0.0)),
        Activation::Gelu => arch.dispatch(Gelu(inner)),
    }
    packed.fill(group, inner, width, 0, width);
    multiply(arch, packed, &weights.labelled, panel, 1, scores);
    Ok(&space.scores)
}

/// What the matrices of `layer` make of the distances in `rows`.
#[cfg(feature = "onnx")]
pub(crate) fn positions(arch: Arch, layer: &Layer, heads: usize, rows: &[f32]) -> Positions {
    let width = layer.query.inputs;
    let depth = width / heads.max(1);
    let mut space = Space::default();
    space.packed.fill(group(arch), rows, width, 0, width);
    let mut panels_of = |right: &Linear| {
        let count = rows.len() / width.max(1);
        multiply(
            arch,
            &space.packed,
            right,
            &mut space.panel,
            count,
            &mut space.outer,
        );
        let mut all = Vec::new();
        for head in 0..heads {
            turn(
                &space.outer,
                width,
                head * depth..(head + 1) * depth,
                &mut space.panels,
            );
            all.extend_from_slice(&space.panels);
        }
        all
    };
    Positions {
        keys: panels_of(&layer.key),
        queries: panels_of(&layer.query),
    }
}

/// Fills `space.state` with what the layers make of each of `ids`.
fn encode(
    arch: Arch,
    weights: &Weights,
    heads: usize,
    ids: &[u32],
    texts: &[Range<usize>],
    space: &mut Space,
    budget: &Budget,
) -> Result<(), Error> {
    let group = group(arch);
    embed(weights, ids, texts, &mut space.state);
    arch.dispatch(Normalise {
        rows: &mut space.state,
        residual: None,
        norm: &weights.norm,
    });
    for (at, layer) in weights.layers.iter().enumerate() {
        // Nothing is left to pay; but a caller that gives up is heard before each layer.
        budget.charge(0)?;
        let width = weights.width;
        space.packed.fill(group, &space.state, width, 0, width);
        let parts = [
            (&layer.query, &mut space.query),
            (&layer.key, &mut space.key),
            (&layer.value, &mut space.value),
        ];
        for (right, out) in parts {
            multiply(arch, &space.packed, right, &mut space.panel, ids.len(), out);
        }
        let relative = weights.relative.as_ref();
        let relative = relative.and_then(|all| Some((all.distances, all.layers.get(at)?)));
        attend(arch, width, heads, relative, texts, space);
        space.packed.fill(group, &space.mixed, width, 0, width);
        multiply(
            arch,
            &space.packed,
            &layer.mixed,
            &mut space.panel,
            ids.len(),
            &mut space.outer,
        );
        arch.dispatch(Normalise {
            rows: &mut space.outer,
            residual: Some(&space.state),
            norm: &layer.mixed_norm,
        });
        std::mem::swap(&mut space.state, &mut space.outer);
        space.packed.fill(group, &space.state, width, 0, width);
        multiply(
            arch,
            &space.packed,
            &layer.inner,
            &mut space.panel,
            ids.len(),
            &mut space.inner,
        );
        arch.dispatch(Gelu(&mut space.inner));
        let inner = layer.inner.outputs;
        space.packed.fill(group, &space.inner, inner, 0, inner);
        multiply(
            arch,
            &space.packed,
            &layer.outer,
            &mut space.panel,
            ids.len(),
            &mut space.outer,
        );
        arch.dispatch(Normalise {
            rows: &mut space.outer,
            residual: Some(&space.state),
            norm: &layer.outer_norm,
        });
        std::mem::swap(&mut space.state, &mut space.outer);
    }
    Ok(())
}

/// What the tables say of each piece and its place, added up.
fn embed(weights: &Weights, ids: &[u32], texts: &[Range<usize>], state: &mut Vec<f32>) {
    state.clear();
    state.reserve(ids.len() * weights.width);
    for ids in texts.iter().map(|text| ids.get(text.clone()).unwrap_or_default()) {
        for (place, id) in ids.iter().enumerate() {
            let from = state.len();
            state.extend_from_slice(&weights.kind);
            let row = state.get_mut(from..).unwrap_or_default();
            weights.words.add(*id as usize, row);
            weights.places.add(place, row);
        }
    }
}

fn multiply(
    arch: Arch,
    left: &Packed,
    right: &Linear,
    panel: &mut Vec<[f32; COLUMNS]>,
    rows: usize,
    out: &mut Vec<f32>,
) {
    out.resize(rows * right.outputs, 0.0);
    arch.dispatch(Multiply {
        left,
        right,
        panel,
        out,
    });
}

/// Fills `space.mixed` with what each place takes from the others of its text, head by head.
fn attend(
    arch: Arch,
    width: usize,
    heads: usize,
    relative: Option<(Distances, &Positions)>,
    texts: &[Range<usize>],
    space: &mut Space,
) {
    let (group, depth) = (group(arch), width / heads);
    // As many scores as are added up: of pieces, of a piece and a distance, of a distance and a piece.
    let parts = if relative.is_some() { 3.0 } else { 1.0 };
    let Space {
        packed,
        panels,
        query,
        key,
        value,
        scores,
        mixed,
        by_query,
        by_key,
        ..
    } = space;
    mixed.resize(query.len(), 0.0);
    for text in texts {
        let numbers = text.start * width..text.end * width;
        let (Some(query), Some(key), Some(value), Some(mixed)) = (
            query.get(numbers.clone()),
            key.get(numbers.clone()),
            value.get(numbers.clone()),
            mixed.get_mut(numbers),
        ) else {
            continue;
        };
        let stride = text.len().next_multiple_of(COLUMNS);
        for head in 0..heads {
            let offset = head * depth;
            packed.fill(group, query, width, offset, depth);
            turn(key, width, offset..offset + depth, panels);
            scores.resize(text.len() * stride, 0.0);
            arch.dispatch(MultiplyPlain {
                left: packed,
                panels,
                out: Target {
                    numbers: scores,
                    stride,
                    offset: 0,
                },
            });
            if let Some((distances, positions)) = relative {
                let length = 2 * distances.span;
                let [keys, queries] =
                    [&positions.keys, &positions.queries].map(|panels| of_head(panels, length, depth, head));
                let far = length.next_multiple_of(COLUMNS);
                // `packed` still holds the queries.
                let fill = |packed: &Packed, panels, out: &mut Vec<f32>| {
                    out.resize(text.len() * far, 0.0);
                    arch.dispatch(MultiplyPlain {
                        left: packed,
                        panels,
                        out: Target {
                            numbers: out,
                            stride: far,
                            offset: 0,
                        },
                    });
                };
                fill(packed, keys, by_query);
                packed.fill(group, key, width, offset, depth);
                fill(packed, queries, by_key);
                add_distances(distances, by_query, by_key, far, stride, scores);
            }
            arch.dispatch(Softmax {
                rows: scores,
                stride,
                length: text.len(),
                scale: (depth as f32 * parts).sqrt().recip(),
            });
            packed.fill(group, scores, stride, 0, text.len());
            panels.clear();
            for at in (offset..offset + depth).step_by(COLUMNS) {
                let rows = value.chunks_exact(width);
                panels.extend(
                    rows.filter_map(|row| row.get(at..)?.first_chunk::<COLUMNS>())
                        .copied(),
                );
            }
            arch.dispatch(MultiplyPlain {
                left: packed,
                panels,
                out: Target {
                    numbers: mixed,
                    stride: width,
                    offset,
                },
            });
        }
    }
}

/// The panels of `length` columns that belong to `head`.
fn of_head(panels: &[[f32; COLUMNS]], length: usize, depth: usize, head: usize) -> &[[f32; COLUMNS]] {
    let count = length.div_ceil(COLUMNS) * depth;
    panels.get(head * count..(head + 1) * count).unwrap_or_default()
}

/// Adds to the score of each two places what their distance says: to the first by its query, to the second by its key. Rows of
/// `by_query` and `by_key` are `far` apart, and those of `scores` `stride`.
fn add_distances(
    distances: Distances,
    by_query: &[f32],
    by_key: &[f32],
    far: usize,
    stride: usize,
    scores: &mut [f32],
) {
    let length = by_query.len() / far.max(1);
    // From the last place, seen from the first, to the first, seen from the last.
    let columns: Vec<usize> = (0..(2 * length).saturating_sub(1))
        .map(|at| distances.column(at as i64 + 1 - length as i64))
        .collect();
    let rows = scores
        .chunks_exact_mut(stride.max(1))
        .zip(by_query.chunks_exact(far.max(1)));
    for (place, (row, own)) in rows.enumerate() {
        let seen = columns.get(place..place + length).unwrap_or_default();
        let others = by_key.chunks_exact(far.max(1));
        for ((score, column), other) in row.iter_mut().zip(seen.iter().rev()).zip(others) {
            let number = |row: &[f32]| row.get(*column).copied().unwrap_or_default();
            *score += number(own) + number(other);
        }
    }
}

impl Distances {
    /// The row of the table of distances for a piece that stands `distance` places before.
    fn column(self, distance: i64) -> usize {
        let (size, middle) = (distance.unsigned_abs() as usize, self.span / 2);
        let counted = if size <= middle {
            size
        } else {
            // In 32-bit numbers, as the networks were trained with.
            let middle = middle as f32;
            let share = (size as f32 / middle).ln() / ((self.most as f32 - 1.0) / middle).ln();
            ((share * (middle - 1.0)).ceil() + middle).max(0.0) as usize
        };
        let column = if distance < 0 {
            self.span.saturating_sub(counted)
        } else {
            self.span + counted
        };
        column.min((2 * self.span).saturating_sub(1))
    }
}

/// `part` of each row, as a column of a panel; the last panel is filled with zeros.
fn turn(rows: &[f32], width: usize, part: Range<usize>, panels: &mut Vec<[f32; COLUMNS]>) {
    panels.clear();
    for rows in rows.chunks(COLUMNS * width) {
        let from = panels.len();
        panels.resize(from + part.len(), [0.0; COLUMNS]);
        for (column, row) in rows.chunks_exact(width).enumerate() {
            let row = row.get(part.clone()).unwrap_or_default();
            for (place, number) in panels.iter_mut().skip(from).zip(row) {
                if let Some(place) = place.get_mut(column) {
                    *place = *number;
                }
            }
        }
    }
}
