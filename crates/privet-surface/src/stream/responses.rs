//! The typed events of OpenAI's responses: pieces of a text, then the text as a whole, then everything once more.

use privet_pii::Syntax;

use super::{Field, Lane, MAX_LANES, StreamRestorer, number};
use crate::json::{Kind, Value};
use crate::splice::Edit;

/// Fields that say which part of an item a text belongs to.
const PARTS: [&str; 3] = ["content_index", "summary_index", "command_index"];

/// Which part of an item: the field that says so, and its value; none for an item of one text.
pub(super) type Part = Option<(&'static str, u64)>;

/// What the stream said of one item.
#[derive(Debug, Default)]
pub(super) struct Item {
    /// Its id, as JSON.
    id: String,
    /// The tool that it calls.
    tool: Option<String>,
}

/// The numbers of events, which count on by one. Events put in between move all later ones.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// That of the event at hand, as it came; none if the stream has none.
    current: Option<u64>,
    inserted: u64,
}

impl Numbers {
    /// The number of an event that is put in before the one at hand.
    fn insert(&mut self) -> Option<u64> {
        let number = self.current?.saturating_add(self.inserted);
        self.inserted += 1;
        Some(number)
    }
}

/// An event of our own that adds `text`, a JSON string, to a text of kind `kind`.
pub(super) fn delta(
    kind: &str,
    index: u64,
    part: &Part,
    item: Option<&Item>,
    text: &str,
    numbers: &mut Numbers,
) -> String {
    let id = item
        .map(|item| format!("\"item_id\":{},", item.id))
        .unwrap_or_default();
    let part = part
        .map(|(name, at)| format!("\"{name}\":{at},"))
        .unwrap_or_default();
    let logprobs = if kind == "output_text" {
        ",\"logprobs\":[]"
    } else {
        ""
    };
    let number = numbers
        .insert()
        .map(|number| format!(",\"sequence_number\":{number}"))
        .unwrap_or_default();
    format!(
        "event: response.{kind}.delta\ndata: {{\"type\":\"response.{kind}.delta\",{id}\"output_index\":{index},{part}\"delta\":{text}{logprobs}{number}}}\n\n"
    )
}

impl StreamRestorer {
    pub(super) fn responses(&mut self, event: Value<'_>, edits: &mut Vec<Edit>, out: &mut Vec<u8>) {
        let count = event.get("sequence_number").filter(|n| n.kind() == Kind::Number);
        self.numbers.current = count.and_then(|n| n.raw().parse().ok());
        self.typed(event, edits, out);
        if let Some((value, number)) = count.zip(self.numbers.current) {
            if self.numbers.inserted > 0 {
                let number = number.saturating_add(self.numbers.inserted);
                edits.push(Edit::new(value.range(), number.to_string()));
            }
            // Should the stream end here, what is held back comes after this event.
            self.numbers.current = Some(number.saturating_add(1));
        }
    }

    fn typed(&mut self, event: Value<'_>, edits: &mut Vec<Edit>, out: &mut Vec<u8>) {
        let name = event.get_str("type").unwrap_or_default();
        let name = name.strip_prefix("response.").unwrap_or(&name);
        let index = number(event.get("output_index"));
        let part = PARTS
            .into_iter()
            .find_map(|field| Some((field, number(Some(event.get(field)?)))));
        match name.rsplit_once('.') {
            // Sound, as base64.
            Some(("audio", "delta")) => {}
            Some((kind, "delta")) => match event.get("delta") {
                Some(delta) if delta.kind() == Kind::String => {
                    self.add(kind, (index, part), (event, delta), edits);
                }
                _ => self.restoration.walk_event(event, edits),
            },
            Some(("output_item", "added")) => {
                self.begin(index, event);
                self.restoration.walk_event(event, edits);
            }
            Some(("output_item", "done")) => {
                self.end(|lane| lane.index == index, out);
                self.items.remove(&index);
                self.restoration.walk_event(event, edits);
            }
            Some(("content_part" | "reasoning_summary_part", "done")) => {
                let is_of = |lane: &Lane| matches!(&lane.field, Field::Typed(_, of) if *of == part);
                self.end(|lane| lane.index == index && is_of(lane), out);
                self.restoration.walk_event(event, edits);
            }
            Some((kind, "done")) => {
                let is_of = |lane: &Lane| matches!(&lane.field, Field::Typed(known, of) if known == kind && *of == part);
                self.end(|lane| lane.index == index && is_of(lane), out);
                self.repeat(kind, index, event, edits);
            }
            None if matches!(
                name,
                "completed" | "failed" | "incomplete" | "cancelled" | "error"
            ) =>
            {
                self.end(|_| true, out);
                self.restoration.walk_event(event, edits);
            }
            _ => self.restoration.walk_event(event, edits),
        }
    }

    /// Notes what an item is that begins.
    fn begin(&mut self, index: u64, event: Value<'_>) {
        let Some(item) = event.get("item").filter(|_| self.items.len() < MAX_LANES) else {
            return;
        };
        let kind = item.get_str("type").unwrap_or_default();
        let tool = item.get("name").and_then(|name| self.restoration.tool_name(name));
        let own = || kind.strip_suffix("_call").map(str::to_owned);
        let known = self.items.entry(index).or_default();
        known.tool = tool.or_else(own);
        if let Some(id) = item.get("id").filter(|id| id.kind() == Kind::String) {
            id.raw().clone_into(&mut known.id);
        }
    }

    /// How a text of this kind is written; none if it is not restored.
    fn syntax(&self, kind: &str, index: u64) -> Option<Syntax> {
        if let Some((own, _)) = kind.split_once("_call") {
            // Custom tools and the provider's own take text.
            let tool = self.items.get(&index).and_then(|item| item.tool.as_deref());
            let syntax = if kind.ends_with("arguments") {
                Syntax::Json
            } else {
                Syntax::Text
            };
            let is_allowed = self.restoration.allows_tool(tool.or(Some(own)));
            return is_allowed.then_some(syntax);
        }
        let syntax = if kind == "output_text" {
            self.restoration.text_syntax()
        } else {
            Syntax::Text
        };
        self.restoration.config.text.then_some(syntax)
    }

    /// One piece of a text.
    fn add(
        &mut self,
        kind: &str,
        (index, part): (u64, Part),
        (event, delta): (Value<'_>, Value<'_>),
        edits: &mut Vec<Edit>,
    ) {
        let Some(syntax) = self.syntax(kind, index) else {
            return;
        };
        if let Some(id) = event.get("item_id").filter(|id| id.kind() == Kind::String)
            && !self.items.contains_key(&index)
            && self.items.len() < MAX_LANES
        {
            let item = Item {
                id: id.raw().to_owned(),
                tool: None,
            };
            self.items.insert(index, item);
        }
        let field = Field::Typed(kind.to_owned(), part);
        self.piece(
            Lane { index, field },
            delta,
            syntax,
            false,
            edits,
            &mut Vec::new(),
        );
    }

    /// The end of a text, which comes as a whole once more.
    fn repeat(&mut self, kind: &str, index: u64, event: Value<'_>, edits: &mut Vec<Edit>) {
        let syntax = self.syntax(kind, index);
        for (key, value) in event.entries() {
            match (key.as_str().unwrap_or_default().as_ref(), value.kind()) {
                ("type" | "item_id" | "sequence_number", _) => {}
                (
                    "text" | "refusal" | "arguments" | "input" | "code" | "transcript" | "command" | "diff",
                    Kind::String,
                ) => {
                    if let Some(syntax) = syntax {
                        self.restoration.repeated(value, syntax, edits);
                    }
                }
                // Of a tool to which nothing is restored.
                _ if kind.contains("_call") && syntax.is_none() => {}
                _ => self.restoration.walk(value, edits),
            }
        }
    }

    /// Ends the texts that `ends` names, and forgets them.
    fn end(&mut self, ends: impl Fn(&Lane) -> bool, out: &mut Vec<u8>) {
        self.flush(&ends, out);
        self.lanes.retain(|lane, _| !ends(lane));
    }
}
