//! Providers that are down, slow or odd.

use privet_testkit::{Answer, RawProvider, TestGateway, json_reply, sse_head};
use tokio::net::TcpListener;

use crate::support::{CHAT, EMAIL, MESSAGES, assert_refused, chat, messages};

async fn in_front_of(provider: &RawProvider, limits: &str) -> TestGateway {
    let builder = TestGateway::builder().in_front_of(provider.address());
    builder.limits(limits).start().await
}

/// Both surfaces refuse with `status`, when the request held a private value and when not.
async fn assert_both(gateway: &TestGateway, status: u16, code: &str) {
    for text in ["hello", EMAIL] {
        let reply = gateway.post(CHAT, chat("demo", text)).send().await;
        assert_refused(&reply, CHAT, status, code);
        let reply = gateway.post(MESSAGES, messages("claude-demo", text)).send().await;
        assert_refused(&reply, MESSAGES, status, "api_error");
    }
}

#[tokio::test]
async fn a_redirect_is_neither_followed_nor_passed_on() {
    let target = RawProvider::always(json_reply("200 OK", "", "{}")).await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = format!("location: http://{}/v1/chat/completions\r\n", target.address());
        let provider = RawProvider::always(json_reply(status, &location, "{}")).await;
        assert_both(&in_front_of(&provider, "").await, 502, "upstream_unusable").await;
    }
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn a_compressed_reply_is_502() {
    for encoding in ["gzip", "br", "identity, gzip"] {
        let header = format!("content-encoding: {encoding}\r\n");
        let provider = RawProvider::always(json_reply("200 OK", &header, "\x1f\u{8b}")).await;
        assert_both(&in_front_of(&provider, "").await, 502, "upstream_unusable").await;
    }
    let provider = RawProvider::always(json_reply("200 OK", "content-encoding: identity\r\n", "{}")).await;
    let gateway = in_front_of(&provider, "").await;
    assert_eq!(gateway.post(CHAT, chat("demo", EMAIL)).send().await.status, 200);
}

#[tokio::test]
async fn a_provider_that_is_down_is_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gateway = TestGateway::builder().in_front_of(address).start().await;
    assert_both(&gateway, 502, "upstream_unreachable").await;
}

#[tokio::test]
async fn a_provider_that_hangs_up_or_talks_nonsense_is_502() {
    for bytes in [
        "",
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
    ] {
        let provider = RawProvider::always(bytes).await;
        assert_both(&in_front_of(&provider, "").await, 502, "upstream_unreachable").await;
    }
}

#[tokio::test]
async fn a_provider_that_does_not_begin_its_reply_is_504() {
    let provider = RawProvider::start(|_| Answer::Silence).await;
    let gateway = in_front_of(&provider, "first_byte_timeout = \"50ms\"").await;
    assert_both(&gateway, 504, "upstream_timeout").await;
    provider.gone(4).await;
}

#[tokio::test]
async fn a_whole_reply_that_falls_silent_is_504() {
    let provider = RawProvider::start(|_| {
        let (send, pieces) = tokio::sync::mpsc::unbounded_channel();
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
        send.send(head.to_vec()).unwrap();
        std::mem::forget(send);
        Answer::Pieces(pieces)
    })
    .await;
    let gateway = in_front_of(&provider, "stream_idle_timeout = \"50ms\"").await;
    let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert_refused(&reply, CHAT, 504, "upstream_timeout");
    provider.gone(1).await;
}

#[tokio::test]
async fn a_whole_reply_that_breaks_off_or_never_ends_is_502() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"a\":";
    let provider = RawProvider::always(head).await;
    let gateway = in_front_of(&provider, "").await;
    let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert_refused(&reply, CHAT, 502, "upstream_unusable");
    let provider = RawProvider::always(json_reply("200 OK", "", &format!("\"{}\"", "a".repeat(5000)))).await;
    let gateway = in_front_of(&provider, "reply_body = \"4KiB\"").await;
    let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert_refused(&reply, CHAT, 502, "upstream_unusable");
}

#[tokio::test]
async fn a_clean_reply_that_breaks_off_is_not_taken_for_whole() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"a\":";
    let provider = RawProvider::always(head).await;
    let gateway = in_front_of(&provider, "").await;
    let reply = gateway.post(CHAT, chat("demo", "hello")).send().await;
    assert!(!reply.is_whole, "{}", reply.text());
}

#[tokio::test]
async fn an_empty_reply_stays_empty() {
    for bytes in [
        "HTTP/1.1 204 No Content\r\nx-request-id: r1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx-request-id: r1\r\ncontent-length: 0\r\n\r\n",
    ] {
        let provider = RawProvider::always(bytes).await;
        let gateway = in_front_of(&provider, "").await;
        for text in ["hello", EMAIL] {
            let reply = gateway.post(CHAT, chat("demo", text)).send().await;
            assert!(reply.is_whole && reply.body.is_empty());
            assert_eq!(reply.header("x-request-id"), Some("r1"));
        }
    }
}

#[tokio::test]
async fn a_reply_that_is_not_the_json_it_says_keeps_its_bytes() {
    let body = "{\"a\":<EMAIL";
    let provider = RawProvider::always(json_reply("200 OK", "", body)).await;
    let gateway = in_front_of(&provider, "").await;
    let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert_eq!((reply.status, reply.text().as_str()), (200, body));
}

#[tokio::test]
async fn a_stream_with_trailers_gives_out_what_was_held_back() {
    let provider = RawProvider::start(|request| {
        let tag = crate::support::tag(&request.body);
        let mut bytes = sse_head();
        let event = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{tag}, {}\"}}}}]}}\n\n",
            tag.split_at(9).0
        );
        bytes.extend(privet_testkit::chunk(event.as_bytes()));
        bytes.extend(b"0\r\nx-checksum: 1\r\n\r\n");
        Answer::Bytes(bytes)
    })
    .await;
    let gateway = in_front_of(&provider, "").await;
    let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert!(reply.is_whole);
    assert_eq!(reply.openai_said(0), format!("{EMAIL}, <EMAIL_AD"));
}
