//! What a monitoring system reads.

use privet_testkit::{Ask, Reply, TestGateway};
use privet_types::{KeyScope, KeyScopes};

use crate::support::{CARD, CHAT, EMAIL, MESSAGES, chat, messages};

const LISTEN: &str = "listen = \"127.0.0.1:0\"";
const WITH_KEY: &str = "listen = \"127.0.0.1:0\"\nrequire_key = true";

async fn read(gateway: &TestGateway) -> String {
    let reply = Ask::new(gateway.metrics_address(), "GET", "/metrics")
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        reply.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    reply.text()
}

/// The value of the line that begins with `name`, labels and all.
fn value(text: &str, name: &str) -> f64 {
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = lines.next().unwrap_or_else(|| panic!("no {name} in {text}"));
    assert_eq!(lines.next(), None, "{name} twice in {text}");
    value.parse().unwrap()
}

#[tokio::test]
async fn prompts_decisions_findings_and_replies_are_counted() {
    let gateway = TestGateway::builder().metrics(LISTEN).start().await;
    let before = read(&gateway).await;
    assert_eq!(value(&before, "privet_ready"), 1.0);
    assert_eq!(value(&before, "privet_prompts_under_way"), 0.0);
    let none = "privet_provider_replies_total{provider=\"openai\",outcome=\"success\"}";
    assert_eq!(value(&before, none), 0.0, "known before the first one");
    let text = format!("{EMAIL} pays with {CARD}");
    for _ in 0..2 {
        let reply = gateway.post(CHAT, chat("demo-echo", &text)).send().await;
        assert_eq!(reply.status, 200);
    }
    let reply = gateway
        .post(MESSAGES, messages("claude-demo-echo", "hello"))
        .send()
        .await;
    assert_eq!(reply.status, 200);
    let reply = gateway.post(CHAT, chat("nobodys-model", "hello")).send().await;
    assert_eq!(reply.status, 404, "{}", reply.text());
    let strange = gateway
        .ask("POST", CHAT)
        .header("content-type", "application/json");
    assert_eq!(strange.body(chat("demo-echo", "hello")).send().await.status, 401);
    let after = read(&gateway).await;
    for (name, expected) in [
        (
            "privet_prompts_total{surface=\"openai_chat\",outcome=\"answered\"}",
            2.0,
        ),
        (
            "privet_prompts_total{surface=\"anthropic_messages\",outcome=\"answered\"}",
            1.0,
        ),
        (
            "privet_prompts_total{surface=\"openai_chat\",outcome=\"invalid_api_key\"}",
            1.0,
        ),
        (
            "privet_decisions_total{surface=\"openai_chat\",action=\"redact\"}",
            2.0,
        ),
        (
            "privet_decisions_total{surface=\"openai_chat\",action=\"block\"}",
            1.0,
        ),
        (
            "privet_decisions_total{surface=\"anthropic_messages\",action=\"allow\"}",
            1.0,
        ),
        ("privet_decision_time_seconds_count{surface=\"openai_chat\"}", 2.0),
        ("privet_findings_total{entity=\"EMAIL_ADDRESS\"}", 2.0),
        ("privet_findings_total{entity=\"CREDIT_CARD\"}", 2.0),
        (
            "privet_provider_replies_total{provider=\"openai\",outcome=\"success\"}",
            2.0,
        ),
        (
            "privet_provider_replies_total{provider=\"anthropic\",outcome=\"success\"}",
            1.0,
        ),
        (
            "privet_provider_first_byte_time_seconds_count{provider=\"openai\"}",
            2.0,
        ),
    ] {
        assert_eq!(value(&after, name), expected, "{name} in {after}");
    }
    assert!(value(&after, "privet_audit_spool_max_bytes") >= 1e6);
    assert!(after.ends_with("# EOF\n"), "{after}");
    // Nothing of a request is in them: no text, no name of who asked, no model.
    for secret in [
        EMAIL,
        "4111 1111",
        "\"ann\"",
        "demo-echo",
        "nobodys-model",
        gateway.key(),
    ] {
        let is_told = after
            .lines()
            .filter(|line| !line.starts_with('#'))
            .any(|line| line.contains(secret));
        assert!(!is_told, "{secret} in {after}");
    }
}

#[tokio::test]
async fn what_providers_do_not_answer_is_counted_as_such() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let gateway = TestGateway::builder()
        .metrics(LISTEN)
        .in_front_of(address)
        .start()
        .await;
    let reply = gateway.post(CHAT, chat("demo-echo", "hello")).send().await;
    assert_eq!(reply.status, 502, "{}", reply.text());
    let text = read(&gateway).await;
    let none = "privet_provider_replies_total{provider=\"openai\",outcome=\"none\"}";
    assert_eq!(value(&text, none), 1.0);
    let outcome = "privet_prompts_total{surface=\"openai_chat\",outcome=\"upstream_unreachable\"}";
    assert_eq!(value(&text, outcome), 1.0);
}

#[tokio::test]
async fn with_a_key_only_one_of_its_scope_reads() {
    let gateway = TestGateway::builder().metrics(WITH_KEY).start().await;
    let ask = |key: Option<&str>| {
        let ask = Ask::new(gateway.metrics_address(), "GET", "/metrics");
        match key {
            Some(key) => ask.header("authorization", &format!("Bearer {key}")),
            None => ask,
        }
    };
    let refused = |reply: Reply, status: u16| {
        assert_eq!(reply.status, status, "{}", reply.text());
        assert!(!reply.text().contains("privet_ready"), "{}", reply.text());
    };
    refused(ask(None).send().await, 401);
    refused(ask(Some(gateway.key())).send().await, 403);
    let monitor = gateway
        .key_for("default", "monitor", KeyScopes::of(&[KeyScope::Metrics]))
        .await;
    // Keys that were made elsewhere become known after a moment.
    let mut reply = ask(Some(&monitor)).send().await;
    for _ in 0..100 {
        if reply.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        reply = ask(Some(&monitor)).send().await;
    }
    assert_eq!(reply.status, 200, "{}", reply.text());
    let other = Ask::new(gateway.metrics_address(), "POST", CHAT).send().await;
    assert_eq!(other.status, 404, "nothing else answers there");
    let prompt = gateway
        .ask("POST", CHAT)
        .header("authorization", &format!("Bearer {monitor}"))
        .header("content-type", "application/json")
        .body(chat("demo-echo", "hello"))
        .send()
        .await;
    assert_eq!(prompt.status, 403, "and the key is good for nothing else");
}
