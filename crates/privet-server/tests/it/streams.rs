//! Replies as they stream: nothing is held back longer than it must be, and every end is a clean one.

use privet_testkit::{Answer, RawProvider, TestGateway, chunk, json_reply, sse_head};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::support::{CHAT, EMAIL, MESSAGES, chat, chat_stream, messages_stream, tag};

/// A provider whose next reply is what is sent into the channel, and that channel.
async fn by_hand() -> (RawProvider, UnboundedSender<Vec<u8>>) {
    let (send, pieces) = unbounded_channel();
    let pieces: Mutex<Option<UnboundedReceiver<Vec<u8>>>> = Mutex::new(Some(pieces));
    let provider = RawProvider::start(move |_| match pieces.lock().unwrap().take() {
        Some(pieces) => Answer::Pieces(pieces),
        None => Answer::Silence,
    })
    .await;
    (provider, send)
}

pub(crate) async fn in_front_of(provider: &RawProvider) -> TestGateway {
    TestGateway::builder()
        .in_front_of(provider.address())
        .start()
        .await
}

pub(crate) fn delta(text: &str) -> String {
    format!(
        "data: {}\n\n",
        json!({"id": "1", "choices": [{"index": 0, "delta": {"content": text}}]})
    )
}

pub(crate) fn anthropic_delta(text: &str) -> String {
    let data =
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
    format!("event: content_block_delta\ndata: {data}\n\n")
}

pub(crate) fn typed_delta(text: &str) -> String {
    let data =
        json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text});
    format!("event: response.output_text.delta\ndata: {data}\n\n")
}

#[tokio::test]
pub(crate) async fn an_event_arrives_before_the_next_one_is_sent() {
    for (path, body, event) in [
        (CHAT, chat_stream("demo", EMAIL), delta as fn(&str) -> String),
        (MESSAGES, messages_stream("claude-demo", EMAIL), anthropic_delta),
        (
            "/v1/responses",
            json!({"model": "demo", "stream": true, "input": EMAIL}).to_string(),
            typed_delta,
        ),
    ] {
        let (provider, send) = by_hand().await;
        let gateway = in_front_of(&provider).await;
        let asking = tokio::spawn(gateway.post(path, body).open());
        provider.arrived(1).await;
        let tag = tag(&provider.requests()[0].body);
        send.send(sse_head()).unwrap();
        let mut reply = asking.await.unwrap();
        assert_eq!(reply.status, 200);
        for text in ["one", "two; 1 < 2", "three "] {
            send.send(chunk(event(text).as_bytes())).unwrap();
            reply.until(text).await;
        }
        send.send(chunk(event(&tag).as_bytes())).unwrap();
        let so_far = reply.until(EMAIL).await;
        assert!(!so_far.contains("EMAIL_ADDRESS_"), "{so_far}");
        send.send(chunk(b"")).unwrap();
        assert!(reply.rest().await.is_whole);
    }
}

#[tokio::test]
async fn only_what_may_begin_a_surrogate_is_held_back() {
    let (provider, send) = by_hand().await;
    let gateway = in_front_of(&provider).await;
    let asking = tokio::spawn(gateway.post(CHAT, chat_stream("demo", EMAIL)).open());
    provider.arrived(1).await;
    let tag = tag(&provider.requests()[0].body);
    let (begin, end) = tag.split_at(12);
    send.send([sse_head(), chunk(delta(&format!("before {begin}")).as_bytes())].concat())
        .unwrap();
    let mut reply = asking.await.unwrap();
    let so_far = reply.until("before ").await;
    assert!(!so_far.contains("EMAIL"), "{so_far}");
    send.send(chunk(delta(end).as_bytes())).unwrap();
    reply.until(EMAIL).await;
    drop(send);
    assert!(
        !reply.rest().await.is_whole,
        "the provider hung up before the end"
    );
}

/// A provider that streams `events` of the request's tag in frames of `size` bytes.
pub(crate) async fn framed(
    size: usize,
    events: impl Fn(&str) -> String + Send + Sync + 'static,
) -> RawProvider {
    RawProvider::start(move |request| {
        let mut bytes = sse_head();
        for frame in events(&tag(&request.body)).as_bytes().chunks(size) {
            bytes.extend(chunk(frame));
        }
        bytes.extend(chunk(b""));
        Answer::Bytes(bytes)
    })
    .await
}

#[tokio::test]
pub(crate) async fn a_surrogate_is_restored_however_text_and_frames_are_cut() {
    for size in [1, 2, 3, 7, 64, 100_000] {
        let provider = framed(size, |tag| {
            let letters = format!("Grüße 👋 {tag}, „{tag}“ <b>日本</b>");
            let events: String = letters.chars().map(|c| delta(&c.to_string())).collect();
            format!(": ping\n\n{events}data: [DONE]\n\n")
        })
        .await;
        let gateway = in_front_of(&provider).await;
        let reply = gateway.post(CHAT, chat_stream("demo", EMAIL)).send().await;
        assert!(reply.is_whole);
        assert_eq!(
            reply.openai_said(0),
            format!("Grüße 👋 {EMAIL}, „{EMAIL}“ <b>日本</b>"),
            "{size}"
        );
        assert!(reply.text().starts_with(": ping\n\n") && reply.text().ends_with("data: [DONE]\n\n"));
    }
}

#[tokio::test]
async fn a_line_may_end_in_any_way() {
    for end in ["\n", "\r\n", "\r"] {
        for size in [1, 5, 100_000] {
            let provider = framed(size, move |tag| {
                let (a, b) = tag.split_at(9);
                let pieces = [a, b, " and more"].map(|piece| anthropic_delta(piece).replace('\n', end));
                format!(
                    "{}event: message_stop{end}data: {{\"type\":\"message_stop\"}}{end}{end}",
                    pieces.concat()
                )
            })
            .await;
            let gateway = in_front_of(&provider).await;
            let reply = gateway
                .post(MESSAGES, messages_stream("claude-demo", EMAIL))
                .send()
                .await;
            assert!(reply.is_whole);
            assert_eq!(
                reply.anthropic_said(),
                format!("{EMAIL} and more"),
                "{end:?} {size}"
            );
            assert_eq!(reply.event_names().last().unwrap(), "message_stop");
        }
    }
}

#[tokio::test]
async fn choices_that_interleave_are_restored_each_on_its_own() {
    let provider = framed(11, |tag| {
        let piece = |index: u64, text: &str| {
            let chunk = json!({"choices": [{"index": index, "delta": {"content": text}}]});
            format!("data: {chunk}\n\n")
        };
        let (a, b) = tag.split_at(8);
        format!(
            "{}{}{}{}",
            piece(0, a),
            piece(1, "x"),
            piece(0, b),
            piece(1, &format!("{a}!"))
        )
    })
    .await;
    let gateway = in_front_of(&provider).await;
    let reply = gateway.post(CHAT, chat_stream("demo", EMAIL)).send().await;
    assert_eq!(reply.openai_said(0), EMAIL);
    assert_eq!(reply.openai_said(1), "x<EMAIL_A!");
}

#[tokio::test]
async fn a_surrogate_that_is_part_of_a_longer_word_is_not_restored() {
    let provider = framed(100, |tag| {
        let name = tag.trim_matches(['<', '>']);
        format!("{}{}", delta(&format!("{name}0 and {name}")), delta("Z, x"))
    })
    .await;
    let gateway = in_front_of(&provider).await;
    let reply = gateway.post(CHAT, chat_stream("demo", EMAIL)).send().await;
    assert!(!reply.openai_said(0).contains(EMAIL), "{}", reply.text());
}

#[tokio::test]
async fn a_stream_cut_inside_a_surrogate_ends_as_broken_and_gives_nothing_away() {
    for (path, body) in [
        (CHAT, chat_stream("demo-cut", EMAIL)),
        (MESSAGES, messages_stream("claude-demo-cut", EMAIL)),
    ] {
        let gateway = TestGateway::builder().start().await;
        let reply = gateway.post(path, body).send().await;
        assert_eq!(reply.status, 200);
        assert!(!reply.is_whole);
        let said = reply.openai_said(0) + &reply.anthropic_said();
        assert_eq!(said, "You wrote: ", "no piece of the surrogate is shown");
        assert!(
            !reply.text().contains("ada") && !reply.text().contains("[DONE]"),
            "{}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn an_error_inside_a_stream_passes() {
    let gateway = TestGateway::builder().start().await;
    let reply = gateway
        .post(CHAT, chat_stream("demo-error-stream", EMAIL))
        .send()
        .await;
    let last: Value = serde_json::from_str(reply.events().last().unwrap()).unwrap();
    assert_eq!(last["error"]["type"], "server_error");
    let reply = gateway
        .post(MESSAGES, messages_stream("claude-demo-error-stream", EMAIL))
        .send()
        .await;
    assert_eq!(reply.event_names().last().unwrap(), "error");
    assert!(reply.anthropic_said().contains(EMAIL));
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_ended() {
    for text in [EMAIL, "hello"] {
        let (provider, send) = by_hand().await;
        let builder = TestGateway::builder().in_front_of(provider.address());
        let gateway = builder.limits("stream_idle_timeout = \"60ms\"").start().await;
        send.send([sse_head(), chunk(delta("one").as_bytes())].concat())
            .unwrap();
        let reply = gateway.post(CHAT, chat_stream("demo", text)).send().await;
        assert!(!reply.is_whole);
        assert_eq!(reply.openai_said(0), "one");
        provider.gone(1).await;
    }
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_provider_s_work() {
    let (provider, send) = by_hand().await;
    let gateway = in_front_of(&provider).await;
    send.send([sse_head(), chunk(delta("one").as_bytes())].concat())
        .unwrap();
    let mut reply = gateway.post(CHAT, chat_stream("demo", EMAIL)).open().await;
    reply.until("one").await;
    drop(reply);
    provider.gone(1).await;
    let waiting = gateway.post(CHAT, chat_stream("demo", EMAIL)).begin().await;
    provider.arrived(2).await;
    drop(waiting);
    provider.gone(2).await;
}

#[tokio::test]
async fn shutdown_lets_a_stream_end_and_takes_no_new_connection() {
    let (provider, send) = by_hand().await;
    let gateway = in_front_of(&provider).await;
    send.send([sse_head(), chunk(delta("one").as_bytes())].concat())
        .unwrap();
    let mut reply = gateway.post(CHAT, chat_stream("demo", EMAIL)).open().await;
    reply.until("one").await;
    gateway.begin_shutdown();
    while tokio::net::TcpStream::connect(gateway.address()).await.is_ok() {
        tokio::task::yield_now().await;
    }
    send.send([chunk(delta("two").as_bytes()), chunk(b"")].concat())
        .unwrap();
    let reply = reply.rest().await;
    assert!(reply.is_whole);
    assert_eq!(reply.openai_said(0), "onetwo");
    let stopped = gateway.stop().await;
    assert!(stopped.is_orderly);
    assert_eq!(stopped.home.audit().await.len(), 1);
}

#[tokio::test]
async fn shutdown_does_not_wait_longer_than_its_grace() {
    let (provider, send) = by_hand().await;
    let builder = TestGateway::builder().in_front_of(provider.address());
    let gateway = builder.limits("shutdown_grace = \"20ms\"").start().await;
    send.send([sse_head(), chunk(delta("one").as_bytes())].concat())
        .unwrap();
    let mut reply = gateway.post(CHAT, chat_stream("demo", EMAIL)).open().await;
    reply.until("one").await;
    assert!(!gateway.stop().await.is_orderly);
}

#[tokio::test]
async fn shutdown_ends_connections_that_wait_for_their_next_request() {
    let gateway = Arc::new(TestGateway::builder().start().await);
    let mut idle = tokio::net::TcpStream::connect(gateway.address()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut idle, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut idle, &mut first)
        .await
        .unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let gateway = Arc::into_inner(gateway).unwrap();
    assert!(gateway.stop().await.is_orderly);
}

#[tokio::test]
async fn a_caller_who_does_not_read_loses_its_place() {
    // More than the buffers of all sockets on the way hold, in few events, so that a busy machine gets there soon.
    let long = "on and on ".repeat(800);
    let endless = [sse_head(), chunk(delta(&long).as_bytes()).repeat(2_000)].concat();
    let whole = json_reply("200 OK", "", r#"{"choices":[]}"#);
    let provider = RawProvider::start(move |request| {
        let is_endless = String::from_utf8_lossy(&request.body).contains("endless");
        Answer::Bytes(if is_endless {
            endless.clone()
        } else {
            whole.clone()
        })
    })
    .await;
    let limits = "concurrent_requests = 1\nwrite_timeout = \"60ms\"";
    let builder = TestGateway::builder().in_front_of(provider.address());
    let gateway = builder.limits(limits).start().await;
    let unread = gateway.post(CHAT, chat_stream("demo", "endless")).open().await;
    provider.gone(1).await;
    while gateway.post(CHAT, chat("demo", "hello")).send().await.status != 200 {
        tokio::task::yield_now().await;
    }
    drop(unread);
}
