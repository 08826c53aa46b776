//! What was said in a request, by whom, in the order in which the model reads it.

mod chat;
mod mcp;
mod messages;
mod responses;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use privet_types::{Channel, SurfaceKind};

use crate::dialect::{self, Class, Step};
use crate::json::{Kind, Value};
use crate::mask::Request;
use crate::reply::quoted;
use crate::splice::{Edit, splice};

/// Something that was said in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<'t> {
    /// A text, by who said it.
    Text(SaidText<'t>),
    /// A tool call that the model made earlier.
    Call {
        /// The tool's name.
        name: Cow<'t, str>,
        /// Its arguments as JSON text; those of a tool that takes plain text are a JSON string.
        arguments: Cow<'t, str>,
    },
}

/// A text of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidText<'t> {
    /// Who said it.
    pub channel: Channel,
    /// The tool whose result it is, where the request says so.
    pub tool: Option<Cow<'t, str>>,
    /// What was said.
    pub text: Cow<'t, str>,
    /// The JSON string in the body, quotes included.
    pub range: Range<usize>,
}

impl Request<'_> {
    /// All that was said, in the order in which the model reads it: what the system says first, then the messages.
    ///
    /// Of a message every string is a text, but roles, types and ids, and what the provider has signed or encrypted. So are its
    /// keys that are no plain words, and what was written for a model beside the messages: texts to embed, documents, a stored
    /// prompt's variables. Base64 and URLs of pictures, sound and files are left out, and so are definitions of tools. O(n) for n bytes.
    #[must_use]
    pub fn said(&self) -> Vec<Said<'_>> {
        let mut walk = Walk {
            surface: self.surface,
            path: Vec::new(),
            tools: BTreeMap::new(),
            said: Vec::new(),
        };
        let root = self.document.root();
        match self.surface {
            SurfaceKind::AnthropicMessages => walk.messages_body(root),
            SurfaceKind::OpenaiResponses => walk.responses_body(root),
            SurfaceKind::OpenaiEmbeddings => {
                walk.under(root, "input", |walk, input| {
                    walk.leaves(input, &Voice::of(Channel::Document));
                });
            }
            SurfaceKind::Mcp => walk.mcp_body(root),
            _ => walk.chat_body(root),
        }
        walk.said
    }

    /// The body with texts in the place of strings; each range is that of a [`SaidText`] of this request.
    #[must_use]
    pub fn with_texts(&self, texts: &[(Range<usize>, String)]) -> Vec<u8> {
        let mut edits: Vec<Edit> = texts
            .iter()
            .map(|(range, text)| Edit::beside(range.clone(), quoted(text)))
            .collect();
        edits.sort_by_key(|edit| edit.range.start);
        edits.dedup_by(|later, earlier| later.range.start < earlier.range.end);
        splice(self.body, &edits)
    }
}

/// Who speaks.
#[derive(Debug, Clone)]
struct Voice<'r> {
    channel: Channel,
    tool: Option<Cow<'r, str>>,
}

impl<'r> Voice<'r> {
    const fn of(channel: Channel) -> Self {
        Self { channel, tool: None }
    }

    const fn of_tool(tool: Option<Cow<'r, str>>) -> Self {
        Self {
            channel: Channel::Tool,
            tool,
        }
    }

    /// By a message's role. What has a role that nobody knows belongs to no channel of its own.
    fn of_role(role: Option<&str>) -> Self {
        Self::of(match role {
            Some("system" | "developer") => Channel::System,
            Some("user") => Channel::User,
            Some("assistant") => Channel::Assistant,
            Some("tool" | "function") => Channel::Tool,
            _ => Channel::Document,
        })
    }
}

struct Walk<'r> {
    surface: SurfaceKind,
    path: Vec<Step<'r>>,
    /// The names of tools by the ids of their calls.
    tools: BTreeMap<String, Cow<'r, str>>,
    said: Vec<Said<'r>>,
}

impl<'r> Walk<'r> {
    /// Goes into `object` by `key`, if it has it.
    fn under(&mut self, object: Value<'r>, key: &str, inside: impl FnOnce(&mut Self, Value<'r>)) {
        let entry = object
            .entries()
            .find(|(k, _)| k.as_str().is_some_and(|k| k == key));
        if let Some((key, value)) = entry {
            self.path.push(Step::Key(key.as_str().unwrap_or_default()));
            inside(self, value);
            self.path.pop();
        }
    }

    /// Goes into each entry of `object`.
    fn each_entry(&mut self, object: Value<'r>, mut inside: impl FnMut(&mut Self, &str, Value<'r>)) {
        for (key, value) in object.entries() {
            let name = key.as_str().unwrap_or_default();
            self.path.push(Step::Key(name.clone()));
            inside(self, &name, value);
            self.path.pop();
        }
    }

    /// Goes into each item of `array`.
    fn each_item(&mut self, array: Value<'r>, mut inside: impl FnMut(&mut Self, Value<'r>)) {
        for (index, item) in array.items().enumerate() {
            self.path.push(Step::Item(index));
            inside(self, item);
            self.path.pop();
        }
    }

    /// Notes a call, and whose result comes back under its id.
    fn call(&mut self, id: Option<Cow<'r, str>>, name: Cow<'r, str>, arguments: Cow<'r, str>) {
        if let Some(id) = id {
            self.tools.insert(id.into_owned(), name.clone());
        }
        self.said.push(Said::Call { name, arguments });
    }

    /// Whose result it is that came for the call with this id.
    fn tool_of(&self, id: Option<Cow<'r, str>>) -> Option<Cow<'r, str>> {
        self.tools.get(id?.as_ref()).cloned()
    }

    /// All strings in `value`.
    fn leaves(&mut self, value: Value<'r>, voice: &Voice<'r>) {
        self.walk(value, voice, false);
    }

    fn walk(&mut self, value: Value<'r>, voice: &Voice<'r>, is_content: bool) {
        match value.kind() {
            Kind::Object => {
                let class = dialect::classify_part(self.surface, &self.path, value);
                if class == Some(Class::Sealed) {
                    return;
                }
                let is_opaque = matches!(class, Some(Class::Opaque(_)));
                for (key, value) in value.entries() {
                    self.key(key, voice);
                    let name = key.as_str().unwrap_or_default();
                    let is_content =
                        is_content || (is_opaque && dialect::is_opaque_field(self.surface, &name));
                    self.path.push(Step::Key(name));
                    self.walk(value, voice, is_content);
                    self.path.pop();
                }
            }
            Kind::Array => {
                for (index, item) in value.items().enumerate() {
                    self.path.push(Step::Item(index));
                    self.walk(item, voice, is_content);
                    self.path.pop();
                }
            }
            Kind::String => self.string(value, voice, is_content),
            Kind::Number | Kind::Literal => {}
        }
    }

    /// A key that could be read as a text is one.
    fn key(&mut self, key: Value<'r>, voice: &Voice<'r>) {
        let text = key.as_str().unwrap_or_default();
        if text.len() > LONGEST_KEY || !dialect::is_token(&text) {
            self.say(key, text, voice);
        }
    }

    /// A string; `is_content` where it may be the content of a picture, sound or file.
    fn string(&mut self, value: Value<'r>, voice: &Voice<'r>, is_content: bool) {
        let text = value.as_str().unwrap_or_default();
        let is_type = matches!(self.path.last(), Some(Step::Key(key)) if key == "type");
        let is_left_out = match dialect::classify(self.surface, &self.path) {
            Class::Structural => dialect::is_token(&text),
            Class::Sealed => true,
            _ => {
                dialect::is_sealed_field(self.surface, &self.path, &text)
                    // Parts of parts have types as well.
                    || (is_type && text.len() <= LONGEST_TYPE && dialect::is_token(&text))
                    || (is_content && text.bytes().all(|b| b.is_ascii_graphic()))
            }
        };
        if !is_left_out {
            self.say(value, text, voice);
        }
    }

    fn say(&mut self, value: Value<'r>, text: Cow<'r, str>, voice: &Voice<'r>) {
        if !text.is_empty() {
            self.said.push(Said::Text(SaidText {
                channel: voice.channel,
                tool: voice.tool.clone(),
                text,
                range: value.range(),
            }));
        }
    }
}

/// Longest key that is taken for a field's name.
const LONGEST_KEY: usize = 64;
/// Longest name of a type, such as `web_search_tool_result_error`.
const LONGEST_TYPE: usize = 40;

/// Arguments of a call as JSON text: those that come as a string hold it.
fn arguments_of(value: Option<Value<'_>>) -> Cow<'_, str> {
    value.map_or(Cow::Borrowed("{}"), |value| {
        value.as_str().unwrap_or(Cow::Borrowed(value.raw()))
    })
}

/// The same where a string is the plain text that a tool takes.
fn input_of(value: Option<Value<'_>>) -> Cow<'_, str> {
    Cow::Borrowed(value.map_or("{}", |value| value.raw()))
}
