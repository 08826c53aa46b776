//! Replies under a guard.

mod chat;
mod errors;
mod laws;
mod messages;
mod responses;
mod whole;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use privet_surface::{GuardError, ReplyGuard, StreamGuard, Unguarded, Verdict, guard_whole};
use privet_types::{Budget, SurfaceKind};
use serde_json::Value;

/// Holds back up to eight bytes, takes out the word `secret`, and stops at `STOP` and at calls of `forbidden`.
#[derive(Default)]
pub(crate) struct Toy {
    held: BTreeMap<usize, String>,
    stopped: bool,
    calls: Arc<Mutex<Vec<(String, String)>>>,
}

impl Toy {
    fn run(&mut self, lane: usize, piece: &str, is_end: bool, out: &mut String) -> Verdict {
        if self.stopped {
            return Verdict::Stop;
        }
        let mut text = self.held.remove(&lane).unwrap_or_default();
        text.push_str(piece);
        loop {
            let (secret, stop) = (text.find("secret"), text.find("STOP"));
            match (secret, stop) {
                (_, Some(at)) if secret.is_none_or(|secret| at < secret) => {
                    out.push_str(&text[..at]);
                    self.stopped = true;
                    return Verdict::Stop;
                }
                (Some(at), _) => {
                    out.push_str(&text[..at]);
                    text = text[at + "secret".len()..].to_owned();
                }
                _ => break,
            }
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

    fn call(&mut self, name: &str, arguments: &str) -> Result<Verdict, Unguarded> {
        self.calls
            .lock()
            .unwrap()
            .push((name.to_owned(), arguments.to_owned()));
        self.stopped |= name == "forbidden";
        Ok(if self.stopped {
            Verdict::Stop
        } else {
            Verdict::Pass
        })
    }

    fn told(&self) -> String {
        "[stopped]".to_owned()
    }
}

/// Lets everything through at once.
struct Open;

impl ReplyGuard for Open {
    fn push(&mut self, _: usize, piece: &str, out: &mut String) -> Result<Verdict, Unguarded> {
        out.push_str(piece);
        Ok(Verdict::Pass)
    }

    fn finish(&mut self, _: usize, _: &mut String) -> Result<Verdict, Unguarded> {
        Ok(Verdict::Pass)
    }

    fn call(&mut self, _: &str, _: &str) -> Result<Verdict, Unguarded> {
        Ok(Verdict::Pass)
    }

    fn told(&self) -> String {
        String::new()
    }
}

fn run(
    surface: SurfaceKind,
    guard: impl ReplyGuard + 'static,
    pieces: &[&[u8]],
) -> Result<(Vec<u8>, bool), GuardError> {
    let mut stream = StreamGuard::new(surface, Box::new(guard));
    let mut out = Vec::new();
    for piece in pieces {
        stream.push(piece, &mut out)?;
    }
    stream.finish(&mut out)?;
    Ok((out, stream.is_stopped()))
}

/// What is shown of a stream, and whether it was stopped.
fn shown(surface: SurfaceKind, stream: &str) -> (String, bool) {
    let (out, is_stopped) = run(surface, Toy::default(), &[stream.as_bytes()]).unwrap();
    (String::from_utf8(out).unwrap(), is_stopped)
}

/// The calls that were judged in a stream.
fn judged(surface: SurfaceKind, stream: &str) -> Vec<(String, String)> {
    let toy = Toy::default();
    let calls = Arc::clone(&toy.calls);
    run(surface, toy, &[stream.as_bytes()]).unwrap();
    let calls = calls.lock().unwrap();
    calls.clone()
}

fn passes(surface: SurfaceKind, stream: &str) {
    for cut in 0..=stream.len() {
        let (a, b) = stream.as_bytes().split_at(cut);
        let (out, is_stopped) = run(surface, Open, &[a, b]).unwrap();
        assert_eq!(String::from_utf8_lossy(&out), stream, "cut at {cut}");
        assert!(!is_stopped);
    }
}

fn whole(surface: SurfaceKind, body: &Value) -> Option<Value> {
    let out = guard_whole(
        surface,
        body.to_string().as_bytes(),
        &mut Toy::default(),
        &Budget::unlimited(),
    );
    out.unwrap().map(|out| serde_json::from_slice(&out).unwrap())
}

/// The JSON events of a stream.
fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// All strings of the events at `pointer`, put together.
fn told_at(stream: &str, pointer: &str) -> String {
    let events = events(stream);
    let texts = events.iter().filter_map(|event| event.pointer(pointer)?.as_str());
    texts.collect()
}
