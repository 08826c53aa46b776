//! Goes through a graph for a text of a few pieces: computes what follows from shapes, places and the mask, and keeps the
//! shape of all else.

use std::collections::{HashMap, HashSet};

use super::super::onnx::{Attribute, BOOL, FLOAT, Graph, HALF, Node, Tensor};
use super::small::{MOST, MOST_AXES, Small, axis, broadcast, count, reshaped, squeezed, unsqueezed};
use crate::error::Error;

/// Most floating-point numbers of a tensor that may take part in a shape or a mask: more would be weights.
const MOST_FLOATS: usize = 64;
/// Most numbers that are computed for a graph.
const MOST_COMPUTED: usize = 1 << 22;

/// A graph, and what is known of it for one text.
pub(super) struct Trace<'g, 'a> {
    pub(super) graph: &'g Graph<'a>,
    /// Pieces of the text.
    pub(super) length: usize,
    /// The pieces' numbers, which tell them from places.
    pub(super) ids: Vec<f64>,
    producers: HashMap<&'a str, &'g Node<'a>>,
    known: HashMap<&'a str, Small>,
    shapes: HashMap<&'a str, Vec<usize>>,
    constants: HashSet<&'a str>,
    computed: usize,
}

impl<'g, 'a> Trace<'g, 'a> {
    /// `graph` on a text of `length` pieces without padding.
    pub(super) fn new(graph: &'g Graph<'a>, length: usize) -> Result<Self, Error> {
        let ids = (0..length).map(|i| (2 * i + 3) as f64).collect();
        let mut trace = Self {
            graph,
            length,
            ids,
            producers: HashMap::new(),
            known: HashMap::new(),
            shapes: HashMap::new(),
            constants: HashSet::new(),
            computed: 0,
        };
        for (name, tensor) in &graph.tensors {
            trace.keep_tensor(name, tensor)?;
        }
        for name in &graph.inputs {
            let values = match *name {
                "input_ids" => trace.ids.clone(),
                "attention_mask" => vec![1.0; length],
                "token_type_ids" => vec![0.0; length],
                _ => continue,
            };
            if graph.tensors.contains_key(name) {
                continue;
            }
            trace.keep(name, Small::new(vec![1, length], values, true))?;
        }
        for node in &graph.nodes {
            trace.step(node)?;
        }
        Ok(trace)
    }

    fn keep_tensor(&mut self, name: &'a str, tensor: &Tensor<'a>) -> Result<(), Error> {
        self.constants.insert(name);
        self.shapes.insert(name, tensor.dimensions.clone());
        let most = if tensor.is_whole() { MOST } else { MOST_FLOATS };
        if tensor.count()? <= most
            && let Some(values) = tensor.values()
        {
            let small = Small::new(tensor.dimensions.clone(), values, tensor.is_whole());
            self.keep(name, small)?;
        }
        Ok(())
    }

    fn keep(&mut self, name: &'a str, small: Option<Small>) -> Result<(), Error> {
        if let Some(small) = small {
            self.computed += small.values.len() + small.shape.len();
            if self.computed > MOST_COMPUTED {
                return Err(Error::Model {
                    reason: "its shapes and masks take too much to compute",
                });
            }
            self.shapes.insert(name, small.shape.clone());
            self.known.insert(name, small);
        }
        Ok(())
    }

    fn step(&mut self, node: &'g Node<'a>) -> Result<(), Error> {
        if node.output.is_empty() || self.producers.insert(node.output, node).is_some() {
            return Err(Error::Model {
                reason: "a step of its graph has no output of its own",
            });
        }
        if self.graph.tensors.contains_key(node.output) {
            return Err(Error::Model {
                reason: "a step of its graph puts out what is a tensor already",
            });
        }
        if !node.domain.is_empty() && node.domain != "ai.onnx" {
            return Ok(());
        }
        if node.operator == "Constant" {
            return match node.attributes.first() {
                Some((_, Attribute::Tensor(tensor))) => self.keep_tensor(node.output, tensor),
                Some((_, attribute)) => {
                    self.constants.insert(node.output);
                    self.keep(node.output, constant(attribute))
                }
                None => Ok(()),
            };
        }
        let inputs = || node.inputs.iter().filter(|name| !name.is_empty());
        if inputs().next().is_some() && inputs().all(|name| self.constants.contains(name)) {
            self.constants.insert(node.output);
        }
        if let Some(shape) = self.shape_after(node).filter(|shape| shape.len() <= MOST_AXES) {
            self.shapes.insert(node.output, shape);
        }
        let small = self.compute(node);
        self.keep(node.output, small)
    }

    /// The step that puts `name` out, if it is one of ONNX's own.
    pub(super) fn producer(&self, name: &str) -> Option<&'g Node<'a>> {
        let node = *self.producers.get(name)?;
        (node.domain.is_empty() || node.domain == "ai.onnx").then_some(node)
    }

    /// What puts `name` out, for a message: an operator, an input or a tensor.
    pub(super) fn origin(&self, name: &str) -> String {
        let shown = |name: &str| name.chars().filter(|c| c.is_ascii_graphic()).take(48).collect();
        match self.producers.get(name) {
            Some(node) if node.domain.is_empty() => shown(node.operator),
            Some(node) => format!("{}.{}", shown(node.domain), shown(node.operator)),
            None if self.constants.contains(name) => "Constant".to_owned(),
            None => shown(name),
        }
    }

    /// What is computed for `name`.
    pub(super) fn known(&self, name: &str) -> Option<&Small> {
        self.known.get(name)
    }

    /// The first step before `name` that is not computed.
    pub(super) fn first_unknown<'n>(&self, name: &'n str) -> &'n str
    where
        'a: 'n,
    {
        let mut name = name;
        for _ in 0..self.graph.nodes.len() {
            let Some(node) = self.producers.get(name) else {
                break;
            };
            let unknown = node.inputs.iter().find(|input| {
                !input.is_empty() && !self.known.contains_key(*input) && !self.is_constant(input)
            });
            let Some(input) = unknown else { break };
            name = input;
        }
        name
    }

    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.shapes.get(name).map(Vec::as_slice)
    }

    /// Whether `name` does not depend on the text.
    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constants.contains(name)
    }

    fn input(&self, node: &Node<'a>, at: usize) -> Option<&Small> {
        self.known.get(*node.inputs.get(at)?)
    }

    /// Whole numbers that newer versions of ONNX take as input `at`, and older ones as the attribute `name`.
    pub(super) fn numbers(&self, node: &Node<'a>, at: usize, name: &str) -> Option<Vec<i64>> {
        match node.attribute(name) {
            Some(Attribute::Numbers(numbers)) => Some(numbers.clone()),
            Some(_) => None,
            None => self.input(node, at).map(Small::integers),
        }
    }

    fn compute(&self, node: &Node<'a>) -> Option<Small> {
        let first = || self.input(node, 0);
        match node.operator {
            "Shape" => {
                let shape = self.shape(node.inputs.first()?)?;
                let values: Vec<f64> = shape.iter().map(|n| *n as f64).collect();
                let whole = Small::new(vec![values.len()], values, true)?;
                let start = node.integer("start").unwrap_or(0);
                let end = node.integer("end").unwrap_or(i64::MAX);
                whole.slice(&[start], &[end], &[0])
            }
            "Gather" => first()?.gather(self.input(node, 1)?, node.integer("axis").unwrap_or(0)),
            "GatherND" if node.integer("batch_dims").unwrap_or(0) == 0 => {
                first()?.gather_each(self.input(node, 1)?)
            }
            "GatherElements" => {
                first()?.gather_elements(self.input(node, 1)?, node.integer("axis").unwrap_or(0))
            }
            "Unsqueeze" | "Squeeze" | "Reshape" | "Transpose" | "Flatten" => self.rearrange(node, first()?),
            "Concat" => {
                let parts: Vec<&Small> = (0..node.inputs.len())
                    .map(|at| self.input(node, at))
                    .collect::<Option<_>>()?;
                Small::concat(&parts, node.integer("axis")?)
            }
            "Slice" => {
                let numbers = |at| self.input(node, at).map(Small::integers);
                let starts = numbers(1)?;
                let axes = match node.inputs.get(3) {
                    Some(name) if !name.is_empty() => numbers(3)?,
                    _ => (0..starts.len()).map(|n| n as i64).collect(),
                };
                let has_steps = node.inputs.get(4).is_some_and(|name| !name.is_empty());
                if has_steps && numbers(4)?.iter().any(|step| *step != 1) {
                    return None;
                }
                first()?.slice(&starts, &numbers(2)?, &axes)
            }
            "Cast" => {
                let small = first()?;
                match u64::try_from(node.integer("to")?).ok()? {
                    BOOL => Some(small.map(true, |n| f64::from(u8::from(n != 0.0)))),
                    FLOAT | HALF => Some(small.map(false, |n| n)),
                    _ => Some(small.map(true, f64::trunc)),
                }
            }
            "ConstantOfShape" => {
                let shape = sizes(&first()?.integers())?;
                let filler = match node.attribute("value") {
                    Some(Attribute::Tensor(tensor)) => (*tensor.values()?.first()?, tensor.is_whole()),
                    Some(_) => return None,
                    None => (0.0, false),
                };
                let values = vec![filler.0; count(&shape)?];
                Small::new(shape, values, filler.1)
            }
            "Expand" => first()?.expand(&sizes(&self.input(node, 1)?.integers())?),
            "Range" => {
                let number = |at| self.input(node, at)?.scalar();
                let (start, limit, delta) = (number(0)?, number(1)?, number(2)?);
                let steps = ((limit - start) / delta).ceil().max(0.0);
                let is_whole = first()?.is_whole;
                if !steps.is_finite() || steps > MOST as f64 {
                    return None;
                }
                let values: Vec<f64> = (0..steps as usize).map(|i| start + i as f64 * delta).collect();
                Small::new(vec![values.len()], values, is_whole)
            }
            "Where" => first()?.choose(self.input(node, 1)?, self.input(node, 2)?),
            "Identity" => first().cloned(),
            "Not" => Some(first()?.map(true, |n| f64::from(u8::from(n == 0.0)))),
            "Neg" => Some(first()?.map(first()?.is_whole, |n| -n)),
            "Sqrt" => Some(first()?.map(false, f64::sqrt)),
            "Reciprocal" => Some(first()?.map(false, f64::recip)),
            operator => first()?.binary(operator, self.input(node, 1)?),
        }
    }

    /// What a step that moves numbers, but changes none, makes of `small`.
    pub(super) fn rearrange(&self, node: &Node<'a>, small: &Small) -> Option<Small> {
        match node.operator {
            "Transpose" => match node.attribute("perm")? {
                Attribute::Numbers(perm) => small.transpose(perm),
                _ => None,
            },
            _ => {
                let shape = self.rearranged(node, &small.shape)?;
                Small::new(shape, small.values.clone(), small.is_whole)
            }
        }
    }

    fn rearranged(&self, node: &Node<'a>, shape: &[usize]) -> Option<Vec<usize>> {
        match node.operator {
            "Reshape" => reshaped(
                shape,
                &self.input(node, 1)?.integers(),
                node.integer("allowzero") == Some(1),
            ),
            "Unsqueeze" => unsqueezed(shape, &self.numbers(node, 1, "axes")?),
            "Flatten" => {
                let at = usize::try_from(node.integer("axis").unwrap_or(1)).ok()?;
                let (outer, inner) = shape.split_at_checked(at)?;
                Some(vec![count(outer)?, count(inner)?])
            }
            "Squeeze" => squeezed(shape, self.numbers(node, 1, "axes").as_deref()),
            "Transpose" => {
                let Attribute::Numbers(perm) = node.attribute("perm")? else {
                    return None;
                };
                let axes = perm.iter().map(|n| axis(*n, shape.len()));
                axes.map(|at| shape.get(at?).copied()).collect()
            }
            _ => None,
        }
    }

    /// The shape of what `node` puts out.
    fn shape_after(&self, node: &Node<'a>) -> Option<Vec<usize>> {
        let shape = |at: usize| self.shape(node.inputs.get(at)?);
        match node.operator {
            "MatMul" => {
                let (rest_a, [m, k]) = shape(0)?.split_last_chunk::<2>()?;
                let (rest_b, [l, n]) = shape(1)?.split_last_chunk::<2>()?;
                let mut out = broadcast(rest_a, rest_b)?;
                out.extend([*m, *n]);
                (k == l).then_some(out)
            }
            "Add" | "Sub" | "Mul" | "Div" | "Pow" => broadcast(shape(0)?, shape(1)?),
            "Where" => broadcast(&broadcast(shape(0)?, shape(1)?)?, shape(2)?),
            "Cast" | "Identity" | "Erf" | "Sqrt" | "Softmax" | "LayerNormalization" | "Gelu" | "IsNaN"
            | "Dropout" | "DequantizeLinear" => shape(0).map(<[usize]>::to_vec),
            "Reshape" | "Unsqueeze" | "Squeeze" | "Transpose" => self.rearranged(node, shape(0)?),
            "Gather" if node.integer("axis").unwrap_or(0) == 0 => {
                Some([shape(1)?, shape(0)?.get(1..)?].concat())
            }
            "ReduceMean" if node.integer("keepdims").unwrap_or(1) == 1 => {
                let mut out = shape(0)?.to_vec();
                for along in self.numbers(node, 1, "axes")? {
                    let at = axis(along, out.len())?;
                    *out.get_mut(at)? = 1;
                }
                Some(out)
            }
            _ => None,
        }
    }
}

fn sizes(numbers: &[i64]) -> Option<Vec<usize>> {
    numbers.iter().map(|n| usize::try_from(*n).ok()).collect()
}

/// The array of a `Constant` that is not written as a tensor.
fn constant(attribute: &Attribute<'_>) -> Option<Small> {
    match attribute {
        Attribute::Number(n) => Small::new(Vec::new(), vec![*n as f64], true),
        Attribute::Numbers(numbers) => {
            let values: Vec<f64> = numbers.iter().map(|n| *n as f64).collect();
            Small::new(vec![values.len()], values, true)
        }
        Attribute::Float(n) => Small::new(Vec::new(), vec![f64::from(*n)], false),
        Attribute::Text(_) | Attribute::Tensor(_) => None,
    }
}
