//! What was found in messages and tools that come again with every turn of a conversation.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use privet_types::{Finding, TenantId};

/// A keyed hash of an element of a request: what it is known by.
pub(crate) type Key = [u8; 32];

/// What an entry takes beside its findings, in bytes: its key twice, pointers, the table's own places.
const ENTRY_BYTES: usize = 160;

/// What is remembered for all tenants, in a bounded number of bytes.
///
/// When it is full, the tenant that holds most forgets what it used least lately. So a tenant alone may fill all of it, and none
/// ever loses anything to others while it holds no more than its fair share, the whole divided by the tenants that hold something. Belongs
/// to one policy: another policy needs another memory.
#[derive(Debug)]
pub struct DetectionMemories {
    whole: Arc<Whole>,
}

/// Findings of elements (messages, tools) of earlier requests to one tenant, by keyed hash of all that detection depends on.
///
/// It holds spans and kinds, never text, and hashes that nobody can compute without the principal's key: what one
/// principal sent is never looked up for another. Its place is one in [`DetectionMemories`].
#[derive(Debug, Clone)]
pub struct DetectionMemory {
    whole: Arc<Whole>,
    tenant: TenantId,
}

#[derive(Debug)]
struct Whole {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    // INVARIANT: no share is empty, and `bytes` is the sum of theirs.
    shares: HashMap<TenantId, Share>,
    bytes: usize,
}

/// What one tenant holds.
#[derive(Debug, Default)]
struct Share {
    entries: HashMap<Key, Slot>,
    /// Each key of `entries` once: what is to be forgotten next stands first.
    order: VecDeque<Key>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    /// Whether it was used since it was last passed over.
    is_used: bool,
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
    /// Whether it holds what passed unseen, so that it is counted anew each time.
    pub(crate) has_parts: bool,
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

    /// Whether nothing in it is replaced for its own sake, and nothing in it is counted.
    pub(crate) fn is_clean(&self) -> bool {
        self.by_text.is_empty() && !self.has_lookalikes && !self.has_parts
    }

    /// The findings of the `n`-th text.
    pub(crate) fn of_text(&self, n: usize) -> &[Finding] {
        let at = self.by_text.binary_search_by_key(&n, |(text, _)| *text);
        at.ok()
            .and_then(|i| self.by_text.get(i))
            .map_or(&[], |(_, found)| found.as_slice())
    }
}

impl DetectionMemories {
    /// Memories of at most `bytes` bytes together.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            whole: Arc::new(Whole {
                most: bytes,
                held: Mutex::default(),
            }),
        }
    }

    /// That of `tenant`.
    #[must_use]
    pub fn of(&self, tenant: &TenantId) -> DetectionMemory {
        DetectionMemory {
            whole: Arc::clone(&self.whole),
            tenant: tenant.clone(),
        }
    }
}

impl DetectionMemory {
    /// A memory of at most `bytes` bytes, for one tenant alone.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        DetectionMemories::new(bytes).of(&TenantId::default())
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
        let mut held = self.held();
        let slot = held.shares.get_mut(&self.tenant)?.entries.get_mut(key)?;
        slot.is_used = true;
        Some(slot.entry.clone())
    }

    fn insert(&self, key: Key, entry: Entry) {
        let most = self.whole.most;
        // What fills half of it would drive out all else.
        if entry.bytes() <= most / 2 {
            self.held().insert(&self.tenant, key, entry, most);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.whole.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn insert(&mut self, tenant: &TenantId, key: Key, entry: Entry, most: usize) {
        let bytes = entry.bytes();
        let known = self.shares.get_mut(tenant).and_then(|share| {
            let before = share.entries.get_mut(&key)?;
            let former = std::mem::replace(&mut before.entry, entry.clone()).bytes();
            share.bytes = share.bytes + bytes - former;
            Some(former)
        });
        if let Some(former) = known {
            self.bytes = self.bytes + bytes - former;
            self.make_room(tenant, 0, most);
            return;
        }
        // Before it is put in: else it might be what is forgotten, where all others were used.
        if !self.make_room(tenant, bytes, most) {
            return;
        }
        let share = self.shares.entry(tenant.clone()).or_default();
        let slot = Slot {
            entry,
            is_used: false,
        };
        share.entries.insert(key, slot);
        share.order.push_back(key);
        share.bytes += bytes;
        self.bytes += bytes;
    }

    /// Forgets until there is room for `bytes` of `tenant`, each time of the tenant that would hold most. O(tenants) for each entry that
    /// is forgotten. Returns whether there is room: there is none if `tenant` would hold most by this entry alone.
    fn make_room(&mut self, tenant: &TenantId, bytes: usize, most: usize) -> bool {
        while self.bytes + bytes > most {
            let would_hold = |(name, share): &(&TenantId, &Share)| {
                let more = if *name == tenant { bytes } else { 0 };
                share.bytes + more
            };
            let fullest = self.shares.iter().max_by_key(would_hold);
            let Some((name, held)) = fullest.map(|(name, share)| (name.clone(), share.bytes)) else {
                return false;
            };
            if !self.shares.contains_key(tenant) && bytes > held {
                return false;
            }
            let Some(share) = self.shares.get_mut(&name) else {
                return false;
            };
            self.bytes -= share.forget();
            if share.entries.is_empty() {
                self.shares.remove(&name);
            }
        }
        true
    }
}

impl Share {
    /// Forgets one entry, and says how many bytes that had: the first that was not used since it was last passed over (the CLOCK
    /// algorithm, Corbató 1968).
    fn forget(&mut self) -> usize {
        while let Some(key) = self.order.pop_front() {
            let is_used = self
                .entries
                .get_mut(&key)
                .is_some_and(|slot| std::mem::take(&mut slot.is_used));
            if is_used {
                self.order.push_back(key);
                continue;
            }
            let bytes = self.entries.remove(&key).map_or(0, |slot| slot.entry.bytes());
            self.bytes -= bytes;
            return bytes;
        }
        0
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
        let held = memory.held();
        let share = &held.shares[&TenantId::default()];
        assert_eq!((share.entries.len(), share.order.len()), (8, 8));
        assert_eq!((share.bytes, held.bytes), (8 * ENTRY_BYTES, 8 * ENTRY_BYTES));
    }

    #[test]
    fn an_entry_larger_than_half_of_the_memory_is_not_kept() {
        let memory = DetectionMemory::new(ENTRY_BYTES);
        memory.put(key(1), Detected::default());
        assert!(memory.get(&key(1)).is_none());
    }

    #[test]
    fn what_is_put_again_counts_once() {
        let memory = DetectionMemory::new(4 * ENTRY_BYTES);
        for _ in 0..100 {
            memory.put(key(1), Detected::default());
            memory.put_value(key(2), true);
        }
        assert_eq!(memory.held().bytes, 2 * ENTRY_BYTES);
        assert_eq!(memory.held().shares[&TenantId::default()].order.len(), 2);
    }

    #[test]
    fn a_tenant_loses_nothing_to_others_while_it_holds_no_more_than_its_share() {
        let all = DetectionMemories::new(40 * ENTRY_BYTES);
        let of = |name: &str| all.of(&name.parse().unwrap());
        let (quiet, second, loud) = (of("quiet"), of("second"), of("loud"));
        for n in 0..10 {
            quiet.put(key(n), Detected::default());
        }
        // Alone with one that holds little, it may fill all the rest.
        for n in 0..100 {
            loud.put(key(n), Detected::default());
        }
        assert_eq!(loud.held().shares[&loud.tenant].entries.len(), 30);
        for n in 0..13 {
            second.put(key(n), Detected::default());
        }
        for n in 100..200 {
            loud.put(key(n), Detected::default());
        }
        for n in 0..10 {
            assert!(quiet.get(&key(n)).is_some(), "{n}");
        }
        for n in 0..13 {
            assert!(second.get(&key(n)).is_some(), "{n}");
        }
        assert_eq!(loud.held().shares[&loud.tenant].entries.len(), 17);
        assert!(loud.held().bytes <= 40 * ENTRY_BYTES);
    }

    #[test]
    fn tenants_who_all_want_more_end_with_equal_shares() {
        let all = DetectionMemories::new(40 * ENTRY_BYTES);
        let tenants: Vec<DetectionMemory> = ["a", "b", "c", "d"]
            .map(|name| all.of(&name.parse().unwrap()))
            .into();
        for n in 0..200 {
            for (tenant, turns) in tenants.iter().zip([1, 2, 3, 4]) {
                for turn in 0..turns {
                    let mut key = key(n);
                    key[0] = turn;
                    tenant.put(key, Detected::default());
                }
            }
        }
        let held = tenants[0].held();
        for share in held.shares.values() {
            assert!((9..=11).contains(&share.entries.len()), "{}", share.entries.len());
        }
    }
}
