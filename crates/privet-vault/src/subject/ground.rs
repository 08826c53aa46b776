//! What for a record is used.

use serde::{Deserialize, Serialize};

/// What for a record is read or changed. A subject whose processing is restricted (GDPR Article 18) allows only the
/// permitted purposes; which one was declared stands in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// Whatever the controller does with it.
    #[default]
    Ordinary,
    /// One of those that a restriction allows.
    Permitted(PermittedUse),
}

/// What a restriction allows: GDPR Article 18 (2), and the rights of the subject itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PermittedUse {
    /// With the subject's consent.
    Consent,
    /// For legal claims.
    LegalClaims,
    /// To protect the rights of another person.
    RightsOfOthers,
    /// For reasons of important public interest.
    PublicInterest,
    /// To answer a request of the subject: access, rectification, portability, erasure.
    SubjectRequest,
}

impl Ground {
    /// Whether it is no permitted purpose.
    #[must_use]
    pub const fn is_ordinary(&self) -> bool {
        matches!(self, Self::Ordinary)
    }
}
