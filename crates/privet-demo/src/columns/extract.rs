//! From bodies to the texts in them.

mod responses;

use std::collections::BTreeMap;

use privet_types::SurfaceKind;
use serde_json::Value;

use crate::ask::{items, string};
use crate::sse;

/// One text of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose it is: `system`, `user`, `assistant`, `tool call NAME`, `tool`, `thinking` or `error`; further choices of a
    /// reply carry their number, as in `assistant 2`.
    pub who: String,
    /// The text; for tool calls, the JSON of the arguments.
    pub text: String,
}

impl Line {
    fn new(who: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            who: who.into(),
            text: text.into(),
        }
    }
}

/// The texts in `body`: a request, a reply or a stream of server-sent events in the dialect of `surface`. Deltas are put
/// together; a body that is none of these has none.
#[must_use]
pub fn extract(surface: SurfaceKind, body: &[u8]) -> Vec<Line> {
    let is_anthropic = surface == SurfaceKind::AnthropicMessages;
    let is_typed = surface == SurfaceKind::OpenaiResponses;
    let mut lines = match serde_json::from_slice::<Value>(body) {
        Ok(document) if is_typed && document.get("error").is_none_or(Value::is_null) => {
            responses::document(&document)
        }
        Err(_) if is_typed => responses::stream(body),
        Ok(document) if document.get("error").is_some_and(|error| !error.is_null()) => vec![error(&document)],
        Ok(document) if is_anthropic => anthropic(&document),
        Ok(document) => openai(&document),
        Err(_) if is_anthropic => anthropic_stream(body),
        Err(_) => openai_stream(body),
    };
    lines.retain(|line| !line.text.is_empty());
    lines
}

fn error(document: &Value) -> Line {
    let error = document.get("error").unwrap_or(&Value::Null);
    Line::new("error", string(error, "message").or(error.as_str()).unwrap_or(""))
}

fn choice_label(index: u64) -> String {
    if index == 0 {
        "assistant".to_owned()
    } else {
        format!("assistant {}", index + 1)
    }
}

fn openai(document: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    for message in items(document, "messages") {
        openai_message(message, string(message, "role").unwrap_or("?"), &mut lines);
    }
    for choice in items(document, "choices") {
        let label = choice_label(choice.get("index").and_then(Value::as_u64).unwrap_or(0));
        openai_message(choice.get("message").unwrap_or(&Value::Null), &label, &mut lines);
    }
    lines
}

fn openai_message(message: &Value, who: &str, lines: &mut Vec<Line>) {
    if let Some(content) = message.get("content") {
        lines.push(Line::new(who, content_text(content)));
    }
    if let Some(refusal) = string(message, "refusal") {
        lines.push(Line::new(who, refusal));
    }
    for call in items(message, "tool_calls") {
        let function = call.get("function").unwrap_or(&Value::Null);
        let name = string(function, "name").unwrap_or("?");
        lines.push(Line::new(
            format!("tool call {name}"),
            string(function, "arguments").unwrap_or(""),
        ));
    }
}

/// A string, or the texts of the parts, one a line.
fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| string(part, "text"))
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

fn anthropic(document: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(system) = document.get("system") {
        lines.push(Line::new("system", content_text(system)));
    }
    for message in items(document, "messages") {
        let who = string(message, "role").unwrap_or("?");
        if let Some(content) = string(message, "content") {
            lines.push(Line::new(who, content));
        }
        for block in items(message, "content") {
            lines.push(anthropic_block(block, who));
        }
    }
    for block in items(document, "content") {
        lines.push(anthropic_block(block, "assistant"));
    }
    lines
}

fn anthropic_block(block: &Value, who: &str) -> Line {
    match string(block, "type").unwrap_or("") {
        "thinking" => Line::new("thinking", string(block, "thinking").unwrap_or("")),
        "tool_use" => {
            let name = string(block, "name").unwrap_or("?");
            Line::new(
                format!("tool call {name}"),
                block.get("input").map(Value::to_string).unwrap_or_default(),
            )
        }
        "tool_result" => Line::new("tool", block.get("content").map(content_text).unwrap_or_default()),
        _ => Line::new(who, string(block, "text").unwrap_or("")),
    }
}

/// A choice of an OpenAI stream as it grows.
#[derive(Default)]
struct Choice {
    said: String,
    calls: BTreeMap<u64, Line>,
}

fn openai_stream(body: &[u8]) -> Vec<Line> {
    let mut choices: BTreeMap<u64, Choice> = BTreeMap::new();
    let mut errors = Vec::new();
    for event in sse::events(body) {
        let Ok(chunk) = serde_json::from_str::<Value>(&event.data) else {
            continue;
        };
        if chunk.get("error").is_some() {
            errors.push(error(&chunk));
        }
        for part in items(&chunk, "choices") {
            let delta = part.get("delta").unwrap_or(&Value::Null);
            let choice = choices
                .entry(part.get("index").and_then(Value::as_u64).unwrap_or(0))
                .or_default();
            choice.said.push_str(
                string(delta, "content")
                    .or(string(delta, "refusal"))
                    .unwrap_or(""),
            );
            for call in items(delta, "tool_calls") {
                let index = call.get("index").and_then(Value::as_u64).unwrap_or(0);
                let function = call.get("function").unwrap_or(&Value::Null);
                let line = choice
                    .calls
                    .entry(index)
                    .or_insert_with(|| Line::new("tool call ", ""));
                line.who.push_str(string(function, "name").unwrap_or(""));
                line.text.push_str(string(function, "arguments").unwrap_or(""));
            }
        }
    }
    let mut lines = Vec::new();
    for (index, choice) in choices {
        lines.push(Line::new(choice_label(index), choice.said));
        lines.extend(choice.calls.into_values());
    }
    lines.extend(errors);
    lines
}

fn anthropic_stream(body: &[u8]) -> Vec<Line> {
    let mut blocks: BTreeMap<u64, Line> = BTreeMap::new();
    let mut errors = Vec::new();
    for event in sse::events(body) {
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else {
            continue;
        };
        let index = data.get("index").and_then(Value::as_u64).unwrap_or(0);
        match string(&data, "type").or(event.name.as_deref()).unwrap_or("") {
            "content_block_start" => {
                let mut line =
                    anthropic_block(data.get("content_block").unwrap_or(&Value::Null), "assistant");
                if line.who.starts_with("tool call ") {
                    line.text.clear();
                }
                blocks.insert(index, line);
            }
            "content_block_delta" => {
                let delta = data.get("delta").unwrap_or(&Value::Null);
                let piece = ["text", "partial_json", "thinking"]
                    .iter()
                    .find_map(|field| string(delta, field));
                if let (Some(line), Some(piece)) = (blocks.get_mut(&index), piece) {
                    line.text.push_str(piece);
                }
            }
            "error" => errors.push(error(&data)),
            _ => {}
        }
    }
    blocks.into_values().chain(errors).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(lines: &[Line]) -> Vec<(&str, &str)> {
        lines
            .iter()
            .map(|line| (line.who.as_str(), line.text.as_str()))
            .collect()
    }

    #[test]
    fn an_openai_request_gives_its_messages_tool_calls_and_results() {
        let body = r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"u"}]},
            {"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{}"}}]},
            {"role":"tool","content":"t"}]}"#;
        let lines = extract(SurfaceKind::OpenaiChat, body.as_bytes());
        assert_eq!(
            pairs(&lines),
            [
                ("system", "s"),
                ("user", "u"),
                ("tool call f", "{}"),
                ("tool", "t")
            ]
        );
    }

    #[test]
    fn an_anthropic_request_gives_its_system_blocks_and_results() {
        let body = r#"{"system":[{"type":"text","text":"s"}],"messages":[{"role":"user","content":"u"},
            {"role":"assistant","content":[{"type":"thinking","thinking":"h"},{"type":"tool_use","name":"f","input":{"a":1}}]},
            {"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"t"}]}]}]}"#;
        let lines = extract(SurfaceKind::AnthropicMessages, body.as_bytes());
        let expected = [
            ("system", "s"),
            ("user", "u"),
            ("thinking", "h"),
            ("tool call f", "{\"a\":1}"),
            ("tool", "t"),
        ];
        assert_eq!(pairs(&lines), expected);
    }

    #[test]
    fn errors_in_either_dialect_and_in_streams_are_shown() {
        let error = br#"{"type":"error","error":{"type":"x","message":"no"}}"#;
        assert_eq!(
            pairs(&extract(SurfaceKind::AnthropicMessages, error)),
            [("error", "no")]
        );
        assert_eq!(pairs(&extract(SurfaceKind::OpenaiChat, error)), [("error", "no")]);
        let stream = b"event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"no\"}}\n\n";
        assert_eq!(
            pairs(&extract(SurfaceKind::AnthropicMessages, stream)),
            [("error", "no")]
        );
        assert_eq!(
            pairs(&extract(SurfaceKind::OpenaiChat, stream)),
            [("error", "no")]
        );
        assert!(extract(SurfaceKind::OpenaiChat, b"not a body").is_empty());
    }
}
