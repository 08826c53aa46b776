//! The `[console]` table of the settings: the pages for people.

use schemars::JsonSchema;
use serde::Deserialize;

/// The `[console]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleFile {
    /// Whether the console is there, under `/console`. It needs `[sign_in] origin`: without one it is not there either.
    pub enabled: bool,
}

impl Default for ConsoleFile {
    fn default() -> Self {
        Self { enabled: true }
    }
}
