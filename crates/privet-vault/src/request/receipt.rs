//! Signed receipts of requests.

use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use privet_crypto::{SigningKey, VerifyingKey, sha256};
use privet_types::Pseudonym;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::model::{Approval, Extension, IdentityProof, Request, RequestKind, RequestOutcome, RequestStatus};
use crate::Error;

/// Name of the format, with its version. It is signed, too.
const FORMAT: &str = "privet-request-receipt-1";
/// Longest receipt that is read.
const LONGEST: usize = 64 << 10;

/// What a receipt says. No personal data: people are pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestStatement {
    /// `privet-request-receipt-1`.
    pub format: String,
    /// The request's id.
    pub request: String,
    /// Tenant name.
    pub tenant: String,
    /// Which right.
    pub kind: RequestKind,
    /// Where it stands.
    pub status: RequestStatus,
    /// Whom it is about, as the log's leaves name them; absent if nobody of that name is known, and as long as the request
    /// is open: who has made a request is not to learn from its receipt who is known.
    pub subject: Option<Pseudonym>,
    /// When it was received, UTC.
    pub received_at: Timestamp,
    /// Until when it is to be done, UTC.
    pub due_at: Timestamp,
    /// How it was made sure that the subject asks.
    pub identity: Option<IdentityProof>,
    /// Who approved.
    pub approval: Option<Approval>,
    /// Why it took longer.
    pub extension: Option<Extension>,
    /// When it ended, UTC.
    pub closed_at: Option<Timestamp>,
    /// What it led to.
    pub outcome: Option<RequestOutcome>,
}

/// A signed receipt. The leaf of the audit log for the same step holds its [`hash`](Self::hash).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestReceipt {
    /// The statement, as the JSON text that was signed.
    pub statement: String,
    /// The key that signed it: Ed25519, 64 hexadecimal digits.
    pub key: String,
    /// The signature, base64.
    pub signature: String,
}

impl RequestReceipt {
    pub(super) fn sign(request: &Request, tenant: &str, key: &SigningKey) -> Result<Self, Error> {
        let statement = RequestStatement {
            format: FORMAT.to_owned(),
            request: request.id.clone(),
            tenant: tenant.to_owned(),
            kind: request.kind,
            status: request.status,
            subject: request.pseudonym.clone().filter(|_| !request.status.is_open()),
            received_at: request.received_at,
            due_at: request.due_at,
            identity: request.identity.clone(),
            approval: request.approval.clone(),
            extension: request.extension.clone(),
            closed_at: request.closed_at,
            outcome: request.outcome.clone(),
        };
        let statement = serde_json::to_string(&statement).map_err(Error::Json)?;
        let signature = key.sign(statement.as_bytes());
        Ok(Self {
            statement,
            key: HEXLOWER.encode(key.verifying_key().as_bytes()),
            signature: BASE64.encode(&signature),
        })
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// [`Error::BadReceipt`] if it is none.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        if json.len() > LONGEST {
            return Err(Error::BadReceipt {
                why: "it is larger than 64 KiB",
            });
        }
        serde_json::from_slice(json).map_err(|_| Error::BadReceipt {
            why: "it is no receipt's JSON",
        })
    }

    /// What it says, if `key` signed it. Needs neither the vault nor a network. `key` is known from elsewhere: the one in
    /// the receipt proves nothing.
    ///
    /// # Errors
    /// [`Error::BadReceipt`] if it was signed by another key, or changed, or is of another format.
    pub fn verify(&self, key: &VerifyingKey) -> Result<RequestStatement, Error> {
        let bad = |why| Error::BadReceipt { why };
        if self.key != HEXLOWER.encode(key.as_bytes()) {
            return Err(bad("another key signed it"));
        }
        let signature = BASE64
            .decode(self.signature.as_bytes())
            .map_err(|_| bad("its signature is not base64"))?;
        key.verify(self.statement.as_bytes(), &signature)
            .map_err(|_| bad("its signature does not fit"))?;
        let statement: RequestStatement =
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
