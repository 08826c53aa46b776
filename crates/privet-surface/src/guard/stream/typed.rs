//! Streamed responses of OpenAI's: typed events, in which each text comes in pieces, then as a whole, then once more with all others.

mod shown;

use super::{After, Dialect};
use crate::dialect::is_token;
use crate::guard::calls::DEEDS;
use crate::guard::leaves::{edited, error, number, replace, wholes};
use crate::guard::watch::{Halt, Key, Part, Place, Watch};
use crate::json::{Kind, Value};
use crate::splice::Edit;
use shown::Shown;

/// Fields that say which part of an item a text is.
const PARTS: [&str; 3] = ["content_index", "summary_index", "command_index"];

/// What a response tells again of its request.
pub(in crate::guard) const ECHOES: &[&str] = &[
    "background",
    "conversation",
    "include",
    "instructions",
    "metadata",
    "output",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "store",
    "text",
    "tool_choice",
    "tools",
    "truncation",
    "usage",
    "user",
];

#[derive(Debug, Default)]
pub(super) struct Typed {
    shown: Shown,
}

impl Dialect for Typed {
    fn event(
        &mut self,
        event: Value<'_>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<After, Halt> {
        let count = event.get("sequence_number").filter(|n| n.kind() == Kind::Number);
        let current = count.and_then(|n| n.raw().parse().ok());
        self.shown.numbers.current = current;
        let after = self.typed(event, watch, edits, out)?;
        if let Some((value, number)) = count.zip(current) {
            if self.shown.numbers.inserted > 0 {
                let number = number.saturating_add(self.shown.numbers.inserted);
                edits.push(Edit::beside(value.range(), number.to_string()));
            }
            // Should the stream end here, what is held back comes after this event.
            self.shown.numbers.current = Some(number.saturating_add(1));
        }
        Ok(after)
    }

    fn end(&mut self, watch: &mut Watch<'_>, out: &mut Vec<u8>) -> Result<(), Halt> {
        self.flush(|_| true, watch, out)
    }

    fn stop(&mut self, place: Place, watch: &mut Watch<'_>, out: &mut Vec<u8>) {
        self.shown.stop(place, watch, out);
    }
}

/// Which part of an item an event speaks of.
fn part_of(event: Value<'_>) -> Part {
    PARTS
        .into_iter()
        .find_map(|field| Some((field, number(Some(event.get(field)?)))))
}

/// The kind of the events of a part's text, and the field of the part that holds it.
pub(super) fn text_of(part: &str) -> Option<(&'static str, &'static str)> {
    match part {
        "output_text" => Some(("output_text", "text")),
        "refusal" => Some(("refusal", "refusal")),
        "reasoning_text" => Some(("reasoning_text", "text")),
        "summary_text" => Some(("reasoning_summary_text", "text")),
        _ => None,
    }
}

impl Typed {
    fn typed(
        &mut self,
        event: Value<'_>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<After, Halt> {
        let name = event.get_str("type").unwrap_or_default();
        let name = name.strip_prefix("response.").unwrap_or(&name);
        let index = number(event.get("output_index"));
        let part = part_of(event);
        match name.rsplit_once('.') {
            // Sound; and calls, which were judged.
            Some(("audio", "delta")) => {}
            Some((kind, "delta" | "done")) if kind.contains("_call_") => {}
            // No kind that a client knows.
            Some((kind, "delta" | "done")) if !is_token(kind) => self.others(event, &[], watch, edits)?,
            Some((kind, "delta")) => {
                let key = Key {
                    index,
                    part,
                    field: kind.to_owned(),
                };
                self.delta(&key, event, watch, edits)?;
            }
            Some(("output_item", is)) if matches!(is, "added" | "done") => {
                if is == "done" {
                    self.flush(|key| key.index == index, watch, out)?;
                }
                if let Some(item) = event.get("item") {
                    self.item(index, item, is == "done", watch, edits, out)?;
                    self.shown.item(index, edited(item, edits), is == "done");
                }
            }
            Some(("content_part" | "reasoning_summary_part", is)) if matches!(is, "added" | "done") => {
                if is == "done" {
                    self.flush(|key| key.index == index && key.part == part, watch, out)?;
                }
                if let Some(value) = event.get("part") {
                    self.part((index, part), value, is == "done", watch, edits, out)?;
                    self.shown.part(index, part, edited(value, edits), is == "done");
                }
            }
            Some((kind, "done")) => {
                let key = Key {
                    index,
                    part,
                    field: kind.to_owned(),
                };
                self.flush(|known| *known == key, watch, out)?;
                self.done(&key, event, watch, edits, out)?;
                self.shown.text_done(index, part);
            }
            None if name == "error" => {
                self.flush(|_| true, watch, out)?;
                let is_stopped = error(event, watch, edits)?;
                return Ok(if is_stopped { After::Nothing } else { After::More });
            }
            None => self.response(name, event, watch, edits, out)?,
            _ => self.others(event, &[], watch, edits)?,
        }
        Ok(After::More)
    }

    /// An event that holds the whole response.
    fn response(
        &mut self,
        name: &str,
        event: Value<'_>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        let is_last = matches!(name, "completed" | "failed" | "incomplete" | "cancelled");
        if is_last {
            self.flush(|_| true, watch, out)?;
        }
        let Some(response) = event.get("response") else {
            return self.others(event, &[], watch, edits);
        };
        let output = response.get("output");
        if let Some(output) = output.filter(|output| output.kind() != Kind::Array) {
            wholes(output, "output", watch, edits)?;
        }
        for (place, item) in output.into_iter().flat_map(|output| output.items()).enumerate() {
            let id = item.get("id").map_or("", |id| id.raw());
            let index = self.shown.index_of(id).unwrap_or(place as u64);
            self.item(index, item, is_last, watch, edits, out)?;
        }
        self.others(response, ECHOES, watch, edits)?;
        if is_last {
            self.shown.is_over = true;
        } else {
            self.shown.response = edited(response, edits);
        }
        Ok(())
    }

    /// Strings beside those that are known, and that are none of `but`.
    fn others(
        &self,
        object: Value<'_>,
        but: &[&str],
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Halt> {
        for (key, value) in object.entries() {
            let name = key.as_str().unwrap_or_default();
            if !but.contains(&name.as_ref()) {
                wholes(value, &name, watch, edits)?;
            }
        }
        Ok(())
    }

    /// One piece of a text.
    fn delta(
        &mut self,
        key: &Key,
        event: Value<'_>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
    ) -> Result<(), Halt> {
        let Some(delta) = event.get("delta").filter(|delta| delta.kind() == Kind::String) else {
            return self.others(event, &[], watch, edits);
        };
        if let Some(id) = event
            .get("item_id")
            .filter(|id| id.as_str().is_some_and(|id| is_token(&id)))
        {
            self.shown.id(key.index, id.raw());
        }
        let text = delta.as_str().unwrap_or_default();
        let shown = watch.piece(key, &text)?;
        replace(delta, &text, &shown, edits);
        spelt(event, watch.is_changed(key), edits);
        self.others(event, &["delta", "logprobs"], watch, edits)?;
        self.shown.implied(key);
        Ok(())
    }

    /// A text that comes as a whole, as it was shown in pieces; `is_whole` unless more of it may follow.
    fn repeat(
        &mut self,
        key: &Key,
        value: Value<'_>,
        is_whole: bool,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        let text = value.as_str().unwrap_or_default();
        if !watch.has_begun(key) {
            watch.piece(key, &text)?;
            if is_whole {
                watch.end(key)?;
            }
        } else if is_whole {
            self.flush(|known| known == key, watch, out)?;
        }
        replace(value, &text, watch.shown_of(key), edits);
        Ok(())
    }

    /// The end of a text.
    fn done(
        &mut self,
        key: &Key,
        event: Value<'_>,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        let fields = ["text", "refusal", "transcript"];
        for value in fields.into_iter().filter_map(|field| event.get(field)) {
            if value.kind() == Kind::String {
                self.repeat(key, value, true, watch, edits, out)?;
            }
        }
        spelt(event, watch.is_changed(key), edits);
        self.others(
            event,
            &["text", "refusal", "transcript", "logprobs"],
            watch,
            edits,
        )
    }

    /// A part of an item: all of it, or what there is by now.
    fn part(
        &mut self,
        (index, part): (u64, Part),
        value: Value<'_>,
        is_whole: bool,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        let kind = value.get_str("type").unwrap_or_default();
        let Some((kind, field)) = text_of(&kind) else {
            return self.others(value, &[], watch, edits);
        };
        let key = Key {
            index,
            part,
            field: kind.to_owned(),
        };
        if let Some(text) = value.get(field).filter(|text| text.kind() == Kind::String) {
            self.repeat(&key, text, is_whole, watch, edits, out)?;
        }
        spelt(value, watch.is_changed(&key), edits);
        self.others(value, &[field, "logprobs"], watch, edits)
    }

    fn item(
        &mut self,
        index: u64,
        item: Value<'_>,
        is_whole: bool,
        watch: &mut Watch<'_>,
        edits: &mut Vec<Edit>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        let kind = item.get_str("type").unwrap_or_default();
        let is_call = kind.ends_with("_call") || kind == "mcp_approval_request";
        for (key, value) in item.entries() {
            let name = key.as_str().unwrap_or_default();
            match name.as_ref() {
                "content" | "summary" if value.kind() == Kind::Array => {
                    let field = if name == "content" {
                        "content_index"
                    } else {
                        "summary_index"
                    };
                    for (at, part) in value.items().enumerate() {
                        let place = (index, Some((field, at as u64)));
                        self.part(place, part, is_whole, watch, edits, out)?;
                    }
                }
                // What a call is to do was judged.
                "name" | "arguments" | "input" if is_call => {}
                deed if is_call && DEEDS.contains(&deed) => {}
                name => wholes(value, name, watch, edits)?,
            }
        }
        Ok(())
    }

    fn flush(
        &mut self,
        is_meant: impl Fn(&Key) -> bool,
        watch: &mut Watch<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Halt> {
        for key in watch.open(is_meant) {
            let rest = watch.end(&key)?;
            self.shown.add(&key, &rest, out);
        }
        Ok(())
    }
}

/// What spells out a text letter by letter goes where the text was not shown as it came.
fn spelt(value: Value<'_>, is_changed: bool, edits: &mut Vec<Edit>) {
    if let Some(logprobs) = value
        .get("logprobs")
        .filter(|logprobs| is_changed && logprobs.kind() == Kind::Array)
    {
        edits.push(Edit::beside(logprobs.range(), "[]".to_owned()));
    }
}
