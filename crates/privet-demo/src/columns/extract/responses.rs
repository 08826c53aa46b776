//! The texts of OpenAI's responses.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Line, content_text, error};
use crate::ask::{items, string};
use crate::sse;

/// Those of a request or a whole reply.
pub(super) fn document(document: &Value) -> Vec<Line> {
    let mut lines = Vec::new();
    let is_request = document.get("input").is_some();
    if let Some(instructions) = string(document, "instructions").filter(|_| is_request) {
        lines.push(Line::new("system", instructions));
    }
    if let Some(text) = string(document, "input") {
        lines.push(Line::new("user", text));
    }
    lines.extend(items(document, "input").iter().map(item));
    lines.extend(items(document, "output").iter().map(item));
    lines
}

fn item(item: &Value) -> Line {
    let text = |field: &str| string(item, field).unwrap_or("").to_owned();
    match string(item, "type").unwrap_or("message") {
        "function_call" => Line::new(who(item), text("arguments")),
        "custom_tool_call" => Line::new(who(item), text("input")),
        "function_call_output" | "custom_tool_call_output" => {
            Line::new("tool", item.get("output").map(content_text).unwrap_or_default())
        }
        "reasoning" => Line::new(
            "thinking",
            item.get("summary").map(content_text).unwrap_or_default(),
        ),
        _ => Line::new(
            who(item),
            item.get("content").map(content_text).unwrap_or_default(),
        ),
    }
}

fn who(item: &Value) -> String {
    match string(item, "type").unwrap_or("message") {
        "message" => string(item, "role").unwrap_or("?").to_owned(),
        "reasoning" => "thinking".to_owned(),
        _ => format!("tool call {}", string(item, "name").unwrap_or("?")),
    }
}

/// Those of a stream, put together from its deltas.
pub(super) fn stream(body: &[u8]) -> Vec<Line> {
    let mut lines: BTreeMap<u64, Line> = BTreeMap::new();
    let mut errors = Vec::new();
    for event in sse::events(body) {
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else {
            continue;
        };
        let index = data.get("output_index").and_then(Value::as_u64).unwrap_or(0);
        match string(&data, "type").unwrap_or("") {
            "response.output_item.added" => {
                let item = data.get("item").unwrap_or(&Value::Null);
                lines.insert(index, Line::new(who(item), ""));
            }
            "error" => errors.push(Line::new("error", string(&data, "message").unwrap_or(""))),
            "response.failed" => errors.push(error(data.get("response").unwrap_or(&Value::Null))),
            kind if kind.ends_with(".delta") => {
                if let (Some(line), Some(piece)) = (lines.get_mut(&index), string(&data, "delta")) {
                    line.text.push_str(piece);
                }
            }
            _ => {}
        }
    }
    lines.into_values().chain(errors).collect()
}
