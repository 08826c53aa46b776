//! The load generator: a number of keep-alive connections, each with one request under way at any time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Request, header};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::body::{Call, Shape};
use crate::error::Error;
use crate::mock;

/// Longest wait for one reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is sent, where to, and what must come back.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) row: String,
    pub(crate) address: SocketAddr,
    /// Path of the request.
    pub(crate) path: String,
    pub(crate) key: String,
    /// Those that this server wants besides.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) calls: Vec<Call>,
    pub(crate) shape: Shape,
    pub(crate) expects: Expects,
}

/// What a right reply is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expects {
    /// The mock's words as they are.
    Plain,
    /// As [`Plain`](Self::Plain), and the gateway says that nothing was masked.
    PassedThrough,
    /// The private values restored, and the gateway says that it masked all of them.
    Restored,
}

/// What was measured, one entry for each reply.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// µs from the first byte sent to the last one read.
    pub(crate) total_us: Vec<u32>,
    /// µs from the first byte sent to the first one of the body read.
    pub(crate) first_us: Vec<u32>,
}

/// Open connections.
pub(crate) struct Connections {
    plan: Arc<Plan>,
    open: Vec<Connection>,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Which call is next; each connection starts with another one.
    next: usize,
    /// The number of its next request: no two of a run have the same.
    number: usize,
    /// Between its requests' numbers.
    step: usize,
}

impl Connections {
    pub(crate) async fn open(plan: Plan, count: usize) -> Result<Self, Error> {
        let mut open = Vec::with_capacity(count);
        for next in 0..count {
            let what = || format!("{}: cannot connect to {}", plan.row, plan.address);
            let stream = TcpStream::connect(plan.address)
                .await
                .map_err(Error::io(what()))?;
            stream.set_nodelay(true).map_err(Error::io(what()))?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream))
                .await
                .map_err(Error::http(what()))?;
            tokio::spawn(connection);
            open.push(Connection {
                sender,
                next,
                number: next,
                step: count,
            });
        }
        Ok(Self {
            plan: Arc::new(plan),
            open,
        })
    }

    /// Keeps all connections busy for `duration`; returns what was measured and how long it took.
    pub(crate) async fn run(&mut self, duration: Duration) -> Result<(Samples, Duration), Error> {
        let began = Instant::now();
        let mut running = JoinSet::new();
        for connection in self.open.drain(..) {
            running.spawn(drive(Arc::clone(&self.plan), connection, began + duration));
        }
        let mut all = Samples::default();
        while let Some(ended) = running.join_next().await {
            let (connection, samples) = ended.map_err(|_| self.plan.wrong("the load generator broke"))??;
            self.open.push(connection);
            all.total_us.extend(samples.total_us);
            all.first_us.extend(samples.first_us);
        }
        Ok((all, began.elapsed()))
    }
}

async fn drive(
    plan: Arc<Plan>,
    mut connection: Connection,
    until: Instant,
) -> Result<(Connection, Samples), Error> {
    let mut samples = Samples::default();
    while Instant::now() < until {
        let call = plan.calls.get(connection.next % plan.calls.len().max(1));
        let call = call.ok_or_else(|| plan.wrong("nothing to send"))?;
        let number = connection.number;
        connection.next += 1;
        connection.number += connection.step;
        let asked = tokio::time::timeout(PATIENCE, ask(&plan, call, number, &mut connection.sender)).await;
        let (first, total) = asked.map_err(|_| plan.wrong("no whole reply within 30 s"))??;
        let us = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        samples.first_us.push(us(first));
        samples.total_us.push(us(total));
    }
    Ok((connection, samples))
}

/// One request and its checked reply; the times until the body's first and last byte.
async fn ask(
    plan: &Plan,
    call: &Call,
    number: usize,
    sender: &mut SendRequest<Full<Bytes>>,
) -> Result<(Duration, Duration), Error> {
    let broken = || Error::http(format!("{}: the connection broke", plan.row));
    let request = plan.request(call, number)?;
    sender.ready().await.map_err(broken())?;
    let began = Instant::now();
    let reply = sender.send_request(request).await.map_err(broken())?;
    let (parts, mut body) = reply.into_parts();
    let mut collected = BytesMut::new();
    let mut first = None;
    while let Some(frame) = body.frame().await {
        first.get_or_insert_with(|| began.elapsed());
        if let Ok(data) = frame.map_err(broken())?.into_data() {
            collected.extend_from_slice(&data);
        }
    }
    let total = began.elapsed();
    if parts.status != 200 {
        let said = String::from_utf8_lossy(collected.get(..300).unwrap_or(&collected)).into_owned();
        return Err(plan.wrong(&format!("status {}: {said}", parts.status)));
    }
    plan.check(call, &parts.headers, &collected)?;
    Ok((first.unwrap_or(total), total))
}

impl Plan {
    fn wrong(&self, what: &str) -> Error {
        Error::Wrong {
            row: self.row.clone(),
            what: what.to_owned(),
        }
    }

    /// As openai-python writes it.
    fn request(&self, call: &Call, number: usize) -> Result<Request<Full<Bytes>>, Error> {
        let request = self
            .headers
            .iter()
            .fold(Request::post(&self.path), |request, (name, value)| {
                request.header(name, value)
            });
        request
            .header(header::HOST, self.address.to_string())
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "gzip, deflate")
            .header(header::CONNECTION, "keep-alive")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, "OpenAI/Python 2.54.0")
            .header("x-stainless-lang", "python")
            .header("x-stainless-package-version", "2.54.0")
            .header("x-stainless-os", "Linux")
            .header("x-stainless-arch", "x64")
            .header("x-stainless-runtime", "CPython")
            .header("x-stainless-runtime-version", "3.12.3")
            .header("x-stainless-async", "false")
            .header("x-stainless-retry-count", "0")
            .header("x-stainless-read-timeout", "600")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .body(Full::new(call.body(number)))
            .map_err(|_| self.wrong("the key, or one of the headers, cannot be sent"))
    }

    fn check(&self, call: &Call, headers: &HeaderMap, body: &[u8]) -> Result<(), Error> {
        let masked = headers.get("x-privet-masked").and_then(|v| v.to_str().ok());
        let masked = masked.and_then(|v| v.parse::<usize>().ok());
        let is_masked_right = match self.expects {
            Expects::Plain => masked.is_none(),
            Expects::PassedThrough => masked == Some(0),
            Expects::Restored => masked.is_some_and(|n| n >= call.values),
        };
        if !is_masked_right {
            return Err(self.wrong(&format!(
                "{} private values were sent, but `x-privet-masked` is {masked:?}",
                call.values
            )));
        }
        let end: &[u8] = match self.shape {
            // Some write a line end behind it.
            Shape::Json => b"}",
            Shape::Sse | Shape::SsePaced => b"data: [DONE]\n\n",
        };
        if !body.trim_ascii_end().ends_with(end.trim_ascii_end()) {
            return Err(self.wrong("a reply is not complete"));
        }
        let is_right = match self.expects {
            Expects::Restored => text_of(body) == call.restored.as_bytes(),
            Expects::Plain | Expects::PassedThrough => text_of(body) == mock::plain_text().as_bytes(),
        };
        if is_right {
            Ok(())
        } else {
            Err(self.wrong("a reply does not say what it has to, or a value in it was not restored"))
        }
    }
}

/// All `content` of a reply, joined. The mock's texts hold no escapes.
fn text_of(body: &[u8]) -> Vec<u8> {
    const FIELD: &[u8] = b"\"content\":\"";
    let mut text = Vec::with_capacity(512);
    for at in memmem::find_iter(body, FIELD) {
        let value = body.get(at + FIELD.len()..).unwrap_or_default();
        let end = memchr::memchr(b'"', value).unwrap_or_default();
        text.extend_from_slice(value.get(..end).unwrap_or_default());
    }
    text
}

impl Samples {
    pub(crate) fn percentile(sorted: &[u32], of_hundred: usize) -> Option<f64> {
        let at = (sorted.len().checked_sub(1)? * of_hundred).div_ceil(100);
        sorted.get(at).map(|us| f64::from(*us) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_a_stream_are_joined() {
        let body = b"data: {\"delta\":{\"content\":\"ab\"}}\n\ndata: {\"delta\":{\"content\":\"c\"}}\n\ndata: [DONE]\n\n";
        assert_eq!(text_of(body), b"abc");
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let sorted: Vec<u32> = (1..=100).map(|n| n * 1000).collect();
        assert_eq!(Samples::percentile(&sorted, 50), Some(51.0));
        assert_eq!(Samples::percentile(&sorted, 99), Some(100.0));
        assert_eq!(Samples::percentile(&[], 99), None);
    }
}
