//! A provider that speaks HTTP/2 in the clear, frame by frame, and may say anything.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

pub(crate) const REFUSED_STREAM: u32 = 7;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A request whose last byte came.
pub(crate) struct Asked {
    /// On which connection, from 1.
    pub(crate) connection: usize,
    /// Which stream.
    pub(crate) id: u32,
    /// Writes to that connection.
    pub(crate) say: mpsc::UnboundedSender<Vec<u8>>,
}

/// Dropped, it closes everything.
pub(crate) struct Frames {
    address: SocketAddr,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

struct Seen {
    connections: watch::Sender<usize>,
    /// Of each frame the connection, the kind and the stream.
    frames: Mutex<Vec<(usize, u8, u32)>>,
}

impl Frames {
    /// Begins each connection with these settings (kind and value), and does what `script` says with each request.
    pub(crate) async fn start(
        settings: &[(u16, u32)],
        script: impl Fn(Asked) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            connections: watch::channel(0).0,
            frames: Mutex::default(),
        });
        let mut payload = Vec::new();
        for (kind, value) in settings {
            payload.extend(kind.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        let hello = frame(SETTINGS, 0, 0, &payload);
        let script = Arc::new(script);
        let for_tasks = Arc::clone(&seen);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (hello, script, seen) = (hello.clone(), script.clone(), for_tasks.clone());
                connections.spawn(async move { serve(stream, hello, &*script, &seen).await });
            }
        });
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    /// Its entry in the settings as `fast`, with these lines besides.
    pub(crate) fn entry(&self, more: &str) -> String {
        let address = self.address;
        format!(
            "[[providers]]\nname = \"fast\"\ndialect = \"openai\"\nbase_url = \"http://{address}/v1\"\nhttp = \"2\"\n{more}\n"
        )
    }

    pub(crate) fn connections(&self) -> usize {
        *self.seen.connections.borrow()
    }

    /// How many frames of `kind` came.
    pub(crate) fn count(&self, kind: u8) -> usize {
        let frames = self.seen.frames.lock().unwrap();
        frames.iter().filter(|(_, known, _)| *known == kind).count()
    }
}

async fn serve(
    stream: TcpStream,
    hello: Vec<u8>,
    script: &(dyn Fn(Asked) + Sync),
    seen: &Seen,
) -> Option<()> {
    seen.connections.send_modify(|count| *count += 1);
    let connection = *seen.connections.borrow();
    let (mut read, mut write) = stream.into_split();
    let (say, mut said) = mpsc::unbounded_channel::<Vec<u8>>();
    say.send(hello).unwrap();
    tokio::spawn(async move {
        while let Some(bytes) = said.recv().await {
            if write.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
    let mut preface = vec![0; PREFACE.len()];
    read.read_exact(&mut preface).await.ok()?;
    assert_eq!(preface, PREFACE);
    loop {
        let mut head = [0; 9];
        read.read_exact(&mut head).await.ok()?;
        let [l1, l2, l3, kind, flags, id @ ..] = head;
        let (length, id) = (u32::from_be_bytes([0, l1, l2, l3]), u32::from_be_bytes(id));
        let mut payload = vec![0; length as usize];
        read.read_exact(&mut payload).await.ok()?;
        seen.frames.lock().unwrap().push((connection, kind, id));
        match kind {
            SETTINGS if flags & ACK == 0 => say.send(frame(SETTINGS, ACK, 0, &[])).ok()?,
            PING if flags & ACK == 0 => say.send(frame(PING, ACK, 0, &payload)).ok()?,
            HEADERS | DATA if flags & END_STREAM != 0 => script(Asked {
                connection,
                id,
                say: say.clone(),
            }),
            _ => {}
        }
    }
}

impl Asked {
    pub(crate) fn say(&self, bytes: Vec<u8>) {
        // Who is gone hears nothing.
        self.say.send(bytes).unwrap_or_default();
    }

    /// The head of a reply of JSON, whose body follows.
    pub(crate) fn head(&self, more: &[(&str, &str)]) -> Vec<u8> {
        let mut fields = vec![STATUS_200];
        fields.extend(field("content-type", "application/json"));
        for (name, value) in more {
            fields.extend(field(name, value));
        }
        frame(HEADERS, END_HEADERS, self.id, &fields)
    }

    /// The rest of that.
    pub(crate) fn body(&self, body: &str) -> Vec<u8> {
        frame(DATA, END_STREAM, self.id, body.as_bytes())
    }

    /// All of a reply.
    pub(crate) fn reply(&self, body: &str) {
        self.say([self.head(&[]), self.body(body)].concat());
    }
}

/// `:status: 200`, as RFC 7541 has it in its table.
pub(crate) const STATUS_200: u8 = 0x88;

pub(crate) fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length.to_vec();
    frame.extend([kind, flags]);
    frame.extend(id.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header written out (RFC 7541 §6.2.2): names and values of up to 126 bytes.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        field.push(u8::try_from(text.len()).unwrap());
        field.extend(text.as_bytes());
    }
    field
}

/// The last stream that was looked at, and why the connection ends: nothing is wrong.
pub(crate) fn goaway(last: u32) -> Vec<u8> {
    let mut payload = last.to_be_bytes().to_vec();
    payload.extend(0_u32.to_be_bytes());
    frame(GOAWAY, 0, 0, &payload)
}

pub(crate) fn reset(id: u32, reason: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, id, &reason.to_be_bytes())
}
