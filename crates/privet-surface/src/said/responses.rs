//! What was said in a request for a response of OpenAI's.

use std::borrow::Cow;

use privet_types::Channel;

use super::{Voice, Walk, arguments_of, input_of};
use crate::json::{Kind, Value};

/// Fields that say what a tool of the provider's own, or of the client's, was to do.
const DEEDS: [&str; 5] = ["action", "actions", "operation", "code", "queries"];

impl<'r> Walk<'r> {
    pub(super) fn responses_body(&mut self, root: Value<'r>) {
        self.under(root, "instructions", |walk, instructions| {
            walk.leaves(instructions, &Voice::of(Channel::System));
        });
        self.under(root, "prompt", |walk, prompt| {
            walk.under(prompt, "variables", |walk, variables| {
                walk.leaves(variables, &Voice::of(Channel::User));
            });
        });
        self.under(root, "input", |walk, input| match input.kind() {
            Kind::Array => walk.each_item(input, Self::item),
            _ => walk.leaves(input, &Voice::of(Channel::User)),
        });
    }

    fn item(&mut self, item: Value<'r>) {
        let kind = item.get_str("type").unwrap_or_default();
        match kind.as_ref() {
            "" | "message" => {
                let role = item.get_str("role");
                self.leaves(item, &Voice::of_role(role.as_deref()));
            }
            "reasoning" | "compaction" => self.leaves(item, &Voice::of(Channel::Assistant)),
            "mcp_approval_response" => self.leaves(item, &Voice::of(Channel::User)),
            // Its result is a picture.
            "image_generation_call" | "mcp_list_tools" => self.leaves(item, &Voice::of_tool(None)),
            kind if kind.ends_with("_output") => {
                let tool = self.tool_of(item.get_str("call_id"));
                self.leaves(item, &Voice::of_tool(tool));
            }
            kind if kind.ends_with("_call") || kind == "mcp_approval_request" => self.item_call(kind, item),
            _ => self.leaves(item, &Voice::of(Channel::Document)),
        }
    }

    /// A call, and what came of it if it was made on the provider's side.
    fn item_call(&mut self, kind: &str, item: Value<'r>) {
        let id = item.get_str("call_id");
        let own = kind.strip_suffix("_call").unwrap_or(kind);
        let name = item.get_str("name").unwrap_or_else(|| Cow::Owned(own.to_owned()));
        let deed = DEEDS.into_iter().find(|field| item.get(field).is_some());
        let said = match (item.get("arguments"), item.get("input")) {
            (Some(arguments), _) => Some(("arguments", arguments_of(Some(arguments)))),
            (None, Some(input)) => Some(("input", input_of(Some(input)))),
            (None, None) => deed.map(|field| (field, input_of(item.get(field)))),
        };
        let (field, arguments) = said.unwrap_or(("", Cow::Borrowed("{}")));
        self.call(id, name.clone(), arguments);
        let outcome = match kind {
            "file_search_call" | "web_search_call" => Voice::of(Channel::Document),
            _ => Voice::of_tool(Some(name)),
        };
        self.each_entry(item, |walk, key, value| {
            if key != "name" && key != field {
                let is_by_model = DEEDS.contains(&key) || matches!(key, "input" | "arguments");
                match is_by_model {
                    true => walk.leaves(value, &Voice::of(Channel::Assistant)),
                    false => walk.leaves(value, &outcome),
                }
            }
        });
    }
}
