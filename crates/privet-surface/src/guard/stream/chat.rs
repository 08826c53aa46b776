//! Streamed chats of OpenAI's, and of all who speak like it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{After, Dialect};
use crate::guard::GuardError;
use crate::guard::leaves::{error, is_structural, number, replace, wholes, with_told};
use crate::guard::watch::{Halt, Key, Place, Watch};
use crate::json::{Kind, Value};
use crate::reply::quoted;
use crate::splice::Edit;

/// Where in a choice the answer stands.
const CONTENT: &str = "content";
/// Choices of one reply.
const MOST_CHOICES: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Chat {
    /// `"id":…,"object":…,"created":…,"model":…` of the stream's chunks, for chunks of our own.
    head: String,
    choices: BTreeMap<u64, Choice>,
    /// What is written before and behind a text inside `delta`.
    nests: BTreeMap<Key, (String, String)>,
    /// What of the chunk at hand has gone through the guard.
    here: Vec<(Key, String)>,
}

/// What a client was told of one choice, and what it is told by the chunk at hand.
#[derive(Debug, Default)]
struct Choice {
    has_role: bool,
    has_ended: bool,
    is_role_here: bool,
    is_end_here: bool,
}

impl Dialect for Chat {
    fn event(
        &mut self,
        chunk: Value<'_>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<After, Halt> {
        let choices = chunk
            .get("choices")
            .filter(|choices| choices.kind() == Kind::Array);
        if choices.is_none() && chunk.get("error").is_some() {
            let is_stopped = error(chunk, watch, edits)?;
            return Ok(if is_stopped { After::Nothing } else { After::More });
        }
        // Chunks without choices may come first, and name nothing.
        let has_choice = choices.is_some_and(|choices| choices.items().next().is_some());
        if self.head.is_empty() && has_choice {
            let fields = ["id", "object", "created", "model"].into_iter();
            let is_plain = |value: &Value<'_>| {
                let is_id = |text: Cow<'_, str>| is_structural("id", &text);
                value.as_str().map_or(value.kind() == Kind::Number, is_id)
            };
            let field = |key| Some(format!("\"{key}\":{}", chunk.get(key).filter(is_plain)?.raw()));
            let known = fields.filter_map(field);
            self.head = known.collect::<Vec<_>>().join(",");
        }
        for (key, value) in chunk.entries() {
            match key.as_str().unwrap_or_default().as_ref() {
                "choices" if value.kind() == Kind::Array => {
                    for choice in value.items() {
                        self.choice(choice, watch, edits, out)?;
                    }
                }
                name => wholes(value, name, watch, edits)?,
            }
        }
        Ok(After::More)
    }

    fn end(&mut self, watch: &mut Watch<'_>, out: &mut Vec<u8>) -> Result<(), Halt> {
        self.flush(|_| true, watch, out)
    }

    fn settle(&mut self) {
        self.here.clear();
        for choice in self.choices.values_mut() {
            choice.has_role |= std::mem::take(&mut choice.is_role_here);
            choice.has_ended |= std::mem::take(&mut choice.is_end_here);
        }
    }

    fn stop(&mut self, place: Place, watch: &mut Watch<'_>, out: &mut Vec<u8>) {
        for (key, text) in std::mem::take(&mut self.here) {
            self.own(&key, &text, out);
        }
        let first = || self.choices.iter().find(|(_, choice)| !choice.has_ended);
        let index = place.key.as_ref().map(|key| key.index);
        let index = index
            .or_else(|| first().map(|(index, _)| *index))
            .unwrap_or_default();
        if let Some(key) = &place.key {
            self.own(key, &place.passed, out);
        }
        let content = Key::new(index, CONTENT);
        let told = with_told("", watch.has_shown(&content), &watch.told());
        self.own(&content, &told, out);
        for (index, choice) in &self.choices {
            if !choice.has_ended {
                self.chunk(*index, "", "\"content_filter\"", out);
            }
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl Chat {
    fn choice(
        &mut self,
        choice: Value<'_>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        let index = number(choice.get("index"));
        let is_last = choice
            .get("finish_reason")
            .is_some_and(|reason| reason.kind() == Kind::String);
        let role = choice.get("delta").and_then(|delta| delta.get("role"));
        if self.choices.len() >= MOST_CHOICES && !self.choices.contains_key(&index) {
            return Err(GuardError::TooManyTexts.into());
        }
        let known = self.choices.entry(index).or_default();
        known.is_role_here = role.is_some_and(|role| role.kind() == Kind::String);
        known.is_end_here = is_last;
        let before = self.here.len();
        let mut is_changed = false;
        match choice.get("delta") {
            Some(delta) if delta.kind() == Kind::Object => {
                let mut path = Vec::new();
                is_changed = self.delta(delta, (index, is_last), &mut path, delta, watch, edits)?;
            }
            Some(other) => wholes(other, "delta", watch, edits)?,
            None => {}
        }
        if is_last {
            let met: Vec<Key> = self
                .here
                .iter()
                .skip(before)
                .map(|(key, _)| key.clone())
                .collect();
            self.flush(|key| key.index == index && !met.contains(key), watch, out)?;
        }
        for (key, value) in choice.entries() {
            match key.as_str().unwrap_or_default().as_ref() {
                "index" | "finish_reason" | "delta" => {}
                // They spell out what has come in pieces.
                "logprobs" if is_changed && value.kind() == Kind::Object => {
                    edits.push(Edit::beside(value.range(), "null".to_owned()));
                }
                "logprobs" => {}
                name => wholes(value, name, watch, edits)?,
            }
        }
        Ok(())
    }

    /// The texts in `value`, which stands at `path` in `delta`. Whether one of them is shown otherwise than it came.
    fn delta<'d>(
        &mut self,
        value: Value<'d>,
        choice: (u64, bool),
        path: &mut Vec<String>,
        delta: Value<'d>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
    ) -> Result<bool, Halt> {
        let mut is_changed = false;
        match value.kind() {
            Kind::Object => {
                for (key, value) in value.entries() {
                    let name = key.as_str().unwrap_or_default();
                    let is_call = path.is_empty()
                        && match name.as_ref() {
                            "tool_calls" => value.kind() == Kind::Array,
                            "function_call" => value.kind() == Kind::Object,
                            _ => false,
                        };
                    if !is_call {
                        path.push(name.into_owned());
                        is_changed |= self.delta(value, choice, path, delta, watch, edits)?;
                        path.pop();
                    }
                }
            }
            Kind::Array => {
                for (at, item) in value.items().enumerate() {
                    path.push(at.to_string());
                    is_changed |= self.delta(item, choice, path, delta, watch, edits)?;
                    path.pop();
                }
            }
            Kind::String => {
                let text = value.as_str().unwrap_or_default();
                let field = path.last().map_or("", String::as_str);
                if text.is_empty() || is_structural(field, &text) {
                    return Ok(false);
                }
                let key = Key::new(choice.0, path.join("/"));
                if path.len() > 1 && !self.nests.contains_key(&key) {
                    self.nests.insert(key.clone(), nest(delta, path));
                }
                let mut shown = watch.piece(&key, &text)?;
                if choice.1 {
                    match watch.end(&key) {
                        Ok(rest) => shown.push_str(&rest),
                        Err(Halt::Stop(place)) => {
                            let passed = shown + &place.passed;
                            return Err(Halt::Stop(Place { passed, ..place }));
                        }
                        Err(failed) => return Err(failed),
                    }
                }
                replace(value, &text, &shown, edits);
                is_changed = watch.is_changed(&key);
                self.here.push((key, shown));
            }
            Kind::Number | Kind::Literal => {}
        }
        Ok(is_changed)
    }

    fn flush(
        &mut self,
        is_meant: impl Fn(&Key) -> bool,
        watch: &mut Watch<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        for key in watch.open(is_meant) {
            let rest = watch.end(&key)?;
            self.own(&key, &rest, out);
        }
        Ok(())
    }

    /// A chunk of our own that adds to a text.
    fn own(&mut self, key: &Key, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let known = self.choices.entry(key.index).or_default();
        let has_role = std::mem::replace(&mut known.has_role, true);
        let is_role = key.field.split('/').next() == Some("role");
        let role = if has_role || is_role {
            ""
        } else {
            "\"role\":\"assistant\","
        };
        let text = quoted(text);
        let delta = match self.nests.get(key) {
            Some((before, behind)) => format!("{role}{before}{text}{behind}"),
            None => format!("{role}{}:{text}", quoted(&key.field)),
        };
        self.chunk(key.index, &delta, "null", out);
    }

    fn chunk(&self, index: u64, delta: &str, finish_reason: &str, out: &mut Vec<u8>) {
        let head = &self.head;
        let comma = if head.is_empty() { "" } else { "," };
        let event = format!(
            "data: {{{head}{comma}\"choices\":[{{\"index\":{index},\"delta\":{{{delta}}},\"finish_reason\":{finish_reason}}}]}}\n\n"
        );
        out.extend_from_slice(event.as_bytes());
    }
}

/// What is written before and behind the text at `path`, inside the braces of `delta`. Things in lists keep what tells them apart.
fn nest(delta: Value<'_>, path: &[String]) -> (String, String) {
    let (mut before, mut behind) = (String::new(), String::new());
    let mut at = delta;
    for (depth, step) in path.iter().enumerate() {
        let next = match at.kind() {
            Kind::Array => {
                before.push('[');
                behind.insert(0, ']');
                step.parse().ok().and_then(|place: usize| at.items().nth(place))
            }
            _ => {
                if depth > 0 {
                    before.push('{');
                    behind.insert(0, '}');
                }
                for field in ["type", "index"] {
                    let is_plain = |value: &Value<'_>| match value.kind() {
                        Kind::String => is_structural(field, &value.as_str().unwrap_or_default()),
                        kind => kind == Kind::Number,
                    };
                    if depth > 0
                        && field != step.as_str()
                        && let Some(value) = at.get(field).filter(is_plain)
                    {
                        before.push_str(&format!("\"{field}\":{},", value.raw()));
                    }
                }
                before.push_str(&quoted(step));
                before.push(':');
                at.get(step)
            }
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    (before, behind)
}
