//! Classifiers of the user's choice: BERT and DistilBERT in ONNX files as Hugging Face's Optimum and `torch.onnx` write them, and
//! DeBERTa ([`deberta`]).
//!
//! Such a file names hardly a matrix, and each exporter writes the same network in other steps. So the graph is read twice,
//! for texts of two lengths ([`trace`]), its parts are recognised ([`pattern`]), and only then are its numbers taken.

mod deberta;
mod head;
mod pattern;
mod small;
mod trace;

use std::cell::Cell;

use super::onnx::{Attribute, Graph, Tensor};
use super::weights::{
    COLUMNS, Cells, Layer, Linear, MOST_WIDTH, Norm, Numbers, Pooler, Table, Weights, panels,
};
use crate::error::Error;
use pattern::{LinearNames, NormNames, Pattern, Scores};
use trace::Trace;

pub(super) use deberta::{Deberta, read as read_deberta};

/// Pieces of the texts that a graph is tried on: different, so that no number stands for a length by chance, and odd.
const LENGTHS: [usize; 2] = [5, 7];

fn bad(reason: &'static str) -> Error {
    Error::Model { reason }
}

/// Reads the token classifier in `model`, the bytes of an ONNX file, whose attention has `heads` heads.
///
/// # Errors
/// [`Error`] if it is none that can be run here.
pub(super) fn read(model: &[u8], heads: usize) -> Result<Weights, Error> {
    Ok(read_any(model, heads, Scores::OfPieces)?.0)
}

/// Reads the classifier of whole texts in `model`; otherwise as [`read`].
///
/// # Errors
/// [`Error`] if it is none that can be run here.
pub(super) fn read_sequence(model: &[u8], heads: usize) -> Result<(Weights, Pooler), Error> {
    let (weights, pooler) = read_any(model, heads, Scores::OfText)?;
    Ok((weights, pooler.ok_or_else(|| bad("it has no pooler"))?))
}

fn read_any(model: &[u8], heads: usize, scores: Scores) -> Result<(Weights, Option<Pooler>), Error> {
    let graph = Graph::read(model)?;
    let [first, second] = LENGTHS;
    let trace = Trace::new(&graph, first)?;
    let names = Pattern::new(&trace, heads).names(scores)?;
    let again = Trace::new(&graph, second)?;
    if Pattern::new(&again, heads).names(scores)? != names {
        return Err(bad("its graph is another one for texts of another length"));
    }
    let source = Source {
        trace: &trace,
        left: Cell::new(model.len()),
    };
    let norm = source.norm(&names.norm, None)?;
    let width = norm.gain.len();
    if width == 0 || width > MOST_WIDTH || !width.is_multiple_of(COLUMNS) {
        return Err(bad("its width is out of range or no multiple of 16"));
    }
    let kind = match names.kinds {
        Some(name) => {
            let mut kind = vec![0.0; width];
            source.table(name, width)?.add(0, &mut kind);
            kind
        }
        None => vec![0.0; width],
    };
    let layers = names.layers.iter().map(|layer| {
        let square =
            |names: &LinearNames<'_>| Ok::<_, Error>(source.linear(names, Some(width), Some(width))?.0);
        let (inner, inner_width) = source.linear(&layer.inner, Some(width), None)?;
        if !inner_width.is_multiple_of(COLUMNS) {
            return Err(bad("the inner width is no multiple of 16"));
        }
        Ok(Layer {
            query: square(&layer.query)?,
            key: square(&layer.key)?,
            value: square(&layer.value)?,
            mixed: square(&layer.mixed)?,
            mixed_norm: source.norm(&layer.mixed_norm, Some(width))?,
            inner,
            outer: source.linear(&layer.outer, Some(inner_width), Some(width))?.0,
            outer_norm: source.norm(&layer.outer_norm, Some(width))?,
        })
    });
    let layers = layers.collect::<Result<Vec<_>, _>>()?;
    if layers.is_empty() {
        return Err(bad("it has no layers"));
    }
    let (labelled, labels) = source.linear(&names.labelled, Some(width), None)?;
    let pooler = names.pooled.map(|(names, activation)| {
        let linear = source.linear(&names, Some(width), Some(width))?.0;
        Ok::<_, Error>(Pooler { linear, activation })
    });
    let weights = Weights {
        width,
        labels,
        words: source.table(names.words, width)?,
        places: source.table(names.places, width)?,
        kind,
        norm,
        layers,
        relative: None,
        labelled,
    };
    Ok((weights, pooler.transpose()?))
}

/// Where numbers come from.
struct Source<'t, 'g, 'a> {
    trace: &'t Trace<'g, 'a>,
    /// How many numbers may still be read: each takes a byte of the file at least, and is needed once.
    left: Cell<usize>,
}

/// Numbers in rows.
struct Rows {
    shape: Vec<usize>,
    numbers: Vec<f32>,
}

impl Source<'_, '_, '_> {
    /// The numbers that `name` stands for: a tensor, or bytes with their scale, converted where they stand.
    fn rows(&self, name: &str) -> Result<Rows, Error> {
        self.rows_within(name, 4)
    }

    fn rows_within(&self, name: &str, steps: usize) -> Result<Rows, Error> {
        let other = || Error::Operator {
            operator: self.trace.origin(name),
            wanted: "a tensor of numbers",
        };
        let of = |tensor: &Tensor<'_>| {
            let left = self.left.get().checked_sub(tensor.count()?);
            self.left.set(left.ok_or_else(|| bad("its parts share tensors"))?);
            Ok(Rows {
                shape: tensor.dimensions.clone(),
                numbers: tensor.weights()?,
            })
        };
        if let Some(tensor) = self.trace.graph.tensors.get(name) {
            return of(tensor);
        }
        let node = self
            .trace
            .producer(name)
            .filter(|_| steps > 0)
            .ok_or_else(other)?;
        let input = |at: usize| {
            let name = node.inputs.get(at).ok_or_else(other)?;
            self.rows_within(name, steps - 1)
        };
        match (node.operator, node.inputs.len()) {
            ("Constant", _) => match node.attributes.first() {
                Some((_, Attribute::Tensor(tensor))) => of(tensor),
                _ => Err(other()),
            },
            ("Identity" | "Cast", 1) => input(0),
            ("Mul", 2) => {
                let (a, b) = (input(0)?, input(1)?);
                let (numbers, scales) = if a.numbers.len() >= b.numbers.len() {
                    (a, b)
                } else {
                    (b, a)
                };
                numbers.scaled(&scales).ok_or_else(other)
            }
            ("DequantizeLinear", 2 | 3) => {
                let (mut numbers, mut scales) = (input(0)?, input(1)?);
                let mut zeros = match node.inputs.len() {
                    3 => Some(input(2)?),
                    _ => None,
                };
                let rank = numbers.shape.len();
                let along = small::axis(node.integer("axis").unwrap_or(1), rank);
                for row in std::iter::once(&mut scales).chain(&mut zeros) {
                    if row.numbers.len() > 1 {
                        let mut shape = vec![1; rank];
                        *along
                            .and_then(|at| shape.get_mut(at))
                            .filter(|_| row.shape.len() == 1)
                            .ok_or_else(other)? = row.numbers.len();
                        row.shape = shape;
                    }
                }
                if let Some(zeros) = zeros {
                    numbers = numbers.joined(&zeros, |a, b| a - b).ok_or_else(other)?;
                }
                numbers.scaled(&scales).ok_or_else(other)
            }
            ("Transpose", 1) => {
                let is_turn = match node.attribute("perm") {
                    Some(Attribute::Numbers(perm)) => *perm == [1, 0],
                    Some(_) => false,
                    None => true,
                };
                let rows = input(0)?;
                if !is_turn {
                    return Err(other());
                }
                rows.turned().ok_or_else(other)
            }
            _ => Err(other()),
        }
    }

    fn norm(&self, names: &NormNames<'_>, width: Option<usize>) -> Result<Norm, Error> {
        let (gain, offset) = (self.rows(names.gain)?.numbers, self.rows(names.offset)?.numbers);
        let is_fit = gain.len() == offset.len() && width.is_none_or(|width| gain.len() == width);
        if !is_fit || !(1e-14..1e-2).contains(&names.epsilon) {
            return Err(bad(
                "a normalisation has another width or divisor than the encoder's",
            ));
        }
        Ok(Norm {
            gain,
            offset,
            epsilon: names.epsilon,
        })
    }

    fn table(&self, name: &str, width: usize) -> Result<Table, Error> {
        let Rows { shape, numbers } = self.rows(name)?;
        match shape.as_slice() {
            &[rows, columns] if rows > 0 && columns == width => Ok(Table {
                cells: Cells::Floats(numbers),
                rows,
            }),
            _ => Err(bad("an embedding has another width than the encoder")),
        }
    }

    /// A matrix with its bias, and how many outputs count.
    fn linear(
        &self,
        names: &LinearNames<'_>,
        inputs: Option<usize>,
        outputs: Option<usize>,
    ) -> Result<(Linear, usize), Error> {
        let mut matrix = self.rows(names.matrix)?;
        if names.is_turned {
            matrix = matrix
                .turned()
                .ok_or_else(|| bad("a matrix has another size than the encoder needs"))?;
        }
        let bias = self.rows(names.bias)?.numbers;
        let &[k, n] = matrix.shape.as_slice() else {
            return Err(bad("a matrix has another size than the encoder needs"));
        };
        let is_fit = inputs.is_none_or(|inputs| inputs == k) && outputs.is_none_or(|outputs| outputs == n);
        if !is_fit || bias.len() != n || k == 0 || n == 0 || k > MOST_WIDTH || n > MOST_WIDTH {
            return Err(bad("a matrix has another size than the encoder needs"));
        }
        let bias: Vec<[f32; COLUMNS]> = panels(&bias, 1, 0.0);
        let mut numbers = Vec::with_capacity(bias.len() * k);
        for from in (0..n).step_by(COLUMNS) {
            for row in matrix.numbers.chunks_exact(n) {
                let mut panel = [0.0; COLUMNS];
                for (place, number) in panel.iter_mut().zip(row.iter().skip(from)) {
                    *place = *number;
                }
                numbers.push(panel);
            }
        }
        let linear = Linear {
            inputs: k,
            outputs: bias.len() * COLUMNS,
            numbers: Numbers::Floats(numbers),
            bias,
        };
        Ok((linear, n))
    }
}

impl Rows {
    /// Rows as columns; `None` if it is no matrix.
    fn turned(&self) -> Option<Self> {
        let &[height, width] = self.shape.as_slice() else {
            return None;
        };
        let column = |at: usize| self.numbers.iter().skip(at).step_by(width.max(1)).copied();
        Some(Self {
            shape: vec![width, height],
            numbers: (0..width).flat_map(column).collect(),
        })
    }

    /// Each number with the one of `other`, a single one, a row or a column.
    fn joined(self, other: &Self, join: impl Fn(f32, f32) -> f32) -> Option<Self> {
        let width = self.shape.last().copied().unwrap_or(1).max(1);
        let pick = |at: usize| match (other.shape.as_slice(), other.numbers.as_slice()) {
            (_, [one]) => Some(*one),
            ([n] | [1, n], row) if *n == width => row.get(at % width).copied(),
            ([n, 1], column) if Some(n) == self.shape.first() => column.get(at / width).copied(),
            _ => None,
        };
        let numbers = self.numbers.iter().enumerate();
        let numbers = numbers.map(|(at, n)| Some(join(*n, pick(at)?)));
        Some(Self {
            numbers: numbers.collect::<Option<_>>()?,
            shape: self.shape,
        })
    }

    fn scaled(self, scales: &Self) -> Option<Self> {
        self.joined(scales, |a, b| a * b)
    }
}
