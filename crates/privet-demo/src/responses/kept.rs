//! Responses that the provider keeps, so that a later request can go on from one.

use std::collections::VecDeque;

use crate::ask::{Ask, Turn};
use crate::model::Answer;

/// Most responses that are kept; the oldest go first.
const MOST: usize = 256;

/// How far a conversation has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conversation {
    pub(super) turns: Vec<Turn>,
    /// The ids of tool calls so far.
    pub(super) open: Vec<String>,
}

/// Conversations by the ids of their last responses, and single items by their own.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    conversations: VecDeque<(String, Conversation)>,
    items: VecDeque<(String, Conversation)>,
}

impl Kept {
    /// What was said up to the response `id`, or in the item `id` alone.
    pub(crate) fn find(&self, id: &str) -> Option<Conversation> {
        let mut all = self.conversations.iter().chain(&self.items);
        let found = all.find(|(known, _)| known == id);
        found.map(|(_, conversation)| conversation.clone())
    }

    fn keep_item(&mut self, id: String, said: Option<&String>, call: Option<String>) {
        while self.items.len() >= MOST {
            self.items.pop_front();
        }
        let conversation = Conversation {
            turns: said.cloned().map(Turn::Assistant).into_iter().collect(),
            open: call.into_iter().collect(),
        };
        self.items.push_back((id, conversation));
    }

    /// Keeps what was asked and answered in the response `resp_{id}`, if it is to be kept.
    pub(crate) fn keep(&mut self, ask: &Ask, answer: &Answer, id: &str) {
        let is_wanted = ask
            .echo
            .iter()
            .any(|(field, json)| *field == "store" && json != "false");
        if !is_wanted {
            return;
        }
        let mut conversation = Conversation {
            turns: ask.turns.clone(),
            open: ask.open.clone(),
        };
        let said = answer
            .text
            .iter()
            .chain(answer.calls.iter().map(|call| &call.arguments));
        conversation.turns.extend(said.cloned().map(Turn::Assistant));
        let calls = (0..answer.calls.len()).map(|at| format!("call_{id}{at}"));
        conversation.open.extend(calls);
        while self.conversations.len() >= MOST {
            self.conversations.pop_front();
        }
        self.conversations.push_back((format!("resp_{id}"), conversation));
        if answer.thinking.is_some() {
            self.keep_item(format!("rs_{id}"), None, None);
        }
        if let Some(said) = &answer.text {
            self.keep_item(format!("msg_{id}"), Some(said), None);
        }
        for (at, call) in answer.calls.iter().enumerate() {
            let call_id = Some(format!("call_{id}{at}"));
            self.keep_item(format!("fc_{id}{at}"), Some(&call.arguments), call_id);
        }
    }
}
