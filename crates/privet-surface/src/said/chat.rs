//! What was said in a chat of OpenAI's, and of all who speak like it.

use std::borrow::Cow;

use privet_types::Channel;

use super::{Voice, Walk, arguments_of, input_of};
use crate::json::{Kind, Value};

impl<'r> Walk<'r> {
    pub(super) fn chat_body(&mut self, root: Value<'r>) {
        // Some servers of open models take these two beside the messages.
        self.under(root, "chat_template", |walk, text| {
            walk.leaves(text, &Voice::of(Channel::System));
        });
        self.under(root, "documents", |walk, documents| {
            walk.leaves(documents, &Voice::of(Channel::Document));
        });
        self.under(root, "messages", |walk, messages| match messages.kind() {
            Kind::Array => walk.each_item(messages, Self::chat_message),
            _ => walk.leaves(messages, &Voice::of(Channel::Document)),
        });
    }

    fn chat_message(&mut self, message: Value<'r>) {
        let role = message.get_str("role");
        let voice = match role.as_deref() {
            Some("tool") => Voice::of_tool(self.tool_of(message.get_str("tool_call_id"))),
            Some("function") => Voice::of_tool(message.get_str("name")),
            role => Voice::of_role(role),
        };
        if message.kind() != Kind::Object {
            self.leaves(message, &voice);
            return;
        }
        for (key, _) in message.entries() {
            self.key(key, &voice);
        }
        self.each_entry(message, |walk, key, value| match (key, value.kind()) {
            ("tool_calls", Kind::Array) => walk.each_item(value, |walk, call| walk.chat_call(call, &voice)),
            ("function_call", Kind::Object) => walk.chat_function(value, None, &voice),
            _ => walk.leaves(value, &voice),
        });
    }

    fn chat_call(&mut self, call: Value<'r>, voice: &Voice<'r>) {
        if call.kind() != Kind::Object {
            self.leaves(call, voice);
            return;
        }
        let id = call.get_str("id");
        self.each_entry(call, |walk, key, value| match (key, value.kind()) {
            ("function" | "custom", Kind::Object) => walk.chat_function(value, id.clone(), voice),
            _ => walk.leaves(value, voice),
        });
    }

    fn chat_function(&mut self, function: Value<'r>, id: Option<Cow<'r, str>>, voice: &Voice<'r>) {
        let Some(name) = function.get_str("name") else {
            self.leaves(function, voice);
            return;
        };
        let arguments = match function.get("input") {
            Some(input) => input_of(Some(input)),
            None => arguments_of(function.get("arguments")),
        };
        let is_both = function.get("input").is_some() && function.get("arguments").is_some();
        self.call(id, name, arguments);
        self.each_entry(function, |walk, key, value| match key {
            "name" | "input" => {}
            "arguments" if !is_both => {}
            _ => walk.leaves(value, voice),
        });
    }
}
