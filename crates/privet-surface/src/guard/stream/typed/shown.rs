//! What of a response was shown, so that it can be brought to an end in which all its tellings agree.

use std::collections::BTreeMap;

use privet_types::Budget;

use super::text_of;
use crate::guard::leaves::{with_fields, with_told};
use crate::guard::watch::{Key, Part, Place, Watch};
use crate::json::{Document, Kind};
use crate::reply::quoted;

/// Bytes of items that are kept to be told again. What is more, such as pictures, is not told again when a reply is stopped.
const MOST_KEPT: usize = 4 << 20;
/// Items and parts followed in one response.
const MOST_ITEMS: usize = 1024;

/// The numbers of events, which count on by one. Events put in between move all later ones.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// That of the event at hand, as it came; none if the stream has none.
    pub(super) current: Option<u64>,
    pub(super) inserted: u64,
}

impl Numbers {
    /// The field that numbers an event that is put in before the one at hand.
    fn insert(&mut self) -> String {
        let Some(current) = self.current else {
            return String::new();
        };
        let number = current.saturating_add(self.inserted);
        self.inserted += 1;
        format!(",\"sequence_number\":{number}")
    }
}

#[derive(Debug, Default)]
struct Item {
    /// Its id, as JSON.
    id: String,
    /// As it was shown last, as JSON; empty if it is not kept.
    raw: String,
    is_begun: bool,
    is_done: bool,
    parts: BTreeMap<Part, PartShown>,
}

#[derive(Debug, Default)]
struct PartShown {
    raw: String,
    is_text_done: bool,
    is_done: bool,
}

#[derive(Debug, Default)]
pub(super) struct Shown {
    pub(super) numbers: Numbers,
    /// The response as it was told of last, as JSON.
    pub(super) response: String,
    /// Whether its end was told.
    pub(super) is_over: bool,
    items: BTreeMap<u64, Item>,
    kept: usize,
}

/// A part that an event may give no number: the only one of its list.
fn list_of(part: Part) -> &'static str {
    match part {
        Some(("summary_index", _)) => "summary",
        _ => "content",
    }
}

impl Shown {
    /// The place of the item whose id reads `id`, as JSON.
    pub(super) fn index_of(&self, id: &str) -> Option<u64> {
        let mut items = self
            .items
            .iter()
            .filter(|(_, item)| !id.is_empty() && item.id == id);
        items.next().map(|(index, _)| *index)
    }

    fn entry(&mut self, index: u64) -> Option<&mut Item> {
        let has_place = self.items.len() < MOST_ITEMS || self.items.contains_key(&index);
        has_place.then(|| self.items.entry(index).or_default())
    }

    /// Keeps `new` in the place of `old`, if there is room.
    fn keep(kept: &mut usize, old: &mut String, new: String) {
        *kept = kept.saturating_sub(old.len());
        if *kept + new.len() > MOST_KEPT {
            old.clear();
        } else {
            *kept += new.len();
            *old = new;
        }
    }

    /// Notes the id of an item, which stands in an event of one of its texts.
    pub(super) fn id(&mut self, index: u64, id: &str) {
        if let Some(item) = self.entry(index)
            && item.id.is_empty()
        {
            id.clone_into(&mut item.id);
        }
    }

    /// Notes an item that begins or is done.
    pub(super) fn item(&mut self, index: u64, raw: String, is_done: bool) {
        let mut kept = self.kept;
        if let Some(item) = self.entry(index) {
            if let Ok(document) = Document::parse_str(&raw, &Budget::unlimited())
                && let Some(id) = document.root().get("id").filter(|id| id.kind() == Kind::String)
            {
                id.raw().clone_into(&mut item.id);
            }
            Self::keep(&mut kept, &mut item.raw, raw);
            item.is_begun = true;
            item.is_done = is_done;
            if is_done {
                item.parts.clear();
            }
        }
        self.kept = kept;
    }

    /// Notes a part that begins or is done.
    pub(super) fn part(&mut self, index: u64, part: Part, raw: String, is_done: bool) {
        let mut kept = self.kept;
        if let Some(item) = self.entry(index)
            && item.parts.len() < MOST_ITEMS
        {
            let known = item.parts.entry(part).or_default();
            Self::keep(&mut kept, &mut known.raw, raw);
            known.is_done = is_done;
        }
        self.kept = kept;
    }

    /// Notes a part that begins with its text, and not with an event of its own.
    pub(super) fn implied(&mut self, key: &Key) {
        let raw = match key.field.as_str() {
            "output_text" => "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"\"}",
            "refusal" => "{\"type\":\"refusal\",\"refusal\":\"\"}",
            "reasoning_text" => "{\"type\":\"reasoning_text\",\"text\":\"\"}",
            "reasoning_summary_text" => "{\"type\":\"summary_text\",\"text\":\"\"}",
            _ => return,
        };
        let item = self.items.get(&key.index);
        if item.is_some_and(|item| item.is_begun && !item.is_done && !item.parts.contains_key(&key.part)) {
            self.part(key.index, key.part, raw.to_owned(), false);
        }
    }

    /// Notes that a part's text is done.
    pub(super) fn text_done(&mut self, index: u64, part: Part) {
        let item = self.items.get_mut(&index);
        if let Some(part) = item.and_then(|item| item.parts.get_mut(&part)) {
            part.is_text_done = true;
        }
    }

    /// An event of our own that adds to a text.
    pub(super) fn add(&mut self, key: &Key, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let kind = &key.field;
        let logprobs = if kind == "output_text" {
            ",\"logprobs\":[]"
        } else {
            ""
        };
        let fields = format!(
            "{},\"delta\":{}{logprobs}",
            self.place(key.index, key.part),
            quoted(text)
        );
        self.write(&format!("{kind}.delta"), &fields, out);
    }

    /// The fields that say which item and part an event speaks of.
    fn place(&self, index: u64, part: Part) -> String {
        let id = self.items.get(&index).map(|item| item.id.as_str());
        let id = id.filter(|id| !id.is_empty());
        let id = id.map(|id| format!("\"item_id\":{id},")).unwrap_or_default();
        let part = part
            .map(|(name, at)| format!(",\"{name}\":{at}"))
            .unwrap_or_default();
        format!("{id}\"output_index\":{index}{part}")
    }

    /// An event of our own.
    fn write(&mut self, name: &str, fields: &str, out: &mut Vec<u8>) {
        let number = self.numbers.insert();
        // Data that came in several lines is told again in one.
        let fields = fields.replace(['\n', '\r'], " ");
        let event =
            format!("event: response.{name}\ndata: {{\"type\":\"response.{name}\",{fields}{number}}}\n\n");
        out.extend_from_slice(event.as_bytes());
    }

    /// Tells the person that the reply was stopped, and ends the stream.
    pub(super) fn stop(&mut self, place: Place, watch: &mut Watch<'_>, out: &mut Vec<u8>) {
        if self.is_over {
            return;
        }
        let told = watch.told();
        let mut lead = place.passed;
        let mut is_told = false;
        if let Some(key) = place.key {
            self.implied(&key);
            let is_open = self.items.get(&key.index).is_some_and(|item| {
                let part = item.parts.get(&key.part);
                item.is_begun && !item.is_done && part.is_some_and(|part| !part.is_text_done && !part.is_done)
            });
            if is_open && key.field == "output_text" {
                let is_behind_text = !watch.shown_of(&key).is_empty();
                let own = with_told("", is_behind_text, &told);
                self.add(&key, &format!("{lead}{own}"), out);
                watch.add_own(&key, &own);
                is_told = true;
            } else if is_open {
                self.add(&key, &std::mem::take(&mut lead), out);
            } else if key.field != "output_text" {
                lead.clear();
            }
        }
        let mut output: Vec<String> = Vec::new();
        let indexes: Vec<u64> = self.items.keys().copied().collect();
        for index in indexes {
            output.extend(self.close(index, watch, out));
        }
        if !is_told {
            output.push(self.message(&with_told(&lead, !lead.is_empty(), &told), out));
        }
        let response = self.ended(&format!("[{}]", output.join(",")));
        self.write("incomplete", &format!("\"response\":{response}"), out);
    }

    /// Ends an item, and gives it back as it was shown.
    fn close(&mut self, index: u64, watch: &Watch<'_>, out: &mut Vec<u8>) -> Option<String> {
        let mut item = self.items.remove(&index)?;
        let raw = std::mem::take(&mut item.raw);
        let (is_open, parts) = (item.is_begun && !item.is_done, std::mem::take(&mut item.parts));
        self.items.insert(index, item);
        if !is_open {
            return Some(raw).filter(|raw| !raw.is_empty());
        }
        let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (part, shown) in parts {
            let raw = self.close_part(index, part, &shown, watch, out);
            lists.entry(list_of(part)).or_default().extend(raw);
        }
        if raw.is_empty() {
            return None;
        }
        let lists: Vec<(&str, String)> = lists
            .into_iter()
            .map(|(list, parts)| (list, format!("[{}]", parts.join(","))))
            .collect();
        let mut fields = vec![("status", "\"incomplete\"")];
        fields.extend(lists.iter().map(|(list, parts)| (*list, parts.as_str())));
        let raw = with_fields(&raw, &fields);
        self.write(
            "output_item.done",
            &format!("\"output_index\":{index},\"item\":{raw}"),
            out,
        );
        Some(raw)
    }

    /// Ends a part, and gives it back as it was shown.
    fn close_part(
        &mut self,
        index: u64,
        part: Part,
        shown: &PartShown,
        watch: &Watch<'_>,
        out: &mut Vec<u8>,
    ) -> Option<String> {
        if shown.is_done || shown.raw.is_empty() {
            return Some(shown.raw.clone()).filter(|raw| !raw.is_empty());
        }
        let kind = Document::parse_str(&shown.raw, &Budget::unlimited())
            .ok()
            .and_then(|document| Some(document.root().get_str("type")?.into_owned()));
        let place = self.place(index, part);
        let mut raw = shown.raw.clone();
        if let Some((kind, field)) = kind.as_deref().and_then(text_of) {
            let key = Key {
                index,
                part,
                field: kind.to_owned(),
            };
            let text = quoted(watch.shown_of(&key));
            if !shown.is_text_done {
                let logprobs = if kind == "output_text" {
                    ",\"logprobs\":[]"
                } else {
                    ""
                };
                self.write(
                    &format!("{kind}.done"),
                    &format!("{place},\"{field}\":{text}{logprobs}"),
                    out,
                );
            }
            raw = with_fields(&raw, &[(field, &text)]);
        }
        let name = match list_of(part) {
            "summary" => "reasoning_summary_part.done",
            _ => "content_part.done",
        };
        self.write(name, &format!("{place},\"part\":{raw}"), out);
        Some(raw)
    }

    /// A message of our own, of which nothing was shown yet.
    fn message(&mut self, text: &str, out: &mut Vec<u8>) -> String {
        let index = self
            .items
            .last_key_value()
            .map_or(0, |(index, _)| index.saturating_add(1));
        let document = Document::parse_str(&self.response, &Budget::unlimited()).ok();
        let id = document.and_then(|document| Some(document.root().get_str("id")?.into_owned()));
        let id = id.unwrap_or_default();
        let id = quoted(&format!(
            "msg_{}_stopped",
            id.strip_prefix("resp_").unwrap_or(&id)
        ));
        let item = |status: &str, content: &str| {
            format!(
                "{{\"id\":{id},\"type\":\"message\",\"status\":\"{status}\",\"role\":\"assistant\",\"content\":[{content}]}}"
            )
        };
        let part = |text: &str| {
            format!("{{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":{text}}}")
        };
        let text = quoted(text);
        let place = format!("\"item_id\":{id},\"output_index\":{index},\"content_index\":0");
        let begun = item("in_progress", "");
        self.write(
            "output_item.added",
            &format!("\"output_index\":{index},\"item\":{begun}"),
            out,
        );
        self.write(
            "content_part.added",
            &format!("{place},\"part\":{}", part("\"\"")),
            out,
        );
        self.write(
            "output_text.delta",
            &format!("{place},\"delta\":{text},\"logprobs\":[]"),
            out,
        );
        self.write(
            "output_text.done",
            &format!("{place},\"text\":{text},\"logprobs\":[]"),
            out,
        );
        self.write(
            "content_part.done",
            &format!("{place},\"part\":{}", part(&text)),
            out,
        );
        let done = item("incomplete", &part(&text));
        self.write(
            "output_item.done",
            &format!("\"output_index\":{index},\"item\":{done}"),
            out,
        );
        done
    }

    /// The response, ended, with this output.
    fn ended(&self, output: &str) -> String {
        const NEW: &str = "{\"id\":\"resp_stopped\",\"object\":\"response\",\"created_at\":0,\"model\":\"\",\"error\":null,\
                           \"parallel_tool_calls\":true,\"tool_choice\":\"auto\",\"tools\":[]}";
        let raw = if self.response.is_empty() {
            NEW
        } else {
            &self.response
        };
        let fields = [
            ("status", "\"incomplete\""),
            ("incomplete_details", "{\"reason\":\"content_filter\"}"),
            ("output", output),
        ];
        with_fields(raw, &fields)
    }
}
