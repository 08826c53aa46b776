//! A small HTTP client for the scripted conversation and for tests: one request a connection.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use privet_types::Secret;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::Error;
use crate::listener::MAX_BODY;

/// How long a whole reply may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Asks one address with one key.
#[derive(Debug, Clone)]
pub struct Client {
    addr: SocketAddr,
    key: Option<Secret<String>>,
}

/// A reply read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values; bytes that are no UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body: JSON, or server-sent events.
    pub body: Bytes,
    /// The body frames as they came, at least one for each chunk the server wrote.
    pub frames: Vec<Bytes>,
    /// Whether the body came to its proper end; otherwise the connection broke.
    pub is_whole: bool,
}

impl Reply {
    /// The first header called `name`, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Client {
    /// A client of the server at `addr` that sends `key`, if any, as bearer token.
    #[must_use]
    pub const fn new(addr: SocketAddr, key: Option<Secret<String>>) -> Self {
        Self { addr, key }
    }

    /// Posts the JSON document `body` to `path`.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Request`], [`Error::Broken`] before the head of the reply, [`Error::TooLong`] or
    /// [`Error::Deadline`]. A status of 400 and more is no error.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Result<Reply, Error> {
        self.send(Method::POST, path, &[], body.into()).await
    }

    /// Gets `path`, with `headers` besides the usual ones.
    ///
    /// # Errors
    /// As for [`Client::post`].
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Reply, Error> {
        self.send(Method::GET, path, headers, Bytes::new()).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.addr.to_string());
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        if path.starts_with("/v1/messages") {
            request = request.header("anthropic-version", "2023-06-01");
        }
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {}", key.expose()));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let end = Instant::now() + DEADLINE;
        let late = |_| Error::Deadline {
            addr: self.addr,
            limit: DEADLINE,
        };
        let response = timeout_at(end, exchange(self.addr, request.body(Full::new(body))?))
            .await
            .map_err(late)??;
        timeout_at(end, read(response)).await.map_err(late)?
    }
}

async fn read(response: Response<Incoming>) -> Result<Reply, Error> {
    let (head, mut body) = response.into_parts();
    let (mut frames, mut len, mut is_whole): (Vec<Bytes>, usize, bool) = (Vec::new(), 0, true);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            is_whole = false;
            break;
        };
        if let Ok(data) = frame.into_data() {
            len += data.len();
            if len > MAX_BODY {
                return Err(Error::TooLong { limit: MAX_BODY });
            }
            frames.push(data);
        }
    }
    let headers = head.headers.iter();
    let readable = headers.map(|(name, value)| {
        (
            name.to_string(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    Ok(Reply {
        status: head.status.as_u16(),
        headers: readable.collect(),
        body: frames.concat().into(),
        frames,
        is_whole,
    })
}

/// How long a connection may take to open.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// Sends `request` over a new connection and waits for the head of the reply.
pub(crate) async fn exchange(
    addr: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Error> {
    let stream = timeout(CONNECT_DEADLINE, TcpStream::connect(addr))
        .await
        .map_err(|_| Error::Deadline {
            addr,
            limit: CONNECT_DEADLINE,
        })?
        .map_err(|source| Error::Connect { addr, source })?;
    // A refusal only means slower small writes.
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(Error::Broken)?;
    tokio::spawn(async move {
        // The reader of the body learns of a broken connection.
        let _ = connection.await;
    });
    sender.send_request(request).await.map_err(Error::Broken)
}
