//! What is known in memory of tenants and subjects. Bounded; what changed is dropped, never patched.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use privet_types::TenantId;

use super::catalog::Catalog;
use super::event::{ConsentEvent, EVERY_PURPOSE, EventKind, SubjectPseudonym};

/// All tenants' caches.
pub(crate) struct Cache {
    tenants: RwLock<HashMap<TenantId, Arc<TenantCache>>>,
    capacity: usize,
}

/// What is known of one tenant.
#[derive(Default)]
pub(crate) struct TenantCache {
    state: RwLock<TenantState>,
    /// Who holds it asks the store; others wait, and then know it too.
    pub(crate) refreshing: tokio::sync::Mutex<()>,
}

/// What is known of one tenant, and since when.
#[derive(Default)]
pub(crate) struct TenantState {
    pub(crate) catalog: Option<Arc<Catalog>>,
    /// All changes up to this number are known; 0 before the first look.
    pub(crate) cursor: i64,
    /// This process's own last change: what was read before it is not kept.
    pub(crate) floor: i64,
    /// When the store was last asked with success, milliseconds since the epoch.
    pub(crate) checked_at: Option<i64>,
    /// The store did not answer; it is not asked again before.
    pub(crate) retry_at: i64,
    young: Generation,
    old: Generation,
}

/// Half of a cache. When the young half is full it becomes the old one, and the old one is dropped: what was not used for
/// a whole half is forgotten.
#[derive(Default)]
struct Generation {
    facts: HashMap<Box<str>, Arc<Facts>>,
    names: HashMap<SubjectPseudonym, Box<str>>,
    weight: usize,
}

/// The history of a subject, by purpose.
pub(crate) struct Facts {
    pub(crate) subject: SubjectPseudonym,
    /// The number of the tenant's last change when it was read.
    pub(crate) version: i64,
    by_purpose: HashMap<Box<str>, Vec<ConsentEvent>>,
    every: Vec<ConsentEvent>,
    /// Whether the subject's erasure was begun. It counts at once, also where this node's clock is behind.
    pub(crate) is_erased: bool,
    weight: usize,
}

impl Facts {
    pub(crate) fn new(subject: SubjectPseudonym, version: i64, events: Vec<ConsentEvent>) -> Self {
        let weight = events.len() + 1;
        let mut facts = Self {
            subject,
            version,
            by_purpose: HashMap::new(),
            every: Vec::new(),
            is_erased: events.iter().any(|event| event.kind == EventKind::Erased),
            weight,
        };
        for mut event in events {
            event.evidence = None;
            if event.purpose == EVERY_PURPOSE {
                facts.every.push(event);
            } else {
                let list = facts.by_purpose.entry(event.purpose.as_str().into());
                list.or_default().push(event);
            }
        }
        facts
    }

    /// The events that may bear on `purpose`.
    pub(crate) fn of(&self, purpose: &str) -> impl Iterator<Item = &ConsentEvent> {
        let own = self.by_purpose.get(purpose).map_or(&[][..], Vec::as_slice);
        own.iter().chain(&self.every)
    }
}

impl Cache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            tenants: RwLock::default(),
            capacity,
        }
    }

    /// The cache of `tenant`, if it has one.
    pub(crate) fn find(&self, tenant: &TenantId) -> Option<Arc<TenantCache>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(tenant).map(Arc::clone)
    }

    /// The cache of `tenant`; a new one if it has none.
    pub(crate) fn tenant(&self, tenant: &TenantId) -> Arc<TenantCache> {
        if let Some(found) = self.find(tenant) {
            return found;
        }
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tenants.entry(tenant.clone()).or_default())
    }

    /// All tenants that have a cache.
    pub(crate) fn tenants(&self) -> Vec<(TenantId, Arc<TenantCache>)> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants
            .iter()
            .map(|(tenant, cache)| (tenant.clone(), Arc::clone(cache)))
            .collect()
    }

    /// What one tenant may hold in each half.
    pub(crate) fn half(&self) -> usize {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        (self.capacity / 2 / tenants.len().max(1)).max(1)
    }

    /// This process changed a definition of `tenant`, with the change `seq`.
    pub(crate) fn forget_catalog(&self, tenant: &TenantId, seq: i64) {
        if let Some(cache) = self.find(tenant) {
            let mut state = cache.write();
            state.floor = state.floor.max(seq);
            state.catalog = None;
        }
    }

    /// This process added to the history of `subject`, with the change `seq`.
    pub(crate) fn forget_subject(&self, tenant: &TenantId, subject: SubjectPseudonym, seq: i64) {
        if let Some(cache) = self.find(tenant) {
            let mut state = cache.write();
            state.floor = state.floor.max(seq);
            state.forget(&subject);
        }
    }
}

impl TenantCache {
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, TenantState> {
        // Nothing of the state is half-changed by a panic: it is only replaced or dropped.
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, TenantState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves what was found in the old half to the young one, if nobody else is in the way.
    pub(crate) fn keep(&self, id: &str, facts: Arc<Facts>, half: usize) {
        if let Ok(mut state) = self.state.try_write() {
            state.insert(id, facts, half);
        }
    }
}

impl TenantState {
    /// The facts of the subject `id`, and whether they are in the young half.
    pub(crate) fn facts(&self, id: &str) -> Option<(&Arc<Facts>, bool)> {
        let young = self.young.facts.get(id).map(|facts| (facts, true));
        young.or_else(|| self.old.facts.get(id).map(|facts| (facts, false)))
    }

    /// Keeps `facts`, unless something has changed since they were read. Returns whether it did.
    pub(crate) fn insert(&mut self, id: &str, facts: Arc<Facts>, half: usize) -> bool {
        if facts.version < self.floor.max(self.cursor) && !self.holds(id, &facts) {
            return false;
        }
        self.old.forget(&facts.subject);
        self.young.forget(&facts.subject);
        if self.young.weight + facts.weight > half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.weight += facts.weight;
        self.young.names.insert(facts.subject, id.into());
        self.young.facts.insert(id.into(), facts);
        true
    }

    /// Whether these very facts are held: then nothing has changed since they were read.
    fn holds(&self, id: &str, facts: &Arc<Facts>) -> bool {
        self.facts(id).is_some_and(|(held, _)| Arc::ptr_eq(held, facts))
    }

    pub(crate) fn forget(&mut self, subject: &SubjectPseudonym) {
        self.young.forget(subject);
        self.old.forget(subject);
    }

    pub(crate) fn forget_all(&mut self) {
        self.young = Generation::default();
        self.old = Generation::default();
    }

    /// How many subjects and events are held.
    #[cfg(test)]
    fn weight(&self) -> usize {
        self.young.weight + self.old.weight
    }
}

impl Generation {
    fn forget(&mut self, subject: &SubjectPseudonym) {
        if let Some(id) = self.names.remove(subject)
            && let Some(facts) = self.facts.remove(&id)
        {
            self.weight -= facts.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(number: u8, version: i64) -> Arc<Facts> {
        Arc::new(Facts::new(SubjectPseudonym([number; 32]), version, Vec::new()))
    }

    #[test]
    fn a_cache_stays_within_its_bound_and_keeps_what_is_used() {
        let cache = TenantCache::default();
        for number in 0..100 {
            assert!(cache.write().insert(&format!("s{number}"), facts(number, 0), 10));
            let used = Arc::clone(cache.read().facts("s0").unwrap().0);
            cache.keep("s0", used, 10);
            assert!(cache.read().weight() <= 20);
        }
        assert!(cache.read().facts("s0").is_some());
        assert!(cache.read().facts("s1").is_none());
        assert!(cache.read().facts("s99").is_some());
    }

    #[test]
    fn facts_read_before_a_change_are_not_kept() {
        let cache = Cache::new(100);
        let tenant = TenantId::default();
        let own = cache.tenant(&tenant);
        assert!(own.write().insert("a", facts(1, 4), 10));
        cache.forget_subject(&tenant, SubjectPseudonym([1; 32]), 5);
        assert!(own.read().facts("a").is_none());
        assert!(!own.write().insert("a", facts(1, 4), 10));
        assert!(own.write().insert("a", facts(1, 5), 10));
    }

    #[test]
    fn facts_that_are_held_move_between_halves_whatever_else_changed() {
        let cache = TenantCache::default();
        let held = facts(1, 4);
        assert!(cache.write().insert("a", Arc::clone(&held), 10));
        cache.write().cursor = 9;
        assert!(cache.write().insert("a", held, 10));
        assert!(!cache.write().insert("b", facts(2, 4), 10));
        assert_eq!(cache.read().weight(), 1);
    }
}
