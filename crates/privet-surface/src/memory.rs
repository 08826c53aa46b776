//! What was found in messages and tools that come again with every turn of a conversation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use privet_types::Finding;

/// A keyed hash of an element of a request: what it is known by.
pub(crate) type Key = [u8; 32];

/// What an entry takes beside its findings, in bytes: key, pointers, the table's own places.
const ENTRY_BYTES: usize = 96;

/// Findings of elements (messages, tools) of earlier requests, by keyed hash of all that detection depends on.
///
/// It holds spans and kinds, never text, and hashes that nobody can compute without the principal's key: what one
/// principal sent is never looked up for another. Bounded: when half of `bytes` is filled, what was not used since the
/// half before is forgotten. Belongs to one policy: another policy needs another memory.
#[derive(Debug)]
pub struct DetectionMemory {
    half: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Entry>,
    old: HashMap<Key, Entry>,
    young_bytes: usize,
}

#[derive(Debug, Clone)]
enum Entry {
    Element(Arc<Detected>),
    /// Whether a value is private wherever it stands.
    Value(bool),
}

impl Entry {
    fn bytes(&self) -> usize {
        match self {
            Self::Element(detected) => detected.bytes(),
            Self::Value(_) => ENTRY_BYTES,
        }
    }
}

/// The findings of one element: those of the `n`-th text looked at in it, for all texts that have any.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Detected {
    pub(crate) by_text: Vec<(usize, Vec<Finding>)>,
    /// Whether something in it looks like a surrogate, so that it is replaced though nothing private was found.
    pub(crate) has_lookalikes: bool,
    /// Bytes from its start up to which it was looked at.
    pub(crate) reach: usize,
}

/// The message, tool or other part of the body that is being looked at, if it may come again.
pub(crate) enum Element {
    None,
    /// It came before.
    Known {
        detected: Arc<Detected>,
        text: usize,
    },
    /// It did not.
    New {
        detected: Detected,
        text: usize,
    },
}

impl Detected {
    fn bytes(&self) -> usize {
        let findings: usize = self.by_text.iter().map(|(_, found)| found.len()).sum();
        ENTRY_BYTES
            + self.by_text.len() * size_of::<(usize, Vec<Finding>)>()
            + findings * size_of::<Finding>()
    }

    /// Whether nothing in it is replaced for its own sake.
    pub(crate) fn is_clean(&self) -> bool {
        self.by_text.is_empty() && !self.has_lookalikes
    }

    /// The findings of the `n`-th text.
    pub(crate) fn of_text(&self, n: usize) -> &[Finding] {
        let at = self.by_text.binary_search_by_key(&n, |(text, _)| *text);
        at.ok()
            .and_then(|i| self.by_text.get(i))
            .map_or(&[], |(_, found)| found.as_slice())
    }
}

impl DetectionMemory {
    /// A memory of at most `bytes` bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            half: bytes / 2,
            generations: Mutex::default(),
        }
    }

    /// What was found in an element.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Detected>> {
        match self.entry(key)? {
            Entry::Element(detected) => Some(detected),
            Entry::Value(_) => None,
        }
    }

    pub(crate) fn put(&self, key: Key, detected: Detected) {
        self.insert(key, Entry::Element(Arc::new(detected)));
    }

    /// Whether a value is private wherever it stands.
    pub(crate) fn get_value(&self, key: &Key) -> Option<bool> {
        match self.entry(key)? {
            Entry::Value(is_private) => Some(is_private),
            Entry::Element(_) => None,
        }
    }

    pub(crate) fn put_value(&self, key: Key, is_private: bool) {
        self.insert(key, Entry::Value(is_private));
    }

    fn entry(&self, key: &Key) -> Option<Entry> {
        let mut held = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = held.young.get(key) {
            return Some(known.clone());
        }
        let known = held.old.remove(key)?;
        held.insert(*key, known.clone(), self.half);
        Some(known)
    }

    fn insert(&self, key: Key, entry: Entry) {
        let mut held = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(key, entry, self.half);
    }
}

impl Generations {
    fn insert(&mut self, key: Key, entry: Entry, half: usize) {
        let bytes = entry.bytes();
        if bytes > half {
            return;
        }
        if self.young_bytes + bytes > half {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        if self.young.insert(key, entry).is_none() {
            self.young_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        [n; 32]
    }

    #[test]
    fn what_is_used_stays_and_the_rest_is_forgotten() {
        let memory = DetectionMemory::new(8 * ENTRY_BYTES);
        for n in 0..100 {
            memory.put(key(n), Detected::default());
            assert!(memory.get(&key(0)).is_some(), "{n}");
        }
        assert!(memory.get(&key(1)).is_none());
        assert!(memory.get(&key(99)).is_some());
        let held = memory.generations.lock().unwrap();
        assert!(held.young.len() + held.old.len() <= 8);
    }

    #[test]
    fn an_entry_larger_than_the_memory_is_not_kept() {
        let memory = DetectionMemory::new(ENTRY_BYTES);
        memory.put(key(1), Detected::default());
        assert!(memory.get(&key(1)).is_none());
    }
}
