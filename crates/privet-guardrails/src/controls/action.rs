//! What a control says: which one, where, and what becomes of it.

use privet_types::{RuleId, Span};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of a text or a tool call in which a control found something. Ordered: of several, the last one counts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing; it is not written down either.
    #[default]
    Allow,
    /// It goes on as it is, and is written down.
    Flag,
    /// It goes on without what was found.
    Redact,
    /// It goes to another model, that the policy names.
    Route,
    /// It waits until somebody approves it.
    Hold,
    /// It does not go on.
    Block,
}

impl Action {
    /// The name in documents, metrics and audit events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Flag => "flag",
            Self::Redact => "redact",
            Self::Route => "route",
            Self::Hold => "hold",
            Self::Block => "block",
        }
    }

    /// Whether nothing goes on by itself.
    #[must_use]
    pub const fn stops(self) -> bool {
        matches!(self, Self::Route | Self::Hold | Self::Block)
    }
}

/// A deterministic control. A closed set: safe in logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Control {
    /// The detector of attacks.
    Detector,
    /// Characters that nobody sees.
    Invisible,
    /// Control sequences of terminals.
    Escapes,
    /// Links and images that carry data out.
    Channels,
    /// The canary of a conversation.
    Canary,
    /// Passages of the system prompt.
    PromptLeak,
    /// Records that exist only to be noticed when they leave.
    Honey,
    /// Passages of protected documents.
    Corpus,
    /// Replies that go round in circles.
    Repetition,
    /// Requests that pump a model dry.
    Extraction,
    /// Which tools may be called, with what, how often.
    Tools,
    /// Where the arguments of a call come from.
    Provenance,
    /// Side effects after untrusted text.
    Taint,
    /// Tools that describe themselves otherwise than before.
    Manifest,
    /// Output that something else will run or show.
    Sink,
    /// Personal data and secrets that the user did not bring.
    Private,
    /// Topics, competitors and words that are not to be spoken of.
    Bans,
    /// Languages of replies.
    Language,
    /// Program code.
    Code,
    /// Citations that lead nowhere.
    Citations,
    /// Packages that do not exist.
    Packages,
    /// Harmful content by category.
    Harm,
}

impl Control {
    /// The name in documents, metrics and audit events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detector => "detector",
            Self::Invisible => "invisible",
            Self::Escapes => "escapes",
            Self::Channels => "channels",
            Self::Canary => "canary",
            Self::PromptLeak => "prompt_leak",
            Self::Honey => "honey",
            Self::Corpus => "corpus",
            Self::Repetition => "repetition",
            Self::Extraction => "extraction",
            Self::Tools => "tools",
            Self::Provenance => "provenance",
            Self::Taint => "taint",
            Self::Manifest => "manifest",
            Self::Sink => "sink",
            Self::Private => "private",
            Self::Bans => "bans",
            Self::Language => "language",
            Self::Code => "code",
            Self::Citations => "citations",
            Self::Packages => "packages",
            Self::Harm => "harm",
        }
    }
}

/// Something that a control found. Holds no text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// Which control.
    pub control: Control,
    /// Which of its rules.
    pub rule: RuleId,
    /// Where, in bytes of what the control was given; empty where there is no place.
    #[serde(flatten)]
    pub span: Span,
    /// What becomes of it.
    pub action: Action,
}

impl Hit {
    pub(crate) const fn new(control: Control, rule: &'static str, span: Span, action: Action) -> Self {
        Self {
            control,
            rule: RuleId(rule),
            span,
            action,
        }
    }
}
