//! What a request asks of the model, whichever dialect it came in.

use serde_json::Value;

/// A request the demo model can answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) is_stream: bool,
    /// OpenAI's `stream_options.include_usage`.
    pub(crate) wants_usage: bool,
    /// OpenAI's `stream_options.include_obfuscation`, true unless switched off.
    pub(crate) wants_obfuscation: bool,
    /// How many choices.
    pub(crate) n: usize,
    pub(crate) system: String,
    pub(crate) turns: Vec<Turn>,
    /// The ids of tool calls in the turns of a response, which results may name.
    pub(crate) open: Vec<String>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) tool_choice: ToolChoice,
    /// Whether one answer may hold several tool calls.
    pub(crate) allows_parallel: bool,
    /// Anthropic's `thinking`, or OpenAI's `reasoning`.
    pub(crate) wants_thinking: bool,
    /// Fields of a response request that its reply repeats, each as JSON, and whether reasoning is encrypted.
    pub(crate) echo: Vec<(&'static str, String)>,
    pub(crate) wants_encrypted: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    User(String),
    Assistant(String),
    /// A tool's result.
    Tool(String),
}

/// A tool on offer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The JSON Schema of its arguments.
    pub(crate) schema: Value,
}

/// Whether the model is to call a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToolChoice {
    /// As it likes.
    Auto,
    /// Never.
    None,
    /// One of them.
    Any,
    /// This one.
    Named(String),
}

/// Why a request is refused with status 400.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadRequest {
    pub(crate) message: String,
    /// OpenAI's `param`.
    pub(crate) param: Option<String>,
    /// OpenAI's `code`.
    pub(crate) code: Option<&'static str>,
}

impl BadRequest {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            param: None,
            code: None,
        }
    }

    pub(crate) fn about(mut self, param: impl Into<String>, code: &'static str) -> Self {
        self.param = Some(param.into());
        self.code = Some(code);
        self
    }
}

impl Ask {
    /// What to answer: results of tools if the last turn is one, else the last thing the user wrote.
    pub(crate) fn last_text(&self) -> String {
        let results = self.tool_results();
        if !results.is_empty() {
            return results.join("\n");
        }
        let last = self.turns.iter().rev().find_map(|turn| match turn {
            Turn::User(text) => Some(text.clone()),
            _ => None,
        });
        last.unwrap_or_default()
    }

    /// The results of tools at the end of the conversation.
    pub(crate) fn tool_results(&self) -> Vec<String> {
        let trailing = self.turns.iter().rev().map_while(|turn| match turn {
            Turn::Tool(text) => Some(text.clone()),
            _ => None,
        });
        let mut results: Vec<String> = trailing.collect();
        results.reverse();
        results
    }

    /// About four bytes a token, as a rule of thumb says.
    pub(crate) fn prompt_tokens(&self) -> usize {
        let turns = self.turns.iter().map(|turn| match turn {
            Turn::User(text) | Turn::Assistant(text) | Turn::Tool(text) => text.len(),
        });
        (turns.sum::<usize>() + self.system.len()).div_ceil(4) + 3
    }
}

/// The string at `field`, or nothing.
pub(crate) fn string<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

/// Whether `field` is true.
pub(crate) fn is_true(value: &Value, field: &str) -> bool {
    value.get(field).and_then(Value::as_bool).unwrap_or(false)
}

/// The items at `field`; none if it is no array.
pub(crate) fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value
        .get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
