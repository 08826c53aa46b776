//! Restoring a streamed reply, event by event.

mod responses;

use std::collections::BTreeMap;

use privet_pii::{Restorer, Syntax};
use privet_types::{Budget, SurfaceKind};

use crate::json::{Document, Kind, Value};
use crate::reply::{Restoration, RestoreError, quoted};
use crate::splice::{Edit, splice};
use crate::sse::{Event, EventReader};

/// Choices, tools and fields followed at once; a stream with more is passed on with its surrogates.
const MAX_LANES: usize = 1024;

/// Restores one stream of server-sent events, however it is cut. Holds back only text that may begin a surrogate, per
/// choice and per tool call, and never more than one surrogate's length of each.
#[derive(Debug)]
pub struct StreamRestorer {
    restoration: Restoration,
    reader: EventReader,
    lanes: BTreeMap<Lane, Restorer>,
    tools: BTreeMap<(u64, u64), Option<String>>,
    /// `"id":…,"object":…,"created":…,"model":…` of the stream's chunks, for chunks of our own.
    head: String,
    /// Of a stream of typed events: what is known of its items, by their place.
    items: BTreeMap<u64, responses::Item>,
    numbers: responses::Numbers,
}

/// One text that arrives in pieces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lane {
    /// OpenAI: the choice, or the item of a response. Anthropic: the content block.
    index: u64,
    field: Field,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    /// A text field by its name.
    Text(String),
    /// Arguments of the tool call with this index.
    Tool(u64),
    /// Arguments of OpenAI's older `function_call`.
    Function,
    /// What deltas of this kind of typed events add to, and the part of the item that it is.
    Typed(String, responses::Part),
}

impl StreamRestorer {
    /// A restorer for one stream.
    #[must_use]
    pub fn new(restoration: Restoration) -> Self {
        let repeats_pieces = restoration.surface == SurfaceKind::OpenaiResponses;
        Self {
            restoration: Restoration {
                repeats_pieces,
                ..restoration
            },
            reader: EventReader::default(),
            lanes: BTreeMap::new(),
            tools: BTreeMap::new(),
            head: String::new(),
            items: BTreeMap::new(),
            numbers: responses::Numbers::default(),
        }
    }

    /// Takes the next bytes and appends to `out` all events that are certain by now.
    ///
    /// # Errors
    /// [`RestoreError::Stream`] if one event grows too large. The stream has to be ended then.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), RestoreError> {
        if self.restoration.is_empty() {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        self.reader.push(bytes)?;
        let mut reader = std::mem::take(&mut self.reader);
        while let Some(event) = reader.next_event() {
            self.event(event, out);
        }
        self.reader = reader;
        Ok(())
    }

    /// The stream has ended: appends what was held back, surrogates cut off by the end as they came.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.flush(|_| true, out);
        let reader = std::mem::take(&mut self.reader);
        out.extend_from_slice(reader.rest());
    }

    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        let mut lines = event.data_lines();
        let first = lines.next().unwrap_or_default();
        let joined = lines
            .next()
            .map(|_| event.data_lines().collect::<Vec<_>>().join(&b'\n'));
        let data = joined.as_deref().unwrap_or(first);
        if data == b"[DONE]" {
            self.flush(|_| true, out);
        }
        let budget = Budget::unlimited();
        let Ok(document) = Document::parse(data, &budget) else {
            // Not JSON: nothing of ours to restore in it.
            out.extend_from_slice(event.raw);
            return;
        };
        let mut edits = Vec::new();
        match self.restoration.surface {
            SurfaceKind::AnthropicMessages => self.anthropic(document.root(), &mut edits, out),
            SurfaceKind::OpenaiResponses => self.responses(document.root(), &mut edits, out),
            _ => self.openai(document.root(), &mut edits, out),
        }
        edits.sort_by_key(|e| e.range.start);
        if edits.is_empty() {
            out.extend_from_slice(event.raw);
        } else {
            let data = splice(data, &edits);
            out.extend_from_slice(&event.with_data(&String::from_utf8_lossy(&data).replace('\n', " ")));
        }
    }

    fn openai(&mut self, chunk: Value<'_>, edits: &mut Vec<Edit>, out: &mut Vec<u8>) {
        let Some(choices) = chunk.get("choices") else {
            self.restoration.walk(chunk, edits);
            return;
        };
        if self.head.is_empty() {
            let fields = ["id", "object", "created", "model"].into_iter();
            let known = fields.filter_map(|key| Some(format!("\"{key}\":{}", chunk.get(key)?.raw())));
            self.head = known.collect::<Vec<_>>().join(",");
        }
        for choice in choices.items() {
            let index = number(choice.get("index"));
            let is_last = choice
                .get("finish_reason")
                .is_some_and(|reason| reason.kind() == Kind::String);
            let mut met = Vec::new();
            for (key, value) in choice.get("delta").into_iter().flat_map(|delta| delta.entries()) {
                let field = key.as_str().unwrap_or_default();
                match (field.as_ref(), value.kind()) {
                    ("role", _) => {}
                    ("tool_calls", Kind::Array) => {
                        self.flush(
                            |lane| lane.index == index && matches!(lane.field, Field::Text(_)),
                            out,
                        );
                        for call in value.items() {
                            let tool = number(call.get("index"));
                            if let Some(function) = call.get("function") {
                                let lane = Lane {
                                    index,
                                    field: Field::Tool(tool),
                                };
                                self.function(lane, tool, function, is_last, edits, &mut met);
                            }
                        }
                    }
                    ("function_call", Kind::Object) => {
                        let lane = Lane {
                            index,
                            field: Field::Function,
                        };
                        self.function(lane, u64::MAX, value, is_last, edits, &mut met);
                    }
                    (name, Kind::String) if self.restoration.config.text => {
                        let lane = Lane {
                            index,
                            field: Field::Text(name.to_owned()),
                        };
                        let syntax = self.restoration.text_syntax();
                        self.piece(lane, value, syntax, is_last, edits, &mut met);
                    }
                    _ => self.restoration.walk(value, edits),
                }
            }
            if is_last {
                self.flush(|lane| lane.index == index && !met.contains(lane), out);
            }
        }
    }

    fn function(
        &mut self,
        lane: Lane,
        tool: u64,
        function: Value<'_>,
        is_last: bool,
        edits: &mut Vec<Edit>,
        met: &mut Vec<Lane>,
    ) {
        if let Some(name) = function.get("name").filter(|name| name.kind() == Kind::String) {
            let known = self.restoration.tool_name(name);
            if self.tools.len() < MAX_LANES {
                self.tools.insert((lane.index, tool), known);
            }
            self.restoration.walk(name, edits);
        }
        let name = self.tools.get(&(lane.index, tool)).and_then(Option::as_deref);
        if self.restoration.allows_tool(name)
            && let Some(arguments) = function.get("arguments").filter(|a| a.kind() == Kind::String)
        {
            self.piece(lane, arguments, Syntax::Json, is_last, edits, met);
        }
    }

    fn anthropic(&mut self, event: Value<'_>, edits: &mut Vec<Edit>, out: &mut Vec<u8>) {
        let index = number(event.get("index"));
        match event.get_str("type").as_deref() {
            Some("content_block_start") => {
                let block = event.get("content_block");
                let kind = block.and_then(|b| b.get_str("type"));
                if let Some(name) = block.and_then(|b| b.get("name"))
                    && self.tools.len() < MAX_LANES
                {
                    let known = self.restoration.tool_name(name);
                    self.tools.insert((index, index), known);
                }
                match (kind.as_deref(), block.and_then(|b| b.get("text"))) {
                    (Some("text"), Some(text)) if self.restoration.config.text => {
                        let lane = Lane {
                            index,
                            field: Field::Text("text".to_owned()),
                        };
                        let syntax = self.restoration.text_syntax();
                        self.piece(lane, text, syntax, false, edits, &mut Vec::new());
                    }
                    _ => self.restoration.walk(event, edits),
                }
            }
            Some("content_block_delta") => {
                let Some(delta) = event.get("delta") else { return };
                match delta.get_str("type").as_deref() {
                    Some("text_delta") if self.restoration.config.text => {
                        if let Some(text) = delta.get("text") {
                            let lane = Lane {
                                index,
                                field: Field::Text("text".to_owned()),
                            };
                            let syntax = self.restoration.text_syntax();
                            self.piece(lane, text, syntax, false, edits, &mut Vec::new());
                        }
                    }
                    Some("input_json_delta") => {
                        let name = self.tools.get(&(index, index)).and_then(Option::as_deref);
                        if self.restoration.allows_tool(name)
                            && let Some(json) = delta.get("partial_json")
                        {
                            let lane = Lane {
                                index,
                                field: Field::Tool(index),
                            };
                            self.piece(lane, json, Syntax::Json, false, edits, &mut Vec::new());
                        }
                    }
                    Some("thinking_delta" | "signature_delta" | "text_delta") => {}
                    _ => self.restoration.walk(delta, edits),
                }
            }
            Some("content_block_stop") => self.flush(|lane| lane.index == index, out),
            Some("message_stop") => self.flush(|_| true, out),
            _ => self.restoration.walk(event, edits),
        }
    }

    /// Runs one piece of a text through its restorer; changes the piece in place.
    fn piece(
        &mut self,
        lane: Lane,
        value: Value<'_>,
        syntax: Syntax,
        is_last: bool,
        edits: &mut Vec<Edit>,
        met: &mut Vec<Lane>,
    ) {
        let Some(text) = value.as_str().filter(|text| !text.is_empty()) else {
            return;
        };
        if self.lanes.len() >= MAX_LANES && !self.lanes.contains_key(&lane) {
            return;
        }
        let restorer = self
            .lanes
            .entry(lane.clone())
            .or_insert_with(|| self.restoration.restorer(syntax));
        let mut restored = String::with_capacity(text.len() + 16);
        restorer.push(&text, &mut restored);
        if is_last {
            restorer.finish(&mut restored);
        }
        if restored != text {
            edits.push(Edit::new(value.range(), quoted(&restored)));
        }
        met.push(lane);
    }

    /// Ends the texts that `ends` names; what they held back becomes an event of its own.
    fn flush(&mut self, ends: impl Fn(&Lane) -> bool, out: &mut Vec<u8>) {
        for (lane, restorer) in self
            .lanes
            .iter_mut()
            .filter(|(lane, r)| r.is_holding() && ends(lane))
        {
            let mut text = String::new();
            restorer.finish(&mut text);
            let text = quoted(&text);
            let index = lane.index;
            let event = match (self.restoration.surface, &lane.field) {
                (_, Field::Typed(kind, part)) => {
                    let item = self.items.get(&index);
                    responses::delta(kind, index, part, item, &text, &mut self.numbers)
                }
                (SurfaceKind::AnthropicMessages, Field::Text(_)) => {
                    block_delta(index, "text_delta", "text", &text)
                }
                (SurfaceKind::AnthropicMessages, Field::Tool(_) | Field::Function) => {
                    block_delta(index, "input_json_delta", "partial_json", &text)
                }
                (_, Field::Text(name)) => chunk(&self.head, index, &format!("{}:{text}", quoted(name))),
                (_, Field::Tool(tool)) => {
                    let delta = format!(
                        "\"tool_calls\":[{{\"index\":{tool},\"function\":{{\"arguments\":{text}}}}}]"
                    );
                    chunk(&self.head, index, &delta)
                }
                (_, Field::Function) => chunk(
                    &self.head,
                    index,
                    &format!("\"function_call\":{{\"arguments\":{text}}}"),
                ),
            };
            out.extend_from_slice(event.as_bytes());
        }
    }
}

/// An event of our own that adds to a content block of Anthropic's; `text` is a JSON string.
fn block_delta(index: u64, kind: &str, key: &str, text: &str) -> String {
    format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"{kind}\",\"{key}\":{text}}}}}\n\n"
    )
}

/// A chunk of our own of an OpenAI chat; `delta` is the inside of an object.
fn chunk(head: &str, index: u64, delta: &str) -> String {
    let comma = if head.is_empty() { "" } else { "," };
    format!(
        "data: {{{head}{comma}\"choices\":[{{\"index\":{index},\"delta\":{{{delta}}},\"finish_reason\":null}}]}}\n\n"
    )
}

fn number(value: Option<Value<'_>>) -> u64 {
    value.and_then(|v| v.raw().parse().ok()).unwrap_or_default()
}
