//! A small server of tools (Model Context Protocol, streamable HTTP) with a session: it looks people up, and says what it is sent.
//!
//! # Source
//! <https://modelcontextprotocol.io/specification/2025-11-25/basic/transports>, "Streamable HTTP".

use serde_json::{Value, json};

/// Versions that it speaks, the newest last.
const VERSIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];
/// The one session that it has.
pub(crate) const SESSION: &str = "demo-session-5c1e";
/// Whom it knows.
const PERSON: (&str, &str) = ("Grace Hopper", "grace.hopper@example.com");

/// What it answers.
pub(crate) enum Reply {
    /// 202.
    Taken,
    /// One message. `begins`: the session begins with it.
    Json { message: String, begins: bool },
    /// Messages in a stream.
    Stream(Vec<String>),
    /// No message that it could answer.
    Bad,
}

fn result(id: &Value, result: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string()
}

fn text(text: &str) -> Value {
    json!([{ "type": "text", "text": text }])
}

/// The answer to one message.
pub(crate) fn answer(body: &[u8]) -> Reply {
    let Ok(message) = serde_json::from_slice::<Value>(body) else {
        return Reply::Bad;
    };
    let Some(method) = message.get("method").and_then(Value::as_str) else {
        return if message.is_object() {
            Reply::Taken
        } else {
            Reply::Bad
        };
    };
    let Some(id) = message.get("id") else {
        return Reply::Taken;
    };
    let params = message.get("params").cloned().unwrap_or_default();
    let json = |answer: &Value| Reply::Json {
        message: result(id, answer),
        begins: method == "initialize",
    };
    match method {
        "initialize" => {
            let asked = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
            let version = VERSIONS.into_iter().find(|known| *known == asked).unwrap_or("2025-11-25");
            json(&json!({
                "protocolVersion": version,
                "capabilities": { "tools": { "listChanged": false }, "resources": {}, "prompts": {} },
                "serverInfo": { "name": "demo-tools", "version": "1.0.0" },
            }))
        }
        "ping" => json(&json!({})),
        "tools/list" => json(&json!({ "tools": [
            {
                "name": "find_customer",
                "description": "Finds a customer by name",
                "inputSchema": { "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] },
            },
            {
                "name": "echo",
                "description": "Says what it was sent",
                "inputSchema": { "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] },
            },
        ] })),
        "resources/list" => json(&json!({ "resources": [{ "uri": "demo://people/1", "name": "the first customer" }] })),
        "resources/read" => json(&json!({ "contents": [
            { "uri": "demo://people/1", "mimeType": "text/plain", "text": format!("{} <{}>", PERSON.0, PERSON.1) }
        ] })),
        "prompts/list" => json(&json!({ "prompts": [{ "name": "letter", "description": "A letter to a customer" }] })),
        "prompts/get" => json(&json!({ "messages": [
            { "role": "user", "content": { "type": "text", "text": format!("Write to {}", PERSON.1) } }
        ] })),
        "tools/call" => called(id, &params),
        _ => Reply::Json {
            message: json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32601, "message": "Method not found" } })
                .to_string(),
            begins: false,
        },
    }
}

/// Calls are answered in streams, and tell of their progress where they are asked to.
fn called(id: &Value, params: &Value) -> Reply {
    let argument = |name: &str| {
        let found = params.get("arguments").and_then(|all| all.get(name));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let answer = match params.get("name").and_then(Value::as_str) {
        Some("find_customer") => {
            json!({ "content": text(&format!("{}: {} <{}>", argument("name"), PERSON.0, PERSON.1)) })
        }
        Some("echo") => json!({ "content": text(&argument("text")) }),
        _ => json!({ "content": text("there is no such tool"), "isError": true }),
    };
    let mut messages = Vec::new();
    if let Some(token) = params.get("_meta").and_then(|meta| meta.get("progressToken")) {
        let told = json!({ "progressToken": token, "progress": 1, "total": 2, "message": format!("reading {}", PERSON.1) });
        messages.push(
            json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": told }).to_string(),
        );
    }
    messages.push(result(id, &answer));
    Reply::Stream(messages)
}
