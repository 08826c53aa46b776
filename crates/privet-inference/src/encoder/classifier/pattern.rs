//! Recognises BERT and DistilBERT in a graph, from the scores back to the pieces, and names the tensors of each part.
//!
//! Nothing is taken on trust: how heads are split and joined is followed number by number for a short text, the mask has to
//! come to nothing for a text without padding, and places have to be counted from 0.

use super::super::onnx::{Attribute, Node};
use super::super::weights::{Activation, MOST_LAYERS, MOST_WIDTH};
use super::small::Small;
use super::trace::Trace;
use crate::error::Error;

/// Most steps in a row that change no number, or only scale all.
const MOST_STEPS: usize = 16;
/// How far constants may be from what they stand for, relative to it: numbers of 16 bits have no more than three digits.
const NEAR: f64 = 5e-4;
/// Steps that are looked through for one that is not known.
const MOST_LOOKED_AT: usize = 64;

/// Operators that a part can have; what has another one is refused for that.
const KNOWN: [&str; 28] = [
    "Add",
    "Cast",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Div",
    "Dropout",
    "Equal",
    "Erf",
    "Expand",
    "Gather",
    "Gelu",
    "Gemm",
    "Identity",
    "IsNaN",
    "LayerNormalization",
    "MatMul",
    "Mul",
    "Pow",
    "ReduceMean",
    "Relu",
    "Reshape",
    "Softmax",
    "Sqrt",
    "Sub",
    "Tanh",
    "Transpose",
    "Where",
];

/// The tensors of a matrix and its bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinearNames<'a> {
    pub(super) matrix: &'a str,
    pub(super) bias: &'a str,
    /// Whether the matrix has a row for each output.
    pub(super) is_turned: bool,
}

/// The tensors of a normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct NormNames<'a> {
    pub(super) gain: &'a str,
    pub(super) offset: &'a str,
    pub(super) epsilon: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LayerNames<'a> {
    pub(super) query: LinearNames<'a>,
    pub(super) key: LinearNames<'a>,
    pub(super) value: LinearNames<'a>,
    pub(super) mixed: LinearNames<'a>,
    pub(super) mixed_norm: NormNames<'a>,
    pub(super) inner: LinearNames<'a>,
    pub(super) outer: LinearNames<'a>,
    pub(super) outer_norm: NormNames<'a>,
}

/// The tensors of an encoder.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Names<'a> {
    pub(super) words: &'a str,
    pub(super) places: &'a str,
    pub(super) kinds: Option<&'a str>,
    pub(super) norm: NormNames<'a>,
    pub(super) layers: Vec<LayerNames<'a>>,
    /// What is made of the first piece, if only that is asked.
    pub(super) pooled: Option<(LinearNames<'a>, Activation)>,
    pub(super) labelled: LinearNames<'a>,
}

/// The tables of pieces and of places, and of kinds of text if there is one.
type Tables<'a> = (&'a str, &'a str, Option<&'a str>);

/// Steps that only move and scale numbers, from what they begin with on.
struct Moved<'g, 'a> {
    root: &'a str,
    steps: Vec<&'g Node<'a>>,
    factor: f64,
}

/// What a network gives scores to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scores {
    /// To each piece.
    OfPieces,
    /// To the whole text.
    OfText,
}

/// Reads a graph along a [`Trace`].
pub(super) struct Pattern<'t, 'g, 'a> {
    pub(super) trace: &'t Trace<'g, 'a>,
    heads: usize,
}

impl<'t, 'g, 'a> Pattern<'t, 'g, 'a> {
    pub(super) fn new(trace: &'t Trace<'g, 'a>, heads: usize) -> Self {
        Self { trace, heads }
    }

    /// The names of all tensors that the encoder needs, which puts out scores of `Scores`.
    ///
    /// # Errors
    /// [`Error`] if the graph is any other than a BERT's or DistilBERT's.
    pub(super) fn names(&self, scores: Scores) -> Result<Names<'a>, Error> {
        let outputs = &self.trace.graph.outputs;
        let logits = match outputs.as_slice() {
            [only] => *only,
            many => many
                .iter()
                .copied()
                .find(|name| *name == "logits")
                .ok_or(Error::Model {
                    reason: "its graph has several outputs and none named `logits`",
                })?,
        };
        let (state, pooled, labelled) = match scores {
            Scores::OfPieces => {
                let (state, labelled) = self
                    .linear(self.resolve(logits))
                    .ok_or_else(|| self.other(logits, "the matrix of the labels"))?;
                (state, None, labelled)
            }
            Scores::OfText => {
                let (state, pooled, labelled) = self.head(logits)?;
                (state, Some(pooled), labelled)
            }
        };
        let mut layers = Vec::new();
        let mut state = self.resolve(state);
        loop {
            let (sum, norm) = self
                .norm(state)
                .ok_or_else(|| self.other(state, "a normalisation"))?;
            if let Some((words, places, kinds)) = self.embeddings(sum)? {
                layers.reverse();
                return Ok(Names {
                    words,
                    places,
                    kinds,
                    norm,
                    layers,
                    pooled,
                    labelled,
                });
            }
            if layers.len() >= MOST_LAYERS {
                return Err(Error::Model {
                    reason: "it has too many layers",
                });
            }
            let (layer, before) = self.layer(sum, norm)?;
            layers.push(layer);
            state = before;
        }
    }

    /// The layer that puts `sum` out, before its last normalisation, and what it is made of.
    fn layer(&self, sum: &'a str, outer_norm: NormNames<'a>) -> Result<(LayerNames<'a>, &'a str), Error> {
        let (active, outer, middle) = self
            .residual(sum)
            .ok_or_else(|| self.other(sum, "the sum of a feed-forward part and its input"))?;
        let linear = self
            .gelu(active)
            .ok_or_else(|| self.other(active, "GELU by the error function"))?;
        let (from, inner) = self
            .linear(self.resolve(linear))
            .ok_or_else(|| self.other(linear, "the first matrix of a feed-forward part"))?;
        self.same(from, middle)?;
        let (sum, mixed_norm) = self
            .norm(middle)
            .ok_or_else(|| self.other(middle, "a normalisation"))?;
        let (joined, mixed, before) = self
            .residual(sum)
            .ok_or_else(|| self.other(sum, "the sum of attention and its input"))?;
        let [query, key, value] = self.attention(joined, before)?;
        let layer = LayerNames {
            query,
            key,
            value,
            mixed,
            mixed_norm,
            inner,
            outer,
            outer_norm,
        };
        Ok((layer, before))
    }

    /// `name` is not what is `wanted` there: for the operator that puts it out, or for one near by that nobody knows.
    pub(super) fn other(&self, name: &str, wanted: &'static str) -> Error {
        let (mut open, mut looked_at) = (vec![name], 0);
        let mut culprit = name;
        while let Some(next) = open
            .get(looked_at)
            .copied()
            .filter(|_| looked_at < MOST_LOOKED_AT)
        {
            looked_at += 1;
            if self.trace.known(next).is_some() || self.trace.is_constant(next) {
                continue;
            }
            match self.trace.producer(next) {
                Some(node) if KNOWN.contains(&node.operator) => open.extend(&node.inputs),
                _ => {
                    culprit = next;
                    break;
                }
            }
        }
        Error::Operator {
            operator: self.trace.origin(culprit),
            wanted,
        }
    }

    /// That a part takes what it has to take.
    fn same(&self, from: &'a str, wanted: &'a str) -> Result<(), Error> {
        if self.resolve(from) == wanted {
            Ok(())
        } else {
            Err(self.other(from, "the layer's own input"))
        }
    }

    /// `name`, or what it is a copy of.
    pub(super) fn resolve(&self, name: &'a str) -> &'a str {
        let mut name = name;
        for _ in 0..MOST_STEPS {
            let Some(node) = self.trace.producer(name) else {
                break;
            };
            let is_copy = match node.operator {
                "Identity" => true,
                "Cast" => matches!(node.integer("to"), Some(1 | 10)),
                // Two more inputs would say that it is being trained.
                "Dropout" => node.inputs.len() <= 2,
                _ => false,
            };
            match node.inputs.first() {
                Some(input) if is_copy => name = input,
                _ => break,
            }
        }
        name
    }

    pub(super) fn node(&self, name: &'a str, operator: &str) -> Option<&'g Node<'a>> {
        let node = self.trace.producer(self.resolve(name))?;
        (node.operator == operator).then_some(node)
    }

    fn scalar(&self, name: &str) -> Option<f64> {
        self.trace.known(name)?.scalar()
    }

    fn is_near(&self, name: &str, wanted: f64) -> bool {
        self.scalar(name).is_some_and(|n| is_near(n, wanted))
    }

    /// What a step takes beside a constant, and that.
    fn beside_constant(&self, node: &Node<'a>) -> Option<(&'a str, &'a str)> {
        let &[a, b] = node.inputs.as_slice() else {
            return None;
        };
        match (self.trace.is_constant(a), self.trace.is_constant(b)) {
            (false, true) => Some((a, b)),
            (true, false) => Some((b, a)),
            _ => None,
        }
    }

    /// `name` as a product with a matrix, plus a bias.
    pub(super) fn linear(&self, name: &'a str) -> Option<(&'a str, LinearNames<'a>)> {
        let (product, bias) = self.beside_constant(self.node(name, "Add")?)?;
        let node = self.node(product, "MatMul")?;
        let &[input, matrix] = node.inputs.as_slice() else {
            return None;
        };
        let is_linear = self.trace.is_constant(matrix) && !self.trace.is_constant(input);
        let names = LinearNames {
            matrix,
            bias,
            is_turned: false,
        };
        is_linear.then_some((input, names))
    }

    /// `name` as a normalisation of something, in one step or in nine.
    fn norm(&self, name: &'a str) -> Option<(&'a str, NormNames<'a>)> {
        if let Some(node) = self.node(name, "LayerNormalization") {
            let &[input, gain, offset] = node.inputs.as_slice() else {
                return None;
            };
            let is_last = matches!(node.integer("axis").unwrap_or(-1), -1 | 2);
            let epsilon = match node.attribute("epsilon") {
                None => 1e-5,
                Some(Attribute::Float(epsilon)) => *epsilon,
                Some(_) => return None,
            };
            let names = NormNames {
                gain,
                offset,
                epsilon,
            };
            return is_last.then_some((self.resolve(input), names));
        }
        let (scaled, offset) = self.beside_constant(self.node(name, "Add")?)?;
        let (divided, gain) = self.beside_constant(self.node(scaled, "Mul")?)?;
        let &[above, below] = self.node(divided, "Div")?.inputs.as_slice() else {
            return None;
        };
        let input = self.centred(above)?;
        let root = self.node(below, "Sqrt")?;
        let (variance, epsilon) = self.beside_constant(self.node(root.inputs.first()?, "Add")?)?;
        let squares = self.mean(variance)?;
        let from = match (self.node(squares, "Pow"), self.node(squares, "Mul")) {
            (Some(node), _) if self.is_near(node.inputs.get(1)?, 2.0) => *node.inputs.first()?,
            (_, Some(node)) if node.inputs.first()? == node.inputs.get(1)? => *node.inputs.first()?,
            _ => return None,
        };
        let names = NormNames {
            gain,
            offset,
            epsilon: self.scalar(epsilon)? as f32,
        };
        (self.centred(from)? == input).then_some((input, names))
    }

    /// What `name` is the mean of, along the last axis.
    fn mean(&self, name: &'a str) -> Option<&'a str> {
        let node = self.node(name, "ReduceMean")?;
        let input = *node.inputs.first()?;
        let axes = self.trace.numbers(node, 1, "axes")?;
        let is_last = matches!(axes.as_slice(), [-1 | 2]) && node.integer("keepdims").unwrap_or(1) == 1;
        is_last.then(|| self.resolve(input))
    }

    /// What `name` is the distance from its mean of.
    fn centred(&self, name: &'a str) -> Option<&'a str> {
        let &[input, mean] = self.node(name, "Sub")?.inputs.as_slice() else {
            return None;
        };
        let input = self.resolve(input);
        (self.mean(mean)? == input).then_some(input)
    }

    /// `name` as the sum of a linear part and of the state before: what goes into the former, its names, the latter.
    fn residual(&self, name: &'a str) -> Option<(&'a str, LinearNames<'a>, &'a str)> {
        let &[a, b] = self.node(name, "Add")?.inputs.as_slice() else {
            return None;
        };
        let (input, names, state) = match (self.linear(a), self.linear(b)) {
            (Some((input, names)), None) => (input, names, b),
            (None, Some((input, names))) => (input, names, a),
            _ => return None,
        };
        Some((self.resolve(input), names, self.resolve(state)))
    }

    /// What `name` is the GELU of: x · (1 + erf(x / √2)) / 2, in whatever order.
    fn gelu(&self, name: &'a str) -> Option<&'a str> {
        if let Some(node) = self.node(name, "Gelu") {
            let is_exact = match node.attribute("approximate") {
                None => true,
                Some(Attribute::Text(text)) => *text == b"none",
                Some(_) => false,
            };
            return node.inputs.first().copied().filter(|_| is_exact);
        }
        let (mut open, mut factors, mut scale) = (vec![name], Vec::new(), 1.0);
        for _ in 0..MOST_STEPS {
            let Some(next) = open.pop() else { break };
            let moved = self.scaled(next)?;
            scale *= moved.1;
            match self.node(moved.0, "Mul") {
                Some(node) => open.extend(&node.inputs),
                None => factors.push(self.resolve(moved.0)),
            }
        }
        let &[a, b] = factors.as_slice() else {
            return None;
        };
        let is_half = open.is_empty() && is_near(scale, 0.5);
        let input = match (self.error_function(a), self.error_function(b)) {
            (Some(inner), None) if inner == b => b,
            (None, Some(inner)) if inner == a => a,
            _ => return None,
        };
        is_half.then_some(input)
    }

    /// x, if `name` is 1 + erf(x / √2).
    fn error_function(&self, name: &'a str) -> Option<&'a str> {
        let (value, one) = self.beside_constant(self.node(name, "Add")?)?;
        let node = self.node(value, "Erf")?;
        let (input, factor) = self.scaled(node.inputs.first()?)?;
        let is_it = self.is_near(one, 1.0) && is_near(factor, std::f64::consts::FRAC_1_SQRT_2);
        is_it.then(|| self.resolve(input))
    }

    /// What `name` is a multiple of, and how many times it.
    fn scaled(&self, name: &'a str) -> Option<(&'a str, f64)> {
        let (mut name, mut factor) = (self.resolve(name), 1.0);
        for _ in 0..MOST_STEPS {
            match self.scaling(name) {
                Some((input, times)) => {
                    factor *= times;
                    name = self.resolve(input);
                }
                None => return Some((name, factor)),
            }
        }
        None
    }

    /// `name` as one number times something else.
    fn scaling(&self, name: &'a str) -> Option<(&'a str, f64)> {
        let node = self.trace.producer(name)?;
        let &[a, b] = node.inputs.as_slice() else {
            return None;
        };
        match node.operator {
            "Mul" => match (self.scalar(a), self.scalar(b)) {
                (None, Some(times)) => Some((a, times)),
                (Some(times), None) => Some((b, times)),
                _ => None,
            },
            "Div" => Some((a, self.scalar(b).filter(|n| *n != 0.0)?.recip())),
            _ => None,
        }
    }

    /// `name` as something that is moved and scaled.
    fn moved(&self, name: &'a str) -> Option<Moved<'g, 'a>> {
        let (mut root, factor) = self.scaled(name)?;
        let (mut steps, mut factor) = (Vec::new(), factor);
        while steps.len() < MOST_STEPS {
            let Some(node) = self.trace.producer(root) else {
                break;
            };
            if !matches!(node.operator, "Reshape" | "Transpose" | "Unsqueeze" | "Squeeze") {
                break;
            }
            steps.push(node);
            let (next, times) = self.scaled(node.inputs.first()?)?;
            root = next;
            factor *= times;
        }
        steps.reverse();
        Some(Moved { root, steps, factor })
    }

    /// Where `steps` bring each number of an array of `shape`: its place, in each place.
    fn places(&self, shape: Vec<usize>, steps: &[&'g Node<'a>]) -> Option<Small> {
        let total = super::small::count(&shape)?;
        let mut places = Small::new(shape, (0..total).map(|n| n as f64).collect(), true)?;
        for node in steps {
            places = self.trace.rearrange(node, &places)?;
        }
        Some(places)
    }

    /// The three matrices of the attention that puts `name` out; each takes `state`.
    fn attention(&self, name: &'a str, state: &'a str) -> Result<[LinearNames<'a>; 3], Error> {
        const ATTENTION: &str = "attention";
        let other = |name: &str| self.other(name, ATTENTION);
        let whole = self.moved(name).ok_or_else(|| other(name))?;
        let &[shares, values] = self
            .node(whole.root, "MatMul")
            .ok_or_else(|| other(whole.root))?
            .inputs
            .as_slice()
        else {
            return Err(other(whole.root));
        };
        let (length, heads) = (self.trace.length, self.heads);
        let &[1, _, width] = self
            .trace
            .shape(state)
            .ok_or_else(|| self.other(self.trace.first_unknown(state), "the numbers of pieces"))?
        else {
            return Err(other(state));
        };
        if heads == 0 || width == 0 || !width.is_multiple_of(heads) {
            return Err(Error::Model {
                reason: "its width does not fit the number of heads",
            });
        }
        if width > MOST_WIDTH {
            return Err(Error::Model {
                reason: "its width is more than an encoder has",
            });
        }
        let depth = width / heads;
        let places =
            |outer: usize, middle: usize, inner: usize, at: &dyn Fn(usize, usize, usize) -> usize| {
                let all = (0..outer)
                    .flat_map(|a| (0..middle).flat_map(move |b| (0..inner).map(move |c| (a, b, c))));
                all.map(|(a, b, c)| at(a, b, c) as f64).collect::<Vec<f64>>()
            };
        let split = Small::new(
            vec![1, heads, length, depth],
            places(heads, length, depth, &|h, l, d| l * width + h * depth + d),
            true,
        );
        let turned = Small::new(
            vec![1, heads, depth, length],
            places(heads, depth, length, &|h, d, l| l * width + h * depth + d),
            true,
        );
        let joined = Small::new(
            vec![1, length, width],
            places(length, heads, depth, &|l, h, d| (h * length + l) * depth + d),
            true,
        );
        let is_joined = self.places(vec![1, heads, length, depth], &whole.steps) == joined;
        if !is_joined || joined.is_none() || !is_near(whole.factor, 1.0) {
            return Err(Error::Model {
                reason: "its heads are joined in another way than BERT's, or are other in number",
            });
        }
        let part = |name: &'a str, wanted: &Option<Small>| {
            let moved = self.moved(name).ok_or_else(|| other(name))?;
            let (input, names) = self.linear(moved.root).ok_or_else(|| other(moved.root))?;
            self.same(input, state)?;
            let places = self.places(vec![1, length, width], &moved.steps);
            if places.is_none() || places != *wanted {
                return Err(Error::Model {
                    reason: "its heads are split in another way than BERT's, or are other in number",
                });
            }
            Ok((names, moved.factor))
        };
        let (value, once) = part(values, &split)?;
        let (scores, scale) = self.unmasked(self.softmax(shares)?)?;
        let &[queries, keys] = self
            .node(scores, "MatMul")
            .ok_or_else(|| other(scores))?
            .inputs
            .as_slice()
        else {
            return Err(other(scores));
        };
        let (query, query_scale) = part(queries, &split)?;
        let (key, key_scale) = part(keys, &turned)?;
        let wanted = (depth as f64).sqrt().recip();
        if !is_near(once, 1.0) || !is_near(scale * query_scale * key_scale / wanted, 1.0) {
            return Err(Error::Model {
                reason: "its attention is scaled in another way than BERT's",
            });
        }
        Ok([query, key, value])
    }

    /// What `name` is the softmax of, with or without a guard against rows that are masked as a whole.
    fn softmax(&self, name: &'a str) -> Result<&'a str, Error> {
        let other = |name: &str| self.other(name, "softmax");
        let mut name = self.resolve(name);
        if let Some(node) = self.node(name, "Where") {
            let &[guard, _, shares] = node.inputs.as_slice() else {
                return Err(other(name));
            };
            let guarded = self.node(guard, "IsNaN").and_then(|node| node.inputs.first());
            if guarded.map(|name| self.resolve(name)) != Some(self.resolve(shares)) {
                return Err(other(name));
            }
            name = self.resolve(shares);
        }
        let node = self.node(name, "Softmax").ok_or_else(|| other(name))?;
        let is_last = matches!(node.integer("axis"), Some(-1 | 3));
        match node.inputs.first() {
            Some(input) if is_last => Ok(input),
            _ => Err(other(name)),
        }
    }

    /// `name` without the mask, which says nothing of a text without padding, and without a scale.
    fn unmasked(&self, name: &'a str) -> Result<(&'a str, f64), Error> {
        const MASK: &str = "a mask by `attention_mask` alone";
        let mut name = self.resolve(name);
        let mut scale = 1.0;
        for _ in 0..MOST_STEPS {
            if let Some((input, times)) = self.scaling(name) {
                scale *= times;
                name = self.resolve(input);
                continue;
            }
            let Some(node) = self.trace.producer(name) else {
                break;
            };
            let all = |small: &Small, wanted: f64| small.values.iter().all(|n| *n == wanted);
            match (node.operator, node.inputs.as_slice()) {
                ("Add", &[a, b]) => {
                    let (scores, mask) = match (self.trace.known(a), self.trace.known(b)) {
                        (None, Some(mask)) => (a, mask),
                        (Some(mask), None) => (b, mask),
                        _ => {
                            let of = if self.node(a, "MatMul").is_some() { b } else { a };
                            return Err(self.other(self.trace.first_unknown(of), MASK));
                        }
                    };
                    if !all(mask, 0.0) {
                        return Err(Error::Model {
                            reason: "its mask hides pieces of a text without padding",
                        });
                    }
                    name = self.resolve(scores);
                }
                ("Where", &[is, a, b]) => {
                    let mask = self.trace.known(is);
                    let mask = mask.ok_or_else(|| self.other(self.trace.first_unknown(is), MASK))?;
                    name = self.resolve(if all(mask, 1.0) {
                        a
                    } else if all(mask, 0.0) {
                        b
                    } else {
                        return Err(Error::Model {
                            reason: "its mask hides pieces of a text without padding",
                        });
                    });
                }
                _ => break,
            }
        }
        Ok((name, scale))
    }

    /// `name` as the sum of what the tables say of pieces, places and, in BERT, of the kind of the text; `None` if it is
    /// something else.
    fn embeddings(&self, name: &'a str) -> Result<Option<Tables<'a>>, Error> {
        let (mut open, mut picked) = (vec![self.resolve(name)], Vec::new());
        for _ in 0..MOST_STEPS {
            let Some(next) = open.pop() else { break };
            let node = self.trace.producer(self.resolve(next));
            match node.map(|node| (node.operator, node.inputs.as_slice())) {
                Some(("Add", inputs)) => open.extend(inputs),
                Some(("Gather", &[table, places])) if self.trace.is_constant(table) => {
                    if node.and_then(|node| node.integer("axis")).unwrap_or(0) != 0 {
                        return Ok(None);
                    }
                    picked.push((table, places));
                }
                _ => return Ok(None),
            }
        }
        let (mut words, mut places, mut kinds) = (None, None, None);
        for (table, at) in picked {
            let known = self.trace.known(at);
            let known = known.ok_or_else(|| {
                self.other(
                    self.trace.first_unknown(at),
                    "the numbers of pieces, or places counted from 0",
                )
            })?;
            let counted = known.values.iter().enumerate().all(|(i, n)| *n == i as f64);
            let role = if known.values == self.trace.ids {
                &mut words
            } else if known.values.iter().all(|n| *n == 0.0) {
                &mut kinds
            } else if counted && known.values.len() == self.trace.length {
                &mut places
            } else {
                return Err(self.other(at, "the numbers of pieces, or places counted from 0"));
            };
            if role.replace(table).is_some() {
                return Err(self.other(name, "one table each of pieces, places and kinds"));
            }
        }
        match (words, places) {
            (Some(words), Some(places)) if open.is_empty() => Ok(Some((words, places, kinds))),
            _ => Err(self.other(name, "tables of pieces and of places")),
        }
    }
}

fn is_near(number: f64, wanted: f64) -> bool {
    (number - wanted).abs() <= NEAR * wanted.abs()
}
