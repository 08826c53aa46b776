//! Values, bodies and checks that all modules share.

use std::time::{Duration, Instant};

use privet_access::Looks;
use privet_testkit::{PATIENCE, Reply, TestGateway};
use serde_json::{Value, json};

pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const MESSAGES: &str = "/v1/messages";
pub(crate) const MODELS: &str = "/v1/models";

pub(crate) const EMAIL: &str = "ada.lovelace@example.com";
pub(crate) const CARD: &str = "4111 1111 1111 1111";
pub(crate) const IBAN: &str = "DE89 3704 0044 0532 0130 00";

/// A chat request with one message of the user.
pub(crate) fn chat(model: &str, text: &str) -> String {
    json!({"model": model, "messages": [{"role": "user", "content": text}]}).to_string()
}

/// The same, streamed.
pub(crate) fn chat_stream(model: &str, text: &str) -> String {
    json!({"model": model, "stream": true, "messages": [{"role": "user", "content": text}]}).to_string()
}

/// A messages request with one message of the user.
pub(crate) fn messages(model: &str, text: &str) -> String {
    json!({"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": text}]}).to_string()
}

/// The same, streamed.
pub(crate) fn messages_stream(model: &str, text: &str) -> String {
    json!({"model": model, "max_tokens": 99, "stream": true, "messages": [{"role": "user", "content": text}]})
        .to_string()
}

/// The first tag in `body`, with its brackets.
pub(crate) fn tag(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once('<').unwrap_or_else(|| panic!("no tag in {text}"));
    let (name, _) = rest.split_once('>').expect("a tag ends");
    format!("<{name}>")
}

/// What a chat reply says as its first choice.
pub(crate) fn said(reply: &Reply) -> String {
    let reply = reply.json();
    let content = reply["choices"][0]["message"]["content"].as_str();
    content.unwrap_or_else(|| panic!("{reply}")).to_owned()
}

/// `reply` refuses in the shape of the surface at `path`.
pub(crate) fn assert_refused(reply: &Reply, path: &str, status: u16, kind: &str) {
    let body = reply.json();
    assert_eq!(reply.status, status, "{body}");
    assert_eq!(reply.header("content-type"), Some("application/json"), "{body}");
    assert!(reply.is_whole);
    let id = reply.header("x-privet-request-id").expect("a request id");
    assert_eq!(id.len(), 32, "{id}");
    let message = body["error"]["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("privet: ") && message.len() > 20, "{body}");
    if path.starts_with(MESSAGES) {
        assert_eq!(body["type"], "error", "{body}");
        assert_eq!(body["error"]["type"], kind, "{body}");
        assert_eq!(body["request_id"], id, "{body}");
    } else {
        assert_eq!(body["error"]["code"], kind, "{body}");
        assert!(body["error"]["type"].is_string(), "{body}");
        assert_eq!(body["error"]["param"], Value::Null, "{body}");
    }
}

/// Asks again until the answer has this status, which it must have once the node has looked twice at the place that `place` picks
/// since this was called: the look that was under way may have missed what was changed there before. That, and not how long it
/// takes on a loaded machine, is what `privet_access::REFRESH` makes a second of.
pub(crate) async fn in_two_looks(
    gateway: &TestGateway,
    place: fn(Looks) -> u64,
    status: u16,
    ask: impl AsyncFn() -> Reply,
) -> Reply {
    let before = place(gateway.looks());
    let begun = Instant::now();
    loop {
        // Before it is asked: what is seen then counts for this answer.
        let looked = place(gateway.looks()) - before;
        let reply = ask().await;
        if reply.status == status {
            return reply;
        }
        assert!(
            looked < 2,
            "{looked} looks, and {}: {}",
            reply.status,
            reply.text()
        );
        assert!(begun.elapsed() < PATIENCE, "{looked} looks in {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The store, for [`in_two_looks`].
pub(crate) fn of_store(looks: Looks) -> u64 {
    looks.store
}
