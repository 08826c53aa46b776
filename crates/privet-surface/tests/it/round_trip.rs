//! Laws of masking and restoring, on made-up bodies. The same bodies in every run; `PROPTEST_CASES` and
//! `PROPTEST_RNG_SEED` ask for more and for others.

use privet_pii::Style;
use privet_surface::{Masked, Refusal, StreamRestorer};
use privet_types::{Budget, SurfaceKind};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};

use crate::{everywhere, mask_as};

/// Pieces of text that are private, nearly private, or look like surrogates.
const PIECES: &[&str] = &[
    "ada@lovelace.org",
    "grace.hopper+navy@example.com",
    "4111 1111 1111 1111",
    "4111111111111111",
    "5555-5555-5555-4444",
    "DE89 3704 0044 0532 0130 00",
    "GB82WEST12345698765432",
    "+1 202-555-0143",
    "+49 30 901820",
    "078-05-1120",
    "198.51.100.23",
    "00:1A:2B:3C:4D:5E",
    "https://user:secret@host.example/path",
    "Ada Lovelace",
    "Σωκράτης",
    "王小明",
    "Maria Lopez",
    "maria lopez",
    "LOPEZ, Maria",
    "Maria Lopez's",
    "Juan Lopez",
    "Ms Lopez",
    "M. Lopez",
    "Lopez",
    "Maria",
    "born 12 March 1984",
    "<EMAIL_ADDRESS_7Q2MX9PKR4TWZ>",
    "email_address_7q2mx9pkr4twz",
    r"PERSON\_0000000000000",
    "<PERSON_",
    "EMAIL_ADDRESS_",
    "7Q2MX9PKR4TWZ>",
    "zaxvel.quormex12@mail.example",
    "9999 0012 3456 7895",
    "+1 312-555-0199",
    "+999 123 456 789",
    "GB00 KXKX 1234 5698 7654 32",
    "<",
    ">",
    "_",
    "\\",
    "\"",
    "\n",
    " ",
    " ",
    " ",
    "a",
    "0",
    ", ",
    "é",
    "日本語",
    "😀",
    "{",
    "}",
    "[x](",
    "https://evil.example/?q=",
];

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::collection::vec(prop::sample::select(PIECES), 0..8).prop_map(|p| p.concat()),
        1 => "\\PC{0,24}",
        1 => prop::collection::vec(prop::sample::select(PIECES), 1..6).prop_map(|p| p.join(" ")),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z]{1,6}", 1 => text()]
}

/// Any JSON, with JSON inside strings.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => text().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i32>().prop_map(Value::from),
        1 => Just(json!(4_111_111_111_111_111_u64)),
        1 => Just(json!(5_555_555_555_554_444_u64)),
        1 => any::<f32>().prop_map(|f| json!(f)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key(), inner.clone(), 0..4)
                .prop_map(|m| Value::from(m.into_iter().collect::<serde_json::Map<_, _>>())),
            inner.prop_map(|v| Value::from(v.to_string())),
        ]
    })
}

fn message() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(|t| json!({ "role": "user", "content": t })),
        text().prop_map(|t| json!({ "role": "user", "content": [{ "type": "text", "text": t }] })),
        value().prop_map(|v| json!({ "role": "tool", "tool_call_id": "call_a", "content": v.to_string() })),
        value().prop_map(|v| json!({ "role": "assistant", "tool_calls": [
            { "id": "call_a", "type": "function", "function": { "name": "f", "arguments": json!({ "x": v }).to_string() } }] })),
    ]
}

fn body(messages: &[Value], extra: &Value) -> String {
    json!({ "model": "m", "extra": extra, "messages": messages }).to_string()
}

pub(crate) fn style() -> impl Strategy<Value = Style> {
    prop_oneof![Just(Style::Tag), Just(Style::Realistic)]
}

/// JSON inside strings may be spelt in many ways that mean the same.
pub(crate) fn meaning(value: &Value) -> Value {
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner) if inner.is_object() || inner.is_array() => json!({ "json": meaning(&inner) }),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(meaning).collect(),
        Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), meaning(v))).collect(),
        other => other.clone(),
    }
}

fn parsed(bytes: &[u8]) -> Value {
    meaning(&serde_json::from_slice(bytes).unwrap())
}

/// A made-up body may hold something that has to be refused; then there is nothing to restore.
fn mask(style: Style, body: &str) -> Option<Masked> {
    masked(SurfaceKind::OpenaiChat, style, body)
}

pub(crate) fn masked(surface: SurfaceKind, style: Style, body: &str) -> Option<Masked> {
    match mask_as(surface, style, body) {
        Ok(masked) => Some(masked),
        Err(Refusal::CannotMask { .. } | Refusal::Json(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

pub(crate) fn assert_differs_inside_masked_values(body: &str, masked: &Masked) {
    let mut rest = &masked.body[..];
    let mut at = 0;
    for (i, range) in masked.replaced.iter().enumerate() {
        let kept = &body.as_bytes()[at..range.start];
        assert!(rest.starts_with(kept));
        rest = &rest[kept.len()..];
        // The next kept piece begins where the stand-in ends.
        let next_end = masked.replaced.get(i + 1).map_or(body.len(), |r| r.start);
        let next = &body.as_bytes()[range.end..next_end];
        let skip = (1..=rest.len()).find(|n| rest[*n..].starts_with(next)).unwrap();
        rest = &rest[skip..];
        at = range.end;
    }
    assert!(rest.ends_with(&body.as_bytes()[at..]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn restoring_undoes_masking(style in style(), messages in prop::collection::vec(message(), 0..4), extra in value()) {
        let body = body(&messages, &extra);
        if let Some(masked) = mask(style, &body) {
            let sent = masked.body.clone();
            let restored = everywhere(SurfaceKind::OpenaiChat, masked).json(&sent, &Budget::unlimited()).unwrap();
            prop_assert_eq!(parsed(&restored.unwrap_or(sent)), parsed(body.as_bytes()));
        }
    }

    #[test]
    fn a_masked_body_differs_only_inside_masked_values(style in style(), messages in prop::collection::vec(message(), 0..4)) {
        let body = body(&messages, &Value::Null);
        if let Some(masked) = mask(style, &body) {
            assert_differs_inside_masked_values(&body, &masked);
        }
    }

    #[test]
    fn what_a_message_becomes_depends_on_those_before_it_only(
        style in style(), messages in prop::collection::vec(message(), 1..5), next in message()
    ) {
        let cut = |masked: &Masked| masked.body.strip_suffix(b"]}").unwrap().to_vec();
        let body = |messages: &[Value]| format!(r#"{{"model":"m","messages":{}}}"#, Value::from(messages.to_vec()));
        let longer = [messages.clone(), vec![next]].concat();
        if let (Some(short), Some(long)) = (mask(style, &body(&messages)), mask(style, &body(&longer))) {
            prop_assert!(long.body.starts_with(&cut(&short)));
        }
    }

    #[test]
    fn a_stream_says_the_same_as_a_whole_reply(style in style(), text in text(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let request = json!({ "model": "m", "messages": [{ "role": "user", "content": text }] }).to_string();
        if let Some(masked) = mask(style, &request) {
            let sent: Value = serde_json::from_slice(&masked.body).unwrap();
            let sent = sent["messages"][0]["content"].as_str().unwrap().to_owned();
            let letters: Vec<char> = sent.chars().collect();
            let chunks = letters.chunks(3).map(|c| {
                let delta = json!({ "content": c.iter().collect::<String>() });
                format!("data: {}\n\n", json!({ "id": "c", "choices": [{ "index": 0, "delta": delta }] }))
            });
            let stream = format!("{}data: [DONE]\n\n", chunks.collect::<String>()).into_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|i| i.index(stream.len())).collect();
            at.extend([0, stream.len()]);
            at.sort_unstable();
            let mut restorer = StreamRestorer::new(everywhere(SurfaceKind::OpenaiChat, masked));
            let mut out = Vec::new();
            for piece in at.windows(2) {
                restorer.push(&stream[piece[0]..piece[1]], &mut out).unwrap();
            }
            restorer.finish(&mut out);
            let out = String::from_utf8(out).unwrap();
            let data = out.lines().filter_map(|l| l.strip_prefix("data: ")).filter(|d| *d != "[DONE]");
            let got: String = data
                .map(|d| serde_json::from_str::<Value>(d).unwrap()["choices"][0]["delta"]["content"].as_str().unwrap().to_owned())
                .collect();
            let (got, text) = (meaning(&Value::from(got)), meaning(&Value::from(text)));
            prop_assert_eq!(got, text);
        }
    }
}
