//! The same prompt is always masked the same way, by the same caller under the same keys.

use privet_testkit::TestGateway;
use serde_json::{Value, json};

use crate::support::{CARD, CHAT, EMAIL, IBAN, MESSAGES, chat, messages, tag};

const STYLES: [&str; 2] = ["[pii]\nstyle = \"tag\"", "[pii]\nstyle = \"realistic\""];

fn last(gateway: &TestGateway) -> Vec<u8> {
    gateway.seen().pop().unwrap().body.to_vec()
}

#[tokio::test]
async fn a_repeated_request_is_byte_identical_also_after_a_restart() {
    for policy in STYLES {
        let text = format!("{EMAIL}, {CARD}, {IBAN}");
        let gateway = TestGateway::builder().policy(policy).start().await;
        gateway.post(CHAT, chat("demo", &text)).send().await;
        let first = last(&gateway);
        gateway.post(CHAT, chat("demo", &text)).send().await;
        assert_eq!(last(&gateway), first);
        let home = gateway.stop().await.home;
        let again = TestGateway::builder().policy(policy).home(home).start().await;
        again.post(CHAT, chat("demo", &text)).send().await;
        assert_eq!(last(&again), first);
    }
}

#[tokio::test]
async fn both_surfaces_give_a_value_the_same_surrogate() {
    let gateway = TestGateway::builder().start().await;
    gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    let in_chat = tag(&last(&gateway));
    gateway
        .post(MESSAGES, messages("claude-demo", EMAIL))
        .send()
        .await;
    assert_eq!(tag(&last(&gateway)), in_chat);
}

#[tokio::test]
async fn another_caller_gets_other_surrogates() {
    for policy in STYLES {
        let gateway = TestGateway::builder().policy(policy).start().await;
        let bob = gateway.new_key("bob", None).await;
        let ask = gateway.post(CHAT, chat("demo", EMAIL));
        ask.clone().send().await;
        let anns = last(&gateway);
        ask.without("authorization")
            .header("x-api-key", bob.key.expose())
            .send()
            .await;
        assert_ne!(last(&gateway), anns);
        // A second key of the same person is still the same person.
        let second = gateway.new_key("ann", None).await;
        let ask = gateway.post(CHAT, chat("demo", EMAIL)).without("authorization");
        ask.header("x-api-key", second.key.expose()).send().await;
        assert_eq!(last(&gateway), anns);
    }
}

#[tokio::test]
async fn another_epoch_gives_other_surrogates() {
    for policy in STYLES {
        let gateway = TestGateway::builder().policy(policy).start().await;
        gateway.post(CHAT, chat("demo", EMAIL)).send().await;
        let first = last(&gateway);
        let home = gateway.stop().await.home;
        let again = TestGateway::builder()
            .policy(policy)
            .home(home)
            .keys("surrogate_epoch = 2")
            .start()
            .await;
        again.post(CHAT, chat("demo", EMAIL)).send().await;
        assert_ne!(last(&again), first);
    }
}

#[tokio::test]
async fn a_longer_conversation_keeps_its_earlier_messages_byte_for_byte() {
    for policy in STYLES {
        let gateway = TestGateway::builder().policy(policy).start().await;
        let turns = [
            json!({"role": "user", "content": format!("I am {EMAIL}")}),
            json!({"role": "assistant", "content": format!("Hello {EMAIL}, your card?")}),
            json!({"role": "user", "content": format!("{CARD}. And call my number 4111111111111111 a card")}),
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function",
                "function": {"name": "pay", "arguments": json!({"card": CARD, "to": "bob@example.com"}).to_string()}}]}),
            json!({"role": "tool", "tool_call_id": "c1", "content": format!("paid from {IBAN}")}),
            json!({"role": "user", "content": "My SSN is 078-05-1120, born 1984-03-12; 1984-03-12 it is"}),
        ];
        let mut before: Vec<Value> = Vec::new();
        for count in 1..=turns.len() {
            let body =
                json!({"messages": turns[..count], "model": "demo", "user": format!("u{count}@example.com")});
            let reply = gateway.post(CHAT, body.to_string()).send().await;
            assert_eq!(reply.status, 200, "{}", reply.text());
            let seen: Value = serde_json::from_slice(&last(&gateway)).unwrap();
            let now = seen["messages"].as_array().unwrap().clone();
            assert_eq!(now[..before.len()], before, "{policy}");
            before = now;
        }
    }
}
