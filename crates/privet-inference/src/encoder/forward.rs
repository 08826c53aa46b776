//! The forward pass of a BERT encoder.
//!
//! Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", NAACL 2019; Vaswani et al., "Attention Is
//! All You Need", 2017. Each text of a batch is seen on its own; only the products are made for all of them together.

use std::ops::Range;

use privet_types::Budget;
use pulp::Arch;

use super::activation::{Gelu, Normalise, Softmax};
use super::matmul::{Multiply, MultiplyPlain, Packed, Target, group};
use super::weights::{COLUMNS, Linear, Weights};
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
    let group = group(arch);
    embed(weights, ids, texts, &mut space.state);
    arch.dispatch(Normalise {
        rows: &mut space.state,
        residual: None,
        norm: &weights.norm,
    });
    for layer in &weights.layers {
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
        attend(arch, group, width, heads, texts, space);
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
    space
        .packed
        .fill(group, &space.state, weights.width, 0, weights.width);
    multiply(
        arch,
        &space.packed,
        &weights.labelled,
        &mut space.panel,
        ids.len(),
        &mut space.scores,
    );
    Ok(&space.scores)
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
fn attend(arch: Arch, group: usize, width: usize, heads: usize, texts: &[Range<usize>], space: &mut Space) {
    let depth = width / heads;
    let Space {
        packed,
        panels,
        query,
        key,
        value,
        scores,
        mixed,
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
        for offset in (0..heads).map(|head| head * depth) {
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
            arch.dispatch(Softmax {
                rows: scores,
                stride,
                length: text.len(),
                scale: (depth as f32).sqrt().recip(),
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
