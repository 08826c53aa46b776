//! Callers that ask without end, by way of several nodes, as behind a load balancer.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::wire::{Framing, PATIENCE, Reader};

/// Callers under way. Each asks, waits for the answer, and asks the same again of the next node.
pub struct Load {
    nodes: Arc<RwLock<Vec<SocketAddr>>>,
    stop: watch::Sender<bool>,
    callers: JoinSet<Vec<Answered>>,
}

/// What became of one request.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The node that was asked.
    pub node: SocketAddr,
    /// When.
    pub at: Instant,
    /// How long it took.
    pub took: Duration,
    /// The HTTP status; 0 if the connection broke off.
    pub status: u16,
    /// The code of a refusal; empty if there is none.
    pub code: String,
    /// By what the audit log knows it; empty if none was told.
    pub request_id: String,
    /// Whether the reply holds the caller's own private value.
    pub is_restored: bool,
}

impl Load {
    /// `callers` of them, each with its own [`private`](Self::private) value, ask `nodes` for a chat with the model `demo-echo`, and rest for
    /// `pause` between two requests.
    #[must_use]
    pub fn start(nodes: &[SocketAddr], key: &str, callers: usize, pause: Duration) -> Self {
        let nodes = Arc::new(RwLock::new(nodes.to_vec()));
        let (stop, stopped) = watch::channel(false);
        let mut load = Self {
            nodes: Arc::clone(&nodes),
            stop,
            callers: JoinSet::new(),
        };
        for caller in 0..callers {
            let text = format!("I am {}, good morning.", Self::private(caller));
            let body =
                serde_json::json!({"model": "demo-echo", "messages": [{"role": "user", "content": text}]});
            let head = format!(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: privet\r\ncontent-type: application/json\r\n\
                 authorization: Bearer {}\r\nconnection: close\r\n",
                key.trim_end()
            );
            let body = body.to_string();
            let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let (nodes, stopped) = (Arc::clone(&nodes), stopped.clone());
            load.callers.spawn(call(caller, request, nodes, pause, stopped));
        }
        load
    }

    /// The private value of a caller.
    #[must_use]
    pub fn private(caller: usize) -> String {
        format!("caller.number{caller}@example.com")
    }

    /// Sends all requests to `nodes` from now on; those under way go on where they are.
    pub fn send_to(&self, nodes: &[SocketAddr]) {
        let mut now = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        nodes.clone_into(&mut now);
    }

    /// Waits for what is under way. What became of each request, in the order in which they were made.
    pub async fn end(self) -> Vec<Answered> {
        self.stop.send_replace(true);
        let mut all = self.callers.join_all().await.concat();
        all.sort_by_key(|answered| answered.at);
        all
    }
}

async fn call(
    caller: usize,
    request: String,
    nodes: Arc<RwLock<Vec<SocketAddr>>>,
    pause: Duration,
    mut stopped: watch::Receiver<bool>,
) -> Vec<Answered> {
    let private = Load::private(caller);
    let mut all = Vec::new();
    let mut turn = caller;
    while !*stopped.borrow() {
        let node = {
            let nodes = nodes.read().unwrap_or_else(PoisonError::into_inner);
            nodes.get(turn % nodes.len().max(1)).copied()
        };
        turn += 1;
        if let Some(node) = node {
            let at = Instant::now();
            let reply = tokio::time::timeout(PATIENCE * 2, ask(node, &request)).await;
            let reply = reply.ok().flatten();
            all.push(answered(node, at, reply, &private));
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped.changed() => {}
        }
    }
    all
}

/// Status, id and body; none if it broke off.
async fn ask(node: SocketAddr, request: &str) -> Option<(u16, String, Vec<u8>)> {
    let stream = TcpStream::connect(node).await.ok()?;
    let (read, mut write) = stream.into_split();
    write.write_all(request.as_bytes()).await.ok()?;
    let mut reader = Reader::new(read);
    let head = reader.head().await.ok()??;
    let status = head.start.split(' ').nth(1)?.parse().ok()?;
    let id = head.header("x-privet-request-id").unwrap_or_default().to_owned();
    let (body, is_whole) = reader.rest(&mut head.framing(Framing::UntilClose)).await;
    is_whole.then_some((status, id, body))
}

fn answered(node: SocketAddr, at: Instant, reply: Option<(u16, String, Vec<u8>)>, private: &str) -> Answered {
    let (status, request_id, body) = reply.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let code = json.pointer("/error/code").and_then(Value::as_str);
    Answered {
        node,
        at,
        took: at.elapsed(),
        status,
        code: code.unwrap_or_default().to_owned(),
        request_id,
        is_restored: text.contains(private),
    }
}
