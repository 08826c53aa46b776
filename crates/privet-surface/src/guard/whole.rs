//! Whole replies under a guard.

mod chat;
mod messages;
mod responses;

use privet_types::{Budget, SurfaceKind};

use super::leaves::{error, leaves, replace};
use super::watch::{Halt, Watch};
use super::{GuardError, ReplyGuard, Unguarded};
use crate::json::{Document, Value};
use crate::reply::quoted;
use crate::splice::{Edit, splice};

/// Runs a whole JSON reply through a guard; none if nothing changes. Surfaces that answer in no words pass unread.
///
/// What passes is as in [`StreamGuard`](super::StreamGuard). When the guard stops the reply, it keeps its shape: what was let
/// through before stays, then comes what the person is told; all later texts and all calls of that answer go. O(n) for n bytes.
///
/// # Errors
/// [`GuardError`] if `body` is no JSON, the guard fails, or a call is too large. Nothing of it may be shown then.
pub fn guard_whole(
    surface: SurfaceKind,
    body: &[u8],
    guard: &mut dyn ReplyGuard,
    budget: &Budget,
) -> Result<Option<Vec<u8>>, GuardError> {
    let answer = match surface {
        SurfaceKind::OpenaiChat => chat::answer,
        SurfaceKind::AnthropicMessages => messages::answer,
        SurfaceKind::OpenaiResponses => responses::answer,
        _ => return Ok(None),
    };
    let document = Document::parse(body, budget)?;
    let root = document.root();
    let mut watch = Watch::new(Box::new(guard), false);
    let is_error = root.get("error").is_some_and(|error| error.raw() != "null");
    let answer = if is_error && root.get("output").is_none() && root.get("choices").is_none() {
        let mut edits = Vec::new();
        error(root, &mut watch, &mut edits).map(|_| Answer::Passed(edits))
    } else {
        answer(root, &mut watch)
    };
    match answer {
        Ok(Answer::Passed(mut edits)) => {
            edits.sort_by_key(|edit| edit.range.start);
            Ok((!edits.is_empty()).then(|| splice(body, &edits)))
        }
        Ok(Answer::Stopped(body)) => Ok(Some(body.into_bytes())),
        Err(Halt::Failed(error)) => Err(error),
        // All stops are turned into answers where they come up.
        Err(Halt::Stop(_)) => Err(Unguarded.into()),
    }
}

/// What became of a reply.
enum Answer {
    /// It passed, with these edits.
    Passed(Vec<Edit>),
    /// It was stopped, and is this instead.
    Stopped(String),
}

/// Whether a text was stopped, and what of it passed.
fn stopped<T>(result: Result<T, Halt>) -> Result<Result<T, String>, Halt> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Halt::Stop(place)) => Ok(Err(place.passed)),
        Err(failed) => Err(failed),
    }
}

/// Runs the strings in `value` through the guard. None if they passed, with edits; where it was stopped, the string says what
/// passed of it, and all later strings are empty.
fn texts<'d>(
    value: Value<'d>,
    key: &str,
    watch: &mut Watch<'_>,
    edits: &mut Vec<Edit>,
) -> Result<Option<Stopped<'d>>, Halt> {
    let mut at = None;
    leaves(value, key, &mut |value, text| {
        if at.is_some() {
            edits.push(Edit::beside(value.range(), "\"\"".to_owned()));
            return Ok(());
        }
        match stopped(watch.whole(text))? {
            Ok(shown) => replace(value, text, &shown, edits),
            Err(passed) => {
                edits.push(Edit::beside(value.range(), quoted(&passed)));
                at = Some(Stopped { value, passed });
            }
        }
        Ok(())
    })?;
    Ok(at)
}

/// Which string was stopped.
struct Stopped<'d> {
    value: Value<'d>,
    /// What of it passed.
    passed: String,
}

/// Takes out all strings in `value` that somebody may read.
fn blank(value: Value<'_>, key: &str, edits: &mut Vec<Edit>) {
    let blanked = leaves(value, key, &mut |value, _| {
        edits.push(Edit::beside(value.range(), "\"\"".to_owned()));
        Ok(())
    });
    debug_assert!(blanked.is_ok(), "nothing is looked at");
}

/// Whether there is a string in `value` that somebody may read.
fn has_text(value: Value<'_>, key: &str) -> bool {
    let mut has = false;
    let searched = leaves(value, key, &mut |_, _| {
        has = true;
        Ok(())
    });
    has && searched.is_ok()
}

/// The object with these fields, each a key and a value as JSON.
fn object(fields: &[(String, String)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(key, value)| format!("{key}:{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}
