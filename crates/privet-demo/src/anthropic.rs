//! The Anthropic messages dialect: requests read, replies, streams, lists and errors written.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::ask::{Ask, BadRequest, Tool, ToolChoice, Turn, is_true, items, string};
use crate::cuts::{Chance, Cuts};
use crate::json::{array, null, object, text};
use crate::model::{Answer, Style};
use crate::wire::{Event, Failure};

pub(crate) fn read(body: &[u8]) -> Result<Ask, BadRequest> {
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| BadRequest::new("The request body is not valid JSON: expected value"))?;
    let required = |field: &str| BadRequest::new(format!("{field}: Field required"));
    let model = string(&request, "model").ok_or_else(|| required("model"))?;
    if items(&request, "messages").is_empty() {
        return Err(match request.get("messages") {
            Some(Value::Array(_)) => BadRequest::new("messages: at least one message is required"),
            _ => required("messages"),
        });
    }
    let choice = request.get("tool_choice").unwrap_or(&Value::Null);
    let mut ask = Ask {
        model: model.to_owned(),
        is_stream: is_true(&request, "stream"),
        wants_usage: true,
        wants_obfuscation: false,
        n: 1,
        system: String::new(),
        turns: Vec::new(),
        open: Vec::new(),
        tools: read_tools(&request)?,
        tool_choice: match string(choice, "type") {
            Some("none") => ToolChoice::None,
            Some("any") => ToolChoice::Any,
            Some("tool") => ToolChoice::Named(string(choice, "name").unwrap_or("").to_owned()),
            _ => ToolChoice::Auto,
        },
        allows_parallel: !is_true(choice, "disable_parallel_tool_use"),
        wants_thinking: request
            .get("thinking")
            .and_then(|thinking| string(thinking, "type"))
            .is_some_and(|kind| kind != "disabled"),
        echo: Vec::new(),
        wants_encrypted: false,
    };
    ask.system = match request.get("system") {
        Some(Value::String(system)) => system.clone(),
        Some(Value::Array(blocks)) => blocks
            .iter()
            .filter_map(|b| string(b, "text"))
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    };
    let mut open = BTreeSet::new();
    for (at, message) in items(&request, "messages").iter().enumerate() {
        read_message(&mut ask, &mut open, at, message)?;
    }
    Ok(ask)
}

/// Reads message number `at` in. `open` holds the ids of tool calls in the message before.
fn read_message(
    ask: &mut Ask,
    open: &mut BTreeSet<String>,
    at: usize,
    message: &Value,
) -> Result<(), BadRequest> {
    let role = string(message, "role").unwrap_or("");
    if role != "user" && role != "assistant" {
        let text =
            format!("messages: Unexpected role \"{role}\". Allowed roles are \"user\" or \"assistant\"");
        return Err(BadRequest::new(text));
    }
    let mut said = Vec::new();
    let mut calls = BTreeSet::new();
    if let Some(content) = string(message, "content") {
        said.push(content.to_owned());
    }
    for (block_at, block) in items(message, "content").iter().enumerate() {
        let place = format!("messages.{at}.content.{block_at}");
        match string(block, "type").unwrap_or("") {
            "text" => said.push(string(block, "text").unwrap_or("").to_owned()),
            "tool_use" => {
                let input = block.get("input").filter(|input| input.is_object());
                let input = input.ok_or_else(|| {
                    BadRequest::new(format!(
                        "{place}.tool_use.input: Input should be a valid dictionary"
                    ))
                })?;
                said.push(input.to_string());
                calls.extend(string(block, "id").map(str::to_owned));
            }
            "tool_result" => {
                let id = string(block, "tool_use_id").unwrap_or("");
                if !open.remove(id) {
                    return Err(BadRequest::new(format!(
                        "{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` \
                         block must have a corresponding `tool_use` block in the previous message."
                    )));
                }
                ask.turns.push(Turn::Tool(result_text(block)));
            }
            "thinking" => {
                let thinking = string(block, "thinking").unwrap_or("");
                if string(block, "signature") != Some(&signature(thinking)) {
                    return Err(BadRequest::new(format!(
                        "{place}: Invalid `signature` in `thinking` block"
                    )));
                }
            }
            kind @ ("image" | "document") if Style::of(&ask.model) != Style::Blind => {
                said.push(format!("[{kind}]"));
            }
            "redacted_thinking" => {}
            kind => {
                let message = format!("{place}: Input tag '{kind}' is not supported by this model");
                return Err(BadRequest::new(message));
            }
        }
    }
    if let Some(id) = open.first() {
        return Err(BadRequest::new(format!(
            "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each \
             `tool_use` block must have a corresponding `tool_result` block in the next message."
        )));
    }
    *open = calls;
    if !said.is_empty() {
        let said = said.join("\n");
        ask.turns.push(if role == "user" {
            Turn::User(said)
        } else {
            Turn::Assistant(said)
        });
    }
    Ok(())
}

fn result_text(block: &Value) -> String {
    match block.get("content") {
        Some(Value::String(content)) => content.clone(),
        Some(Value::Array(parts)) => parts
            .iter()
            .filter_map(|p| string(p, "text"))
            .collect::<Vec<_>>()
            .join("\n"),
        _ => String::new(),
    }
}

fn read_tools(request: &Value) -> Result<Vec<Tool>, BadRequest> {
    let mut tools = Vec::new();
    for (at, tool) in items(request, "tools").iter().enumerate() {
        let name = string(tool, "name")
            .ok_or_else(|| BadRequest::new(format!("tools.{at}.custom.name: Field required")))?;
        let schema = tool.get("input_schema").cloned().unwrap_or(Value::Null);
        tools.push(Tool {
            name: name.to_owned(),
            schema,
        });
    }
    Ok(tools)
}

/// Ties a thinking block to its text, so that a gateway that rewrites one is found out as the real API finds it out.
fn signature(thinking: &str) -> String {
    Chance::new(0, thinking.as_bytes()).letters(64)
}

fn usage(ask: &Ask, output_tokens: usize) -> Vec<(&'static str, String)> {
    vec![
        ("input_tokens", ask.prompt_tokens().to_string()),
        ("cache_creation_input_tokens", "0".to_owned()),
        ("cache_read_input_tokens", "0".to_owned()),
        ("output_tokens", output_tokens.to_string()),
    ]
}

fn message(ask: &Ask, id: &str, content: &[String], stop: String, output_tokens: usize) -> String {
    let mut usage = usage(ask, output_tokens);
    usage.push(("service_tier", text("standard")));
    object(&[
        ("model", text(&ask.model)),
        ("id", text(&format!("msg_{id}"))),
        ("type", text("message")),
        ("role", text("assistant")),
        ("content", array(content)),
        ("stop_reason", stop),
        ("stop_sequence", null()),
        ("usage", object(&usage)),
    ])
}

fn stop_reason(answer: &Answer) -> String {
    text(if answer.calls.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    })
}

/// One block of content: its finished form, its opening form, and its deltas as (type, field, pieces).
struct Block {
    whole: String,
    opening: String,
    deltas: Vec<(&'static str, &'static str, Vec<String>)>,
}

fn blocks(answer: &Answer, id: &str, cuts: Cuts, chance: &mut Chance) -> Vec<Block> {
    let mut blocks = Vec::new();
    if let Some(thinking) = &answer.thinking {
        let block = |thinking: &str, signature: &str| {
            object(&[
                ("type", text("thinking")),
                ("thinking", text(thinking)),
                ("signature", text(signature)),
            ])
        };
        let signature = signature(thinking);
        blocks.push(Block {
            whole: block(thinking, &signature),
            opening: block("", ""),
            deltas: vec![
                ("thinking_delta", "thinking", cuts.steps(thinking, chance)),
                ("signature_delta", "signature", vec![signature]),
            ],
        });
    }
    let names: Vec<&str> = answer.calls.iter().map(|call| call.name.as_str()).collect();
    let said = answer
        .text
        .clone()
        .unwrap_or_else(|| format!("I will use {}.", names.join(" and ")));
    let block = |said: &str| object(&[("type", text("text")), ("text", text(said))]);
    blocks.push(Block {
        whole: block(&said),
        opening: block(""),
        deltas: vec![("text_delta", "text", cuts.steps(&said, chance))],
    });
    for (at, call) in answer.calls.iter().enumerate() {
        let block = |input: &str| {
            let id = text(&format!("toolu_{id}{at}"));
            object(&[
                ("type", text("tool_use")),
                ("id", id),
                ("name", text(&call.name)),
                ("input", input.to_owned()),
            ])
        };
        let mut pieces = vec![String::new()];
        pieces.extend(cuts.steps(&call.arguments, chance));
        blocks.push(Block {
            whole: block(&call.arguments),
            opening: block("{}"),
            deltas: vec![("input_json_delta", "partial_json", pieces)],
        });
    }
    blocks
}

/// The whole reply as one JSON document.
pub(crate) fn reply(ask: &Ask, answer: &Answer, id: &str) -> String {
    let blocks = blocks(answer, id, Cuts::Whole, &mut Chance::new(0, b""));
    let content: Vec<String> = blocks.into_iter().map(|block| block.whole).collect();
    message(ask, id, &content, stop_reason(answer), answer.tokens())
}

/// The reply as a stream.
pub(crate) fn events(ask: &Ask, answer: &Answer, id: &str, cuts: Cuts, chance: &mut Chance) -> Vec<Event> {
    let start = message(ask, id, &[], null(), 1);
    let mut events = vec![event("message_start", vec![("message", start)])];
    for (index, block) in blocks(answer, id, cuts, chance).into_iter().enumerate() {
        let index = || ("index", index.to_string());
        events.push(event(
            "content_block_start",
            vec![index(), ("content_block", block.opening)],
        ));
        if events.len() == 2 {
            events.push(event("ping", Vec::new()));
        }
        for (kind, field, pieces) in block.deltas {
            for piece in pieces {
                let delta = object(&[("type", text(kind)), (field, text(&piece))]);
                let event = event("content_block_delta", vec![index(), ("delta", delta)]);
                events.push(Event {
                    is_delta: true,
                    ..event
                });
            }
        }
        events.push(event("content_block_stop", vec![index()]));
    }
    let delta = object(&[("stop_reason", stop_reason(answer)), ("stop_sequence", null())]);
    let usage = object(&usage(ask, answer.tokens()));
    events.push(event("message_delta", vec![("delta", delta), ("usage", usage)]));
    events.push(event("message_stop", Vec::new()));
    events
}

fn event(name: &'static str, fields: Vec<(&str, String)>) -> Event {
    let mut all = vec![("type", text(name))];
    all.extend(fields);
    Event {
        name: Some(name),
        data: object(&all),
        is_delta: false,
    }
}

/// `GET /v1/models` with an `anthropic-version` header.
pub(crate) fn models(names: &[String]) -> String {
    let models: Vec<String> = names.iter().map(|name| model(name)).collect();
    let end = |name: Option<&String>| name.map_or_else(null, |name| text(name));
    object(&[
        ("data", array(&models)),
        ("has_more", "false".to_owned()),
        ("first_id", end(names.first())),
        ("last_id", end(names.last())),
    ])
}

/// One model of that list.
pub(crate) fn model(name: &str) -> String {
    object(&[
        ("type", text("model")),
        ("id", text(name)),
        ("display_name", text(name)),
        ("created_at", text("2023-11-14T22:13:20Z")),
    ])
}

/// `POST /v1/messages/count_tokens`.
pub(crate) fn count(ask: &Ask) -> String {
    object(&[("input_tokens", ask.prompt_tokens().to_string())])
}

/// The body of an error.
pub(crate) fn error(failure: &Failure, request_id: &str) -> String {
    let (kind, message) = match failure {
        Failure::Bad(bad) => ("invalid_request_error", bad.message.clone()),
        Failure::Key => ("authentication_error", "invalid x-api-key".to_owned()),
        Failure::NoSuchPath { .. } => ("not_found_error", "Not found".to_owned()),
        Failure::TooManyRequests => (
            "rate_limit_error",
            "This request would exceed your organization's rate limit of 3 requests per minute.".to_owned(),
        ),
        Failure::Broken => ("api_error", "Internal server error".to_owned()),
        Failure::Overloaded => ("overloaded_error", "Overloaded".to_owned()),
    };
    let error = object(&[("type", text(kind)), ("message", text(&message))]);
    object(&[
        ("type", text("error")),
        ("error", error),
        ("request_id", text(request_id)),
    ])
}
