//! Which headers, queries and errors travel, and which do not.

use privet_testkit::demo::Recording;
use privet_testkit::{Answer, RawProvider, TestGateway, json_reply};

use crate::support::{CHAT, EMAIL, MESSAGES, assert_refused, chat, messages, tag};

fn values<'a>(seen: &'a Recording, name: &str) -> Vec<&'a str> {
    let found = seen.headers.iter().filter(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).collect()
}

#[tokio::test]
async fn credentials_cookies_hops_and_the_callers_place_do_not_travel() {
    let gateway = TestGateway::builder().start().await;
    let kept_back = [
        ("api-key", "caller-secret"),
        ("cookie", "session=caller-secret"),
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "caller-secret"),
        ("te", "trailers"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic caller-secret"),
        ("x-privet-debug", "caller-secret"),
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "for=198.51.100.7"),
        ("x-real-ip", "198.51.100.7"),
        ("referer", "https://intranet.example/caller-secret"),
        ("origin", "https://intranet.example"),
        ("x-user", EMAIL),
    ];
    for (path, body) in [
        (CHAT, chat("demo-echo", "hello")),
        (MESSAGES, messages("claude-demo-echo", "hello")),
    ] {
        let mut ask = gateway.post(path, body).header("x-goog-api-key", "caller-secret");
        for (name, value) in kept_back {
            ask = ask.header(name, value);
        }
        assert_eq!(ask.send().await.status, 200);
        let seen = gateway.seen().pop().unwrap();
        for (name, _) in kept_back {
            // Between gateway and provider there may be another connection of the same kind.
            assert!(
                values(&seen, name).is_empty() || name == "connection",
                "{name}: {seen:?}"
            );
        }
        let seen = format!("{seen:?}");
        assert!(
            !seen.contains("caller-secret") && !seen.contains("x-hop"),
            "{seen}"
        );
        assert!(!seen.contains(gateway.key()) && !seen.contains(EMAIL), "{seen}");
    }
}

#[tokio::test]
async fn headers_of_the_dialects_travel() {
    let gateway = TestGateway::builder().start().await;
    let travels = [
        (
            "anthropic-beta",
            "claude-code-20250219,interleaved-thinking-2025-05-14",
        ),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("x-stainless-lang", "js"),
        ("x-stainless-retry-count", "0"),
        ("openai-organization", "org-1"),
        ("openai-project", "proj_1"),
        ("openai-beta", "assistants=v2"),
        ("idempotency-key", "stainless-node-retry-1"),
        ("user-agent", "claude-cli/2.1 (external, cli)"),
        ("x-app", "cli"),
        ("accept", "application/json"),
    ];
    for (path, body) in [
        (CHAT, chat("demo-echo", "hello")),
        (MESSAGES, messages("claude-demo-echo", "hello")),
    ] {
        let ask = travels
            .iter()
            .fold(gateway.post(path, body), |ask, (name, value)| {
                ask.header(name, value)
            });
        assert_eq!(ask.send().await.status, 200);
        let seen = gateway.seen().pop().unwrap();
        for (name, value) in travels {
            assert_eq!(values(&seen, name), [value], "{name}");
        }
        assert_eq!(values(&seen, "content-type"), ["application/json"]);
        assert_eq!(values(&seen, "accept-encoding"), ["identity"]);
    }
    let seen = gateway.seen().pop().unwrap();
    assert_eq!(values(&seen, "anthropic-version"), ["2023-06-01"]);
}

#[tokio::test]
async fn the_provider_gets_its_own_key_and_no_other() {
    let gateway = TestGateway::builder().start().await;
    let ask = gateway.post(CHAT, chat("demo-echo", "hello"));
    ask.header("x-api-key", gateway.key()).send().await;
    let ask = gateway.post(MESSAGES, messages("claude-demo-echo", "hello"));
    ask.header("x-api-key", gateway.key()).send().await;
    let [openai, anthropic]: [Recording; 2] = gateway.seen().try_into().unwrap();
    assert_eq!(
        values(&openai, "authorization"),
        ["Bearer upstream-key-of-openai"]
    );
    assert!(values(&openai, "x-api-key").is_empty());
    assert_eq!(values(&anthropic, "x-api-key"), ["upstream-key-of-anthropic"]);
    assert!(values(&anthropic, "authorization").is_empty());
}

#[tokio::test]
async fn the_query_travels_unless_it_holds_private_data() {
    let gateway = TestGateway::builder().start().await;
    let ask = |query: &str| {
        let target = format!("{MESSAGES}?{query}");
        gateway.post(&target, messages("claude-demo-echo", "hello"))
    };
    assert_eq!(ask("beta=true&x=%C3%BC").send().await.status, 200);
    assert_eq!(gateway.seen()[0].path, "/v1/messages?beta=true&x=%C3%BC");
    for query in [
        format!("user={EMAIL}"),
        "user=ada.lovelace%40example.com".to_owned(),
        "beta=true&4111+1111+1111+1111=1".to_owned(),
        format!("key={}", gateway.key()),
        "x=%ff".to_owned(),
        "x=%2".to_owned(),
    ] {
        assert_refused(&ask(&query).send().await, MESSAGES, 400, "invalid_request_error");
        let chat = gateway.post(&format!("{CHAT}?{query}"), chat("demo-echo", "hello"));
        assert_refused(&chat.send().await, CHAT, 400, "private_query");
    }
    assert_eq!(gateway.seen().len(), 1);
}

#[tokio::test]
async fn errors_of_the_provider_keep_status_headers_and_body() {
    let gateway = TestGateway::builder().start().await;
    let text = format!("I am {EMAIL}");
    let limited = gateway.post(CHAT, chat("demo-error-429", &text)).send().await;
    assert_eq!(limited.status, 429);
    assert_eq!(limited.header("retry-after"), Some("1"));
    assert_eq!(limited.header("retry-after-ms"), Some("250"));
    assert_eq!(limited.header("x-ratelimit-remaining-requests"), Some("0"));
    assert!(limited.header("x-request-id").unwrap().starts_with("req_"));
    assert_eq!(limited.json()["error"]["code"], "rate_limit_exceeded");
    let broken = gateway
        .post(MESSAGES, messages("claude-demo-error-500", &text))
        .send()
        .await;
    assert_eq!(broken.status, 500);
    assert!(broken.header("request-id").unwrap().starts_with("req_"));
    assert_eq!(broken.json()["error"]["type"], "api_error");
}

#[tokio::test]
async fn an_error_that_quotes_the_prompt_is_restored() {
    for (kind, body) in [
        (
            "application/json",
            "{\"error\":{\"message\":\"bad value 'TAG'\", \"code\" : null}}",
        ),
        (
            "application/problem+json; charset=utf-8",
            "{\"detail\":\"bad value 'TAG'\"}",
        ),
        ("text/html", "<p>bad value 'TAG'</p>"),
        ("text/plain; charset=utf-8", "bad value 'TAG'"),
    ] {
        let provider = RawProvider::start(move |request| {
            let body = body.replace("TAG", &tag(&request.body));
            let length = body.len();
            Answer::Bytes(
                format!("HTTP/1.1 422 Unprocessable Entity\r\ncontent-type: {kind}\r\nx-request-id: r1\r\ncontent-length: {length}\r\n\r\n{body}")
                    .into_bytes(),
            )
        })
        .await;
        let gateway = TestGateway::builder()
            .in_front_of(provider.address())
            .start()
            .await;
        let reply = gateway
            .post(CHAT, chat("demo", &format!("I am {EMAIL}")))
            .send()
            .await;
        assert_eq!(reply.status, 422);
        assert_eq!(reply.header("content-type"), Some(kind));
        assert_eq!(reply.header("x-request-id"), Some("r1"));
        assert_eq!(reply.text(), body.replace("TAG", EMAIL));
    }
}

#[tokio::test]
async fn hop_by_hop_headers_of_the_reply_stay_behind_and_others_pass() {
    let headers = "connection: close, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nproxy-authenticate: Basic\r\n\
                   openai-processing-ms: 12\r\nset-cookie: a=b\r\nset-cookie: c=d\r\nx-privet-request-id: forged\r\n";
    let provider = RawProvider::always(json_reply("200 OK", headers, "{}")).await;
    let gateway = TestGateway::builder()
        .in_front_of(provider.address())
        .start()
        .await;
    let reply = gateway.post(CHAT, chat("demo", "hello")).send().await;
    assert_eq!(reply.header("openai-processing-ms"), Some("12"));
    assert_ne!(reply.header("x-privet-request-id"), Some("forged"));
    for name in ["x-hop", "keep-alive", "proxy-authenticate"] {
        assert_eq!(reply.header(name), None, "{name}");
    }
    assert_eq!(
        reply
            .headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
            .count(),
        2
    );
}
