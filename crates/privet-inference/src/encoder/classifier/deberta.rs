//! DeBERTa of the second and third version, by the names that Hugging Face's exporters leave its tensors.
//!
//! Source: He et al., "DeBERTa: Decoding-enhanced BERT with Disentangled Attention", ICLR 2021, and "DeBERTaV3", ICLR 2023.
//! Biases, tables and normalisations keep their names in such a file, matrices mostly do not: a matrix is the one whose product
//! its bias is added to. That the graph puts them together as DeBERTa does is taken from the configuration; how often attention
//! looks, and how often it looks up distances, has to agree with it.

use std::cell::Cell;
use std::collections::HashMap;

use pulp::Arch;

use super::super::activation::Normalise;
use super::super::forward::positions;
use super::super::onnx::{Graph, Node};
use super::super::weights::{
    Activation, COLUMNS, Cells, Distances, Layer, Linear, MOST_LAYERS, MOST_WIDTH, Norm, Pooler, Relative,
    Table, Weights,
};
use super::pattern::{LinearNames, NormNames};
use super::trace::Trace;
use super::{LENGTHS, Source, bad};
use crate::error::Error;

/// What a DeBERTa's configuration says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deberta {
    pub(crate) width: usize,
    pub(crate) heads: usize,
    pub(crate) layers: usize,
    /// Most pieces of a text.
    pub(crate) places: usize,
    pub(crate) distances: Distances,
    pub(crate) epsilon: f32,
}

/// The names that a file ends its tensors' names with.
const WORDS: &str = "embeddings.word_embeddings.weight";

/// Reads the classifier of whole texts in `model`, the bytes of an ONNX file.
///
/// # Errors
/// [`Error`] if it is none that can be run here.
pub(crate) fn read(model: &[u8], shape: &Deberta, arch: Arch) -> Result<(Weights, Pooler), Error> {
    let Deberta {
        width,
        heads,
        layers,
        places,
        distances,
        epsilon,
    } = *shape;
    let is_fit = heads > 0 && width.is_multiple_of(heads) && (width / heads).is_multiple_of(COLUMNS);
    if !is_fit || width == 0 || width > MOST_WIDTH || layers == 0 || layers > MOST_LAYERS {
        return Err(bad(
            "its configuration has no size that can be run: heads are to be a multiple of 16 wide",
        ));
    }
    let is_fit = (4..=MOST_WIDTH).contains(&distances.span) && distances.most > distances.span / 2 + 1;
    if !is_fit || distances.most > 1 << 20 || places > 1 << 20 {
        return Err(bad("its configuration has no distances that can be counted"));
    }
    let graph = Graph::read(model)?;
    let mut words = graph.tensors.keys().filter_map(|name| name.strip_suffix(WORDS));
    let prefix = words
        .next()
        .ok_or_else(|| bad("it has no tensor `embeddings.word_embeddings.weight` as DeBERTa's files do"))?;
    if words.next().is_some() {
        return Err(bad("it holds two networks"));
    }
    let count = |operator: &str| {
        let nodes = graph.nodes.iter();
        nodes.filter(|node| node.operator == operator).count()
    };
    if count("Softmax") != layers || count("GatherElements") != 2 * layers {
        return Err(bad(
            "its attention is not DeBERTa's, or it was optimised; export it anew, without optimisation",
        ));
    }
    let trace = Trace::new(&graph, LENGTHS.first().copied().unwrap_or(5))?;
    let named = Named {
        source: Source {
            trace: &trace,
            left: Cell::new(model.len()),
        },
        sums: sums(&graph),
        products: products(&graph),
        graph: &graph,
        epsilon,
        width,
    };
    let part = |end: &str| format!("{prefix}{end}");
    let norm = named.norm(&part("embeddings.LayerNorm"))?;
    let far = 2 * distances.span;
    let mut rows = named.table(&part("encoder.rel_embeddings.weight"), Some(far))?.1;
    let rows_norm = named.norm(&part("encoder.LayerNorm"))?;
    arch.dispatch(Normalise {
        rows: &mut rows,
        residual: None,
        norm: &rows_norm,
    });
    let mut all = Vec::with_capacity(layers);
    let mut relative = Vec::with_capacity(layers);
    for at in 0..layers {
        let name = |end: &str| part(&format!("encoder.layer.{at}.{end}"));
        let square = |end: &str| Ok::<_, Error>(named.linear(&name(end), Some(width), Some(width))?.0);
        let (inner, inner_width) = named.linear(&name("intermediate.dense"), Some(width), None)?;
        if !inner_width.is_multiple_of(COLUMNS) {
            return Err(bad("the inner width is no multiple of 16"));
        }
        let layer = Layer {
            query: square("attention.self.query_proj")?,
            key: square("attention.self.key_proj")?,
            value: square("attention.self.value_proj")?,
            mixed: square("attention.output.dense")?,
            mixed_norm: named.norm(&name("attention.output.LayerNorm"))?,
            outer: named
                .linear(&name("output.dense"), Some(inner_width), Some(width))?
                .0,
            outer_norm: named.norm(&name("output.LayerNorm"))?,
            inner,
        };
        relative.push(positions(arch, &layer, heads, &rows));
        all.push(layer);
    }
    if graph
        .tensors
        .contains_key(part(&format!("encoder.layer.{layers}.output.dense.bias")).as_str())
    {
        return Err(bad("it has more layers than its configuration says"));
    }
    let pooler = Pooler {
        linear: named.linear("pooler.dense", Some(width), Some(width))?.0,
        activation: Activation::Gelu,
    };
    let (labelled, labels) = named.linear("classifier", Some(width), None)?;
    let (rows, numbers) = named.table(&part("embeddings.word_embeddings.weight"), None)?;
    let weights = Weights {
        width,
        labels,
        words: Table {
            cells: Cells::Floats(numbers),
            rows,
        },
        places: Table {
            cells: Cells::Nothing,
            rows: places,
        },
        kind: vec![0.0; width],
        norm,
        layers: all,
        relative: Some(Relative {
            distances,
            layers: relative,
        }),
        labelled,
    };
    Ok((weights, pooler))
}

/// Steps that add something, by each name that goes into them.
fn sums<'g, 'a>(graph: &'g Graph<'a>) -> HashMap<&'a str, &'g Node<'a>> {
    let nodes = graph.nodes.iter().filter(|node| node.operator == "Add");
    nodes
        .flat_map(|node| node.inputs.iter().map(move |input| (*input, node)))
        .collect()
}

/// Steps that multiply by a matrix, by what they put out.
fn products<'g, 'a>(graph: &'g Graph<'a>) -> HashMap<&'a str, &'g Node<'a>> {
    let nodes = graph.nodes.iter().filter(|node| node.operator == "MatMul");
    nodes.map(|node| (node.output, node)).collect()
}

/// Tensors by their names.
struct Named<'t, 'g, 'a> {
    source: Source<'t, 'g, 'a>,
    graph: &'g Graph<'a>,
    sums: HashMap<&'a str, &'g Node<'a>>,
    products: HashMap<&'a str, &'g Node<'a>>,
    epsilon: f32,
    width: usize,
}

impl Named<'_, '_, '_> {
    /// A matrix with its bias, and how many outputs count.
    fn linear(
        &self,
        name: &str,
        inputs: Option<usize>,
        outputs: Option<usize>,
    ) -> Result<(Linear, usize), Error> {
        let (bias, matrix) = (format!("{name}.bias"), format!("{name}.weight"));
        let names = if self.graph.tensors.contains_key(matrix.as_str()) {
            LinearNames {
                matrix: &matrix,
                bias: &bias,
                is_turned: true,
            }
        } else {
            let sum = self.sums.get(bias.as_str());
            let product = sum.and_then(|node| node.inputs.iter().find_map(|input| self.products.get(input)));
            let missing =
                || bad("a matrix that DeBERTa needs is missing, or is not kept as numbers of 16 or 32 bits");
            LinearNames {
                matrix: product.and_then(|node| node.inputs.get(1)).ok_or_else(missing)?,
                bias: &bias,
                is_turned: false,
            }
        };
        self.source.linear(&names, inputs, outputs)
    }

    fn norm(&self, name: &str) -> Result<Norm, Error> {
        let (gain, offset) = (format!("{name}.weight"), format!("{name}.bias"));
        let names = NormNames {
            gain: &gain,
            offset: &offset,
            epsilon: self.epsilon,
        };
        self.source.norm(&names, Some(self.width))
    }

    /// A table of `rows` rows, if that is said: how many it has, and its numbers.
    fn table(&self, name: &str, rows: Option<usize>) -> Result<(usize, Vec<f32>), Error> {
        let read = self.source.rows(name)?;
        match *read.shape.as_slice() {
            [own, width] if own > 0 && width == self.width && rows.is_none_or(|rows| rows == own) => {
                Ok((own, read.numbers))
            }
            _ => Err(bad("a table has another size than the configuration says")),
        }
    }
}
