//! The bodies of providers' replies.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::http1::Connection;
use super::http2::Lease;
use super::{Origin, nobody};
use crate::bedrock::{BadCount, BadFraming, CountReply, EventStream};

/// The body of a provider's reply. Dropped before its last byte was read, it ends what it came on: an HTTP/1.1 connection, or
/// its own part of one with HTTP/2.
pub(crate) struct ReplyBody {
    sent: Sent,
    reading: Reading,
}

/// How a reply is read.
enum Reading {
    /// As it comes.
    Plain,
    /// AWS's framing is turned into events.
    Events(Box<EventStream>),
    /// AWS's count of tokens is turned into Anthropic's.
    Count(CountReply),
}

enum Sent {
    /// The connection is used again once the last byte was read.
    Alone {
        body: Incoming,
        lease: Option<(Connection, Arc<Origin>)>,
    },
    Shared {
        body: RecvStream,
        _lease: Lease,
    },
    Ended,
}

/// Why a reply's body ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokenBody {
    /// The connection, or what HTTP/1.1 makes of it.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The provider, or what HTTP/2 makes of it.
    #[error("HTTP/2: {0}")]
    Reset(Reason),
    /// The connection, with HTTP/2.
    #[error("the connection ended")]
    Ended,
    /// A stream in AWS's framing.
    #[error(transparent)]
    Framing(#[from] BadFraming),
    /// A count of tokens.
    #[error(transparent)]
    Count(#[from] BadCount),
}

impl From<h2::Error> for BrokenBody {
    /// The reason alone: a provider may put any text beside it.
    fn from(error: h2::Error) -> Self {
        error.reason().map_or(Self::Ended, Self::Reset)
    }
}

impl ReplyBody {
    /// One that comes on a connection of its own.
    pub(super) fn alone(body: Incoming, connection: Connection, origin: Arc<Origin>) -> Self {
        let is_empty = body.is_end_stream();
        let mut sent = Sent::Alone {
            body,
            lease: Some((connection, origin)),
        };
        if is_empty {
            sent.give_back();
        }
        Self {
            sent,
            reading: Reading::Plain,
        }
    }

    /// One that shares its connection.
    pub(super) fn shared(body: RecvStream, lease: Lease) -> Self {
        let sent = if body.is_end_stream() {
            Sent::Ended
        } else {
            Sent::Shared { body, _lease: lease }
        };
        Self {
            sent,
            reading: Reading::Plain,
        }
    }

    /// The same, read as AWS's event stream and given out as server-sent events.
    pub(crate) fn into_events(mut self) -> Self {
        self.reading = Reading::Events(Box::default());
        self
    }

    /// The same, read as AWS's count of tokens and given out as Anthropic's.
    pub(crate) fn into_count(mut self) -> Self {
        self.reading = Reading::Count(CountReply::default());
        self
    }
}

impl Sent {
    /// The body was read to its end: the connection rests, if it can be used again.
    fn give_back(&mut self) {
        if let Self::Alone { lease, .. } = self
            && let Some((connection, origin)) = lease.take()
        {
            origin.give_back(connection);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        match self {
            Self::Alone { .. } => self.poll_alone(context).map_err(BrokenBody::from),
            Self::Shared { body, .. } => {
                let frame = ready!(poll_shared(body, context)).transpose();
                if !matches!(frame, Some(Ok(_))) || body.is_end_stream() {
                    *self = Self::Ended;
                }
                Poll::Ready(frame.map(|frame| frame.map_err(BrokenBody::from)))
            }
            Self::Ended => Poll::Ready(None),
        }
    }

    fn poll_alone(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self::Alone { body, lease } = self else {
            return Poll::Ready(None);
        };
        let Some((connection, _)) = lease else {
            return Pin::new(body).poll_frame(context);
        };
        // Only the driver has news for it, and that is polled right here.
        let mut frame = Pin::new(&mut *body).poll_frame(&mut nobody());
        if frame.is_pending() {
            if !connection.drive(context) {
                *lease = None;
                return Pin::new(body).poll_frame(context);
            }
            frame = Pin::new(&mut *body).poll_frame(&mut nobody());
        }
        match &frame {
            Poll::Ready(None) => self.give_back(),
            Poll::Ready(Some(Ok(_))) if body.is_end_stream() => self.give_back(),
            Poll::Ready(Some(Err(_))) => *lease = None,
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        frame
    }
}

/// What comes next of a reply with HTTP/2. What is handed out makes room for as much more.
fn poll_shared(
    body: &mut RecvStream,
    context: &mut Context<'_>,
) -> Poll<Result<Option<Frame<Bytes>>, h2::Error>> {
    if let Some(data) = ready!(body.poll_data(context)).transpose()? {
        body.flow_control().release_capacity(data.len())?;
        return Poll::Ready(Ok(Some(Frame::data(data))));
    }
    let trailers = ready!(body.poll_trailers(context))?;
    Poll::Ready(Ok(trailers.map(Frame::trailers)))
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        let this = &mut *self;
        loop {
            let frame = ready!(this.sent.poll(context)).transpose()?;
            let mut out = Vec::new();
            let read: Result<(), BrokenBody> = match (&mut this.reading, frame) {
                (Reading::Plain, frame) => return Poll::Ready(frame.map(Ok)),
                (Reading::Events(events), None) => {
                    return Poll::Ready((!events.is_at_end()).then_some(Err(BadFraming.into())));
                }
                (Reading::Count(count), None) => {
                    let whole = count.end();
                    this.reading = Reading::Plain;
                    let whole = whole.map(|whole| Frame::data(Bytes::from(whole)));
                    return Poll::Ready(Some(whole.map_err(BrokenBody::from)));
                }
                (Reading::Events(events), Some(frame)) => match frame.into_data() {
                    Ok(data) => events.push(&data, &mut out).map_err(BrokenBody::from),
                    Err(_) => continue,
                },
                (Reading::Count(count), Some(frame)) => match frame.into_data() {
                    Ok(data) => count.push(&data).map_err(BrokenBody::from),
                    Err(_) => continue,
                },
            };
            if let Err(error) = read {
                this.sent = Sent::Ended;
                return Poll::Ready(Some(Err(error)));
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(out)))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.reading, Reading::Plain)
            && match &self.sent {
                Sent::Alone { body, .. } => body.is_end_stream(),
                Sent::Shared { body, .. } => body.is_end_stream(),
                Sent::Ended => true,
            }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.sent {
            Sent::Alone { body, .. } if matches!(self.reading, Reading::Plain) => body.size_hint(),
            _ => SizeHint::default(),
        }
    }
}
