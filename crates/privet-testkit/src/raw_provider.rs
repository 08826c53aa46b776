//! A provider that answers with any bytes at all.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use privet_demo::Recording;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::wire::{Framing, Reader, soon};

/// What a [`RawProvider`] does after a request.
#[derive(Debug)]
pub enum Answer {
    /// Writes these bytes, head and all, and closes the connection.
    Bytes(Vec<u8>),
    /// Writes what comes out of the channel, head and all, each piece at once; closes the connection when the channel
    /// ends.
    Pieces(UnboundedReceiver<Vec<u8>>),
    /// Says nothing until the other side goes away.
    Silence,
}

/// A provider on 127.0.0.1 that remembers what it was sent. Dropped, it closes everything.
pub struct RawProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    requests: Mutex<Vec<Recording>>,
    /// Requests that arrived, and connections that the other side closed before the answer was at its end.
    arrived: watch::Sender<usize>,
    gone: watch::Sender<usize>,
}

impl Shared {
    fn requests(&self) -> MutexGuard<'_, Vec<Recording>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RawProvider {
    /// Answers each request by what `script` makes of it.
    pub async fn start(script: impl Fn(&Recording) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            requests: Mutex::default(),
            arrived: watch::channel(0).0,
            gone: watch::channel(0).0,
        });
        let mut tasks = JoinSet::new();
        let (script, for_tasks) = (Arc::new(script), Arc::clone(&shared));
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, shared) = (Arc::clone(&script), Arc::clone(&for_tasks));
                connections.spawn(async move { serve(stream, &*script, &shared).await });
            }
        });
        Self {
            address,
            shared,
            _tasks: tasks,
        }
    }

    /// One that answers every request with the same bytes.
    pub async fn always(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |_| Answer::Bytes(bytes.clone())).await
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was sent, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Recording> {
        self.shared.requests().clone()
    }

    /// Waits until it was sent `count` requests.
    pub async fn arrived(&self, count: usize) {
        let mut arrived = self.shared.arrived.subscribe();
        let _ = soon("a request", arrived.wait_for(|n| *n >= count)).await;
    }

    /// Waits until the other side has closed `count` connections before their answers were at their ends.
    pub async fn gone(&self, count: usize) {
        let mut gone = self.shared.gone.subscribe();
        let _ = soon("the end of a connection", gone.wait_for(|n| *n >= count)).await;
    }
}

async fn serve(stream: TcpStream, script: &(dyn Fn(&Recording) -> Answer + Sync), shared: &Shared) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (read, mut write) = stream.into_split();
    let mut reader = Reader::new(read);
    let Ok(Some(head)) = reader.head().await else {
        return;
    };
    let (body, is_whole) = reader.rest(&mut head.framing(Framing::Done)).await;
    if !is_whole {
        return;
    }
    let mut start = head.start.split(' ').map(str::to_owned);
    let request = Recording {
        method: start.next().unwrap_or_default(),
        path: start.next().unwrap_or_default(),
        headers: head.headers,
        body: Bytes::from(body),
    };
    let answer = script(&request);
    shared.requests().push(request);
    shared.arrived.send_modify(|n| *n += 1);
    let is_gone = match answer {
        Answer::Bytes(bytes) => write.write_all(&bytes).await.is_err(),
        Answer::Silence => {
            reader.closed().await;
            true
        }
        Answer::Pieces(mut pieces) => loop {
            tokio::select! {
                piece = pieces.recv() => match piece {
                    Some(piece) if write.write_all(&piece).await.is_ok() => {}
                    Some(_) => break true,
                    None => break false,
                },
                () = reader.closed() => break true,
            }
        },
    };
    if is_gone {
        shared.gone.send_modify(|n| *n += 1);
    } else {
        let _ = write.shutdown().await;
        // Closed before the other side has read it all, the connection would be reset.
        reader.closed().await;
    }
}

/// A whole reply with a JSON body, as bytes. `headers`: further lines, each with its line end.
#[must_use]
pub fn json_reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The head of a streamed reply, as bytes; [`chunk`]s follow.
#[must_use]
pub fn sse_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec()
}

/// One chunk of a chunked body; an empty one ends it.
#[must_use]
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend(bytes);
    chunk.extend(b"\r\n");
    chunk
}
