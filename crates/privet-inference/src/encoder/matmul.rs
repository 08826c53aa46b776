//! Products of matrices, tile by tile.
//!
//! The left matrix is packed in groups of rows, the right one in panels of [`COLUMNS`] columns; the kernel makes a group by
//! a panel and keeps it in registers. Numbers of 4 bits become 32-bit ones a panel at a time, in space that stays in the
//! first cache: for 24 rows and more that costs less than reading eight times the bytes.

use pulp::{Arch, Simd, WithSimd};

use super::weights::{BLOCK, COLUMNS, Linear, Numbers};

/// Inputs that the kernel goes through before it turns to the next group: 12 KiB of a panel and up to 9 KiB of a group, which
/// the first cache holds together.
const DEPTH: usize = 6 * BLOCK;

/// Rows of a matrix in groups, input by input.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    numbers: Vec<f32>,
    /// Rows in a group.
    group: usize,
    inputs: usize,
}

/// Rows that the kernel takes at once: as many as the registers hold with a panel's columns.
pub(crate) fn group(arch: Arch) -> usize {
    struct Group;
    impl WithSimd for Group {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            match S::F32_LANES {
                16 => 12,
                8 => 6,
                4 => 3,
                _ => 1,
            }
        }
    }
    arch.dispatch(Group)
}

impl Packed {
    /// Packs `rows`, each of `inputs` numbers out of `stride`, from `offset` on. What fills the last group up is of no account:
    /// nobody reads what comes of it.
    pub(crate) fn fill(&mut self, group: usize, rows: &[f32], stride: usize, offset: usize, inputs: usize) {
        let count = rows.len() / stride.max(1);
        self.group = group;
        self.inputs = inputs;
        self.numbers.resize(count.next_multiple_of(group) * inputs, 0.0);
        let groups = self.numbers.chunks_exact_mut(group * inputs);
        for (out, rows) in groups.zip(rows.chunks(group * stride)) {
            let rows = rows
                .chunks_exact(stride)
                .filter_map(|row| row.get(offset..offset + inputs));
            match group {
                12 => interleave::<12>(rows, out),
                6 => interleave::<6>(rows, out),
                3 => interleave::<3>(rows, out),
                _ => interleave::<1>(rows, out),
            }
        }
    }
}

/// `rows`, at most `N`, as columns of `out`.
fn interleave<'a, const N: usize>(rows: impl Iterator<Item = &'a [f32]>, out: &mut [f32]) {
    let places = out.as_chunks_mut::<N>().0;
    for (column, row) in rows.enumerate().take(N) {
        for (place, number) in places.iter_mut().zip(row) {
            if let Some(place) = place.get_mut(column) {
                *place = *number;
            }
        }
    }
}

/// Where a product goes: rows of `stride` numbers, from `offset` on.
pub(crate) struct Target<'a> {
    pub(crate) numbers: &'a mut [f32],
    pub(crate) stride: usize,
    pub(crate) offset: usize,
}

/// `out` = `left` · `right` + bias.
pub(crate) struct Multiply<'a> {
    pub(crate) left: &'a Packed,
    pub(crate) right: &'a Linear,
    /// Space to work in.
    pub(crate) panel: &'a mut Vec<[f32; COLUMNS]>,
    pub(crate) out: &'a mut [f32],
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            left,
            right,
            panel,
            out,
        } = self;
        if left.inputs != right.inputs {
            return;
        }
        match &right.numbers {
            Numbers::Halves { halves, scales } => {
                let (rows, blocks) = (right.inputs / 2, right.inputs / BLOCK);
                let panels = halves.chunks_exact(rows).zip(scales.chunks_exact(blocks));
                for (at, ((halves, scales), bias)) in panels.zip(&right.bias).enumerate() {
                    let parts = halves.chunks(DEPTH / 2).zip(scales.chunks(DEPTH / BLOCK));
                    for (part, (halves, scales)) in parts.enumerate() {
                        unpack(halves, scales, panel);
                        add(
                            simd,
                            left,
                            part,
                            panel,
                            bias,
                            Target {
                                numbers: out,
                                stride: right.outputs,
                                offset: at * COLUMNS,
                            },
                        );
                    }
                }
            }
            #[cfg(feature = "onnx")]
            Numbers::Floats(numbers) => {
                let panels = numbers.chunks_exact(right.inputs.max(1));
                for (at, (numbers, bias)) in panels.zip(&right.bias).enumerate() {
                    for (part, panel) in numbers.chunks(DEPTH).enumerate() {
                        add(
                            simd,
                            left,
                            part,
                            panel,
                            bias,
                            Target {
                                numbers: out,
                                stride: right.outputs,
                                offset: at * COLUMNS,
                            },
                        );
                    }
                }
            }
        }
    }
}

/// The part `part` of a panel by every group, begun with `bias`. No closure: it would not be compiled for the processor's
/// vectors.
#[inline(always)]
fn add<S: Simd>(
    simd: S,
    left: &Packed,
    part: usize,
    panel: &[[f32; COLUMNS]],
    bias: &[f32; COLUMNS],
    out: Target<'_>,
) {
    let start = if part == 0 { Start::From(bias) } else { Start::Add };
    run(simd, left, part * DEPTH, panel, start, out);
}

/// `out` = `left` · `panels`, both of 32-bit numbers.
pub(crate) struct MultiplyPlain<'a> {
    pub(crate) left: &'a Packed,
    /// Panel by panel, an input a row.
    pub(crate) panels: &'a [[f32; COLUMNS]],
    pub(crate) out: Target<'a>,
}

impl WithSimd for MultiplyPlain<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, panels, out } = self;
        for (at, panel) in panels.chunks_exact(left.inputs.max(1)).enumerate() {
            let target = Target {
                numbers: out.numbers,
                stride: out.stride,
                offset: out.offset + at * COLUMNS,
            };
            run(simd, left, 0, panel, Start::From(&[0.0; COLUMNS]), target);
        }
    }
}

/// The 4-bit numbers of a panel times their scales.
#[inline(always)]
fn unpack(halves: &[[u8; COLUMNS]], scales: &[[f32; COLUMNS]], panel: &mut Vec<[f32; COLUMNS]>) {
    panel.resize(2 * halves.len(), [0.0; COLUMNS]);
    let blocks = panel.chunks_exact_mut(BLOCK).zip(halves.chunks_exact(BLOCK / 2));
    for ((block, halves), scales) in blocks.zip(scales) {
        for ([low, high], pair) in block.as_chunks_mut::<2>().0.iter_mut().zip(halves) {
            for (((low, high), pair), scale) in low.iter_mut().zip(high).zip(pair).zip(scales) {
                *low = f32::from(i16::from(pair & 15) - 8) * scale;
                *high = f32::from(i16::from(pair >> 4) - 8) * scale;
            }
        }
    }
}

/// What the sums of a tile begin with.
#[derive(Clone, Copy)]
enum Start<'a> {
    From(&'a [f32; COLUMNS]),
    /// What is in the target.
    Add,
}

/// One panel by every group, with the kernel that fits the registers. `from`: the panel's first input.
#[inline(always)]
fn run<S: Simd>(
    simd: S,
    left: &Packed,
    from: usize,
    panel: &[[f32; COLUMNS]],
    start: Start<'_>,
    out: Target<'_>,
) {
    match S::F32_LANES {
        16 => run_with::<S, 12, 1>(simd, left, from, panel, start, out),
        8 => run_with::<S, 6, 2>(simd, left, from, panel, start, out),
        4 => run_with::<S, 3, 4>(simd, left, from, panel, start, out),
        _ => run_with::<S, 1, 16>(simd, left, from, panel, start, out),
    }
}

#[inline(always)]
fn run_with<S: Simd, const ROWS: usize, const VECTORS: usize>(
    simd: S,
    left: &Packed,
    from: usize,
    panel: &[[f32; COLUMNS]],
    start: Start<'_>,
    out: Target<'_>,
) {
    if left.group != ROWS {
        return;
    }
    let groups = left.numbers.chunks_exact(ROWS * left.inputs.max(1));
    let Target {
        numbers,
        stride,
        offset,
    } = out;
    let places = numbers.chunks_mut(ROWS * stride.max(1));
    let (columns, _) = S::as_simd_f32s(panel.as_flattened());
    let columns = columns.as_chunks::<VECTORS>().0;
    for (group, places) in groups.zip(places) {
        let numbers = group.as_chunks::<ROWS>().0;
        let numbers = numbers.get(from..from + panel.len()).unwrap_or_default();
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        match start {
            Start::From(bias) => {
                let (bias, _) = S::as_simd_f32s(bias);
                for row in &mut sums {
                    for (sum, number) in row.iter_mut().zip(bias) {
                        *sum = *number;
                    }
                }
            }
            Start::Add => {
                for (row, place) in sums.iter_mut().zip(places.chunks_exact(stride)) {
                    let place = place.get(offset..offset + COLUMNS).unwrap_or_default();
                    for (sum, number) in row.iter_mut().zip(S::as_simd_f32s(place).0) {
                        *sum = *number;
                    }
                }
            }
        }
        for (numbers, columns) in numbers.iter().zip(columns) {
            for (row, number) in sums.iter_mut().zip(numbers) {
                let number = simd.splat_f32s(*number);
                for (sum, column) in row.iter_mut().zip(columns) {
                    *sum = simd.mul_add_e_f32s(number, *column, *sum);
                }
            }
        }
        for (row, place) in sums.iter().zip(places.chunks_exact_mut(stride)) {
            let place = place.get_mut(offset..offset + COLUMNS).unwrap_or_default();
            for (place, sum) in S::as_mut_simd_f32s(place).0.iter_mut().zip(row) {
                *place = *sum;
            }
        }
    }
}
