//! A provider behind TLS that speaks HTTP/2.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use data_encoding::BASE64;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::request::Parts;
use http::{Request, Response};
use privet_testkit::{Authority, PATIENCE, RawProvider, json_reply};
use rustls::ServerConfig;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

type Script = dyn Fn(Asked) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// Dropped, it closes everything.
pub(crate) struct Provider {
    address: SocketAddr,
    pin: String,
    folder: TempDir,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: Mutex<Vec<(Parts, Vec<u8>)>>,
}

/// A request that came.
pub(crate) struct Asked {
    pub(crate) body: Vec<u8>,
    respond: SendResponse<Bytes>,
}

/// The body of a reply that is being sent.
pub(crate) struct Sending(SendStream<Bytes>);

impl Provider {
    /// Offers `protocols` in the TLS handshake. Who agrees on HTTP/2 is answered by `script`, anybody else by `other`.
    pub(crate) async fn start<F>(
        protocols: &[&str],
        other: Option<SocketAddr>,
        script: impl Fn(Asked) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let authority = Authority::default();
        let identity = authority.sign(&["127.0.0.1"]);
        let pin = BASE64.encode(&privet_crypto::sha256(&identity.public_key()));
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![identity.certificate().clone()], identity.key())
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        let script: Arc<Script> = Arc::new(move |asked| Box::pin(script(asked)));
        let for_tasks = Arc::clone(&seen);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, script, seen) = (acceptor.clone(), script.clone(), for_tasks.clone());
                connections.spawn(serve(stream, acceptor, other, script, seen));
            }
        });
        Self {
            address,
            pin,
            folder,
            seen,
            _tasks: tasks,
        }
    }

    /// One that speaks HTTP/2 alone, and says what it was told.
    pub(crate) async fn echo() -> Self {
        Self::start(&["h2"], None, |asked| async { asked.echo().await }).await
    }

    /// Its entry in the settings as `fast`, with these lines besides.
    pub(crate) fn entry(&self, more: &str) -> String {
        let (address, ca) = (self.address, self.folder.path().join("ca.pem"));
        format!(
            "[[providers]]\nname = \"fast\"\ndialect = \"openai\"\nbase_url = \"https://{address}/v1\"\nca_file = {ca:?}\n{more}\n"
        )
    }

    pub(crate) fn pin(&self) -> &str {
        &self.pin
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections over which HTTP/2 was spoken.
    pub(crate) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> Vec<(Parts, Vec<u8>)> {
        self.seen.requests.lock().unwrap().clone()
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    other: Option<SocketAddr>,
    script: Arc<Script>,
    seen: Arc<Seen>,
) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        if let Some(other) = other {
            let mut other = TcpStream::connect(other).await.unwrap();
            _ = tokio::io::copy_bidirectional(&mut stream, &mut other).await;
        }
        return;
    }
    seen.connections.fetch_add(1, Ordering::SeqCst);
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    let mut answers = JoinSet::new();
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (script, seen) = (script.clone(), seen.clone());
        answers.spawn(async move {
            let (head, body) = read(request).await;
            seen.requests.lock().unwrap().push((head, body.clone()));
            let asked = Asked { body, respond };
            script(asked).await;
        });
    }
}

async fn read(request: Request<h2::RecvStream>) -> (Parts, Vec<u8>) {
    let (head, mut body) = request.into_parts();
    let mut bytes = Vec::new();
    while let Some(Ok(piece)) = body.data().await {
        body.flow_control().release_capacity(piece.len()).unwrap();
        bytes.extend(piece);
    }
    (head, bytes)
}

impl Asked {
    /// What the last message said.
    pub(crate) fn said(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let last = body["messages"].as_array().and_then(|all| all.last());
        last.and_then(|last| last["content"].as_str())
            .unwrap_or_default()
            .to_owned()
    }

    /// Answers as `head` says, and begins a body.
    pub(crate) fn begin(mut self, head: http::response::Builder) -> Sending {
        Sending(self.respond.send_response(head.body(()).unwrap(), false).unwrap())
    }

    /// Begins a stream of events.
    pub(crate) fn events(self) -> Sending {
        self.begin(Response::builder().header("content-type", "text/event-stream"))
    }

    /// Says what it was told.
    pub(crate) async fn echo(self) {
        let body = completion(&self.said());
        let head = Response::builder().header("content-type", "application/json");
        self.begin(head).end(body).await;
    }
}

impl Sending {
    /// Sends all of `bytes` as the other side makes room. False if it wants no more.
    pub(crate) async fn send(&mut self, bytes: impl Into<Bytes>) -> bool {
        self.put(bytes.into(), false).await
    }

    pub(crate) async fn end(mut self, bytes: impl Into<Bytes>) {
        self.put(bytes.into(), true).await;
    }

    pub(crate) fn trailers(mut self, name: &'static str) {
        let mut trailers = http::HeaderMap::new();
        trailers.insert(name, "1".parse().unwrap());
        self.0.send_trailers(trailers).unwrap();
    }

    pub(crate) fn reset(mut self, reason: Reason) {
        self.0.send_reset(reason);
    }

    /// Why the other side wants no more, once it does not.
    pub(crate) async fn refused(mut self) -> Reason {
        let reset = poll_fn(|context| self.0.poll_reset(context));
        timeout(PATIENCE, reset).await.expect("a reset in time").unwrap()
    }

    async fn put(&mut self, mut bytes: Bytes, is_last: bool) -> bool {
        while !bytes.is_empty() {
            self.0.reserve_capacity(bytes.len());
            let Some(Ok(room)) = poll_fn(|context| self.0.poll_capacity(context)).await else {
                return false;
            };
            let piece = bytes.split_to(room.min(bytes.len()));
            let is_end = is_last && bytes.is_empty();
            if self.0.send_data(piece, is_end).is_err() {
                return false;
            }
        }
        true
    }
}

/// A chat reply.
pub(crate) fn completion(text: &str) -> String {
    json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}).to_string()
}

/// An event of a chat reply that is streamed.
pub(crate) fn event(text: &str) -> String {
    let event = json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {event}\n\n")
}

/// One that speaks HTTP/1.1 and answers everything with the same.
pub(crate) async fn old() -> RawProvider {
    let reply = json_reply("200 OK", "connection: close\r\n", &completion("of old"));
    RawProvider::always(reply).await
}
