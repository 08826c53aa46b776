//! What one request takes from its limits, from its reservation to its reply's last byte.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use http_body::{Frame, SizeHint};
use privet_policy::limits::{Amount, Limiter, Price, Reservation, Used};
use tokio::time::{Instant, Sleep};

use super::shared::{Held, HeldAlone, Shared};
use super::usage::Usage;
use crate::problem::Problem;
use crate::telemetry::Trace;

/// A reservation that is settled by what is known when this is dropped: at the end of the reply, where it breaks off, or when the
/// caller goes away.
pub(crate) struct Meter {
    /// None where only the time counts.
    hold: Option<Hold>,
    estimate: Used,
    price: Option<Price>,
    stage: Stage,
    ends: Option<Instant>,
    stream_time: Option<Duration>,
    /// Whether tokens of this request count for nothing.
    is_free: bool,
    trace: Trace,
}

/// What a request has taken, and from where.
pub(super) enum Hold {
    /// From this process's counts.
    Own(Arc<Limiter>, Reservation),
    /// From those that nodes share.
    Shared(Arc<Shared>, Held),
    /// From this node's share of them.
    Alone(HeldAlone),
}

impl Hold {
    fn settle(self, used: Amount) {
        match self {
            Self::Own(limiter, reservation) => limiter.settle(reservation, used),
            Self::Shared(shared, held) => shared.settle(held, used),
            Self::Alone(held) => held.settle(used),
        }
    }
}

enum Stage {
    /// Nothing was sent, or what was sent was refused: the request counts, and no tokens do.
    Free,
    /// The provider may be at work.
    Sent,
    /// It answers.
    Answered(Usage),
}

impl Meter {
    pub(super) const fn new(
        hold: Option<Hold>,
        estimate: Used,
        price: Option<Price>,
        stream_time: Option<Duration>,
    ) -> Self {
        Self {
            hold,
            estimate,
            price,
            stage: Stage::Free,
            ends: None,
            stream_time,
            is_free: false,
            trace: Trace::none(),
        }
    }

    /// It is part of this trace.
    pub(crate) fn traced(&mut self, trace: &Trace) {
        self.trace = trace.clone();
    }

    /// Whatever it uses, it is a request without tokens.
    pub(super) const fn free(&mut self) {
        self.is_free = true;
    }

    /// The prompt goes out.
    pub(crate) fn sent(&mut self) {
        self.stage = Stage::Sent;
        self.ends = self.stream_time.map(|time| Instant::now() + time);
    }

    /// The provider did not get it.
    pub(crate) fn not_sent(&mut self) {
        self.stage = Stage::Free;
    }

    /// The provider answers; what it refuses it does not charge.
    pub(crate) fn answered<B>(&mut self, response: &Response<B>) {
        self.stage = if response.status().is_success() {
            let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes());
            Stage::Answered(Usage::of(kind.unwrap_or_default()))
        } else {
            Stage::Free
        };
    }

    /// The reply's head, or its whole where that is waited for, unless its time is over before.
    pub(crate) async fn in_time<T>(
        &self,
        reply: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        match self.ends {
            None => reply.await,
            Some(ends) => tokio::time::timeout_at(ends, reply)
                .await
                .unwrap_or(Err(Problem::UpstreamTimeout)),
        }
    }

    /// The reply, which is measured as it passes, and cut off when its time is over.
    pub(crate) fn measure(self, response: Response<Body>) -> Response<Body> {
        let timer = self.ends.map(|ends| Box::pin(tokio::time::sleep_until(ends)));
        response.map(|body| {
            Body::new(Metered {
                body,
                meter: Some(self),
                timer,
            })
        })
    }

    fn used(&self) -> Used {
        match &self.stage {
            _ if self.is_free => Used::default(),
            Stage::Free => Used::default(),
            // What was sent and not answered may have been worked on, and paid for.
            Stage::Sent => self.estimate,
            Stage::Answered(usage) if usage.heard_nothing() => self.estimate,
            Stage::Answered(usage) => usage.used(&self.estimate),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            let _settling = self.trace.part("privet.settle");
            hold.settle(self.used().amount(self.price));
        }
    }
}

struct Metered {
    body: Body,
    /// None once the reply has ended.
    meter: Option<Meter>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why a reply was broken off.
#[derive(Debug, thiserror::Error)]
#[error("the reply took longer than the policy's `stream_time`")]
struct TooLong;

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if let Some(timer) = &mut this.timer
            && timer.as_mut().poll(context).is_ready()
        {
            tracing::info!(error = %TooLong, "stream ended early");
            this.timer = None;
            this.meter = None;
            this.body = Body::empty();
            return Poll::Ready(Some(Err(axum::Error::new(TooLong))));
        }
        let frame = Pin::new(&mut this.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(meter)) = (frame.data_ref(), &mut this.meter)
                    && let Stage::Answered(usage) = &mut meter.stage
                {
                    usage.hear(data);
                }
            }
            Poll::Ready(_) => {
                this.meter = None;
                this.timer = None;
            }
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
