//! What is written down about a change of Privet's own state.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Pseudonym;

/// What kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// An API key was made.
    ApiKeyCreated,
    /// An API key was revoked.
    ApiKeyRevoked,
    /// Another API key was made to take the place of one.
    ApiKeyRotated,
}

/// One append-only record of a change of Privet's own state. Holds metadata only; people are pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When, UTC.
    pub at: Timestamp,
    /// Tenant name.
    pub tenant: String,
    /// Whom the object belongs to.
    pub principal: Pseudonym,
    /// Who did it; absent where that was whoever has the root key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Pseudonym>,
    /// What was changed: the id of an API key.
    pub object: String,
    /// Until when the object is good, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What an API key may be used for, with commas between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<String>,
    /// The id of the API key that takes the place of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
}

impl ChangeKind {
    /// Its name in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKeyCreated => "api_key_created",
            Self::ApiKeyRevoked => "api_key_revoked",
            Self::ApiKeyRotated => "api_key_rotated",
        }
    }
}
