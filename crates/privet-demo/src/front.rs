//! A recording reverse proxy that shows what a client sent and what it got back.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use crate::client::exchange;
use crate::error::Error;
use crate::json::{object, text};
use crate::listener::{Listener, MAX_BODY};

/// How long the gateway may take to the head of its reply: what the official clients wait.
const HEAD_DEADLINE: Duration = Duration::from_secs(600);

/// One request and its reply, as the client saw them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The HTTP method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The request body, byte for byte.
    pub sent: Bytes,
    /// The reply's status; 502 if the gateway gave none.
    pub status: u16,
    /// The reply body, byte for byte: JSON, or server-sent events. At most 33 MiB are kept.
    pub received: Bytes,
    /// Whether the reply came to its proper end, and the client read it.
    pub is_whole: bool,
}

/// A proxy on 127.0.0.1 that runs until it is stopped or dropped.
///
/// It changes neither bodies nor the `host` header; it speaks plain HTTP/1.1 and opens one connection to the gateway for each
/// request.
#[derive(Debug)]
pub struct Front {
    listener: Listener,
}

impl Front {
    /// Listens on `port` (0 takes any free one), forwards to `gateway`, and reports each exchange to `exchanges` when its
    /// reply has ended.
    ///
    /// # Errors
    /// [`Error::Listen`] if the port is taken.
    pub async fn start(
        port: u16,
        gateway: SocketAddr,
        exchanges: UnboundedSender<Exchange>,
    ) -> Result<Self, Error> {
        let listener =
            Listener::start(port, move |request| forward(gateway, exchanges.clone(), request)).await?;
        Ok(Self { listener })
    }

    /// Where it listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.listener.addr()
    }

    /// Closes the port and all connections.
    pub async fn stop(self) {
        self.listener.stop().await;
    }
}

/// A reply body that is kept while it passes.
struct Tee {
    inner: Incoming,
    received: Vec<u8>,
    report: Report,
}

/// Sends the exchange when it is dropped, however that comes about.
struct Report {
    exchange: Exchange,
    to: UnboundedSender<Exchange>,
}

impl Drop for Report {
    fn drop(&mut self) {
        // Nobody listening any more is no failure.
        let _ = self.to.send(self.exchange.clone());
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        self.report.exchange.received = std::mem::take(&mut self.received).into();
    }
}

impl Body for Tee {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && self.received.len() + data.len() <= MAX_BODY
        {
            self.received.extend_from_slice(data);
        }
        if frame
            .as_ref()
            .is_none_or(|frame| frame.is_ok() && self.inner.is_end_stream())
        {
            self.report.exchange.is_whole = true;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

async fn forward(
    gateway: SocketAddr,
    to: UnboundedSender<Exchange>,
    request: Request<Incoming>,
) -> Response<Either<Tee, Full<Bytes>>> {
    let (mut head, body) = request.into_parts();
    let path = head
        .uri
        .path_and_query()
        .map_or_else(|| head.uri.path().to_owned(), ToString::to_string);
    let exchanged = Exchange {
        method: head.method.to_string(),
        path,
        sent: Bytes::new(),
        status: StatusCode::BAD_GATEWAY.as_u16(),
        received: Bytes::new(),
        is_whole: false,
    };
    let mut report = Report {
        exchange: exchanged,
        to,
    };
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return problem(
            &mut report,
            StatusCode::PAYLOAD_TOO_LARGE,
            "the request is too long or broke off",
        );
    };
    report.exchange.sent = body.to_bytes();
    without_connection_headers(&mut head.headers);
    let onward = Request::from_parts(head, Full::new(report.exchange.sent.clone()));
    match timeout(HEAD_DEADLINE, exchange(gateway, onward)).await {
        Ok(Ok(response)) => {
            let (mut head, inner) = response.into_parts();
            report.exchange.status = head.status.as_u16();
            // A body that is empty from the start is never polled.
            report.exchange.is_whole = inner.is_end_stream();
            head.headers.remove(CONNECTION);
            head.headers.remove(TRANSFER_ENCODING);
            Response::from_parts(
                head,
                Either::Left(Tee {
                    inner,
                    received: Vec::new(),
                    report,
                }),
            )
        }
        Ok(Err(_)) | Err(_) => problem(
            &mut report,
            StatusCode::BAD_GATEWAY,
            "the gateway does not answer",
        ),
    }
}

/// Removes what belongs to one connection only; the length is set anew from the body.
fn without_connection_headers(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH] {
        headers.remove(name);
    }
}

/// A refusal in a shape that clients of both dialects can read.
fn problem(report: &mut Report, status: StatusCode, message: &str) -> Response<Either<Tee, Full<Bytes>>> {
    let error = object(&[("type", text("api_error")), ("message", text(message))]);
    let body = Bytes::from(object(&[("type", text("error")), ("error", error)]));
    report.exchange.status = status.as_u16();
    report.exchange.received = body.clone();
    report.exchange.is_whole = true;
    let mut response = Response::new(Either::Right(Full::new(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}
