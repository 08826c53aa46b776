//! Who is let in, and how the others are told.

use std::time::{Duration, Instant};

use privet_testkit::{Ask, TestGateway};

use crate::support::{CHAT, EMAIL, MESSAGES, MODELS, assert_refused, chat, messages};

/// A valid request to each surface, without key.
fn asks(gateway: &TestGateway) -> [(&'static str, Ask); 3] {
    let json = |ask: Ask| ask.header("content-type", "application/json");
    let chat = json(gateway.ask("POST", CHAT)).body(chat("demo-echo", "hello"));
    let messages = json(gateway.ask("POST", MESSAGES)).body(messages("claude-demo-echo", "hello"));
    [
        (CHAT, chat),
        (MESSAGES, messages.header("anthropic-version", "2023-06-01")),
        (MODELS, gateway.ask("GET", MODELS)),
    ]
}

#[tokio::test]
async fn a_key_is_accepted_in_every_usual_header_on_every_surface() {
    let gateway = TestGateway::builder().start().await;
    let key = gateway.key();
    for (path, ask) in asks(&gateway) {
        for (name, value) in [
            ("authorization", format!("Bearer {key}")),
            ("Authorization", format!("bearer  {key}")),
            ("x-api-key", key.to_owned()),
            ("X-Api-Key", key.to_owned()),
            ("api-key", key.to_owned()),
        ] {
            let reply = ask.clone().header(name, &value).send().await;
            assert_eq!(reply.status, 200, "{path} {name}: {}", reply.text());
        }
    }
}

#[tokio::test]
async fn a_placeholder_beside_the_key_does_no_harm() {
    let gateway = TestGateway::builder().start().await;
    for (path, ask) in asks(&gateway) {
        let ask = ask.header("authorization", "Bearer placeholder");
        let reply = ask.header("x-api-key", gateway.key()).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_missing_malformed_or_unknown_key_is_401_in_the_shape_of_the_surface() {
    let gateway = TestGateway::builder().start().await;
    let other = TestGateway::builder().start().await;
    let malformed = format!("Bearer {}0", gateway.key());
    let unknown = format!("Bearer {}", other.key());
    let basic = format!("Basic {}", gateway.key());
    for (path, ask) in asks(&gateway) {
        let kind = if path == MESSAGES {
            "authentication_error"
        } else {
            "invalid_api_key"
        };
        assert_refused(&ask.clone().send().await, path, 401, kind);
        for value in [
            &malformed,
            &unknown,
            &basic,
            "Bearer ",
            "Bearer prvt_",
            "Bearer sk-1",
            "x",
        ] {
            let reply = ask.clone().header("authorization", value).send().await;
            assert_refused(&reply, path, 401, kind);
            assert!(!reply.text().contains(value.trim_start_matches("Bearer ").trim()) || value.len() < 13);
        }
    }
    let models_for_anthropic = gateway
        .ask("GET", MODELS)
        .header("anthropic-version", "2023-06-01");
    assert_refused(
        &models_for_anthropic.send().await,
        MESSAGES,
        401,
        "authentication_error",
    );
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn a_revoked_key_is_403_within_a_second() {
    let gateway = TestGateway::builder().start().await;
    let bob = gateway.new_key("bob", None).await;
    let asks = asks(&gateway).map(|(path, ask)| (path, ask.header("x-api-key", bob.key.expose())));
    for (_, ask) in &asks {
        assert_eq!(ask.clone().send().await.status, 200);
    }
    gateway.revoke(&bob).await;
    let revoked_at = Instant::now();
    while asks[0].1.clone().send().await.status != 403 {
        assert!(revoked_at.elapsed() < Duration::from_secs(1), "still let in");
        tokio::task::yield_now().await;
    }
    let sent = gateway.seen().len();
    for (path, ask) in asks {
        let kind = if path == MESSAGES {
            "permission_error"
        } else {
            "key_not_valid_any_more"
        };
        assert_refused(&ask.send().await, path, 403, kind);
    }
    assert_eq!(gateway.seen().len(), sent, "nothing is sent for a revoked key");
}

#[tokio::test]
async fn a_key_is_403_from_the_moment_it_expires() {
    let gateway = TestGateway::builder().start().await;
    let minute = Duration::from_secs(60);
    let bob = gateway.new_key("bob", Some(minute)).await;
    let asks = asks(&gateway).map(|(path, ask)| (path, ask.header("x-api-key", bob.key.expose())));
    gateway.clock().advance(minute - Duration::from_millis(1));
    for (_, ask) in &asks {
        assert_eq!(ask.clone().send().await.status, 200);
    }
    gateway.clock().advance(Duration::from_millis(1));
    for (path, ask) in asks {
        let kind = if path == MESSAGES {
            "permission_error"
        } else {
            "key_not_valid_any_more"
        };
        assert_refused(&ask.send().await, path, 403, kind);
    }
}

#[tokio::test]
async fn a_key_made_while_the_gateway_runs_works_at_once() {
    let gateway = TestGateway::builder().start().await;
    let bob = gateway.new_key("bob", None).await;
    let ask = gateway
        .post(CHAT, chat("demo-echo", "hello"))
        .without("authorization");
    assert_eq!(ask.header("api-key", bob.key.expose()).send().await.status, 200);
}

#[tokio::test]
pub(crate) async fn identity_and_route_come_from_the_key_and_the_path_alone() {
    let gateway = TestGateway::builder().start().await;
    let body = chat("demo-echo", &format!("I am {EMAIL}"));
    gateway.post(CHAT, body.clone()).send().await;
    for (name, value) in [
        ("x-forwarded-host", "bob.example.com"),
        ("x-forwarded-user", "bob"),
        ("x-privet-principal", "bob"),
        ("x-original-url", "/healthz"),
        ("x-rewrite-url", "/healthz"),
        ("x-http-method-override", "GET"),
    ] {
        let ask = gateway.post(CHAT, body.clone()).without("host");
        let ask = ask.header("host", "bob.example.com").header(name, value);
        assert_eq!(ask.clone().send().await.status, 200, "{name}");
        let keyless = ask.without("authorization").send().await;
        assert_refused(&keyless, CHAT, 401, "invalid_api_key");
    }
    let seen = gateway.seen();
    assert_eq!(seen.len(), 7);
    assert!(
        seen.iter()
            .all(|one| one.path == CHAT && one.body == seen[0].body),
        "{seen:?}"
    );
}
