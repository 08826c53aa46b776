//! What callers were handed stand-ins for by others than the prompt at hand: in memory alone, bounded, and for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use privet_pii::{Form, Pair, SurrogateMap};
use privet_types::TenantId;

/// Most bytes of values and stand-ins of all callers.
const MOST_BYTES: usize = 32 << 20;
/// Longest value that is remembered.
const LONGEST: usize = 4 << 10;
/// Bytes that a value takes beside its own.
const PER_VALUE: usize = 160;

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
}

#[derive(Debug)]
struct OfCaller {
    values: VecDeque<Value>,
    last: Instant,
    /// All of them; made when it is asked for.
    map: Option<Arc<SurrogateMap>>,
}

#[derive(Debug)]
struct Value {
    pair: Pair,
    /// The server that said it; none of a prompt.
    source: Option<Arc<str>>,
    since: Instant,
}

impl Value {
    fn bytes(&self) -> usize {
        self.pair.surrogate.len() + self.pair.value.expose().len() + PER_VALUE
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

    pub(crate) const fn learns_prompts(&self) -> bool {
        self.learns_prompts
    }

    /// Remembers the tags among `pairs`, said by the server `source`. The oldest of the caller's go first where there are too many,
    /// and then callers who have not been here for longest.
    pub(crate) fn remember(
        &self,
        (tenant, principal): (&TenantId, &str),
        pairs: &[Pair],
        source: Option<&Arc<str>>,
        now: Instant,
    ) {
        let is_kept = |pair: &&Pair| pair.form == Form::Tag && pair.value.expose().len() <= LONGEST;
        if self.most == 0 || !pairs.iter().any(|pair| is_kept(&pair)) {
            return;
        }
        self.is_used.store(true, Ordering::Relaxed);
        let mut kept = self.kept();
        let name = (tenant.clone(), principal.to_owned());
        let of_caller = kept.callers.entry(name.clone()).or_insert_with(|| OfCaller {
            values: VecDeque::new(),
            last: now,
            map: None,
        });
        of_caller.last = now;
        of_caller.map = None;
        let mut change = 0_isize;
        for pair in pairs.iter().filter(is_kept) {
            let is_same =
                |known: &Value| known.pair.surrogate == pair.surrogate && known.source.as_ref() == source;
            if let Some(at) = of_caller.values.iter().position(is_same) {
                change -= of_caller
                    .values
                    .remove(at)
                    .map_or(0, |value| value.bytes().cast_signed());
            }
            let value = Value {
                pair: pair.clone(),
                source: source.cloned(),
                since: now,
            };
            change += value.bytes().cast_signed();
            of_caller.values.push_back(value);
            if of_caller.values.len() > self.most {
                change -= of_caller
                    .values
                    .pop_front()
                    .map_or(0, |value| value.bytes().cast_signed());
            }
        }
        kept.bytes = kept.bytes.saturating_add_signed(change);
        while kept.bytes > MOST_BYTES && kept.callers.len() > 1 {
            let oldest = kept.callers.iter().min_by_key(|(_, caller)| caller.last);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                return;
            };
            let freed = kept.callers.remove(&oldest);
            let freed: usize = freed
                .iter()
                .flat_map(|caller| &caller.values)
                .map(Value::bytes)
                .sum();
            kept.bytes = kept.bytes.saturating_sub(freed);
        }
    }

    /// All that is remembered of a caller.
    pub(crate) fn of(&self, tenant: &TenantId, principal: &str, now: Instant) -> Option<Arc<SurrogateMap>> {
        if !self.is_used.load(Ordering::Relaxed) {
            return None;
        }
        let mut kept = self.kept();
        let freed = self.forget(&mut kept, tenant, principal, now)?;
        kept.bytes = kept.bytes.saturating_sub(freed);
        let of_caller = kept.callers.get_mut(&(tenant.clone(), principal.to_owned()))?;
        let map = of_caller.map.get_or_insert_with(|| {
            let pairs = of_caller.values.iter().map(|value| value.pair.clone());
            Arc::new(SurrogateMap::new(pairs.collect()))
        });
        (!map.is_empty()).then(|| Arc::clone(map))
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
        let mut kept = self.kept();
        let freed = self.forget(&mut kept, tenant, principal, now)?;
        kept.bytes = kept.bytes.saturating_sub(freed);
        let of_caller = kept.callers.get(&(tenant.clone(), principal.to_owned()))?;
        let is_its = |value: &&Value| value.source.as_deref() == Some(source);
        let pairs: Vec<Pair> = of_caller
            .values
            .iter()
            .filter(is_its)
            .map(|value| value.pair.clone())
            .collect();
        (!pairs.is_empty()).then(|| Arc::new(SurrogateMap::new(pairs)))
    }

    /// Drops what is too old of one caller; gives the bytes that were freed.
    fn forget(&self, kept: &mut Kept, tenant: &TenantId, principal: &str, now: Instant) -> Option<usize> {
        let of_caller = kept.callers.get_mut(&(tenant.clone(), principal.to_owned()))?;
        let mut freed = 0;
        while let Some(oldest) = of_caller.values.front()
            && now.saturating_duration_since(oldest.since) > self.keep
        {
            freed += oldest.bytes();
            of_caller.values.pop_front();
            of_caller.map = None;
        }
        Some(freed)
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
