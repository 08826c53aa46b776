//! A client that sends exactly what it is told and shows replies piece by piece.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;

use crate::wire::{Framing, Head, Reader, soon};

/// One request on a connection of its own.
#[derive(Debug, Clone)]
#[must_use = "it is not sent before `send` or `open`"]
pub struct Ask {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    is_chunked: bool,
}

/// A reply read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it came.
    pub body: Vec<u8>,
    /// Whether the body came to its proper end; otherwise the connection broke.
    pub is_whole: bool,
}

/// A reply whose body is still coming. Dropped, it closes the connection.
pub struct Open {
    /// The HTTP status.
    pub status: u16,
    head: Head,
    reader: Reader,
    framing: Framing,
    body: Vec<u8>,
    _writer: OwnedWriteHalf,
}

impl Ask {
    /// A request to `address` with no header but `host`.
    pub fn new(address: SocketAddr, method: &str, target: &str) -> Self {
        Self {
            address,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: vec![("host".to_owned(), address.to_string())],
            body: Vec::new(),
            is_chunked: false,
        }
    }

    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without any header called `name`.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// With `body`. Its length is declared, unless a header says something else.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With the body in chunks, its length not declared.
    pub fn chunked(mut self) -> Self {
        self.is_chunked = true;
        self
    }

    /// Sends it and reads the reply to its end.
    pub async fn send(self) -> Reply {
        self.open().await.rest().await
    }

    /// Sends it and reads the head of the reply.
    pub async fn open(self) -> Open {
        let (mut reader, writer) = self.write().await;
        let head = soon("the head of the reply", reader.head()).await;
        let head = head
            .expect("the head of the reply can be read")
            .expect("there is a reply");
        let status = head
            .start
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status");
        let has_body = self.method != "HEAD" && status != 204;
        let framing = if has_body {
            head.framing(Framing::UntilClose)
        } else {
            Framing::Done
        };
        Open {
            status,
            head,
            reader,
            framing,
            body: Vec::new(),
            _writer: writer,
        }
    }

    /// Sends it and lets the reply be. Dropping the value that is returned closes the connection.
    pub async fn begin(self) -> impl Sized {
        self.write().await
    }

    async fn write(&self) -> (Reader, OwnedWriteHalf) {
        let stream = soon("connecting", TcpStream::connect(self.address))
            .await
            .expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        let (read, mut write) = stream.into_split();
        let mut message = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            message.push_str(&format!("{name}: {value}\r\n"));
        }
        let declares = self.headers.iter().any(|(name, _)| name == "content-length");
        if self.is_chunked {
            message.push_str("transfer-encoding: chunked\r\n");
        } else if !declares && (!self.body.is_empty() || self.method == "POST") {
            message.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        message.push_str("\r\n");
        let mut message = message.into_bytes();
        if self.is_chunked {
            for piece in self.body.chunks(8192) {
                message.extend(crate::chunk(piece));
            }
            message.extend(b"0\r\n\r\n");
        } else {
            message.extend(&self.body);
        }
        // A server may refuse before it has read everything; its reply says why.
        let _ = soon("sending", write.write_all(&message)).await;
        (Reader::new(read), write)
    }
}

impl Open {
    /// The first header called `name`, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// Reads on until the body holds `text`; returns the body so far.
    pub async fn until(&mut self, text: &str) -> String {
        loop {
            let body = String::from_utf8_lossy(&self.body).into_owned();
            if body.contains(text) {
                return body;
            }
            let piece = soon(text, self.reader.piece(&mut self.framing)).await;
            match piece {
                Ok(Some(piece)) => self.body.extend(piece),
                end => panic!("the reply ended ({end:?}) without `{text}`: {body}"),
            }
        }
    }

    /// Reads to the end.
    pub async fn rest(mut self) -> Reply {
        let (rest, is_whole) = soon("the reply", self.reader.rest(&mut self.framing)).await;
        self.body.extend(rest);
        Reply {
            status: self.status,
            headers: self.head.headers,
            body: self.body,
            is_whole,
        }
    }
}

impl Reply {
    /// The first header called `name`, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error} in {} {}", self.status, self.text()),
        }
    }

    /// The `data` of every server-sent event in the body, in order.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n").replace('\r', "\n");
        let data = text.lines().filter_map(|line| line.strip_prefix("data:"));
        data.map(|data| data.trim_start().to_owned()).collect()
    }

    /// The `event` of every server-sent event in the body that has one, in order.
    #[must_use]
    pub fn event_names(&self) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n").replace('\r', "\n");
        let names = text.lines().filter_map(|line| line.strip_prefix("event:"));
        names.map(|name| name.trim_start().to_owned()).collect()
    }

    /// What a stream of the OpenAI dialect says as choice `index`.
    #[must_use]
    pub fn openai_said(&self, index: u64) -> String {
        self.said(|event| {
            let choices = event.get("choices")?.as_array()?;
            let choice = choices
                .iter()
                .find(|choice| choice.get("index").and_then(Value::as_u64) == Some(index))?;
            Some(choice.pointer("/delta/content")?.as_str()?.to_owned())
        })
    }

    /// What a stream of the Anthropic dialect says as text.
    #[must_use]
    pub fn anthropic_said(&self) -> String {
        self.said(|event| Some(event.pointer("/delta/text")?.as_str()?.to_owned()))
    }

    fn said(&self, piece: impl Fn(&Value) -> Option<String>) -> String {
        let events = self.events();
        let parsed = events
            .iter()
            .filter_map(|data| serde_json::from_str::<Value>(data).ok());
        parsed.filter_map(|event| piece(&event)).collect()
    }
}
