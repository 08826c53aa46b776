//! Short-lived tokens: who has a key, a certificate or a session gets one for less, and hands it to a program that needs no more.
//!
//! A token is a JSON web token (RFC 7519) behind [`TOKEN_PREFIX`], signed with Ed25519 (RFC 8037). It says itself what it is good
//! for, so that no store is asked about it; what it came by, and what was taken back, the key ring knows.

mod book;
mod claims;
mod order;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use privet_types::{KeyScope, KeyScopes, Secret};

pub(crate) use book::{Book, new_key, sealing_key};
pub(crate) use claims::{Claims, Signed};
pub use order::TokenOrder;

use crate::{Error, Way};

/// So that a token is recognised where it was left: by people, and by secret scanners.
pub const TOKEN_PREFIX: &str = "privet_at_";

/// Longest life of a token, whatever the settings say.
pub const LONGEST_TOKEN: Duration = Duration::from_hours(1);

/// How long what was taken back is remembered: until no token of before can be good by itself, on a node whose clock is slow, too.
pub const TOKEN_REMEMBERED: Duration = Duration::from_mins(70);

/// Tokens of one tenant that can be taken back one by one at a time.
pub const MOST_REVOKED_TOKENS: u32 = 10_000;

/// How far clocks of nodes may differ: a token from later than that is none of ours.
const SKEW: Duration = Duration::from_mins(1);

/// By what token a request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// Its id.
    pub id: String,
    /// Keyed hash of that, for the log.
    pub id_hash: String,
    /// By what whoever made it came.
    pub made_by: Way,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Whether the session that made it had shown a second factor.
    pub has_two_factors: bool,
    /// The models that it is good for; all, if there are none.
    models: Vec<String>,
}

/// A token that was just made.
#[derive(Debug)]
pub struct NewToken {
    /// The token. Shown once; it is kept nowhere.
    pub token: Secret<String>,
    /// Its id, by which it is taken back.
    pub id: String,
    /// Keyed hash of that, for the log.
    pub id_hash: String,
    /// What it is good for.
    pub scopes: KeyScopes,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Why no token is made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It was asked for with a token.
    #[error("a token makes no tokens; ask with the key that it came from")]
    ByToken,
    /// It would be good for nothing.
    #[error("name at least one scope that the token is to have, such as `gateway`")]
    NoScope,
    /// It would be good for more than what it was asked for with.
    #[error("what you come by is not good for `{0}`, so no token of yours is")]
    TooWide(KeyScope),
    /// It would live too long, or not at all.
    #[error("a token lives for 1 second at least and {} seconds at most", longest.as_secs())]
    BadLife {
        /// The longest that is allowed here.
        longest: Duration,
    },
    /// What it is to be narrowed down to cannot be read.
    #[error("name up to 16 `{what}` of 1 to 128 characters{}", if *what == "addresses" { ", each a path such as `/v1/messages`" } else { ", with `*` at the end alone" })]
    BadNarrowing {
        /// Which.
        what: &'static str,
    },
    /// What it was asked for with ends at this moment.
    #[error("what you come by has just ended, so no token can be made of it")]
    Ended,
    /// No key that signs can be had.
    #[error("no key can be had that signs tokens; look at the log")]
    NoKey,
    /// The store failed, or no key could be made.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl TokenFacts {
    /// What `claims` say, under the keyed hash of their id.
    pub(crate) fn new(claims: &Claims, made_by: Way, id_hash: String) -> Arc<Self> {
        Arc::new(Self {
            id: claims.jti.clone(),
            id_hash,
            made_by,
            expires_at: claims.expires_at(),
            has_two_factors: claims.two_factors,
            models: claims.models.clone(),
        })
    }

    /// Whether it is good for the model that a caller names `model`.
    #[must_use]
    pub fn is_for_model(&self, model: &str) -> bool {
        let is_it = |wanted: &String| match wanted.strip_suffix('*') {
            Some(start) => model.starts_with(start),
            None => model == wanted,
        };
        self.models.is_empty() || self.models.iter().any(is_it)
    }
}
