//! What cannot be looked at is not shown.

use privet_surface::json::JsonError;
use privet_surface::{GuardError, ReplyGuard, StreamGuard, Unguarded, Verdict, guard_whole};
use privet_types::{Budget, SurfaceKind};
use serde_json::json;

use super::{Toy, run};

/// Cannot look at anything.
struct Broken;

impl ReplyGuard for Broken {
    fn push(&mut self, _: usize, _: &str, _: &mut String) -> Result<Verdict, Unguarded> {
        Err(Unguarded)
    }

    fn finish(&mut self, _: usize, _: &mut String) -> Result<Verdict, Unguarded> {
        Err(Unguarded)
    }

    fn call(&mut self, _: &str, _: &str) -> Result<Verdict, Unguarded> {
        Err(Unguarded)
    }

    fn told(&self) -> String {
        String::new()
    }
}

const WORDS: [SurfaceKind; 3] = [
    SurfaceKind::OpenaiChat,
    SurfaceKind::AnthropicMessages,
    SurfaceKind::OpenaiResponses,
];

#[test]
fn events_and_bodies_that_are_no_json_are_refused() {
    for surface in WORDS {
        for stream in [
            "data: hello\n\n",
            "data: {\"a\":1,\"a\":2}\n\n",
            "data: [DONE\n\n",
            "data: \u{feff}{\n\n",
        ] {
            let error = run(surface, Toy::default(), &[stream.as_bytes()]).unwrap_err();
            assert!(matches!(error, GuardError::Json(_)), "{stream}");
        }
        let whole = guard_whole(surface, b"<html>", &mut Toy::default(), &Budget::unlimited());
        assert!(matches!(whole, Err(GuardError::Json(JsonError::Syntax { .. }))));
    }
}

#[test]
fn comments_and_events_without_data_pass() {
    for surface in WORDS {
        for stream in [
            ": ping\n\n",
            "event: ping\n\n",
            "\n",
            "data:\n\n",
            "retry: 5\n\n",
            "data: [DONE]",
        ] {
            let (out, _) = run(surface, Toy::default(), &[stream.as_bytes()]).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), stream);
        }
    }
}

#[test]
fn a_stream_that_failed_shows_nothing_more() {
    let mut stream = StreamGuard::new(SurfaceKind::OpenaiChat, Box::new(Broken));
    let chunk = format!(
        "data: {}\n\n",
        json!({ "choices": [{ "index": 0, "delta": { "content": "x" } }] })
    );
    let mut out = Vec::new();
    let failed = GuardError::Unguarded(Unguarded);
    assert_eq!(stream.push(chunk.as_bytes(), &mut out), Err(failed));
    assert_eq!(stream.push(b": ping\n\n", &mut out), Err(failed));
    assert_eq!(stream.finish(&mut out), Err(failed));
    assert!(out.is_empty() && !stream.is_stopped());
}

#[test]
fn a_reply_that_the_guard_cannot_look_at_is_refused() {
    let body = json!({ "choices": [{ "message": { "content": "x" } }] }).to_string();
    let whole = guard_whole(
        SurfaceKind::OpenaiChat,
        body.as_bytes(),
        &mut Broken,
        &Budget::unlimited(),
    );
    assert_eq!(whole, Err(GuardError::Unguarded(Unguarded)));
}

#[test]
fn after_a_stop_nothing_is_read_any_more() {
    let mut stream = StreamGuard::new(SurfaceKind::OpenaiChat, Box::new(Toy::default()));
    let chunk = format!(
        "data: {}\n\n",
        json!({ "choices": [{ "index": 0, "delta": { "content": "STOP" } }] })
    );
    let mut out = Vec::new();
    stream.push(chunk.as_bytes(), &mut out).unwrap();
    assert!(stream.is_stopped());
    let before = out.clone();
    stream.push(b"data: no json\n\n", &mut out).unwrap();
    stream.finish(&mut out).unwrap();
    assert_eq!(out, before);
}

#[test]
fn a_call_that_is_too_large_is_refused() {
    let piece = "x".repeat(1 << 18);
    let call = json!({ "index": 0, "id": "a", "function": { "name": "f", "arguments": piece } });
    let chunk = format!(
        "data: {}\n\n",
        json!({ "choices": [{ "index": 0, "delta": { "tool_calls": [call] } }] })
    );
    let error = run(
        SurfaceKind::OpenaiChat,
        Toy::default(),
        &[chunk.repeat(5).as_bytes()],
    );
    assert_eq!(error, Err(GuardError::CallTooLarge));
    let whole =
        json!({ "content": [{ "type": "tool_use", "name": "f", "input": { "x": piece.repeat(5) } }] })
            .to_string();
    let whole = guard_whole(
        SurfaceKind::AnthropicMessages,
        whole.as_bytes(),
        &mut Toy::default(),
        &Budget::unlimited(),
    );
    assert_eq!(whole, Err(GuardError::CallTooLarge));
}

#[test]
fn what_is_held_back_for_calls_is_bounded() {
    let begun = json!({ "index": 0, "delta": { "tool_calls": [{ "index": 0, "id": "a", "function": { "name": "f" } }] } });
    let text = json!({ "index": 1, "delta": { "content": "x".repeat(1 << 16) } });
    let chunk = |choice: &serde_json::Value| format!("data: {}\n\n", json!({ "choices": [choice] }));
    let mut stream = StreamGuard::new(SurfaceKind::OpenaiChat, Box::new(Toy::default()));
    let mut out = Vec::new();
    stream.push(chunk(&begun).as_bytes(), &mut out).unwrap();
    let failed = (0..65).find_map(|_| stream.push(chunk(&text).as_bytes(), &mut out).err());
    assert_eq!(failed, Some(GuardError::CallTooLarge));
    assert!(out.is_empty());
}

#[test]
fn a_text_that_goes_on_after_its_end_is_refused() {
    let chunk = |text: &str, end: Option<&str>| {
        format!(
            "data: {}\n\n",
            json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": end }] })
        )
    };
    let stream = [chunk("sec", Some("stop")), chunk("ret", None)].concat();
    let failed = run(SurfaceKind::OpenaiChat, Toy::default(), &[stream.as_bytes()]);
    assert_eq!(failed, Err(GuardError::AfterEnd));
}

#[test]
fn surfaces_that_answer_in_no_words_pass_unread() {
    for surface in [
        SurfaceKind::OpenaiEmbeddings,
        SurfaceKind::OpenaiModels,
        SurfaceKind::AnthropicCountTokens,
    ] {
        let whole = guard_whole(surface, b"no json", &mut Broken, &Budget::unlimited());
        assert_eq!(whole, Ok(None));
        let (out, _) = run(surface, Broken, &[b"data: no json"]).unwrap();
        assert_eq!(out, b"data: no json");
    }
}
