//! Replies that go round in circles. A model that is made to repeat a word for long may fall into what it was trained on; and what
//! never ends costs.
//!
//! # Source
//! Nasr et al., "Scalable Extraction of Training Data from (Production) Language Models", arXiv 2311.17035.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::watching::{Seen, Sight, Watch, Watching};
use super::words::Words;
use crate::controls::{Action, Control, Error};

/// Words of the longest circle.
const MOST_PERIOD: usize = 64;
/// Times that a circle of several words must go round.
const ROUNDS: usize = 5;

/// Repetition (`[guardrails.replies.repetition]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RepetitionConfig {
    /// What becomes of a reply that repeats itself: `block` ends it there.
    pub action: Action,
    /// Words, in a circle of at most 64 that goes round five times at least, from which on it repeats itself; 20 to 100,000.
    pub words: usize,
    /// Equal characters in a row; 100 to 1,000,000.
    pub characters: usize,
}

impl Default for RepetitionConfig {
    fn default() -> Self {
        Self {
            action: Action::Block,
            words: 120,
            characters: 2000,
        }
    }
}

impl RepetitionConfig {
    /// Watches for repetition in a reply.
    ///
    /// # Errors
    /// [`Error::Config`] if a bound is out of range.
    pub fn watch(&self, watching: &mut Watching) -> Result<(), Error> {
        if !(20..=100_000).contains(&self.words) {
            return Err(Error::config(Control::Repetition, "words", "use 20 to 100000"));
        }
        if !(100..=1_000_000).contains(&self.characters) {
            return Err(Error::config(
                Control::Repetition,
                "characters",
                "use 100 to 1000000",
            ));
        }
        let watch = WatchedRepetition {
            config: self.clone(),
            words: Words::default(),
            last: VecDeque::with_capacity(MOST_PERIOD),
            runs: [0; MOST_PERIOD],
            character: None,
            characters: 0,
        };
        watching.add(Box::new(watch), self.action);
        Ok(())
    }
}

struct WatchedRepetition {
    config: RepetitionConfig,
    words: Words,
    /// The last words, the newest first.
    last: VecDeque<u64>,
    /// For each period: how many words in a row are the one that many words before.
    runs: [usize; MOST_PERIOD],
    character: Option<char>,
    characters: usize,
}

impl WatchedRepetition {
    fn word(&mut self, word: u64) -> bool {
        let mut is_found = false;
        for (index, run) in self.runs.iter_mut().enumerate() {
            let period = index + 1;
            *run = if self.last.get(index) == Some(&word) {
                *run + 1
            } else {
                0
            };
            is_found |= *run + period >= self.config.words && *run >= period * (ROUNDS - 1);
        }
        self.last.truncate(MOST_PERIOD - 1);
        self.last.push_front(word);
        is_found
    }
}

impl Watch for WatchedRepetition {
    fn control(&self) -> Control {
        Control::Repetition
    }

    fn reads(&self) -> bool {
        false
    }

    fn see(&mut self, seen: Seen) -> Sight {
        let words = match seen {
            Seen::Plain(c) => {
                self.characters = if self.character.replace(c) == Some(c) {
                    self.characters + 1
                } else {
                    1
                };
                if self.characters >= self.config.characters {
                    return Sight::Found("repetition/character");
                }
                self.words.push(c)
            }
            Seen::End => [self.words.end(), None],
            Seen::Read(..) => return Sight::Nothing,
        };
        let mut is_found = false;
        for word in words.into_iter().flatten() {
            is_found |= self.word(word);
        }
        if is_found {
            Sight::Found("repetition/words")
        } else {
            Sight::Nothing
        }
    }
}
