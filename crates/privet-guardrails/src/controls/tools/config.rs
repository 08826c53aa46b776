//! What the policy can say about tools.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::controls::Action;

/// Tools that models call (`[guardrails.tools]`). With no tool listed, none may be called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ToolsConfig {
    /// What becomes of a call of a tool that is not listed, or not for this role, or with arguments that do not fit, and of a call too
    /// many.
    pub action: Action,
    /// What becomes of an argument that does not stand in trusted text.
    pub provenance: Action,
    /// What becomes of a call with a side effect after untrusted text.
    pub taint: Action,
    /// Most calls in a conversation.
    pub calls: u32,
    /// Most calls with the same tool and arguments in a conversation.
    pub repeats: u32,
    /// Tools that may be called. The first whose name and role fit counts.
    pub allow: Vec<Tool>,
}

/// A tool that may be called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name, to the letter; a `*` at the end stands for whatever follows.
    pub name: String,
    /// Roles that may have it called; everybody if empty.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What its arguments must fit: JSON Schema, draft 2020-12, of which most keywords are known.
    #[serde(default)]
    pub arguments: Option<serde_json::Value>,
    /// Whether a call changes something outside: sends, writes, pays, deletes. Taken for granted.
    #[serde(default = "yes")]
    pub side_effect: bool,
    /// Whether what it returns can be trusted: nobody else can have written it.
    #[serde(default)]
    pub is_trusted: bool,
    /// Most calls of this tool in a conversation.
    #[serde(default)]
    pub calls: Option<u32>,
    /// Arguments that must stand in what the system or the user said, or in `known`: JSON Pointers, in which `*` stands for every
    /// member. `["/to", "/attachments/*/path"]`
    #[serde(default)]
    pub from_trusted: Vec<String>,
    /// Values that such arguments may have besides.
    #[serde(default)]
    pub known: Vec<String>,
}

const fn yes() -> bool {
    true
}

impl Default for ToolsConfig {
    fn default() -> Self {
        Self {
            action: Action::Block,
            provenance: Action::Hold,
            taint: Action::Hold,
            calls: 64,
            repeats: 4,
            allow: Vec::new(),
        }
    }
}
