//! The numbers of an encoder, bound from an ONNX file by the names that Hugging Face's exporter gives them.

use std::collections::HashMap;

use super::onnx::{Graph, Node};
use crate::error::Error;

/// Columns of a panel: what one step of the kernel makes of a row.
pub(crate) const COLUMNS: usize = 16;
/// Inputs that share a scale.
pub(crate) const BLOCK: usize = 32;

/// Bounds on what is read: more than any encoder that could be run here has.
pub(crate) const MOST_LAYERS: usize = 48;
pub(crate) const MOST_WIDTH: usize = 8192;

/// A matrix and a bias.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(crate) inputs: usize,
    /// Rounded up to a multiple of [`COLUMNS`]; what is beyond is zero.
    pub(crate) outputs: usize,
    pub(crate) numbers: Numbers,
    pub(crate) bias: Vec<[f32; COLUMNS]>,
}

/// The numbers of a matrix, panel by panel.
#[derive(Debug)]
pub(crate) enum Numbers {
    /// Of 4 bits, with a scale for each [`BLOCK`] of a column; inputs are a multiple of that.
    Halves {
        /// Two inputs a row: [`COLUMNS`] bytes with the first of the two in the low half. A number is the half less 8.
        halves: Vec<[u8; COLUMNS]>,
        /// A row for each block of inputs.
        scales: Vec<[f32; COLUMNS]>,
    },
    /// An input a row.
    #[cfg(feature = "onnx")]
    Floats(Vec<[f32; COLUMNS]>),
}

/// Gain and offset of a layer normalisation.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) gain: Vec<f32>,
    pub(crate) offset: Vec<f32>,
    /// What keeps the divisor from zero.
    pub(crate) epsilon: f32,
}

/// A table of vectors.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) cells: Cells,
    pub(crate) rows: usize,
}

/// The numbers of a table, row by row.
#[derive(Debug)]
pub(crate) enum Cells {
    /// A byte a number.
    Bytes { numbers: Vec<u8>, scale: f32, zero: f32 },
    #[cfg(feature = "onnx")]
    Floats(Vec<f32>),
    /// Zeros: such a table only says how many rows there may be.
    #[cfg(feature = "onnx")]
    Nothing,
}

/// What attention adds for the distance of two pieces: He et al., "DeBERTa: Decoding-enhanced BERT with Disentangled
/// Attention", ICLR 2021.
#[derive(Debug)]
pub(crate) struct Relative {
    pub(crate) distances: Distances,
    /// One for each layer.
    pub(crate) layers: Vec<Positions>,
}

/// How distances are counted: exactly up to half of `span`, beyond that by their logarithm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Distances {
    /// Distances in one direction that are told apart.
    pub(crate) span: usize,
    /// Beyond this one all are the same.
    pub(crate) most: usize,
}

/// What a layer's matrices make of distances, as panels, head after head.
#[derive(Debug)]
pub(crate) struct Positions {
    /// By which pieces are looked for.
    pub(crate) keys: Vec<[f32; COLUMNS]>,
    /// By which they look.
    pub(crate) queries: Vec<[f32; COLUMNS]>,
}

/// What is made of the first piece before its labels are asked for.
#[cfg(feature = "onnx")]
#[derive(Debug)]
pub(crate) struct Pooler {
    /// As wide as the encoder in both directions.
    pub(crate) linear: Linear,
    pub(crate) activation: Activation,
}

/// What becomes of a number between two matrices.
#[cfg(feature = "onnx")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    Tanh,
    Relu,
    Gelu,
}

#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) query: Linear,
    pub(crate) key: Linear,
    pub(crate) value: Linear,
    pub(crate) mixed: Linear,
    pub(crate) mixed_norm: Norm,
    pub(crate) inner: Linear,
    pub(crate) outer: Linear,
    pub(crate) outer_norm: Norm,
}

#[derive(Debug)]
pub(crate) struct Weights {
    pub(crate) width: usize,
    pub(crate) labels: usize,
    pub(crate) words: Table,
    pub(crate) places: Table,
    /// What the encoder adds for the first of two texts; there is never a second.
    pub(crate) kind: Vec<f32>,
    pub(crate) norm: Norm,
    pub(crate) layers: Vec<Layer>,
    pub(crate) relative: Option<Relative>,
    pub(crate) labelled: Linear,
}

fn bad(reason: &'static str) -> Error {
    Error::Model { reason }
}

impl Table {
    fn read(graph: &Graph<'_>, name: &str, width: usize) -> Result<Self, Error> {
        let part = |end: &str| graph.tensor(&format!("bert.embeddings.{name}.weight_{end}"));
        let quantized = part("quantized")?;
        let &[rows, columns] = quantized.dimensions.as_slice() else {
            return Err(bad("an embedding is no table"));
        };
        if columns != width || rows == 0 {
            return Err(bad("an embedding has another width than the encoder"));
        }
        let cells = Cells::Bytes {
            numbers: quantized.bytes()?.to_vec(),
            scale: part("scale")?.float()?,
            zero: f32::from(part("zero_point")?.byte()?),
        };
        Ok(Self { cells, rows })
    }

    /// Adds the `row`th row to `sum`.
    #[inline(always)]
    pub(crate) fn add(&self, row: usize, sum: &mut [f32]) {
        let start = row * sum.len();
        let row = start..start + sum.len();
        match &self.cells {
            Cells::Bytes { numbers, scale, zero } => {
                for (sum, number) in sum.iter_mut().zip(numbers.get(row).unwrap_or_default()) {
                    *sum += (f32::from(*number) - zero) * scale;
                }
            }
            #[cfg(feature = "onnx")]
            Cells::Floats(numbers) => {
                for (sum, number) in sum.iter_mut().zip(numbers.get(row).unwrap_or_default()) {
                    *sum += number;
                }
            }
            #[cfg(feature = "onnx")]
            Cells::Nothing => {}
        }
    }
}

impl Norm {
    fn read(graph: &Graph<'_>, name: &str, width: usize) -> Result<Self, Error> {
        let part = |end: &str| graph.tensor(&format!("{name}.LayerNorm.{end}"))?.floats();
        let (gain, offset) = (part("weight")?, part("bias")?);
        if gain.len() != width || offset.len() != width {
            return Err(bad("a normalisation has another width than the encoder"));
        }
        Ok(Self {
            gain,
            offset,
            epsilon: 1e-12,
        })
    }
}

/// Finds the matrix that belongs to a bias: the graph names biases, but not matrices.
struct Matrices<'g, 'a> {
    graph: &'g Graph<'a>,
    /// `MatMulNBits` by what it puts out.
    products: HashMap<&'a str, &'g Node<'a>>,
}

impl<'g, 'a> Matrices<'g, 'a> {
    fn new(graph: &'g Graph<'a>) -> Self {
        let is_product = |node: &&Node<'_>| node.operator == "MatMulNBits";
        Self {
            graph,
            products: graph
                .nodes
                .iter()
                .filter(is_product)
                .map(|n| (n.output, n))
                .collect(),
        }
    }

    fn of_bias(&self, bias: &str) -> Result<&'g Node<'a>, Error> {
        let mut sums = self.graph.nodes.iter().filter(|node| node.operator == "Add");
        let sum = sums.find(|node| node.inputs.contains(&bias));
        sum.and_then(|node| node.inputs.iter().find_map(|input| self.products.get(input)))
            .copied()
            .ok_or_else(|| bad("a matrix that the encoder needs is missing, or is not stored in 4 bits"))
    }

    fn read(&self, name: &str, inputs: Option<usize>, outputs: Option<usize>) -> Result<Linear, Error> {
        let bias_name = format!("{name}.bias");
        let node = self.of_bias(&bias_name)?;
        let (k, n) = (node.number("K"), node.number("N"));
        let (Some(k), Some(n)) = (k, n) else {
            return Err(bad("a matrix has no size"));
        };
        let is_known = node.number("bits") == Some(4) && node.number("block_size") == Some(BLOCK);
        // A fourth input would be zero points; without them 8 stands for zero.
        let &[_, numbers, scales] = node.inputs.as_slice() else {
            return Err(bad("a matrix is stored in another way than the encoder's"));
        };
        if !is_known || k % BLOCK != 0 || k == 0 || n == 0 || k > MOST_WIDTH || n > MOST_WIDTH {
            return Err(bad("a matrix is stored in another way than the encoder's"));
        }
        if inputs.is_some_and(|inputs| inputs != k) || outputs.is_some_and(|outputs| outputs != n) {
            return Err(bad("a matrix has another size than the encoder needs"));
        }
        let numbers = self.graph.tensor(numbers)?.bytes()?;
        let scales = self.graph.tensor(scales)?.floats()?;
        let bias = self.graph.tensor(&bias_name)?.floats()?;
        if numbers.len() != n * k / 2 || scales.len() != n * k / BLOCK || bias.len() != n {
            return Err(bad("a matrix has another size than the encoder needs"));
        }
        Ok(Linear::new(k, numbers, &scales, &bias))
    }
}

impl Linear {
    /// `numbers`: two a byte, `scales`: one a block, both output by output.
    fn new(inputs: usize, numbers: &[u8], scales: &[f32], bias: &[f32]) -> Self {
        // 0x88: twice a zero.
        let halves = panels(numbers, inputs / 2, 0x88);
        let scales = panels(scales, inputs / BLOCK, 0.0);
        let bias: Vec<[f32; COLUMNS]> = panels(bias, 1, 0.0);
        Self {
            inputs,
            outputs: bias.len() * COLUMNS,
            numbers: Numbers::Halves { halves, scales },
            bias,
        }
    }
}

/// Rows of `width`, as columns of panels; `filler` where there are fewer than a whole panel of them.
pub(crate) fn panels<T: Copy>(rows: &[T], width: usize, filler: T) -> Vec<[T; COLUMNS]> {
    let mut out = Vec::with_capacity(rows.len().div_ceil(COLUMNS));
    for panel in rows.chunks(width * COLUMNS) {
        let from = out.len();
        out.resize(from + width, [filler; COLUMNS]);
        for (column, row) in panel.chunks_exact(width).enumerate() {
            for (place, value) in out.iter_mut().skip(from).zip(row) {
                if let Some(place) = place.get_mut(column) {
                    *place = *value;
                }
            }
        }
    }
    out
}

impl Weights {
    /// Binds the encoder in `model`, the bytes of an ONNX file.
    pub(crate) fn read(model: &[u8]) -> Result<Self, Error> {
        let graph = Graph::read(model)?;
        let matrices = Matrices::new(&graph);
        let width = graph.tensor("bert.embeddings.LayerNorm.weight")?.floats()?.len();
        if width == 0 || width > MOST_WIDTH {
            return Err(bad("its width is out of range"));
        }
        let kinds = Table::read(&graph, "token_type_embeddings", width)?;
        let mut kind = vec![0.0; width];
        kinds.add(0, &mut kind);
        let mut layers = Vec::new();
        while layers.len() < MOST_LAYERS
            && graph
                .tensors
                .contains_key(format!("bert.encoder.layer.{}.output.dense.bias", layers.len()).as_str())
        {
            layers.push(Layer::read(&graph, &matrices, layers.len(), width)?);
        }
        if layers.is_empty() {
            return Err(bad("it has no layers"));
        }
        let labelled = matrices.read("classifier", Some(width), None)?;
        Ok(Self {
            width,
            labels: graph.tensor("classifier.bias")?.floats()?.len(),
            words: Table::read(&graph, "word_embeddings", width)?,
            places: Table::read(&graph, "position_embeddings", width)?,
            kind,
            norm: Norm::read(&graph, "bert.embeddings", width)?,
            layers,
            relative: None,
            labelled,
        })
    }
}

impl Layer {
    fn read(graph: &Graph<'_>, matrices: &Matrices<'_, '_>, at: usize, width: usize) -> Result<Self, Error> {
        let name = |end: &str| format!("bert.encoder.layer.{at}.{end}");
        let square = |end: &str| matrices.read(&name(end), Some(width), Some(width));
        let inner = matrices.read(&name("intermediate.dense"), Some(width), None)?;
        Ok(Self {
            query: square("attention.self.query")?,
            key: square("attention.self.key")?,
            value: square("attention.self.value")?,
            mixed: square("attention.output.dense")?,
            mixed_norm: Norm::read(graph, &name("attention.output"), width)?,
            outer: matrices.read(&name("output.dense"), Some(inner.outputs), Some(width))?,
            outer_norm: Norm::read(graph, &name("output"), width)?,
            inner,
        })
    }
}
