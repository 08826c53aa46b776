//! The laws of a guarded stream: it is shown the same however the network cuts it, and says the same however the provider does.

use privet_types::SurfaceKind;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::responses::{self, readings};
use super::{Toy, events, run};

/// Texts in which something is to be found.
fn words() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        4 => "[a-z é]{0,12}",
        2 => Just("secret".to_owned()),
        1 => Just("sec".to_owned()),
        1 => Just("ret".to_owned()),
        1 => Just("STOP".to_owned()),
        1 => Just("ST".to_owned()),
    ];
    prop::collection::vec(word, 0..8)
}

/// `text` in pieces of about these lengths.
fn pieces<'t>(text: &'t str, lengths: &[usize]) -> Vec<&'t str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let mut at = (*length).clamp(1, rest.len());
        while !rest.is_char_boundary(at) {
            at += 1;
        }
        let (piece, behind) = rest.split_at(at);
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

fn chat(pieces: &[&str]) -> String {
    let chunk = |delta: serde_json::Value, end: Option<&str>| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": end });
        format!("data: {}\n\n", json!({ "id": "c", "choices": [choice] }))
    };
    let said: String = pieces
        .iter()
        .map(|piece| chunk(json!({ "content": piece }), None))
        .collect();
    said + &chunk(json!({}), Some("stop")) + "data: [DONE]\n\n"
}

fn messages(pieces: &[&str]) -> String {
    let event = |value: serde_json::Value| {
        format!(
            "event: {}\r\ndata: {value}\r\n\r\n",
            value["type"].as_str().unwrap()
        )
    };
    let delta = |piece: &&str| {
        event(
            json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": piece } }),
        )
    };
    let said: String = pieces.iter().map(delta).collect();
    event(
        json!({ "type": "message_start", "message": { "id": "m", "content": [], "usage": { "output_tokens": 1 } } }),
    ) + &event(
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
    ) + &said
        + &event(json!({ "type": "content_block_stop", "index": 0 }))
        + &event(json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" } }))
        + &event(json!({ "type": "message_stop" }))
}

fn stream(surface: SurfaceKind, pieces: &[&str]) -> String {
    match surface {
        SurfaceKind::OpenaiChat => chat(pieces),
        SurfaceKind::AnthropicMessages => messages(pieces),
        _ => responses::stream(pieces),
    }
}

/// What a client reads, wherever it reads it.
fn read(surface: SurfaceKind, out: &str) -> Vec<String> {
    let pointer = match surface {
        SurfaceKind::OpenaiChat => "/choices/0/delta/content",
        SurfaceKind::AnthropicMessages => "/delta/text",
        _ => return readings(out),
    };
    let texts = events(out).into_iter();
    vec![
        texts
            .filter_map(|event| Some(event.pointer(pointer)?.as_str()?.to_owned()))
            .collect(),
    ]
}

/// What the toy lets through of `text`, and whether it stops.
fn expected(text: &str) -> (String, bool) {
    let mut shown = String::new();
    let mut rest = text;
    loop {
        let (secret, stop) = (rest.find("secret"), rest.find("STOP"));
        match (secret, stop) {
            (_, Some(at)) if secret.is_none_or(|secret| at < secret) => {
                shown.push_str(&rest[..at]);
                let gap = if shown.is_empty() { "" } else { "\n\n" };
                return (format!("{shown}{gap}[stopped]"), true);
            }
            (Some(at), _) => {
                shown.push_str(&rest[..at]);
                rest = &rest[at + 6..];
            }
            _ => return (shown + rest, false),
        }
    }
}

fn surface() -> impl Strategy<Value = SurfaceKind> {
    prop_oneof![
        Just(SurfaceKind::OpenaiChat),
        Just(SurfaceKind::AnthropicMessages),
        Just(SurfaceKind::OpenaiResponses),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, rng_seed: RngSeed::Fixed(11), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_text_is_shown_the_same_in_whatever_pieces_it_is_said(
        surface in surface(), words in words(), lengths in prop::collection::vec(1usize..12, 1..6),
    ) {
        let text = words.concat();
        let stream = stream(surface, &pieces(&text, &lengths));
        let (out, is_stopped) = run(surface, Toy::default(), &[stream.as_bytes()]).unwrap();
        let (shown, stops) = expected(&text);
        prop_assert_eq!(is_stopped, stops);
        for reading in read(surface, std::str::from_utf8(&out).unwrap()) {
            prop_assert_eq!(&reading, &shown);
        }
    }

    #[test]
    fn a_stream_is_shown_the_same_however_it_is_cut(
        surface in surface(), words in words(), lengths in prop::collection::vec(1usize..12, 1..6), cuts in prop::collection::vec(1usize..200, 1..8),
    ) {
        let stream = stream(surface, &pieces(&words.concat(), &lengths));
        let whole = run(surface, Toy::default(), &[stream.as_bytes()]).unwrap();
        let mut cut: Vec<&[u8]> = Vec::new();
        let mut rest = stream.as_bytes();
        for length in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*length).min(rest.len()));
            cut.push(piece);
            rest = behind;
        }
        prop_assert_eq!(run(surface, Toy::default(), &cut).unwrap(), whole);
    }
}
