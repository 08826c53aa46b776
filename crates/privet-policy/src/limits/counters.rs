//! Where use is counted.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::{Amount, Window};

/// How often reservations are looked at that nobody settled, in milliseconds.
const EXPIRY: i64 = 1_000;
/// How often counts are dropped whose window is over, in milliseconds.
const PRUNING: i64 = 60_000;
/// Most counts. Past it new ones of a rule share one.
const MOST_COUNTERS: usize = 100_000;
/// Most counts of models that one principal can bring about. Past it its new ones of a rule share one, so that made-up names cost no
/// memory, win nothing, and take no count from others.
const MOST_OF_ONE: u32 = 1_000;
/// What stands for the name of that one.
const OTHERS: &str = "\u{1}others";

/// What a request would be counted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge<'a> {
    /// The rule's name.
    pub rule: &'a str,
    /// What of it has a count of its own.
    pub of: String,
    /// Who brings this count about, where it is of a name that callers can make up.
    pub owner: Option<String>,
    /// The group whose count it is, where each has one.
    pub group: Option<String>,
    /// The window, and when the one that counts now began.
    pub window: Option<(Window, i64)>,
    /// Most of it; `u64::MAX` where there is no limit.
    pub most: Amount,
    /// Most requests at once; `u32::MAX` where there is no limit.
    pub concurrent: u32,
}

/// Why a request was not taken: the place of the charge, and what there is none left of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// An index into the charges.
    pub charge: usize,
    /// What is used up.
    pub measure: super::Measure,
}

/// A place in the counts that a request holds until it is settled.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "it is held until it is settled or expires"]
pub struct Reservation(u64);

/// One count at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// When its window began; 0 where it has none.
    pub window_start: i64,
    /// What was used.
    pub settled: Amount,
    /// What is set aside for requests under way.
    pub reserved: Amount,
    /// Requests under way.
    pub running: u32,
}

/// A count that outlives the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedCounter {
    /// What stands for its name.
    pub counter: String,
    /// When its window began, in seconds since 1970.
    pub window_start: i64,
    /// What was used, and what was set aside at that time: who does not come back to settle has used it.
    pub used: Amount,
}

/// Where use is counted: in this process, or for several of them elsewhere.
pub trait Counters: Send + Sync {
    /// Takes `ask` from all of `charges` or from none. What is not settled by `deadline` counts as used.
    ///
    /// # Errors
    /// [`Full`] for the first of them that has not enough left.
    fn reserve(
        &self,
        charges: &[Charge<'_>],
        ask: Amount,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Reservation, Full>;

    /// Whether all of `charges` have enough left for `ask`. Takes nothing.
    ///
    /// # Errors
    /// [`Full`] for the first of them that has not.
    fn look(&self, charges: &[Charge<'_>], ask: Amount, now: Timestamp) -> Result<(), Full>;

    /// Puts `used` in the place of what was reserved. Says and does nothing if that has expired.
    fn settle(&self, reservation: Reservation, used: Amount);

    /// Takes as used what should have been settled by now.
    fn expire(&self, now: Timestamp);

    /// The counts of `rule` whose names begin with `of`, with their names.
    fn read(&self, rule: &str, of: &str) -> Vec<(String, Count)>;
}

/// What a count is called where it is kept, so that no names of callers need to be kept there.
type Naming = Box<dyn Fn(&str) -> String + Send + Sync>;

/// Counts in this process. One lock for all of them, held for some hundred nanoseconds: a request is on all of its counts or on
/// none.
pub struct InMemory {
    state: Mutex<State>,
    naming: Naming,
}

#[derive(Default)]
struct State {
    counters: BTreeMap<String, Counter>,
    held: HashMap<u64, Held>,
    /// Counts that each owner has brought about.
    owned: HashMap<String, u32>,
    next: u64,
    next_expiry: i64,
    next_pruning: i64,
    /// What was saved before this process began, by what stands for the name.
    before: HashMap<String, (i64, Amount)>,
    changes: u64,
}

#[derive(Default)]
struct Counter {
    count: Count,
    window: Option<Window>,
    /// Who brought it about.
    owner: Option<String>,
    /// The number of the last change.
    changed: u64,
}

struct Held {
    /// Names, and the windows they were taken from.
    from: Vec<(String, i64)>,
    ask: Amount,
    deadline: i64,
}

impl InMemory {
    /// Goes on from what was saved. `naming` makes of a count's name what [`SavedCounter::counter`] is.
    #[must_use]
    pub fn new(saved: impl IntoIterator<Item = SavedCounter>, naming: Naming) -> Self {
        let before = saved
            .into_iter()
            .map(|saved| (saved.counter, (saved.window_start, saved.used)))
            .collect();
        Self {
            state: Mutex::new(State {
                before,
                ..State::default()
            }),
            naming,
        }
    }

    /// The counts of days and months that changed after change number `since`, and the number of the last change.
    #[must_use]
    pub fn changed_since(&self, since: u64) -> (Vec<SavedCounter>, u64) {
        let state = self.state();
        let changed = state
            .counters
            .iter()
            .filter(|(_, counter)| counter.changed > since && counter.window.is_some_and(Window::is_budget));
        let found: Vec<(String, Count)> = changed.map(|(name, c)| (name.clone(), c.count)).collect();
        let last = state.changes;
        drop(state);
        let saved = found.into_iter().map(|(name, count)| SavedCounter {
            counter: (self.naming)(&name),
            window_start: count.window_start,
            used: count.settled.and(count.reserved),
        });
        (saved.collect(), last)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The whole name of a count.
fn name(rule: &str, of: &str) -> String {
    let mut name = String::with_capacity(rule.len() + 1 + of.len());
    name.push_str(rule);
    name.push('\0');
    name.push_str(of);
    name
}

impl Counters for InMemory {
    fn reserve(
        &self,
        charges: &[Charge<'_>],
        ask: Amount,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Reservation, Full> {
        let mut state = self.state();
        // INVARIANT: nothing is taken before all have enough left.
        let from = state.enough(charges, ask, now, &self.naming)?;
        for (name, _) in &from {
            state.change(name, |count| {
                count.reserved = count.reserved.and(ask);
                count.running += 1;
            });
        }
        let id = state.next;
        state.next += 1;
        let held = Held {
            from,
            ask,
            deadline: deadline.as_millisecond(),
        };
        state.held.insert(id, held);
        Ok(Reservation(id))
    }

    fn look(&self, charges: &[Charge<'_>], ask: Amount, now: Timestamp) -> Result<(), Full> {
        self.state().enough(charges, ask, now, &self.naming).map(|_| ())
    }

    fn settle(&self, reservation: Reservation, used: Amount) {
        let mut state = self.state();
        if let Some(held) = state.held.remove(&reservation.0) {
            state.settle(held, used);
        }
    }

    fn expire(&self, now: Timestamp) {
        let mut state = self.state();
        state.next_expiry = i64::MIN;
        state.tidy(now.as_millisecond());
    }

    fn read(&self, rule: &str, of: &str) -> Vec<(String, Count)> {
        let (first, rule) = (name(rule, of), name(rule, ""));
        let state = self.state();
        let found = state
            .counters
            .range(first.clone()..)
            .take_while(|(name, _)| name.starts_with(&first));
        let named = |(name, counter): (&String, &Counter)| {
            let of = name.strip_prefix(&rule).unwrap_or_default().to_owned();
            (of, counter.count)
        };
        found.map(named).collect()
    }
}

impl Charge<'_> {
    /// What of `ask` there is not enough left of.
    fn lacks(&self, count: &Count, ask: Amount) -> Option<super::Measure> {
        let after = count.settled.and(count.reserved).and(ask);
        if count.running >= self.concurrent {
            Some(super::Measure::Concurrent)
        } else if after.requests > self.most.requests {
            Some(super::Measure::Requests)
        } else if after.tokens > self.most.tokens {
            Some(super::Measure::Tokens)
        } else if after.nanos > self.most.nanos {
            Some(super::Measure::Cost)
        } else {
            None
        }
    }
}

impl State {
    /// The counts of `charges`, with their windows, if all of them have enough left.
    fn enough(
        &mut self,
        charges: &[Charge<'_>],
        ask: Amount,
        now: Timestamp,
        naming: &Naming,
    ) -> Result<Vec<(String, i64)>, Full> {
        self.tidy(now.as_millisecond());
        let mut from: Vec<(String, i64)> = Vec::with_capacity(charges.len());
        for (index, charge) in charges.iter().enumerate() {
            let (name, count) = self.open(charge, naming);
            if let Some(measure) = charge.lacks(&count, ask) {
                return Err(Full {
                    charge: index,
                    measure,
                });
            }
            // Where there are too many counts, several charges of a rule share one: a request is on it once.
            let of_rule = |taken: &str| {
                let rest = taken.strip_prefix(charge.rule);
                rest.is_some_and(|rest| rest.starts_with('\0'))
            };
            let mut before = from.iter().rev().take_while(|(taken, _)| of_rule(taken));
            if before.all(|(taken, _)| *taken != name) {
                from.push((name, count.window_start));
            }
        }
        Ok(from)
    }

    /// The count of `charge` in the window that counts now, made if it is not there, and its name, which is that of another one
    /// if there are too many.
    fn open(&mut self, charge: &Charge<'_>, naming: &Naming) -> (String, Count) {
        let (window, start) = charge
            .window
            .map_or((None, 0), |(window, start)| (Some(window), start));
        let mut name = name(charge.rule, &charge.of);
        let owner = charge.owner.as_ref();
        let of_owner = owner.and_then(|owner| self.owned.get(owner)).copied();
        let is_too_many = self.counters.len() >= MOST_COUNTERS || of_owner.unwrap_or_default() >= MOST_OF_ONE;
        let mut owner = owner.cloned();
        if is_too_many && !self.counters.contains_key(&name) {
            name = match &owner {
                Some(owner) if self.counters.len() < MOST_COUNTERS => {
                    self::name(charge.rule, &format!("{OTHERS}{owner}"))
                }
                _ => self::name(charge.rule, OTHERS),
            };
            owner = None;
        }
        if let Some(counter) = self.counters.get_mut(&name) {
            // A clock that is set back opens no window again.
            if counter.count.window_start < start {
                counter.count = Count {
                    window_start: start,
                    running: counter.count.running,
                    ..Count::default()
                };
            }
            return (name, counter.count);
        }
        let kept = if self.before.is_empty() {
            None
        } else {
            self.before.remove(&naming(&name))
        };
        let count = Count {
            window_start: start,
            settled: kept
                .filter(|(at, _)| *at == start)
                .map_or_else(Amount::default, |(_, used)| used),
            ..Count::default()
        };
        if let Some(owner) = &owner {
            *self.owned.entry(owner.clone()).or_default() += 1;
        }
        let counter = Counter {
            count,
            window,
            owner,
            changed: 0,
        };
        self.counters.insert(name.clone(), counter);
        (name, count)
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Count)) {
        if let Some(counter) = self.counters.get_mut(name) {
            self.changes += 1;
            counter.changed = self.changes;
            change(&mut counter.count);
        }
    }

    fn settle(&mut self, held: Held, used: Amount) {
        for (name, window_start) in held.from {
            self.change(&name, |count| {
                count.running = count.running.saturating_sub(1);
                // What was taken from a window that is over is in no count any more.
                if count.window_start == window_start {
                    count.reserved = count.reserved.without(held.ask);
                    count.settled = count.settled.and(used);
                }
            });
        }
    }

    fn tidy(&mut self, now: i64) {
        if now >= self.next_expiry {
            self.next_expiry = now.saturating_add(EXPIRY);
            let due = self.held.iter().filter(|(_, held)| held.deadline <= now);
            let due: Vec<u64> = due.map(|(id, _)| *id).collect();
            for id in due {
                if let Some(held) = self.held.remove(&id) {
                    let ask = held.ask;
                    self.settle(held, ask);
                }
            }
        }
        if now >= self.next_pruning {
            self.next_pruning = now.saturating_add(PRUNING);
            let second = now.div_euclid(1000);
            let owned = &mut self.owned;
            self.counters.retain(|_, counter| {
                let ends = counter
                    .window
                    .map_or(i64::MIN, |window| window.end(counter.count.window_start));
                let is_kept = counter.count.running > 0 || ends > second;
                if let Some(owner) = counter.owner.as_ref().filter(|_| !is_kept)
                    && let Some(count) = owned.get_mut(owner)
                {
                    *count -= 1;
                    if *count == 0 {
                        owned.remove(owner);
                    }
                }
                is_kept
            });
        }
    }
}
