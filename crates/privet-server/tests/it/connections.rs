//! Connections to providers are kept, and replaced when the provider ends them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_testkit::{TestGateway, json_reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::support::{CHAT, EMAIL, MODELS, assert_refused, chat, chat_stream};

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
                      e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";

/// A provider that says the same on every request, and when it has ended a connection.
struct KeepAlive {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    ended: mpsc::UnboundedReceiver<()>,
}

impl KeepAlive {
    /// Ends each connection after `requests` of them, without a word.
    async fn start(reply: impl Into<Vec<u8>>, requests: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (end, ended) = mpsc::unbounded_channel();
        let reply = reply.into();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, reply.clone(), requests, end.clone()));
            }
        });
        Self {
            address,
            connections,
            ended,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, reply: Vec<u8>, requests: usize, end: mpsc::UnboundedSender<()>) {
    for _ in 0..requests {
        if !read_request(&mut stream).await || stream.write_all(&reply).await.is_err() {
            return;
        }
    }
    drop(stream);
    end.send(()).unwrap_or_default();
}

/// Whether a whole request came.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    while !is_whole(&bytes) {
        if stream.read_buf(&mut bytes).await.unwrap_or_default() == 0 {
            return false;
        }
    }
    true
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.and_then(|n| n.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn requests_one_after_another_share_a_connection() {
    let whole = json_reply("200 OK", "", r#"{"choices":[]}"#);
    for (reply, ask) in [
        (whole, chat("demo", EMAIL)),
        (STREAM.as_bytes().to_vec(), chat_stream("demo", EMAIL)),
    ] {
        let provider = KeepAlive::start(reply, usize::MAX).await;
        let gateway = TestGateway::builder().in_front_of(provider.address).start().await;
        for _ in 0..3 {
            assert_eq!(gateway.post(CHAT, ask.clone()).send().await.status, 200);
        }
        assert_eq!(provider.connections(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_the_provider_ended_is_replaced() {
    let reply = json_reply("200 OK", "", r#"{"choices":[]}"#);
    let mut provider = KeepAlive::start(reply, 2).await;
    let gateway = TestGateway::builder().in_front_of(provider.address).start().await;
    for _ in 0..2 {
        for _ in 0..2 {
            assert_eq!(gateway.post(CHAT, chat("demo", EMAIL)).send().await.status, 200);
        }
        provider.ended.recv().await;
    }
    assert_eq!(gateway.post(CHAT, chat("demo", EMAIL)).send().await.status, 200);
    assert_eq!(provider.connections(), 3);
}

#[tokio::test]
async fn callers_at_once_have_a_connection_each() {
    let reply = json_reply("200 OK", "", r#"{"choices":[]}"#);
    let provider = KeepAlive::start(reply, usize::MAX).await;
    let gateway = TestGateway::builder().in_front_of(provider.address).start().await;
    for _ in 0..3 {
        let ask = || gateway.post(CHAT, chat("demo", EMAIL)).send();
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!((first.status, second.status), (200, 200));
    }
    assert!(provider.connections() <= 2, "{}", provider.connections());
}

#[tokio::test]
async fn on_a_connection_that_is_just_closed_a_list_is_asked_for_again_and_a_prompt_is_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    // Answers the first request on each connection, and takes in the second before it hangs up.
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let reply = json_reply("200 OK", "", r#"{"data":[{"id":"demo-9"}]}"#);
                for answer in [reply, Vec::new()] {
                    if !read_request(&mut stream).await {
                        return;
                    }
                    counted.fetch_add(1, Ordering::SeqCst);
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let gateway = TestGateway::builder().in_front_of(address).start().await;
    let bearer = format!("Bearer {}", gateway.key());
    let models = async || {
        let ask = gateway.ask("GET", MODELS).header("authorization", &bearer);
        ask.send().await.text()
    };
    // Two providers at the address: each is asked.
    assert!(models().await.contains("demo-9"));
    assert_eq!(requests.load(Ordering::SeqCst), 2);
    assert!(models().await.contains("demo-9"));
    assert_eq!(requests.load(Ordering::SeqCst), 6);
    let reply = gateway.post(CHAT, chat("demo", EMAIL)).send().await;
    assert_refused(&reply, CHAT, 502, "upstream_unreachable");
    assert_eq!(requests.load(Ordering::SeqCst), 7);
}
