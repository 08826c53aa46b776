//! What people are told who were refused.

use privet_testkit::{Reply, TestGateway};
use serde_json::Value;

use crate::support::{CARD, CHAT, MESSAGES, chat, messages};

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
