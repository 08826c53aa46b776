//! The parts of an ONNX file that a known graph is bound from: its nodes by what they put out, and its tensors by name.
//!
//! Source: `onnx.proto3` of ONNX 1.16 for the field numbers. Bounded by the size of the file: a tensor is a slice of it.

use std::collections::HashMap;

use super::protobuf::{Fields, Value, packed};
use crate::error::Error;

/// More than any tensor of a network has.
const MOST_DIMENSIONS: usize = 8;

/// More than any network's graph has.
const MOST_NODES: usize = 50_000;

/// `TensorProto.DataType`.
pub(crate) const FLOAT: u64 = 1;
const UINT8: u64 = 2;
const INT8: u64 = 3;
const INT32: u64 = 6;
const INT64: u64 = 7;
pub(crate) const BOOL: u64 = 9;
pub(crate) const HALF: u64 = 10;

/// A graph; all of it lies in the bytes of the file.
#[derive(Debug, Default)]
pub(crate) struct Graph<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) tensors: HashMap<&'a str, Tensor<'a>>,
    /// Names of what it takes; tensors may be among them.
    pub(crate) inputs: Vec<&'a str>,
    /// Names of what it puts out.
    pub(crate) outputs: Vec<&'a str>,
}

/// A step of the graph.
#[derive(Debug, Default)]
pub(crate) struct Node<'a> {
    pub(crate) operator: &'a str,
    /// Whose operator it is; empty for ONNX's own.
    pub(crate) domain: &'a str,
    pub(crate) inputs: Vec<&'a str>,
    /// The first one.
    pub(crate) output: &'a str,
    pub(crate) attributes: Vec<(&'a str, Attribute<'a>)>,
}

/// What is said of a step beside its inputs.
#[derive(Debug)]
pub(crate) enum Attribute<'a> {
    Number(i64),
    Numbers(Vec<i64>),
    Float(f32),
    Text(&'a [u8]),
    Tensor(Tensor<'a>),
}

/// Numbers of the network.
#[derive(Debug, Default)]
pub(crate) struct Tensor<'a> {
    pub(crate) dimensions: Vec<usize>,
    kind: u64,
    raw: &'a [u8],
    /// `float_data`, which small tensors use: packed.
    floats: &'a [u8],
    /// `int32_data` or `int64_data`, likewise.
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
                (11, Value::Bytes(input)) => self.inputs.push(name_of(input)?),
                (12, Value::Bytes(output)) => self.outputs.push(name_of(output)?),
                _ => {}
            }
            if self.nodes.len() > MOST_NODES || self.tensors.len() > MOST_NODES {
                return Err(bad("its graph is too large"));
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
                (5, Value::Bytes(message)) => node.attributes.extend(attribute(message)?),
                (7, Value::Bytes(name)) => node.domain = text(name)?,
                _ => {}
            }
        }
        Ok(node)
    }

    /// The attribute `name`.
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        let (_, attribute) = self.attributes.iter().find(|(own, _)| *own == name)?;
        Some(attribute)
    }

    /// The attribute `name`, if it is a whole number.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match self.attribute(name)? {
            Attribute::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The same, if it is not negative.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        usize::try_from(self.integer(name)?).ok()
    }
}

fn name_of(message: &[u8]) -> Result<&str, Error> {
    for field in Fields::new(message) {
        if let (1, Value::Bytes(name)) = field? {
            return text(name);
        }
    }
    Ok("")
}

fn attribute(message: &[u8]) -> Result<Option<(&str, Attribute<'_>)>, Error> {
    let (mut name, mut attribute, mut numbers) = ("", None, Vec::new());
    for field in Fields::new(message) {
        match field? {
            (1, Value::Bytes(bytes)) => name = text(bytes)?,
            (2, Value::Four(bytes)) => attribute = Some(Attribute::Float(f32::from_le_bytes(bytes))),
            (3, Value::Number(n)) => attribute = Some(Attribute::Number(n.cast_signed())),
            (4, Value::Bytes(bytes)) => attribute = Some(Attribute::Text(bytes)),
            (5, Value::Bytes(tensor)) => attribute = Some(Attribute::Tensor(Tensor::read(tensor)?.1)),
            (8, Value::Number(n)) => numbers.push(n.cast_signed()),
            (8, Value::Bytes(bytes)) => numbers.extend(packed(bytes)?.into_iter().map(u64::cast_signed)),
            _ => {}
        }
    }
    if !numbers.is_empty() {
        attribute = Some(Attribute::Numbers(numbers));
    }
    Ok(attribute.map(|attribute| (name, attribute)))
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
                (5 | 7, Value::Bytes(bytes)) => tensor.integers = packed(bytes)?,
                (5 | 7, Value::Number(n)) => tensor.integers.push(n),
                (8, Value::Bytes(bytes)) => name = text(bytes)?,
                (9, Value::Bytes(bytes)) => tensor.raw = bytes,
                (13, _) | (14, Value::Number(1)) => {
                    return Err(bad(
                        "it keeps numbers in other files; write it as one file (`external_data=False`)",
                    ));
                }
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
    pub(crate) fn count(&self) -> Result<usize, Error> {
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

    /// Its numbers, whatever their kind, if they are as many as its dimensions say; the same bound holds as for
    /// [`floats`](Self::floats).
    pub(crate) fn weights(&self) -> Result<Vec<f32>, Error> {
        let count = self.count()?;
        let numbers: Vec<f32> = match self.kind {
            FLOAT => return self.floats(),
            HALF => {
                let bytes = self.raw.as_chunks::<2>().0;
                let packed = self.integers.iter().map(|n| *n as u16);
                bytes
                    .iter()
                    .map(|b| u16::from_le_bytes(*b))
                    .chain(packed)
                    .map(of_half)
                    .collect()
            }
            UINT8 => self.raw.iter().map(|b| f32::from(*b)).collect(),
            INT8 => self.raw.iter().map(|b| f32::from(b.cast_signed())).collect(),
            _ => Vec::new(),
        };
        if numbers.len() != count {
            return Err(bad("a tensor is of another kind or size than the encoder's"));
        }
        if numbers.iter().all(|n| n.is_finite() && n.abs() < 1e4) {
            Ok(numbers)
        } else {
            Err(Error::Number)
        }
    }

    /// Its numbers exactly, whole ones below 2⁵³ in size, without a bound; none if they are of a kind that no shape, place
    /// or mask has, or not as many as its dimensions say.
    pub(crate) fn values(&self) -> Option<Vec<f64>> {
        let integers = || self.integers.iter();
        let numbers: Vec<f64> = match self.kind {
            FLOAT => {
                let bytes = if self.raw.is_empty() {
                    self.floats
                } else {
                    self.raw
                };
                let numbers = bytes.as_chunks::<4>().0.iter();
                numbers.map(|b| f64::from(f32::from_le_bytes(*b))).collect()
            }
            HALF => {
                let numbers = self.raw.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b));
                let packed = integers().map(|n| *n as u16);
                numbers.chain(packed).map(|n| f64::from(of_half(n))).collect()
            }
            INT64 => {
                let numbers = self.raw.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b));
                let packed = integers().map(|n| n.cast_signed());
                numbers.chain(packed).map(|n| n as f64).collect()
            }
            INT32 => {
                let numbers = self.raw.as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b));
                let packed = integers().map(|n| *n as i32);
                numbers.chain(packed).map(f64::from).collect()
            }
            BOOL => {
                let numbers = self.raw.iter().map(|b| u64::from(*b)).chain(integers().copied());
                numbers.map(|n| f64::from(u8::from(n != 0))).collect()
            }
            _ => return None,
        };
        (Some(numbers.len()) == self.count().ok()).then_some(numbers)
    }

    /// Whether its numbers are whole ones or truth values.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.kind, INT32 | INT64 | BOOL)
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

/// The number that `bits` stand for (IEEE 754, binary16).
fn of_half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    let size = match exponent {
        0 => fraction * (-24_f32).exp2(),
        31 if bits & 1023 == 0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * (exponent as f32 - 15.0).exp2(),
    };
    if sign == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_16_bits_are_read() {
        for (bits, number) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65_504.0),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(of_half(bits), number, "{bits:#x}");
        }
        assert!(of_half(0x7e00).is_nan());
    }
}
