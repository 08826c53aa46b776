//! Streamed messages of Anthropic's.

use std::collections::BTreeMap;

use super::{After, Dialect};
use crate::guard::leaves::{error, is_structural, is_thinking, number, replace, wholes, with_told};
use crate::guard::watch::{Halt, Key, Place, Watch};
use crate::json::{Kind, Value};
use crate::reply::quoted;
use crate::splice::Edit;

/// What adds to the text of a block.
const TEXT: &str = "text_delta/text";

#[derive(Debug, Default)]
pub(super) struct Messages {
    /// The types of the blocks that are open.
    open: BTreeMap<u64, String>,
    /// The place of the next block.
    next: u64,
    /// Tokens that the model has written, as far as it was said.
    output_tokens: u64,
    is_begun: bool,
    /// Whether it was said why the message ends.
    has_reason: bool,
}

impl Dialect for Messages {
    fn event(
        &mut self,
        event: Value<'_>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<After, Halt> {
        let index = number(event.get("index"));
        match event.get_str("type").as_deref() {
            Some("message_start") => {
                let message = event.get("message");
                self.count(message.and_then(|message| message.get("usage")));
                wholes(event, "", watch, edits)?;
                self.is_begun = true;
            }
            Some("content_block_start") => {
                let block = event.get("content_block");
                let kind = block.and_then(|block| block.get_str("type")).unwrap_or_default();
                for (key, value) in block.into_iter().flat_map(|block| block.entries()) {
                    let name = key.as_str().unwrap_or_default();
                    match (kind.as_ref(), name.as_ref()) {
                        ("text", "text") if value.kind() == Kind::String => {
                            piece(&Key::new(index, TEXT), value, watch, edits)?;
                        }
                        // Signed. What a call is to do was judged.
                        (kind, _) if is_thinking(kind) => {}
                        (kind, "name" | "input") if kind.ends_with("tool_use") => {}
                        (_, name) => wholes(value, name, watch, edits)?,
                    }
                }
                self.open.insert(index, kind.into_owned());
                self.next = self.next.max(index.saturating_add(1));
            }
            Some("content_block_delta") => {
                if let Some(delta) = event.get("delta") {
                    self.delta(index, delta, watch, edits)?;
                }
            }
            Some("content_block_stop") => {
                flush(|key| key.index == index, watch, out)?;
                self.open.remove(&index);
            }
            Some("message_delta" | "message_stop") => {
                flush(|_| true, watch, out)?;
                self.count(event.get("usage"));
                wholes(event, "", watch, edits)?;
                self.has_reason = true;
            }
            Some("error") => {
                flush(|_| true, watch, out)?;
                let is_stopped = error(event, watch, edits)?;
                return Ok(if is_stopped { After::Nothing } else { After::More });
            }
            _ => wholes(event, "", watch, edits)?,
        }
        Ok(After::More)
    }

    fn end(&mut self, watch: &mut Watch<'_>, out: &mut Vec<u8>) -> Result<(), Halt> {
        flush(|_| true, watch, out)
    }

    fn stop(&mut self, place: Place, watch: &mut Watch<'_>, out: &mut Vec<u8>) {
        if !self.is_begun {
            let message = "{\"id\":\"msg_stopped\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"\",\"content\":[],\
                           \"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}";
            write(
                "message_start",
                &format!("{{\"type\":\"message_start\",\"message\":{message}}}"),
                out,
            );
        }
        let told = watch.told();
        let mut lead = String::new();
        match &place.key {
            Some(key) if self.open.contains_key(&key.index) => add(key, &place.passed, out),
            // Its block has not been shown.
            _ => lead = place.passed,
        }
        let is_text = |index: &u64| self.open.get(index).is_some_and(|kind| kind == "text");
        let here = place.key.map(|key| key.index).filter(is_text);
        let here = here.or_else(|| self.open.keys().copied().find(|index| is_text(index)));
        if let Some(index) = here {
            let key = Key::new(index, TEXT);
            add(&key, &with_told("", watch.has_shown(&key), &told), out);
        }
        for index in self.open.keys() {
            close(*index, out);
        }
        if here.is_none() && !self.has_reason {
            let index = self.next;
            let start = format!(
                "{{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}"
            );
            write("content_block_start", &start, out);
            let told = with_told(&lead, !lead.is_empty(), &told);
            add(&Key::new(index, TEXT), &told, out);
            close(index, out);
        }
        if !self.has_reason {
            let tokens = self.output_tokens;
            let delta = format!(
                "{{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"refusal\",\"stop_sequence\":null}},\"usage\":{{\"output_tokens\":{tokens}}}}}"
            );
            write("message_delta", &delta, out);
        }
        write("message_stop", "{\"type\":\"message_stop\"}", out);
    }
}

impl Messages {
    fn count(&mut self, usage: Option<Value<'_>>) {
        let tokens = usage.and_then(|usage| usage.get("output_tokens"));
        if tokens.is_some() {
            self.output_tokens = number(tokens);
        }
    }

    fn delta(
        &self,
        index: u64,
        delta: Value<'_>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Halt> {
        let kind = delta.get_str("type").unwrap_or_default();
        let block = self.open.get(&index).map_or("", String::as_str);
        for (key, value) in delta.entries() {
            let name = key.as_str().unwrap_or_default();
            match (kind.as_ref(), name.as_ref()) {
                (_, "type") => {}
                ("thinking_delta" | "signature_delta", _) if is_thinking(block) => {}
                ("input_json_delta", "partial_json") if block.ends_with("tool_use") => {}
                (kind, name) if value.kind() == Kind::String => {
                    let is_told = !is_structural(name, &value.as_str().unwrap_or_default());
                    if is_told {
                        piece(&Key::new(index, format!("{kind}/{name}")), value, watch, edits)?;
                    }
                }
                (_, name) => wholes(value, name, watch, edits)?,
            }
        }
        Ok(())
    }
}

fn piece(key: &Key, value: Value<'_>, watch: &mut Watch<'_>, edits: &mut Vec<Edit>) -> Result<(), Halt> {
    let text = value.as_str().unwrap_or_default();
    let shown = watch.piece(key, &text)?;
    replace(value, &text, &shown, edits);
    Ok(())
}

fn flush(is_meant: impl Fn(&Key) -> bool, watch: &mut Watch<'_>, out: &mut Vec<u8>) -> Result<(), Halt> {
    for key in watch.open(is_meant) {
        let rest = watch.end(&key)?;
        add(&key, &rest, out);
    }
    Ok(())
}

/// An event of our own that adds to a text.
fn add(key: &Key, text: &str, out: &mut Vec<u8>) {
    if text.is_empty() {
        return;
    }
    let (kind, name) = key.field.split_once('/').unwrap_or((&key.field, "text"));
    let data = format!(
        "{{\"type\":\"content_block_delta\",\"index\":{},\"delta\":{{\"type\":{},{}:{}}}}}",
        key.index,
        quoted(kind),
        quoted(name),
        quoted(text)
    );
    write("content_block_delta", &data, out);
}

fn close(index: u64, out: &mut Vec<u8>) {
    let data = format!("{{\"type\":\"content_block_stop\",\"index\":{index}}}");
    write("content_block_stop", &data, out);
}

fn write(name: &str, data: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("event: {name}\ndata: {data}\n\n").as_bytes());
}
