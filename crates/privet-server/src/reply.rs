//! The way back: replies restored, whole or as they stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use privet_surface::{
    GuardError, ReplyGuard, Restoration, RestoreError, StreamGuard, StreamRestorer, Verdict, guard_whole,
};
use privet_types::Budget;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use crate::archive::{NotWritten, Taking, Written};
use crate::connection::{BrokenBody, ReplyBody};
use crate::guard::GuardedReply;
use crate::headers;
use crate::pool::Pool;
use crate::problem::Problem;

/// How the last event of a stream begins, in any dialect: clients go by it, and not by the end of the body.
const ENDS: [&[u8]; 10] = [
    b"data: [DONE]",
    b"data:[DONE]",
    b"event: message_stop",
    b"event:message_stop",
    b"event: response.completed",
    b"event:response.completed",
    b"event: response.incomplete",
    b"event:response.incomplete",
    b"event: response.failed",
    b"event:response.failed",
];
/// Bytes that may wait with such an event for the body's end. That of a response says the whole reply once more.
const LAST_BYTES: usize = privet_surface::sse::MAX_EVENT_BYTES + (64 << 10);

/// Limits of one reply.
#[derive(Clone, Copy)]
pub(crate) struct ReplyLimits {
    pub(crate) body_bytes: usize,
    pub(crate) idle: Duration,
}

/// The provider's reply as the caller gets it. `permit` is held until its last byte is sent.
pub(crate) async fn restore(
    upstream: Response<ReplyBody>,
    (restoration, guard): (Restoration, Option<GuardedReply>),
    limits: ReplyLimits,
    pool: &Pool,
    permit: OwnedSemaphorePermit,
    mut taking: Option<Taking>,
) -> Result<Response<Body>, Problem> {
    let (parts, body) = upstream.into_parts();
    let mut reply_headers = headers::incoming(&parts.headers);
    let kind = media_type(&parts.headers);
    // What may not end before it is written down is sent when it is, and not as it comes.
    let is_durable = taking.as_ref().is_some_and(Taking::is_durable);
    let is_plain = restoration.is_empty() && !is_durable && guard.is_none();
    let body = if is_plain || kind == "text/event-stream" {
        if is_plain && let Some(length) = parts.headers.get(CONTENT_LENGTH) {
            reply_headers.insert(CONTENT_LENGTH, length.clone());
        }
        if let Some(taking) = taking.as_mut().filter(|_| kind == "text/event-stream") {
            taking.streams();
        }
        Body::new(RestoringBody {
            taking,
            upstream: Some(body),
            guard: guard.map(|guard| StreamGuard::new(guard.surface(), Box::new(guard))),
            restorer: StreamRestorer::new(restoration),
            idle: limits.idle,
            timer: Box::pin(tokio::time::sleep(limits.idle)),
            failed: None,
            is_flushed: false,
            written: None,
            is_durable,
            last: Last::default(),
            _permit: permit,
        })
    } else {
        let body = collect(body, limits).await?;
        if let Some(taking) = &mut taking {
            taking.heard(&body);
        }
        let body = restore_whole(body, &kind, restoration, guard, pool)
            .await
            .map_err(|problem| match problem {
                // These speak of prompts; this one has been sent.
                Problem::Busy | Problem::Deadline | Problem::DetectorFailed => {
                    Problem::UpstreamUnusable("a body that could not be restored in time")
                }
                other => other,
            })?;
        if let Some(taking) = &mut taking {
            taking.told(&body);
            if let Some(written) = taking.end() {
                written.await.map_err(|_| Problem::ReplyNotArchived)?;
            }
        }
        reply_headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        drop(permit);
        Body::from(body)
    };
    let mut response = Response::new(body);
    *response.status_mut() = parts.status;
    *response.headers_mut() = reply_headers;
    Ok(response)
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

async fn collect(body: ReplyBody, limits: ReplyLimits) -> Result<Bytes, Problem> {
    let mut body = Limited::new(body, limits.body_bytes);
    let mut collected = Vec::new();
    loop {
        let frame = tokio::time::timeout(limits.idle, body.frame())
            .await
            .map_err(|_| Problem::UpstreamTimeout)?;
        match frame {
            None => return Ok(Bytes::from(collected)),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    collected.extend_from_slice(data);
                }
            }
            Some(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Problem::UpstreamUnusable(
                    "a body larger than `reply_body` in the settings",
                ));
            }
            Some(Err(_)) => return Err(Problem::UpstreamUnusable("a body that broke off")),
        }
    }
}

async fn restore_whole(
    body: Bytes,
    kind: &str,
    restoration: Restoration,
    guard: Option<GuardedReply>,
    pool: &Pool,
) -> Result<Bytes, Problem> {
    let is_json = kind.ends_with("json");
    let budget = Budget::new(1024 * body.len() as u64 + 65_536);
    let length = body.len();
    pool.run(length, budget, move |budget| {
        let body = match guard {
            Some(guard) => guarded(body, is_json, guard, budget)?,
            None => body,
        };
        let restored = if is_json {
            match restoration.json(&body, budget) {
                Ok(restored) => restored,
                Err(RestoreError::Json(privet_surface::json::JsonError::Budget(_))) => {
                    return Err(Problem::DetectorFailed);
                }
                // Not the JSON it claims to be: passed as it came, surrogates and all.
                Err(_) => None,
            }
        } else {
            std::str::from_utf8(&body)
                .ok()
                .map(|text| restoration.text(text).into_bytes())
        };
        Ok(restored.map_or(body, Bytes::from))
    })
    .await?
}

/// What of the body guardrails let through.
fn guarded(body: Bytes, is_json: bool, mut guard: GuardedReply, budget: &Budget) -> Result<Bytes, Problem> {
    let unusable = |error: GuardError| {
        tracing::warn!(%error, "a reply is not passed on");
        Problem::UpstreamUnusable("a body that guardrails could not look at")
    };
    if is_json {
        let surface = guard.surface();
        let changed = guard_whole(surface, &body, &mut guard, budget).map_err(unusable)?;
        return Ok(changed.map_or(body, Bytes::from));
    }
    let text = String::from_utf8_lossy(&body);
    let mut shown = String::with_capacity(text.len());
    let mut verdict = guard.push(0, &text, &mut shown).map_err(|e| unusable(e.into()))?;
    if verdict == Verdict::Pass {
        verdict = guard.finish(0, &mut shown).map_err(|e| unusable(e.into()))?;
    }
    if verdict == Verdict::Stop {
        shown.push_str(&guard.told());
    }
    Ok(if shown == text { body } else { Bytes::from(shown) })
}

/// A body that restores surrogates as its events pass.
struct RestoringBody {
    upstream: Option<ReplyBody>,
    /// What looks at it first, if there are guardrails.
    guard: Option<StreamGuard>,
    restorer: StreamRestorer,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    failed: Option<StreamError>,
    /// Whether all that came before the failure was written.
    is_flushed: bool,
    /// The conversation, where it is kept.
    taking: Option<Taking>,
    /// What the end waits for.
    written: Option<Written>,
    /// Whether its end waits for its being written down.
    is_durable: bool,
    /// What is shown with the end.
    last: Last,
    _permit: OwnedSemaphorePermit,
}

/// Why a stream was broken off; told by closing the connection.
#[derive(Debug, thiserror::Error)]
enum StreamError {
    #[error("the provider's stream fell silent")]
    Idle,
    #[error("the provider's stream broke off")]
    Upstream(#[source] BrokenBody),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(transparent)]
    Guard(#[from] GuardError),
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    #[error("the provider's stream went on after its last event")]
    AfterEnd,
}

/// What of a stream is held back until it is written down: its last event and all behind it, or the beginning of a line that
/// may turn out to begin that event.
#[derive(Default)]
struct Last {
    held: Vec<u8>,
    is_end: bool,
    /// Whether what is held, or comes next, goes on with a line.
    is_inside: bool,
}

impl Last {
    /// Takes all of `out` and gives back what may be shown.
    fn hold(&mut self, out: &mut Vec<u8>) {
        self.held.append(out);
        if self.is_end {
            return;
        }
        let mut rest = self.held.as_slice();
        loop {
            let is_end = |end: &&[u8]| rest.starts_with(end);
            let may_be_end = |end: &&[u8]| end.starts_with(rest);
            if !self.is_inside {
                self.is_end = ENDS.iter().any(is_end);
                if self.is_end || ENDS.iter().any(may_be_end) {
                    break;
                }
            }
            let line_end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            self.is_inside = line_end.is_none();
            rest = line_end.and_then(|at| rest.get(at + 1..)).unwrap_or_default();
            if self.is_inside {
                break;
            }
        }
        let shown = self.held.len() - rest.len();
        out.extend(self.held.drain(..shown));
    }

    fn is_too_long(&self) -> bool {
        self.held.len() > LAST_BYTES
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

impl RestoringBody {
    /// Takes more of what the provider sent, and appends to `out` what is shown of it.
    fn take(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        let Some(guard) = &mut self.guard else {
            return Ok(self.restorer.push(data, out)?);
        };
        let mut shown = Vec::new();
        guard.push(data, &mut shown)?;
        Ok(self.restorer.push(&shown, out)?)
    }

    /// The provider has ended.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if let Some(guard) = &mut self.guard {
            let mut shown = Vec::new();
            guard.finish(&mut shown)?;
            self.restorer.push(&shown, out)?;
        }
        self.restorer.finish(out);
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.guard.as_ref().is_some_and(StreamGuard::is_stopped)
    }
}

impl http_body::Body for RestoringBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        loop {
            if this.failed.is_some() && !this.is_flushed {
                // The server drops what it has not written yet when a body fails; it writes when a body is pending.
                this.is_flushed = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Some(failed) = this.failed.take() {
                return Poll::Ready(Some(Err(axum::Error::new(failed))));
            }
            if let Some(written) = &mut this.written {
                let written = ready!(written.as_mut().poll(context));
                this.written = None;
                if let Err(error) = written {
                    tracing::warn!(%error, "stream ended early");
                    this.failed = Some(error.into());
                    continue;
                }
                let last = this.last.take();
                if !last.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from(last)))));
                }
            }
            let Some(upstream) = &mut this.upstream else {
                return Poll::Ready(None);
            };
            let mut out = Vec::new();
            let end = match Pin::new(upstream).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => {
                        if let Some(taking) = &mut this.taking {
                            taking.heard(&data);
                        }
                        match this.take(&data, &mut out) {
                            Err(error) => Some(Some(error)),
                            // Nothing more of it is shown.
                            Ok(()) if this.is_stopped() => Some(None),
                            Ok(()) => None,
                        }
                    }
                    // They belong to one connection, as the `trailer` header does that announces them.
                    Err(_trailers) => None,
                },
                Poll::Ready(Some(Err(error))) => Some(Some(StreamError::Upstream(error))),
                Poll::Ready(None) => Some(None),
                Poll::Pending => {
                    ready!(this.timer.as_mut().poll(context));
                    Some(Some(StreamError::Idle))
                }
            };
            if let Some(failed) = end {
                this.upstream = None;
                let failed = failed.or_else(|| this.finish(&mut out).err());
                match &failed {
                    None => {}
                    // The beginning of a surrogate without its end is of use to nobody: it is not shown.
                    Some(error) => tracing::warn!(%error, "stream ended early"),
                }
                this.failed = failed;
            } else {
                let deadline = Instant::now() + this.idle;
                this.timer.as_mut().reset(deadline);
            }
            if let Some(taking) = &mut this.taking {
                taking.told(&out);
                if this.upstream.is_none() && this.failed.is_none() {
                    this.written = taking.end();
                }
            }
            if this.is_durable {
                this.last.hold(&mut out);
                if this.written.is_some() {
                    // All that is left comes with the end.
                    out.append(&mut this.last.held);
                    this.last.held = out;
                    continue;
                }
                if this.upstream.is_some() && this.last.is_too_long() {
                    tracing::warn!(error = %StreamError::AfterEnd, "stream ended early");
                    this.upstream = None;
                    this.failed = Some(StreamError::AfterEnd);
                }
                // A stream that broke off is not shown its end, since it is not kept as one that has ended.
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(out)))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown of `pieces` before the end, and what with it.
    fn shown<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (String, String) {
        let (mut last, mut shown) = (Last::default(), Vec::new());
        for piece in pieces {
            let mut out = piece.to_vec();
            last.hold(&mut out);
            shown.append(&mut out);
        }
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(shown), text(last.take()))
    }

    #[test]
    fn an_end_is_held_back_however_it_is_cut() {
        for line_end in ["\n", "\r\n", "\r"] {
            for end in ENDS.map(|end| std::str::from_utf8(end).unwrap()) {
                for before in [
                    "",
                    ": ping",
                    "data: {\"a\":1}",
                    "data: [DO",
                    "event: message_start",
                ] {
                    let before = match before {
                        "" => String::new(),
                        line => format!("{line}{line_end}{line_end}"),
                    };
                    let behind = format!("{end}{line_end}data: {{}}{line_end}{line_end}");
                    let all = format!("{before}{behind}").into_bytes();
                    let expected = (before, behind);
                    for at in 0..=all.len() {
                        let (first, second) = all.split_at(at);
                        assert_eq!(shown([first, second]), expected, "cut at {at}");
                    }
                    assert_eq!(shown(all.chunks(1)), expected);
                }
            }
        }
    }

    #[test]
    fn what_only_speaks_of_an_end_is_shown_as_it_comes() {
        let text = "event: message_start\ndata: {\"text\":\"data: [DONE] event: message_stop\"}\n\n\
                    id: data:[DONE]\n data: [DONE]\ndata: {\"text\":\"event:message_stop";
        let all = text.as_bytes();
        for at in 0..=all.len() {
            let (first, second) = all.split_at(at);
            assert_eq!(
                shown([first, second]),
                (text.to_owned(), String::new()),
                "cut at {at}"
            );
        }
        assert_eq!(shown(all.chunks(1)).0, text);
        let (seen, held) = shown([b"data: {}\nda".as_slice()]);
        assert_eq!((seen.as_str(), held.as_str()), ("data: {}\n", "da"));
    }
}
