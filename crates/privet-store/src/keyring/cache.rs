//! Subject keys held unwrapped. Bounded; a key is wiped when it leaves and nobody works with it any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_crypto::{DataKey, KeyId};
use privet_types::TenantId;

/// A generation ends after so long, so that a key which nobody asks for leaves within twice that.
const GENERATION: Duration = Duration::from_secs(600);

/// A key in the cache.
#[derive(Clone)]
pub(super) struct CachedKey {
    pub(super) tenant: TenantId,
    pub(super) key: Arc<DataKey>,
    /// Those that came beside it when it had sealed enough, oldest first.
    pub(super) later: Vec<Arc<DataKey>>,
}

impl CachedKey {
    /// The one that seals.
    pub(super) fn newest(&self) -> &Arc<DataKey> {
        self.later.last().unwrap_or(&self.key)
    }
}

/// Two generations: what is asked for is in the young one; when that is full or aged, the old one goes and the young one
/// grows old.
pub(super) struct KeyCache {
    young: HashMap<KeyId, CachedKey>,
    old: HashMap<KeyId, CachedKey>,
    half: usize,
    since: Instant,
    /// Shreddings up to this number are known to the cache.
    pub(super) seen: i64,
    /// The highest number of a shredding that this process knows of. What was read before it is not kept: it may be gone.
    floor: i64,
}

impl KeyCache {
    pub(super) fn new(most: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            half: (most / 2).max(1),
            since: Instant::now(),
            seen: 0,
            floor: 0,
        }
    }

    /// A key of `tenant`.
    pub(super) fn get(&mut self, tenant: &TenantId, id: &KeyId) -> Option<&CachedKey> {
        if !self.young.contains_key(id) {
            let found = self.old.remove(id)?;
            self.put(*id, found);
        }
        self.young.get(id).filter(|found| found.tenant == *tenant)
    }

    /// Keeps a key that was read when the number of the last shredding was `read_at`.
    pub(super) fn insert(&mut self, id: KeyId, key: CachedKey, read_at: i64) {
        if read_at >= self.floor {
            self.put(id, key);
        }
    }

    fn put(&mut self, id: KeyId, key: CachedKey) {
        if self.young.len() >= self.half {
            self.turn();
        }
        self.young.insert(id, key);
    }

    fn turn(&mut self) {
        self.old = std::mem::take(&mut self.young);
        self.since = Instant::now();
    }

    /// Lets keys that nobody asks for grow old.
    pub(super) fn age(&mut self) {
        if self.since.elapsed() > GENERATION {
            self.turn();
        }
    }

    /// Forgets keys that the shredding `number` took.
    pub(super) fn forget(&mut self, ids: &[KeyId], number: i64) {
        self.floor = self.floor.max(number);
        for id in ids {
            self.young.remove(id);
            self.old.remove(id);
        }
    }

    /// Reads `id` anew when it is asked for next.
    pub(super) fn drop_one(&mut self, id: &KeyId) {
        self.young.remove(id);
        self.old.remove(id);
    }

    /// Forgets everything up to the shredding `number`.
    pub(super) fn clear(&mut self, number: i64) {
        self.floor = self.floor.max(number);
        self.young.clear();
        self.old.clear();
    }

    /// How many keys it holds.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> (KeyId, CachedKey) {
        let key = DataKey::generate().unwrap();
        let cached = CachedKey {
            tenant: TenantId::default(),
            later: Vec::new(),
            key: Arc::new(key),
        };
        (cached.key.id(), cached)
    }

    #[test]
    fn it_never_holds_more_than_it_may_and_keeps_what_is_asked_for() {
        let mut cache = KeyCache::new(100);
        let (wanted, cached) = key();
        cache.insert(wanted, cached, 0);
        for _ in 0..1000 {
            let (id, cached) = key();
            cache.insert(id, cached, 0);
            assert!(cache.len() <= 100);
            assert!(cache.get(&TenantId::default(), &wanted).is_some());
        }
    }

    #[test]
    fn a_key_that_leaves_is_dropped() {
        let mut cache = KeyCache::new(4);
        let (id, cached) = key();
        let watched = Arc::downgrade(&cached.key);
        cache.insert(id, cached, 0);
        assert!(watched.upgrade().is_some());
        cache.forget(&[id], 1);
        assert!(watched.upgrade().is_none());
    }

    #[test]
    fn what_was_read_before_a_shredding_is_not_kept_after_it() {
        let mut cache = KeyCache::new(4);
        let (id, cached) = key();
        cache.forget(&[], 7);
        cache.insert(id, cached.clone(), 6);
        assert!(cache.get(&TenantId::default(), &id).is_none());
        cache.insert(id, cached, 7);
        assert!(cache.get(&TenantId::default(), &id).is_some());
    }

    #[test]
    fn another_tenants_key_is_not_there() {
        let mut cache = KeyCache::new(4);
        let (id, cached) = key();
        cache.insert(id, cached, 0);
        assert!(cache.get(&"other".parse().unwrap(), &id).is_none());
    }
}
