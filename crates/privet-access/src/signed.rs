//! Records that somebody vouches for: JSON, and an Ed25519 signature over it and over what kind of record it is.

use std::fmt;

use data_encoding::BASE64;
use privet_crypto::{SIGNATURE_SIZE, SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The public key of somebody who signs records, in its written form: `privet-verifying-1:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer(VerifyingKey);

/// What is wrong with a signed record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is not JSON of the right shape.
    #[error("is no signed {kind}: {message}")]
    Shape {
        /// What it should be.
        kind: &'static str,
        /// What is wrong, and where.
        message: String,
    },
    /// Nobody signed it whose key is known here.
    #[error("is signed by `{key}`, which is no key of `[access] signers` in the settings")]
    UnknownSigner {
        /// The key that it names.
        key: String,
    },
    /// It was changed after it was signed, or the signature is no such thing.
    #[error("does not bear the signature of the key that it names; it was changed, or is no {kind}")]
    BadSignature {
        /// What it should be.
        kind: &'static str,
    },
    /// A field holds what it must not.
    #[error("`{field}`: {message}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong.
        message: &'static str,
    },
    /// No such key.
    #[error("write a public key as `privet-verifying-1:` and 64 hexadecimal digits")]
    BadKey,
}

/// A kind of record that is signed.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// What it is, in words.
    const KIND: &'static str;
    /// What stands before the bytes that are signed, so that no signature counts for another kind of record.
    const DOMAIN: &'static [u8];

    /// That its fields hold what they may.
    fn check(&self) -> Result<(), RecordError>;
}

/// A record as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    record: T,
    signer: String,
    /// Base64.
    signature: String,
}

impl Signer {
    /// The public half of `key`.
    #[must_use]
    pub fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key())
    }
}

impl std::str::FromStr for Signer {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, RecordError> {
        text.parse().map(Self).map_err(|_| RecordError::BadKey)
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The bytes that are signed: domain, and the record as compact JSON with its fields in the order of their declaration.
fn message<T: Record>(record: &T) -> Result<Vec<u8>, RecordError> {
    let mut message = T::DOMAIN.to_vec();
    serde_json::to_writer(&mut message, record).map_err(|error| RecordError::Shape {
        kind: T::KIND,
        message: error.to_string(),
    })?;
    Ok(message)
}

/// `record`, signed, as pretty JSON with a line end.
pub(crate) fn sign<T: Record>(record: T, key: &SigningKey) -> Result<String, RecordError> {
    record.check()?;
    let signature = BASE64.encode(&key.sign(&message(&record)?));
    let envelope = Envelope {
        record,
        signer: Signer::of(key).to_string(),
        signature,
    };
    let text = serde_json::to_string_pretty(&envelope).map_err(|error| RecordError::Shape {
        kind: T::KIND,
        message: error.to_string(),
    })?;
    Ok(text + "\n")
}

/// The record in `text`, if one of `signers` signed it. Says who.
pub(crate) fn verify<T: Record>(text: &str, signers: &[Signer]) -> Result<(T, Signer), RecordError> {
    let envelope = read::<T>(text)?;
    let signer = signers
        .iter()
        .find(|signer| signer.to_string() == envelope.signer);
    let signer = signer.ok_or(RecordError::UnknownSigner { key: envelope.signer })?;
    let bad = || RecordError::BadSignature { kind: T::KIND };
    let signature = BASE64.decode(envelope.signature.as_bytes()).map_err(|_| bad())?;
    if signature.len() != SIGNATURE_SIZE {
        return Err(bad());
    }
    let signed = message(&envelope.record)?;
    signer.0.verify(&signed, &signature).map_err(|_| bad())?;
    envelope.record.check()?;
    Ok((envelope.record, *signer))
}

/// What `text` claims, whoever signed it.
pub(crate) fn claimed<T: Record>(text: &str) -> Option<T> {
    read(text).ok().map(|envelope| envelope.record)
}

fn read<T: Record>(text: &str) -> Result<Envelope<T>, RecordError> {
    serde_json::from_str(text).map_err(|error| RecordError::Shape {
        kind: T::KIND,
        message: format!("look at line {}, column {}", error.line(), error.column()),
    })
}

/// A field that people write: one line, not empty, of at most 200 characters.
pub(crate) fn check_text(field: &'static str, text: &str) -> Result<(), RecordError> {
    let fits = !text.trim().is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(RecordError::Field {
            field,
            message: "use one line of 1 to 200 characters",
        })
    }
}
