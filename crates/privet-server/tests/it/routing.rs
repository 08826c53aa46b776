//! Several providers for a model: shares, failures, retries, rests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use privet_testkit::{Answer, RawProvider, TestGateway, json_reply};
use tokio::net::TcpListener;

use crate::support::{CHAT, EMAIL, MESSAGES, assert_refused, chat, chat_stream, messages, said, tag};

/// A whole reply in which the provider says `text`.
fn says(text: &str) -> Vec<u8> {
    json_reply(
        "200 OK",
        "",
        &format!(r#"{{"choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}}}}]}}"#),
    )
}

fn fails(status: &str, headers: &str) -> Vec<u8> {
    json_reply(status, headers, r#"{"error":{"message":"theirs"}}"#)
}

/// A provider that fails `failures` times with `status`, and then says `text`.
async fn recovering(failures: usize, status: &'static str, headers: &'static str) -> RawProvider {
    let asked = AtomicUsize::new(0);
    RawProvider::start(move |_| {
        if asked.fetch_add(1, Ordering::Relaxed) < failures {
            Answer::Bytes(fails(status, headers))
        } else {
            Answer::Bytes(says("recovered"))
        }
    })
    .await
}

/// An address where nobody listens.
async fn nobody() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

fn provider(name: &str, at: std::net::SocketAddr, more: &str) -> String {
    format!(
        "[[providers]]\nname = \"{name}\"\ndialect = \"openai\"\nbase_url = \"http://{at}/v1\"\n\
         api_key = {{ env = \"READ_BY_NOBODY\" }}\n{more}\n"
    )
}

/// A gateway whose model `both` leads to `a`, and where that fails to `b`, which calls it `bs-own`.
async fn with_fallback(a: std::net::SocketAddr, b: std::net::SocketAddr, routing: &str) -> TestGateway {
    let providers = provider("a", a, "") + &provider("b", b, "");
    let models = "[[models]]\nmatch = \"both\"\nprovider = \"a\"\nfallback = [{ provider = \"b\", upstream_model = \"bs-own\" }]\n";
    let builder = TestGateway::builder().providers(&providers).models(models);
    builder.routing(routing).start().await
}

/// A gateway whose model `one` leads to `a` alone.
async fn with_one(a: std::net::SocketAddr, more: &str, routing: &str) -> TestGateway {
    let models = "[[models]]\nmatch = \"one\"\nprovider = \"a\"\n";
    let builder = TestGateway::builder()
        .providers(&provider("a", a, more))
        .models(models);
    builder.routing(routing).start().await
}

#[tokio::test]
async fn requests_are_shared_by_weight() {
    let a = RawProvider::always(says("a")).await;
    let b = RawProvider::always(says("b")).await;
    let providers = provider("a", a.address(), "") + &provider("b", b.address(), "");
    let models = "[[models]]\nmatch = \"both\"\ntargets = [{ provider = \"a\", weight = 4 }, { provider = \"b\", upstream_model = \"bs-own\" }]\n";
    let builder = TestGateway::builder().providers(&providers).models(models);
    let gateway = builder.start().await;
    for _ in 0..50 {
        gateway.post(CHAT, chat("both", "hello")).send().await;
    }
    let (of_a, of_b) = (a.requests(), b.requests());
    assert_eq!(of_a.len() + of_b.len(), 50);
    assert!(of_a.len().abs_diff(40) <= 2, "{}", of_a.len());
    assert!(
        of_a.iter()
            .all(|request| request.body == chat("both", "hello").as_bytes())
    );
    assert!(
        of_b.iter()
            .all(|request| request.body == chat("bs-own", "hello").as_bytes())
    );
}

#[tokio::test]
async fn where_one_fails_the_next_gets_the_same_masked_prompt_with_its_own_name_for_the_model() {
    for status in [
        "429 Too Many Requests",
        "500 Oops",
        "503 Busy",
        "529 Overloaded",
        "408 Timeout",
    ] {
        let a = RawProvider::always(fails(status, "retry-after: 600\r\n")).await;
        let b = RawProvider::always(says("b")).await;
        let gateway = with_fallback(a.address(), b.address(), "").await;
        let reply = gateway.post(CHAT, chat("both", EMAIL)).send().await;
        assert_eq!(said(&reply), "b", "{status}");
        let (of_a, of_b) = (a.requests(), b.requests());
        assert_eq!((of_a.len(), of_b.len()), (1, 1), "{status}");
        let tag = tag(&of_a[0].body);
        assert_eq!(of_a[0].body, chat("both", &tag).as_bytes());
        assert_eq!(of_b[0].body, chat("bs-own", &tag).as_bytes());
        let keys = [&of_a[0], &of_b[0]].map(|request| {
            let found = request.headers.iter().find(|(name, _)| name == "authorization");
            found.unwrap().1.clone()
        });
        assert_eq!(keys, ["Bearer upstream-key-of-a", "Bearer upstream-key-of-b"]);
    }
}

#[tokio::test]
async fn where_nobody_listens_the_next_is_asked() {
    let b = RawProvider::always(says("b")).await;
    let gateway = with_fallback(nobody().await, b.address(), "").await;
    let reply = gateway.post(CHAT, chat("both", EMAIL)).send().await;
    assert_eq!(said(&reply), "b");
}

#[tokio::test]
async fn each_provider_that_gets_a_prompt_stands_in_the_audit_log() {
    let a = RawProvider::always(fails("503 Busy", "")).await;
    let b = RawProvider::always(says("b")).await;
    let gateway = with_fallback(a.address(), b.address(), "").await;
    gateway.post(CHAT, chat("both", EMAIL)).send().await;
    let events = gateway.stop().await.home.audit().await;
    let told: Vec<_> = events
        .iter()
        .map(|row| (row.event.provider.as_deref(), row.event.decision.reason.as_str()))
        .collect();
    assert_eq!(told, [(Some("a"), "masked"), (Some("b"), "fallback")]);
    assert_eq!(events[0].event.request_id, events[1].event.request_id);
    assert_ne!(
        events[0].event.sent_hash, events[1].event.sent_hash,
        "the model's name differs"
    );
}

#[tokio::test]
async fn what_would_fail_again_or_may_have_been_done_is_not_sent_again() {
    let asks_in_vain = async |answer: Vec<u8>| {
        let a = RawProvider::always(answer).await;
        let b = RawProvider::always(says("b")).await;
        let gateway = with_fallback(a.address(), b.address(), "retries = 2").await;
        let reply = gateway.post(CHAT, chat("both", EMAIL)).send().await;
        assert_eq!((a.requests().len(), b.requests().len()), (1, 0));
        reply
    };
    let reply = asks_in_vain(fails("400 Bad", "")).await;
    assert_eq!(
        (reply.status, reply.json()["error"]["message"].as_str()),
        (400, Some("theirs"))
    );
    let reply = asks_in_vain(fails("401 No", "")).await;
    assert_eq!(reply.status, 401);
    // It hung up behind the request, or answers nonsense: perhaps the model has answered.
    let reply = asks_in_vain(Vec::new()).await;
    assert_refused(&reply, CHAT, 502, "upstream_unreachable");
    let reply = asks_in_vain(fails("307 Elsewhere", "location: http://127.0.0.1:1/\r\n")).await;
    assert_refused(&reply, CHAT, 502, "upstream_unusable");
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_not_begun_again_elsewhere() {
    let broken = {
        let mut bytes = privet_testkit::sse_head();
        bytes.extend(privet_testkit::chunk(
            b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n",
        ));
        bytes
    };
    let a = RawProvider::always(broken).await;
    let b = RawProvider::always(says("b")).await;
    let gateway = with_fallback(a.address(), b.address(), "retries = 2").await;
    let reply = gateway.post(CHAT, chat_stream("both", EMAIL)).send().await;
    assert!(!reply.is_whole);
    assert_eq!(reply.openai_said(0), "a");
    assert_eq!((a.requests().len(), b.requests().len()), (1, 0));
}

#[tokio::test]
async fn the_last_refusal_is_the_callers_unchanged() {
    let refusing = |text: &str| {
        let headers = format!("retry-after: 7\r\nretry-after-ms: 7000\r\nx-request-id: {text}\r\n");
        RawProvider::always(fails("429 Too Many Requests", &headers))
    };
    let (a, b) = (refusing("a").await, refusing("b").await);
    let gateway = with_fallback(a.address(), b.address(), "").await;
    let reply = gateway.post(CHAT, chat("both", EMAIL)).send().await;
    assert_eq!(reply.status, 429);
    assert_eq!(reply.json()["error"]["message"], "theirs");
    for (name, value) in [
        ("retry-after", "7"),
        ("retry-after-ms", "7000"),
        ("x-request-id", "b"),
    ] {
        assert_eq!(reply.header(name), Some(value));
    }
}

#[tokio::test]
async fn one_provider_is_asked_again_as_often_as_the_settings_say_and_not_by_default() {
    let a = recovering(2, "503 Busy", "").await;
    let gateway = with_one(a.address(), "", "retries = 2\nretry_wait = \"1ms\"").await;
    assert_eq!(
        said(&gateway.post(CHAT, chat("one", EMAIL)).send().await),
        "recovered"
    );
    let requests = a.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    let a = recovering(2, "503 Busy", "").await;
    let gateway = with_one(a.address(), "", "retries = 1\nretry_wait = \"1ms\"").await;
    assert_eq!(gateway.post(CHAT, chat("one", EMAIL)).send().await.status, 503);
    assert_eq!(a.requests().len(), 2);
    let a = recovering(1, "503 Busy", "").await;
    let gateway = with_one(a.address(), "", "").await;
    assert_eq!(gateway.post(CHAT, chat("one", EMAIL)).send().await.status, 503);
    assert_eq!(a.requests().len(), 1);
}

#[tokio::test]
async fn a_provider_that_wants_a_longer_rest_than_the_settings_allow_is_not_asked_again() {
    let a = recovering(1, "429 Too Many Requests", "retry-after: 3600\r\n").await;
    let gateway = with_one(a.address(), "", "retries = 3\nretry_wait = \"1ms\"").await;
    let reply = gateway.post(CHAT, chat("one", EMAIL)).send().await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("3600")));
    assert_eq!(a.requests().len(), 1);
}

#[tokio::test]
async fn a_provider_is_left_alone_for_as_long_as_it_asked() {
    let a = recovering(1, "429 Too Many Requests", "retry-after-ms: 300\r\n").await;
    let gateway = with_one(a.address(), "", "retries = 3\nretry_wait = \"1ms\"").await;
    let began = std::time::Instant::now();
    assert_eq!(
        said(&gateway.post(CHAT, chat("one", EMAIL)).send().await),
        "recovered"
    );
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn no_more_is_sent_again_than_the_budget_grants() {
    let a = RawProvider::always(fails("500 Oops", "")).await;
    let gateway = with_one(
        a.address(),
        "",
        "retries = 1\nretry_budget = 20\nretry_wait = \"1ms\"",
    )
    .await;
    for _ in 0..50 {
        gateway.post(CHAT, chat("one", "hello")).send().await;
    }
    // Ten at the beginning, and one for each five requests.
    assert_eq!(a.requests().len(), 50 + 10 + 10);
}

#[tokio::test]
async fn a_provider_that_keeps_failing_is_given_a_rest_and_the_node_stays_ready() {
    let a = RawProvider::always(fails("503 Busy", "")).await;
    let gateway = with_one(a.address(), "", "breaker_failures = 3\nbreaker_rest = \"1h\"").await;
    let ask = || gateway.post(CHAT, chat("one", EMAIL)).send();
    let ready = || gateway.ask("GET", "/readyz").send();
    assert_eq!(ready().await.text(), "ready\n");
    for _ in 0..3 {
        assert_eq!(ask().await.json()["error"]["message"], "theirs");
    }
    for _ in 0..3 {
        assert_refused(&ask().await, CHAT, 503, "provider_resting");
    }
    assert_eq!(a.requests().len(), 3, "nothing is sent to who rests");
    let said_of_it = ready().await;
    assert_eq!(said_of_it.status, 200, "the node serves the other providers");
    assert_eq!(said_of_it.text(), "ready; providers down or resting: 1 of 3\n");
}

#[tokio::test]
async fn a_rest_ends_when_the_provider_answers_again() {
    let a = recovering(4, "503 Busy", "").await;
    let gateway = with_one(a.address(), "", "breaker_failures = 3\nbreaker_rest = \"1ms\"").await;
    let ask = || gateway.post(CHAT, chat("one", EMAIL)).send();
    let recovered = tokio::time::timeout(Duration::from_secs(30), async {
        while ask().await.status != 200 {
            tokio::task::yield_now().await;
        }
    });
    recovered.await.unwrap();
    assert_eq!(gateway.ask("GET", "/readyz").send().await.text(), "ready\n");
    assert_eq!(said(&ask().await), "recovered");
}

#[tokio::test]
async fn who_rests_is_passed_over_and_what_is_wrong_with_a_request_is_no_failure() {
    let a = RawProvider::always(fails("503 Busy", "")).await;
    let b = RawProvider::always(says("b")).await;
    let routing = "breaker_failures = 2\nbreaker_rest = \"1h\"";
    let gateway = with_fallback(a.address(), b.address(), routing).await;
    for _ in 0..6 {
        assert_eq!(said(&gateway.post(CHAT, chat("both", "hello")).send().await), "b");
    }
    assert_eq!((a.requests().len(), b.requests().len()), (2, 6));
    let a = RawProvider::always(fails("400 Bad", "")).await;
    let gateway = with_one(a.address(), "", routing).await;
    for _ in 0..6 {
        assert_eq!(gateway.post(CHAT, chat("one", "hello")).send().await.status, 400);
    }
}

#[tokio::test]
async fn a_provider_that_fails_its_health_checks_gets_no_prompts_until_it_is_well() {
    let is_well = Arc::new(AtomicUsize::new(0));
    let for_script = Arc::clone(&is_well);
    let a = RawProvider::start(move |request| match request.path.as_str() {
        "/health?deep=1" if for_script.load(Ordering::Acquire) == 0 => Answer::Bytes(fails("500 Ill", "")),
        _ => Answer::Bytes(says("a")),
    })
    .await;
    let b = RawProvider::always(says("b")).await;
    let health = "health = { path = \"/health?deep=1\", interval = \"10ms\" }";
    let providers = provider("a", a.address(), health) + &provider("b", b.address(), "");
    let models = "[[models]]\nmatch = \"both\"\nprovider = \"a\"\nfallback = [{ provider = \"b\" }]\n";
    let builder = TestGateway::builder().providers(&providers).models(models);
    let gateway = builder.start().await;
    a.arrived(4).await;
    let ask = || gateway.post(CHAT, chat("both", "hello")).send();
    assert_eq!(said(&ask().await), "b");
    let is_prompt = |request: &privet_testkit::demo::Recording| request.method == "POST";
    assert!(!a.requests().iter().any(is_prompt));
    let probe = a.requests().remove(0);
    assert_eq!((probe.method.as_str(), probe.body.is_empty()), ("GET", true));
    is_well.store(1, Ordering::Release);
    let recovered = tokio::time::timeout(Duration::from_secs(30), async {
        while said(&ask().await) != "a" {
            tokio::task::yield_now().await;
        }
    });
    recovered.await.unwrap();
}

#[tokio::test]
async fn messages_are_stood_in_for_as_chats_are() {
    let a = RawProvider::always(fails("529 Overloaded", "")).await;
    let answer = r#"{"type":"message","role":"assistant","content":[{"type":"text","text":"b"}]}"#;
    let b = RawProvider::always(json_reply("200 OK", "", answer)).await;
    let both: String = [("a", a.address()), ("b", b.address())]
        .iter()
        .map(|(name, at)| {
            format!("[[providers]]\nname = \"{name}\"\nkind = \"anthropic\"\nbase_url = \"http://{at}\"\n")
        })
        .collect();
    let models = "[[models]]\nmatch = \"both\"\nprovider = \"a\"\nfallback = [{ provider = \"b\", upstream_model = \"bs-own\" }]\n";
    let builder = TestGateway::builder().providers(&both).models(models);
    let gateway = builder.start().await;
    let reply = gateway.post(MESSAGES, messages("both", EMAIL)).send().await;
    assert_eq!(reply.json()["content"][0]["text"], "b");
    let request = b.requests().remove(0);
    assert_eq!(request.body, messages("bs-own", &tag(&request.body)).as_bytes());
}
