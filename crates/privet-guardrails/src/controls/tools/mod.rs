//! What a model may have done: which tools for which role, with which arguments, from where, how often, and not on a stranger's word.

mod config;
mod json;
mod manifest;
mod provenance;
mod schema;

use std::collections::BTreeMap;

use privet_types::{Budget, Channel, RoleName, Span};
use serde_json::Value;

pub use config::{Tool, ToolsConfig};
pub(in crate::controls) use json::strict_json;
pub use manifest::{ManifestConfig, ManifestPins, manifest};
use provenance::{Trusted, selected};
pub use schema::{Schema, SchemaFault};

use super::{Action, Control, Error, Hit};

/// Different calls that a conversation's counts remember.
const MOST_CALLS: usize = 4096;

/// The rules about tools, as checked. Made once from a [`ToolsConfig`], then shared.
#[derive(Debug)]
pub struct Tools {
    config: ToolsConfig,
    /// As `config.allow`.
    schemas: Vec<Option<Schema>>,
}

/// What is known of one conversation: what was said by whom, and what was called.
#[derive(Debug, Clone, Default)]
pub struct ToolSession {
    trusted: Trusted,
    is_tainted: bool,
    calls: u32,
    by_tool: BTreeMap<String, u32>,
    by_call: BTreeMap<(String, String), u32>,
}

/// A call that a model asks for.
#[derive(Debug, Clone, Copy)]
pub struct ToolCall<'a> {
    /// The tool's name.
    pub name: &'a str,
    /// Its arguments, as JSON.
    pub arguments: &'a str,
    /// Whether somebody has approved this very call.
    pub is_approved: bool,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judgement {
    /// What was found.
    pub hits: Vec<Hit>,
    /// Where the arguments did not fit their schema.
    pub fault: Option<SchemaFault>,
}

impl Judgement {
    /// What becomes of the call.
    #[must_use]
    pub fn action(&self) -> Action {
        self.hits.iter().map(|hit| hit.action).max().unwrap_or_default()
    }

    fn hit(&mut self, control: Control, rule: &'static str, action: Action) {
        if action != Action::Allow {
            self.hits.push(Hit::new(control, rule, Span::new(0, 0), action));
        }
    }
}

impl ToolSession {
    /// Notes what was said on `channel`. What the system and the user said is trusted; what a model said counts for neither; all else is
    /// somebody else's, and taints the conversation.
    ///
    /// # Errors
    /// [`Error::Budget`].
    pub fn said(&mut self, channel: Channel, text: &str, budget: &Budget) -> Result<(), Error> {
        match channel {
            Channel::System | Channel::User => self.trusted.add(text, budget)?,
            Channel::Assistant => {}
            Channel::Tool | Channel::Document => self.is_tainted |= !text.trim().is_empty(),
        }
        Ok(())
    }

    /// Notes what the tool `name` returned. It taints the conversation, unless the tool is a trusted one.
    ///
    /// # Errors
    /// [`Error::Budget`].
    pub fn returned(
        &mut self,
        tools: &Tools,
        role: &[RoleName],
        name: &str,
        text: &str,
        budget: &Budget,
    ) -> Result<(), Error> {
        if tools.find(name, role).is_some_and(|(tool, _)| tool.is_trusted) {
            self.trusted.add(text, budget)
        } else {
            self.said(Channel::Tool, text, budget)
        }
    }

    /// Whether something untrusted was said.
    #[must_use]
    pub const fn is_tainted(&self) -> bool {
        self.is_tainted
    }
}

impl Tools {
    /// # Errors
    /// [`Error::Config`] if a name, schema or pointer is none.
    pub fn new(config: &ToolsConfig) -> Result<Self, Error> {
        let mut schemas = Vec::new();
        for (index, tool) in config.allow.iter().enumerate() {
            let key = |key: &str| format!("allow {} {key}", index + 1);
            let stem = tool.name.strip_suffix('*').unwrap_or(&tool.name);
            if tool.name.is_empty() || stem.contains('*') {
                let problem = "use a tool's name; a `*` may stand at the end only";
                return Err(Error::config(Control::Tools, key("name"), problem));
            }
            if tool.roles.iter().any(|role| role.parse::<RoleName>().is_err()) {
                return Err(Error::config(Control::Tools, key("roles"), "use names of roles"));
            }
            if !tool
                .from_trusted
                .iter()
                .all(|pointer| pointer.is_empty() || pointer.starts_with('/'))
            {
                return Err(Error::config(
                    Control::Tools,
                    key("from_trusted"),
                    "use JSON Pointers: `/to`",
                ));
            }
            schemas.push(tool.arguments.as_ref().map(Schema::new).transpose()?);
        }
        Ok(Self {
            config: config.clone(),
            schemas,
        })
    }

    /// As written.
    pub(crate) const fn config(&self) -> &ToolsConfig {
        &self.config
    }

    fn find(&self, name: &str, roles: &[RoleName]) -> Option<(&Tool, Option<&Schema>)> {
        let all = self.config.allow.iter().zip(&self.schemas);
        let mut fitting = all.filter(|(tool, _)| is_called(tool, name) && is_for(tool, roles));
        fitting.next().map(|(tool, schema)| (tool, schema.as_ref()))
    }

    /// What becomes of `call`, asked for by a model that works for somebody with `roles`. It is counted in `session` unless it is blocked.
    ///
    /// Provenance and taint ask for somebody's approval; a call that has it is judged without them.
    ///
    /// # Errors
    /// [`Error::Budget`]; the call must not be made then.
    pub fn judge(
        &self,
        session: &mut ToolSession,
        roles: &[RoleName],
        call: ToolCall<'_>,
        budget: &Budget,
    ) -> Result<Judgement, Error> {
        let mut judgement = Judgement::default();
        let action = self.config.action;
        let Some((tool, schema)) = self.find(call.name, roles) else {
            let is_listed = self.config.allow.iter().any(|tool| is_called(tool, call.name));
            let rule = if is_listed { "tools/role" } else { "tools/unknown" };
            judgement.hit(Control::Tools, rule, action);
            return Ok(judgement);
        };
        budget.charge(4 * call.arguments.len() as u64)?;
        let Some(arguments) = strict_json(call.arguments).filter(Value::is_object) else {
            judgement.hit(Control::Tools, "tools/json", action);
            return Ok(judgement);
        };
        if let Some(schema) = schema {
            judgement.fault = schema.check(&arguments, budget)?;
            if judgement.fault.is_some() {
                judgement.hit(Control::Tools, "tools/arguments", action);
            }
        }
        let same = (call.name.to_owned(), arguments.to_string());
        let used = session.by_tool.get(call.name).copied().unwrap_or_default();
        let repeated = session.by_call.get(&same).copied().unwrap_or_default();
        if session.calls >= self.config.calls || tool.calls.is_some_and(|most| used >= most) {
            judgement.hit(Control::Tools, "tools/calls", action);
        } else if repeated >= self.config.repeats || session.by_call.len() >= MOST_CALLS {
            judgement.hit(Control::Tools, "tools/repeats", action);
        }
        if !call.is_approved {
            let is_from_elsewhere = |value: &Value| -> Result<bool, Error> {
                Ok(!is_known(tool, value) && !session.trusted.holds(value, budget)?)
            };
            let mut strangers = 0;
            for value in tool
                .from_trusted
                .iter()
                .flat_map(|pointer| selected(&arguments, pointer))
            {
                strangers += u32::from(is_from_elsewhere(value)?);
            }
            if strangers > 0 {
                judgement.hit(Control::Provenance, "provenance/argument", self.config.provenance);
            }
            if session.is_tainted && tool.side_effect {
                judgement.hit(Control::Taint, "taint/side_effect", self.config.taint);
            }
        }
        if judgement.action() != Action::Block {
            session.calls = session.calls.saturating_add(1);
            *session.by_tool.entry(same.0.clone()).or_default() += 1;
            *session.by_call.entry(same).or_default() += 1;
        }
        Ok(judgement)
    }
}

fn is_called(tool: &Tool, name: &str) -> bool {
    match tool.name.strip_suffix('*') {
        Some(stem) => name.starts_with(stem),
        None => tool.name == name,
    }
}

fn is_for(tool: &Tool, roles: &[RoleName]) -> bool {
    tool.roles.is_empty()
        || roles
            .iter()
            .any(|role| tool.roles.iter().any(|name| name == role.as_str()))
}

fn is_known(tool: &Tool, value: &Value) -> bool {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    tool.known.contains(&text)
}
