//! OpenAI's responses and embeddings: what goes out, and what comes back.

use privet_pii::Style;
use privet_surface::{Masked, PartsConfig, Refusal, Request, StreamRestorer};
use privet_types::{Budget, SurfaceKind};
use serde_json::{Value, json};

use crate::{KEY, TAG, by_default, everywhere, mask_as, masked_text};

const EMAIL: &str = "ada@lovelace.org";
const SURFACE: SurfaceKind = SurfaceKind::OpenaiResponses;

fn mask(body: &str) -> Result<Masked, Refusal> {
    mask_as(SURFACE, Style::Tag, body)
}

fn items(items: &Value) -> String {
    json!({ "model": "m", "input": items }).to_string()
}

fn message(content: &Value) -> Value {
    json!({ "type": "message", "role": "user", "content": content })
}

#[test]
fn every_place_of_a_request_is_looked_at() {
    let arguments = json!({ "to": EMAIL }).to_string();
    let places = [
        json!({ "model": "m", "input": EMAIL }).to_string(),
        json!({ "model": "m", "input": "x", "instructions": EMAIL }).to_string(),
        json!({ "model": "m", "input": "x", "user": EMAIL }).to_string(),
        json!({ "model": "m", "input": "x", "prompt_cache_key": EMAIL }).to_string(),
        json!({ "model": "m", "input": "x", "safety_identifier": EMAIL }).to_string(),
        json!({ "model": "m", "input": "x", "metadata": { "owner": EMAIL } }).to_string(),
        json!({ "model": "m", "input": "x", "metadata": { EMAIL: "1" } }).to_string(),
        json!({ "model": "m", "input": "x", "prompt": { "id": "pmpt_1", "variables": { "who": EMAIL } } }).to_string(),
        json!({ "model": "m", "input": "x", "prompt": { "id": "pmpt_1", "variables": { "who": { "type": "input_text", "text": EMAIL } } } })
            .to_string(),
        json!({ "model": "m", "input": "x", "tools": [{ "type": "function", "name": "f", "description": EMAIL,
            "parameters": { "properties": { EMAIL: { "enum": [EMAIL] } } } }] })
            .to_string(),
        json!({ "model": "m", "input": "x", "text": { "format": { "type": "json_schema", "name": "n", "description": EMAIL } } })
            .to_string(),
        json!({ "model": "m", "input": "x", "new_field": [[{ "x": EMAIL }]] }).to_string(),
        items(&json!([{ "role": "user", "content": EMAIL }])),
        items(&json!([message(&json!([{ "type": "input_text", "text": EMAIL }]))])),
        items(&json!([{ "type": "message", "role": "assistant", "content": [
            { "type": "output_text", "text": EMAIL, "annotations": [{ "type": "url_citation", "title": EMAIL, "url": "x" }] },
            { "type": "refusal", "refusal": EMAIL }] }])),
        items(&json!([{ "type": "function_call", "call_id": "call_1", "name": "f", "arguments": arguments }])),
        items(&json!([{ "type": "function_call_output", "call_id": "call_1", "output": arguments }])),
        items(&json!([{ "type": "function_call_output", "call_id": "call_1", "output": [{ "type": "input_text", "text": EMAIL }] }])),
        items(&json!([{ "type": "custom_tool_call", "call_id": "call_1", "name": "f", "input": EMAIL }])),
        items(&json!([{ "type": "custom_tool_call_output", "call_id": "call_1", "output": EMAIL }])),
        items(&json!([{ "type": "local_shell_call", "call_id": "call_1", "action": { "type": "exec", "command": ["mail", EMAIL] } }])),
        items(&json!([{ "type": "shell_call_output", "call_id": "call_1", "output": [{ "stdout": EMAIL, "outcome": { "type": "exit" } }] }])),
        items(&json!([{ "type": "mcp_call", "id": "mcp_1", "name": "f", "arguments": arguments, "output": EMAIL }])),
        items(&json!([{ "type": "file_search_call", "id": "fs_1", "queries": [EMAIL] }])),
        items(&json!([{ "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": EMAIL }] }])),
        items(&json!([{ "type": "reasoning", "id": "rs_1", "summary": [], "content": [{ "type": "reasoning_text", "text": EMAIL }] }])),
        items(&json!([{ "type": "something_new", "words": { "deep": [EMAIL] } }])),
    ];
    for body in places {
        let masked = mask(&body).unwrap();
        let text = masked_text(&masked);
        assert!(
            !text.contains("lovelace") && text.contains("EMAIL_ADDRESS_"),
            "{text}"
        );
        let restored = everywhere(SURFACE, mask(&body).unwrap());
        let restored = restored
            .json(&masked.body, &Budget::unlimited())
            .unwrap()
            .unwrap();
        let [back, sent]: [Value; 2] =
            [&restored, body.as_bytes()].map(|b| serde_json::from_slice(b).unwrap());
        assert_eq!(back, sent);
    }
}

#[test]
fn encrypted_reasoning_passes_byte_for_byte_and_only_where_it_belongs() {
    let sealed = r#"{"model":"m","input":[{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAAABo\u002d_x-7=="},{"type":"compaction","encrypted_content":"gAAAA"}]}"#;
    assert_eq!(masked_text(&mask(sealed).unwrap()), sealed);
    for body in [
        items(&json!([{ "type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": EMAIL }])),
        json!({ "model": "m", "input": "x", "metadata": { "encrypted_content": EMAIL } }).to_string(),
    ] {
        assert!(!masked_text(&mask(&body).unwrap()).contains("lovelace"));
    }
}

#[test]
fn references_to_what_the_provider_keeps_pass() {
    let body = r#"{"model":"m","previous_response_id":"resp_68af4030","input":[{"type":"item_reference","id":"msg_68af4030"}],"store":true}"#;
    assert_eq!(masked_text(&mask(body).unwrap()), body);
}

#[test]
fn images_sound_and_files_are_refused() {
    let parts = [
        json!({ "type": "input_image", "image_url": "data:image/png;base64,AAAA" }),
        json!({ "type": "input_image", "file_id": "file-1" }),
        json!({ "type": "input_file", "file_data": "data:application/pdf;base64,AAAA", "filename": "x.pdf" }),
        json!({ "type": "input_audio", "input_audio": { "data": "AAAA", "format": "wav" } }),
    ];
    let mut bodies: Vec<String> = parts
        .iter()
        .map(|part| items(&json!([message(&json!([part]))])))
        .collect();
    bodies.extend([
        items(&json!([{ "type": "function_call_output", "call_id": "c", "output": [parts[0]] }])),
        items(&json!([{ "type": "computer_call_output", "call_id": "c",
            "output": { "type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA" } }])),
        items(&json!([{ "type": "image_generation_call", "id": "ig_1", "result": "AAAA" }])),
        json!({ "model": "m", "prompt": { "id": "p", "variables": { "v": parts[0] } } }).to_string(),
        json!({ "model": "m", "input": "x", "tools": [{ "type": "image_generation",
            "input_image_mask": { "image_url": "data:image/png;base64,AAAA" } }] })
        .to_string(),
        json!({ "model": "m", "input": "x", "tools": [{ "type": "shell", "environment": { "skills": [{ "type": "inline",
            "source": { "type": "base64", "media_type": "application/zip", "data": "AAAA" } }] } }] })
        .to_string(),
    ]);
    for body in bodies {
        let refusal = mask(&body).unwrap_err();
        assert!(matches!(refusal, Refusal::Opaque { .. }), "{body}: {refusal:?}");
    }
    let named = items(&json!([{ "type": "image_generation_call", "id": "ig_1", "result": null }]));
    assert!(mask(&named).is_ok());
}

#[test]
fn private_values_where_the_api_allows_no_stand_in_are_refused() {
    for body in [
        json!({ "model": "m", "input": "x", "previous_response_id": EMAIL }).to_string(),
        json!({ "model": "m", "input": "x", "max_output_tokens": 4_111_111_111_111_111_u64 }).to_string(),
        items(&json!([{ "type": "message", "role": EMAIL, "content": "x" }])),
        items(
            &json!([{ "type": "function_call", "call_id": "4111 1111 1111 1111", "name": "f", "arguments": "{}" }]),
        ),
    ] {
        let refusal = mask(&body).unwrap_err();
        assert!(matches!(refusal, Refusal::CannotMask { .. }), "{refusal:?}");
    }
}

fn unstored(surface: SurfaceKind, body: &str) -> Result<String, Refusal> {
    let (pii, analyzer) = &*TAG;
    let budget = Budget::unlimited();
    let masking = privet_surface::Masking {
        analyzer,
        pii,
        parts: &PartsConfig::default(),
        key: &KEY,
        memory: None,
        known: None,
    };
    let request = Request::parse(surface, body.as_bytes(), &budget).unwrap();
    let masked = request.without_storage().mask(masking, Some("n"), &budget)?;
    Ok(String::from_utf8(masked.body).unwrap())
}

#[test]
fn where_nothing_may_be_stored_the_provider_is_told_so() {
    let told = |body: &str| unstored(SURFACE, body).unwrap();
    assert_eq!(
        told(r#"{ "model":"m","input":"x"}"#),
        r#"{"store":false, "model":"n","input":"x"}"#
    );
    assert_eq!(
        told(r#"{"model":"m","store":true}"#),
        r#"{"model":"n","store":false}"#
    );
    assert_eq!(
        told(r#"{"model":"m","store":false}"#),
        r#"{"model":"n","store":false}"#
    );
    assert_eq!(
        told(r#"{"model":"m","store":{"a":"ada@lovelace.org"}}"#),
        r#"{"model":"n","store":false}"#
    );
    for body in [
        r#"{"model":"m","input":"x","background":true}"#,
        r#"{"model":"m","input":"x","conversation":"conv_1"}"#,
    ] {
        assert!(matches!(unstored(SURFACE, body), Err(Refusal::Stored { .. })));
    }
    let chat = |body: &str| unstored(SurfaceKind::OpenaiChat, body).unwrap();
    assert_eq!(
        chat(r#"{"model":"m","messages":[]}"#),
        r#"{"store":false,"model":"n","messages":[]}"#,
        "some accounts store them by default"
    );
    assert_eq!(
        chat(r#"{"model":"m","store":true}"#),
        r#"{"model":"n","store":false}"#
    );
}

#[test]
fn pictures_to_embed_are_refused() {
    let body = json!({ "model": "m", "input": [{ "image": "AAAA" }] }).to_string();
    let refusal = mask_as(SurfaceKind::OpenaiEmbeddings, Style::Tag, &body).unwrap_err();
    assert!(matches!(refusal, Refusal::Opaque { .. }), "{refusal:?}");
}

#[test]
fn texts_to_embed_are_masked_each_for_itself() {
    let embed = |input: Value| {
        let body = json!({ "model": "m", "input": input, "encoding_format": "base64" }).to_string();
        let masked = mask_as(SurfaceKind::OpenaiEmbeddings, Style::Tag, &body).unwrap();
        serde_json::from_slice::<Value>(&masked.body).unwrap()["input"].clone()
    };
    let texts = ["Maria Lopez, born 1984-03-12", "Lopez wrote on 1984-03-12", EMAIL];
    let all = embed(json!(texts));
    for (at, text) in texts.iter().enumerate() {
        assert_eq!(all[at], embed(json!(text)), "alone or beside others");
    }
    assert!(
        !all.to_string().contains("lovelace") && !all.to_string().contains("Maria"),
        "{all}"
    );
}

#[test]
fn texts_that_came_as_tokens_are_refused() {
    for input in [json!([1, 2, 3]), json!([[1, 2], [3]]), json!([EMAIL, [7]])] {
        let body = json!({ "model": "m", "input": input }).to_string();
        let refusal = mask_as(SurfaceKind::OpenaiEmbeddings, Style::Tag, &body).unwrap_err();
        assert!(matches!(refusal, Refusal::Tokens { .. }), "{refusal:?}");
    }
}

/// The map of a masked e-mail address, and its stand-in.
fn stand_in() -> (Masked, String) {
    let masked = mask(&json!({ "model": "m", "input": EMAIL }).to_string()).unwrap();
    let sent: Value = serde_json::from_slice(&masked.body).unwrap();
    let stand_in = sent["input"].as_str().unwrap().to_owned();
    (masked, stand_in)
}

fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap())
}

/// `events`, numbered, as a stream that is cut in two at `cut`, restored.
fn restored(events: &[Value], cut: usize) -> Vec<Value> {
    let (masked, _) = stand_in();
    let numbered = events.iter().enumerate().map(|(number, one)| {
        let mut one = one.clone();
        one["sequence_number"] = number.into();
        event(&one)
    });
    let bytes = numbered.collect::<String>().into_bytes();
    let mut restorer = StreamRestorer::new(by_default(SURFACE, masked));
    let mut out = Vec::new();
    let (a, b) = bytes.split_at(cut.min(bytes.len()));
    restorer.push(a, &mut out).unwrap();
    restorer.push(b, &mut out).unwrap();
    restorer.finish(&mut out);
    let out = String::from_utf8(out).unwrap();
    let read = |event: &str| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        data
    };
    let events: Vec<Value> = out.split_terminator("\n\n").map(read).collect();
    for (number, one) in events.iter().enumerate() {
        assert_eq!(one["sequence_number"], number, "{one}");
    }
    events
}

fn deltas(events: &[Value], kind: &str, index: usize) -> String {
    let of = |e: &&Value| e["type"] == format!("response.{kind}.delta") && e["output_index"] == index;
    events
        .iter()
        .filter(of)
        .map(|e| e["delta"].as_str().unwrap())
        .collect()
}

/// A reply that thinks, speaks, refuses and calls two tools, with `stand_in` in each of them.
fn whole_stream(stand_in: &str) -> Vec<Value> {
    let (a, b) = stand_in.split_at(stand_in.len() / 2);
    let arguments = format!("{{\"to\":\"{stand_in}\"}}");
    let summary = json!({ "type": "summary_text", "text": stand_in });
    let text =
        json!({ "type": "output_text", "text": format!("to {stand_in}"), "annotations": [], "logprobs": [] });
    let refusal = json!({ "type": "refusal", "refusal": stand_in });
    let reasoning =
        json!({ "id": "rs_1", "type": "reasoning", "summary": [summary], "encrypted_content": stand_in });
    let message =
        json!({ "id": "msg_1", "type": "message", "role": "assistant", "content": [text, refusal] });
    let call = json!({ "id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "mail", "arguments": arguments });
    let custom = json!({ "id": "ct_1", "type": "custom_tool_call", "call_id": "call_2", "name": "patch", "input": stand_in });
    let mut events = vec![
        json!({ "type": "response.created", "response": { "instructions": format!("ask {stand_in}"), "output": [] } }),
    ];
    let mut add = |kind: &str, index: usize, fields: Value| {
        let mut event = json!({ "type": format!("response.{kind}"), "output_index": index });
        event
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        events.push(event);
    };
    add(
        "output_item.added",
        0,
        json!({ "item": { "id": "rs_1", "type": "reasoning", "summary": [] } }),
    );
    for piece in [a, b] {
        add(
            "reasoning_summary_text.delta",
            0,
            json!({ "item_id": "rs_1", "summary_index": 0, "delta": piece }),
        );
    }
    add(
        "reasoning_summary_text.done",
        0,
        json!({ "item_id": "rs_1", "summary_index": 0, "text": stand_in }),
    );
    add("output_item.done", 0, json!({ "item": reasoning }));
    add(
        "output_item.added",
        1,
        json!({ "item": { "id": "msg_1", "type": "message", "content": [] } }),
    );
    for piece in ["to ", a, b] {
        add(
            "output_text.delta",
            1,
            json!({ "item_id": "msg_1", "content_index": 0, "delta": piece, "logprobs": [] }),
        );
        add(
            "refusal.delta",
            1,
            json!({ "item_id": "msg_1", "content_index": 1, "delta": piece.trim_start_matches("to ") }),
        );
    }
    add(
        "output_text.done",
        1,
        json!({ "item_id": "msg_1", "content_index": 0, "text": text["text"], "logprobs": [] }),
    );
    add(
        "content_part.done",
        1,
        json!({ "item_id": "msg_1", "content_index": 0, "part": text }),
    );
    add(
        "refusal.done",
        1,
        json!({ "item_id": "msg_1", "content_index": 1, "refusal": stand_in }),
    );
    add("output_item.done", 1, json!({ "item": message }));
    add(
        "output_item.added",
        2,
        json!({ "item": { "id": "fc_1", "type": "function_call", "name": "mail", "arguments": "" } }),
    );
    for piece in ["{\"to\":\"", a, b, "\"}"] {
        add(
            "function_call_arguments.delta",
            2,
            json!({ "item_id": "fc_1", "delta": piece }),
        );
    }
    add(
        "function_call_arguments.done",
        2,
        json!({ "item_id": "fc_1", "arguments": arguments }),
    );
    add("output_item.done", 2, json!({ "item": call }));
    add(
        "output_item.added",
        3,
        json!({ "item": { "id": "ct_1", "type": "custom_tool_call", "name": "patch", "input": "" } }),
    );
    for piece in [a, b] {
        add(
            "custom_tool_call_input.delta",
            3,
            json!({ "item_id": "ct_1", "delta": piece }),
        );
    }
    add(
        "custom_tool_call_input.done",
        3,
        json!({ "item_id": "ct_1", "input": stand_in }),
    );
    add("output_item.done", 3, json!({ "item": custom }));
    events.push(json!({ "type": "response.completed", "response": {
        "output": [reasoning, message, call, custom], "instructions": format!("ask {stand_in}") } }));
    events
}

#[test]
fn typed_events_come_back_whole_however_they_are_cut() {
    let (_, stand_in) = stand_in();
    let stream = whole_stream(&stand_in);
    let length: usize = stream.iter().map(|one| event(one).len() + 24).sum();
    let uncut = restored(&stream, 0);
    let arguments = json!({ "to": EMAIL });
    assert_eq!(deltas(&uncut, "reasoning_summary_text", 0), EMAIL);
    assert_eq!(deltas(&uncut, "output_text", 1), format!("to {EMAIL}"));
    assert_eq!(deltas(&uncut, "refusal", 1), EMAIL);
    assert_eq!(
        serde_json::from_str::<Value>(&deltas(&uncut, "function_call_arguments", 2)).unwrap(),
        arguments
    );
    assert_eq!(deltas(&uncut, "custom_tool_call_input", 3), EMAIL);
    // Only what is encrypted keeps its stand-in, where it came once and where it came once more.
    let text: String = uncut.iter().map(Value::to_string).collect();
    assert_eq!(text.matches("EMAIL_ADDRESS_").count(), 2, "{text}");
    let completed = &uncut.last().unwrap()["response"];
    assert_eq!(completed["output"][0]["encrypted_content"], stand_in);
    assert_eq!(
        completed["output"][1]["content"][0]["text"],
        format!("to {EMAIL}")
    );
    for cut in (1..length).step_by(7) {
        assert_eq!(restored(&stream, cut), uncut, "cut at {cut}");
    }
}

#[test]
fn what_is_held_back_comes_before_the_end_of_its_text_and_later_events_count_on() {
    let (_, stand_in) = stand_in();
    let bare = stand_in.trim_matches(['<', '>']);
    let cut = &stand_in[..stand_in.len() - 4];
    for (said, expected) in [(bare, EMAIL), (cut, cut)] {
        let place = json!({ "item_id": "msg_1", "output_index": 0, "content_index": 0 });
        let with = |kind: &str, field: &str, value: &str| {
            let mut event = place.clone();
            event["type"] = kind.into();
            event[field] = value.into();
            event
        };
        let stream = [
            with("response.output_text.delta", "delta", said),
            with("response.output_text.done", "text", said),
            json!({ "type": "response.completed", "response": { "output": [] } }),
        ];
        let events = restored(&stream, 0);
        assert_eq!(events.len(), 4, "{events:?}");
        assert_eq!(deltas(&events, "output_text", 0), expected);
        assert_eq!(
            (events[1]["item_id"].as_str(), events[1]["content_index"].as_u64()),
            (Some("msg_1"), Some(0))
        );
        assert_eq!(events[2]["text"], expected);
        assert_eq!(
            restored(&stream[..1], 0).len(),
            2,
            "the stream ends without an end of the text"
        );
    }
}

#[test]
fn tools_that_get_stand_ins_get_them_in_every_event() {
    let (masked, stand_in) = stand_in();
    let config = privet_surface::RestoreConfig {
        tools: [("mail".to_owned(), false), ("patch".to_owned(), false)].into(),
        ..Default::default()
    };
    let map = std::sync::Arc::new(masked.map);
    let restoration = privet_surface::Restoration::new(
        SURFACE,
        map,
        std::sync::Arc::new(config),
        std::sync::Arc::default(),
    );
    let mut restorer = StreamRestorer::new(restoration);
    let mut out = Vec::new();
    let bytes: String = whole_stream(&stand_in).iter().map(event).collect();
    restorer.push(bytes.as_bytes(), &mut out).unwrap();
    restorer.finish(&mut out);
    let out = String::from_utf8(out).unwrap();
    let lines = out.lines().filter_map(|line| line.strip_prefix("data: "));
    let events: Vec<Value> = lines.map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(deltas(&events, "custom_tool_call_input", 3), stand_in);
    assert!(deltas(&events, "function_call_arguments", 2).contains(&stand_in));
    for event in events
        .iter()
        .filter(|e| e["output_index"] == 2 || e["output_index"] == 3)
    {
        assert!(!event.to_string().contains(EMAIL), "{event}");
    }
    let output = &events.last().unwrap()["response"]["output"];
    assert!(output[2].to_string().contains(&stand_in) && output[3].to_string().contains(&stand_in));
    assert_eq!(deltas(&events, "output_text", 1), format!("to {EMAIL}"));
}
