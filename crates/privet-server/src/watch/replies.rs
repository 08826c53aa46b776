//! What is seen of a reply as it passes: its length, whether the model refused, and whether stand-ins were left in it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use memchr::memmem;
use privet_types::TenantId;

use super::{Seen, SeenReply};
use crate::gateway::Gateway;

/// Bytes at its beginning in which a reply names its model's version.
const HEAD: usize = 1024;
/// Longest version that is told apart.
const LONGEST: usize = 64;
/// How refusals show in the dialects: OpenAI's reasons and parts, Anthropic's reason.
const REFUSALS: [&[u8]; 4] = [
    b"\"content_filter\"",
    b"\"stop_reason\":\"refusal\"",
    b"\"type\":\"refusal\"",
    b"\"response.refusal.delta\"",
];

/// What is seen of one reply; told to the watch when it is dropped.
pub(crate) struct WatchedReply {
    gateway: Arc<Gateway>,
    tenant: TenantId,
    provider: String,
    model: String,
    status: Option<StatusCode>,
    bytes: u64,
    head: Vec<u8>,
    is_refusal: bool,
    has_leftover: bool,
    is_broken: bool,
    has_failed: bool,
}

impl WatchedReply {
    /// A prompt to `model` goes to `provider`; `None` where nobody watches.
    pub(crate) fn begins(
        gateway: &Arc<Gateway>,
        tenant: &TenantId,
        provider: &str,
        model: &str,
    ) -> Option<Self> {
        gateway.watch.is_on().then(|| Self {
            gateway: Arc::clone(gateway),
            tenant: tenant.clone(),
            provider: provider.to_owned(),
            model: model.to_owned(),
            status: None,
            bytes: 0,
            head: Vec::new(),
            is_refusal: false,
            has_leftover: false,
            is_broken: false,
            has_failed: false,
        })
    }

    /// The provider did not answer, or not in a way that can be passed on.
    pub(crate) const fn failed(&mut self) {
        self.has_failed = true;
    }

    /// The reply, which is watched as it passes.
    pub(crate) fn watch(mut self, response: Response<Body>) -> Response<Body> {
        self.status = Some(response.status());
        response.map(|body| {
            Body::new(Watched {
                body,
                seen: Some(self),
            })
        })
    }

    fn hear(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        if self.head.len() < HEAD {
            let room = HEAD - self.head.len();
            self.head.extend_from_slice(piece.get(..room).unwrap_or(piece));
        }
        self.is_refusal |= REFUSALS
            .iter()
            .any(|refusal| memmem::find(piece, refusal).is_some());
        self.has_leftover |= holds_tag(piece);
    }

    fn version(&self) -> &str {
        let found = || {
            let at = memmem::find(&self.head, b"\"model\":")?;
            let rest = self.head.get(at + 8..)?.trim_ascii_start().strip_prefix(b"\"")?;
            let end = rest.iter().take(LONGEST).position(|byte| *byte == b'"')?;
            std::str::from_utf8(rest.get(..end)?).ok()
        };
        found().unwrap_or(&self.model)
    }
}

impl Drop for WatchedReply {
    fn drop(&mut self) {
        let is_error = match self.status {
            None if self.has_failed => true,
            // The caller left, or Privet itself refused.
            None => return,
            // What the caller did wrong says nothing of the model.
            Some(status) if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => return,
            Some(status) => !status.is_success() || self.is_broken,
        };
        let reply = SeenReply {
            at: self.gateway.clock.now(),
            tenant: self.tenant.clone(),
            model: format!("{}/{}", self.provider, self.version()),
            is_error,
            is_refusal: self.is_refusal,
            has_leftover: self.has_leftover,
            bytes: self.bytes,
        };
        self.gateway.watch.push(Seen::Reply(Box::new(reply)));
    }
}

/// Whether `piece` holds what looks like a whole tag: `<EMAIL_ADDRESS_YM2596ZWW85WM>`.
fn holds_tag(piece: &[u8]) -> bool {
    memchr::memchr_iter(b'<', piece).any(|at| {
        let rest = piece.get(at + 1..).unwrap_or_default();
        let name = rest
            .iter()
            .take(80)
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_')
            .count();
        let tag = rest.get(..name).unwrap_or_default();
        let digits = tag.rsplit(|byte| *byte == b'_').next().unwrap_or_default();
        rest.get(name) == Some(&b'>') && digits.len() == 13 && tag.len() > 14
    })
}

struct Watched {
    body: Body,
    /// None once the reply has ended.
    seen: Option<WatchedReply>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(seen)) = (frame.data_ref(), &mut self.seen) {
                    seen.hear(data);
                }
            }
            Poll::Ready(Some(Err(_))) => {
                if let Some(mut seen) = self.seen.take() {
                    seen.is_broken = true;
                }
            }
            Poll::Ready(None) => self.seen = None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_was_left_is_told_from_other_things_in_angle_brackets() {
        assert!(holds_tag(b"write to <EMAIL_ADDRESS_YM2596ZWW85WM> now"));
        for other in [
            "a < b",
            "<div>",
            "<EMAIL_ADDRESS>",
            "<A_1>",
            "if x<MAX_SIZE_OF_THE_BUFFER_IN_BYTES",
            "<YM2596ZWW85WM>",
        ] {
            assert!(!holds_tag(other.as_bytes()), "{other}");
        }
    }
}
