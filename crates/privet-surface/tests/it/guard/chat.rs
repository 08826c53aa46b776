//! Streamed chats.

use privet_types::SurfaceKind::OpenaiChat;
use serde_json::{Value, json};

use super::{events, judged, passes, shown, told_at};

/// As captured from a client that asked for usage.
const PLAIN: &str = concat!(
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"a7Zq\"}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello \\u00e9\"},\"logprobs\":{\"content\":[{\"token\":\"Hello\",\"logprob\":-0.1,\"bytes\":[72],\"top_logprobs\":[]}],\"refusal\":null},\"finish_reason\":null}],\"usage\":null,\"obfuscation\":\"x\"}\n\n",
    ": keep-alive\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"\"}}]},\"finish_reason\":null}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"city\\\":\"}}]},\"finish_reason\":null}]}\n\n",
    ": keep-alive\r\n\r\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"Rome\\\"}\"}}]},\"finish_reason\":null}]}\r\n\r\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-4o\",\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}\n\n",
    "data: [DONE]\n\n",
);

fn chunk(index: u64, delta: Value, finish: Option<&str>) -> String {
    let choice = json!({ "index": index, "delta": delta, "finish_reason": finish });
    let chunk = json!({ "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice] });
    format!("data: {chunk}\n\n")
}

fn said(text: &str) -> String {
    chunk(0, json!({ "content": text }), None)
}

fn call(index: u64, at: u64, name: Option<&str>, arguments: &str) -> String {
    let mut call = json!({ "index": at, "function": { "arguments": arguments } });
    if let Some(name) = name {
        call["id"] = json!(format!("call_{index}_{at}"));
        call["type"] = json!("function");
        call["function"]["name"] = json!(name);
    }
    chunk(index, json!({ "tool_calls": [call] }), None)
}

/// The text of one choice.
fn text(stream: &str, index: u64) -> String {
    let choices = events(stream).into_iter();
    let choices = choices.flat_map(|event| event["choices"].as_array().cloned().unwrap_or_default());
    choices
        .filter(|choice| choice["index"] == index)
        .filter_map(|choice| Some(choice["delta"]["content"].as_str()?.to_owned()))
        .collect()
}

fn ends(stream: &str) -> Vec<(u64, String)> {
    let choices = events(stream).into_iter();
    let choices = choices.flat_map(|event| event["choices"].as_array().cloned().unwrap_or_default());
    choices
        .filter_map(|choice| {
            let reason = choice["finish_reason"].as_str()?.to_owned();
            Some((choice["index"].as_u64().unwrap(), reason))
        })
        .collect()
}

const DONE: &str = "data: [DONE]\n\n";

#[test]
fn a_stream_in_which_nothing_is_found_passes_byte_for_byte() {
    passes(OpenaiChat, PLAIN);
    assert_eq!(
        judged(OpenaiChat, PLAIN),
        [("weather".to_owned(), "{\"city\":\"Rome\"}".to_owned())]
    );
}

#[test]
fn what_is_held_back_comes_before_the_end_of_its_choice() {
    let stream = [
        &said("my sec"),
        &said("ret is out"),
        &chunk(0, json!({}), Some("stop")),
        DONE,
    ]
    .concat();
    let (out, is_stopped) = shown(OpenaiChat, &stream);
    assert_eq!((text(&out, 0).as_str(), is_stopped), ("my  is out", false));
    assert_eq!(ends(&out), [(0, "stop".to_owned())]);
    assert!(out.ends_with(DONE));
    let last_text = out.rfind("\"content\"").unwrap();
    assert!(last_text < out.find("\"stop\"").unwrap());
}

#[test]
fn a_piece_in_the_last_chunk_is_shown_in_it() {
    let stream = [
        &said("one "),
        &chunk(0, json!({ "content": "two" }), Some("stop")),
        DONE,
    ]
    .concat();
    let (out, _) = shown(OpenaiChat, &stream);
    assert_eq!(text(&out, 0), "one two");
    assert_eq!(events(&out).len(), 2);
}

#[test]
fn a_stop_tells_the_person_and_ends_all_choices() {
    let stream = [
        &chunk(0, json!({ "role": "assistant", "content": "" }), None),
        &chunk(1, json!({ "role": "assistant", "content": "other choice" }), None),
        &said("Sure: do this. STOP then that"),
        &said(" and more"),
        &chunk(0, json!({}), Some("stop")),
        DONE,
    ]
    .concat();
    let (out, is_stopped) = shown(OpenaiChat, &stream);
    assert!(is_stopped);
    assert_eq!(text(&out, 0), "Sure: do this. \n\n[stopped]");
    assert_eq!(text(&out, 1), "othe");
    let filtered = "content_filter".to_owned();
    assert_eq!(ends(&out), [(0, filtered.clone()), (1, filtered)]);
    assert!(out.ends_with(DONE));
    assert!(!out.contains("more"));
}

#[test]
fn a_choice_that_has_ended_is_not_ended_again() {
    let stream = [
        &chunk(1, json!({ "content": "done" }), Some("stop")),
        &chunk(0, json!({ "content": "STOP" }), None),
    ]
    .map(String::as_str)
    .concat();
    let (out, _) = shown(OpenaiChat, &stream);
    assert_eq!(
        ends(&out),
        [(1, "stop".to_owned()), (0, "content_filter".to_owned())]
    );
    assert_eq!(text(&out, 0), "[stopped]");
    assert_eq!(told_at(&out, "/choices/0/delta/role"), "assistant");
}

#[test]
fn choices_in_one_chunk_are_looked_at_one_by_one() {
    let choice = |index: u64, text: &str| json!({ "index": index, "delta": { "content": text }, "finish_reason": "stop" });
    let chunk = json!({ "id": "c", "choices": [choice(0, "first secret"), choice(1, "STOP")] });
    let (out, _) = shown(OpenaiChat, &format!("data: {chunk}\n\n{DONE}"));
    assert_eq!(
        (text(&out, 0).as_str(), text(&out, 1).as_str()),
        ("first ", "[stopped]")
    );
    let filtered = "content_filter".to_owned();
    assert_eq!(ends(&out), [(0, filtered.clone()), (1, filtered)]);
}

#[test]
fn a_call_is_shown_when_it_was_judged_and_not_before() {
    let begun = [
        &said("let me look at it"),
        &call(0, 0, Some("look"), "{\"a\":"),
        &said(" now"),
    ]
    .map(String::as_str)
    .concat();
    let (early, _) = super::run(OpenaiChat, super::Open, &[begun.as_bytes()]).unwrap();
    assert!(
        String::from_utf8(early).unwrap().contains("look\""),
        "shown at the stream's end"
    );
    let mut stream = privet_surface::StreamGuard::new(OpenaiChat, Box::new(super::Open));
    let mut out = Vec::new();
    stream.push(begun.as_bytes(), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), said("let me look at it"));
    let rest = [&call(0, 0, None, "1}"), &chunk(0, json!({}), Some("tool_calls"))]
        .map(String::as_str)
        .concat();
    let mut out = Vec::new();
    stream.push(rest.as_bytes(), &mut out).unwrap();
    let held = begun.strip_prefix(&said("let me look at it")).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), format!("{held}{rest}"));
}

#[test]
fn parallel_calls_and_calls_of_two_choices_are_each_put_together() {
    let stream = [
        &call(0, 0, Some("a"), "{\"x\":"),
        &call(1, 0, Some("c"), "[]"),
        &call(0, 1, Some("b"), "{"),
        &call(0, 0, None, "1}"),
        &call(0, 1, None, "}"),
        &chunk(1, json!({}), Some("tool_calls")),
        &chunk(0, json!({}), Some("tool_calls")),
        DONE,
    ]
    .concat();
    let expected = [("c", "[]"), ("a", "{\"x\":1}"), ("b", "{}")];
    let expected: Vec<_> = expected
        .iter()
        .map(|(n, a)| ((*n).to_owned(), (*a).to_owned()))
        .collect();
    assert_eq!(judged(OpenaiChat, &stream), expected);
    assert_eq!(shown(OpenaiChat, &stream).0, stream);
}

#[test]
fn calls_that_are_numbered_alike_are_told_apart_by_their_ids() {
    let one = |id: &str, name: &str| {
        let call = json!({ "index": 0, "id": id, "type": "function", "function": { "name": name, "arguments": "{}" } });
        chunk(0, json!({ "tool_calls": [call] }), None)
    };
    let stream = [
        &one("1", "a"),
        &one("2", "forbidden"),
        &chunk(0, json!({}), Some("tool_calls")),
    ]
    .map(String::as_str)
    .concat();
    assert!(shown(OpenaiChat, &stream).1);
}

#[test]
fn a_call_that_may_not_be_made_stops_the_reply_and_is_not_shown() {
    let stream = [
        &said("I will do it now."),
        &call(0, 0, Some("allowed"), "{}"),
        &call(0, 1, Some("forbidden"), "{\"x\":1}"),
        &chunk(0, json!({}), Some("tool_calls")),
        DONE,
    ]
    .concat();
    let (out, is_stopped) = shown(OpenaiChat, &stream);
    assert!(is_stopped && !out.contains("tool_calls") && !out.contains("allowed"));
    assert_eq!(text(&out, 0), "I will do\n\n[stopped]");
    assert_eq!(ends(&out), [(0, "content_filter".to_owned())]);
}

#[test]
fn other_texts_of_a_choice_are_looked_at_and_flushed_in_their_place() {
    let details =
        |text: &str| json!({ "reasoning_details": [{ "type": "reasoning.text", "index": 0, "text": text }] });
    let stream = [
        &chunk(0, json!({ "reasoning_content": "a sec" }), None),
        &chunk(0, json!({ "reasoning_content": "ret thought" }), None),
        &chunk(0, details("deep sec"), None),
        &chunk(0, details("rets"), None),
        &chunk(0, json!({}), Some("stop")),
    ]
    .map(String::as_str)
    .concat();
    let (out, _) = shown(OpenaiChat, &stream);
    assert_eq!(told_at(&out, "/choices/0/delta/reasoning_content"), "a  thought");
    assert_eq!(
        told_at(&out, "/choices/0/delta/reasoning_details/0/text"),
        "deep s"
    );
    let own = events(&out)
        .into_iter()
        .rfind(|event| event.pointer("/choices/0/delta/reasoning_details").is_some());
    assert_eq!(own.unwrap()["choices"][0]["delta"], details("s"));
}

#[test]
fn letters_of_a_text_that_is_not_shown_as_it_came_go() {
    let spelt = json!({ "content": [{ "token": "secret", "logprob": -1.0, "bytes": [1], "top_logprobs": [] }], "refusal": null });
    let choice =
        json!({ "index": 0, "delta": { "content": "secret" }, "logprobs": spelt, "finish_reason": null });
    let (out, _) = shown(
        OpenaiChat,
        &format!("data: {}\n\n", json!({ "choices": [choice] })),
    );
    assert!(!out.contains("secret"), "{out}");
    assert!(events(&out)[0]["choices"][0]["logprobs"].is_null());
}

#[test]
fn an_error_in_a_stream_passes_and_keeps_its_shape_when_it_is_stopped() {
    let error = |text: &str| {
        format!(
            "data: {}\n\n",
            json!({ "error": { "message": text, "type": "server_error", "code": null } })
        )
    };
    assert_eq!(
        shown(OpenaiChat, &error("overloaded")),
        (error("overloaded"), false)
    );
    assert_eq!(
        shown(OpenaiChat, &error("a secret key")),
        (error("a  key"), false)
    );
    assert_eq!(
        shown(OpenaiChat, &error("no STOP it")),
        (error("no \n\n[stopped]"), true)
    );
}

#[test]
fn a_stream_without_its_last_blank_line_is_looked_at_to_its_end() {
    let stream = format!("{}{}", said("hello secret"), said(" world").trim_end());
    let (out, _) = shown(OpenaiChat, &stream);
    assert_eq!(text(&out, 0), "hello  world");
    let cut = format!(
        "{}data: {{\"choices\":[{{\"delta\":{{\"content\":\"sec",
        said("hello there")
    );
    let (out, _) = shown(OpenaiChat, &cut);
    assert_eq!(text(&out, 0), "hello there");
}

#[test]
fn chunks_of_our_own_are_named_as_the_others_are() {
    let first = format!(
        "data: {}\n\n",
        json!({ "id": "", "model": "", "choices": [], "prompt_filter_results": [] })
    );
    let (out, _) = shown(OpenaiChat, &[first.as_str(), &said("STOP")].concat());
    assert!(events(&out)[1..].iter().all(|event| event["id"] == "c"));
}
