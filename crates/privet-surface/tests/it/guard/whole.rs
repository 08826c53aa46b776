//! Whole replies.

use privet_types::SurfaceKind::{AnthropicMessages, OpenaiChat, OpenaiEmbeddings, OpenaiResponses};
use serde_json::{Value, json};

use super::whole;

fn choice(index: u64, message: Value) -> Value {
    json!({ "index": index, "message": message, "logprobs": null, "finish_reason": "stop" })
}

fn completion(choices: &[Value]) -> Value {
    json!({ "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": { "total_tokens": 3 } })
}

fn said(text: &str) -> Value {
    json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] })
}

fn call(name: &str) -> Value {
    json!({ "id": "call_1", "type": "function", "function": { "name": name, "arguments": "{}" } })
}

#[test]
fn replies_in_which_nothing_is_found_pass_unchanged() {
    let chat = completion(&[choice(
        0,
        json!({ "role": "assistant", "content": null, "tool_calls": [call("a")] }),
    )]);
    assert_eq!(whole(OpenaiChat, &chat), None);
    let thinking = json!({ "type": "thinking", "thinking": "secret STOP", "signature": "c2ln" });
    let message = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
        "content": [thinking, { "type": "tool_use", "id": "t", "name": "a", "input": { "secret": "secret" } }] });
    assert_eq!(whole(AnthropicMessages, &message), None);
    let response = json!({ "id": "resp_1", "object": "response", "status": "completed", "error": null, "instructions": "STOP",
        "output": [{ "type": "function_call", "name": "a", "arguments": "{\"x\":\"secret\"}", "call_id": "c" }] });
    assert_eq!(whole(OpenaiResponses, &response), None);
    assert_eq!(
        whole(OpenaiEmbeddings, &json!({ "data": [{ "embedding": "STOP" }] })),
        None
    );
}

#[test]
fn what_the_guard_takes_out_is_taken_out_in_place() {
    let out = whole(
        OpenaiChat,
        &completion(&[choice(0, said("a secret b")), choice(1, said("c"))]),
    )
    .unwrap();
    assert_eq!(out, completion(&[choice(0, said("a  b")), choice(1, said("c"))]));
    let message = |text: &str| json!({ "type": "message", "content": [{ "type": "text", "text": text, "citations": [{ "cited_text": text }] }] });
    assert_eq!(
        whole(AnthropicMessages, &message("a secret")),
        Some(message("a "))
    );
    let response = |text: &str| {
        json!({ "output": [{ "type": "reasoning", "summary": [{ "type": "summary_text", "text": text }] },
        { "type": "message", "content": [{ "type": "output_text", "text": text }] }] })
    };
    assert_eq!(
        whole(OpenaiResponses, &response("a secret")),
        Some(response("a "))
    );
}

#[test]
fn a_chat_that_is_stopped_keeps_its_shape() {
    let with_call = json!({ "role": "assistant", "content": "well, STOP it", "tool_calls": [call("a")], "refusal": null });
    let out = whole(
        OpenaiChat,
        &completion(&[
            choice(0, said("fine")),
            choice(1, with_call),
            choice(2, said("later")),
        ]),
    )
    .unwrap();
    assert_eq!(out["choices"][0], choice(0, said("fine")));
    let told = json!({ "index": 1, "logprobs": null, "finish_reason": "content_filter",
        "message": { "role": "assistant", "refusal": null, "content": "well, \n\n[stopped]" } });
    assert_eq!(out["choices"][1], told);
    assert_eq!(
        out["choices"][2]["message"],
        json!({ "role": "assistant", "content": "" })
    );
    assert_eq!(out["choices"][2]["finish_reason"], "content_filter");
    assert_eq!(out["usage"]["total_tokens"], 3);
}

#[test]
fn a_chat_is_stopped_by_a_call_or_by_reasoning_too() {
    let calls =
        json!({ "role": "assistant", "content": "I will", "tool_calls": [call("a"), call("forbidden")] });
    let out = whole(OpenaiChat, &completion(&[choice(0, calls)])).unwrap();
    assert_eq!(
        out["choices"][0]["message"],
        json!({ "role": "assistant", "content": "I will\n\n[stopped]" })
    );
    let thought = json!({ "role": "assistant", "reasoning_content": "so STOP", "content": "answer" });
    let out = whole(OpenaiChat, &completion(&[choice(0, thought)])).unwrap();
    let told = json!({ "role": "assistant", "reasoning_content": "so ", "content": "[stopped]" });
    assert_eq!(out["choices"][0]["message"], told);
    let nothing = json!({ "role": "assistant", "content": null, "tool_calls": [call("forbidden")] });
    let out = whole(OpenaiChat, &completion(&[choice(0, nothing)])).unwrap();
    assert_eq!(
        out["choices"][0]["message"],
        json!({ "role": "assistant", "content": "[stopped]" })
    );
}

#[test]
fn a_message_that_is_stopped_keeps_its_shape() {
    let text = |text: &str| json!({ "type": "text", "text": text });
    let tool = |name: &str| json!({ "type": "tool_use", "id": "t", "name": name, "input": {} });
    let message = |content: Value| {
        json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content,
        "stop_reason": "tool_use", "stop_sequence": null, "usage": { "output_tokens": 3 } })
    };
    let stopped = |content: Value| {
        let mut message = message(content);
        message["stop_reason"] = json!("refusal");
        Some(message)
    };
    let out = whole(
        AnthropicMessages,
        &message(json!([
            text("one"),
            tool("a"),
            text("two STOP"),
            text("three"),
            tool("b")
        ])),
    );
    assert_eq!(out, stopped(json!([text("one"), text("two \n\n[stopped]")])));
    let out = whole(
        AnthropicMessages,
        &message(json!([text("one"), tool("forbidden"), text("two")])),
    );
    assert_eq!(out, stopped(json!([text("one"), text("[stopped]")])));
}

#[test]
fn a_response_that_is_stopped_keeps_its_shape() {
    let part = |text: &str| json!({ "type": "output_text", "annotations": [], "logprobs": [], "text": text });
    let item = |status: &str, parts: Value| json!({ "id": "msg_a", "type": "message", "status": status, "role": "assistant", "content": parts });
    let call = |name: &str| json!({ "id": "fc", "type": "function_call", "call_id": "c", "name": name, "arguments": "{}" });
    let response = |output: Value| {
        json!({ "id": "resp_1", "object": "response", "status": "completed", "incomplete_details": null,
        "instructions": "STOP", "output": output, "usage": { "total_tokens": 3 } })
    };
    let stopped = |output: Value| {
        let mut response = response(output);
        response["status"] = json!("incomplete");
        response["incomplete_details"] = json!({ "reason": "content_filter" });
        Some(response)
    };
    let own = json!({ "id": "msg_1_stopped", "type": "message", "status": "incomplete", "role": "assistant", "content": [part("[stopped]")] });
    let one = item("completed", json!([part("one")]));
    let out = whole(
        OpenaiResponses,
        &response(json!([
            one,
            call("a"),
            item("completed", json!([part("two"), part("x STOP"), part("y")])),
            call("b")
        ])),
    );
    assert_eq!(
        out,
        stopped(json!([
            one,
            item("incomplete", json!([part("two"), part("x \n\n[stopped]")]))
        ]))
    );
    let out = whole(
        OpenaiResponses,
        &response(json!([
            one,
            call("forbidden"),
            item("completed", json!([part("two")]))
        ])),
    );
    assert_eq!(out, stopped(json!([one, own])));
    let reasoning = |status: Option<&str>, text: &str| {
        let mut item =
            json!({ "id": "rs", "type": "reasoning", "summary": [{ "type": "summary_text", "text": text }] });
        if let Some(status) = status {
            item["status"] = json!(status);
        }
        item
    };
    let out = whole(
        OpenaiResponses,
        &response(json!([reasoning(None, "why STOP"), one])),
    );
    assert_eq!(out, stopped(json!([reasoning(Some("incomplete"), "why "), own])));
}

#[test]
fn an_error_passes_and_keeps_its_shape_when_it_is_stopped() {
    let error =
        |text: &str| json!({ "error": { "message": text, "type": "invalid_request_error", "code": "x" } });
    assert_eq!(whole(OpenaiChat, &error("bad request")), None);
    assert_eq!(whole(OpenaiResponses, &error("a secret")), Some(error("a ")));
    assert_eq!(whole(AnthropicMessages, &error("STOP")), Some(error("[stopped]")));
}

#[test]
fn what_was_taken_out_before_a_stop_stays_out() {
    let chat = completion(&[choice(0, said("a secret")), choice(1, said("b secret STOP c"))]);
    let out = whole(OpenaiChat, &chat).unwrap();
    assert_eq!(out["choices"][0]["message"]["content"], "a ");
    assert_eq!(out["choices"][1]["message"]["content"], "b  \n\n[stopped]");
    let text = |text: &str| json!({ "type": "text", "text": text });
    let out = whole(
        AnthropicMessages,
        &json!({ "content": [text("a secret"), text("b secret STOP c")] }),
    )
    .unwrap();
    assert_eq!(out["content"], json!([text("a "), text("b  \n\n[stopped]")]));
    let part = |text: &str| json!({ "type": "output_text", "text": text });
    let items = json!([
        { "type": "message", "content": [part("a secret"), part("secret")] },
        { "type": "message", "content": [part("c secret"), part("d secret STOP")] }
    ]);
    let out = whole(OpenaiResponses, &json!({ "output": items })).unwrap();
    let told = json!([
        { "type": "message", "content": [part("a "), part("")] },
        { "type": "message", "content": [part("c "), part("d  \n\n[stopped]")], "status": "incomplete" }
    ]);
    assert_eq!(out["output"], told);
}
