use std::time::Duration;

use privet_testkit::{RawProvider, Reply, TestGateway, chunk, sse_head};
use privet_types::KeyScopes;
use serde_json::{Value, json};

use super::consent::{consenting, consenting_in};
use super::{House, assert_problem, houses_of};
use crate::support::{CHAT, EMAIL, MESSAGES, assert_refused, chat, chat_stream, messages, messages_stream};

const ON: &str = "[vault.archive]\nenabled = true\nword_index = true";

async fn houses_with_archive(policy: &str) -> Vec<House> {
    houses_of(|| TestGateway::builder().vault(ON).policy(policy)).await
}

/// What `path` answers to the officer's `key` about the year of the tests' clock.
async fn ask(gateway: &TestGateway, key: &str, path: &str, more: Value) -> Reply {
    let mut body = json!({"from": "2026-01-01", "to": "2026-12-31"});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    gateway.ask_vault(key, "POST", path, Some(&body)).send().await
}

/// The subject's conversations, once there are `count` of them.
async fn conversations(gateway: &TestGateway, key: &str, token: &str, count: usize) -> Vec<Value> {
    let subject = json!({"subject": {"by": "token", "value": token}});
    for _ in 0..400 {
        let found = ask(gateway, key, "/conversations/search", subject.clone()).await;
        let rows = found.json()["rows"].as_array().unwrap().clone();
        if rows.len() >= count {
            assert_eq!(rows.len(), count);
            return rows;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there are not {count} conversations");
}

async fn send(gateway: &TestGateway, path: &str, body: String, token: &str) -> Reply {
    let ask = gateway.post(path, body).header("x-privet-subject", token);
    let reply = ask.header("x-privet-purpose", "help").send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply
}

/// Sends one prompt on each surface, whole and streamed.
async fn talk(gateway: &TestGateway, token: &str) {
    let text = format!("write to {EMAIL} about the gr\u{fc}ne hedge");
    for (path, body) in [
        (CHAT, chat("demo-echo", &text)),
        (CHAT, chat_stream("demo-echo", &text)),
        (MESSAGES, messages("claude-echo", &text)),
        (MESSAGES, messages_stream("claude-echo", &text)),
    ] {
        let reply = send(gateway, path, body, token).await;
        assert!(!reply.text().is_empty());
    }
}

#[tokio::test]
async fn conversations_of_a_person_are_kept_as_the_caller_saw_them_and_go_with_the_person() {
    for house in houses_with_archive("[archive]\ncontent = \"plain\"").await {
        let gateway = &house.gateway;
        let (token, key) = consenting(gateway).await;
        talk(gateway, &token).await;
        // Nobody is named: nothing is kept of it.
        let unnamed = gateway
            .post(CHAT, chat("demo-echo", "unnamed canary"))
            .send()
            .await;
        assert_eq!(unnamed.status, 200);
        let kept = conversations(gateway, &key, &token, 4).await;
        for one in &kept {
            assert_eq!(one["subject"], *token, "{one}");
            assert_eq!(one["purpose"], "help");
            assert_eq!(one["is_whole"], true, "{one}");
            for field in ["prompt", "reply"] {
                let text = one[field].as_str().unwrap();
                assert!(
                    text.contains(EMAIL) && text.contains("gr\u{fc}ne hedge"),
                    "{field}: {one}"
                );
                assert!(!text.contains("data:"), "{one}");
            }
        }
        // Found by a text that the stream cut, and by a word of the index.
        let mut subject = json!({"subject": {"by": "token", "value": token}});
        for (field, value, count) in [
            ("text", "GR\u{dc}NE HEDGE", 4),
            ("word", "hedge", 4),
            ("word", "hedg", 0),
        ] {
            subject[field] = value.into();
            let found = ask(gateway, &key, "/conversations/export", subject.clone()).await;
            assert_eq!(found.header("content-type"), Some("application/x-ndjson"));
            assert_eq!(found.text().lines().count(), count, "{field}: {}", found.text());
            subject.as_object_mut().unwrap().remove(field);
        }
        subject["limit"] = 3.into();
        let page = ask(gateway, &key, "/conversations/export", subject.clone()).await;
        subject["after"] = page.header("x-privet-next").unwrap().into();
        let rest = ask(gateway, &key, "/conversations/export", subject).await;
        assert_eq!((page.text().lines().count(), rest.text().lines().count()), (3, 1));
        let id = kept[0]["conversation"].as_str().unwrap();
        let path = format!("/conversations/{id}");
        let read = gateway.ask_vault(&key, "GET", &path, None).send().await;
        assert_eq!(read.json(), kept[0]);
        let foreign = house.get(&path).await;
        assert_problem(&foreign, 404, "not_found", &[EMAIL, id]);

        let erasure = json!({"subject": {"by": "token", "value": token}, "reason": "request"});
        let erased = gateway
            .ask_vault(&key, "POST", "/erasures", Some(&erasure))
            .send()
            .await;
        let nodes = erased.json()["nodes"].as_array().unwrap().clone();
        let node = nodes.iter().find(|node| node["kind"] == "conversations");
        assert_eq!(node.unwrap()["count"], 4, "{}", erased.text());
        let gone = gateway.ask_vault(&key, "GET", &path, None).send().await;
        assert_problem(&gone, 404, "not_found", &[EMAIL]);
        house.end().await;
    }
}

#[tokio::test]
async fn conversations_are_kept_as_the_provider_saw_them_and_others_read_with_two_people() {
    let policy = "[archive]\ncontent = \"masked\"\nunnamed = true";
    for house in houses_with_archive(policy).await {
        let gateway = &house.gateway;
        let (token, key) = consenting(gateway).await;
        talk(gateway, &token).await;
        let kept = conversations(gateway, &key, &token, 4).await;
        for one in &kept {
            for field in ["prompt", "reply"] {
                let text = one[field].as_str().unwrap();
                assert!(
                    text.contains("<EMAIL_ADDRESS_") && !text.contains(EMAIL),
                    "{field}: {one}"
                );
            }
        }
        gateway
            .post(CHAT, chat("demo-echo", "unnamed canary"))
            .send()
            .await;
        let read = gateway
            .ask_vault(&key, "POST", "/bulk-reads", Some(&json!({"reason": "test"})))
            .send()
            .await
            .json();
        let read = read["id"].as_str().unwrap();
        let second = gateway.key_for("default", "second", KeyScopes::all()).await;
        let decide = async |key: &str, what: &str| {
            let path = format!("/bulk-reads/{read}/{what}");
            gateway.ask_vault(key, "POST", &path, None).send().await.json()
        };
        decide(&second, "approve").await;
        let unlock = decide(&key, "unlock").await["unlock"].clone();
        let any = json!({"unlock": unlock});
        let mut lines = String::new();
        for _ in 0..400 {
            lines = ask(gateway, &key, "/bulk-reads/conversations", any.clone())
                .await
                .text();
            if lines.contains("unnamed canary") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(lines.lines().count(), 5, "{lines}");
        let stolen = ask(gateway, &second, "/bulk-reads/conversations", any).await;
        assert_problem(&stolen, 404, "not_found", &["canary"]);
        let all = ask(gateway, &key, "/conversations/search", json!({})).await;
        assert_problem(&all, 400, "bad_field", &[]);
        house.end().await;
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_kept_as_far_as_it_came() {
    let piece = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"so far\"}}]}\n\n";
    let provider = RawProvider::always([sse_head(), chunk(piece.as_bytes())].concat()).await;
    let builder = || {
        let policy = "[archive]\ncontent = \"plain\"";
        TestGateway::builder()
            .vault(ON)
            .policy(policy)
            .in_front_of(provider.address())
    };
    for house in houses_of(builder).await {
        let gateway = &house.gateway;
        let (token, key) = consenting(gateway).await;
        let ask = gateway
            .post(CHAT, chat_stream("demo", "hello"))
            .header("x-privet-subject", &token)
            .header("x-privet-purpose", "help");
        let reply = ask.send().await;
        assert!(!reply.is_whole);
        let kept = conversations(gateway, &key, &token, 1).await;
        assert_eq!(
            (&kept[0]["reply"], &kept[0]["is_whole"]),
            (&json!("so far"), &json!(false))
        );
        house.end().await;
    }
}

#[tokio::test]
async fn while_nothing_can_be_kept_prompts_are_refused_or_go_on_as_the_policy_says() {
    for (failure, is_refused) in [("refuse", true), ("go_on", false)] {
        let policy = format!("[archive]\ncontent = \"plain\"\nunnamed = true\non_failure = \"{failure}\"");
        for house in houses_with_archive(&policy).await {
            let gateway = &house.gateway;
            let first = gateway.post(CHAT, chat("demo", "hello")).send().await;
            assert_eq!(first.status, 200, "{}", first.text());
            gateway.lose_store().await;
            let mut refused = None;
            for _ in 0..60 {
                let reply = gateway.post(CHAT, chat("demo", "hello")).send().await;
                if reply.status != 200 {
                    refused = Some(reply);
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert_eq!(refused.is_some(), is_refused);
            if let Some(refused) = refused {
                assert_refused(&refused, CHAT, 503, "not_archived");
                let sent = gateway.seen().len();
                let again = gateway.post(CHAT, chat("demo", "hello")).send().await;
                assert_refused(&again, CHAT, 503, "not_archived");
                assert_eq!(gateway.seen().len(), sent, "nothing is sent");
            }
            // The store is gone: it cannot end in order.
            house.crash().await;
        }
    }
}

#[tokio::test]
async fn conversations_belong_to_the_tenant_of_the_key_and_end_with_a_restriction() {
    let policy = "[archive]\ncontent = \"plain\"\nunnamed = true";
    for house in houses_with_archive(policy).await {
        let gateway = &house.gateway;
        let (token, officer) = consenting_in(gateway, "acme", json!({})).await;
        let app = gateway.key_for("acme", "app", KeyScopes::default()).await;
        let ask_as_app = async || {
            let ask = gateway
                .post(CHAT, chat("demo-echo", "hello"))
                .without("authorization");
            let ask = ask.header("authorization", &format!("Bearer {app}"));
            let ask = ask.header("x-privet-subject", &token);
            ask.header("x-privet-purpose", "help").send().await
        };
        let reply = ask_as_app().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(conversations(gateway, &officer, &token, 1).await.len(), 1);
        let restricted = json!({"is_restricted": true});
        let path = format!("/subjects/{token}/restriction");
        let done = gateway
            .ask_vault(&officer, "PUT", &path, Some(&restricted))
            .send()
            .await;
        assert_eq!(done.status, 200, "{}", done.text());
        let sent = gateway.seen().len();
        assert_eq!(ask_as_app().await.status, 403);
        assert_eq!(gateway.seen().len(), sent, "nothing is sent");
        house.end().await;
    }
}

#[tokio::test]
async fn what_serves_legal_claims_is_kept_of_a_restricted_person_too() {
    for house in houses_with_archive("[archive]\ncontent = \"plain\"").await {
        let gateway = &house.gateway;
        let (token, key) = consenting_in(gateway, "default", json!({"serves_legal_claims": true})).await;
        let path = format!("/subjects/{token}/restriction");
        let restricted = json!({"is_restricted": true});
        let done = gateway
            .ask_vault(&key, "PUT", &path, Some(&restricted))
            .send()
            .await;
        assert_eq!(done.status, 200, "{}", done.text());
        send(gateway, CHAT, chat("demo-echo", "about the claim"), &token).await;
        let find =
            json!({"subject": {"by": "token", "value": token}, "from": "2026-01-01", "to": "2026-12-31"});
        let mut rows = json!([]);
        for _ in 0..400 {
            let ask = gateway.ask_vault(&key, "POST", "/conversations/search", Some(&find));
            let found = ask.header("x-privet-ground", "legal_claims").send().await;
            assert_eq!(found.status, 200, "{}", found.text());
            rows = found.json()["rows"].clone();
            if rows != json!([]) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(rows.as_array().unwrap().len(), 1);
        assert!(
            rows[0]["prompt"].as_str().unwrap().contains("about the claim"),
            "{rows}"
        );
        // Without that ground nobody reads it.
        let ask = gateway.ask_vault(&key, "POST", "/conversations/search", Some(&find));
        assert_problem(&ask.send().await, 403, "restricted", &["claim"]);
        house.end().await;
    }
}

/// A prompt with these turns of a user, each answered.
fn turns(said: &[&str]) -> String {
    let mut messages = vec![json!({"role": "system", "content": "be kind"})];
    for text in said {
        messages.push(json!({"role": "user", "content": text}));
        messages.push(json!({"role": "assistant", "content": "well"}));
    }
    messages.pop();
    json!({"model": "demo-echo", "messages": messages}).to_string()
}

#[tokio::test]
async fn the_turns_of_a_conversation_are_found_by_its_name_and_by_how_it_begins() {
    for content in ["plain", "masked"] {
        for house in houses_with_archive(&format!("[archive]\ncontent = \"{content}\"")).await {
            let gateway = &house.gateway;
            let (token, key) = consenting(gateway).await;
            let first = format!("write to {EMAIL}");
            for said in [&[first.as_str()][..], &[&first, "and again"], &["another"]] {
                send(gateway, CHAT, turns(said), &token).await;
            }
            for said in [&["another"][..], &["what else", "now"]] {
                let ask = gateway.post(CHAT, turns(said)).header("x-privet-subject", &token);
                let ask = ask.header("x-privet-purpose", "help");
                let reply = ask.header("x-privet-conversation", "chat-7").send().await;
                assert_eq!(reply.status, 200, "{}", reply.text());
            }
            assert!(!gateway.seen_text().contains("chat-7"), "it stays here");
            let sent = gateway.seen().len();
            let bad = gateway
                .post(CHAT, turns(&["x"]))
                .header("x-privet-conversation", EMAIL);
            assert_refused(&bad.send().await, CHAT, 400, "bad_conversation_header");
            assert_eq!(gateway.seen().len(), sent, "nothing is sent");

            let rows = conversations(gateway, &key, &token, 5).await;
            let part_of = |text: &str| {
                let fits = |row: &&Value| row["prompt"].as_str().unwrap().contains(text);
                rows.iter().find(fits).unwrap()["part_of"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            };
            let begun = part_of("and again");
            assert_eq!(part_of("what else"), "chat-7");
            assert!(begun.starts_with('~') && !begun.contains(&token), "{begun}");
            for (name, count) in [(begun.as_str(), 2), ("chat-7", 2), ("~", 0)] {
                let find = json!({"subject": {"by": "token", "value": token}, "part_of": name});
                let found = ask(gateway, &key, "/conversations/search", find.clone()).await;
                let found = found.json()["rows"].as_array().unwrap().clone();
                assert_eq!(found.len(), count, "{name}: {rows:?}");
                assert!(found.iter().all(|row| row["part_of"] == name));
                let lines = ask(gateway, &key, "/conversations/export", find).await.text();
                assert_eq!(lines.lines().count(), count, "{lines}");
            }
            house.end().await;
        }
    }
}

#[tokio::test]
async fn where_it_is_durable_no_reply_ends_before_it_is_kept() {
    let policy = "[archive]\ncontent = \"plain\"\ndurable = true\nunnamed = true";
    for house in houses_with_archive(policy).await {
        let gateway = &house.gateway;
        let (token, key) = consenting(gateway).await;
        let subject = json!({"subject": {"by": "token", "value": token}});
        for (count, body) in [chat("demo-echo", "one"), chat_stream("demo-echo", "two")]
            .into_iter()
            .enumerate()
        {
            let reply = send(gateway, CHAT, body, &token).await;
            assert!(reply.is_whole);
            let found = ask(gateway, &key, "/conversations/search", subject.clone()).await;
            assert_eq!(
                found.json()["rows"].as_array().unwrap().len(),
                count + 1,
                "at once"
            );
        }
        gateway.lose_store().await;
        // Both before it is known that nothing can be written.
        let whole = gateway.post(CHAT, chat("demo-echo", "three"));
        let stream = gateway.post(CHAT, chat_stream("demo-echo", "four"));
        let (whole, stream) = tokio::join!(whole.send(), stream.send());
        assert_refused(&whole, CHAT, 503, "not_archived");
        assert!(!whole.text().contains("three"));
        assert!(stream.status != 200 || !stream.is_whole, "{}", stream.text());
        house.crash().await;
    }
}
