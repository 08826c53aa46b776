//! What callers were handed stand-ins for by others than the prompt at hand: in memory alone, bounded, and for a while.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use privet_pii::{Form, Pair, SurrogateMap};
use privet_types::TenantId;

/// Most bytes of values and stand-ins of all callers.
const MOST_BYTES: usize = 32 << 20;
/// Most bytes of one caller, so that nobody drives out all others.
const MOST_BYTES_OF_ONE: usize = 4 << 20;
/// Most values of one caller, unless the settings of servers of tools say another number.
const MOST_OF_ONE: usize = 4_096;
/// How long values are remembered, unless they say so.
const KEEP: Duration = Duration::from_secs(3_600);
/// Longest value that is remembered.
const LONGEST: usize = 4 << 10;
/// Bytes that a value takes beside its own.
const PER_VALUE: usize = 240;
/// How often all callers are looked through for what is too old.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Values by the tags that stand for them.
#[derive(Debug)]
pub(crate) struct Recall {
    most: usize,
    keep: Duration,
    /// Whether prompts are remembered, too: where calls may restore what prompts were masked by.
    learns_prompts: bool,
    is_used: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    callers: HashMap<(TenantId, String), OfCaller>,
    bytes: usize,
    /// When all callers were looked through.
    swept: Option<Instant>,
}

#[derive(Debug)]
struct OfCaller {
    /// The oldest first.
    values: BTreeMap<u64, Value>,
    /// Where a value stands.
    places: HashMap<Name, u64>,
    next: u64,
    bytes: usize,
    last: Instant,
    /// All of them; made when it is asked for.
    map: Option<Arc<SurrogateMap>>,
}

/// A tag, and the server that said it.
type Name = (String, Option<Arc<str>>);

#[derive(Debug)]
struct Value {
    pair: Pair,
    /// The server that said it; none of a prompt.
    source: Option<Arc<str>>,
    since: Instant,
}

impl Value {
    fn name(&self) -> Name {
        (self.pair.surrogate.clone(), self.source.clone())
    }

    fn bytes(&self) -> usize {
        2 * self.pair.surrogate.len() + self.pair.value.expose().len() + PER_VALUE
    }
}

impl OfCaller {
    fn new(now: Instant) -> Self {
        Self {
            values: BTreeMap::new(),
            places: HashMap::new(),
            next: 0,
            bytes: 0,
            last: now,
            map: None,
        }
    }

    fn put(&mut self, value: Value) {
        self.map = None;
        let place = self.next;
        self.next += 1;
        if let Some(before) = self.places.insert(value.name(), place)
            && let Some(before) = self.values.remove(&before)
        {
            self.bytes = self.bytes.saturating_sub(before.bytes());
        }
        self.bytes += value.bytes();
        self.values.insert(place, value);
    }

    fn drop_oldest(&mut self) {
        let Some((_, value)) = self.values.pop_first() else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(value.bytes());
        self.places.remove(&value.name());
        self.map = None;
    }

    /// Drops what is older than `keep`.
    fn forget(&mut self, keep: Duration, now: Instant) {
        let is_old = |value: &Value| now.saturating_duration_since(value.since) > keep;
        while self
            .values
            .first_key_value()
            .is_some_and(|(_, oldest)| is_old(oldest))
        {
            self.drop_oldest();
        }
    }

    /// What differs whenever the values do.
    fn state(&self) -> (u64, usize) {
        (self.next, self.values.len())
    }
}

impl Kept {
    /// Drops what is older than `keep` of all callers, every now and then.
    fn sweep(&mut self, keep: Duration, now: Instant) {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < SWEEP_EVERY;
        if self.swept.is_some_and(is_fresh) {
            return;
        }
        self.swept = Some(now);
        self.callers.retain(|_, of_caller| {
            of_caller.forget(keep, now);
            !of_caller.values.is_empty()
        });
        self.bytes = self.callers.values().map(|of_caller| of_caller.bytes).sum();
    }

    /// What is remembered of one caller, without what is older than `keep`.
    fn of(
        &mut self,
        (tenant, principal): (&TenantId, &str),
        keep: Duration,
        now: Instant,
    ) -> Option<&mut OfCaller> {
        let of_caller = self.callers.get_mut(&(tenant.clone(), principal.to_owned()))?;
        let before = of_caller.bytes;
        of_caller.forget(keep, now);
        self.bytes = self.bytes.saturating_sub(before) + of_caller.bytes;
        Some(of_caller)
    }

    /// Drops callers who have not been here for longest, until the others have room.
    fn make_room(&mut self) {
        while self.bytes > MOST_BYTES && self.callers.len() > 1 {
            let oldest = self.callers.iter().min_by_key(|(_, of_caller)| of_caller.last);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            let freed = self
                .callers
                .remove(&oldest)
                .map_or(0, |of_caller| of_caller.bytes);
            self.bytes = self.bytes.saturating_sub(freed);
        }
    }
}

impl Recall {
    /// Remembers up to `most` values of each caller for `keep`.
    pub(crate) fn new(most: usize, keep: Duration, learns_prompts: bool) -> Self {
        Self {
            most,
            keep,
            learns_prompts,
            is_used: AtomicBool::new(false),
            kept: Mutex::default(),
        }
    }

    /// Remembers what requests were masked by that providers keep, where there are no servers of tools.
    pub(crate) fn for_responses() -> Self {
        Self::new(MOST_OF_ONE, KEEP, false)
    }

    pub(crate) const fn learns_prompts(&self) -> bool {
        self.learns_prompts
    }

    /// Remembers the tags among `pairs`, whose values the server `source` said itself. The oldest of the caller's go first where
    /// there are too many, and then callers who have not been here for longest.
    pub(crate) fn remember<'p>(
        &self,
        (tenant, principal): (&TenantId, &str),
        pairs: impl IntoIterator<Item = &'p Pair>,
        source: Option<&Arc<str>>,
        now: Instant,
    ) {
        let is_kept = |pair: &&Pair| pair.form == Form::Tag && pair.value.expose().len() <= LONGEST;
        let mut pairs = pairs.into_iter().filter(is_kept).peekable();
        if self.most == 0 || pairs.peek().is_none() {
            return;
        }
        self.is_used.store(true, Ordering::Relaxed);
        let mut guard = self.kept();
        let kept = &mut *guard;
        kept.sweep(self.keep, now);
        let name = (tenant.clone(), principal.to_owned());
        let of_caller = kept.callers.entry(name).or_insert_with(|| OfCaller::new(now));
        let before = of_caller.bytes;
        of_caller.last = now;
        for pair in pairs {
            of_caller.put(Value {
                pair: pair.clone(),
                source: source.cloned(),
                since: now,
            });
            if of_caller.values.len() > self.most {
                of_caller.drop_oldest();
            }
            while of_caller.bytes > MOST_BYTES_OF_ONE && !of_caller.values.is_empty() {
                of_caller.drop_oldest();
            }
        }
        kept.bytes = kept.bytes.saturating_sub(before) + of_caller.bytes;
        kept.make_room();
    }

    /// All that is remembered of a caller.
    pub(crate) fn of(&self, tenant: &TenantId, principal: &str, now: Instant) -> Option<Arc<SurrogateMap>> {
        if !self.is_used.load(Ordering::Relaxed) {
            return None;
        }
        let mut guard = self.kept();
        guard.sweep(self.keep, now);
        let of_caller = guard.of((tenant, principal), self.keep, now)?;
        if let Some(map) = &of_caller.map {
            return (!map.is_empty()).then(|| Arc::clone(map));
        }
        let pairs: Vec<Pair> = of_caller
            .values
            .values()
            .map(|value| value.pair.clone())
            .collect();
        let state = of_caller.state();
        drop(guard);
        // Others need not wait for it.
        let map = Arc::new(SurrogateMap::new(pairs));
        let mut guard = self.kept();
        if let Some(of_caller) = guard.of((tenant, principal), self.keep, now)
            && of_caller.state() == state
        {
            of_caller.map = Some(Arc::clone(&map));
        }
        drop(guard);
        (!map.is_empty()).then_some(map)
    }

    /// What of that `source` has said itself.
    pub(crate) fn said_by(
        &self,
        (tenant, principal): (&TenantId, &str),
        source: &str,
        now: Instant,
    ) -> Option<Arc<SurrogateMap>> {
        if !self.is_used.load(Ordering::Relaxed) {
            return None;
        }
        let mut guard = self.kept();
        guard.sweep(self.keep, now);
        let of_caller = guard.of((tenant, principal), self.keep, now)?;
        let is_its = |value: &&Value| value.source.as_deref() == Some(source);
        let its = of_caller.values.values().filter(is_its);
        let pairs: Vec<Pair> = its.map(|value| value.pair.clone()).collect();
        drop(guard);
        (!pairs.is_empty()).then(|| Arc::new(SurrogateMap::new(pairs)))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use privet_types::Secret;

    use super::*;

    fn pair(number: usize) -> Pair {
        Pair {
            surrogate: format!("PERSON_{number:013}"),
            form: Form::Tag,
            value: Secret::new(format!("Person {number}")),
        }
    }

    fn found(map: Option<Arc<SurrogateMap>>) -> usize {
        map.map_or(0, |map| map.len())
    }

    #[test]
    fn values_are_their_callers_own_and_their_servers_own() {
        let (recall, now) = (Recall::new(10, Duration::from_secs(60), false), Instant::now());
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let crm: Arc<str> = "crm".into();
        recall.remember((&acme, "ann"), &[pair(1)], Some(&crm), now);
        recall.remember((&acme, "ann"), &[pair(2)], None, now);
        assert_eq!(found(recall.of(&acme, "ann", now)), 2);
        assert_eq!(found(recall.said_by((&acme, "ann"), "crm", now)), 1);
        assert_eq!(found(recall.said_by((&acme, "ann"), "web", now)), 0);
        assert_eq!(found(recall.of(&acme, "bob", now)), 0);
        assert_eq!(found(recall.of(&other, "ann", now)), 0);
    }

    #[test]
    fn what_is_too_old_goes_though_its_caller_does_not_return() {
        let (recall, now) = (Recall::new(3, Duration::from_secs(60), false), Instant::now());
        let acme: TenantId = "acme".parse().unwrap();
        recall.remember((&acme, "ann"), &[pair(1)], None, now);
        recall.remember((&acme, "bob"), &[pair(2)], None, now + Duration::from_secs(61));
        assert_eq!(recall.kept().callers.len(), 1);
    }

    #[test]
    fn the_oldest_go_first_and_all_go_in_time() {
        let (recall, now) = (Recall::new(3, Duration::from_secs(60), false), Instant::now());
        let acme: TenantId = "acme".parse().unwrap();
        for number in 0..5 {
            recall.remember((&acme, "ann"), &[pair(number)], None, now);
        }
        let map = recall.of(&acme, "ann", now).unwrap();
        assert_eq!(map.len(), 3);
        assert!(map.tagged("<PERSON_0000000000004>").is_some());
        assert!(map.tagged("PERSON_0000000000001").is_none());
        let later = now + Duration::from_secs(61);
        assert_eq!(found(recall.of(&acme, "ann", later)), 0);
        assert_eq!(recall.kept().bytes, 0);
    }
}
