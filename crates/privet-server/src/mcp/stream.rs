//! A server's stream of events on its way to the client.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt;
use privet_surface::sse::{Event, EventReader};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::seal::{Of, Seal};
use super::{Hearing, Place};
use crate::connection::ReplyBody;

/// Events that wait for a client that reads slowly.
const WAITING: usize = 16;

/// Why a stream ends before its time.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(super) enum Ended {
    #[error("the server's stream broke off")]
    Upstream,
    #[error("the server's stream cannot be read")]
    Unreadable,
    #[error("the server said what cannot be passed on")]
    Held,
    #[error("the decision could not be recorded")]
    NotRecorded,
}

/// The body that the client reads. Holds its place among the streams to its last byte.
pub(super) struct Streaming {
    events: mpsc::Receiver<Result<Bytes, Ended>>,
    _place: Place,
}

impl http_body::Body for Streaming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let next = self.events.poll_recv(context);
        next.map(|event| event.map(|event| event.map(Frame::data).map_err(axum::Error::new)))
    }
}

/// Passes the events of `body` on, for `time` at most.
pub(super) fn pass(body: ReplyBody, hearing: Hearing, seal: Seal, place: Place, time: Duration) -> Streaming {
    let (sender, events) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let gone = sender.clone();
        let ended = tokio::select! {
            ended = pump(body, &hearing, &seal, &sender) => ended,
            () = tokio::time::sleep_until(Instant::now() + time) => Ok(()),
            () = gone.closed() => Ok(()),
        };
        if let Err(ended) = ended {
            tracing::warn!(server = %hearing.between.server.name, error = %ended, "stream of tools ended early");
            // A client that is gone needs not be told.
            _ = sender.send(Err(ended)).await;
        }
    });
    Streaming {
        events,
        _place: place,
    }
}

async fn pump(
    mut body: ReplyBody,
    hearing: &Hearing,
    seal: &Seal,
    sender: &mpsc::Sender<Result<Bytes, Ended>>,
) -> Result<(), Ended> {
    let mut reader = EventReader::default();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Ended::Upstream)?.into_data() else {
            continue;
        };
        // One event may be larger than what comes at once, and many may come at once.
        for piece in data.chunks(64 << 10) {
            reader.push(piece).map_err(|_| Ended::Unreadable)?;
            while let Some(event) = reader.next_event() {
                let read = Read::of(event, seal).ok_or(Ended::Unreadable)?;
                let Some(out) = written(read, hearing).await? else {
                    continue;
                };
                if sender.send(Ok(Bytes::from(out))).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// What of an event counts.
struct Read {
    /// Sealed.
    id: Option<String>,
    retry: Option<u64>,
    data: Option<Vec<u8>>,
    is_message: bool,
}

impl Read {
    /// None if the event's id cannot be sealed.
    fn of(event: Event<'_>, seal: &Seal) -> Option<Self> {
        let mut read = Self {
            id: None,
            retry: None,
            data: None,
            is_message: true,
        };
        for line in event.raw.split(|b| matches!(*b, b'\n' | b'\r')) {
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            let colon = line.iter().position(|b| *b == b':').unwrap_or(line.len());
            let (name, value) = line.split_at(colon);
            let value = value.strip_prefix(b":").unwrap_or(value);
            let value = value.strip_prefix(b" ").unwrap_or(value);
            match name {
                b"id" if !value.is_empty() => {
                    let id = std::str::from_utf8(value).ok()?;
                    read.id = Some(seal.seal(Of::Event, id)?);
                }
                b"retry" => read.retry = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()),
                b"event" => read.is_message = matches!(value, b"" | b"message"),
                _ => {}
            }
        }
        let mut lines = event.data_lines();
        if let Some(first) = lines.next() {
            let mut data = first.to_vec();
            for line in lines {
                data.push(b'\n');
                data.extend_from_slice(line);
            }
            read.data = Some(data);
        }
        Some(read)
    }
}

/// The event as the client gets it; none if there is nothing for the client in it. A comment says that the stream lives, and
/// nothing else.
async fn written(read: Read, hearing: &Hearing) -> Result<Option<Vec<u8>>, Ended> {
    let mut out = Vec::new();
    if let Some(id) = &read.id {
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    if let Some(retry) = read.retry {
        out.extend_from_slice(format!("retry: {retry}\n").as_bytes());
    }
    match read.data {
        Some(_) if !read.is_message => return Ok(None),
        None if out.is_empty() => out.extend_from_slice(b":\n"),
        None => {}
        Some(data) if data.is_empty() => out.extend_from_slice(b"data:\n"),
        Some(data) => match hearing.hear(data).await? {
            Some(message) => {
                out.extend_from_slice(b"data: ");
                // A line end outside of strings is a blank, and inside there is none.
                out.extend(
                    message
                        .into_iter()
                        .map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { b }),
                );
                out.push(b'\n');
            }
            None if out.is_empty() => return Ok(None),
            // The client goes on from behind it, should it have to.
            None => out.extend_from_slice(b"data:\n"),
        },
    }
    out.push(b'\n');
    Ok(Some(out))
}
