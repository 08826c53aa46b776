//! The messages of the scripted conversation in each dialect.

use std::collections::BTreeMap;

use privet_types::SurfaceKind;
use serde_json::{Value, json};

use crate::ask::{items, string};
use crate::script::Script;
use crate::sse;

/// A conversation as it grows, in one dialect.
pub(crate) struct Dialogue {
    surface: SurfaceKind,
    messages: Vec<Value>,
}

/// What the assistant said, as a message of the history, and the ids of its tool calls.
pub(crate) struct Said {
    pub(crate) message: Value,
    pub(crate) call_ids: Vec<String>,
}

impl Dialogue {
    pub(crate) fn new(surface: SurfaceKind, script: &Script) -> Self {
        let messages = match surface {
            SurfaceKind::AnthropicMessages | SurfaceKind::OpenaiResponses => Vec::new(),
            _ => vec![json!({"role": "system", "content": script.system})],
        };
        Self { surface, messages }
    }

    pub(crate) fn user(&mut self, text: &str) {
        self.messages.push(json!({"role": "user", "content": text}));
    }

    pub(crate) fn assistant(&mut self, message: Value) {
        match message {
            Value::Array(items) => self.messages.extend(items),
            message => self.messages.push(message),
        }
    }

    pub(crate) fn tool_results(&mut self, ids: &[String], result: &str) {
        if self.surface == SurfaceKind::AnthropicMessages {
            let block = |id: &String| json!({"type": "tool_result", "tool_use_id": id, "content": result});
            let blocks: Vec<Value> = ids.iter().map(block).collect();
            self.messages.push(json!({"role": "user", "content": blocks}));
        } else if self.surface == SurfaceKind::OpenaiResponses {
            let item = |id: &String| json!({"type": "function_call_output", "call_id": id, "output": result});
            self.messages.extend(ids.iter().map(item));
        } else {
            let message = |id: &String| json!({"role": "tool", "tool_call_id": id, "content": result});
            self.messages.extend(ids.iter().map(message));
        }
    }

    pub(crate) fn path(&self) -> &'static str {
        match self.surface {
            SurfaceKind::AnthropicMessages => "/v1/messages",
            SurfaceKind::OpenaiResponses => "/v1/responses",
            _ => "/v1/chat/completions",
        }
    }

    /// The next request.
    pub(crate) fn request(&self, script: &Script, model: &str, is_stream: bool) -> Value {
        let (name, says) = ("send_mail", "Sends a mail.");
        if self.surface == SurfaceKind::AnthropicMessages {
            let tool = json!({"name": name, "description": says, "input_schema": script.tool_schema});
            json!({
                "model": model, "max_tokens": 1024, "system": [{"type": "text", "text": script.system}],
                "messages": self.messages, "tools": [tool], "stream": is_stream,
            })
        } else if self.surface == SurfaceKind::OpenaiResponses {
            let tool = json!({"type": "function", "name": name, "description": says, "parameters": script.tool_schema});
            json!({
                "model": model, "instructions": script.system, "input": self.messages, "tools": [tool],
                "store": false, "include": ["reasoning.encrypted_content"],
                "reasoning": {"effort": "low", "summary": "auto"}, "stream": is_stream,
            })
        } else {
            let function = json!({"name": name, "description": says, "parameters": script.tool_schema});
            json!({
                "model": model, "messages": self.messages,
                "tools": [{"type": "function", "function": function}], "stream": is_stream,
            })
        }
    }

    /// The assistant's message in the reply `body`, if it has one.
    pub(crate) fn read(&self, body: &[u8]) -> Option<Said> {
        let document = serde_json::from_slice::<Value>(body).ok();
        let message = match (self.surface, document) {
            (SurfaceKind::AnthropicMessages, Some(reply)) => {
                json!({"role": "assistant", "content": reply.get("content")?})
            }
            (SurfaceKind::AnthropicMessages, None) => anthropic_stream(body)?,
            (SurfaceKind::OpenaiResponses, Some(reply)) => reply.get("output")?.clone(),
            (SurfaceKind::OpenaiResponses, None) => responses_stream(body)?,
            (_, Some(reply)) => items(&reply, "choices").first()?.get("message")?.clone(),
            (_, None) => openai_stream(body)?,
        };
        let calls = items(&message, "tool_calls").iter();
        let blocks = items(&message, "content")
            .iter()
            .filter(|block| string(block, "type") == Some("tool_use"));
        let functions = message.as_array().map_or(&[][..], Vec::as_slice).iter();
        let functions = functions.filter_map(|item| string(item, "call_id"));
        let call_ids = calls
            .chain(blocks)
            .filter_map(|call| string(call, "id"))
            .chain(functions)
            .map(str::to_owned)
            .collect();
        Some(Said { message, call_ids })
    }
}

/// The message put together as the official clients do; nothing if the stream did not end properly.
fn openai_stream(body: &[u8]) -> Option<Value> {
    let events = sse::events(body);
    events.last().filter(|event| event.data == "[DONE]")?;
    let mut content: Option<String> = None;
    let mut calls: BTreeMap<u64, [String; 3]> = BTreeMap::new();
    for event in events {
        let Ok(chunk) = serde_json::from_str::<Value>(&event.data) else {
            continue;
        };
        let Some(delta) = items(&chunk, "choices")
            .first()
            .and_then(|choice| choice.get("delta"))
        else {
            continue;
        };
        if let Some(piece) = string(delta, "content") {
            content.get_or_insert_default().push_str(piece);
        }
        for call in items(delta, "tool_calls") {
            let [id, name, arguments] = calls.entry(call.get("index")?.as_u64()?).or_default();
            let function = call.get("function").unwrap_or(&Value::Null);
            id.push_str(string(call, "id").unwrap_or(""));
            name.push_str(string(function, "name").unwrap_or(""));
            arguments.push_str(string(function, "arguments").unwrap_or(""));
        }
    }
    let mut message = json!({"role": "assistant", "content": content});
    if !calls.is_empty() {
        let call = |[id, name, arguments]: [String; 3]| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
        message
            .as_object_mut()?
            .insert("tool_calls".to_owned(), calls.into_values().map(call).collect());
    }
    Some(message)
}

/// As [`openai_stream`]: the items as they were when they were done.
fn responses_stream(body: &[u8]) -> Option<Value> {
    let events = sse::events(body);
    events
        .last()
        .filter(|event| event.name.as_deref() == Some("response.completed"))?;
    let done = events
        .iter()
        .filter(|event| event.name.as_deref() == Some("response.output_item.done"));
    done.map(|event| {
        let data: Value = serde_json::from_str(&event.data).ok()?;
        data.get("item").cloned()
    })
    .collect()
}

/// As [`openai_stream`].
fn anthropic_stream(body: &[u8]) -> Option<Value> {
    let events = sse::events(body);
    events
        .last()
        .filter(|event| event.name.as_deref() == Some("message_stop"))?;
    let mut blocks: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    for event in events {
        let Ok(data) = serde_json::from_str::<Value>(&event.data) else {
            continue;
        };
        let index = data.get("index").and_then(Value::as_u64).unwrap_or(0);
        if let Some(block) = data.get("content_block") {
            blocks.insert(index, (block.clone(), String::new()));
        }
        let delta = data.get("delta").unwrap_or(&Value::Null);
        let piece = ["text", "partial_json", "thinking"]
            .iter()
            .find_map(|field| string(delta, field));
        if let (Some((_, text)), Some(piece)) = (blocks.get_mut(&index), piece) {
            text.push_str(piece);
        }
        if let (Some((block, _)), Some(signature)) = (blocks.get_mut(&index), string(delta, "signature")) {
            block
                .as_object_mut()?
                .insert("signature".to_owned(), signature.into());
        }
    }
    let mut content = Vec::new();
    for (mut block, text) in blocks.into_values() {
        let (field, value) = match string(&block, "type")? {
            "tool_use" => ("input", serde_json::from_str(&text).ok()?),
            "thinking" => ("thinking", text.into()),
            _ => ("text", text.into()),
        };
        block.as_object_mut()?.insert(field.to_owned(), value);
        content.push(block);
    }
    Some(json!({"role": "assistant", "content": content}))
}
