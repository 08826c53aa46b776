//! A reply that is traced to its last byte.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use http::header::CONTENT_TYPE;
use http_body::{Body as _, Frame, SizeHint};

use super::Trace;
use super::otlp::Attributes;
use crate::limits::{Tokens, Usage};

struct Traced {
    body: Body,
    /// None once the reply has ended.
    rest: Option<Rest>,
}

struct Rest {
    trace: Trace,
    usage: Usage,
    bytes: u64,
}

impl Trace {
    /// The reply; its trace ends with it, or when the caller leaves.
    pub(crate) fn follow(self, response: Response<Body>) -> Response<Body> {
        if !self.is_on() {
            return response;
        }
        let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes());
        let usage = Usage::of(kind.unwrap_or_default());
        self.tell("privet.stream", usage.is_stream());
        let rest = Rest {
            trace: self,
            usage,
            bytes: 0,
        };
        response.map(|body| {
            let mut traced = Traced {
                body,
                rest: Some(rest),
            };
            traced.look_for_end();
            Body::new(traced)
        })
    }
}

impl Rest {
    fn end(self, how: &'static str) {
        self.trace.tell("privet.reply", how);
        self.trace.tell("privet.reply_bytes", self.bytes);
        if let Some(tokens) = self.usage.tokens() {
            self.trace.used(tokens);
        }
    }
}

impl Traced {
    fn end(&mut self, how: &'static str) {
        if let Some(rest) = self.rest.take() {
            rest.end(how);
        }
    }

    /// Who has the last byte need not ask for more.
    fn look_for_end(&mut self) {
        if self.body.is_end_stream() {
            self.end("whole");
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // What the body holds of the request is settled before its trace ends.
        self.body = Body::empty();
        self.end("left");
    }
}

impl http_body::Body for Traced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let frame = Pin::new(&mut this.body).poll_frame(context);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(data), Some(rest)) = (frame.data_ref(), &mut this.rest) {
                    rest.bytes += data.len() as u64;
                    rest.usage.hear(data);
                }
                this.look_for_end();
            }
            Poll::Ready(Some(Err(_))) => {
                if let Some(rest) = &this.rest {
                    rest.trace.broke_off();
                }
                this.end("broken");
            }
            Poll::Ready(None) => this.end("whole"),
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

impl Tokens {
    /// As the conventions for generative AI have them: all that came in, and what of it a cache held.
    pub(super) fn describe(self, attributes: &mut Attributes) {
        let told = [
            ("gen_ai.usage.input_tokens", self.input),
            ("gen_ai.usage.output_tokens", self.output),
            ("gen_ai.usage.cache_read.input_tokens", self.cached),
            ("gen_ai.usage.cache_creation.input_tokens", self.created),
        ];
        for (name, count) in told {
            if let Some(count) = count {
                attributes.push((name.into(), count.into()));
            }
        }
    }
}
