use std::time::{Duration, Instant};

use privet_testkit::{RawProvider, Reply, TestGateway, json_reply};
use privet_types::KeyScopes;
use serde_json::{Value, json};

use super::{House, houses, pairs};
use crate::support::{CHAT, MESSAGES, assert_refused, chat, messages};

/// A subject of the gateway's own tenant that consents to `help` with the provider `openai`; its token, and the officer's
/// key.
pub(super) async fn consenting(gateway: &TestGateway) -> (String, String) {
    consenting_in(gateway, "default", json!({})).await
}

/// As [`consenting`], in `tenant`; `more` is said of the purpose, too.
pub(super) async fn consenting_in(gateway: &TestGateway, tenant: &str, more: Value) -> (String, String) {
    let key = gateway.key_for(tenant, "officer", KeyScopes::all()).await;
    let put = async |path: &str, body: Value| {
        let reply = gateway.ask_vault(&key, "PUT", path, Some(&body)).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    };
    for provider in ["openai", "anthropic"] {
        let recipient = json!({"name": provider, "role": "processor", "country": "DE"});
        put(&format!("/recipients/{provider}"), recipient).await;
    }
    let mut purpose = json!({"name": "help", "basis": "consent", "recipients": ["openai", "anthropic"]});
    for (name, value) in more.as_object().unwrap() {
        purpose[name] = value.clone();
    }
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

pub(super) async fn say(gateway: &TestGateway, key: &str, token: &str, kind: &str) {
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
async fn prompts_about_persons_count_for_consent_compliance_and_refused_ones_do_not() {
    for house in houses().await {
        let gateway = &house.gateway;
        let (token, key) = consenting(gateway).await;
        gateway.clock().advance(Duration::from_secs(1));
        for _ in 0..3 {
            assert_eq!(prompt(gateway, &token).await.status, 200);
        }
        let about_nobody = gateway.post(CHAT, chat("demo", "hello")).send().await;
        assert_eq!(about_nobody.status, 200);
        gateway.clock().advance(Duration::from_secs(1));
        say(gateway, &key, &token, "withdrawn").await;
        gateway.clock().advance(Duration::from_secs(1));
        assert_refused(&prompt(gateway, &token).await, CHAT, 403, "consent_withdrawn");
        let begun = Instant::now();
        loop {
            let ask = gateway.ask_vault(&key, "GET", "/measurements?names=consent_compliance", None);
            let told = ask.send().await.json();
            let row = told["rows"]
                .as_array()
                .unwrap()
                .iter()
                .find(|row| row["metric"] == "consent_compliance")
                .unwrap()
                .clone();
            if row["sample_size"] == 3 {
                assert_eq!(row["value"], json!(1.0), "{row}");
                break;
            }
            assert!(begun.elapsed() < privet_testkit::PATIENCE, "{told}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        house.end().await;
    }
}

#[tokio::test]
async fn a_provider_that_the_person_did_not_allow_does_not_stand_in_for_one_that_they_did() {
    let answer = |status: &str| json_reply(status, "", r#"{"choices":[]}"#);
    let allowed = RawProvider::always(answer("503 Busy")).await;
    let other = RawProvider::always(answer("200 OK")).await;
    let providers = format!(
        "[[providers]]\nname = \"other\"\ndialect = \"openai\"\nbase_url = \"http://{}/v1\"\n",
        other.address()
    );
    let models =
        "[[models]]\nmatch = \"demo\"\nprovider = \"openai\"\nfallback = [{ provider = \"other\" }]\n";
    let builder = TestGateway::builder().vault("").in_front_of(allowed.address());
    let gateway = builder.providers(&providers).models(models).start().await;
    let (token, _) = consenting(&gateway).await;
    assert_eq!(prompt(&gateway, &token).await.status, 503);
    assert_eq!((allowed.requests().len(), other.requests().len()), (1, 0));
    let about_nobody = gateway.post(CHAT, chat("demo", "hello")).send().await;
    assert_eq!(about_nobody.status, 200);
    assert_eq!(other.requests().len(), 1);
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

/// `text` is asked with `key` about the person of `token`.
async fn prompt_with(gateway: &TestGateway, key: &str, token: &str, text: &str) -> Reply {
    let ask = gateway.post(CHAT, chat("demo", text)).without("authorization");
    ask.header("authorization", &format!("Bearer {key}"))
        .header("x-privet-subject", token)
        .header("x-privet-purpose", "help")
        .send()
        .await
}

#[tokio::test]
async fn consent_is_asked_of_the_tenant_of_the_key() {
    for house in houses().await {
        let gateway = &house.gateway;
        let (token, _) = consenting_in(gateway, "acme", json!({})).await;
        let app = gateway.key_for("acme", "app", KeyScopes::default()).await;
        let text = "write to ada.lovelace@example.com";
        assert_eq!(prompt_with(gateway, &app, &token, text).await.status, 200);
        let foreign = prompt_with(gateway, gateway.key(), &token, text).await;
        assert_refused(&foreign, CHAT, 403, "consent_missing");
        // Another tenant's caller of the same name: its surrogates and the hashes of its bodies are its own.
        let twin = gateway.key_for("globex", "app", KeyScopes::default()).await;
        for key in [&app, &twin] {
            let ask = gateway.post(CHAT, chat("demo", text)).without("authorization");
            let reply = ask.header("authorization", &format!("Bearer {key}")).send().await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        let seen = gateway.seen();
        let bodies: Vec<_> = seen.iter().rev().take(2).map(|one| one.body.clone()).collect();
        assert_ne!(bodies[0], bodies[1]);
        house.end().await;
    }
    let gateway = TestGateway::builder().vault("").start().await;
    for tenant in ["acme", "globex"] {
        let key = gateway.key_for(tenant, "app", KeyScopes::default()).await;
        let ask = gateway.post(CHAT, chat("demo", "hello")).without("authorization");
        let reply = ask.header("authorization", &format!("Bearer {key}")).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let events: Vec<_> = gateway.stop().await.home.audit().await;
    let tenants: Vec<_> = events.iter().map(|row| row.event.tenant.as_str()).collect();
    assert_eq!(tenants, ["acme", "globex"]);
    assert_ne!(events[0].event.principal, events[1].event.principal);
    assert_ne!(events[0].event.request_hash, events[1].event.request_hash);
}

#[tokio::test]
async fn consent_is_asked_for_the_categories_that_were_found() {
    const POLICY: &str = "[consent]\ntext = \"prompt\"\n[consent.categories]\n\
        contact = [\"EMAIL_ADDRESS\"]\npayment = [\"CREDIT_CARD\"]";
    let gateway = TestGateway::builder().vault("").policy(POLICY).start().await;
    let all = json!({"categories": ["prompt", "contact", "payment"]});
    let key = gateway.key_for("default", "officer", KeyScopes::all()).await;
    // Consent to all of the purpose; then contact is taken out of it.
    let (token, _) = consenting_in(&gateway, "default", all).await;
    let plain = "hello";
    let with_address = "write to ada.lovelace@example.com";
    let with_card = "charge 4111 1111 1111 1111";
    let with_other = "my IBAN is DE89 3704 0044 0532 0130 00";
    for text in [plain, with_address, with_card, with_other] {
        let reply = prompt_with(&gateway, gateway.key(), &token, text).await;
        assert_eq!(reply.status, 200, "{text}: {}", reply.text());
    }
    let sent = gateway.seen().len();
    gateway.clock().advance(Duration::from_millis(5));
    let body = json!({"kind": "withdrawn", "purposes": ["help"], "categories": ["contact"]});
    let path = format!("/subjects/{token}/consents");
    let said = gateway.ask_vault(&key, "POST", &path, Some(&body)).send().await;
    assert_eq!(said.status, 201, "{}", said.text());
    for text in [plain, with_card] {
        let reply = prompt_with(&gateway, gateway.key(), &token, text).await;
        assert_eq!(reply.status, 200, "{text}: {}", reply.text());
    }
    // A kind that is in no category asks for all of them.
    for text in [with_address, with_other] {
        let reply = prompt_with(&gateway, gateway.key(), &token, text).await;
        assert_refused(&reply, CHAT, 403, "consent_withdrawn");
    }
    assert_eq!(gateway.seen().len(), sent + 2, "nothing else was sent");
}

#[tokio::test]
async fn an_erasure_bites_on_every_node_within_a_second_and_before_the_key_is_gone() {
    for (house, other) in pairs().await {
        let House { gateway, .. } = &house;
        let (token, key) = consenting(gateway).await;
        let known = Instant::now();
        for node in [gateway, &other] {
            while prompt(node, &token).await.status != 200 {
                assert!(
                    known.elapsed() < Duration::from_secs(10),
                    "every node knows consent"
                );
            }
        }
        // No node has a connector of this name: the erasure stays begun, and the key is not shredded.
        let node = json!({"kind": "embeddings", "place": "rag", "node": "c1", "reach": "connector"});
        let path = format!("/subjects/{token}/lineage");
        let made = gateway.ask_vault(&key, "POST", &path, Some(&node)).send().await;
        assert_eq!(made.status, 201, "{}", made.text());
        let body = json!({"subject": {"by": "token", "value": token}, "reason": "request"});
        let begun = gateway
            .ask_vault(&key, "POST", "/erasures", Some(&body))
            .send()
            .await;
        assert_eq!(begun.json()["code"], "erasure_unfinished", "{}", begun.text());
        let erased = Instant::now();
        assert_refused(&prompt(gateway, &token).await, CHAT, 403, "consent_missing");
        loop {
            let asked = erased.elapsed();
            let reply = prompt(&other, &token).await;
            if reply.status == 403 {
                assert_refused(&reply, CHAT, 403, "consent_missing");
                break;
            }
            assert!(asked < Duration::from_secs(1), "sent {asked:?} after the erasure");
        }
        other.stop().await;
        house.end().await;
    }
}
