//! Erasure of a subject, and its signed receipt.
//!
//! An erasure is begun in one transaction: from then on the subject answers as absent, and what it was known by is on the
//! list of erased persons. What follows (connectors, the key, the rows) can be repeated, so that an erasure that a crash
//! interrupted is taken up again: [`Vault::resume_erasures`].

mod again;
mod begun;
mod due;
mod finish;
mod forget;
mod list;
mod nodes;
mod receipt;
mod signer;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use forget::{ErasurePlan, ForgetOutcome};
pub use receipt::{ErasureReceipt, ErasureStatement, NodeOutcome, Outcome};

/// Why a subject is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureReason {
    /// The person asked for it (GDPR Article 17).
    Request,
    /// Consent was withdrawn, and nothing else allows to keep the data.
    ConsentWithdrawn,
    /// The time is over for which the data was kept.
    Retention,
    /// The data must not have been processed.
    Unlawful,
    /// A restored backup had brought an erased person back.
    Restored,
}

impl ErasureReason {
    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::ConsentWithdrawn => "consent_withdrawn",
            Self::Retention => "retention",
            Self::Unlawful => "unlawful",
            Self::Restored => "restored",
        }
    }
}
