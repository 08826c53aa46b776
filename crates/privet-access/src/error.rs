//! What can go wrong with API keys.

use std::time::Duration;

use jiff::Timestamp;
use privet_types::KeyScope;

/// What can go wrong when API keys are made, listed or revoked. Never says a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] privet_store::Error),
    /// The store did not answer in time.
    #[error("the store did not answer within {} s; check its disk", limit.as_secs_f32())]
    StoreTimeout {
        /// How long it was waited for.
        limit: Duration,
    },
    /// The cryptographic library failed.
    #[error("cannot make an API key")]
    Crypto(#[from] privet_crypto::Error),
    /// A key was to expire before it is made.
    #[error(
        "the API key would expire at {expires_at}, which is not in the future; give a later time, or none"
    )]
    ExpiresInPast {
        /// When.
        expires_at: Timestamp,
    },
    /// No key has this id.
    #[error("no API key has the id `{id}`; list them with `privet key list`")]
    UnknownKeyId {
        /// What was given.
        id: String,
    },
}

/// Why a caller was not let in. For the log; tell callers no more than that they were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// No key was presented.
    #[error("no API key was presented; send one made by `privet key create`")]
    Missing,
    /// What was presented is not a key: mistyped or cut.
    #[error("this is not an API key of privet; copy it whole, from `prvt_` on")]
    Malformed,
    /// No such key.
    #[error("this API key is not known here; make one with `privet key create`")]
    Unknown,
    /// The key was good until a time that has passed.
    #[error("this API key has expired; make one with `privet key create`")]
    Expired,
    /// The key was revoked.
    #[error("this API key was revoked; make one with `privet key create`")]
    Revoked,
    /// Keys could not be read from the store for so long that a revocation may have been missed.
    #[error("API keys cannot be read; repair the store")]
    StoreUnavailable,
    /// The key is good, but not for this.
    #[error("this API key lacks the scope `{0}`; use one made by `privet key create --scope {0}`")]
    OutOfScope(KeyScope),
}

impl Denied {
    /// The name in logs, metrics and audit events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "key_missing",
            Self::Malformed => "key_malformed",
            Self::Unknown => "key_unknown",
            Self::Expired => "key_expired",
            Self::Revoked => "key_revoked",
            Self::StoreUnavailable => "key_store_unavailable",
            Self::OutOfScope(_) => "key_out_of_scope",
        }
    }
}
