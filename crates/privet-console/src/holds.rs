//! What guardrails hold until somebody approves it.

use askama::Template;

use crate::Frame;

/// What is held or was, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "holds.html")]
pub struct HoldsPage {
    /// What stands round it.
    pub frame: Frame,
    /// Whether what was decided is shown, too.
    pub shows_all: bool,
    /// The holds.
    pub holds: Vec<HoldRow>,
}

/// One hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// Its number.
    pub id: String,
    /// When it was held, in UTC.
    pub at: String,
    /// The rule that holds it.
    pub rule: String,
    /// `open`, `approved`, `expired`, `refused`.
    pub state: String,
    /// A name where it may be seen, or a pseudonym.
    pub who: String,
    /// On which surface.
    pub surface: String,
    /// The model asked for; empty if that is not known.
    pub model: String,
    /// The tool that was to be called; empty if it was none.
    pub tool: String,
    /// By whom and when it was decided, and until when that counts; empty if it was not.
    pub decision: String,
    /// Whether it was held of whoever looks.
    pub is_own: bool,
    /// Whether who looks may decide.
    pub may_decide: bool,
}

/// For how long: hours, and in words.
const TIMES: [(u32, &str); 5] = [
    (1, "1 hour"),
    (8, "8 hours"),
    (24, "a day"),
    (168, "a week"),
    (720, "30 days"),
];

impl HoldsPage {
    const fn times() -> [(u32, &'static str); 5] {
        TIMES
    }
}

impl HoldRow {
    fn class(&self) -> &'static str {
        match self.state.as_str() {
            "open" => "warn",
            "approved" => "good",
            "refused" => "bad",
            _ => "plain",
        }
    }

    fn of(&self) -> String {
        let mut parts = vec![self.surface.clone()];
        if !self.model.is_empty() {
            parts.push(format!("model {}", self.model));
        }
        if !self.tool.is_empty() {
            parts.push(format!("tool {}", self.tool));
        }
        parts.join(", ")
    }
}
