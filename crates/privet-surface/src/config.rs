//! What the policy document can say about requests and replies.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `[restore]` table of the policy document: where surrogates in a reply become real values again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RestoreConfig {
    /// In text shown to the caller.
    pub text: bool,
    /// In arguments of tool calls, for tools that `tools` does not name.
    pub tool_arguments: bool,
    /// In arguments of a tool call, by the tool's name (`web_search = false`).
    pub tools: BTreeMap<String, bool>,
    /// URL prefixes in which values may be restored, such as `https://intranet.example.com/`; a prefix must name a
    /// scheme and a host and end in `/`. Anywhere else a surrogate in a URL or a Markdown link stays a surrogate.
    pub url_allow: Vec<String>,
}

impl Default for RestoreConfig {
    fn default() -> Self {
        Self {
            text: true,
            tool_arguments: true,
            tools: BTreeMap::new(),
            url_allow: Vec::new(),
        }
    }
}

/// Content that Privet cannot look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// Images.
    Image,
    /// Sound.
    Audio,
    /// Files and documents, such as PDF.
    File,
}

impl PartKind {
    /// The name as the policy document spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::File => "file",
        }
    }
}

/// The `[parts]` table of the policy document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PartsConfig {
    /// Kinds that are sent on unseen; all others refuse the request.
    pub pass: BTreeSet<PartKind>,
}
