//! What cannot be understood, checked or recorded is not sent.

use std::time::Duration;

use privet_testkit::{Answer, Builder, RawProvider, TestGateway};
use serde_json::json;

use crate::support::{CARD, CHAT, EMAIL, MESSAGES, assert_refused, chat, messages, said};

const SURFACES: [(&str, &str); 2] = [(CHAT, "demo-echo"), (MESSAGES, "claude-demo-echo")];

/// The kind that `assert_refused` wants at `path`.
fn kind<'k>(path: &str, openai: &'k str, anthropic: &'k str) -> &'k str {
    if path == MESSAGES { anthropic } else { openai }
}

fn body(path: &str, text: &str) -> String {
    if path == MESSAGES {
        messages("claude-demo-echo", text)
    } else {
        chat("demo-echo", text)
    }
}

async fn small_gateway(limits: &str) -> TestGateway {
    TestGateway::builder().limits(limits).start().await
}

#[tokio::test]
async fn bodies_that_cannot_be_read_in_one_way_only_are_refused() {
    let gateway = TestGateway::builder().start().await;
    for (path, model) in SURFACES {
        let good = body(path, EMAIL);
        let bad: Vec<Vec<u8>> = vec![
            Vec::new(),
            b"{".to_vec(),
            b"[]".to_vec(),
            b"null".to_vec(),
            b"\"hello\"".to_vec(),
            good.trim_end_matches('}').into(),
            format!("{good} x").into(),
            format!("{good}{good}").into(),
            format!("{good}\0").into(),
            format!("\u{feff}{good}").into(),
            good.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            format!("{{\"model\":\"{model}\",\"messages\":[],\"messages\":[]}}").into(),
            format!("{{\"model\":\"{model}\",\"messages\":[],\"m\\u006fdel\":\"demo\"}}").into(),
            format!("{{\"model\":\"{model}\",\"messages\":[{{\"content\":\"a\",\"content\":\"{EMAIL}\"}}]}}")
                .into(),
            format!("{{\"model\":\"{model}\",\"x\":\"\\ud83d\"}}").into(),
            format!("{{\"model\":\"{model}\",\"x\":\"\\udc4b\\ud83d\"}}").into(),
            [
                format!("{{\"model\":\"{model}\",\"x\":\"").as_bytes(),
                b"\xff\xfe\"}",
            ]
            .concat(),
            format!("{{\"model\":\"{model}\",\"x\":01}}").into(),
            format!("{{\"model\":\"{model}\",\"x\":NaN}}").into(),
            format!("{{\"model\":\"{model}\",\"x\":'{EMAIL}'}}").into(),
            format!("{{\"model\":\"{model}\",\"x\":1,}}").into(),
            format!("{{\"model\":\"{model}\"/*{EMAIL}*/}}").into(),
            format!("{{\"model\":\"{model}\",\"x\":\"tab\there\"}}").into(),
            format!(
                "{{\"model\":\"{model}\",\"x\":{}1{}}}",
                "[".repeat(20_000),
                "]".repeat(20_000)
            )
            .into(),
            b"{\"messages\":[]}".to_vec(),
            b"{\"model\":7,\"messages\":[]}".to_vec(),
            format!("{{\"model\":\"{EMAIL} \",\"messages\":[]}}").into(),
        ];
        for bytes in bad {
            let reply = gateway.post(path, bytes.clone()).send().await;
            assert_refused(&reply, path, 400, kind(path, "bad_body", "invalid_request_error"));
            assert!(!reply.text().contains(EMAIL), "{}", reply.text());
        }
    }
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn arguments_with_duplicate_keys_are_refused() {
    let gateway = TestGateway::builder().start().await;
    let call = json!({"id": "call_1", "type": "function",
        "function": {"name": "f", "arguments": format!("{{\"a\":\"x\",\"a\":\"{EMAIL}\"}}")}});
    let body = json!({"model": "demo", "messages": [{"role": "assistant", "tool_calls": [call]}]});
    let reply = gateway.post(CHAT, body.to_string()).send().await;
    assert_refused(&reply, CHAT, 400, "bad_body");
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn bodies_that_are_no_plain_json_are_refused() {
    let gateway = TestGateway::builder().start().await;
    for (path, _) in SURFACES {
        let kind = kind(path, "unsupported_media", "invalid_request_error");
        let ask = gateway.post(path, body(path, "hello"));
        for media in [
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "application/jsonp",
            "application/json, text/plain",
        ] {
            let ask = ask.clone().without("content-type").header("content-type", media);
            assert_refused(&ask.send().await, path, 415, kind);
        }
        for encoding in ["gzip", "br", "deflate", "zstd", "identity, gzip"] {
            let ask = ask.clone().header("content-encoding", encoding);
            assert_refused(&ask.send().await, path, 415, kind);
        }
        let twice = ask.clone().header("content-encoding", "identity");
        let twice = twice.header("content-encoding", "gzip").send().await;
        assert_refused(&twice, path, 415, kind);
        let twice = ask.clone().header("content-type", "text/plain").send().await;
        assert_refused(&twice, path, 415, kind);
    }
    assert!(gateway.seen().is_empty());
    let ask = gateway
        .post(CHAT, chat("demo-echo", "hello"))
        .without("content-type");
    for media in ["application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(ask.clone().header("content-type", media).send().await.status, 200);
    }
    assert_eq!(ask.send().await.status, 200, "no content-type means JSON");
}

#[tokio::test]
async fn bodies_over_the_limit_are_413_whether_declared_or_not() {
    let gateway = small_gateway("request_body = \"1KiB\"").await;
    for (path, _) in SURFACES {
        let kind = kind(path, "request_too_large", "request_too_large");
        let large = body(path, &"a".repeat(1024));
        assert_refused(&gateway.post(path, large.clone()).send().await, path, 413, kind);
        assert_refused(&gateway.post(path, large).chunked().send().await, path, 413, kind);
        let declared = gateway.post(path, "{}").header("content-length", "1000000");
        assert_refused(&declared.send().await, path, 413, kind);
        assert_eq!(
            gateway
                .post(path, body(path, "short"))
                .chunked()
                .send()
                .await
                .status,
            200
        );
    }
    assert_eq!(gateway.seen().len(), 2);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_408() {
    let gateway = small_gateway("body_timeout = \"50ms\"").await;
    for (path, _) in SURFACES {
        let ask = gateway.post(path, "{\"model\":").header("content-length", "100");
        let reply = ask.send().await;
        assert_refused(
            &reply,
            path,
            408,
            kind(path, "body_timeout", "invalid_request_error"),
        );
    }
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn surfaces_that_privet_does_not_know_are_404() {
    let gateway = TestGateway::builder().start().await;
    for path in [
        "/v1/responses/",
        "/v1/responses/compact",
        "/v1/embeddings/x",
        "/v1/completions",
        "/v1/audio/transcriptions",
        "/v1/files",
        "/v1/chat/completions/",
        "/v1/chat//completions",
        "/v1/Chat/Completions",
        "/v1/messages/count_tokens/",
        "/v1/messages/batches",
        "/chat/completions",
        "/v1/%6dessages",
    ] {
        let reply = gateway.post(path, chat("demo", EMAIL)).send().await;
        assert_refused(&reply, path, 404, kind_at(path, "unknown_url", "not_found_error"));
    }
    assert!(gateway.seen().is_empty());
}

fn kind_at<'k>(path: &str, openai: &'k str, anthropic: &'k str) -> &'k str {
    if path.starts_with(MESSAGES) {
        anthropic
    } else {
        openai
    }
}

#[tokio::test]
async fn another_method_is_405_in_the_shape_of_the_surface() {
    let gateway = TestGateway::builder().start().await;
    for (path, allowed) in [(CHAT, "POST"), (MESSAGES, "POST"), ("/v1/models", "GET,HEAD")] {
        for method in ["PUT", "DELETE", "PATCH"] {
            let reply = gateway.ask(method, path).send().await;
            let kind = kind(path, "method_not_allowed", "invalid_request_error");
            assert_refused(&reply, path, 405, kind);
            assert_eq!(reply.header("allow"), Some(allowed), "{method} {path}");
        }
    }
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn probes_need_no_key() {
    let gateway = TestGateway::builder().start().await;
    for (method, path, status, body) in [
        ("HEAD", "/", 200, ""),
        ("GET", "/", 200, ""),
        ("GET", "/healthz", 200, "ok\n"),
        ("HEAD", "/healthz", 200, ""),
        ("GET", "/readyz", 200, "ready\n"),
    ] {
        let reply = gateway.ask(method, path).send().await;
        assert_eq!(
            (reply.status, reply.text().as_str()),
            (status, body),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn content_that_cannot_be_looked_into_is_refused() {
    let gateway = TestGateway::builder().start().await;
    let chat_parts = [
        (
            "image",
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
        ),
        (
            "audio",
            json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
        ),
        (
            "file",
            json!({"type": "file", "file": {"file_data": "AAAA", "filename": "a.pdf"}}),
        ),
    ];
    for (name, part) in &chat_parts {
        let body = json!({"model": "demo", "messages": [{"role": "user", "content": [part]}]});
        let reply = gateway.post(CHAT, body.to_string()).send().await;
        assert_refused(&reply, CHAT, 400, "content_not_checkable");
        assert!(reply.text().contains(name), "{}", reply.text());
    }
    let base64 = json!({"type": "base64", "media_type": "x/y", "data": "AAAA"});
    for part in [
        json!({"type": "image", "source": base64}),
        json!({"type": "document", "source": base64}),
        json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": base64}]}),
    ] {
        let body = json!({"model": "claude-demo", "max_tokens": 9, "messages": [{"role": "user", "content": [part]}]});
        let reply = gateway.post(MESSAGES, body.to_string()).send().await;
        assert_refused(&reply, MESSAGES, 400, "invalid_request_error");
    }
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn content_that_the_policy_passes_is_sent_and_what_stands_beside_it_is_masked() {
    let gateway = TestGateway::builder()
        .policy("[parts]\npass = [\"image\"]")
        .start()
        .await;
    let body = json!({"model": "demo-echo", "messages": [{"role": "user", "content": [
        {"type": "text", "text": EMAIL},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    ]}]});
    assert_eq!(gateway.post(CHAT, body.to_string()).send().await.status, 200);
    let seen = gateway.seen_text();
    assert!(seen.contains("base64,AAAA") && !seen.contains(EMAIL), "{seen}");
    let audio =
        json!({"model": "demo", "messages": [{"role": "user", "content": [{"type": "input_audio"}]}]});
    let reply = gateway.post(CHAT, audio.to_string()).send().await;
    assert_refused(&reply, CHAT, 400, "content_not_checkable");
}

#[tokio::test]
async fn a_model_without_route_is_404_and_one_of_another_dialect_400() {
    let gateway = TestGateway::builder().start().await;
    for (path, other) in [(CHAT, "claude-demo"), (MESSAGES, "demo")] {
        let unknown = body(path, EMAIL)
            .replace("demo-echo", "x")
            .replace("claude-x", "x");
        let reply = gateway.post(path, unknown).send().await;
        assert_refused(
            &reply,
            path,
            404,
            kind(path, "model_not_found", "not_found_error"),
        );
        let reply = gateway.post(path, chat(other, EMAIL)).send().await;
        assert_refused(
            &reply,
            path,
            400,
            kind(path, "wrong_dialect", "invalid_request_error"),
        );
    }
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn what_the_policy_blocks_is_refused_and_what_it_allows_passes() {
    let policy = "[pii.entities]\nCREDIT_CARD = \"block\"\nEMAIL_ADDRESS = \"allow\"";
    let gateway = TestGateway::builder().policy(policy).start().await;
    for (path, _) in SURFACES {
        let reply = gateway
            .post(path, body(path, &format!("card {CARD}")))
            .send()
            .await;
        assert_refused(
            &reply,
            path,
            400,
            kind(path, "entity_blocked", "invalid_request_error"),
        );
        assert!(
            reply.text().contains("CREDIT_CARD") && !reply.text().contains(CARD),
            "{}",
            reply.text()
        );
    }
    assert!(gateway.seen().is_empty());
    let reply = gateway.post(CHAT, chat("demo-echo", EMAIL)).send().await;
    assert_eq!(said(&reply), EMAIL);
    assert!(gateway.seen_text().contains(EMAIL));
}

#[tokio::test]
async fn private_data_where_no_stand_in_fits_is_refused() {
    let gateway = TestGateway::builder().start().await;
    for extra in [
        json!({"seed": 4_111_111_111_111_111_u64}),
        json!({"max_tokens": 4_111_111_111_111_111_u64}),
        json!({"service_tier": EMAIL}),
        json!({"tool_choice": EMAIL}),
        json!({"messages": [{"role": EMAIL, "content": "hi"}]}),
        json!({"messages": [{"role": "tool", "tool_call_id": "4111111111111111", "content": "hi"}]}),
    ] {
        let mut body = json!({"model": "demo", "messages": [{"role": "user", "content": "hi"}]});
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        let reply = gateway.post(CHAT, body.to_string()).send().await;
        assert_refused(&reply, CHAT, 400, "cannot_mask");
        assert!(
            !reply.text().contains("41111111") && !reply.text().contains(EMAIL),
            "{}",
            reply.text()
        );
    }
    let model = gateway
        .post(CHAT, chat("demo-ada@example.com", "hi"))
        .send()
        .await;
    assert_eq!(model.status, 400, "{}", model.text());
    assert!(gateway.seen().is_empty());
}

/// Asks until the answer is a refusal of this kind; each question is answered one way or the other.
async fn until_refused(gateway: &TestGateway, path: &str, kind: &str) -> usize {
    for sent in 0..100_000 {
        let reply = gateway.post(path, body(path, EMAIL)).send().await;
        if reply.status != 200 {
            assert_refused(&reply, path, 503, kind);
            assert_eq!(reply.header("retry-after"), Some("1"));
            return sent;
        }
    }
    panic!("never refused");
}

#[tokio::test]
async fn nothing_is_sent_while_decisions_cannot_be_recorded() {
    for (path, _) in SURFACES {
        let gateway = TestGateway::builder().start().await;
        assert_eq!(gateway.post(path, body(path, EMAIL)).send().await.status, 200);
        std::fs::remove_dir_all(gateway.path().join("privet-data/spool")).unwrap();
        let sent = until_refused(&gateway, path, kind(path, "not_recorded", "api_error")).await;
        assert_eq!((sent, gateway.seen().len()), (0, 1));
        let blocked = gateway.post(path, "{}").send().await;
        assert_refused(&blocked, path, 503, kind(path, "not_recorded", "api_error"));
        assert_eq!(gateway.ask("GET", "/readyz").send().await.status, 503);
        assert_eq!(gateway.ask("GET", "/healthz").send().await.status, 200);
    }
}

#[tokio::test]
async fn work_past_its_deadline_is_refused_and_nothing_is_sent() {
    let gateway = small_gateway("detect_deadline = \"1ms\"").await;
    for (path, _) in SURFACES {
        let large = body(path, &format!("{EMAIL}, 4111 1111 1111 1111; ").repeat(20_000));
        let reply = gateway.post(path, large).send().await;
        assert_refused(&reply, path, 503, kind(path, "deadline", "api_error"));
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn requests_past_the_most_at_once_are_refused_until_one_ends() {
    let provider = RawProvider::start(|request| {
        if request.body.windows(4).any(|w| w == b"wait") {
            Answer::Silence
        } else {
            Answer::Bytes(privet_testkit::json_reply("200 OK", "", "{}"))
        }
    })
    .await;
    let gateway = TestGateway::builder()
        .in_front_of(provider.address())
        .limits("concurrent_requests = 1")
        .start()
        .await;
    let waiting = gateway.post(CHAT, chat("demo", "wait")).begin().await;
    provider.arrived(1).await;
    for (path, _) in SURFACES {
        let reply = gateway.post(path, body(path, "hello")).send().await;
        assert_refused(&reply, path, 503, kind(path, "busy", "overloaded_error"));
    }
    assert_eq!(provider.requests().len(), 1);
    drop(waiting);
    provider.gone(1).await;
    while gateway.post(CHAT, chat("demo", "hello")).send().await.status != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_full_pool_refuses_and_recovers() {
    let limits = "detect_threads = 1\ndetect_queue = 1\ndetect_deadline = \"60s\"";
    let gateway = TestGateway::builder().limits(limits).calm().start().await;
    let large = chat("demo-echo", &format!("{EMAIL}, ").repeat(4_000));
    let mut asks = tokio::task::JoinSet::new();
    for _ in 0..12 {
        asks.spawn(gateway.post(CHAT, large.clone()).send());
    }
    let replies = asks.join_all().await;
    let (answered, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert!(
        !answered.is_empty() && !refused.is_empty(),
        "{} {}",
        answered.len(),
        refused.len()
    );
    for reply in refused {
        assert_refused(&reply, CHAT, 503, "busy");
    }
    assert_eq!(gateway.seen().len(), answered.len());
    let after = gateway.post(CHAT, chat("demo", "hello")).send().await;
    assert_eq!(after.status, 200);
}

#[tokio::test]
async fn a_request_head_over_the_limits_is_refused() {
    let gateway = small_gateway("header_bytes = \"8KiB\"\nheaders = 16").await;
    let large = gateway
        .post(CHAT, chat("demo", "hello"))
        .header("x-large", &"a".repeat(9000));
    assert_eq!(large.send().await.status, 431);
    let many = (0..20).fold(gateway.post(CHAT, chat("demo", "hello")), |ask, n| {
        ask.header(&format!("x-{n}"), "1")
    });
    assert_eq!(many.send().await.status, 431);
    assert!(gateway.seen().is_empty());
}

#[tokio::test]
async fn a_head_that_does_not_arrive_ends_its_connection() {
    let gateway = small_gateway("header_timeout = \"50ms\"").await;
    let mut stream = tokio::net::TcpStream::connect(gateway.address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"POST / HTTP/1.1\r\nhost:")
        .await
        .unwrap();
    let mut rest = Vec::new();
    let end = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
    let _ = tokio::time::timeout(Duration::from_secs(10), end)
        .await
        .expect("it ends");
}

#[tokio::test]
async fn a_spool_that_is_full_refuses() {
    let store = "spool_max_bytes = \"1MiB\"";
    let builder: Builder = TestGateway::builder()
        .store(store)
        .policy("[audit]\ndurability = \"loss-window\"");
    let gateway = builder.without_flusher().start().await;
    let sent = until_refused(&gateway, CHAT, "not_recorded").await;
    assert!(sent > 100, "{sent}");
    assert_eq!(gateway.seen().len(), sent);
    assert_eq!(gateway.ask("GET", "/readyz").send().await.status, 503);
}
