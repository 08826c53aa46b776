//! Restoring a whole reply: surrogates become values again where the policy lets them.

use std::sync::Arc;

use privet_pii::{Pair, Restorer, SurrogateMap, Syntax, UrlAllow, escape_into};
use privet_types::{Budget, SurfaceKind};

use crate::RestoreConfig;
use crate::dialect::is_sealed_name;
use crate::json::{Document, JsonError, Kind, Value, looks_like_json};
use crate::splice::{Edit, splice};
use crate::sse::EventTooLarge;

/// Why a reply cannot be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The reply says it is JSON and is not.
    #[error("the provider's reply cannot be read: {0}")]
    Json(#[from] JsonError),
    /// A stream without ends of events.
    #[error("the provider's stream cannot be read: {0}")]
    Stream(#[from] EventTooLarge),
}

/// How the reply to one request is restored. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Restoration {
    pub(crate) surface: SurfaceKind,
    pub(crate) map: Arc<SurrogateMap>,
    pub(crate) config: Arc<RestoreConfig>,
    pub(crate) urls: Arc<UrlAllow>,
    pub(crate) is_json_reply: bool,
    /// Whether texts that came in pieces come again as a whole, and have to read the same.
    pub(crate) repeats_pieces: bool,
}

/// Where a text of the reply goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    Restored,
    Left,
}

impl Restoration {
    /// Restores by `map` what `config` and `urls` (its list of allowed URLs) let through.
    #[must_use]
    pub fn new(
        surface: SurfaceKind,
        map: Arc<SurrogateMap>,
        config: Arc<RestoreConfig>,
        urls: Arc<UrlAllow>,
    ) -> Self {
        Self {
            surface,
            map,
            config,
            urls,
            is_json_reply: false,
            repeats_pieces: false,
        }
    }

    /// The same for a request that asked for a JSON document as its reply's text.
    #[must_use]
    pub fn with_json_reply(self, is_json_reply: bool) -> Self {
        Self {
            is_json_reply,
            ..self
        }
    }

    /// What stands for what.
    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        self.map.pairs()
    }

    /// The same without what stood in the request as a tag only.
    pub fn made(&self) -> impl Iterator<Item = &Pair> {
        self.map.made()
    }

    /// Whether there is nothing to restore, so that the reply may pass unread.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// The JSON reply with values restored; none if nothing changes.
    ///
    /// # Errors
    /// [`RestoreError::Json`] if `body` is not JSON or the budget ends.
    pub fn json(&self, body: &[u8], budget: &Budget) -> Result<Option<Vec<u8>>, RestoreError> {
        if self.is_empty() {
            return Ok(None);
        }
        let document = Document::parse(body, budget)?;
        let mut edits = Vec::new();
        self.value(document.root(), self.text_sink(), &mut edits);
        Ok((!edits.is_empty()).then(|| splice(body, &edits)))
    }

    /// Plain text with values restored, as for an error page that is no JSON.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        if self.text_sink() == Sink::Left {
            text.to_owned()
        } else {
            self.run(text, Syntax::Text).0
        }
    }

    /// How the reply's text is written: where JSON was asked for, what is restored in it has to be escaped.
    pub(crate) fn text_syntax(&self) -> Syntax {
        if self.is_json_reply {
            Syntax::Json
        } else {
            Syntax::Text
        }
    }

    /// Whether arguments of calls to `tool` are restored.
    pub(crate) fn allows_tool(&self, tool: Option<&str>) -> bool {
        tool.and_then(|name| self.config.tools.get(name))
            .copied()
            .unwrap_or(self.config.tool_arguments)
    }

    pub(crate) fn restorer(&self, syntax: Syntax) -> Restorer {
        Restorer::new(Arc::clone(&self.map), Arc::clone(&self.urls), syntax)
    }

    fn text_sink(&self) -> Sink {
        if self.config.text {
            Sink::Restored
        } else {
            Sink::Left
        }
    }

    fn tool_sink(&self, tool: Option<&str>) -> Sink {
        if self.allows_tool(tool) {
            Sink::Restored
        } else {
            Sink::Left
        }
    }

    /// The name of a tool as the caller knows it.
    pub(crate) fn tool_name(&self, value: Value<'_>) -> Option<String> {
        let name = value.as_str()?;
        Some(if self.map.may_be_in(&name) {
            self.run(&name, Syntax::Text).0
        } else {
            name.into_owned()
        })
    }

    /// Edits that restore everything inside `value`.
    pub(crate) fn walk(&self, value: Value<'_>, edits: &mut Vec<Edit>) {
        self.value(value, self.text_sink(), edits);
    }

    fn value(&self, value: Value<'_>, sink: Sink, edits: &mut Vec<Edit>) {
        match value.kind() {
            Kind::Object => self.object(value, sink, edits),
            Kind::Array => value.items().for_each(|item| self.value(item, sink, edits)),
            Kind::String => self.string(value, Syntax::Text, sink, edits),
            Kind::Number if sink == Sink::Restored => {
                if let Some(number) = self.map.number(value.raw()) {
                    edits.push(Edit::new(value.range(), number.to_owned()));
                }
            }
            Kind::Number | Kind::Literal => {}
        }
    }

    /// Edits that restore all of `event` but what numbers it and names its place.
    pub(crate) fn walk_event(&self, event: Value<'_>, edits: &mut Vec<Edit>) {
        for (key, value) in event.entries() {
            let name = key.as_str().unwrap_or_default();
            if !matches!(name.as_ref(), "sequence_number" | "item_id" | "partial_image_b64") {
                self.walk(value, edits);
            }
        }
    }

    /// Edits that restore a text that came in pieces as its pieces were restored.
    pub(crate) fn repeated(&self, value: Value<'_>, syntax: Syntax, edits: &mut Vec<Edit>) {
        let Some(text) = value.as_str().filter(|text| self.map.may_be_in(text)) else {
            return;
        };
        let (restored, count) = self.run(&text, syntax);
        if count > 0 {
            edits.push(Edit::new(value.range(), quoted(&restored)));
        }
    }

    fn object(&self, object: Value<'_>, sink: Sink, edits: &mut Vec<Edit>) {
        let kind = object.get_str("type");
        let name = object.get("name").and_then(|name| self.tool_name(name));
        for (key, value) in object.entries() {
            let key_name = key.as_str().unwrap_or_default();
            match (kind.as_deref(), key_name.as_ref()) {
                // Signed by the provider: one changed byte and it refuses the next turn.
                (Some("thinking" | "redacted_thinking"), _) => {}
                (_, field) if is_sealed_name(field) => {}
                (Some("tool_use" | "server_tool_use" | "mcp_tool_use"), "input") => {
                    self.value(value, self.tool_sink(name.as_deref()), edits);
                }
                (Some("image_generation_call"), "result") => {}
                (Some(kind), field) if let Some(syntax) = self.piece(kind, field) => {
                    let tool = name.as_deref().or_else(|| kind.strip_suffix("_call"));
                    let is_restored = match kind.ends_with("_call") {
                        true => self.allows_tool(tool),
                        false => sink == Sink::Restored,
                    };
                    if is_restored {
                        self.repeated(value, syntax, edits);
                    }
                }
                (_, "arguments") if name.is_some() && value.kind() == Kind::String => {
                    self.string(value, Syntax::Json, self.tool_sink(name.as_deref()), edits);
                }
                (Some("custom_tool_call"), "input") => {
                    self.value(value, self.tool_sink(name.as_deref()), edits);
                }
                // What a tool of the provider's own, or of the client's, is to do.
                (Some(kind), "action" | "actions" | "operation" | "code" | "queries")
                    if let Some(tool) = kind.strip_suffix("_call") =>
                {
                    self.value(value, self.tool_sink(Some(tool)), edits);
                }
                _ => {
                    self.string(key, Syntax::Text, sink, edits);
                    self.value(value, sink, edits);
                }
            }
        }
    }

    /// How the text in `field` of an item or part of type `kind` is written, if it also came in pieces.
    fn piece(&self, kind: &str, field: &str) -> Option<Syntax> {
        if !self.repeats_pieces {
            return None;
        }
        match (kind, field) {
            ("output_text", "text") => Some(self.text_syntax()),
            ("summary_text" | "reasoning_text", "text") | ("refusal", "refusal") => Some(Syntax::Text),
            ("function_call" | "mcp_call", "arguments") => Some(Syntax::Json),
            ("custom_tool_call", "input") | ("code_interpreter_call", "code") => Some(Syntax::Text),
            _ => None,
        }
    }

    fn string(&self, value: Value<'_>, syntax: Syntax, sink: Sink, edits: &mut Vec<Edit>) {
        let Some(text) = value.as_str().filter(|_| sink == Sink::Restored) else {
            return;
        };
        if !self.map.may_be_in(&text) {
            return;
        }
        if let Some(restored) = self.inner(&text) {
            edits.push(Edit::new(value.range(), quoted(&restored)));
            return;
        }
        let (restored, count) = self.run(&text, syntax);
        if count > 0 {
            edits.push(Edit::new(value.range(), quoted(&restored)));
        }
    }

    /// A text that is itself a JSON document, restored leaf by leaf; none if it is not, or nothing changes.
    fn inner(&self, text: &str) -> Option<String> {
        let document =
            looks_like_json(text).then(|| Document::parse_str(text, &Budget::unlimited()).ok())??;
        let mut edits = Vec::new();
        self.leaves(document.root(), &mut edits);
        edits.sort_by_key(|e| e.range.start);
        let spliced = (!edits.is_empty()).then(|| splice(text.as_bytes(), &edits))?;
        String::from_utf8(spliced).ok()
    }

    fn leaves(&self, value: Value<'_>, edits: &mut Vec<Edit>) {
        match value.kind() {
            Kind::Object => {
                for (key, value) in value.entries() {
                    self.string(key, Syntax::Text, Sink::Restored, edits);
                    self.leaves(value, edits);
                }
            }
            Kind::Array => value.items().for_each(|item| self.leaves(item, edits)),
            Kind::String | Kind::Number => self.value(value, Sink::Restored, edits),
            Kind::Literal => {}
        }
    }

    fn run(&self, text: &str, syntax: Syntax) -> (String, u32) {
        let mut restorer = self.restorer(syntax);
        let mut out = String::with_capacity(text.len() + 16);
        restorer.push(text, &mut out);
        restorer.finish(&mut out);
        (out, restorer.restored())
    }
}

pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    escape_into(text, &mut out);
    out.push('"');
    out
}
