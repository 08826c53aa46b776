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

/// Conversations by the ids of their last responses.
#[derive(Debug, Default)]
pub(crate) struct Kept(VecDeque<(String, Conversation)>);

impl Kept {
    pub(crate) fn find(&self, id: &str) -> Option<Conversation> {
        let found = self.0.iter().find(|(known, _)| known == id);
        found.map(|(_, conversation)| conversation.clone())
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
        while self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((format!("resp_{id}"), conversation));
    }
}
