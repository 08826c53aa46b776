//! Streamed messages.

use privet_types::SurfaceKind::AnthropicMessages;
use serde_json::{Value, json};

use super::{events, judged, passes, shown, told_at};

const THINKING: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":3,\"service_tier\":\"standard\"}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"a secret STOP thought\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EqQBCgIYAh==\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
);
const PLAIN: &str = concat!(
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}    }\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\\u0021\"}      }\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1 }\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"weather\",\"input\":{}}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\": \"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"city\\\":\\\"Rome\\\"}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":42}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

fn event(value: Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap())
}

fn start() -> String {
    let usage = json!({ "input_tokens": 1, "output_tokens": 5 });
    event(
        json!({ "type": "message_start", "message": { "id": "msg_1", "type": "message", "role": "assistant",
        "model": "m", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage } }),
    )
}

fn begin(index: u64, block: Value) -> String {
    event(json!({ "type": "content_block_start", "index": index, "content_block": block }))
}

fn text(index: u64) -> String {
    begin(index, json!({ "type": "text", "text": "" }))
}

fn tool(index: u64, name: &str) -> String {
    begin(
        index,
        json!({ "type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": {} }),
    )
}

fn delta(index: u64, kind: &str, field: &str, text: &str) -> String {
    event(json!({ "type": "content_block_delta", "index": index, "delta": { "type": kind, field: text } }))
}

fn said(index: u64, piece: &str) -> String {
    delta(index, "text_delta", "text", piece)
}

fn stop(index: u64) -> String {
    event(json!({ "type": "content_block_stop", "index": index }))
}

fn end() -> String {
    event(
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null }, "usage": { "output_tokens": 9 } }),
    ) + &event(json!({ "type": "message_stop" }))
}

fn kinds(stream: &str) -> Vec<String> {
    let kinds = events(stream).into_iter();
    kinds
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_stream_in_which_nothing_is_found_passes_byte_for_byte() {
    passes(AnthropicMessages, &format!("{THINKING}{PLAIN}"));
    let calls = judged(AnthropicMessages, PLAIN);
    assert_eq!(calls, [("weather".to_owned(), "{\"city\":\"Rome\"}".to_owned())]);
}

#[test]
fn signed_thinking_passes_as_it_came() {
    let (out, is_stopped) = shown(AnthropicMessages, THINKING);
    assert_eq!((out.as_str(), is_stopped), (THINKING, false));
}

#[test]
fn thinking_in_a_block_that_is_none_is_looked_at() {
    let stream = [
        start(),
        text(0),
        delta(0, "thinking_delta", "thinking", "a secret"),
        stop(0),
    ]
    .concat();
    assert!(!shown(AnthropicMessages, &stream).0.contains("secret"));
}

#[test]
fn what_is_held_back_comes_before_the_end_of_its_block() {
    let stream = [
        start(),
        text(0),
        said(0, "my sec"),
        said(0, "ret is out"),
        stop(0),
        end(),
    ]
    .concat();
    let (out, is_stopped) = shown(AnthropicMessages, &stream);
    assert_eq!(told_at(&out, "/delta/text"), "my  is out");
    assert!(!is_stopped && out.ends_with(&(stop(0) + &end())));
}

#[test]
fn a_stop_in_a_text_is_told_in_its_block() {
    let stream = [
        start(),
        text(0),
        said(0, "well then, STOP"),
        said(0, "more"),
        stop(0),
        end(),
    ]
    .concat();
    let (out, is_stopped) = shown(AnthropicMessages, &stream);
    assert!(is_stopped && !out.contains("more"));
    assert_eq!(told_at(&out, "/delta/text"), "well then, \n\n[stopped]");
    let last = kinds(&out).split_off(2);
    assert_eq!(
        last,
        [
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(told_at(&out, "/delta/stop_reason"), "refusal");
    assert!(out.contains("\"usage\":{\"output_tokens\":5}"));
}

#[test]
fn a_stop_by_a_call_is_told_in_a_block_of_its_own() {
    let stream = [
        start(),
        text(0),
        said(0, "I will."),
        stop(0),
        tool(1, "forbidden"),
        delta(1, "input_json_delta", "partial_json", "{}"),
        stop(1),
        end(),
    ]
    .concat();
    let (out, is_stopped) = shown(AnthropicMessages, &stream);
    assert!(is_stopped && !out.contains("forbidden") && !out.contains("tool_use"));
    let own = [text(1), said(1, "[stopped]"), stop(1)].concat();
    assert!(
        own.lines().count() > 0
            && kinds(&out).ends_with(
                &kinds(&own)
                    .into_iter()
                    .chain(["message_delta".to_owned(), "message_stop".to_owned()])
                    .collect::<Vec<_>>()
            )
    );
    assert_eq!(told_at(&out, "/delta/text"), "I will.[stopped]");
    assert_eq!(
        events(&out)
            .iter()
            .rfind(|event| event["type"] == "content_block_start")
            .unwrap()["index"],
        1
    );
}

#[test]
fn calls_side_by_side_are_all_judged_before_any_is_shown() {
    let calls = [
        tool(0, "a"),
        tool(1, "b"),
        delta(1, "input_json_delta", "partial_json", "{\"y\":"),
        delta(0, "input_json_delta", "partial_json", "{\"x\":1}"),
        delta(1, "input_json_delta", "partial_json", "2}"),
        stop(1),
        text(2),
        said(2, "meanwhile"),
    ]
    .concat();
    let mut stream = privet_surface::StreamGuard::new(AnthropicMessages, Box::new(super::Open));
    let mut out = Vec::new();
    stream.push(calls.as_bytes(), &mut out).unwrap();
    assert!(out.is_empty());
    stream.push(stop(0).as_bytes(), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), calls.clone() + &stop(0));
    let judged = judged(AnthropicMessages, &(calls + &stop(0)));
    assert_eq!(
        judged,
        [
            ("b".to_owned(), "{\"y\":2}".to_owned()),
            ("a".to_owned(), "{\"x\":1}".to_owned())
        ]
    );
}

#[test]
fn a_call_whose_input_comes_at_once_is_judged_by_it() {
    let block =
        json!({ "type": "server_tool_use", "id": "s", "name": "web_search", "input": { "query": "q" } });
    let stream = [begin(0, block), stop(0)].concat();
    assert_eq!(
        judged(AnthropicMessages, &stream),
        [("web_search".to_owned(), "{\"query\":\"q\"}".to_owned())]
    );
}

#[test]
fn results_and_citations_are_looked_at_and_sealed_content_is_not() {
    let result = json!({ "type": "web_search_result", "title": "a secret title", "url": "https://example.com/", "encrypted_content": "c2VjcmV0secret==" });
    let block = json!({ "type": "web_search_tool_result", "tool_use_id": "s", "content": [result] });
    let citation = json!({ "type": "char_location", "cited_text": "cited secret", "document_title": null, "document_index": 0 });
    let cited = event(
        json!({ "type": "content_block_delta", "index": 1, "delta": { "type": "citations_delta", "citation": citation } }),
    );
    let stream = [
        start(),
        begin(0, block),
        stop(0),
        text(1),
        said(1, "x"),
        cited,
        stop(1),
        end(),
    ]
    .concat();
    let (out, _) = shown(AnthropicMessages, &stream);
    assert_eq!(told_at(&out, "/content_block/content/0/title"), "a  title");
    assert_eq!(
        told_at(&out, "/content_block/content/0/encrypted_content"),
        "c2VjcmV0secret=="
    );
    assert_eq!(told_at(&out, "/delta/citation/cited_text"), "cited ");
}

#[test]
fn a_text_that_begins_with_words_and_is_stopped_there_is_told_of() {
    let block = json!({ "type": "text", "text": "so STOP" });
    let stream = [start(), begin(0, block), stop(0), end()].concat();
    let (out, _) = shown(AnthropicMessages, &stream);
    assert_eq!(told_at(&out, "/delta/text"), "so \n\n[stopped]");
    assert_eq!(
        kinds(&out)
            .iter()
            .filter(|kind| *kind == "content_block_start")
            .count(),
        1
    );
}

#[test]
fn an_error_passes_and_keeps_its_shape_when_it_is_stopped() {
    let error = |text: &str| {
        event(json!({ "type": "error", "error": { "type": "overloaded_error", "message": text } }))
    };
    assert_eq!(
        shown(AnthropicMessages, &error("Overloaded")),
        (error("Overloaded"), false)
    );
    assert_eq!(
        shown(AnthropicMessages, &error("STOP")),
        (error("[stopped]"), true)
    );
}
