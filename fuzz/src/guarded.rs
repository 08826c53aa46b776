//! Replies under a guard.

use std::collections::BTreeMap;

use privet_surface::json::Document;
use privet_surface::sse::Event;
use privet_surface::{GuardError, ReplyGuard, Request, Said, StreamGuard, Unguarded, Verdict, guard_whole};
use privet_types::{Budget, SurfaceKind};

use crate::{pieces, surface, variant};

/// Holds back up to eight bytes, takes out the word `secret`, and stops at `STOP` and at calls of `forbidden`. With `is_open` it
/// lets everything through at once.
#[derive(Default)]
struct Toy {
    held: BTreeMap<usize, String>,
    is_stopped: bool,
    is_open: bool,
}

impl Toy {
    fn run(&mut self, lane: usize, piece: &str, is_end: bool, out: &mut String) -> Verdict {
        if self.is_open {
            out.push_str(piece);
            return Verdict::Pass;
        }
        let mut text = self.held.remove(&lane).unwrap_or_default();
        text.push_str(piece);
        while !self.is_stopped {
            let (secret, stop) = (text.find("secret"), text.find("STOP"));
            let at = match (secret, stop) {
                (Some(secret), Some(stop)) => secret.min(stop),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => break,
            };
            out.push_str(&text[..at]);
            self.is_stopped = stop == Some(at);
            text = text[at + 4..].strip_prefix("et").unwrap_or_default().to_owned();
        }
        if self.is_stopped {
            return Verdict::Stop;
        }
        let mut keep = if is_end { 0 } else { text.len().min(8) };
        while !text.is_char_boundary(text.len() - keep) {
            keep -= 1;
        }
        let (shown, held) = text.split_at(text.len() - keep);
        out.push_str(shown);
        self.held.insert(lane, held.to_owned());
        Verdict::Pass
    }
}

impl ReplyGuard for Toy {
    fn push(&mut self, lane: usize, piece: &str, out: &mut String) -> Result<Verdict, Unguarded> {
        Ok(self.run(lane, piece, false, out))
    }

    fn finish(&mut self, lane: usize, out: &mut String) -> Result<Verdict, Unguarded> {
        Ok(self.run(lane, "", true, out))
    }

    fn call(&mut self, name: &str, _: &str) -> Result<Verdict, Unguarded> {
        self.is_stopped |= name == "forbidden" && !self.is_open;
        Ok(if self.is_stopped {
            Verdict::Stop
        } else {
            Verdict::Pass
        })
    }

    fn told(&self) -> String {
        "[stopped]".to_owned()
    }
}

/// What is shown of a stream, whether it was stopped, and why it failed.
fn shown<'p>(
    surface: SurfaceKind,
    is_open: bool,
    pieces: impl Iterator<Item = &'p [u8]>,
) -> (Vec<u8>, bool, Option<GuardError>) {
    let toy = Toy {
        is_open,
        ..Toy::default()
    };
    let mut stream = StreamGuard::new(surface, Box::new(toy));
    let mut out = Vec::new();
    for piece in pieces {
        if let Err(error) = stream.push(piece, &mut out) {
            return (out, stream.is_stopped(), Some(error));
        }
    }
    let failed = stream.finish(&mut out).err();
    (out, stream.is_stopped(), failed)
}

/// A stream is shown the same however it is cut, as events that can be read; a guard that changes nothing changes no byte. A whole
/// reply stays JSON. All that a request says stands where it is said to stand.
pub fn fuzz_guarded(data: &[u8]) {
    let Some((variant, reply)) = variant(data) else {
        return;
    };
    let surface = surface(variant);
    let whole = shown(surface, false, std::iter::once(reply));
    assert_eq!(whole, shown(surface, false, pieces(reply, variant)));
    if surface != SurfaceKind::OpenaiEmbeddings {
        readable(&whole.0);
    }
    if surface != SurfaceKind::OpenaiResponses {
        let (open, _, _) = shown(surface, true, pieces(reply, variant));
        assert!(reply.starts_with(&open), "a byte was changed");
    }
    if let Ok(Some(body)) = guard_whole(surface, reply, &mut Toy::default(), &Budget::unlimited()) {
        Document::parse(&body, &Budget::unlimited()).expect("a reply stays JSON");
    }
    let Ok(request) = Request::parse(surface, reply, &Budget::unlimited()) else {
        return;
    };
    let mut texts = Vec::new();
    for said in request.said() {
        if let Said::Text(text) = said {
            let raw = &reply[text.range.clone()];
            assert!(raw.len() >= 2 && raw.starts_with(b"\"") && raw.ends_with(b"\""));
            texts.push((text.range, text.text.into_owned()));
        }
    }
    let same = request.with_texts(&texts);
    let again = Request::parse(surface, &same, &Budget::unlimited()).expect("texts keep a body's shape");
    let said = again.said();
    assert_eq!(said.len(), request.said().len());
}

/// Each event holds JSON, the end's word, or nothing.
fn readable(stream: &[u8]) {
    let text = String::from_utf8_lossy(stream)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    for event in text.split("\n\n") {
        let lines: Vec<&[u8]> = Event {
            raw: event.as_bytes(),
        }
        .data_lines()
        .collect();
        let data = lines.join(&b'\n');
        let data = data.trim_ascii();
        if !data.is_empty() && data != b"[DONE]" {
            Document::parse(data, &Budget::unlimited()).expect("an event that is shown can be read");
        }
    }
}
