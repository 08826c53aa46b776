//! What the detector said of texts that come again with every turn of a conversation.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use privet_types::RuleId;

/// A keyed hash of a text and of all that a verdict depends on.
pub(super) type Key = [u8; 32];

/// Verdicts of earlier texts, by keyed hash; no text. Bounded: what came first goes first. Belongs to one policy.
pub struct VerdictMemory {
    most: usize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    verdicts: HashMap<Key, Option<RuleId>>,
    order: VecDeque<Key>,
}

impl fmt::Debug for VerdictMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerdictMemory")
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

impl VerdictMemory {
    /// A memory of `most` texts, each some 150 bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            known: Mutex::default(),
        }
    }

    /// What was said of it, if anything: the rule by which it was flagged, or none.
    pub(super) fn get(&self, key: &Key) -> Option<Option<RuleId>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.verdicts.get(key).copied()
    }

    pub(super) fn put(&self, key: Key, flagged: Option<RuleId>) {
        if self.most == 0 {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.verdicts.insert(key, flagged).is_none() {
            known.order.push_back(key);
        }
        while known.order.len() > self.most {
            if let Some(first) = known.order.pop_front() {
                known.verdicts.remove(&first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_first_goes_first() {
        let memory = VerdictMemory::new(2);
        for number in 0..3 {
            memory.put([number; 32], Some(RuleId("a/b")).filter(|_| number == 1));
        }
        assert_eq!(memory.get(&[0; 32]), None);
        assert_eq!(memory.get(&[1; 32]), Some(Some(RuleId("a/b"))));
        assert_eq!(memory.get(&[2; 32]), Some(None));
    }
}
