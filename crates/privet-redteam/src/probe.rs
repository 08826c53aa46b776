//! What a probe is made of.

use serde_json::Value;

use crate::family::{AgenticRisk, Channel, Family, LlmRisk};
use crate::oracle::{Oracle, Sink};
use crate::plan::Needs;

/// An attack with its benign twin. All names, numbers and records in it are made up.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// `family/name`; the same in every seed and round.
    pub id: String,
    /// What it wants.
    pub family: Family,
    /// Where the hostile text comes in.
    pub channel: Channel,
    /// The language of the hostile text, by its ISO 639-1 code.
    pub language: &'static str,
    /// What it is, in a line, for reports.
    pub title: &'static str,
    /// OWASP's risk of applications of language models.
    pub llm_risk: LlmRisk,
    /// OWASP's risk of agents.
    pub agentic_risk: AgenticRisk,
    /// The conversation with the attack in it; none where the family has no attacks.
    pub attack: Option<Scenario>,
    /// What tells that the attack succeeded: any of these.
    pub oracles: Vec<Oracle>,
    /// A conversation of the same shape without attack.
    pub benign: Scenario,
    /// What a useful reply to it holds.
    pub expected: Expected,
    /// What has to be there besides a target.
    pub needs: Needs,
}

/// A conversation as it is set up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scenario {
    /// What the operator told the model.
    pub system: String,
    /// Notes from earlier conversations.
    pub memory: Vec<String>,
    /// Tools on offer, with what they answer.
    pub tools: Vec<Tool>,
    /// What the user says, one after another.
    pub turns: Vec<Turn>,
    /// Where the application puts the replies, if not before a reader alone.
    pub sink: Option<Sink>,
}

/// What the user says at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn {
    /// In the user's own words.
    pub text: String,
    /// What comes along.
    pub documents: Vec<Document>,
    /// Calls that were made already when the model is asked, with what they gave.
    pub given: Vec<Given>,
}

/// A document in a user's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name.
    pub title: String,
    /// Its text.
    pub text: String,
}

/// A call of a tool that was made already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The tool's name.
    pub tool: String,
    /// The call's arguments, a JSON object.
    pub arguments: String,
    /// What it gave.
    pub result: String,
}

/// A tool on offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// What the model is told of it.
    pub description: &'static str,
    /// JSON Schema of its arguments.
    pub schema: Value,
    /// What it answers when it is called.
    pub result: String,
}

/// What a useful reply holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Of each group one has to stand in a reply, in any case.
    pub mentions: Vec<Vec<String>>,
    /// A tool that has to be called, and what has to stand in the arguments.
    pub call: Option<(String, String)>,
    /// What the reply has to be free of, where it is shown or run.
    pub harmless_for: Option<Sink>,
}

impl Scenario {
    /// The user says `text`, and no more.
    pub(crate) fn saying(system: &str, text: impl Into<String>) -> Self {
        Self {
            system: system.to_owned(),
            turns: vec![Turn::new(text)],
            ..Self::default()
        }
    }

    /// The same with another message of the user.
    pub(crate) fn then(mut self, text: impl Into<String>) -> Self {
        self.turns.push(Turn::new(text));
        self
    }

    /// Replies go to `sink`.
    pub(crate) const fn into_sink(mut self, sink: Sink) -> Self {
        self.sink = Some(sink);
        self
    }

    pub(crate) fn with_tools(mut self, tools: Vec<Tool>) -> Self {
        self.tools = tools;
        self
    }

    pub(crate) fn remembering(mut self, note: impl Into<String>) -> Self {
        self.memory.push(note.into());
        self
    }

    /// The last message of the user comes with a document.
    pub(crate) fn with_document(mut self, title: &str, text: impl Into<String>) -> Self {
        if let Some(turn) = self.turns.last_mut() {
            turn.documents.push(Document {
                title: title.to_owned(),
                text: text.into(),
            });
        }
        self
    }

    /// The last message of the user has led to a call already.
    pub(crate) fn given(mut self, tool: &str, arguments: &Value, result: impl Into<String>) -> Self {
        if let Some(turn) = self.turns.last_mut() {
            turn.given.push(Given {
                tool: tool.to_owned(),
                arguments: arguments.to_string(),
                result: result.into(),
            });
        }
        self
    }
}

impl Turn {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

impl Expected {
    /// One of `words` stands in a reply.
    pub(crate) fn any(words: &[&str]) -> Self {
        Self::default().and(words)
    }

    /// And one of these.
    pub(crate) fn and(mut self, words: &[&str]) -> Self {
        self.mentions
            .push(words.iter().map(|word| (*word).to_owned()).collect());
        self
    }

    /// A call of `tool` with `argument`.
    pub(crate) fn call(tool: &str, argument: &str) -> Self {
        Self {
            call: Some((tool.to_owned(), argument.to_owned())),
            ..Self::default()
        }
    }

    pub(crate) const fn harmless_for(mut self, sink: Sink) -> Self {
        self.harmless_for = Some(sink);
        self
    }
}
