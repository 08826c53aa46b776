//! Signed receipts: how all of them are read and checked, offline.

use std::marker::PhantomData;

use data_encoding::{BASE64, HEXLOWER};
use privet_crypto::{SigningKey, VerifyingKey, sha256};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Largest receipt that is read.
const LARGEST: usize = 1 << 20;

/// Why a receipt is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// It is larger than any receipt.
    #[error("it is larger than 1 MiB")]
    TooLarge,
    /// It is no receipt of this kind.
    #[error("it is no such receipt: line {line}, column {column}")]
    Unreadable {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Its format or algorithm is not known here.
    #[error("field `{field}` has a value this privet does not know")]
    Unknown {
        /// Which field.
        field: &'static str,
    },
    /// It was signed with another key.
    #[error("it names another key than the one given")]
    OtherKey,
    /// It was changed, or the signature was.
    #[error("the signature does not fit")]
    BadSignature,
}

/// What a receipt states.
pub(crate) trait Statement: Serialize + DeserializeOwned {
    /// The name of its format, with the version. It is a part of what is signed: no statement passes for one of another kind.
    const FORMAT: &'static str;

    /// The format that it names.
    fn format(&self) -> &str;
}

/// A signed receipt of a statement `S`. The audit log's leaf of what it is about holds its [`hash`](Self::hash).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, bound = "")]
#[schemars(bound = "", rename = "Receipt")]
pub struct Receipt<S> {
    /// The statement, as the JSON text that was signed.
    pub statement: String,
    /// The key that signed it: Ed25519, 64 hexadecimal digits.
    pub key: String,
    /// The signature, base64.
    pub signature: String,
    #[serde(skip)]
    states: PhantomData<fn() -> S>,
}

#[expect(
    private_bounds,
    reason = "statements are this crate's own; the trait says nothing to others"
)]
impl<S: Statement> Receipt<S> {
    pub(crate) fn sign(statement: &S, key: &SigningKey) -> Result<Self, Error> {
        let statement = serde_json::to_string(statement).map_err(Error::Json)?;
        let signature = key.sign(statement.as_bytes());
        Ok(Self {
            statement,
            key: HEXLOWER.encode(key.verifying_key().as_bytes()),
            signature: BASE64.encode(&signature),
            states: PhantomData,
        })
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// [`Error::BadReceipt`] if it is none.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        Ok(read(json)?)
    }

    /// What it says, if `key` signed it. Needs neither the vault nor a network. `key` is known from elsewhere: the one in the
    /// receipt proves nothing.
    ///
    /// # Errors
    /// [`Error::BadReceipt`] if it was signed by another key, or changed, or is of another format.
    pub fn verify(&self, key: &VerifyingKey) -> Result<S, Error> {
        let signature = BASE64.decode(self.signature.as_bytes());
        let signature = signature.map_err(|_| ReceiptError::BadSignature)?;
        check(key, &self.key, self.statement.as_bytes(), &signature)?;
        let statement: S = read(self.statement.as_bytes())?;
        if statement.format() != S::FORMAT {
            return Err(ReceiptError::Unknown { field: "format" }.into());
        }
        Ok(statement)
    }
}

impl<S> Receipt<S> {
    /// SHA-256 of the statement, hexadecimal, as the log's leaf holds it.
    #[must_use]
    pub fn hash(&self) -> String {
        HEXLOWER.encode(&sha256(self.statement.as_bytes()))
    }
}

// Derived, these would ask for the same of `S`.
impl<S> Clone for Receipt<S> {
    fn clone(&self) -> Self {
        Self {
            statement: self.statement.clone(),
            key: self.key.clone(),
            signature: self.signature.clone(),
            states: PhantomData,
        }
    }
}

impl<S> PartialEq for Receipt<S> {
    fn eq(&self, other: &Self) -> bool {
        self.statement == other.statement && self.key == other.key && self.signature == other.signature
    }
}

impl<S> Eq for Receipt<S> {}

/// What the JSON of a receipt, or of a part of one, says.
pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, ReceiptError> {
    if json.len() > LARGEST {
        return Err(ReceiptError::TooLarge);
    }
    serde_json::from_slice(json).map_err(|error| ReceiptError::Unreadable {
        line: error.line(),
        column: error.column(),
    })
}

/// That `key` is the one that the receipt names, in hexadecimal, and that it signed `message`.
pub(crate) fn check(
    key: &VerifyingKey,
    named: &str,
    message: &[u8],
    signature: &[u8],
) -> Result<(), ReceiptError> {
    if named != HEXLOWER.encode(key.as_bytes()) {
        return Err(ReceiptError::OtherKey);
    }
    key.verify(message, signature)
        .map_err(|_| ReceiptError::BadSignature)
}
