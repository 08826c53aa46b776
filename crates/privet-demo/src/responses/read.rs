//! Requests of OpenAI's responses.

use serde_json::Value;

use super::{Conversation, encrypted};
use crate::ask::{Ask, BadRequest, Tool, ToolChoice, Turn, is_true, items, string};
use crate::model::Style;

/// Fields that a reply repeats, and what they are if they were left out.
const ECHO: [(&str, &str); 10] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("store", "true"),
    ("temperature", "1.0"),
    ("tools", "[]"),
    ("user", "null"),
];

/// Reads a request. `kept` finds the conversation that led to a response, or what an item said.
pub(crate) fn read(body: &[u8], kept: impl Fn(&str) -> Option<Conversation>) -> Result<Ask, BadRequest> {
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| BadRequest::new("We could not parse the JSON body of your request."))?;
    let missing = |param: &str| {
        BadRequest::new(format!("Missing required parameter: '{param}'."))
            .about(param, "missing_required_parameter")
    };
    let model = string(&request, "model").ok_or_else(|| missing("model"))?;
    let earlier = match string(&request, "previous_response_id") {
        None => Conversation::default(),
        Some(id) => kept(id).ok_or_else(|| {
            let message = format!("Previous response with id '{id}' not found.");
            BadRequest::new(message).about("previous_response_id", "previous_response_not_found")
        })?,
    };
    let includes = |what: &str| items(&request, "include").iter().any(|item| item == what);
    let options = request.get("stream_options").unwrap_or(&Value::Null);
    let mut ask = Ask {
        model: model.to_owned(),
        is_stream: is_true(&request, "stream"),
        wants_usage: true,
        wants_obfuscation: options
            .get("include_obfuscation")
            .and_then(Value::as_bool)
            .unwrap_or(true),
        n: 1,
        system: string(&request, "instructions").unwrap_or("").to_owned(),
        turns: earlier.turns,
        open: earlier.open,
        tools: read_tools(&request),
        tool_choice: match request.get("tool_choice") {
            Some(Value::String(word)) if word == "none" => ToolChoice::None,
            Some(Value::String(word)) if word == "required" => ToolChoice::Any,
            Some(choice) => {
                string(choice, "name").map_or(ToolChoice::Auto, |name| ToolChoice::Named(name.to_owned()))
            }
            None => ToolChoice::Auto,
        },
        allows_parallel: request
            .get("parallel_tool_calls")
            .and_then(Value::as_bool)
            .unwrap_or(true),
        wants_thinking: request.get("reasoning").is_some_and(Value::is_object),
        echo: ECHO
            .iter()
            .map(|(field, default)| {
                let given = request.get(*field).map(Value::to_string);
                (*field, given.unwrap_or_else(|| (*default).to_owned()))
            })
            .collect(),
        wants_encrypted: includes("reasoning.encrypted_content"),
    };
    match request.get("input") {
        Some(Value::String(text)) => ask.turns.push(Turn::User(text.clone())),
        Some(Value::Array(input)) => {
            for (at, item) in input.iter().enumerate() {
                read_item(&mut ask, at, item, &kept)?;
            }
        }
        _ => return Err(missing("input")),
    }
    Ok(ask)
}

/// Reads item number `at` in.
fn read_item(
    ask: &mut Ask,
    at: usize,
    item: &Value,
    kept: &impl Fn(&str) -> Option<Conversation>,
) -> Result<(), BadRequest> {
    let field = |name: &str| string(item, name).unwrap_or("");
    let about = |message: String, name: &str| {
        BadRequest::new(message).about(format!("input[{at}].{name}"), "invalid_value")
    };
    match string(item, "type").unwrap_or("message") {
        "message" => {
            let said = content(ask, at, item.get("content"))?;
            match field("role") {
                "system" | "developer" if ask.system.is_empty() => ask.system = said,
                "system" | "developer" => ask.system = format!("{}\n{said}", ask.system),
                "user" => ask.turns.push(Turn::User(said)),
                "assistant" => ask.turns.push(Turn::Assistant(said)),
                role => return Err(about(format!("Invalid value: '{role}'."), "role")),
            }
        }
        kind @ ("function_call" | "custom_tool_call") => {
            let said = field(if kind == "function_call" {
                "arguments"
            } else {
                "input"
            });
            if kind == "function_call" && serde_json::from_str::<Value>(said).is_err() {
                return Err(about(
                    "Invalid arguments: not valid JSON.".to_owned(),
                    "arguments",
                ));
            }
            ask.turns.push(Turn::Assistant(said.to_owned()));
            ask.open.push(field("call_id").to_owned());
        }
        "item_reference" => {
            let id = field("id");
            let found = kept(id).ok_or_else(|| about(format!("Item with id '{id}' not found."), "id"))?;
            ask.turns.extend(found.turns);
            ask.open.extend(found.open);
        }
        "local_shell_call" => {
            let action = item.get("action").unwrap_or(&Value::Null);
            let command: Vec<&str> = items(action, "command")
                .iter()
                .filter_map(Value::as_str)
                .collect();
            ask.turns.push(Turn::Assistant(command.join(" ")));
            ask.open.push(field("call_id").to_owned());
        }
        "function_call_output" | "custom_tool_call_output" | "local_shell_call_output" => {
            let id = field("call_id");
            if !ask.open.iter().any(|known| known == id) {
                let message = format!("No tool call found for function call output with call_id {id}.");
                return Err(about(message, "call_id"));
            }
            let result = content(ask, at, item.get("output"))?;
            ask.turns.push(Turn::Tool(result));
        }
        "reasoning" => {
            let id = field("id");
            let sealed = string(item, "encrypted_content");
            if sealed.is_some_and(|sealed| sealed != encrypted(id)) {
                let message = format!("The encrypted content for item {id} could not be verified.");
                return Err(about(message, "encrypted_content"));
            }
        }
        kind => return Err(about(format!("Invalid value: '{kind}'."), "type")),
    }
    Ok(())
}

fn content(ask: &Ask, at: usize, content: Option<&Value>) -> Result<String, BadRequest> {
    let parts = match content {
        Some(Value::String(text)) => return Ok(text.clone()),
        Some(Value::Array(parts)) => parts.as_slice(),
        _ => &[],
    };
    let mut texts = Vec::new();
    for part in parts {
        match string(part, "type").unwrap_or("") {
            "input_text" | "output_text" => texts.push(string(part, "text").unwrap_or("").to_owned()),
            "refusal" => texts.push(string(part, "refusal").unwrap_or("").to_owned()),
            kind @ ("input_image" | "input_file" | "input_audio")
                if Style::of(&ask.model) != Style::Blind =>
            {
                texts.push(format!("[{kind}]"));
            }
            kind => {
                let message = format!("Invalid value: '{kind}'.");
                return Err(BadRequest::new(message).about(format!("input[{at}].content"), "invalid_value"));
            }
        }
    }
    Ok(texts.join("\n"))
}

fn read_tools(request: &Value) -> Vec<Tool> {
    let functions = items(request, "tools")
        .iter()
        .filter(|tool| string(tool, "type") == Some("function"));
    functions
        .map(|tool| Tool {
            name: string(tool, "name").unwrap_or("").to_owned(),
            schema: tool.get("parameters").cloned().unwrap_or(Value::Null),
        })
        .collect()
}
