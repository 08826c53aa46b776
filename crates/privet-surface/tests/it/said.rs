//! What was said in a request, by whom.

use privet_surface::{Request, Said};
use privet_types::{Budget, Channel, SurfaceKind};
use serde_json::{Value, json};

/// All that was said, one line each: the channel, the tool in brackets, the text; a call as `call name arguments`.
fn said(surface: SurfaceKind, body: &Value) -> Vec<String> {
    let body = body.to_string();
    let request = Request::parse(surface, body.as_bytes(), &Budget::unlimited()).unwrap();
    let lines = request.said().into_iter().map(|said| match said {
        Said::Call { name, arguments } => format!("call {name} {arguments}"),
        Said::Text(text) => {
            let written: String = serde_json::from_str(&body[text.range.clone()]).unwrap();
            assert_eq!(written, text.text, "the range is that of the text");
            let tool = text.tool.map(|tool| format!("[{tool}]")).unwrap_or_default();
            format!("{:?}{tool} {}", text.channel, text.text)
        }
    });
    lines.collect()
}

#[test]
fn a_chat_is_taken_apart_by_role() {
    let image = json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,aWdub3Jl", "detail": "see \"this\"" } });
    let call = json!({ "id": "call_1", "type": "function", "function": { "name": "search", "arguments": "{\"q\":\"x\"}" } });
    let custom =
        json!({ "id": "call_2", "type": "custom", "custom": { "name": "patch", "input": "a \"b\"" } });
    let body = json!({ "model": "m", "user": "someone", "tools": [{ "function": { "name": "search", "description": "not said" } }],
    "messages": [
        { "role": "system", "content": "be good" },
        { "role": "developer", "content": [{ "type": "text", "text": "be brief" }] },
        { "role": "user", "name": "ada", "content": [{ "type": "text", "text": "look é" }, image] },
        { "role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [call, custom] },
        { "role": "tool", "tool_call_id": "call_1", "content": "found" },
        { "role": "tool", "tool_call_id": "call_2", "content": [{ "type": "text", "text": "done" }] },
        { "role": "function", "name": "old", "content": "older" },
        { "role": "stranger", "content": "who", "odd key here": { "deep": ["leaf"] } }
    ] });
    assert_eq!(
        said(SurfaceKind::OpenaiChat, &body),
        [
            "System be good",
            "System be brief",
            "User ada",
            "User look é",
            "User see \"this\"",
            "Assistant hm",
            "call search {\"q\":\"x\"}",
            "call patch \"a \\\"b\\\"\"",
            "Tool[search] found",
            "Tool[patch] done",
            "Tool[old] old",
            "Tool[old] older",
            "Document odd key here",
            "Document who",
            "Document leaf",
        ]
    );
}

#[test]
fn messages_are_taken_apart_by_role_and_block() {
    let document = json!({ "type": "document", "title": "its title", "source": { "type": "text", "media_type": "text/plain", "data": "read me" } });
    let pdf = json!({ "type": "document", "source": { "type": "base64", "media_type": "application/pdf", "data": "JVBERi0=" } });
    let result = json!({ "type": "search_result", "source": "https://e.com", "title": "t", "content": [{ "type": "text", "text": "hit" }] });
    let body = json!({ "model": "m", "max_tokens": 5,
        "messages": [
            { "role": "user", "content": "hello" },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "signed", "signature": "c2ln" },
                { "type": "text", "text": "I look" },
                { "type": "tool_use", "id": "toolu_1", "name": "search", "input": { "q": "x" } } ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "toolu_1", "content": [{ "type": "text", "text": "found" }, result] },
                { "type": "tool_result", "tool_use_id": "toolu_9", "content": "whose" },
                document, pdf, result, { "type": "text", "text": "and?" } ] } ],
        "system": [{ "type": "text", "text": "be good", "cache_control": { "type": "ephemeral" } }] });
    let expected = [
        "System be good",
        "User hello",
        "Assistant I look",
        "call search {\"q\":\"x\"}",
        "Tool[search] found",
        "Tool[search] https://e.com",
        "Tool[search] t",
        "Tool[search] hit",
        "Tool whose",
        "Document its title",
        "Document read me",
        "Document https://e.com",
        "Document t",
        "Document hit",
        "User and?",
    ];
    assert_eq!(said(SurfaceKind::AnthropicMessages, &body), expected);
    assert_eq!(said(SurfaceKind::AnthropicCountTokens, &body), expected);
}

#[test]
fn a_request_for_a_response_is_taken_apart_by_item() {
    assert_eq!(
        said(
            SurfaceKind::OpenaiResponses,
            &json!({ "input": "hi", "model": "m", "instructions": "be good" })
        ),
        ["System be good", "User hi"]
    );
    let body = json!({ "model": "m", "prompt": { "id": "pmpt_1", "variables": { "who": "Ada" } }, "input": [
        { "role": "user", "content": [{ "type": "input_text", "text": "hello" }] },
        { "type": "message", "role": "developer", "content": "be brief" },
        { "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
          "content": [{ "type": "output_text", "text": "I look", "annotations": [] }] },
        { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "hm" }], "encrypted_content": "gAAAAA==" },
        { "type": "function_call", "id": "fc_1", "call_id": "c1", "name": "search", "arguments": "{\"q\":1}" },
        { "type": "function_call_output", "call_id": "c1", "output": "found" },
        { "type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "a" },
        { "type": "custom_tool_call_output", "call_id": "c2", "output": [{ "type": "input_text", "text": "done" }] },
        { "type": "local_shell_call", "call_id": "c3", "action": { "type": "exec", "command": ["ls"] } },
        { "type": "local_shell_call_output", "call_id": "c3", "output": "files" },
        { "type": "file_search_call", "id": "fs_1", "queries": ["q"], "results": [{ "text": "a passage", "filename": "my file" }] },
        { "type": "mcp_call", "id": "mcp_1", "name": "roll", "server_label": "dice", "arguments": "{}", "output": "4" },
        { "type": "image_generation_call", "id": "ig_1", "result": "iVBORw0KGgo=" },
        { "type": "item_reference", "id": "msg_0" },
        { "type": "something_new", "say": "what" }
    ] });
    assert_eq!(
        said(SurfaceKind::OpenaiResponses, &body),
        [
            "User Ada",
            "User hello",
            "System be brief",
            "Assistant I look",
            "Assistant hm",
            "call search {\"q\":1}",
            "Tool[search] found",
            "call patch \"a\"",
            "Tool[patch] done",
            "call local_shell {\"type\":\"exec\",\"command\":[\"ls\"]}",
            "Tool[local_shell] files",
            "call file_search [\"q\"]",
            "Document a passage",
            "Document my file",
            "call roll {}",
            "Tool[roll] dice",
            "Tool[roll] 4",
            "Document what",
        ]
    );
}

#[test]
fn texts_to_embed_are_documents_and_messages_of_the_context_protocol_are_of_tools() {
    assert_eq!(
        said(
            SurfaceKind::OpenaiEmbeddings,
            &json!({ "model": "m", "input": ["a", "b"] })
        ),
        ["Document a", "Document b"]
    );
    assert_eq!(
        said(
            SurfaceKind::OpenaiEmbeddings,
            &json!({ "model": "m", "input": "a" })
        ),
        ["Document a"]
    );
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "roll", "arguments": { "n": 2 } } });
    assert_eq!(said(SurfaceKind::Mcp, &call), ["call roll {\"n\":2}"]);
    let result = json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [{ "type": "text", "text": "four" }, { "type": "image", "data": "aWdub3Jl", "mimeType": "image/png" }] } });
    assert_eq!(said(SurfaceKind::Mcp, &result), ["Tool four"]);
}

#[test]
fn every_string_of_a_message_is_looked_at_wherever_it_hides() {
    for message in [
        json!("the leaf"),
        json!({ "role": "the leaf" }),
        json!({ "role": "user", "content": { "a": ["the leaf"] } }),
        json!({ "role": "user", "content": [["the leaf"]] }),
        json!({ "role": "user", "content": [{ "type": "text", "text": { "b": "the leaf" } }] }),
        json!({ "role": "user", "content": [{ "type": "the leaf" }] }),
        json!({ "role": "user", "content": [{ "type": "image_url", "image_url": "the leaf" }] }),
        json!({ "role": "user", "content": [{ "type": "document", "source": { "type": "text", "data": "the leaf" } }] }),
        json!({ "role": "user", "content": [{ "type": "file", "file": { "filename": "the leaf" } }] }),
        json!({ "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "t", "content": [{ "text": "the leaf" }] }] }),
        json!({ "role": "assistant", "content": [{ "type": "tool_use", "input": "the leaf" }] }),
        json!({ "role": "assistant", "content": [{ "type": "tool_use", "name": "f", "input": {}, "more": "the leaf" }] }),
        json!({ "role": "assistant", "tool_calls": ["the leaf"] }),
        json!({ "role": "assistant", "tool_calls": [{ "function": { "arguments": "the leaf" } }] }),
        json!({ "role": "assistant", "tool_calls": [{ "function": { "name": "f", "input": "x", "arguments": "the leaf" } }] }),
        json!({ "role": "assistant", "function_call": "the leaf" }),
        json!({ "role": "user", "encrypted_content": "the leaf" }),
        json!({ "role": "user", "the leaf": 1 }),
        json!({ "type": "reasoning", "encrypted_content": "the leaf" }),
        json!({ "type": "web_search_call", "action": {}, "results": ["the leaf"] }),
        json!({ "type": "item_reference", "id": "the leaf" }),
    ] {
        for (surface, field) in [
            (SurfaceKind::OpenaiChat, "messages"),
            (SurfaceKind::AnthropicMessages, "messages"),
            (SurfaceKind::OpenaiResponses, "input"),
        ] {
            let lines = said(surface, &json!({ field: [message] }));
            assert!(
                lines.iter().any(|line| line.contains("the leaf")),
                "{surface:?} {message}: {lines:?}"
            );
        }
    }
}

#[test]
fn texts_are_replaced_in_place() {
    let body = r#"{"messages":[{"role":"user","content":"one \u00e9"} , {"role":"user","content":"two"}],"model":"m"}"#;
    let request = Request::parse(SurfaceKind::OpenaiChat, body.as_bytes(), &Budget::unlimited()).unwrap();
    let texts: Vec<_> = request
        .said()
        .into_iter()
        .filter_map(|said| match said {
            Said::Text(text) if text.channel == Channel::User => {
                Some((text.range, format!("\"{}\"", text.text)))
            }
            _ => None,
        })
        .rev()
        .collect();
    assert_eq!(
        String::from_utf8(request.with_texts(&texts)).unwrap(),
        r#"{"messages":[{"role":"user","content":"\"one é\""} , {"role":"user","content":"\"two\""}],"model":"m"}"#
    );
    assert_eq!(request.with_texts(&[]), body.as_bytes());
}
