//! HTTP/2: what one connection may hold, and for how long.

use std::time::Duration;

use http_body_util::Full;
use privet_testkit::{Answer, PATIENCE, RawProvider, chunk, sse_head};

use super::Place;
use super::client::{Client, H2};
use crate::support::{CHAT, EMAIL, chat, chat_stream};

/// A streamed reply of more than any window here.
fn long_reply() -> Vec<u8> {
    let text = "x".repeat(4000);
    let event = format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let mut reply = sse_head();
    for _ in 0..50 {
        reply.extend(chunk(event.as_bytes()));
    }
    reply.extend(chunk(b"data: [DONE]\n\n"));
    reply.extend(chunk(b""));
    reply
}

#[tokio::test]
async fn requests_at_once_share_a_connection_up_to_the_bound() {
    let provider = RawProvider::start(|_| Answer::Silence).await;
    let (builder, authority) = Place::new().gateway("");
    let gateway = builder
        .in_front_of(provider.address())
        .limits("streams = 5")
        .start()
        .await;
    let connection = Client::trusting(&authority)
        .speaking(H2)
        .connect(gateway.address())
        .await
        .unwrap();
    let ask = connection
        .prompt(CHAT)
        .header("authorization", format!("Bearer {}", gateway.key()));
    let ask = ask.body(Full::from(chat("demo", EMAIL))).unwrap();
    let asked: Vec<_> = (0..6).map(|_| connection.begin(ask.clone())).collect();
    provider.arrived(5).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        provider.requests().len(),
        5,
        "the sixth waits for one of the others"
    );
    asked.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn who_opens_no_window_for_a_reply_gives_up_its_place() {
    let provider = RawProvider::always(long_reply()).await;
    let (builder, authority) = Place::new().gateway("");
    let gateway = builder
        .in_front_of(provider.address())
        .limits("concurrent_requests = 1\nwrite_timeout = \"400ms\"")
        .start()
        .await;
    let connect = |window| {
        Client::trusting(&authority)
            .speaking(H2)
            .window(window)
            .connect(gateway.address())
    };
    let mut slow = connect(1000).await.unwrap();
    let ask = slow
        .prompt(CHAT)
        .header("authorization", format!("Bearer {}", gateway.key()));
    // Held and not read: the gateway may send a thousand bytes and no more.
    let held = slow
        .send(ask.body(Full::from(chat_stream("demo", EMAIL))).unwrap())
        .await
        .unwrap();
    assert_eq!(held.status(), 200);
    let mut other = connect(1 << 20).await.unwrap();
    let begun = std::time::Instant::now();
    let mut refused = 0;
    loop {
        let reply = other.post(CHAT, gateway.key(), &chat_stream("demo", EMAIL)).await;
        if reply.status == 200 {
            assert!(reply.is_whole && reply.body.len() > 200_000);
            break;
        }
        assert_eq!(reply.status, 503, "{}", reply.text());
        refused += 1;
        assert!(begun.elapsed() < PATIENCE, "the place is still held");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(refused > 0, "the place was to be held for a while");
    assert!(
        http_body_util::BodyExt::collect(held).await.is_err(),
        "the connection was to be closed"
    );
}

#[tokio::test]
async fn who_asks_and_takes_back_again_and_again_loses_the_connection() {
    let provider = RawProvider::start(|_| Answer::Silence).await;
    let (builder, authority) = Place::new().gateway("");
    let gateway = builder.in_front_of(provider.address()).start().await;
    let mut connection = Client::trusting(&authority)
        .speaking(H2)
        .connect(gateway.address())
        .await
        .unwrap();
    let ask = connection
        .prompt(CHAT)
        .header("authorization", format!("Bearer {}", gateway.key()));
    let ask = ask.body(Full::from(chat("demo", EMAIL))).unwrap();
    let begun = std::time::Instant::now();
    let mut taken_back = 0;
    // Each is dropped, and so reset, long before the provider answers.
    while let Err(_) | Ok(Err(_)) =
        tokio::time::timeout(Duration::from_millis(2), connection.send(ask.clone())).await
        && !connection.is_closed()
    {
        taken_back += 1;
        assert!(begun.elapsed() < PATIENCE, "{taken_back} were taken back");
    }
    assert!(connection.is_closed());
    let mut other = Client::trusting(&authority)
        .connect(gateway.address())
        .await
        .unwrap();
    assert_eq!(other.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn too_many_header_fields_are_refused() {
    let (builder, authority) = Place::new().gateway("");
    let gateway = builder.limits("headers = 20").start().await;
    let mut connection = Client::trusting(&authority)
        .speaking(H2)
        .connect(gateway.address())
        .await
        .unwrap();
    let mut ask = connection
        .prompt(CHAT)
        .header("authorization", format!("Bearer {}", gateway.key()));
    for number in 0..20 {
        ask = ask.header(format!("x-{number}"), "1");
    }
    let ask = ask.body(Full::from(chat("demo-echo", EMAIL))).unwrap();
    assert_eq!(connection.ask(ask).await.status, 431);
    assert_eq!(
        connection
            .post(CHAT, gateway.key(), &chat("demo-echo", EMAIL))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_connection_that_rests_does_not_hold_up_the_end() {
    let (builder, authority) = Place::new().gateway("");
    let gateway = builder.start().await;
    let mut connection = Client::trusting(&authority)
        .speaking(H2)
        .connect(gateway.address())
        .await
        .unwrap();
    assert_eq!(connection.get("/healthz").await.status, 200);
    assert!(gateway.stop().await.is_orderly);
}
