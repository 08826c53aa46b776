//! What is written down about a decision: who, what kind, how many; never the text.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Entity, SurfaceKind};

/// A keyed stand-in for a principal: lower-case hexadecimal, 32 characters. The same principal of the same tenant has
/// the same pseudonym for as long as the tenant's keys live; without the key it cannot be led back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pseudonym(pub String);

/// What a check decided to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Sent on unchanged.
    Allow,
    /// Sent on with private values replaced.
    Redact,
    /// Not sent.
    Block,
    /// Sent on unchanged, and something was found that is to be known.
    Flag,
    /// Sent to another model than was asked for.
    Route,
    /// Not sent until somebody approves it.
    Hold,
}

impl Action {
    /// Whether nothing was sent on.
    #[must_use]
    pub const fn stops(self) -> bool {
        matches!(self, Self::Block | Self::Hold)
    }

    /// The name in metrics and audit events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Redact => "redact",
            Self::Block => "block",
            Self::Flag => "flag",
            Self::Route => "route",
            Self::Hold => "hold",
        }
    }
}

/// How one prompt was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was done.
    pub action: Action,
    /// Why, as a code from a closed set, such as `masked`, `clean`, `entity_blocked`, `detector_failed`.
    pub reason: String,
    /// What was replaced, by kind; empty where nothing was sent.
    pub counts: BTreeMap<Entity, u32>,
    /// What guardrails found, by rule (`channels/image`), with how often; empty where nothing was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub guardrails: BTreeMap<String, u32>,
    /// Time from the last request byte to the decision, in microseconds.
    pub latency_us: u64,
}

/// One append-only record of a decision on the path of a prompt. Holds metadata and keyed hashes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When, UTC.
    pub at: Timestamp,
    /// Tenant name.
    pub tenant: String,
    /// Who asked; absent where nobody was authenticated.
    pub principal: Option<Pseudonym>,
    /// By what they came, where it was no API key: `certificate`, `session` or `token`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    /// Keyed hash of the id of the token by which they came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Random id of the request, 32 hexadecimal characters; also sent to the caller as `x-privet-request-id`.
    pub request_id: String,
    /// The issuer whose token the caller came by, as the settings name it, where it was a token and no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The person the prompt is about, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Pseudonym>,
    /// What it is for, where it says so and the purpose is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The dialect.
    pub surface: SurfaceKind,
    /// The model asked for, as the settings name it; absent where it matched no route.
    pub model: Option<String>,
    /// The provider chosen, as the settings name it.
    pub provider: Option<String>,
    /// What was decided.
    pub decision: Decision,
    /// Keyed hash of the request body as it came, hexadecimal.
    pub request_hash: Option<String>,
    /// Keyed hash of the body that was sent to the provider, hexadecimal; absent where nothing was sent.
    pub sent_hash: Option<String>,
    /// Version of the policy in force: first 16 hexadecimal characters of its SHA-256.
    pub policy: String,
}
