//! A reply body whose frames reach the socket one by one.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

/// The provider breaks off here, on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the demo provider cut this reply short")]
pub(crate) struct CutShort;

/// Frames that are flushed one at a time, with an optional pause between them and an optional early end.
#[derive(Debug)]
pub(crate) struct Frames {
    queue: VecDeque<Bytes>,
    pause: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    has_unflushed: bool,
    is_cut_short: bool,
}

impl Frames {
    pub(crate) fn new(frames: Vec<Bytes>) -> Self {
        Self {
            queue: frames.into(),
            pause: Duration::ZERO,
            waiting: None,
            has_unflushed: false,
            is_cut_short: false,
        }
    }

    /// Waits `pause` before each frame but the first.
    pub(crate) fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Breaks the connection after the last frame.
    pub(crate) fn cut_short(mut self) -> Self {
        self.is_cut_short = true;
        self
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        if let Some(waiting) = self.waiting.as_mut() {
            ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
        } else if self.has_unflushed {
            // hyper flushes when a body is pending; without this it would gather frames into one write.
            self.has_unflushed = false;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.queue.pop_front() {
            Some(frame) => {
                self.has_unflushed = true;
                if !self.pause.is_zero() && !self.queue.is_empty() {
                    self.waiting = Some(Box::pin(tokio::time::sleep(self.pause)));
                }
                Poll::Ready(Some(Ok(Frame::data(frame))))
            }
            None if self.is_cut_short => Poll::Ready(Some(Err(CutShort))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.queue.is_empty() && !self.is_cut_short
    }

    fn size_hint(&self) -> SizeHint {
        match (self.queue.len(), self.queue.front(), self.is_cut_short) {
            (0, _, false) => SizeHint::with_exact(0),
            (1, Some(only), false) => SizeHint::with_exact(only.len() as u64),
            _ => SizeHint::default(),
        }
    }
}
