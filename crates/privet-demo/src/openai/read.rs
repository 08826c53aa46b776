//! Requests of the OpenAI chat dialect.

use serde_json::Value;

use crate::ask::{Ask, BadRequest, Tool, ToolChoice, Turn, is_true, items, string};
use crate::model::Style;

/// Most choices of one request, as the API allows.
const MAX_CHOICES: u64 = 128;

pub(crate) fn read(body: &[u8]) -> Result<Ask, BadRequest> {
    let request: Value = serde_json::from_slice(body).map_err(|_| {
        BadRequest::new(
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP \
             library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
        )
    })?;
    let model =
        string(&request, "model").ok_or_else(|| BadRequest::new("you must provide a model parameter"))?;
    if items(&request, "messages").is_empty() {
        return Err(BadRequest::new("Missing required parameter: 'messages'.")
            .about("messages", "missing_required_parameter"));
    }
    let n = request.get("n").and_then(Value::as_u64).unwrap_or(1);
    if !(1..=MAX_CHOICES).contains(&n) {
        let message = format!("Invalid 'n': expected a value between 1 and {MAX_CHOICES}.");
        return Err(BadRequest::new(message).about("n", "integer_out_of_range"));
    }
    let options = request.get("stream_options").unwrap_or(&Value::Null);
    let mut ask = Ask {
        model: model.to_owned(),
        is_stream: is_true(&request, "stream"),
        wants_usage: is_true(options, "include_usage"),
        wants_obfuscation: options
            .get("include_obfuscation")
            .and_then(Value::as_bool)
            .unwrap_or(true),
        n: usize::try_from(n).unwrap_or(1),
        system: String::new(),
        turns: Vec::new(),
        open: Vec::new(),
        tools: read_tools(&request)?,
        tool_choice: read_tool_choice(&request),
        allows_parallel: request
            .get("parallel_tool_calls")
            .and_then(Value::as_bool)
            .unwrap_or(true),
        wants_thinking: false,
        echo: Vec::new(),
        wants_encrypted: false,
    };
    let mut open_calls: Vec<String> = Vec::new();
    for (at, message) in items(&request, "messages").iter().enumerate() {
        read_message(&mut ask, &mut open_calls, at, message)?;
    }
    Ok(ask)
}

fn read_message(ask: &mut Ask, open: &mut Vec<String>, at: usize, message: &Value) -> Result<(), BadRequest> {
    let content = read_content(ask, at, message)?;
    let role = string(message, "role").unwrap_or("");
    if role == "tool" {
        let id = string(message, "tool_call_id").unwrap_or("");
        if !open.iter().any(|known| known == id) {
            let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
            return Err(BadRequest::new(message).about(format!("messages.[{at}].role"), "invalid_value"));
        }
        ask.turns.push(Turn::Tool(content));
        return Ok(());
    }
    open.clear();
    match role {
        "system" | "developer" => {
            ask.system = [ask.system.as_str(), &content]
                .iter()
                .filter(|s| !s.is_empty())
                .copied()
                .collect::<Vec<_>>()
                .join("\n");
        }
        "user" => ask.turns.push(Turn::User(content)),
        "assistant" => {
            let mut said = content;
            for (call_at, call) in items(message, "tool_calls").iter().enumerate() {
                let function = call.get("function").unwrap_or(&Value::Null);
                let arguments = string(function, "arguments").unwrap_or("");
                if serde_json::from_str::<Value>(arguments).is_err() {
                    let place = format!("messages[{at}].tool_calls[{call_at}].function.arguments");
                    let message = format!("Invalid '{place}': not valid JSON.");
                    return Err(BadRequest::new(message).about(place, "invalid_value"));
                }
                said.push_str(arguments);
                open.extend(string(call, "id").map(str::to_owned));
            }
            ask.turns.push(Turn::Assistant(said));
        }
        _ => {
            let message = format!(
                "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
            );
            return Err(BadRequest::new(message).about(format!("messages[{at}].role"), "invalid_value"));
        }
    }
    Ok(())
}

fn read_content(ask: &Ask, at: usize, message: &Value) -> Result<String, BadRequest> {
    let mut texts = Vec::new();
    match message.get("content") {
        Some(Value::String(content)) => texts.push(content.clone()),
        Some(Value::Array(parts)) => {
            for part in parts {
                match string(part, "type") {
                    Some("text") => texts.push(string(part, "text").unwrap_or("").to_owned()),
                    Some("refusal") => texts.push(string(part, "refusal").unwrap_or("").to_owned()),
                    Some(kind @ ("image_url" | "input_audio" | "file"))
                        if Style::of(&ask.model) != Style::Blind =>
                    {
                        texts.push(format!("[{kind}]"));
                    }
                    kind => {
                        let kind = kind.unwrap_or("");
                        let message =
                            format!("Invalid content type. {kind} is only supported by certain models.");
                        return Err(BadRequest::new(message)
                            .about(format!("messages.[{at}].content"), "invalid_value"));
                    }
                }
            }
        }
        _ => {}
    }
    Ok(texts.join("\n"))
}

fn read_tools(request: &Value) -> Result<Vec<Tool>, BadRequest> {
    let mut tools = Vec::new();
    for (at, tool) in items(request, "tools").iter().enumerate() {
        let function = tool.get("function").unwrap_or(&Value::Null);
        let Some(name) = string(function, "name") else {
            let param = format!("tools[{at}].function.name");
            return Err(BadRequest::new(format!("Missing required parameter: '{param}'."))
                .about(param, "missing_required_parameter"));
        };
        let schema = function.get("parameters").cloned().unwrap_or(Value::Null);
        tools.push(Tool {
            name: name.to_owned(),
            schema,
        });
    }
    Ok(tools)
}

fn read_tool_choice(request: &Value) -> ToolChoice {
    match request.get("tool_choice") {
        Some(Value::String(word)) if word == "none" => ToolChoice::None,
        Some(Value::String(word)) if word == "required" => ToolChoice::Any,
        Some(choice) => match choice
            .get("function")
            .and_then(|function| string(function, "name"))
        {
            Some(name) => ToolChoice::Named(name.to_owned()),
            None => ToolChoice::Auto,
        },
        None => ToolChoice::Auto,
    }
}
