use std::time::{Duration, Instant};

use privet_testkit::{Reply, TestGateway};
use privet_types::KeyScopes;
use serde_json::{Value, json};

use super::{House, houses, pairs};
use crate::support::{CHAT, MESSAGES, assert_refused, chat, messages};

/// A subject of the gateway's own tenant that consents to `help` with the provider `openai`; its token, and the officer's
/// key.
pub(super) async fn consenting(gateway: &TestGateway) -> (String, String) {
    let key = gateway.key_for("default", "officer", KeyScopes::all()).await;
    let put = async |path: &str, body: Value| {
        let reply = gateway.ask_vault(&key, "PUT", path, Some(&body)).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    };
    for provider in ["openai", "anthropic"] {
        let recipient = json!({"name": provider, "role": "processor", "country": "DE"});
        put(&format!("/recipients/{provider}"), recipient).await;
    }
    let purpose = json!({"name": "help", "basis": "consent", "recipients": ["openai", "anthropic"]});
    put("/purposes/help", purpose).await;
    let body = json!({"record": {"login": "ada"}});
    let made = gateway
        .ask_vault(&key, "POST", "/subjects", Some(&body))
        .send()
        .await;
    let token = made.json()["token"].as_str().unwrap().to_owned();
    say(gateway, &key, &token, "given").await;
    (token, key)
}

async fn say(gateway: &TestGateway, key: &str, token: &str, kind: &str) {
    let body = json!({"kind": kind, "purposes": ["help"]});
    let path = format!("/subjects/{token}/consents");
    let said = gateway.ask_vault(key, "POST", &path, Some(&body)).send().await;
    assert_eq!(said.status, 201, "{}", said.text());
}

async fn prompt(gateway: &TestGateway, token: &str) -> Reply {
    let ask = gateway.post(CHAT, chat("demo", "hello"));
    let ask = ask
        .header("x-privet-subject", token)
        .header("x-privet-purpose", "help");
    ask.send().await
}

#[tokio::test]
async fn a_prompt_about_a_person_is_sent_only_while_consent_is_in_force() {
    for house in houses().await {
        let gateway = &house.gateway;
        let (token, key) = consenting(gateway).await;
        assert_eq!(prompt(gateway, &token).await.status, 200);
        let sent = gateway.seen().len();
        assert!(!gateway.seen_text().contains("x-privet") && !gateway.seen_text().contains(&token));
        gateway.clock().advance(Duration::from_millis(5));
        say(gateway, &key, &token, "withdrawn").await;
        assert_refused(&prompt(gateway, &token).await, CHAT, 403, "consent_withdrawn");
        let ask = gateway.post(MESSAGES, messages("claude-demo", "hello"));
        let ask = ask
            .header("x-privet-subject", &token)
            .header("x-privet-purpose", "help");
        assert_refused(&ask.send().await, MESSAGES, 403, "permission_error");
        let nobody = "6f1c1e9e-3a53-4c39-9d2f-0b0a4d0c9a11";
        assert_refused(&prompt(gateway, nobody).await, CHAT, 403, "consent_missing");
        assert_eq!(gateway.seen().len(), sent, "nothing was sent");
        house.end().await;
    }
}

#[tokio::test]
async fn a_prompt_that_names_half_is_refused_and_so_is_one_that_names_none_where_the_policy_asks() {
    let policy = "[consent]\nrequired = true";
    let gateway = TestGateway::builder().vault("").policy(policy).start().await;
    let without = gateway.post(CHAT, chat("demo", "hello")).send().await;
    assert_refused(&without, CHAT, 403, "subject_missing");
    let token = "6f1c1e9e-3a53-4c39-9d2f-0b0a4d0c9a11";
    let half = gateway
        .post(CHAT, chat("demo", "hello"))
        .header("x-privet-subject", token);
    assert_refused(&half.send().await, CHAT, 403, "purpose_missing");
    let name = gateway.post(CHAT, chat("demo", "hello"));
    let name = name
        .header("x-privet-subject", "ada")
        .header("x-privet-purpose", "help");
    assert_refused(&name.send().await, CHAT, 400, "bad_subject_header");
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn without_a_vault_a_prompt_about_a_person_is_refused() {
    let gateway = TestGateway::builder().start().await;
    let reply = prompt(&gateway, "6f1c1e9e-3a53-4c39-9d2f-0b0a4d0c9a11").await;
    assert_refused(&reply, CHAT, 403, "no_vault");
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn a_decision_names_the_person_by_pseudonym_and_the_purpose() {
    let gateway = TestGateway::builder().vault("").start().await;
    let (token, key) = consenting(&gateway).await;
    prompt(&gateway, &token).await;
    gateway.clock().advance(Duration::from_millis(5));
    say(&gateway, &key, &token, "withdrawn").await;
    prompt(&gateway, &token).await;
    let events: Vec<_> = gateway.stop().await.home.audit().await;
    let [sent, refused] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(sent.event.purpose.as_deref(), Some("help"));
    let subject = sent.event.subject.as_ref().unwrap();
    assert_eq!((subject.0.len(), subject.0.contains(&token)), (32, false));
    assert_eq!(refused.event.subject, sent.event.subject);
    assert_eq!(refused.event.decision.reason, "consent_withdrawn");
}

#[tokio::test]
async fn a_withdrawal_bites_on_every_node_within_a_second() {
    for (house, other) in pairs().await {
        let House { gateway, .. } = &house;
        let (token, key) = consenting(gateway).await;
        let known = Instant::now();
        while prompt(&other, &token).await.status != 200 {
            assert!(
                known.elapsed() < Duration::from_secs(10),
                "the other node knows consent"
            );
        }
        gateway.clock().advance(Duration::from_millis(5));
        other.clock().advance(Duration::from_millis(5));
        say(gateway, &key, &token, "withdrawn").await;
        let withdrawn = Instant::now();
        loop {
            let asked = withdrawn.elapsed();
            let reply = prompt(&other, &token).await;
            if reply.status == 403 {
                assert_refused(&reply, CHAT, 403, "consent_withdrawn");
                break;
            }
            assert!(
                asked < Duration::from_secs(1),
                "sent {asked:?} after the withdrawal"
            );
        }
        other.stop().await;
        house.end().await;
    }
}
