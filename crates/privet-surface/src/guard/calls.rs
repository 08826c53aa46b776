//! Tool calls that arrive in pieces: held back until they are whole, then judged.

mod typed;

pub(super) use self::typed::{DEEDS, call_of};

use std::collections::BTreeMap;

use privet_types::SurfaceKind;

use super::GuardError;
use super::leaves::number;
use super::watch::{Halt, LONGEST_CALL, Watch};
use crate::json::{Kind, Value};
use crate::reply::quoted;

/// Calls that are under way at once.
const MOST_OPEN: usize = 256;
/// The place of OpenAI's older `function_call`, of which there is one in a choice.
const FUNCTION: u64 = u64::MAX;

/// What becomes of the event at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// A call is under way: it is held back.
    Hold,
    /// None is.
    Go,
}

/// The calls of one stream that are under way.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// By choice, item or block; then by the call's number there; then by how often that number was given anew.
    open: BTreeMap<(u64, u64, u64), Call>,
}

#[derive(Debug, Default)]
struct Call {
    id: String,
    name: String,
    /// Whether the tool takes plain text.
    is_text: bool,
    /// As it came in pieces.
    pieces: String,
    /// As it came as a whole.
    whole: Option<String>,
}

impl Call {
    fn add(&mut self, piece: &str) -> Result<(), GuardError> {
        if self.pieces.len() + piece.len() > LONGEST_CALL {
            return Err(GuardError::CallTooLarge);
        }
        self.pieces.push_str(piece);
        Ok(())
    }

    /// All readings of its arguments: one, if the provider is of one mind.
    fn arguments(&self) -> Vec<String> {
        let pieces = Some(&self.pieces).filter(|pieces| !pieces.is_empty());
        let pieces = pieces.map(|text| if self.is_text { quoted(text) } else { text.clone() });
        let whole = self.whole.clone().filter(|whole| Some(whole) != pieces.as_ref());
        let mut all: Vec<String> = pieces.into_iter().chain(whole).collect();
        if all.is_empty() {
            all.push("{}".to_owned());
        }
        all
    }
}

impl Calls {
    fn turn(&self) -> Turn {
        if self.open.is_empty() {
            Turn::Go
        } else {
            Turn::Hold
        }
    }

    fn open(&mut self, key: (u64, u64, u64)) -> Result<&mut Call, GuardError> {
        if self.open.len() >= MOST_OPEN && !self.open.contains_key(&key) {
            return Err(GuardError::CallTooLarge);
        }
        Ok(self.open.entry(key).or_default())
    }

    /// Looks for calls in the event at hand, and judges those that are whole with it.
    pub(super) fn take(
        &mut self,
        surface: SurfaceKind,
        event: Value<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Turn, Halt> {
        match surface {
            SurfaceKind::AnthropicMessages => self.messages(event, watch)?,
            SurfaceKind::OpenaiResponses => self.typed(event, watch)?,
            _ => self.chat(event, watch)?,
        }
        Ok(self.turn())
    }

    /// Nothing more of the calls under way comes: judges them as they are.
    pub(super) fn end(&mut self, watch: &mut Watch<'_>) -> Result<(), Halt> {
        self.judge(|_| true, watch)
    }

    fn judge(&mut self, is_whole: impl Fn(u64) -> bool, watch: &mut Watch<'_>) -> Result<(), Halt> {
        let (whole, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|((index, ..), _)| is_whole(*index));
        self.open = open;
        let whole: BTreeMap<_, Call> = whole;
        for call in whole.values() {
            for arguments in call.arguments() {
                watch.call_to_repeat(&call.name, &arguments)?;
            }
        }
        Ok(())
    }

    fn chat(&mut self, chunk: Value<'_>, watch: &mut Watch<'_>) -> Result<(), Halt> {
        for choice in chunk
            .get("choices")
            .into_iter()
            .flat_map(|choices| choices.items())
        {
            let index = number(choice.get("index"));
            if let Some(delta) = choice.get("delta") {
                for call in delta
                    .get("tool_calls")
                    .into_iter()
                    .flat_map(|calls| calls.items())
                {
                    self.chat_piece(index, call)?;
                }
                if let Some(function) = delta.get("function_call").filter(|f| f.kind() == Kind::Object) {
                    self.function(self.last(index, FUNCTION), function)?;
                }
            }
            let is_last = choice
                .get("finish_reason")
                .is_some_and(|reason| reason.kind() == Kind::String);
            if is_last {
                self.judge(|of| of == index, watch)?;
            }
        }
        Ok(())
    }

    /// The key of the call that has come last under this number.
    fn last(&self, index: u64, at: u64) -> (u64, u64, u64) {
        let of_number = (index, at, 0)..=(index, at, u64::MAX);
        let last = self.open.range(of_number).next_back();
        last.map_or((index, at, 0), |(key, _)| *key)
    }

    fn chat_piece(&mut self, index: u64, call: Value<'_>) -> Result<(), GuardError> {
        let at = number(call.get("index"));
        let mut key = self.last(index, at);
        let id = call.get_str("id").unwrap_or_default();
        // Some providers number all calls alike and tell them apart by their ids.
        if let Some(known) = self.open.get(&key)
            && !known.id.is_empty()
            && !id.is_empty()
            && known.id != id
        {
            key.2 += 1;
        }
        let known = self.open(key)?;
        if known.id.is_empty() {
            known.id = id.into_owned();
        }
        match call.get("function").or_else(|| call.get("custom")) {
            Some(function) => self.function(key, function),
            None => Ok(()),
        }
    }

    fn function(&mut self, key: (u64, u64, u64), function: Value<'_>) -> Result<(), GuardError> {
        let call = self.open(key)?;
        // Clients put pieces of a name together; some providers send the whole of it with each.
        if let Some(name) = function.get_str("name").filter(|name| *name != call.name) {
            call.name.push_str(&name);
        }
        if let Some(input) = function.get_str("input") {
            call.is_text = true;
            call.add(&input)?;
        }
        match function.get("arguments") {
            Some(arguments) if arguments.kind() == Kind::String => {
                call.add(&arguments.as_str().unwrap_or_default())
            }
            Some(arguments) if arguments.raw() != "null" => call.add(arguments.raw()),
            _ => Ok(()),
        }
    }

    fn messages(&mut self, event: Value<'_>, watch: &mut Watch<'_>) -> Result<(), Halt> {
        let index = number(event.get("index"));
        match event.get_str("type").as_deref() {
            Some("content_block_start") => {
                let Some(block) = event.get("content_block") else {
                    return Ok(());
                };
                if block
                    .get_str("type")
                    .is_some_and(|kind| kind.ends_with("tool_use"))
                {
                    let input = block.get("input").map(|input| input.raw().to_owned());
                    let name = block.get_str("name").unwrap_or_default();
                    // A block that begins anew is another call.
                    self.judge(|of| of == index, watch)?;
                    let call = self.open((index, 0, 0))?;
                    call.name = name.into_owned();
                    call.whole = input;
                }
            }
            Some("content_block_delta") => {
                let json = event.get("delta").and_then(|delta| delta.get_str("partial_json"));
                if let Some((json, call)) = json.zip(self.open.get_mut(&(index, 0, 0))) {
                    call.add(&json)?;
                }
            }
            Some("content_block_stop") => {
                if let Some(call) = self.open.get_mut(&(index, 0, 0)) {
                    // A block begins with an empty object, and its pieces come then.
                    let is_empty = call.whole.as_deref().is_none_or(|whole| whole.trim() == "{}");
                    if is_empty && !call.pieces.is_empty() {
                        call.whole = None;
                    }
                }
                self.judge(|of| of == index, watch)?;
            }
            Some("message_delta" | "message_stop" | "error") => self.end(watch)?,
            _ => {}
        }
        Ok(())
    }
}
