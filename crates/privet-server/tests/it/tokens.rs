//! Short-lived tokens over sockets: who gets one, where it is good, and what ends it.

use std::time::Duration;

use privet_store::{Scope, values};
use privet_testkit::{Ask, PATIENCE, Reply, TestGateway};
use privet_types::{KeyScope, KeyScopes, PrincipalKind};
use serde_json::{Value, json};

use crate::support::{CHAT, MESSAGES, MODELS, assert_refused, chat, messages};

const TOKENS: &str = "/api/v1/tokens";

fn ask(gateway: &TestGateway, key: &str, order: &Value) -> Ask {
    gateway
        .ask("POST", TOKENS)
        .header("content-type", "application/json")
        .header("authorization", &format!("Bearer {key}"))
        .body(order.to_string())
}

async fn made(gateway: &TestGateway, key: &str, order: &Value) -> Value {
    let reply = ask(gateway, key, order).send().await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.json()
}

fn gateway_token() -> Value {
    json!({ "scopes": ["gateway"] })
}

fn token_of(made: &Value) -> &str {
    made["token"].as_str().unwrap()
}

async fn by(gateway: &TestGateway, token: &str, method: &str, path: &str) -> Reply {
    let ask = gateway.ask(method, path);
    ask.header("authorization", &format!("Bearer {token}"))
        .send()
        .await
}

async fn prompt(gateway: &TestGateway, token: &str) -> Reply {
    let ask = gateway
        .ask("POST", CHAT)
        .header("content-type", "application/json")
        .header("authorization", &format!("Bearer {token}"));
    ask.body(chat("demo-echo", "hello")).send().await
}

#[tokio::test]
async fn a_token_is_accepted_in_every_usual_header_and_the_log_says_which_it_was() {
    let gateway = TestGateway::builder().start().await;
    let made = made(&gateway, gateway.key(), &gateway_token()).await;
    let token = token_of(&made);
    assert_eq!(
        (&made["expires_in"], &made["token_type"]),
        (&json!(900), &json!("Bearer"))
    );
    for (name, value) in [
        ("authorization", format!("Bearer {token}")),
        ("x-api-key", token.to_owned()),
        ("api-key", token.to_owned()),
    ] {
        let ask = gateway.ask("GET", MODELS).header(name, &value);
        let reply = ask.header("anthropic-version", "2023-06-01").send().await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
    }
    let reply = prompt(&gateway, token).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let key = gateway.key().to_owned();
    assert_eq!(prompt(&gateway, &key).await.status, 200);
    let (token, id) = (token.to_owned(), made["id"].as_str().unwrap().to_owned());
    let home = gateway.stop().await.home;
    let events = home.audit().await;
    let [by_token, by_key] = events.as_slice() else {
        panic!("two prompts, {} events", events.len());
    };
    let (by_token, by_key) = (&by_token.event, &by_key.event);
    assert_eq!(by_token.way.as_deref(), Some("token"));
    assert_eq!(by_token.token.as_ref().map(String::len), Some(32));
    assert_eq!(by_token.principal, by_key.principal);
    assert_eq!((&by_key.way, &by_key.token), (&None, &None));
    let whole = format!("{events:?}");
    assert!(!whole.contains(&id) && !whole.contains(&token));
}

#[tokio::test]
async fn a_making_and_a_taking_back_are_leaves_of_the_log_without_the_tokens_id() {
    let gateway = TestGateway::builder().start().await;
    let made = made(&gateway, gateway.key(), &gateway_token()).await;
    let id = made["id"].as_str().unwrap();
    let key = gateway.key();
    assert_eq!(
        by(&gateway, key, "DELETE", &format!("{TOKENS}/{id}"))
            .await
            .status,
        204
    );
    assert_eq!(by(&gateway, key, "DELETE", TOKENS).await.status, 204);
    let leaves = async || {
        let database = gateway.store().database();
        let read =
            database.read::<Vec<(String, String)>, privet_store::Error, _>(&Scope::Installation, |tx| {
                Box::pin(async move {
                    let sql = "SELECT kind, payload FROM audit_events WHERE kind LIKE 'token%' ORDER BY kind";
                    tx.rows(sql, values![]).await
                })
            });
        read.await.unwrap()
    };
    let deadline = std::time::Instant::now() + PATIENCE;
    while leaves().await.len() < 3 && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let leaves = leaves().await;
    let kinds: Vec<&str> = leaves.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["token_made", "token_revoked", "tokens_revoked"]);
    let told = |at: usize| serde_json::from_str::<Value>(&leaves[at].1).unwrap();
    assert_eq!(
        told(0)["token"],
        told(1)["token"],
        "by which the two are led together"
    );
    assert_eq!(
        (told(0)["way"].as_str(), told(0)["scopes"].as_str()),
        (Some("key"), Some("gateway"))
    );
    let whole = format!("{leaves:?}");
    assert!(!whole.contains(id) && !whole.contains("\"ann\""), "{whole}");
}

#[tokio::test]
async fn a_token_is_good_for_its_scopes_models_and_addresses_alone_in_each_surfaces_shape() {
    let gateway = TestGateway::builder().vault("").start().await;
    let both = KeyScopes::of(&[KeyScope::Gateway, KeyScope::VaultRead]);
    let key = gateway.key_for("default", "crm", both).await;
    let made_for = async |order: Value| token_of(&made(&gateway, &key, &order).await).to_owned();
    let vault_alone = made_for(json!({ "scopes": ["vault.read"] })).await;
    assert_refused(
        &prompt(&gateway, &vault_alone).await,
        CHAT,
        403,
        "key_out_of_scope",
    );
    let gateway_alone = made_for(gateway_token()).await;
    let subject = "/subjects/5f0c8f2e-1a2b-4c3d-8e4f-0123456789ab";
    let there = |token: &str| gateway.ask_vault(token, "GET", subject, None).send();
    assert_eq!(there(&gateway_alone).await.status, 403);
    assert_eq!(there(&vault_alone).await.status, 404);
    let far = made_for(json!({ "scopes": ["vault.read"], "addresses": ["/api/v1/vault"] })).await;
    assert_eq!(there(&far).await.status, 404);
    let elsewhere = made_for(json!({ "scopes": ["vault.read"], "addresses": ["/v1"] })).await;
    assert_eq!(there(&elsewhere).await.status, 403);

    let one = made_for(json!({ "scopes": ["gateway"], "models": ["demo-echo"] })).await;
    assert_eq!(prompt(&gateway, &one).await.status, 200);
    for (path, body) in [
        (CHAT, chat("demo", "hello")),
        (MESSAGES, messages("claude-demo", "hello")),
    ] {
        let ask = gateway
            .ask("POST", path)
            .header("content-type", "application/json")
            .header("anthropic-version", "2023-06-01")
            .header("x-api-key", &one);
        assert_refused(&ask.body(body).send().await, path, 403, "not_permitted");
    }
    let messages_alone = made_for(json!({ "scopes": ["gateway"], "addresses": [MESSAGES] })).await;
    assert_refused(
        &prompt(&gateway, &messages_alone).await,
        CHAT,
        403,
        "token_out_of_scope",
    );
    let ask = gateway.ask("POST", MESSAGES).header("x-api-key", &messages_alone);
    let ask = ask
        .header("content-type", "application/json")
        .header("anthropic-version", "2023-06-01");
    let reply = ask.body(messages("claude-demo-echo", "hello")).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(gateway.seen().len(), 2, "nothing else was sent");
}

#[tokio::test]
async fn who_asks_for_more_or_for_nonsense_gets_nothing() {
    let gateway = TestGateway::builder().start().await;
    let key = gateway.key();
    for (order, status, code) in [
        (
            json!({ "scopes": ["gateway", "vault.read"] }),
            403,
            "token_too_wide",
        ),
        (json!({ "scopes": [] }), 400, "bad_token_order"),
        (json!({ "scopes": ["all"] }), 400, "bad_request"),
        (json!({}), 400, "bad_request"),
        (
            json!({ "scopes": ["gateway"], "expires_in": 901 }),
            400,
            "bad_token_order",
        ),
        (
            json!({ "scopes": ["gateway"], "expires_in": 0 }),
            400,
            "bad_token_order",
        ),
        (
            json!({ "scopes": ["gateway"], "models": [""] }),
            400,
            "bad_token_order",
        ),
        (
            json!({ "scopes": ["gateway"], "audience": "x" }),
            400,
            "bad_request",
        ),
    ] {
        let reply = ask(&gateway, key, &order).send().await;
        assert_eq!(
            (reply.status, reply.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{order}: {}",
            reply.text()
        );
    }
    let made = made(&gateway, key, &json!({ "scopes": ["gateway"], "expires_in": 60 })).await;
    let (token, id) = (token_of(&made), made["id"].as_str().unwrap());
    assert_eq!(made["expires_in"], 60);
    let again = ask(&gateway, token, &gateway_token()).send().await;
    assert_eq!(again.json()["error"]["code"], "not_by_token", "{}", again.text());
    assert_eq!(
        by(&gateway, token, "DELETE", TOKENS).await.status,
        403,
        "not all of its owner's"
    );
    let other = format!("{TOKENS}/{}", "0".repeat(26));
    assert_eq!(
        by(&gateway, token, "DELETE", &other).await.status,
        403,
        "no other one"
    );
    assert_eq!(
        by(&gateway, key, "DELETE", &format!("{TOKENS}/x")).await.status,
        404
    );
    let nobody = gateway.ask("POST", TOKENS).body("{}").send().await;
    assert_eq!(nobody.status, 401);
    // Itself it may.
    assert_eq!(
        by(&gateway, token, "DELETE", &format!("{TOKENS}/{id}"))
            .await
            .status,
        204
    );
    assert_refused(
        &prompt(&gateway, token).await,
        CHAT,
        401,
        "token_not_valid_any_more",
    );
}

#[tokio::test]
async fn what_is_taken_back_counts_before_the_answer_is_out_and_a_token_ends_by_itself() {
    let gateway = TestGateway::builder().start().await;
    let key = gateway.key();
    let first = made(&gateway, key, &gateway_token()).await;
    let second = made(&gateway, key, &gateway_token()).await;
    assert_eq!(prompt(&gateway, token_of(&first)).await.status, 200);
    let id = first["id"].as_str().unwrap();
    assert_eq!(
        by(&gateway, key, "DELETE", &format!("{TOKENS}/{id}"))
            .await
            .status,
        204
    );
    assert_refused(
        &prompt(&gateway, token_of(&first)).await,
        CHAT,
        401,
        "token_not_valid_any_more",
    );
    assert_eq!(prompt(&gateway, token_of(&second)).await.status, 200);
    assert_eq!(by(&gateway, key, "DELETE", TOKENS).await.status, 204);
    assert_refused(
        &prompt(&gateway, token_of(&second)).await,
        CHAT,
        401,
        "token_not_valid_any_more",
    );
    let third = made(&gateway, key, &gateway_token()).await;
    assert_eq!(prompt(&gateway, token_of(&third)).await.status, 200);
    gateway.clock().advance(Duration::from_secs(900));
    assert_refused(
        &prompt(&gateway, token_of(&third)).await,
        CHAT,
        401,
        "token_not_valid_any_more",
    );
}

#[tokio::test]
async fn a_policy_can_keep_tokens_from_being_made_and_a_minute_has_an_end() {
    let gateway = TestGateway::builder()
        .cedar(
            r#"forbid (principal == Privet::ServiceAccount::"default/crm", action == Privet::Action::"token.make", resource);"#,
        )
        .start()
        .await;
    let crm = gateway.key_for("default", "crm", KeyScopes::default()).await;
    let reply = ask(&gateway, &crm, &gateway_token()).send().await;
    assert_eq!(reply.json()["error"]["code"], "not_permitted", "{}", reply.text());
    let mut last = None;
    for _ in 0..=120 {
        last = Some(ask(&gateway, gateway.key(), &gateway_token()).send().await);
    }
    let last = last.unwrap();
    assert_eq!(
        (last.status, last.json()["error"]["code"].as_str()),
        (429, Some("too_many_tokens"))
    );
    let other = gateway.key_for("default", "other", KeyScopes::default()).await;
    made(&gateway, &other, &gateway_token()).await;
}

#[tokio::test]
async fn limits_of_a_key_and_its_tokens_are_one() {
    let policy = "[[limits]]\nname = \"few\"\neach = [\"key\"]\nwindow = \"day\"\nrequests = 2\n";
    let gateway = TestGateway::builder().policy(policy).start().await;
    let made = made(&gateway, gateway.key(), &gateway_token()).await;
    let key = gateway.key().to_owned();
    assert_eq!(prompt(&gateway, token_of(&made)).await.status, 200);
    assert_eq!(prompt(&gateway, &key).await.status, 200);
    for who in [token_of(&made), &key] {
        assert_refused(&prompt(&gateway, who).await, CHAT, 429, "limit_exceeded");
    }
}

#[tokio::test]
async fn a_held_or_switched_off_owner_makes_no_tokens() {
    let gateway = TestGateway::builder().start().await;
    let people = gateway.people("default");
    let ben = "ben".parse().unwrap();
    people.create(&ben, PrincipalKind::User).await.unwrap();
    let key = gateway.key_for("default", "ben", KeyScopes::default()).await;
    made(&gateway, &key, &gateway_token()).await;
    people.switch(&ben, PrincipalKind::User, false).await.unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    let mut reply = ask(&gateway, &key, &gateway_token()).send().await;
    while reply.status == 201 && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
        reply = ask(&gateway, &key, &gateway_token()).send().await;
    }
    assert_eq!(
        reply.json()["error"]["code"],
        "key_not_valid_any_more",
        "{}",
        reply.text()
    );
}
