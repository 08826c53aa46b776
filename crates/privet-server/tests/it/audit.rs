//! One event for each decision, and never a word of what was said.

use std::collections::BTreeMap;
use std::path::Path;

use privet_testkit::TestGateway;
use privet_testkit::demo::script::scripted_conversation;
use privet_types::{Action, Entity, SurfaceKind};

use crate::support::{CARD, CHAT, EMAIL, IBAN, MESSAGES, MODELS, chat, chat_stream, messages};

/// Every file under `folder`, as bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn assert_none_of(folder: &Path, secrets: &[&str]) {
    let files = files(folder);
    assert!(
        files.iter().any(|(name, _)| name.ends_with("privet.sqlite")),
        "{files:?}"
    );
    for (name, bytes) in files {
        for secret in secrets {
            let digits: String = secret.chars().filter(|c| !c.is_whitespace()).collect();
            for form in [*secret, digits.as_str()] {
                let is_there = bytes.windows(form.len()).any(|window| window == form.as_bytes());
                assert!(!is_there, "{name} holds `{form}`");
            }
        }
    }
}

#[tokio::test]
async fn every_decision_is_one_event_with_all_that_can_be_said_without_the_text() {
    let policy = "[pii.entities]\nIBAN_CODE = \"block\"\nIP_ADDRESS = \"allow\"";
    let gateway = TestGateway::builder().policy(policy).start().await;
    let bob = gateway.new_key("bob", None).await;
    let text = format!("{EMAIL}, {EMAIL} and {CARD} from 198.51.100.23");
    let masked = gateway.post(CHAT, chat("demo", &text)).send().await;
    let clean = gateway
        .post(MESSAGES, messages("claude-demo", "hello"))
        .send()
        .await;
    let blocked = gateway.post(CHAT, chat("demo", IBAN)).send().await;
    let bobs = gateway
        .post(CHAT, chat_stream("demo", &text))
        .without("authorization");
    let bobs = bobs.header("x-api-key", bob.key.expose()).send().await;
    let nowhere = gateway.post(CHAT, chat("nobody-has-this", &text)).send().await;
    let unreadable = gateway
        .post(CHAT, format!("{{\"model\":\"demo\",\"x\":\"{EMAIL}"))
        .send()
        .await;
    let wrong = gateway.post(CHAT, chat("claude-demo", &text)).send().await;
    // No decision about a prompt: nobody asked, or nothing was asked.
    gateway.ask("POST", CHAT).body(chat("demo", &text)).send().await;
    gateway
        .ask("GET", MODELS)
        .header("x-api-key", bob.key.expose())
        .send()
        .await;
    gateway.ask("GET", "/healthz").send().await;
    let key = gateway.key().to_owned();
    let stopped = gateway.stop().await;

    let events: Vec<_> = stopped
        .home
        .audit()
        .await
        .into_iter()
        .map(|row| row.event)
        .collect();
    let replies = [&masked, &clean, &blocked, &bobs, &nowhere, &unreadable, &wrong];
    let ids: Vec<&str> = replies
        .iter()
        .map(|r| r.header("x-privet-request-id").unwrap())
        .collect();
    assert_eq!(
        events.iter().map(|e| e.request_id.as_str()).collect::<Vec<_>>(),
        ids
    );

    let reasons: Vec<_> = events
        .iter()
        .map(|e| (e.decision.action, e.decision.reason.as_str()))
        .collect();
    let expected = [
        (Action::Redact, "masked"),
        (Action::Allow, "clean"),
        (Action::Block, "entity_blocked"),
        (Action::Redact, "masked"),
        (Action::Block, "model_not_found"),
        (Action::Block, "bad_body"),
        (Action::Block, "wrong_dialect"),
    ];
    assert_eq!(reasons, expected);
    // What the policy allows is not replaced, and so not counted.
    let counts = [(Entity::EMAIL_ADDRESS, 2), (Entity::CREDIT_CARD, 1)];
    assert_eq!(events[0].decision.counts, BTreeMap::from(counts));
    assert_eq!(events[0].model.as_deref(), Some("demo"));
    assert_eq!(events[0].provider.as_deref(), Some("openai"));
    assert_eq!(events[1].provider.as_deref(), Some("anthropic"));
    assert_eq!(events[1].surface, SurfaceKind::AnthropicMessages);
    assert_eq!(events[4].model, None, "what matches no route may be anything");
    for event in &events {
        let pseudonym = event.principal.as_ref().unwrap();
        assert_eq!(
            pseudonym == events[0].principal.as_ref().unwrap(),
            event.request_id != ids[3]
        );
        assert!(
            pseudonym.0.len() == 32 && !pseudonym.0.contains("ann"),
            "{pseudonym:?}"
        );
        assert_eq!(
            event.sent_hash.is_some(),
            event.decision.action != Action::Block,
            "{event:?}"
        );
        assert_eq!(event.policy, events[0].policy);
    }
    assert_ne!(events[0].request_hash, events[0].sent_hash);
    assert_ne!(events[0].request_hash, events[1].request_hash);

    assert_none_of(
        stopped.home.path(),
        &[EMAIL, CARD, IBAN, &key, bob.key.expose(), "nobody-has-this"],
    );
}

#[tokio::test]
async fn no_file_holds_anything_private_while_the_gateway_runs_or_after() {
    let gateway = TestGateway::builder().start().await;
    let script = scripted_conversation();
    for is_stream in [false, true] {
        let surface = SurfaceKind::AnthropicMessages;
        script
            .run(&gateway.client(), surface, "claude-demo", is_stream)
            .await
            .unwrap();
    }
    let key = gateway.key().to_owned();
    let mut secrets: Vec<&str> = script
        .private
        .iter()
        .map(|private| private.value.as_str())
        .collect();
    secrets.push(&key);
    assert_none_of(gateway.path(), &secrets);
    let stopped = gateway.stop().await;
    assert_eq!(stopped.home.audit().await.len(), 8);
    assert_none_of(stopped.home.path(), &secrets);
}

#[tokio::test]
async fn many_callers_at_once_leave_exactly_their_events() {
    let gateway = TestGateway::builder().start().await;
    let mut asks = tokio::task::JoinSet::new();
    for n in 0..60 {
        asks.spawn(
            gateway
                .post(CHAT, chat("demo-echo", &format!("I am person{n}@example.com")))
                .send(),
        );
    }
    let replies = asks.join_all().await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    let rows = gateway.stop().await.home.audit().await;
    assert_eq!(rows.len(), 60);
    let mut numbers: Vec<u64> = rows.iter().map(|row| row.seq).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=60).collect::<Vec<u64>>());
}

#[tokio::test]
async fn events_of_a_crashed_gateway_reach_the_store_at_the_next_start() {
    let gateway = TestGateway::builder().without_flusher().start().await;
    for n in 0..5 {
        gateway
            .post(CHAT, chat("demo-echo", &format!("hello {n}")))
            .send()
            .await;
    }
    assert_eq!(gateway.waiting_events(), 5);
    let home = gateway.crash().await;
    assert_eq!(home.audit().await.len(), 0);
    let again = TestGateway::builder().home(home).start().await;
    assert_eq!(again.stop().await.home.audit().await.len(), 5);
}
