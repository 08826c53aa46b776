//! The signed receipt of an erasure.

use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use privet_crypto::{SigningKey, VerifyingKey, sha256};
use privet_types::Pseudonym;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::lineage::NodeKind;

/// Name of the format, with its version. It is signed, too.
const FORMAT: &str = "privet-erasure-receipt-1";

/// Longest receipt that is read.
const LONGEST: usize = 1 << 20;

/// What became of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The key is gone: what is left cannot be read by anybody.
    Shredded,
    /// The bytes are gone from the store's files.
    PhysicallyGone,
    /// It is no longer shown, but bytes may be left.
    HiddenOnly,
    /// Kept, on a legal basis.
    Retained,
    /// Out of this installation's reach.
    OutOfScope,
}

/// What became of the nodes of one kind in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeOutcome {
    /// What they are.
    pub kind: NodeKind,
    /// Where.
    pub place: String,
    /// How many.
    pub count: u64,
    /// What became of them.
    pub outcome: Outcome,
    /// What there is to say about it: a legal basis, an end, a reason. Empty if nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What a receipt says. No personal data: the subject is a pseudonym that nobody can lead back any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureStatement {
    /// `privet-erasure-receipt-1`.
    pub format: String,
    /// Random id of the erasure; the log's leaves name it.
    pub erasure: String,
    /// Tenant name.
    pub tenant: String,
    /// Whom it was about, as the log's leaves name them.
    pub subject: Pseudonym,
    /// Who asked for it.
    pub principal: Pseudonym,
    /// Why, from a closed set.
    pub reason: String,
    /// When it was begun, UTC.
    pub begun_at: Timestamp,
    /// When all of it was done, UTC.
    pub done_at: Timestamp,
    /// Until when somebody with an older backup of the keyring *and* the root key could still open the subject's data.
    pub final_at: Timestamp,
    /// What became of everything.
    pub nodes: Vec<NodeOutcome>,
}

/// A signed receipt. The leaf `subject_erased` of the audit log holds its [`hash`](Self::hash).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureReceipt {
    /// The statement, as the JSON text that was signed.
    pub statement: String,
    /// The key that signed it: Ed25519, 64 hexadecimal digits.
    pub key: String,
    /// The signature, base64.
    pub signature: String,
}

impl ErasureReceipt {
    pub(crate) fn sign(statement: &ErasureStatement, key: &SigningKey) -> Result<Self, Error> {
        let statement = serde_json::to_string(statement).map_err(|_| Error::BadReceipt {
            why: "it cannot be written",
        })?;
        let signature = key.sign(statement.as_bytes());
        Ok(Self {
            statement,
            key: HEXLOWER.encode(key.verifying_key().as_bytes()),
            signature: BASE64.encode(&signature),
        })
    }

    pub(crate) fn begin(
        erasure: String,
        tenant: &str,
        by: (Pseudonym, Pseudonym),
        reason: &str,
        times: (Timestamp, Timestamp, Timestamp),
        nodes: Vec<NodeOutcome>,
    ) -> ErasureStatement {
        ErasureStatement {
            format: FORMAT.to_owned(),
            erasure,
            tenant: tenant.to_owned(),
            subject: by.0,
            principal: by.1,
            reason: reason.to_owned(),
            begun_at: times.0,
            done_at: times.1,
            final_at: times.2,
            nodes,
        }
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// [`Error::BadReceipt`] if it is none.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        if json.len() > LONGEST {
            return Err(Error::BadReceipt {
                why: "it is larger than 1 MiB",
            });
        }
        serde_json::from_slice(json).map_err(|_| Error::BadReceipt {
            why: "it is no receipt's JSON",
        })
    }

    /// What it says, if `key` signed it. Needs neither the vault nor a network. `key` is known from elsewhere: the one in the
    /// receipt proves nothing.
    ///
    /// # Errors
    /// [`Error::BadReceipt`] if it was signed by another key, or changed, or is of another format.
    pub fn verify(&self, key: &VerifyingKey) -> Result<ErasureStatement, Error> {
        let bad = |why| Error::BadReceipt { why };
        if self.key != HEXLOWER.encode(key.as_bytes()) {
            return Err(bad("another key signed it"));
        }
        let signature = BASE64
            .decode(self.signature.as_bytes())
            .map_err(|_| bad("its signature is not base64"))?;
        key.verify(self.statement.as_bytes(), &signature)
            .map_err(|_| bad("its signature does not fit"))?;
        let statement: ErasureStatement =
            serde_json::from_str(&self.statement).map_err(|_| bad("its statement cannot be read"))?;
        if statement.format != FORMAT {
            return Err(bad("it is of another format"));
        }
        Ok(statement)
    }

    /// SHA-256 of the statement, hexadecimal, as the log's leaf holds it.
    #[must_use]
    pub fn hash(&self) -> String {
        HEXLOWER.encode(&sha256(self.statement.as_bytes()))
    }
}
