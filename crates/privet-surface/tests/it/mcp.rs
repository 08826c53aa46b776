//! Messages of servers of tools, and tags that were handed out elsewhere.

use std::sync::Arc;

use privet_pii::{Analyzer, Config, Form, Pair, SurrogateMap};
use privet_surface::mcp::Message;
use privet_surface::{
    DetectionMemory, Masked, Masking, PartsConfig, Refusal, Request, Restoration, RestoreConfig,
};
use privet_types::{Budget, Secret, SurfaceKind};
use serde_json::{Value, json};

use crate::KEY;

fn masking<'a>(
    analyzer: &'a Analyzer,
    pii: &'a Config,
    parts: &'a PartsConfig,
    known: Option<&'a SurrogateMap>,
) -> Masking<'a> {
    Masking {
        analyzer,
        pii,
        parts,
        key: &KEY,
        memory: None,
        known,
    }
}

fn masked(message: &Value) -> Result<Masked, Refusal> {
    let pii = Config::default();
    let analyzer = Analyzer::new(&pii).unwrap();
    let (text, parts) = (message.to_string(), PartsConfig::default());
    let message = Message::parse(text.as_bytes(), &Budget::unlimited()).unwrap();
    message.mask(masking(&analyzer, &pii, &parts, None), &Budget::unlimited())
}

#[test]
fn every_place_of_an_answer_is_masked_and_what_numbers_it_is_left_alone() {
    const MAIL: &str = "ada.lovelace@example.com";
    let places = [
        json!({"content": [{"type": "text", "text": MAIL}]}),
        json!({"content": [{"type": "resource", "resource": {"uri": "a://b", "text": MAIL}}]}),
        json!({"content": [{"type": "resource_link", "uri": format!("mailto:{MAIL}"), "name": "x"}]}),
        json!({"content": [], "structuredContent": {"deep": [{"mail": MAIL}]}}),
        json!({"content": [], "structuredContent": {MAIL: 1}}),
        json!({"content": [{"type": "text", "text": format!("{{\"mail\":\"{MAIL}\"}}")}]}),
        json!({"contents": [{"uri": "a://b", "mimeType": "text/plain", "text": MAIL}]}),
        json!({"messages": [{"role": "user", "content": {"type": "text", "text": MAIL}}]}),
        json!({"tools": [{"name": "t", "description": MAIL, "inputSchema": {"properties": {"a": {"description": MAIL}}}}]}),
        json!({"_meta": {"note": MAIL}, "content": []}),
    ];
    for result in places {
        let message = json!({"jsonrpc": "2.0", "id": 4_111_111_111_111_111_u64, "result": result});
        let done = masked(&message).unwrap();
        let text = String::from_utf8(done.body).unwrap();
        assert!(!text.contains(MAIL) && text.contains("<EMAIL_ADDRESS_"), "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["id"], message["id"]);
    }
    let error = json!({"jsonrpc": "2.0", "id": "a", "error": {"code": -32000, "message": MAIL, "data": {"who": MAIL}}});
    let text = String::from_utf8(masked(&error).unwrap().body).unwrap();
    assert!(!text.contains(MAIL) && text.contains("-32000"), "{text}");
}

#[test]
fn versions_cursors_and_states_pass_and_what_only_looks_so_does_not() {
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-06-18",
        "supportedVersions": ["2026-07-28"], "nextCursor": "eyJwIjoyfQ==", "requestState": "abc.DEF-1"}});
    let done = masked(&message).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&done.body).unwrap(), message);
    let cursor = json!({"jsonrpc": "2.0", "id": 1, "result": {"nextCursor": "ada.lovelace@example.com"}});
    assert!(
        String::from_utf8(masked(&cursor).unwrap().body)
            .unwrap()
            .contains("<EMAIL_ADDRESS_")
    );
    let name = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ada.lovelace@example.com"}});
    assert!(matches!(masked(&name), Err(Refusal::CannotMask { .. })));
    for part in [
        json!({"type": "image", "data": "aGVsbG8=", "mimeType": "image/png"}),
        json!({"type": "audio", "data": "aGVsbG8=", "mimeType": "audio/wav"}),
        json!({"type": "resource", "resource": {"uri": "a://b", "blob": "aGVsbG8="}}),
    ] {
        let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [part]}});
        assert!(
            matches!(masked(&message), Err(Refusal::Opaque { .. })),
            "{message}"
        );
    }
}

fn known(tag: &str, value: &str) -> SurrogateMap {
    SurrogateMap::new(vec![Pair {
        surrogate: tag.to_owned(),
        form: Form::Tag,
        value: Secret::new(value.to_owned()),
    }])
}

/// A chat request with `text`, masked with `known`; what was sent, and how it is undone.
fn asked(text: &str, known: Option<&SurrogateMap>) -> (String, SurrogateMap) {
    let pii = Config::default();
    let analyzer = Analyzer::new(&pii).unwrap();
    let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string();
    let parts = PartsConfig::default();
    let request = Request::parse(SurfaceKind::OpenaiChat, body.as_bytes(), &Budget::unlimited()).unwrap();
    let done = request
        .mask(
            masking(&analyzer, &pii, &parts, known),
            None,
            &Budget::unlimited(),
        )
        .unwrap();
    let sent: Value = serde_json::from_slice(&done.body).unwrap();
    let sent = sent["messages"][0]["content"].as_str().unwrap().to_owned();
    (sent, done.map)
}

#[test]
fn a_tag_handed_out_elsewhere_stays_and_restores_and_its_value_gets_the_same_one() {
    const MAIL: &str = "ada.lovelace@example.com";
    let (sent, _) = asked(MAIL, None);
    let tag = sent.trim_matches(['<', '>']);
    let (sent, map) = asked(
        &format!("{sent} is {MAIL}, or {}", tag.to_lowercase()),
        Some(&known(tag, MAIL)),
    );
    assert_eq!(sent, format!("<{tag}> is <{tag}>, or {}", tag.to_lowercase()));
    let restoration = Restoration::new(
        SurfaceKind::OpenaiChat,
        Arc::new(map),
        Arc::new(RestoreConfig::default()),
        Arc::default(),
    );
    assert_eq!(restoration.text(&format!("so <{tag}>")), format!("so {MAIL}"));
}

#[test]
fn a_tag_in_a_text_that_comes_again_is_taken_over_each_time() {
    let (pii, parts) = (Config::default(), PartsConfig::default());
    let (analyzer, memory) = (Analyzer::new(&pii).unwrap(), DetectionMemory::new(1 << 20));
    let tag = "EMAIL_ADDRESS_7Q2MX9PKR4TWZ";
    let known = known(tag, "ada.lovelace@example.com");
    let text = format!("{} <{tag}>", "the tool said ".repeat(16));
    let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]}).to_string();
    for _ in 0..3 {
        let request = Request::parse(SurfaceKind::OpenaiChat, body.as_bytes(), &Budget::unlimited()).unwrap();
        let masking = Masking {
            memory: Some(&memory),
            ..masking(&analyzer, &pii, &parts, Some(&known))
        };
        let done = request.mask(masking, None, &Budget::unlimited()).unwrap();
        assert_eq!((done.map.pairs().len(), done.map.made().count()), (1, 0));
    }
}

#[test]
fn a_person_that_a_tool_named_stays_one_person() {
    let (sent, _) = asked("Write to Maria Lopez.", None);
    let tag = sent.trim_start_matches("Write to <").trim_end_matches(">.");
    let known = known(tag, "Maria Lopez");
    let (again, map) = asked(
        &format!("The tool found <{tag}>. Write to Maria Lopez."),
        Some(&known),
    );
    assert_eq!(again, format!("The tool found <{tag}>. Write to <{tag}>."));
    assert_eq!(map.len(), 1);
}

#[test]
fn what_was_handed_to_nobody_is_masked_as_before() {
    let tag = "EMAIL_ADDRESS_7Q2MX9PKR4TWZ";
    let known = known(tag, "ada.lovelace@example.com");
    for text in ["<EMAIL_ADDRESS_0000000000000>", "xEMAIL_ADDRESS_7Q2MX9PKR4TWZ"] {
        let (sent, map) = asked(text, Some(&known));
        assert!(sent.contains("SURROGATE_"), "{sent}");
        assert!(
            map.pairs()
                .iter()
                .all(|pair| !pair.value.expose().contains("ada")),
            "{text}"
        );
    }
}
