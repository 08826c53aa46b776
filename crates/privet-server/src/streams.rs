//! The requests under way on one HTTP/2 connection: who of them does not take its reply, and whether there are any.
//!
//! HTTP/1.1 needs none of this, since a caller who does not read stops its socket ([`crate::caller`]). With HTTP/2 a caller can read
//! the socket and open no window for a reply: then nobody asks that reply for more, and its place would be held for ever.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;

/// Most bytes of a reply that are handed over at once: what a caller has to take in each of the settings' `write_timeout`s.
const PIECE: usize = 16 << 10;

/// Requests that a caller may take back before their reply has begun, beside as many as were answered.
const MOST_CANCELLED: u64 = 100;

/// What is under way on one connection.
pub(crate) struct Streams(Mutex<State>);

struct State {
    next: u64,
    /// For each request since when its reply waits for the caller, if it does.
    open: HashMap<u64, Option<Instant>>,
    idle_since: Instant,
    answered: u64,
    cancelled: u64,
}

/// What is to be done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoesOn,
    /// There has been no request for long: it may end in order.
    Idle,
    /// A caller does not take a reply.
    Stuck,
    /// A caller asks and takes back, again and again.
    Cancels,
}

/// One request under way. Dropped, it is none any more.
pub(crate) struct Stream {
    streams: Arc<Streams>,
    number: u64,
    is_answered: bool,
}

/// A reply's body in pieces that the caller's window has room for.
struct Paced {
    body: Body,
    rest: Bytes,
    has_begun: bool,
    stream: Stream,
}

impl Streams {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            next: 0,
            open: HashMap::new(),
            idle_since: Instant::now(),
            answered: 0,
            cancelled: 0,
        })))
    }

    /// A request comes.
    pub(crate) fn begin(self: &Arc<Self>) -> Stream {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.open.insert(number, None);
        drop(state);
        Stream {
            streams: Arc::clone(self),
            number,
            is_answered: false,
        }
    }

    /// What is to be done by now, if callers have `patience` to take a piece and connections may rest for `rest`.
    pub(crate) fn judge(&self, patience: Duration, rest: Duration) -> Verdict {
        let state = self.state();
        if state.cancelled > MOST_CANCELLED + state.answered {
            Verdict::Cancels
        } else if state
            .open
            .values()
            .flatten()
            .any(|since| since.elapsed() >= patience)
        {
            Verdict::Stuck
        } else if state.open.is_empty() && state.idle_since.elapsed() >= rest {
            Verdict::Idle
        } else {
            Verdict::GoesOn
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// The reply's body, handed over as the caller takes it.
    pub(crate) fn pace(mut self, body: Body) -> Body {
        self.is_answered = true;
        self.streams.state().answered += 1;
        Body::new(Paced {
            body,
            rest: Bytes::new(),
            has_begun: false,
            stream: self,
        })
    }

    fn waits_since(&self, since: Option<Instant>) {
        self.streams.state().open.insert(self.number, since);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.streams.state();
        state.open.remove(&self.number);
        state.idle_since = Instant::now();
        if !self.is_answered {
            state.cancelled += 1;
        }
    }
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        // Being asked is what says that the caller has room for what came before.
        this.stream.waits_since(None);
        let mut piece = std::mem::take(&mut this.rest);
        if piece.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => piece = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        if piece.len() > PIECE {
            this.rest = piece.split_off(PIECE);
        }
        this.has_begun = true;
        this.stream.waits_since(Some(Instant::now()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    /// Once begun, the end is told when it is asked for: by then the last piece has found its room.
    fn is_end_stream(&self) -> bool {
        !self.has_begun && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + rest);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(30);
    const REST: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_reply_nobody_asks_for_more_of_is_stuck_and_one_that_is_asked_for_is_not() {
        let streams = Streams::new();
        let reply = vec![7; PIECE + 1];
        let mut body = streams.begin().pace(Body::from(reply));
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(first.len(), PIECE);
        assert_eq!(streams.judge(Duration::from_secs(3600), REST), Verdict::GoesOn);
        tokio::time::sleep(PATIENCE).await;
        assert_eq!(streams.judge(PATIENCE, REST), Verdict::Stuck);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap().len(), 1);
        // The last piece is the caller's only when the end is asked for.
        tokio::time::sleep(PATIENCE).await;
        assert_eq!(streams.judge(PATIENCE, REST), Verdict::Stuck);
        assert!(body.frame().await.is_none());
        assert_eq!(streams.judge(PATIENCE, REST), Verdict::GoesOn);
        drop(body);
        assert_eq!(streams.judge(PATIENCE, Duration::ZERO), Verdict::Idle);
    }

    #[test]
    fn who_takes_back_more_than_is_answered_is_told_apart() {
        let streams = Streams::new();
        for _ in 0..50 {
            drop(streams.begin().pace(Body::empty()));
        }
        for _ in 0..MOST_CANCELLED + 50 {
            drop(streams.begin());
        }
        assert_eq!(streams.judge(PATIENCE, REST), Verdict::GoesOn);
        drop(streams.begin());
        assert_eq!(streams.judge(PATIENCE, REST), Verdict::Cancels);
    }
}
