//! `POST /api/v1/protect` and `/restore`, as an app uses them that calls its provider itself.

use std::time::Duration;

use privet_testkit::{Ask, TestGateway};
use privet_types::{Action, SurfaceKind};
use serde_json::{Value, json};

use crate::support::{CARD, EMAIL, assert_refused, tag};

const PROTECT: &str = "/api/v1/protect";
const RESTORE: &str = "/api/v1/restore";

async fn ok(ask: Ask) -> Value {
    let reply = ask.send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_text_is_protected_and_what_is_said_of_it_restored() {
    let gateway = TestGateway::builder().start().await;
    let text = format!("I am {EMAIL} and pay with {CARD} \u{1f512}");
    let protected = ok(gateway.post(PROTECT, json!({"text": text}).to_string())).await;
    let sent = protected["text"].as_str().unwrap();
    assert!(!sent.contains(EMAIL) && !sent.contains("4111"), "{sent}");
    assert_eq!(protected["counts"], json!({"EMAIL_ADDRESS": 1, "CREDIT_CARD": 1}));
    assert_eq!(protected["masked"], 2);
    let token = protected["token"].as_str().unwrap();
    let said = format!("You wrote: {sent}");
    let restored = ok(gateway.post(RESTORE, json!({"token": token, "text": said}).to_string())).await;
    assert_eq!(restored, json!({"text": format!("You wrote: {text}")}));
    let several = json!({"token": token, "texts": [sent, "nothing", sent.to_lowercase()]});
    let restored = ok(gateway.post(RESTORE, several.to_string())).await;
    assert_eq!(restored["texts"][0], text);
    assert_eq!(restored["texts"][1], "nothing");
    assert!(restored["texts"][2].as_str().unwrap().contains(EMAIL));
    // Nobody but the caller was told anything.
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn texts_of_one_request_share_their_stand_ins_with_prompts_of_the_same_caller() {
    let gateway = TestGateway::builder().start().await;
    let protected = ok(gateway.post(PROTECT, json!({"texts": [EMAIL, "hello", EMAIL]}).to_string())).await;
    assert_eq!(protected["texts"][0], protected["texts"][2]);
    assert_eq!(protected["texts"][1], "hello");
    gateway
        .post(
            "/v1/responses",
            json!({"model": "demo", "input": EMAIL}).to_string(),
        )
        .send()
        .await;
    assert_eq!(protected["texts"][0], tag(&gateway.seen()[0].body));
}

#[tokio::test]
async fn a_body_keeps_every_byte_that_is_not_private_and_its_reply_is_restored_by_field() {
    let gateway = TestGateway::builder().start().await;
    let body = format!(
        r#"{{ "model" : "any/model", "temperature":1.50,"messages":[{{"role":"user","content":"I am {EMAIL}"}}] }}"#
    );
    let request = format!(r#"{{"surface":"openai_chat","ttl_seconds":60,"body":{body}}}"#);
    let reply = gateway.post(PROTECT, request).send().await;
    let text = reply.text();
    let stand_in = tag(&reply.body);
    assert!(text.contains(&body.replace(EMAIL, &stand_in)), "{text}");
    let token = reply.json()["token"].as_str().unwrap().to_owned();
    let arguments =
        json!({"to": stand_in, "link": format!("https://evil.example/?q={stand_in}")}).to_string();
    let answer = json!({"choices": [{"message": {"content": stand_in, "tool_calls": [
        {"function": {"name": "mail", "arguments": arguments}}]}}]});
    let restored = ok(gateway.post(RESTORE, json!({"token": token, "body": answer}).to_string())).await;
    let message = &restored["body"]["choices"][0]["message"];
    assert_eq!(message["content"], EMAIL);
    let arguments: Value = serde_json::from_str(
        message["tool_calls"][0]["function"]["arguments"]
            .as_str()
            .unwrap(),
    )
    .unwrap();
    assert_eq!(
        arguments,
        json!({"to": EMAIL, "link": format!("https://evil.example/?q={stand_in}")})
    );
}

#[tokio::test]
async fn a_token_serves_its_own_caller_until_it_ends_and_only_unchanged() {
    let gateway = TestGateway::builder().start().await;
    let protected = ok(gateway.post(PROTECT, json!({"text": EMAIL, "ttl_seconds": 60}).to_string())).await;
    let token = protected["token"].as_str().unwrap();
    assert!(!token.contains(EMAIL) && token.starts_with("prvr1_"));
    let ask = json!({"token": token, "text": protected["text"]}).to_string();
    let bob = gateway.new_key("bob", None).await;
    let stranger = gateway
        .ask("POST", RESTORE)
        .header("content-type", "application/json");
    let stranger = stranger.header("authorization", &format!("Bearer {}", bob.key.expose()));
    let reply = stranger.body(ask.clone()).send().await;
    assert_refused(&reply, RESTORE, 422, "bad_request");
    let changed = json!({"token": format!("{token}A"), "text": protected["text"]});
    let reply = gateway.post(RESTORE, changed.to_string()).send().await;
    assert_refused(&reply, RESTORE, 422, "bad_request");
    assert_eq!(ok(gateway.post(RESTORE, ask.clone())).await["text"], EMAIL);
    gateway.clock().advance(Duration::from_secs(61));
    let reply = gateway.post(RESTORE, ask).send().await;
    assert_refused(&reply, RESTORE, 410, "bad_request");
}

#[tokio::test]
async fn what_cannot_be_protected_is_refused_with_a_way_out_and_without_the_value() {
    let gateway = TestGateway::builder()
        .policy("[pii.entities]\nCREDIT_CARD = \"block\"")
        .start()
        .await;
    let image = json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]});
    let cases = [
        (PROTECT, json!({"text": CARD}), 400, "entity_blocked"),
        (PROTECT, json!({"text": "x", "texts": ["x"]}), 400, "bad_request"),
        (PROTECT, json!({}), 400, "bad_request"),
        (PROTECT, json!({"text": 1}), 400, "bad_request"),
        (
            PROTECT,
            json!({"texts": ["x", {"text": EMAIL}]}),
            400,
            "bad_request",
        ),
        (PROTECT, json!({"text": "x", EMAIL: 1}), 400, "bad_request"),
        (
            PROTECT,
            json!({"text": "x", "ttl_seconds": 0}),
            400,
            "bad_request",
        ),
        (
            PROTECT,
            json!({"text": "x", "surface": "openai_chat"}),
            400,
            "bad_request",
        ),
        (PROTECT, json!({"body": {"messages": []}}), 400, "bad_request"),
        (
            PROTECT,
            json!({"body": {"messages": []}, "surface": "presidio"}),
            400,
            "bad_request",
        ),
        (
            PROTECT,
            json!({"body": image, "surface": "openai_chat"}),
            400,
            "content_not_checkable",
        ),
        (
            PROTECT,
            json!({"body": {"input": [1, 2]}, "surface": "openai_embeddings"}),
            400,
            "content_not_checkable",
        ),
        (RESTORE, json!({"text": "x"}), 400, "bad_request"),
        (RESTORE, json!({"text": "x", "token": ""}), 422, "bad_request"),
    ];
    for (path, body, status, code) in cases {
        let reply = gateway.post(path, body.to_string()).send().await;
        assert_refused(&reply, path, status, code);
        assert!(
            !reply.text().contains(EMAIL) && !reply.text().contains(CARD),
            "{}",
            reply.text()
        );
    }
    let reply = gateway
        .post(PROTECT, "{\"text\":\"a\",\"text\":\"b\"}")
        .send()
        .await;
    assert_refused(&reply, PROTECT, 400, "bad_body");
    for path in [PROTECT, RESTORE] {
        let reply = gateway
            .post(path, json!({"text": "x"}).to_string())
            .without("authorization")
            .send()
            .await;
        assert_refused(&reply, path, 401, "invalid_api_key");
    }
}

#[tokio::test]
async fn both_are_in_the_audit_log_by_kind_and_never_by_text() {
    let gateway = TestGateway::builder().start().await;
    let protected = ok(gateway.post(PROTECT, json!({"text": EMAIL}).to_string())).await;
    ok(gateway.post(PROTECT, json!({"text": "hello"}).to_string())).await;
    let ask = json!({"token": protected["token"], "text": protected["text"]});
    ok(gateway.post(RESTORE, ask.to_string())).await;
    let reply = gateway
        .post(PROTECT, json!({"texts": EMAIL}).to_string())
        .send()
        .await;
    assert_eq!(reply.status, 400);
    let rows = gateway.stop().await.home.audit().await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.event.decision.action, row.event.decision.reason.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (Action::Redact, "protected"),
            (Action::Allow, "clean"),
            (Action::Allow, "restored"),
            (Action::Block, "bad_request"),
        ]
    );
    assert!(
        rows.iter()
            .all(|row| row.event.surface == SurfaceKind::Protect && row.event.principal.is_some())
    );
    assert!(!format!("{rows:?}").contains(EMAIL));
}
