//! The parts of an ONNX file that a known graph is bound from: its nodes by what they put out, and its tensors by name.
//!
//! Source: `onnx.proto3` of ONNX 1.16 for the field numbers. Bounded by the size of the file: a tensor is a slice of it.

use std::collections::HashMap;

use super::protobuf::{Fields, Value, packed};
use crate::error::Error;

/// More than any tensor of a network has.
const MOST_DIMENSIONS: usize = 8;

/// `TensorProto.DataType`.
const FLOAT: u64 = 1;
const UINT8: u64 = 2;

/// A graph; all of it lies in the bytes of the file.
#[derive(Debug, Default)]
pub(crate) struct Graph<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) tensors: HashMap<&'a str, Tensor<'a>>,
}

/// A step of the graph.
#[derive(Debug, Default)]
pub(crate) struct Node<'a> {
    pub(crate) operator: &'a str,
    pub(crate) inputs: Vec<&'a str>,
    /// The first one.
    pub(crate) output: &'a str,
    /// Its attributes that are whole numbers.
    pub(crate) numbers: Vec<(&'a str, u64)>,
}

/// Numbers of the network.
#[derive(Debug, Default)]
pub(crate) struct Tensor<'a> {
    pub(crate) dimensions: Vec<usize>,
    kind: u64,
    raw: &'a [u8],
    /// `float_data`, which small tensors use: packed.
    floats: &'a [u8],
    /// `int32_data`, likewise.
    integers: Vec<u64>,
}

fn bad(reason: &'static str) -> Error {
    Error::Model { reason }
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(bytes).map_err(|_| bad("a name in it is not UTF-8"))
}

impl<'a> Graph<'a> {
    /// Reads the graph in `model`, the bytes of a file.
    pub(crate) fn read(model: &'a [u8]) -> Result<Self, Error> {
        let mut graph = Self::default();
        for field in Fields::new(model) {
            if let (7, Value::Bytes(message)) = field? {
                graph.add(message)?;
            }
        }
        if graph.nodes.is_empty() {
            return Err(bad("it holds no graph"));
        }
        Ok(graph)
    }

    fn add(&mut self, message: &'a [u8]) -> Result<(), Error> {
        for field in Fields::new(message) {
            match field? {
                (1, Value::Bytes(node)) => self.nodes.push(Node::read(node)?),
                (5, Value::Bytes(tensor)) => {
                    let (name, tensor) = Tensor::read(tensor)?;
                    self.tensors.insert(name, tensor);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The tensor named `name`.
    pub(crate) fn tensor(&self, name: &str) -> Result<&Tensor<'a>, Error> {
        self.tensors
            .get(name)
            .ok_or_else(|| bad("a tensor that the encoder needs is missing"))
    }
}

impl<'a> Node<'a> {
    fn read(message: &'a [u8]) -> Result<Self, Error> {
        let mut node = Self::default();
        for field in Fields::new(message) {
            match field? {
                (1, Value::Bytes(name)) => node.inputs.push(text(name)?),
                (2, Value::Bytes(name)) if node.output.is_empty() => node.output = text(name)?,
                (4, Value::Bytes(name)) => node.operator = text(name)?,
                (5, Value::Bytes(attribute)) => node.numbers.extend(number_attribute(attribute)?),
                _ => {}
            }
        }
        Ok(node)
    }

    /// The attribute `name`, if it is a whole number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        let (_, number) = self.numbers.iter().find(|(own, _)| *own == name)?;
        usize::try_from(*number).ok()
    }
}

fn number_attribute(message: &[u8]) -> Result<Option<(&str, u64)>, Error> {
    let (mut name, mut number) = ("", None);
    for field in Fields::new(message) {
        match field? {
            (1, Value::Bytes(bytes)) => name = text(bytes)?,
            (3, Value::Number(n)) => number = Some(n),
            _ => {}
        }
    }
    Ok(number.map(|n| (name, n)))
}

impl<'a> Tensor<'a> {
    fn read(message: &'a [u8]) -> Result<(&'a str, Self), Error> {
        let (mut name, mut tensor) = ("", Self::default());
        let mut dimensions = Vec::new();
        for field in Fields::new(message) {
            match field? {
                (1, Value::Number(n)) => dimensions.push(n),
                (1, Value::Bytes(bytes)) => dimensions.extend(packed(bytes)?),
                (2, Value::Number(n)) => tensor.kind = n,
                (4, Value::Bytes(bytes)) => tensor.floats = bytes,
                (5, Value::Bytes(bytes)) => tensor.integers = packed(bytes)?,
                (5, Value::Number(n)) => tensor.integers.push(n),
                (8, Value::Bytes(bytes)) => name = text(bytes)?,
                (9, Value::Bytes(bytes)) => tensor.raw = bytes,
                (13, _) => return Err(bad("it keeps numbers in other files")),
                _ => {}
            }
        }
        if dimensions.len() > MOST_DIMENSIONS {
            return Err(bad("a tensor has too many dimensions"));
        }
        tensor.dimensions = dimensions
            .into_iter()
            .map(|n| usize::try_from(n).map_err(|_| bad("a tensor is too large")))
            .collect::<Result<_, _>>()?;
        Ok((name, tensor))
    }

    /// How many numbers it holds.
    fn count(&self) -> Result<usize, Error> {
        self.dimensions
            .iter()
            .try_fold(1_usize, |product, n| product.checked_mul(*n))
            .ok_or_else(|| bad("a tensor is too large"))
    }

    /// Its numbers, if they are 32-bit floating-point numbers and as many as its dimensions say.
    pub(crate) fn floats(&self) -> Result<Vec<f32>, Error> {
        let bytes = if self.raw.is_empty() {
            self.floats
        } else {
            self.raw
        };
        let (numbers, rest) = bytes.as_chunks::<4>();
        if self.kind != FLOAT || !rest.is_empty() || numbers.len() != self.count()? {
            return Err(bad("a tensor is of another kind or size than the encoder's"));
        }
        let read = |bytes: &[u8; 4]| {
            let number = f32::from_le_bytes(*bytes);
            // No number of a trained network comes near; the bound keeps every sum finite.
            if number.is_finite() && number.abs() < 1e4 {
                Ok(number)
            } else {
                Err(Error::Number)
            }
        };
        numbers.iter().map(read).collect()
    }

    /// Its one number, a 32-bit floating-point number.
    pub(crate) fn float(&self) -> Result<f32, Error> {
        match self.floats()?.as_slice() {
            [number] => Ok(*number),
            _ => Err(bad("a tensor is of another kind or size than the encoder's")),
        }
    }

    /// Its bytes, if they are as many as its dimensions say.
    pub(crate) fn bytes(&self) -> Result<&'a [u8], Error> {
        if self.kind != UINT8 || self.raw.len() != self.count()? {
            return Err(bad("a tensor is of another kind or size than the encoder's"));
        }
        Ok(self.raw)
    }

    /// Its one byte.
    pub(crate) fn byte(&self) -> Result<u8, Error> {
        let number = match (self.raw, self.integers.as_slice()) {
            ([byte], []) => u64::from(*byte),
            ([], [number]) => *number,
            // A number of its kind that is not written is 0.
            ([], []) => 0,
            _ => u64::MAX,
        };
        match u8::try_from(number) {
            Ok(byte) if self.kind == UINT8 && self.count()? == 1 => Ok(byte),
            _ => Err(bad("a tensor is of another kind or size than the encoder's")),
        }
    }
}
