//! What was said in messages of Anthropic's.

use privet_types::Channel;

use super::{Voice, Walk, input_of};
use crate::json::{Kind, Value};

impl<'r> Walk<'r> {
    pub(super) fn messages_body(&mut self, root: Value<'r>) {
        self.under(root, "system", |walk, system| {
            walk.leaves(system, &Voice::of(Channel::System));
        });
        self.under(root, "messages", |walk, messages| match messages.kind() {
            Kind::Array => walk.each_item(messages, Self::message),
            _ => walk.leaves(messages, &Voice::of(Channel::Document)),
        });
    }

    fn message(&mut self, message: Value<'r>) {
        let role = message.get_str("role");
        let voice = Voice::of_role(role.as_deref());
        if message.kind() != Kind::Object {
            self.leaves(message, &voice);
            return;
        }
        for (key, _) in message.entries() {
            self.key(key, &voice);
        }
        self.each_entry(message, |walk, key, value| match (key, value.kind()) {
            ("content", Kind::Array) => walk.each_item(value, |walk, block| walk.block(block, &voice)),
            _ => walk.leaves(value, &voice),
        });
    }

    fn block(&mut self, block: Value<'r>, voice: &Voice<'r>) {
        let kind = block.get_str("type").unwrap_or_default();
        if kind.ends_with("tool_use")
            && let Some(name) = block.get_str("name")
        {
            self.call(block.get_str("id"), name, input_of(block.get("input")));
            self.each_entry(block, |walk, key, value| {
                if !matches!(key, "name" | "input") {
                    walk.leaves(value, voice);
                }
            });
        } else if kind.ends_with("tool_result") {
            let tool = self.tool_of(block.get_str("tool_use_id"));
            self.leaves(block, &Voice::of_tool(tool));
        } else if matches!(kind.as_ref(), "document" | "search_result") {
            self.leaves(block, &Voice::of(Channel::Document));
        } else {
            self.leaves(block, voice);
        }
    }
}
