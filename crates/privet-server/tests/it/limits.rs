//! Limits over real sockets: who is refused, with what words, and what counts in the end.

use std::time::Duration;

use privet_access::Holder;
use privet_testkit::{Answer, Ask, PATIENCE, RawProvider, Reply, TestGateway, chunk, json_reply, sse_head};
use privet_types::{KeyScopes, Principal, PrincipalKind};
use tokio::sync::mpsc;

use crate::support::{CHAT, EMAIL, MESSAGES, assert_refused, chat, chat_stream, messages};

fn rule(lines: &str) -> String {
    format!("[[limits.rules]]\nname = \"mine\"\n{lines}\n")
}

/// A chat reply that used so many tokens.
fn used(prompt: u64, reply: u64) -> Vec<u8> {
    let usage = format!(r#"{{"prompt_tokens":{prompt},"completion_tokens":{reply}}}"#);
    json_reply("200 OK", "", &format!(r#"{{"choices":[],"usage":{usage}}}"#))
}

async fn standing(gateway: &TestGateway) -> serde_json::Value {
    let ask = gateway.ask("GET", "/api/v1/limits");
    let reply = ask
        .header("authorization", &format!("Bearer {}", gateway.key()))
        .send()
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["limits"][0].clone()
}

/// Waits until what is under way has been settled.
async fn settled(gateway: &TestGateway, what: &str, count: u64) {
    let begun = std::time::Instant::now();
    loop {
        let now = standing(gateway).await;
        if now[what]["used"] == count && now[what]["reserved"].as_u64().unwrap_or_default() == 0 {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{now}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Makes `name`, who may send prompts, a member of `groups`, which are made if they are not there. Returns a key.
pub(crate) async fn member(gateway: &TestGateway, name: &str, groups: &[&str]) -> String {
    let people = gateway.people("default");
    let principal: Principal = name.parse().unwrap();
    people.create(&principal, PrincipalKind::User).await.unwrap();
    let role = "developer".parse().unwrap();
    let holder = Holder::Principal(principal.clone());
    people.set_role(&holder, &role, true).await.unwrap();
    for group in groups {
        let group = group.parse().unwrap();
        // Another member may have brought it about.
        let _ = people.create_group(&group).await;
        people.set_member(&group, &principal, true).await.unwrap();
    }
    gateway.key_for("default", name, KeyScopes::default()).await
}

pub(crate) async fn ask_by(gateway: &TestGateway, key: &str) -> Reply {
    let ask = gateway
        .post(CHAT, chat("demo-echo", EMAIL))
        .without("authorization");
    ask.header("x-api-key", key).send().await
}

fn assert_limited(reply: &Reply, says: &str) {
    assert_eq!(reply.status, 429, "{}", reply.text());
    let error = &reply.json()["error"];
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("`mine`") && message.contains(says), "{message}");
    assert_eq!(error["type"], "rate_limit_error");
}

#[tokio::test]
async fn requests_past_a_limit_are_told_which_and_when_in_the_shape_of_the_surface() {
    let gateway = TestGateway::builder()
        .policy(&rule("each = [\"principal\"]\nwindow = \"minute\"\nrequests = 2"))
        .start()
        .await;
    // The clock stands at a full minute.
    gateway.clock().advance(Duration::from_secs(18));
    for _ in 0..2 {
        let reply = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let reply = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_limited(&reply, "2 requests a minute");
    assert_eq!(reply.json()["error"]["code"], "limit_exceeded");
    assert_eq!(reply.header("retry-after"), Some("43"));
    assert_eq!(reply.header("x-should-retry"), None);
    let reply = gateway
        .post(MESSAGES, messages("claude-demo-echo", EMAIL))
        .send()
        .await;
    assert_limited(&reply, "there is room again at 2026-01-01T00:01:00Z");
    assert_eq!(reply.json()["type"], "error");
    let bob = gateway.key_for("default", "bob", KeyScopes::default()).await;
    let other = gateway
        .post(CHAT, chat("demo-echo", EMAIL))
        .without("authorization")
        .header("x-api-key", &bob);
    assert_eq!(other.send().await.status, 200);
    gateway.clock().advance(Duration::from_secs(42));
    assert_eq!(
        gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await.status,
        200
    );
    let stopped = gateway.stop().await;
    let rows = stopped.home.audit().await;
    let reasons = rows
        .iter()
        .filter(|row| row.event.decision.reason == "limit_exceeded")
        .count();
    assert_eq!(reasons, 2);
}

#[tokio::test]
async fn members_of_a_group_share_its_limit_and_others_have_theirs() {
    let gateway = TestGateway::builder()
        .policy(&rule("each = [\"group\"]\nwindow = \"day\"\nrequests = 2"))
        .start()
        .await;
    let both = member(&gateway, "both", &["blue", "red"]).await;
    let red = member(&gateway, "of-red", &["red"]).await;
    let blue = member(&gateway, "of-blue", &["blue"]).await;
    for key in [&both, &red] {
        let reply = ask_by(&gateway, key).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let refused = ask_by(&gateway, &both).await;
    assert_limited(&refused, "2 requests a day for the group `red` is used up");
    assert_eq!(
        ask_by(&gateway, &blue).await.status,
        200,
        "nothing was taken from blue"
    );
    assert_limited(&ask_by(&gateway, &blue).await, "for the group `blue`");
    // Who is in no group has no such limit.
    for _ in 0..3 {
        assert_eq!(
            gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await.status,
            200
        );
    }
    let reply = gateway
        .ask("GET", "/api/v1/limits")
        .header("x-api-key", &both)
        .send()
        .await;
    let told = reply.json();
    let told: Vec<(&str, u64)> = told["limits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["group"].as_str().unwrap(),
                one["requests"]["used"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [("blue", 2), ("red", 2)]);
}

#[tokio::test]
async fn who_is_in_more_groups_than_are_counted_sends_nothing() {
    let gateway = TestGateway::builder()
        .policy(&rule("each = [\"group\"]\nconcurrent = 9"))
        .start()
        .await;
    let names: Vec<String> = (0..33).map(|number| format!("g{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let key = member(&gateway, "bob", &names).await;
    assert_refused(&ask_by(&gateway, &key).await, CHAT, 403, "too_many_groups");
    assert!(gateway.seen().is_empty());
}

/// Each address for texts, with a body that it takes.
fn texts() -> [(&'static str, serde_json::Value); 8] {
    let text = serde_json::json!({ "text": EMAIL });
    let nothing = serde_json::json!({ "text": "hello", "anonymizer_results": [] });
    [
        ("/analyze", serde_json::json!({ "text": EMAIL, "language": "en" })),
        (
            "/anonymize",
            serde_json::json!({ "text": EMAIL, "analyzer_results": [] }),
        ),
        ("/deanonymize", nothing),
        ("/api/v1/pii/detect", text.clone()),
        ("/api/v1/pii/anonymize", text.clone()),
        ("/api/v1/pii/restore", text.clone()),
        ("/api/v1/protect", text.clone()),
        // Without its token it is refused, and counts all the same.
        ("/api/v1/restore", text),
    ]
}

#[tokio::test]
async fn texts_count_as_requests_and_are_told_in_the_shape_of_their_address() {
    for (path, body) in texts() {
        let gateway = TestGateway::builder()
            .policy(&rule("each = [\"principal\"]\nwindow = \"minute\"\nrequests = 1"))
            .start()
            .await;
        gateway.clock().advance(Duration::from_secs(18));
        let first = gateway.post(path, body.to_string()).send().await;
        assert_ne!(first.status, 429, "{path}: {}", first.text());
        let reply = gateway.post(path, body.to_string()).send().await;
        assert_eq!(reply.status, 429, "{path}: {}", reply.text());
        assert_eq!(reply.header("retry-after"), Some("43"), "{path}");
        let error = &reply.json()["error"];
        let is_presidios = !path.starts_with("/api/");
        let says = if is_presidios { error } else { &error["message"] };
        let says = says.as_str().unwrap_or_default();
        assert!(
            says.contains("`mine` of 1 requests a minute"),
            "{path}: {}",
            reply.text()
        );
        assert_eq!(error["code"] == "limit_exceeded", !is_presidios, "{path}");
        // It is one count for texts and prompts.
        assert_eq!(
            gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await.status,
            429
        );
    }
}

#[tokio::test]
async fn the_tokens_of_a_text_are_those_of_its_bytes_and_it_costs_nothing() {
    let policy = rule("window = \"day\"\ntokens = 100\ncost = 1");
    let gateway = TestGateway::builder()
        .policy(&policy)
        .prices("[[prices]]\nmatch = \"demo\"\ninput = 1.5\noutput = 2.5\ncurrency = \"EUR\"")
        .start()
        .await;
    let detect = |bytes: usize| {
        let around = r#"{"text":""}"#.len();
        let body = serde_json::json!({ "text": "x".repeat(bytes - around) });
        gateway.post("/api/v1/pii/detect", body.to_string()).send()
    };
    assert_eq!(detect(200).await.status, 200);
    let now = standing(&gateway).await;
    assert_eq!(
        (&now["tokens"]["used"], &now["cost"]["used"]),
        (&67.into(), &0.0.into()),
        "{now}"
    );
    assert_limited(&detect(200).await, "100 tokens a day");
    assert_eq!(detect(99).await.status, 200);
    let hopeless = detect(400).await;
    assert_limited(&hopeless, "allows at all");
}

#[tokio::test]
async fn texts_that_need_no_key_share_a_count_and_rules_for_surfaces_are_for_those_alone() {
    let policy = rule("each = [\"principal\"]\nsurfaces = [\"presidio\"]\nwindow = \"day\"\nrequests = 2");
    let gateway = TestGateway::builder()
        .policy(&policy)
        .presidio(r#"listen = "127.0.0.1:0""#)
        .start()
        .await;
    let open = || {
        Ask::new(gateway.presidio_address(), "POST", "/analyze")
            .header("content-type", "application/json")
            .body(serde_json::json!({ "text": EMAIL, "language": "en" }).to_string())
            .send()
    };
    for status in [200, 200, 429] {
        let reply = open().await;
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    // Who has a key has a count, and elsewhere nobody is counted by this rule.
    let body = serde_json::json!({ "text": EMAIL, "language": "en" }).to_string();
    assert_eq!(gateway.post("/analyze", body).send().await.status, 200);
    for _ in 0..3 {
        let text = serde_json::json!({ "text": EMAIL }).to_string();
        assert_eq!(gateway.post("/api/v1/pii/detect", text).send().await.status, 200);
        assert_eq!(
            gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await.status,
            200
        );
    }
}

#[tokio::test]
async fn a_text_takes_the_place_of_a_prompt_while_it_is_worked_on_and_gives_it_back() {
    let (pieces, script) = mpsc::unbounded_channel();
    let script = std::sync::Mutex::new(Some(script));
    let provider = RawProvider::start(move |_| Answer::Pieces(script.lock().unwrap().take().unwrap())).await;
    let gateway = TestGateway::builder()
        .in_front_of(provider.address())
        .policy(&rule("concurrent = 1"))
        .start()
        .await;
    let text = || {
        let body = serde_json::json!({ "text": EMAIL }).to_string();
        gateway.post("/api/v1/protect", body).send()
    };
    for _ in 0..2 {
        assert_eq!(text().await.status, 200);
    }
    pieces.send(sse_head()).unwrap();
    pieces
        .send(chunk(
            b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one \"}}]}\n\n",
        ))
        .unwrap();
    let mut open = gateway.post(CHAT, chat_stream("demo", EMAIL)).open().await;
    open.until("one").await;
    let reply = text().await;
    assert_limited(&reply, "1 requests at once");
    assert_eq!(reply.header("retry-after"), Some("1"));
    drop(open);
    provider.gone(1).await;
    settled(&gateway, "concurrent", 0).await;
    assert_eq!(text().await.status, 200);
}

#[tokio::test]
pub(crate) async fn what_the_provider_says_counts_and_not_the_estimate() {
    let provider = RawProvider::always(used(300, 150)).await;
    let gateway = TestGateway::builder()
        .in_front_of(provider.address())
        .policy(&rule("window = \"day\"\ntokens = 2000"))
        .start()
        .await;
    for turn in 1..=2 {
        assert_eq!(gateway.post(CHAT, chat("demo", EMAIL)).send().await.status, 200);
        settled(&gateway, "tokens", turn * 450).await;
    }
    assert_eq!(gateway.post(CHAT, chat("demo", EMAIL)).send().await.status, 200);
    settled(&gateway, "tokens", 1350).await;
    // 1,024 tokens of a reply are reserved: too many for the 650 that are left. With a bound of its own the request fits.
    let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert_limited(&reply, "2000 tokens a day");
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    let bounded = serde_json::json!({"model": "demo", "max_tokens": 100, "messages": [{"role": "user", "content": EMAIL}]});
    assert_eq!(gateway.post(CHAT, bounded.to_string()).send().await.status, 200);
    assert_eq!(provider.requests().len(), 4);
}

#[tokio::test]
pub(crate) async fn a_stream_that_the_caller_leaves_counts_by_what_came_and_frees_its_place() {
    let (pieces, script) = mpsc::unbounded_channel();
    let script = std::sync::Mutex::new(Some(script));
    let provider = RawProvider::start(move |_| match script.lock().unwrap().take() {
        Some(pieces) => Answer::Pieces(pieces),
        None => Answer::Bytes(used(1, 1)),
    })
    .await;
    let gateway = TestGateway::builder()
        .in_front_of(provider.address())
        .policy(&rule("window = \"day\"\nconcurrent = 1\ntokens = 100000"))
        .start()
        .await;
    let event = |text: &str| chunk(format!("data: {text}\n\n").as_bytes());
    pieces.send(sse_head()).unwrap();
    pieces
        .send(event(r#"{"choices":[{"index":0,"delta":{"content":"one "}}],"usage":{"prompt_tokens":70,"completion_tokens":1}}"#))
        .unwrap();
    let mut open = gateway.post(CHAT, chat_stream("demo", EMAIL)).open().await;
    open.until("one").await;
    let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert_limited(&reply, "1 requests at once");
    assert_eq!(reply.header("retry-after"), Some("1"));
    drop(open);
    provider.gone(1).await;
    settled(&gateway, "tokens", 71).await;
    assert_eq!(gateway.post(CHAT, chat("demo", EMAIL)).send().await.status, 200);
    settled(&gateway, "tokens", 73).await;
}

#[tokio::test]
pub(crate) async fn what_the_provider_refuses_or_never_got_costs_no_tokens() {
    let refusing = RawProvider::always(json_reply("400 Bad Request", "", r#"{"error":{}}"#)).await;
    let nobody = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    for (address, status) in [(refusing.address(), 400), (nobody, 502)] {
        let gateway = TestGateway::builder()
            .in_front_of(address)
            .policy(&rule("window = \"day\"\ntokens = 5000\nrequests = 9"))
            .start()
            .await;
        assert_eq!(
            gateway.post(CHAT, chat("demo", EMAIL)).send().await.status,
            status
        );
        settled(&gateway, "requests", 1).await;
        settled(&gateway, "tokens", 0).await;
    }
}

#[tokio::test]
pub(crate) async fn many_at_once_pass_a_limit_exactly_as_often_as_it_allows() {
    let provider = RawProvider::always(used(1, 1)).await;
    let gateway = TestGateway::builder()
        .in_front_of(provider.address())
        .policy(&rule("window = \"month\"\nrequests = 10"))
        .start()
        .await;
    let asks: Vec<_> = (0..40)
        .map(|_| tokio::spawn(gateway.post(CHAT, chat("demo", EMAIL)).send()))
        .collect();
    let mut statuses = Vec::new();
    for ask in asks {
        statuses.push(ask.await.unwrap().status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 30);
    assert_eq!(provider.requests().len(), 10);
}

#[tokio::test]
async fn budgets_go_on_after_an_end_and_after_a_crash() {
    let policy = rule("each = [\"principal\"]\nwindow = \"month\"\ntokens = 1450");
    let provider = RawProvider::always(used(300, 150)).await;
    let start = |home| {
        let builder = TestGateway::builder()
            .in_front_of(provider.address())
            .policy(&policy);
        match home {
            Some(home) => builder.home(home),
            None => builder,
        }
        .start()
    };
    let gateway = start(None).await;
    assert_eq!(gateway.post(CHAT, chat("demo", EMAIL)).send().await.status, 200);
    settled(&gateway, "tokens", 450).await;
    let home = gateway.stop().await.home;
    let gateway = start(Some(home)).await;
    let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert_limited(&reply, "1450 tokens a month");
    let bounded = serde_json::json!({"model": "demo", "max_tokens": 10, "messages": [{"role": "user", "content": EMAIL}]});
    assert_eq!(gateway.post(CHAT, bounded.to_string()).send().await.status, 200);
    settled(&gateway, "tokens", 900).await;
    let begun = std::time::Instant::now();
    while gateway.store().limit_counters(gateway.node()).await.unwrap()[0].tokens != 900 {
        assert!(begun.elapsed() < PATIENCE, "the budget is not saved");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let saved = gateway.store().limit_counters(gateway.node()).await.unwrap();
    assert!(
        saved
            .iter()
            .all(|row| !row.counter.contains("ann") && row.counter.len() == 64)
    );
    let home = gateway.crash().await;
    let gateway = start(Some(home)).await;
    // A count is taken up when it is asked for.
    let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert_limited(&reply, "1450 tokens a month");
    settled(&gateway, "tokens", 900).await;
}

#[tokio::test]
async fn cost_is_limited_by_price_and_a_model_without_one_is_refused() {
    let provider = RawProvider::always(used(1_000_000, 1_000_000)).await;
    let prices = "[[prices]]\nmatch = \"demo\"\ninput = 1.5\noutput = 2.5\ncurrency = \"EUR\"";
    let policy = rule("window = \"day\"\ncost = 3.99");
    let builder = || TestGateway::builder().policy(&policy);
    let gateway = builder()
        .in_front_of(provider.address())
        .prices(prices)
        .start()
        .await;
    let unpriced = gateway.post(CHAT, chat("demo-other", EMAIL)).send().await;
    assert_eq!(
        (unpriced.status, unpriced.json()["error"]["code"].as_str()),
        (403, Some("no_price"))
    );
    assert_eq!(gateway.post(CHAT, chat("demo", EMAIL)).send().await.status, 200);
    let begun = std::time::Instant::now();
    while standing(&gateway).await["cost"]["used"] != 4.0 {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_limited(
        &gateway.post(CHAT, chat("demo", EMAIL)).send().await,
        "3.99 EUR a day",
    );
    assert_eq!(provider.requests().len(), 1);
    let error = builder().refused().await;
    assert!(error.contains("[[prices]]"), "{error}");
}

#[tokio::test]
async fn a_reply_that_takes_too_long_is_cut_off() {
    let (pieces, script) = mpsc::unbounded_channel();
    let script = std::sync::Mutex::new(Some(script));
    let provider = RawProvider::start(move |_| Answer::Pieces(script.lock().unwrap().take().unwrap())).await;
    let gateway = TestGateway::builder()
        .in_front_of(provider.address())
        .policy(&rule("stream_time = \"300ms\"\nconcurrent = 3"))
        .start()
        .await;
    pieces.send(sse_head()).unwrap();
    pieces
        .send(chunk(
            b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one \"}}]}\n\n",
        ))
        .unwrap();
    let reply = gateway.post(CHAT, chat_stream("demo", EMAIL)).send().await;
    assert_eq!((reply.status, reply.is_whole), (200, false));
    assert_eq!(reply.openai_said(0), "one ");
    provider.gone(1).await;
    settled(&gateway, "concurrent", 0).await;
}
