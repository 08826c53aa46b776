//! The signed receipt of an erasure.

use jiff::Timestamp;
use privet_types::Pseudonym;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lineage::NodeKind;
use crate::receipt::{Receipt, Statement};

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

/// A signed receipt of an erasure. The leaf `subject_erased` of the audit log holds its [`hash`](Receipt::hash).
pub type ErasureReceipt = Receipt<ErasureStatement>;

impl Statement for ErasureStatement {
    const FORMAT: &'static str = "privet-erasure-receipt-1";

    fn format(&self) -> &str {
        &self.format
    }
}

impl ErasureStatement {
    /// Of the erasure `erasure`: whom it was about and who asked for it, when it was begun, done, and when it is final.
    pub(super) fn new(
        erasure: String,
        tenant: &str,
        (subject, principal): (Pseudonym, Pseudonym),
        reason: &str,
        (begun_at, done_at, final_at): (Timestamp, Timestamp, Timestamp),
        nodes: Vec<NodeOutcome>,
    ) -> Self {
        Self {
            format: Self::FORMAT.to_owned(),
            erasure,
            tenant: tenant.to_owned(),
            subject,
            principal,
            reason: reason.to_owned(),
            begun_at,
            done_at,
            final_at,
            nodes,
        }
    }
}
