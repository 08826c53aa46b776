//! What a scan finds, and how bad it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which kind of trouble a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Category {
    /// A credential: key, token, password, private key.
    Secret,
    /// Personal data.
    Pii,
    /// Text that tries to steer a model.
    Injection,
    /// A model file that runs code, or could.
    Model,
    /// A dependency with a known hole, or without a pin.
    Dependency,
    /// A licence that the policy does not allow.
    Licence,
}

impl Category {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::Secret,
        Self::Pii,
        Self::Injection,
        Self::Model,
        Self::Dependency,
        Self::Licence,
    ];

    /// The name as it stands in reports and options.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Pii => "pii",
            Self::Injection => "injection",
            Self::Model => "model",
            Self::Dependency => "dependency",
            Self::Licence => "licence",
        }
    }
}

/// How bad a [`Finding`] is, from bad to worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Worth mending soon.
    Medium,
    /// To be mended before this is shared.
    High,
    /// To be mended now.
    Critical,
}

impl Severity {
    /// The name as it stands in reports and options.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What can be said of a model file, from good to bad. It is not a proof: a file is `Safe` if nothing in it can run code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing in it runs code.
    Safe,
    /// It names what is not known to be harmless.
    Suspicious,
    /// It could not be read to its end, so nothing is known of the rest. Fails closed.
    Unreadable,
    /// It runs code that no model needs.
    Dangerous,
}

impl Verdict {
    /// The name as it stands in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Suspicious => "suspicious",
            Self::Unreadable => "unreadable",
            Self::Dangerous => "dangerous",
        }
    }
}

/// One thing found in one place. It never holds what was found, only where it stands and a keyed fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The file, relative to what was scanned, with `/`. Members of archives follow after `!/`; files of older commits
    /// stand behind `COMMIT:`.
    pub path: String,
    /// Which kind of trouble.
    pub category: Category,
    /// The rule that found it, for example `aws-access-key-id` or `GHSA-…`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// For model files.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verdict: Option<Verdict>,
    /// Line of its start, from 1; 0 where lines mean nothing (model files).
    pub line: u32,
    /// First byte, counted in the file (or member) as it lies on disk.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
    /// Keyed hash of rule and value: the same value has the same fingerprint wherever it stands, and does not give the value away.
    pub fingerprint: String,
    /// What is wrong and what to do. Never the value.
    pub message: String,
    /// Where in a notebook or document, for people: `cell 3, output 1, text/html`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
    /// The line with each found value masked, at most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub snippet: Option<String>,
}
