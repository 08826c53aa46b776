//! The mock provider: a process that answers at once, and refuses requests that hold what it must not see.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::time::Sleep;

use crate::error::Error;
use crate::process::serve_until_orphaned;
use crate::values::MARKERS;

/// The model that answers at once.
pub(crate) const INSTANT: &str = "bench-instant";
/// The model that waits before each event.
pub(crate) const PACED: &str = "bench-paced";
/// The pause of [`PACED`]: 200 events a second, some four times as fast as quick models write.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);
/// Events of one stream: one with the role, the text's pieces, one with the end's reason, and `[DONE]`.
pub(crate) const EVENTS: usize = PIECES + 3;
const PIECES: usize = 40;

/// Requests under this path must hold surrogates and no private value.
pub(crate) const MASKED: &str = "/masked";
/// Requests under this path must come as they were sent.
pub(crate) const PLAIN: &str = "/plain";

/// The key that the mock wants of whoever sends one.
pub(crate) const KEY: &str = "upstream";

/// The text of every reply; in plain mode the quoted values are three times this word.
const NOTHING: &str = "nothing";

/// What a reply says when it quotes `values`.
pub(crate) fn reply_text(values: [&str; 3]) -> String {
    let [a, b, c] = values;
    format!(
        "Thank you, that is all I need. I have changed the booking and noted {a} for the confirmation, {b} for questions on the day of \
         the journey and {c} for the refund. The train leaves at 8:27 from platform 9 and arrives at 12:14; the seats are at a table. Is \
         there anything else that I can do for you? If plans change again, write until Friday evening, and I will look for another one."
    )
}

/// The same when nothing was masked.
pub(crate) fn plain_text() -> String {
    reply_text([NOTHING; 3])
}

type Reply = Response<BoxBody<Bytes, Infallible>>;

/// Answers on a port of 127.0.0.1, which it prints, until its standard input ends.
pub(crate) async fn run() -> Result<(), Error> {
    serve_until_orphaned(|stream| {
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
    })
    .await
}

async fn answer(request: Request<Incoming>) -> Result<Reply, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let is_masked = parts.uri.path().starts_with(MASKED);
    if let Some(auth) = parts.headers.get(header::AUTHORIZATION)
        && auth.as_bytes().strip_prefix(b"Bearer ") != Some(KEY.as_bytes())
    {
        return Ok(refuse("the caller's own key reached the provider"));
    }
    let quoted = if is_masked {
        surrogates(&body)
    } else {
        Ok([NOTHING; 3])
    };
    let quoted = match quoted {
        Ok(quoted) => quoted,
        Err(wrong) => return Ok(refuse(wrong)),
    };
    if !is_masked && !holds_private_value(&body) {
        return Ok(refuse("a request that was to pass as it is was changed"));
    }
    let text = reply_text(quoted);
    // `model` and `stream` come first in all requests of this benchmark.
    let head = body.get(..64).unwrap_or(&body);
    let is_stream = memmem::find(head, b"\"stream\":true").is_some();
    let is_paced = memmem::find(head, PACED.as_bytes()).is_some();
    Ok(if is_stream {
        stream(&text, is_paced)
    } else {
        whole(&text)
    })
}

fn refuse(what: &'static str) -> Reply {
    let mut reply = Response::new(Full::from(what).boxed());
    *reply.status_mut() = StatusCode::IM_A_TEAPOT;
    reply
}

fn holds_private_value(body: &[u8]) -> bool {
    MARKERS
        .iter()
        .any(|marker| memmem::find(body, marker.as_bytes()).is_some())
}

/// The first three surrogates of a body that holds no private value.
fn surrogates(body: &[u8]) -> Result<[&str; 3], &'static str> {
    if holds_private_value(body) {
        return Err("a private value reached the provider");
    }
    let mut found = memchr::memchr_iter(b'<', body).filter_map(|at| {
        let rest = body.get(at..)?;
        let length = rest.iter().skip(1).take_while(|b| is_tag_byte(**b)).count();
        // Names are masked besides, if the network finds them.
        let is_tag = length >= 16 && rest.get(length + 1) == Some(&b'>') && !rest.starts_with(b"<PERSON_");
        is_tag.then(|| {
            rest.get(..length + 2)
                .and_then(|tag| std::str::from_utf8(tag).ok())
        })?
    });
    match (found.next(), found.next(), found.next()) {
        (Some(a), Some(b), Some(c)) => Ok([a, b, c]),
        _ => Err("private values were removed, but no surrogates stand in their place"),
    }
}

fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

fn whole(text: &str) -> Reply {
    let body = format!(
        "{{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"bench\",\"choices\":[{{\"index\":0,\
         \"message\":{{\"role\":\"assistant\",\"content\":\"{text}\",\"refusal\":null,\"annotations\":[]}},\"logprobs\":null,\
         \"finish_reason\":\"stop\"}}],\"usage\":{{\"prompt_tokens\":211,\"completion_tokens\":93,\"total_tokens\":304,\
         \"prompt_tokens_details\":{{\"cached_tokens\":0,\"audio_tokens\":0}},\"completion_tokens_details\":{{\"reasoning_tokens\":0}}}},\
         \"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench\"}}"
    );
    let mut reply = Response::new(Full::from(body).boxed());
    let json = header::HeaderValue::from_static("application/json");
    reply.headers_mut().insert(header::CONTENT_TYPE, json);
    reply
}

fn stream(text: &str, is_paced: bool) -> Reply {
    let head = "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"bench\",\
                \"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench\",\"choices\":[{\"index\":0,\"delta\":";
    let chunk = |delta: &str, reason: &str| {
        Bytes::from(format!(
            "{head}{delta},\"logprobs\":null,\"finish_reason\":{reason}}}]}}\n\n"
        ))
    };
    let mut frames = VecDeque::with_capacity(EVENTS);
    frames.push_back(chunk(
        "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}",
        "null",
    ));
    for piece in 0..PIECES {
        let at = |piece: usize| piece * text.len() / PIECES;
        let piece = text.get(at(piece)..at(piece + 1)).unwrap_or_default();
        frames.push_back(chunk(&format!("{{\"content\":\"{piece}\"}}"), "null"));
    }
    frames.push_back(chunk("{}", "\"stop\""));
    frames.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
    let events = Events {
        frames,
        pause: is_paced.then(|| Box::pin(tokio::time::sleep(PAUSE))),
        is_flushed: true,
    };
    let mut reply = Response::new(events.boxed());
    let sse = header::HeaderValue::from_static("text/event-stream; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, sse);
    reply
}

/// A body that is written to the socket event by event.
struct Events {
    frames: VecDeque<Bytes>,
    pause: Option<Pin<Box<Sleep>>>,
    is_flushed: bool,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        if let Some(pause) = &mut this.pause {
            if pause.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            pause.as_mut().reset(tokio::time::Instant::now() + PAUSE);
        } else if !this.is_flushed {
            // Not ready for once: the server writes what it has.
            this.is_flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.is_flushed = false;
        Poll::Ready(this.frames.pop_front().map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_are_found_and_private_values_refused() {
        let body =
            b"a < b <EMAIL_ADDRESS_7Q2MX9PLR4TWZ>, <PHONE_NUMBER_7Q2MX9PLR4TWZ><IBAN_CODE_7Q2MX9PLR4TWZ> <X>";
        assert_eq!(surrogates(body).unwrap()[1], "<PHONE_NUMBER_7Q2MX9PLR4TWZ>");
        assert!(
            surrogates(b"ada@nordwind.example.com")
                .unwrap_err()
                .contains("private")
        );
        assert!(surrogates(b"nothing").unwrap_err().contains("no surrogates"));
    }
}
