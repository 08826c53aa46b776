//! The laws of masking and restoring for OpenAI's responses, on made-up bodies, as in `round_trip`.

use privet_surface::StreamRestorer;
use privet_types::{Budget, SurfaceKind};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use crate::everywhere;
use crate::round_trip::{assert_differs_inside_masked_values, masked, meaning, style, text, value};

const SURFACE: SurfaceKind = SurfaceKind::OpenaiResponses;

fn item() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|t| json!({ "role": "user", "content": t })),
        text().prop_map(
            |t| json!({ "type": "message", "role": "user", "content": [{ "type": "input_text", "text": t }] })
        ),
        text().prop_map(
            |t| json!({ "type": "message", "id": "msg_a", "role": "assistant", "status": "completed",
            "content": [{ "type": "output_text", "text": t, "annotations": [] }] })
        ),
        text().prop_map(
            |t| json!({ "type": "reasoning", "id": "rs_a", "encrypted_content": "gAAAAABo_x-7==",
            "summary": [{ "type": "summary_text", "text": t }] })
        ),
        value().prop_map(
            |v| json!({ "type": "function_call", "id": "fc_a", "call_id": "call_a", "name": "f",
            "arguments": json!({ "x": v }).to_string() })
        ),
        value().prop_map(
            |v| json!({ "type": "function_call_output", "call_id": "call_a", "output": v.to_string() })
        ),
        text().prop_map(
            |t| json!({ "type": "custom_tool_call", "call_id": "call_a", "name": "f", "input": t })
        ),
    ]
}

fn body(items: &[Value]) -> String {
    json!({ "model": "m", "input": items }).to_string()
}

/// A stream that says `text`, in pieces of three characters, as typed events do: piece by piece, as a whole, once more.
fn stream(text: &str) -> Vec<u8> {
    let part = |text: &str| json!({ "type": "output_text", "annotations": [], "text": text });
    let letters: Vec<char> = text.chars().collect();
    let mut events: Vec<Value> = letters
        .chunks(3)
        .map(|piece| json!({ "type": "response.output_text.delta", "delta": piece.iter().collect::<String>() }))
        .collect();
    events.push(json!({ "type": "response.output_text.done", "text": text }));
    events.push(json!({ "type": "response.content_part.done", "part": part(text) }));
    for (number, event) in events.iter_mut().enumerate() {
        for (field, value) in [
            ("item_id", json!("msg_a")),
            ("output_index", json!(0)),
            ("content_index", json!(0)),
            ("sequence_number", json!(number)),
        ] {
            event[field] = value;
        }
    }
    let item = json!({ "type": "message", "id": "msg_a", "role": "assistant", "content": [part(text)] });
    let number = events.len();
    events.push(json!({ "type": "response.completed", "sequence_number": number,
        "response": { "object": "response", "output": [item] } }));
    let event = |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.into_iter().map(event).collect::<String>().into_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn restoring_undoes_masking(style in style(), items in prop::collection::vec(item(), 0..4)) {
        let body = body(&items);
        if let Some(masked) = masked(SURFACE, style, &body) {
            let sent = masked.body.clone();
            let restored = everywhere(SURFACE, masked).json(&sent, &Budget::unlimited()).unwrap();
            let parsed = |bytes: &[u8]| meaning(&serde_json::from_slice(bytes).unwrap());
            prop_assert_eq!(parsed(&restored.unwrap_or(sent)), parsed(body.as_bytes()));
        }
    }

    #[test]
    fn a_masked_body_differs_only_inside_masked_values(style in style(), items in prop::collection::vec(item(), 0..4)) {
        let body = body(&items);
        if let Some(masked) = masked(SURFACE, style, &body) {
            assert_differs_inside_masked_values(&body, &masked);
        }
    }

    #[test]
    fn what_an_item_becomes_depends_on_those_before_it_only(
        style in style(), items in prop::collection::vec(item(), 1..5), next in item()
    ) {
        let body = |items: &[Value]| format!(r#"{{"model":"m","input":{}}}"#, Value::from(items.to_vec()));
        let longer = [items.clone(), vec![next]].concat();
        if let (Some(short), Some(long)) = (masked(SURFACE, style, &body(&items)), masked(SURFACE, style, &body(&longer))) {
            let end = short.body.len() - "]}".len();
            prop_assert_eq!(&long.body[..end], &short.body[..end]);
        }
    }

    #[test]
    fn pieces_the_whole_and_the_end_of_a_stream_say_the_same(
        style in style(), text in text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)
    ) {
        let request = json!({ "model": "m", "input": text }).to_string();
        if let Some(masked) = masked(SURFACE, style, &request) {
            let sent: Value = serde_json::from_slice(&masked.body).unwrap();
            let stream = stream(sent["input"].as_str().unwrap());
            let mut at: Vec<usize> = cuts.iter().map(|i| i.index(stream.len())).collect();
            at.extend([0, stream.len()]);
            at.sort_unstable();
            let mut restorer = StreamRestorer::new(everywhere(SURFACE, masked));
            let mut out = Vec::new();
            for piece in at.windows(2) {
                restorer.push(&stream[piece[0]..piece[1]], &mut out).unwrap();
            }
            restorer.finish(&mut out);
            let out = String::from_utf8(out).unwrap();
            let events: Vec<Value> = out.lines().filter_map(|l| l.strip_prefix("data: "))
                .map(|data| serde_json::from_str(data).unwrap()).collect();
            let pieces: String = events.iter().filter_map(|e| e["delta"].as_str()).collect();
            let of = |kind: &str| events.iter().find(|e| e["type"] == kind).unwrap();
            prop_assert_eq!(of("response.output_text.done")["text"].as_str(), Some(pieces.as_str()));
            prop_assert_eq!(of("response.content_part.done")["part"]["text"].as_str(), Some(pieces.as_str()));
            let end = of("response.completed").pointer("/response/output/0/content/0/text");
            prop_assert_eq!(end.and_then(Value::as_str), Some(pieces.as_str()));
            prop_assert_eq!(meaning(&Value::from(pieces)), meaning(&Value::from(text)));
            let numbers: Vec<u64> = events.iter().map(|e| e["sequence_number"].as_u64().unwrap()).collect();
            prop_assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
        }
    }
}
