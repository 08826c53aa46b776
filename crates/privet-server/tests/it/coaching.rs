//! What people are told who were refused.

use privet_testkit::{Reply, TestGateway};
use privet_types::{KeyScope, KeyScopes};
use serde_json::Value;

use crate::support::{CARD, CHAT, EMAIL, MESSAGES, chat, messages};

const POLICY: &str = r#"
[pii.entities]
CREDIT_CARD = "block"
IBAN_CODE = "block"
[coaching]
link = "https://intranet.example.com/ai"
[[coaching.rules]]
codes = ["entity_blocked"]
entities = ["IBAN_CODE"]
message = { en = "Use the accounting tool for accounts.", de = "Konten gehören in die Buchhaltung." }
link = "https://intranet.example.com/accounts"
"#;

async fn refused(gateway: &TestGateway, path: &str, body: String, language: Option<&str>) -> Reply {
    let ask = gateway.post(path, body).header("anthropic-version", "2023-06-01");
    let ask = match language {
        Some(language) => ask.header("accept-language", language),
        None => ask,
    };
    let reply = ask.send().await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert!(
        !reply.text().contains("4111") && !reply.text().contains("DE89"),
        "{}",
        reply.text()
    );
    reply
}

fn advice(reply: &Reply) -> Value {
    reply.json()["error"]["advice"].clone()
}

#[tokio::test]
async fn a_refusal_says_in_the_readers_language_what_was_found_and_what_to_do() {
    let gateway = TestGateway::builder().policy(POLICY).start().await;
    let text = format!("pay with {CARD}");
    for (path, body) in [
        (CHAT, chat("demo-echo", &text)),
        (MESSAGES, messages("claude-demo", &text)),
    ] {
        for (language, tag, words) in [
            (None, "en", "a card number"),
            (Some("de-AT,de;q=0.9"), "de", "eine Kartennummer"),
            (Some("fr"), "fr", "un numéro de carte"),
            (Some("ja"), "en", "a card number"),
        ] {
            let reply = refused(&gateway, path, body.clone(), language).await;
            let advice = advice(&reply);
            assert_eq!(advice["code"], "entity_blocked", "{advice}");
            assert_eq!(advice["kinds"], serde_json::json!(["CREDIT_CARD"]));
            assert_eq!(advice["language"], tag);
            assert_eq!(advice["link"], "https://intranet.example.com/ai");
            let message = reply.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(
                message.starts_with("privet: ") && message.contains(words),
                "{message}"
            );
            assert_eq!(reply.header("content-language"), Some(tag));
        }
    }
}

#[tokio::test]
async fn the_policys_own_words_come_first() {
    let gateway = TestGateway::builder().policy(POLICY).start().await;
    let body = chat("demo-echo", &format!("pay to {}", crate::support::IBAN));
    for (language, words) in [
        ("de", "Konten gehören in die Buchhaltung."),
        ("fr", "Use the accounting tool for accounts."),
    ] {
        let reply = refused(&gateway, CHAT, body.clone(), Some(language)).await;
        assert!(
            reply.json()["error"]["message"].as_str().unwrap().contains(words),
            "{}",
            reply.text()
        );
        assert_eq!(advice(&reply)["link"], "https://intranet.example.com/accounts");
    }
}

#[tokio::test]
async fn what_is_not_about_the_text_has_no_advice() {
    let gateway = TestGateway::builder().policy(POLICY).start().await;
    let reply = gateway
        .post(CHAT, "{")
        .header("accept-language", "de")
        .send()
        .await;
    assert_eq!(reply.status, 400);
    assert_eq!(advice(&reply), Value::Null, "{}", reply.text());
}

#[tokio::test]
async fn the_privacy_officer_sees_by_pseudonym_how_often_people_were_told_what() {
    let policy = POLICY.replace("[coaching]\n", "[coaching]\nhint = [\"EMAIL_ADDRESS\"]\n");
    let gateway = TestGateway::builder().policy(&policy).start().await;
    let card = chat("demo-echo", &format!("pay with {CARD}"));
    for _ in 0..2 {
        refused(&gateway, CHAT, card.clone(), None).await;
    }
    let mail = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_eq!(
        (mail.status, mail.header("x-privet-coach")),
        (200, Some("masked"))
    );
    let plain = gateway.post(CHAT, chat("demo-echo", "hello")).send().await;
    assert_eq!((plain.status, plain.header("x-privet-coach")), (200, None));
    let malformed = gateway.post(CHAT, "{").send().await;
    assert_eq!(malformed.status, 400);
    let show = async |tenant: &str| {
        let key = gateway
            .key_for(tenant, "officer", KeyScopes::of(&[KeyScope::WatchRead]))
            .await;
        let ask = gateway.ask("GET", "/api/v1/coaching").header("x-api-key", &key);
        let reply = ask.send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(
            !reply.text().contains("ann") && !reply.text().contains("4111"),
            "{}",
            reply.text()
        );
        reply.json()["principals"].as_array().unwrap().clone()
    };
    let shown = show("default").await;
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!(
        shown[0]["counts"],
        serde_json::json!([
            { "code": "entity_blocked", "kind": "CREDIT_CARD", "count": 2 },
            { "code": "masked", "kind": "EMAIL_ADDRESS", "count": 1 },
        ])
    );
    assert!(show("acme").await.is_empty(), "of another tenant");
    let own = gateway
        .ask("GET", "/api/v1/coaching")
        .header("x-api-key", gateway.key());
    assert_eq!(own.send().await.status, 403);
}
