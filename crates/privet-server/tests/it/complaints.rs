//! What users of other gateways complain of, one test for each complaint. The comment of each test says what went wrong elsewhere.
//! Where another file proves the same in depth, that test is run under the complaint's name.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_access::list_keys;
use privet_crypto::RootKey;
use privet_server::EngineFault;
use privet_store::{
    Durability, Error, Scope, Sequencer, Spool, SpoolConfig, Store, log_signer, run_flusher, values,
};
use privet_testkit::{Ask, PATIENCE, Reply, TestGateway};
use privet_types::{AuditEvent, Clock, KeyScopes, PrincipalKind};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::admin::{admin_key, by_key, made};
use crate::postgres::TestDatabase;
use crate::streams::{anthropic_delta, delta, framed, in_front_of, typed_delta};
use crate::support::{
    CARD, CHAT, EMAIL, IBAN, MESSAGES, MODELS, assert_refused, chat, chat_stream, messages, messages_stream,
    tag,
};
use crate::vault::houses;
use crate::{admin, auth, issuers, limits, mcp, shared_limits, streams, surfaces};

const RESPONSES: &str = "/v1/responses";

fn respond(text: &str, is_stream: bool) -> String {
    json!({"model": "demo", "stream": is_stream, "input": text}).to_string()
}

/// A prompt with `text` for each surface that holds one.
fn prompts(text: &str) -> Vec<(&'static str, String)> {
    vec![
        (CHAT, chat("demo", text)),
        (CHAT, chat_stream("demo", text)),
        (RESPONSES, respond(text, false)),
        (RESPONSES, respond(text, true)),
        (MESSAGES, messages("claude-demo", text)),
        (MESSAGES, messages_stream("claude-demo", text)),
        (
            "/v1/embeddings",
            json!({"model": "demo", "input": text}).to_string(),
        ),
        (
            "/v1/messages/count_tokens",
            json!({"model": "claude-demo", "messages": [{"role": "user", "content": text}]}).to_string(),
        ),
    ]
}

/// Elsewhere the detector was a service beside the gateway, and the raw text went on when it was down or answered an error.
#[tokio::test]
async fn a_detector_that_is_down_lets_raw_text_through() {
    let (gateway, tools) = mcp::before("arguments = \"mask\"").await;
    // Where a short text is looked at at once, and where a long one waits for a thread.
    let texts = [EMAIL.to_owned(), format!("{EMAIL} {}", "and so on ".repeat(600))];
    for fault in [EngineFault::Panic, EngineFault::Error] {
        let before = (gateway.seen().len(), tools.requests().len());
        gateway.break_engines(Some(fault));
        for text in &texts {
            for (path, body) in prompts(text) {
                let reply = gateway.post(path, body).send().await;
                let kind = if path.starts_with(MESSAGES) {
                    "api_error"
                } else {
                    "detector_failed"
                };
                assert_refused(&reply, path, 503, kind);
                assert!(!reply.text().contains(EMAIL), "{}", reply.text());
            }
            for (path, body) in [
                ("/analyze", json!({"text": text, "language": "en"})),
                ("/api/v1/protect", json!({ "text": text })),
                ("/api/v1/pii/detect", json!({ "text": text })),
                ("/api/v1/pii/anonymize", json!({ "text": text })),
            ] {
                let reply = gateway.post(path, body.to_string()).send().await;
                assert!(reply.status >= 500, "{path}: {} {}", reply.status, reply.text());
                assert!(!reply.text().contains(EMAIL), "{path}: {}", reply.text());
            }
            let call = mcp::call("find", &json!({ "id": text }));
            let reply = mcp::say(&gateway, &call).await;
            assert!(reply.json()["error"].is_object(), "{}", reply.text());
        }
        assert_eq!(
            (gateway.seen().len(), tools.requests().len()),
            before,
            "{fault:?}"
        );
        gateway.break_engines(None);
        for (path, body) in prompts(EMAIL) {
            let reply = gateway.post(path, body).send().await;
            assert_eq!(reply.status, 200, "{fault:?} {path}: {}", reply.text());
        }
    }
    assert!(!gateway.seen_text().contains(EMAIL));
    let rows = gateway.stop().await.home.audit().await;
    let failed = |row: &&privet_store::AuditRow| row.event.decision.reason == "detector_failed";
    let failed: Vec<_> = rows.iter().filter(failed).collect();
    assert!(failed.len() >= 32, "each prompt that was refused is recorded");
    assert!(failed.iter().all(|row| row.event.sent_hash.is_none()));
}

/// Elsewhere only chat was masked, and what `/v1/responses` was given as `input` was passed on as it came.
#[test]
fn the_input_of_a_response_is_skipped() {
    surfaces::neither_the_input_of_a_response_nor_arguments_in_its_history_leave_in_clear();
}

/// Elsewhere a reply that came as bytes, and not as parsed events, was passed on without being looked at.
#[tokio::test]
async fn a_stream_of_bytes_is_skipped() {
    for (path, body, event) in [
        (CHAT, chat_stream("demo", EMAIL), delta as fn(&str) -> String),
        (MESSAGES, messages_stream("claude-demo", EMAIL), anthropic_delta),
        (RESPONSES, respond(EMAIL, true), typed_delta),
    ] {
        let provider = framed(1, move |tag| event(&format!("to {tag}"))).await;
        let gateway = in_front_of(&provider).await;
        let reply = gateway.post(path, body.clone()).send().await;
        assert!(reply.text().contains(&format!("to {EMAIL}")), "{}", reply.text());
        // Nor does a request get past by saying that it is bytes.
        let bytes = gateway.post(path, body).without("content-type");
        let bytes = bytes
            .header("content-type", "application/octet-stream")
            .send()
            .await;
        assert_eq!(bytes.status, 415, "{}", bytes.text());
        assert_eq!(provider.requests().len(), 1);
    }
}

/// The arguments of all tool calls that a reply holds, whole or streamed, as one text.
fn arguments(reply: &Reply) -> String {
    let text = reply.text();
    let documents = text
        .lines()
        .map(|line| line.strip_prefix("data:").unwrap_or(line))
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut found = String::new();
    for document in documents {
        for pointer in [
            "/choices/0/message/tool_calls/0/function/arguments",
            "/choices/0/delta/tool_calls/0/function/arguments",
            "/delta/partial_json",
        ] {
            found.push_str(
                document
                    .pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default(),
            );
        }
        let output = document["output"].as_array().into_iter().flatten();
        for item in output.chain(document["content"].as_array().into_iter().flatten()) {
            found.push_str(item["arguments"].as_str().unwrap_or_default());
            if item["type"] == "tool_use" {
                found.push_str(&item["input"].to_string());
            }
        }
        if document["type"] == "response.function_call_arguments.delta" {
            found.push_str(document["delta"].as_str().unwrap_or_default());
        }
    }
    found
}

/// Elsewhere text came back restored, and the arguments of tool calls with surrogates in them: tools were called with made-up values.
#[tokio::test]
async fn arguments_of_tools_are_never_restored() {
    let gateway = TestGateway::builder().start().await;
    let text = format!("please call mail for {EMAIL}");
    let schema = json!({"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}});
    for is_stream in [false, true] {
        let user = json!([{"role": "user", "content": text}]);
        let of_chat = json!({"model": "demo", "stream": is_stream, "messages": user,
            "tools": [{"type": "function", "function": {"name": "mail", "parameters": schema}}]});
        let of_messages = json!({"model": "claude-demo", "max_tokens": 99, "stream": is_stream, "messages": user,
            "tools": [{"name": "mail", "input_schema": schema}]});
        let of_responses = json!({"model": "demo", "stream": is_stream, "input": text,
            "tools": [{"type": "function", "name": "mail", "parameters": schema}]});
        for (path, body) in [
            (CHAT, of_chat),
            (MESSAGES, of_messages),
            (RESPONSES, of_responses),
        ] {
            let reply = gateway.post(path, body.to_string()).send().await;
            let found: Value = serde_json::from_str(&arguments(&reply))
                .unwrap_or_else(|_| panic!("{path} {is_stream}: {}", reply.text()));
            assert_eq!(found, json!({ "to": EMAIL }), "{path} {is_stream}");
        }
    }
}

/// Elsewhere the newest message was masked, and what stood in the history as `tool_calls[].arguments`, `tool_use.input` or a tool's
/// result left in clear, with a 200.
#[tokio::test]
async fn history_is_sent_in_clear() {
    let gateway = TestGateway::builder().start().await;
    let arguments = json!({"to": EMAIL, "iban": IBAN}).to_string();
    let of_chat = json!({"model": "demo-echo", "messages": [
        {"role": "user", "content": "pay"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "pay", "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": format!("paid with {CARD}")},
        {"role": "user", "content": "go on"}]});
    let of_messages = json!({"model": "claude-demo-echo", "max_tokens": 99, "messages": [
        {"role": "user", "content": "pay"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": "pay", "input": {"to": EMAIL, "more": [{"iban": IBAN}]}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1",
            "content": [{"type": "text", "text": format!("paid with {CARD}")}]}, {"type": "text", "text": "go on"}]}]});
    let of_responses = json!({"model": "demo-echo", "input": [
        {"role": "user", "content": "pay"},
        {"type": "function_call", "call_id": "call_1", "name": "pay", "arguments": arguments},
        {"type": "function_call_output", "call_id": "call_1", "output": format!("paid with {CARD}")},
        {"type": "custom_tool_call", "call_id": "call_2", "name": "patch", "input": format!("mail {EMAIL}")},
        {"type": "custom_tool_call_output", "call_id": "call_2", "output": IBAN},
        {"role": "user", "content": "go on"}]});
    for (path, body) in [
        (CHAT, of_chat),
        (MESSAGES, of_messages),
        (RESPONSES, of_responses),
    ] {
        let reply = gateway.post(path, body.to_string()).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let sent = String::from_utf8(gateway.seen().pop().unwrap().body.to_vec()).unwrap();
        for value in [EMAIL, CARD, IBAN] {
            assert!(!sent.contains(value), "{path} {value}: {sent}");
        }
        assert!(
            sent.contains("go on") && sent.contains("EMAIL_ADDRESS_"),
            "{path}: {sent}"
        );
    }
}

/// Elsewhere the guard of replies ran behind the one that restores, and masked again what had just been put back.
#[tokio::test]
async fn a_stream_is_masked_again_after_it_was_restored() {
    let own = "someone.else@example.net";
    for (path, body, event) in [
        (CHAT, chat_stream("demo", EMAIL), delta as fn(&str) -> String),
        (MESSAGES, messages_stream("claude-demo", EMAIL), anthropic_delta),
        (RESPONSES, respond(EMAIL, true), typed_delta),
    ] {
        for size in [7, 100_000] {
            let provider = framed(size, move |tag| {
                event(&format!("{tag} knows {own}, {tag} and {CARD}; "))
            })
            .await;
            let gateway = in_front_of(&provider).await;
            let reply = gateway.post(path, body.clone()).send().await.text();
            // What the model brought up itself is nobody's to hide from its caller.
            let wanted = format!("{EMAIL} knows {own}, {EMAIL} and {CARD}; ");
            assert!(reply.contains(&wanted), "{path} {size}: {reply}");
        }
    }
}

/// Elsewhere a stream was collected, looked at and sent on in one piece: the first token came as late as the last.
#[test]
fn a_stream_is_buffered_whole() {
    streams::an_event_arrives_before_the_next_one_is_sent();
}

/// Elsewhere a placeholder that two events shared reached the client as it was.
#[test]
fn a_split_placeholder_is_shown() {
    streams::a_surrogate_is_restored_however_text_and_frames_are_cut();
}

/// Elsewhere placeholders were replaced as text: the first one's value stood inside the tenth, followed by a zero.
#[tokio::test]
async fn person_1_is_replaced_inside_person_10() {
    // Whatever a policy calls them: no surrogate of a request begins with another one of it.
    let people: Vec<String> = (0..40).map(|n| format!("person{n}@example.com")).collect();
    let gateway = TestGateway::builder().start().await;
    let reply = gateway
        .post(CHAT, chat("demo-echo", &people.join(", ")))
        .send()
        .await;
    assert_eq!(crate::support::said(&reply), people.join(", "));
    streams_of_longer_words().await;
}

/// A surrogate with more behind it is another word, in a whole reply and in a stream.
async fn streams_of_longer_words() {
    for body in [chat("demo", EMAIL), chat_stream("demo", EMAIL)] {
        let is_stream = body.contains("\"stream\"");
        let provider = privet_testkit::RawProvider::start(move |request| {
            let name = tag(&request.body).trim_matches(['<', '>']).to_owned();
            let text = format!("{name}0, {name}_1 and {name}1");
            privet_testkit::Answer::Bytes(if is_stream {
                let head = privet_testkit::sse_head();
                [
                    head,
                    privet_testkit::chunk(delta(&text).as_bytes()),
                    b"0\r\n\r\n".to_vec(),
                ]
                .concat()
            } else {
                let reply = json!({"choices": [{"index": 0, "message": {"content": text}}]});
                privet_testkit::json_reply("200 OK", "", &reply.to_string())
            })
        })
        .await;
        let gateway = in_front_of(&provider).await;
        let reply = gateway.post(CHAT, body).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert!(!reply.text().contains("ada"), "{}", reply.text());
    }
}

/// Elsewhere a budget was looked at before a request and written after it: many at once all saw room for one.
#[test]
fn a_budget_is_checked_and_then_used() {
    limits::many_at_once_pass_a_limit_exactly_as_often_as_it_allows();
}

/// Elsewhere what was set aside for a reply was never given back when the stream was cut, or was counted beside what was used.
#[test]
fn reservations_leak_or_count_twice() {
    limits::a_stream_that_the_caller_leaves_counts_by_what_came_and_frees_its_place();
    limits::what_the_provider_says_counts_and_not_the_estimate();
    limits::what_the_provider_refuses_or_never_got_costs_no_tokens();
}

/// Elsewhere each node had a counter of its own, so that a limit of ten let thirty through on three nodes.
#[test]
fn each_node_counts_for_itself() {
    shared_limits::many_at_once_on_two_nodes_pass_a_limit_exactly_as_often_as_it_allows();
}

/// Elsewhere a rotated key ended at once, whatever time of grace had been asked for, or never.
#[test]
fn the_grace_of_a_rotation_is_ignored() {
    admin::keys::a_rotated_key_works_beside_its_successor_for_its_grace();
}

/// All bytes of the files below `folder`, by name.
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

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Elsewhere the audit table held the keys themselves, in the clear, and so did its backups.
#[tokio::test]
async fn the_audit_log_holds_raw_keys() {
    let gateway = TestGateway::builder().start().await;
    made(&gateway, "default", "root", PrincipalKind::User, &["admin"]).await;
    let admin = gateway.key_for("default", "root", KeyScopes::all()).await;
    made(&gateway, "default", "bob", PrincipalKind::User, &["user"]).await;
    let order = json!({"name": "bob", "scopes": ["gateway"]});
    let reply = by_key(&gateway, &admin, "POST", "/api/v1/keys", &order)
        .send()
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let id = reply.json()["record"]["id"].as_str().unwrap().to_owned();
    let mut keys = vec![
        gateway.key().to_owned(),
        admin.clone(),
        reply.json()["key"].as_str().unwrap().to_owned(),
    ];
    let rotated = format!("/api/v1/keys/{id}/rotate");
    let reply = by_key(&gateway, &admin, "POST", &rotated, &json!({"grace": "1h"}))
        .send()
        .await;
    keys.push(reply.json()["key"].as_str().unwrap().to_owned());
    let token = json!({"scopes": ["gateway"]});
    let reply = by_key(&gateway, &keys[0], "POST", "/api/v1/tokens", &token)
        .send()
        .await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    keys.push(reply.json()["token"].as_str().unwrap().to_owned());
    for key in &keys {
        let ask = |key: &str| {
            let ask = gateway.post(CHAT, chat("demo", EMAIL)).without("authorization");
            ask.header("x-api-key", key).send()
        };
        assert!(ask(key).await.status < 500);
        // Mistyped, as they are when somebody pastes one.
        assert_eq!(ask(&format!("{key}0")).await.status, 401);
    }
    assert_eq!(
        by_key(
            &gateway,
            &admin,
            "DELETE",
            &format!("/api/v1/keys/{id}"),
            &Value::Null
        )
        .send()
        .await
        .status,
        200
    );
    gateway.sequence_log().await;
    let home = gateway.stop().await.home;
    let files = files(home.path());
    assert!(
        files
            .iter()
            .any(|(name, bytes)| name.ends_with("privet.sqlite") && holds(bytes, &id)),
        "the store tells of the key by its id"
    );
    for (name, bytes) in &files {
        for key in &keys {
            // The part that is secret; what stands before it is the same for all.
            let (_, secret) = key.split_at(key.len() - 50);
            assert!(!holds(bytes, secret), "{name} holds a key");
        }
    }
}

/// Takes `count` connections of the store's pool until the sender is dropped.
async fn hold_connections(gateway: &TestGateway, count: usize) -> watch::Sender<bool> {
    let (release, held) = watch::channel(false);
    let (taken, mut all) = mpsc::unbounded_channel();
    for _ in 0..count {
        let database = gateway.store().database().clone();
        let (mut held, taken) = (held.clone(), taken.clone());
        tokio::spawn(async move {
            let work = database.read::<(), Error, _>(&Scope::Installation, move |tx| {
                Box::pin(async move {
                    let _: i64 = tx.one("SELECT 1::bigint", values![]).await?;
                    taken.send(()).unwrap();
                    // The sender is gone when they are to be given back.
                    let _ = held.wait_for(|is_over| *is_over).await;
                    Ok(())
                })
            });
            work.await.unwrap();
        });
    }
    for _ in 0..count {
        tokio::time::timeout(PATIENCE, all.recv()).await.unwrap().unwrap();
    }
    release
}

/// Elsewhere each request took a connection to the database, and when there were no more the gateway stood still, or let requests pass
/// without a record.
#[tokio::test]
async fn connections_to_the_database_run_out() {
    let (Some(store), Some(keyring)) = (TestDatabase::new().await, TestDatabase::new().await) else {
        return;
    };
    let gateway = TestGateway::builder()
        .vault("")
        .databases(store.location(), keyring.location())
        .start()
        .await;
    let officer = gateway.key_for("acme", "officer", KeyScopes::all()).await;
    let mut number = 0;
    let mut add = || {
        number += 1;
        let subject = json!({"record": {"email": format!("person{number}@example.com")}});
        gateway
            .ask_vault(&officer, "POST", "/subjects", Some(&subject))
            .send()
    };
    assert_eq!(add().await.status, 201);
    let held = hold_connections(&gateway, 16).await;
    // Prompts need none.
    let asks: Vec<_> = (0..24)
        .map(|_| tokio::spawn(gateway.post(CHAT, chat("demo", EMAIL)).send()))
        .collect();
    for ask in asks {
        let reply = ask.await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert!(gateway.waiting_events() > 0, "decisions wait in the spool");
    // Who needs one is told so, in time.
    let refused = add().await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    // An unknown key cannot be looked up, and lets nobody in.
    let elsewhere = TestGateway::builder().start().await;
    let unknown = gateway.ask("GET", MODELS).header("x-api-key", elsewhere.key());
    let reply = unknown.send().await;
    assert_eq!(reply.status, 401, "{}", reply.text());
    drop(held);
    let begun = Instant::now();
    while gateway.waiting_events() > 0 || add().await.status != 201 {
        assert!(begun.elapsed() < PATIENCE, "it does not recover");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let events = gateway.store().audit_events(0, 1000).await.unwrap();
    assert_eq!(events.len(), 24);
    gateway.stop().await;
    store.drop().await;
    keyring.drop().await;
}

/// Elsewhere two changes of keys and teams waited for each other until the database gave one of them up.
#[test]
fn changes_at_once_end_in_a_deadlock() {
    admin::last::of_two_administrators_who_switch_each_other_off_on_two_nodes_one_stays();
    admin::last::changes_at_once_are_decided_one_behind_the_other_and_none_is_lost();
}

/// How many events a log has, and one that is three times as long: each more than is worked on at once.
const LONG: [u64; 2] = [12_000, 36_000];
/// Bytes of the name in each.
const NAME: usize = 2 << 10;

fn long_event(number: u64) -> AuditEvent {
    serde_json::from_value(json!({
        "at": "2026-01-01T00:00:00Z", "tenant": "default", "principal": "0123456789abcdef0123456789abcdef",
        "request_id": format!("{number:032x}"), "surface": "openai_chat", "model": "m".repeat(NAME),
        "provider": "openai", "request_hash": "11".repeat(32), "sent_hash": "22".repeat(32),
        "decision": {"action": "redact", "reason": "masked", "counts": {}, "latency_us": number},
        "policy": "0011223344556677",
    }))
    .unwrap()
}

/// A figure of `/proc/self/status`, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
#[ignore = "run in a process of its own by the test below"]
async fn clean_a_long_log_here() {
    let events: u64 = std::fs::read_to_string("events").unwrap().parse().unwrap();
    let root = Arc::new(RootKey::generate().unwrap());
    let store = Store::open(Path::new("privet.sqlite"), &root).await.unwrap();
    let config = SpoolConfig {
        max_bytes: 256 << 20,
        durability: Durability::LossWindow(Duration::from_secs(1)),
    };
    let spool = Spool::open(Path::new("spool"), Arc::clone(&root), config, &store)
        .await
        .unwrap();
    for number in 0..events {
        spool.append(&long_event(number)).await.unwrap();
    }
    spool.sync().await.unwrap();
    let lies = |folder: &str| {
        files(Path::new(folder))
            .iter()
            .map(|(_, bytes)| bytes.len() as u64)
            .sum::<u64>()
            >> 10
    };
    println!("spooled {}", lies("spool"));
    // Forgets the highest figure so far (Linux, proc_pid_clear_refs(5)).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS");
    run_flusher(&spool, &store, Duration::from_millis(1), async {})
        .await
        .unwrap();
    let mut sequencer = Sequencer::open(store.clone(), log_signer(&root, None).unwrap())
        .await
        .unwrap();
    while sequencer.run_once().await.unwrap() > 0 {}
    println!("grew {}", memory("VmHWM").saturating_sub(before));
    println!("left {}", lies("spool"));
    assert_eq!(store.audit_count().await.unwrap(), events);
}

/// What a process of its own says of a log of so many events: KiB that were spooled, by which its memory grew, and that are left.
fn cleaned(events: u64) -> [u64; 3] {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("events"), events.to_string()).unwrap();
    let other = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "complaints::clean_a_long_log_here",
            "--ignored",
            "--nocapture",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&other.stdout);
    let errors = String::from_utf8_lossy(&other.stderr);
    assert!(other.status.success(), "{text} {errors}");
    ["spooled ", "grew ", "left "].map(|name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("{name}: {text}"));
        line.trim().parse().unwrap()
    })
}

/// Elsewhere whoever cleaned a long log loaded all of it first, and was killed for its memory.
#[test]
fn cleaning_a_long_log_takes_all_memory() {
    let [short, long] = LONG.map(cleaned);
    let ([spooled, grew, left], [_, before, _]) = (long, short);
    assert!(spooled > 64 << 10, "{spooled} KiB is no long log");
    // Whatever is worked on at once, it is no more of a longer log.
    assert!(
        grew < before + (16 << 10),
        "{grew} KiB, and {before} of a third of it"
    );
    assert!(left < 9 << 10, "{left} KiB are left of the spool");
}

/// Elsewhere a made-up `Host` was taken for the gateway's own name, and what came from there needed no key.
#[tokio::test]
async fn the_host_header_lets_people_in() {
    let gateway = TestGateway::builder().vault("").start().await;
    for host in ["localhost", "127.0.0.1", "admin.internal", "privet", "[::1]"] {
        for (method, path) in [
            ("POST", CHAT),
            ("GET", MODELS),
            ("GET", "/api/v1/keys"),
            ("GET", "/api/v1/vault/purposes"),
        ] {
            let ask = gateway.ask(method, path).without("host").header("host", host);
            let reply = ask.header("x-forwarded-for", "127.0.0.1").body("{}").send().await;
            assert_eq!(reply.status, 401, "{host} {method} {path}: {}", reply.text());
        }
    }
    assert!(gateway.seen().is_empty());
}

/// Elsewhere the same header chose the route, too.
#[test]
fn the_host_header_chooses_the_route() {
    auth::identity_and_route_come_from_the_key_and_the_path_alone();
}

/// What databases have been made to do with.
const INJECTIONS: [&str; 9] = [
    "' OR '1'='1",
    "x' OR 1=1 --",
    "'; DROP TABLE api_keys; --",
    "'); DELETE FROM audit_events; --",
    "\\' UNION SELECT hash FROM api_keys --",
    "$1",
    "%",
    "ann' /*",
    "ann\u{2019} OR \u{ff07}1",
];

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Elsewhere the key of a request, or a name beside it, became part of a statement, and a quotation mark let anybody in.
#[tokio::test]
async fn a_key_or_a_name_becomes_a_statement() {
    for house in houses().await {
        let (gateway, vault) = (&house.gateway, &house.key);
        made(gateway, "default", "root", PrincipalKind::User, &["admin"]).await;
        let admin = admin_key(gateway, "default", "root").await;
        let before = list_keys(gateway.store()).await.unwrap().len();
        for (number, text) in INJECTIONS.into_iter().enumerate() {
            let key = gateway.key();
            let header = |name: &str, value: &str| gateway.ask("GET", MODELS).header(name, value).send();
            for value in [
                text.to_owned(),
                format!("prvt_{text}"),
                format!("{key}{text}"),
                format!("privet_at_{text}"),
            ] {
                for (name, value) in [
                    ("authorization", format!("Bearer {value}")),
                    ("x-api-key", value.clone()),
                    ("api-key", value),
                ] {
                    let reply = header(name, &value).await;
                    assert_eq!(reply.status, 401, "{name} {text}: {}", reply.text());
                }
            }
            let ask =
                |method: &str, path: &str, body: &Value| by_key(gateway, &admin, method, path, body).send();
            for path in ["people", "services", "groups", "keys"] {
                let one = format!("/api/v1/{path}/{}", percent(text));
                let reply = ask("GET", &one, &Value::Null).await;
                assert!(
                    (400..500).contains(&reply.status),
                    "{one}: {} {}",
                    reply.status,
                    reply.text()
                );
                let filter = format!("/api/v1/{path}?name={0}&role={0}&after={0}", percent(text));
                let reply = ask("GET", &filter, &Value::Null).await;
                assert!(reply.status < 500, "{filter}: {}", reply.text());
                assert!(!reply.text().contains("\"root\""), "{filter}: {}", reply.text());
            }
            let reply = ask("POST", "/api/v1/people", &json!({ "name": text })).await;
            assert!((400..500).contains(&reply.status), "{text}: {}", reply.text());
            let reply = ask(
                "POST",
                "/api/v1/keys",
                &json!({"name": text, "scopes": ["gateway"]}),
            )
            .await;
            assert!((400..500).contains(&reply.status), "{text}: {}", reply.text());
            // What a vault is given it keeps as it is.
            let record = json!({"record": {"email": format!("person{number}@example.com"), "note": text}});
            let made = gateway
                .ask_vault(vault, "POST", "/subjects", Some(&record))
                .send()
                .await;
            assert!(
                made.status == 201 || made.status == 409,
                "{text}: {}",
                made.text()
            );
            for body in [
                json!({"by": text, "value": text}),
                json!({"by": "email", "value": text}),
            ] {
                let found = gateway
                    .ask_vault(vault, "POST", "/subjects/lookup", Some(&body))
                    .send()
                    .await;
                assert!((400..500).contains(&found.status), "{text}: {}", found.text());
            }
            let subject = format!("/subjects/{}", percent(text));
            let found = gateway.ask_vault(vault, "GET", &subject, None).send().await;
            assert!((400..500).contains(&found.status), "{text}: {}", found.text());
        }
        assert_eq!(list_keys(gateway.store()).await.unwrap().len(), before);
        let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        house.end().await;
    }
}

/// The same where people sign in.
#[tokio::test]
async fn a_name_or_a_password_becomes_a_statement() {
    // What is tried comes from one address, which would be locked.
    let settings = "origin = \"http://localhost:8787\"\ncount_addresses = false";
    let gateway = TestGateway::builder().sign_in(settings).start().await;
    crate::sign_in::enrolled(&gateway, "ann-user", "user").await;
    for text in INJECTIONS {
        for name in [text.to_owned(), format!("ann-user{text}")] {
            let body = json!({"name": name, "password": text}).to_string();
            let ask = gateway.ask("POST", "/api/v1/sessions");
            let reply = ask
                .header("content-type", "application/json")
                .body(body)
                .send()
                .await;
            assert!((400..500).contains(&reply.status), "{name}: {}", reply.text());
            assert!(reply.header("set-cookie").is_none());
        }
        let cookie = format!("privet_session={text}");
        let reply = gateway
            .ask("GET", "/api/v1/me")
            .header("cookie", &cookie)
            .send()
            .await;
        assert_eq!(reply.status, 401, "{}", reply.text());
    }
    crate::sign_in::sign_in(&gateway, "ann-user").await;
}

/// Whose surrogates a prompt gets: no two callers have the same.
async fn stand_in(gateway: &TestGateway, credential: &str) -> String {
    let ask = gateway
        .post(CHAT, chat("demo-echo", EMAIL))
        .without("authorization");
    let ask: Ask = ask.header("authorization", &format!("Bearer {credential}"));
    let reply = ask.send().await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    tag(&gateway.seen().pop().unwrap().body)
}

/// `token` with one sign of its signature changed.
fn changed_near_its_end(token: &str) -> String {
    let (before, after) = token.split_at(token.len() - 10);
    let (sign, after) = after.split_at(1);
    let other = if sign == "A" { 'B' } else { 'A' };
    format!("{before}{other}{after}")
}

/// Elsewhere what a token stood for was remembered under a part of it, so that whoever came with a token that began alike was taken for
/// somebody else.
#[tokio::test]
async fn callers_share_a_place_in_the_cache_of_identities() {
    let (first, second) = (
        privet_testkit::TokenKey::ed25519(),
        privet_testkit::TokenKey::ed25519(),
    );
    let (one, two) = (
        privet_testkit::TestIssuer::start().await,
        privet_testkit::TestIssuer::start().await,
    );
    // Both call their key by one name, and both know somebody by the same one.
    one.show(&[first.jwk("one")]);
    two.show(&[second.jwk("one")]);
    let entries = [
        one.entry(
            "one",
            "principals = { \"sub-1\" = \"ann-user\", \"sub-10\" = \"bob-user\" }",
        ),
        two.entry("two", "principals = { \"sub-1\" = \"eve-user\" }"),
    ]
    .concat();
    let gateway = TestGateway::builder().issuers(&entries).start().await;
    let mut wanted = Vec::new();
    for name in ["ann-user", "bob-user", "eve-user"] {
        issuers::person(&gateway, name, &["user"]).await;
        let key = gateway.key_for("default", name, KeyScopes::default()).await;
        wanted.push(stand_in(&gateway, &key).await);
    }
    let now = gateway.clock().now().as_second();
    let token = |issuer: &privet_testkit::TestIssuer, key: &privet_testkit::TokenKey, sub: &str| {
        let claims = json!({"aud": "privet", "exp": now + 300, "iat": now, "iss": issuer.url(), "sub": sub});
        key.token("one", &claims)
    };
    let tokens = [
        token(&one, &first, "sub-1"),
        token(&one, &first, "sub-10"),
        token(&two, &second, "sub-1"),
    ];
    let alike = tokens[0]
        .bytes()
        .zip(tokens[1].bytes())
        .take_while(|(a, b)| a == b)
        .count();
    assert!(alike > 150, "they begin alike for {alike} characters");
    for _ in 0..3 {
        for (token, wanted) in tokens.iter().zip(&wanted) {
            assert_eq!(&stand_in(&gateway, token).await, wanted);
        }
    }
    let ((signed, _), (_, signature)) = (
        tokens[0].rsplit_once('.').unwrap(),
        tokens[1].rsplit_once('.').unwrap(),
    );
    let forged = [
        // Known tokens with something else in the place of their ends.
        changed_near_its_end(&tokens[0]),
        format!("{signed}.{signature}"),
        format!("{}AAAA", tokens[0]),
        token(&one, &second, "sub-1"),
        token(&two, &first, "sub-1"),
    ];
    let sent = gateway.seen().len();
    for forged in forged {
        let ask = gateway
            .post(CHAT, chat("demo-echo", EMAIL))
            .without("authorization");
        let reply = ask
            .header("authorization", &format!("Bearer {forged}"))
            .send()
            .await;
        assert!(reply.status == 401, "{}", reply.text());
    }
    assert_eq!(gateway.seen().len(), sent);
}

/// Elsewhere the claims of a token were read, and its signature was not.
#[test]
fn a_token_is_not_verified() {
    issuers::a_header_that_would_choose_the_key_or_the_algorithm_itself_is_refused();
}
