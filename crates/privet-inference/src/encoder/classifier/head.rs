//! Recognises what BERT and DistilBERT make of the first piece, to give a text as a whole its scores.

use super::super::onnx::Attribute;
use super::super::weights::Activation;
use super::pattern::{LinearNames, Pattern};
use crate::error::Error;

/// What goes into the first matrix of a head, that matrix with what follows it, and the matrix of the labels.
type Head<'a> = (&'a str, (LinearNames<'a>, Activation), LinearNames<'a>);

impl<'a> Pattern<'_, '_, 'a> {
    /// `logits` as the scores that the first piece gives a text.
    pub(super) fn head(&self, logits: &'a str) -> Result<Head<'a>, Error> {
        let (active, labelled) = self
            .any_linear(logits)
            .ok_or_else(|| self.other(logits, "the matrix of the labels of a text"))?;
        let (inner, activation) = match (self.node(active, "Tanh"), self.node(active, "Relu")) {
            (Some(node), _) => (node.inputs.first(), Activation::Tanh),
            (None, Some(node)) => (node.inputs.first(), Activation::Relu),
            (None, None) => (None, Activation::Tanh),
        };
        let inner = *inner.ok_or_else(|| self.other(active, "the pooler's Tanh or Relu"))?;
        let (first, pooled) = self
            .any_linear(inner)
            .ok_or_else(|| self.other(inner, "the pooler's matrix"))?;
        let state = self
            .first_piece(first)
            .ok_or_else(|| self.other(first, "the first piece alone"))?;
        Ok((state, (pooled, activation), labelled))
    }

    /// `name` as a product with a matrix plus a bias, in two steps or in one.
    fn any_linear(&self, name: &'a str) -> Option<(&'a str, LinearNames<'a>)> {
        if let Some(found) = self.linear(name) {
            return Some(found);
        }
        let node = self.node(name, "Gemm")?;
        let &[input, matrix, bias] = node.inputs.as_slice() else {
            return None;
        };
        let is_one = |name: &str| match node.attribute(name) {
            None => true,
            Some(Attribute::Float(factor)) => *factor == 1.0,
            Some(_) => false,
        };
        let is_plain = is_one("alpha") && is_one("beta") && node.integer("transA").unwrap_or(0) == 0;
        let is_linear =
            self.trace.is_constant(matrix) && self.trace.is_constant(bias) && !self.trace.is_constant(input);
        let names = LinearNames {
            matrix,
            bias,
            is_turned: node.integer("transB").unwrap_or(0) != 0,
        };
        (is_plain && is_linear).then_some((input, names))
    }

    /// What `name` is the first piece of.
    fn first_piece(&self, name: &'a str) -> Option<&'a str> {
        let node = self.node(name, "Gather")?;
        let &[input, at] = node.inputs.as_slice() else {
            return None;
        };
        let at = self.trace.known(at)?;
        let is_first = node.integer("axis") == Some(1) && at.shape.is_empty() && at.scalar() == Some(0.0);
        is_first.then(|| self.resolve(input))
    }
}
