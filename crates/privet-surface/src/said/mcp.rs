//! What is said in a message of the Model Context Protocol.

use privet_types::Channel;

use super::{Voice, Walk, input_of};
use crate::json::Value;

impl<'r> Walk<'r> {
    /// A call is the model's; all else came from a server, or goes to one in the client's name, and is a tool's.
    pub(super) fn mcp_body(&mut self, root: Value<'r>) {
        let is_call = root.get_str("method").as_deref() == Some("tools/call");
        let called = root.get("params").and_then(|params| params.get_str("name"));
        if let Some(name) = called.filter(|_| is_call) {
            self.under(root, "params", |walk, params| {
                walk.call(None, name, input_of(params.get("arguments")));
                walk.each_entry(params, |walk, key, value| {
                    if !matches!(key, "name" | "arguments") {
                        walk.leaves(value, &Voice::of(Channel::Assistant));
                    }
                });
            });
            return;
        }
        for key in ["params", "result", "error"] {
            self.under(root, key, |walk, value| walk.leaves(value, &Voice::of_tool(None)));
        }
    }
}
