//! Limits that several nodes share: the counts are in Valkey or Redis, and change there in scripts, each of which is done as a whole or
//! not at all.
//!
//! One round trip before a provider is asked, for all rules that apply. What a request used is told afterwards, by a task of its own,
//! that goes on telling until it is heard; the second time it does nothing.
//!
//! While the server does not answer, each node grants its share of what counts by the minute or the hour, and of requests at once;
//! what counts by the day or the month, and cost, is refused. When it answers again it is told what each node has granted.

mod link;
mod switches;
mod task;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use privet_crypto::{HashKey, RootKey, random};
use privet_policy::limits::{Amount, Charge, Count, Counters, Full, InMemory, Measure, Reservation};
use privet_types::Secret;
use tokio::sync::{Notify, mpsc};

pub use link::SharedError;
pub(crate) use link::Target;
use link::{Link, Scripts};
pub(crate) use switches::look;
pub use switches::share_switch;
pub(crate) use task::run;

use crate::Error;

/// How long a node counts as living after it last said so.
const ALIVE: Duration = Duration::from_secs(15);
/// How often it says so.
const BEAT: Duration = Duration::from_secs(4);
/// Most counts of models that one principal can bring about; its further ones of a rule share one.
const MOST_OF_ONE: usize = 1_000;
/// Most models of one principal whose counts are told, and longest name of one that is remembered for it.
const MOST_SHOWN: usize = 64;
const LONGEST_SHOWN: usize = 256;
/// Most requests or tokens that one call tells; no prompt uses as many.
const MOST_TOLD: u64 = 1 << 40;
/// The same of cost: nine million units. Larger numbers a script does not tell apart.
const MOST_NANOS: u64 = 1 << 53;
/// What a reservation is kept for beyond its deadline, in seconds: whoever settles late still finds it.
const KEEP: u64 = 3_600;

/// The server that limits are shared by, as the settings name it.
#[derive(Debug, Clone)]
pub struct SharedLimits {
    /// `redis://` or `rediss://`, with user and password.
    pub url: Secret<String>,
    /// Certificates that its own may rest on; those that browsers trust if there is none.
    pub ca_file: Option<PathBuf>,
    /// Whether a server beyond this machine may be spoken to in the clear.
    pub allow_plaintext: bool,
    /// Longest wait for an answer.
    pub timeout: Duration,
}

/// The counts that all nodes share.
pub(crate) struct Shared {
    target: Target,
    timeout: Duration,
    /// Before all names: one installation's, and one slot of a cluster, so that a script finds all of its counts in one place.
    prefix: String,
    names: HashKey,
    /// This process. Another start is another node: what was under way before is over.
    node: String,
    link: RwLock<Option<Link>>,
    is_lost: Notify,
    nodes: AtomicU32,
    /// Seconds by which the server's clock is ahead of this node's.
    ahead: AtomicI64,
    /// Reservations made here.
    next: AtomicU64,
    /// How often an outage was handed over.
    outages: AtomicU64,
    told: mpsc::UnboundedSender<Settled>,
    to_tell: Mutex<Option<mpsc::UnboundedReceiver<Settled>>>,
    /// Requests under way by count: what is told again where the server has forgotten this node.
    running: Mutex<HashMap<String, u32>>,
    /// What this node grants while the server does not answer.
    alone: Mutex<Alone>,
    /// What was granted so and the server has not heard of, each under a name by which it is added once.
    unheard: Mutex<Vec<(String, HashMap<String, Granted>)>>,
    /// Names of counts that callers could make up, by who did.
    made_up: Mutex<HashMap<String, HashSet<String>>>,
    /// Models that callers asked this node for where each has a count of its own, by who did.
    asked_for: Mutex<HashMap<String, BTreeSet<String>>>,
}

struct Alone {
    counters: Arc<InMemory>,
    /// What was granted of each count, by the name that the server knows it by.
    granted: HashMap<String, Granted>,
}

/// What a node granted of a count in one window.
#[derive(Debug, Clone, Copy)]
struct Granted {
    from: i64,
    to: i64,
    amount: Amount,
}

/// What a request holds of the shared counts.
#[derive(Debug)]
pub(crate) struct Held {
    reservation: String,
    /// The counts, and whether each counts requests at once.
    from: Vec<(String, bool)>,
}

/// What a request has used.
#[derive(Debug, Clone)]
struct Settled {
    reservation: String,
    counts: Vec<String>,
    used: Amount,
    /// Whether nobody heard that it was reserved.
    is_given_up: bool,
}

/// A reservation that the server was asked for. Dropped before its answer is heard, it is told that nothing was used of it.
struct Asked<'a> {
    shared: &'a Shared,
    unused: Option<Settled>,
}

/// What a request holds of this node's own counts.
pub(crate) struct HeldAlone {
    counters: Arc<InMemory>,
    reservation: Reservation,
}

/// That the server does not answer.
#[derive(Debug)]
pub(crate) struct Unanswered;

/// Why nothing is granted while the server does not answer.
pub(crate) enum Refused {
    /// A budget cannot be looked up.
    Budget,
    /// This node's share is used up.
    Full(Full),
}

/// How the shared counts are, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SharedStatus {
    /// Whether the server answers.
    pub(crate) is_up: bool,
    /// Nodes that live, as far as is known.
    pub(crate) nodes: u32,
}

impl Shared {
    /// Counts on the server of `settings`. Nothing is connected before [`run`].
    pub(crate) fn new(settings: &SharedLimits, root: &RootKey) -> Result<Arc<Self>, Error> {
        let names: HashKey = root.hash_key("privet/server/limit-counter", b"");
        let of_installation = names.hash_hex(&[b"installation"]);
        let short = of_installation.get(..16).unwrap_or_default();
        let node: [u8; 8] = random().map_err(|_| Error::Tls)?;
        let (told, to_tell) = mpsc::unbounded_channel();
        Ok(Arc::new(Self {
            target: Target::new(settings)?,
            timeout: settings.timeout,
            prefix: format!("{{privet:{short}}}:"),
            node: format!("{:016x}", u64::from_be_bytes(node)),
            alone: Mutex::new(Alone::default()),
            names,
            link: RwLock::new(None),
            is_lost: Notify::new(),
            nodes: AtomicU32::new(1),
            ahead: AtomicI64::new(0),
            next: AtomicU64::new(0),
            outages: AtomicU64::new(0),
            told,
            to_tell: Mutex::new(Some(to_tell)),
            running: Mutex::default(),
            unheard: Mutex::default(),
            made_up: Mutex::default(),
            asked_for: Mutex::default(),
        }))
    }

    pub(crate) fn status(&self) -> SharedStatus {
        SharedStatus {
            is_up: self.link().is_some(),
            nodes: self.nodes.load(Ordering::Relaxed).max(1),
        }
    }

    /// Takes `ask` from all of `charges` or from none, for `longest` at most.
    ///
    /// # Errors
    /// [`Unanswered`]: then nothing is taken, or what was is given back as soon as the server answers.
    pub(crate) async fn reserve(
        &self,
        charges: &[Charge<'_>],
        ask: Amount,
        longest: Duration,
    ) -> Result<Result<Held, Full>, Unanswered> {
        let Some(link) = self.link() else {
            return Err(Unanswered);
        };
        let reservation = format!(
            "{}q:{}:{}",
            self.prefix,
            self.node,
            self.next.fetch_add(1, Ordering::Relaxed)
        );
        let counted = self.counted(charges);
        let keys: Vec<String> = counted.iter().map(|(_, key)| key.clone()).collect();
        let ask = told(ask);
        let mut call = link.call(Scripts::Reserve, &reservation, &keys);
        call.arg(format!("{}n:", self.prefix))
            .arg(&self.node)
            .arg(longest.as_secs() + KEEP)
            .arg(ask.requests)
            .arg(ask.tokens)
            .arg(ask.nanos);
        for charge in counted.iter().filter_map(|(index, _)| charges.get(*index)) {
            call.arg(charge.window.map_or("", |(window, _)| window.name()));
            for most in [charge.most.requests, charge.most.tokens, charge.most.nanos] {
                call.arg(bound(most, u64::MAX));
            }
            call.arg(bound(charge.concurrent.into(), u32::MAX.into()));
        }
        // The server may do it whether its answer is heard or not: the caller may go away, too.
        let mut asked = Asked {
            shared: self,
            unused: Some(Settled {
                reservation: reservation.clone(),
                counts: keys.clone(),
                used: Amount::default(),
                is_given_up: true,
            }),
        };
        let taken = match link.ask::<Vec<redis::Value>>(call).await {
            Ok(taken) => taken,
            Err(error) => {
                if error.is_of_call() {
                    tracing::warn!(%error, "a request is not counted where limits are shared");
                } else {
                    self.lose(&link);
                }
                return Err(Unanswered);
            }
        };
        let text = |value: &redis::Value| redis::from_redis_value_ref::<String>(value).ok();
        let first = taken
            .first()
            .and_then(|value| redis::from_redis_value_ref::<u64>(value).ok());
        match first {
            Some(0) => {
                asked.unused = None;
                let is_running = |index: usize| {
                    charges
                        .get(index)
                        .is_some_and(|charge| charge.concurrent != u32::MAX)
                };
                let from: Vec<_> = counted
                    .into_iter()
                    .map(|(index, key)| (key, is_running(index)))
                    .collect();
                let mut running = self.running();
                for (key, _) in from.iter().filter(|(_, is_running)| *is_running) {
                    *running.entry(key.clone()).or_default() += 1;
                }
                drop(running);
                Ok(Ok(Held { reservation, from }))
            }
            Some(number) => {
                asked.unused = None;
                let measure = match taken.get(1).and_then(text).as_deref() {
                    Some("r") => Measure::Requests,
                    Some("t") => Measure::Tokens,
                    Some("n") => Measure::Cost,
                    _ => Measure::Concurrent,
                };
                let number = usize::try_from(number - 1).unwrap_or_default();
                Ok(Err(Full {
                    charge: counted.get(number).map(|(index, _)| *index).unwrap_or_default(),
                    measure,
                }))
            }
            None => {
                self.lose(&link);
                Err(Unanswered)
            }
        }
    }

    /// Puts `used` in the place of what is held, now or as soon as the server answers.
    pub(crate) fn settle(&self, held: Held, used: Amount) {
        let Held { reservation, from } = held;
        let mut running = self.running();
        for (key, _) in from.iter().filter(|(_, is_running)| *is_running) {
            if let Some(count) = running.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    running.remove(key);
                }
            }
        }
        drop(running);
        self.tell(Settled {
            reservation,
            counts: from.into_iter().map(|(key, _)| key).collect(),
            used,
            is_given_up: false,
        });
    }

    /// This node's own grant while the server does not answer.
    ///
    /// # Errors
    /// [`Refused`] where a budget would have to be known, or the share is used up.
    pub(crate) fn reserve_alone(
        &self,
        charges: &[Charge<'_>],
        ask: Amount,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<HeldAlone, Refused> {
        let is_budget = |charge: &Charge<'_>| {
            charge.window.is_some_and(|(window, _)| window.is_budget()) || charge.most.nanos != u64::MAX
        };
        if charges.iter().any(is_budget) {
            return Err(Refused::Budget);
        }
        let ask = told(ask);
        let nodes = u64::from(self.status().nodes);
        // In the windows that the server will count in.
        let ahead = SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed));
        let there = now.checked_add(ahead).unwrap_or(now);
        let window = |charge: &Charge<'_>| charge.window.map(|(window, _)| (window, window.start(there)));
        let shares = charges.iter().map(|charge| Charge {
            window: window(charge),
            ..share(charge, nodes)
        });
        let shares: Vec<Charge<'_>> = shares.collect();
        let mut alone = self.alone();
        let taken = alone.counters.reserve(&shares, ask, deadline, now);
        let reservation = taken.map_err(Refused::Full)?;
        for (index, key) in self.counted(&shares) {
            let Some((window, from)) = shares.get(index).and_then(|charge| charge.window) else {
                continue;
            };
            let granted = alone.granted.entry(key).or_insert(Granted {
                from,
                to: window.end(from),
                amount: Amount::default(),
            });
            if granted.from != from {
                (granted.from, granted.to, granted.amount) = (from, window.end(from), Amount::default());
            }
            granted.amount = granted.amount.and(ask);
        }
        Ok(HeldAlone {
            counters: Arc::clone(&alone.counters),
            reservation,
        })
    }

    /// Remembers that a request for `model` was counted on `charges`, where any of them is of that model alone.
    pub(crate) fn saw(&self, charges: &[Charge<'_>], model: &str) {
        let Some(owner) = charges.iter().find_map(|charge| charge.owner.as_ref()) else {
            return;
        };
        let mut all = self.asked_for.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(owner) {
            all.insert(owner.clone(), BTreeSet::new());
        }
        if let Some(theirs) = all.get_mut(owner)
            && theirs.len() < MOST_SHOWN
            && model.len() <= LONGEST_SHOWN
            && !theirs.contains(model)
        {
            theirs.insert(model.to_owned());
        }
    }

    /// The models that `owner` asked this node for, where each has a count of its own.
    pub(crate) fn seen(&self, owner: &str) -> BTreeSet<String> {
        let all = self.asked_for.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(owner).cloned().unwrap_or_default()
    }

    /// The counts of `charges` as they are.
    pub(crate) async fn read(&self, charges: &[&Charge<'_>]) -> Result<Vec<Count>, Unanswered> {
        let Some(link) = self.link() else {
            return Err(Unanswered);
        };
        let mut counts = Vec::with_capacity(charges.len());
        for charge in charges {
            let mut get = redis::cmd("HGETALL");
            get.arg(self.key(charge));
            let found: HashMap<String, String> = link.ask(get).await.map_err(|_| Unanswered)?;
            let number = |name: &str| found.get(name).and_then(|text| text.parse().ok());
            let window_start = number("w").map_or(0, |from: u64| i64::try_from(from).unwrap_or_default());
            let running = found
                .iter()
                .filter(|(name, _)| name.starts_with('@'))
                .filter_map(|(_, count)| count.parse::<u32>().ok())
                .sum();
            counts.push(Count {
                window_start,
                settled: Amount {
                    requests: number("r").unwrap_or_default(),
                    tokens: number("t").unwrap_or_default(),
                    nanos: number("n").unwrap_or_default(),
                },
                // The server does not tell them apart from what was used.
                reserved: Amount::default(),
                running,
            });
        }
        Ok(counts)
    }

    /// The counts of `charges`, by the place of the first charge that is on each, and what the server calls them. Where there are too
    /// many, several share one: a request is on it once.
    fn counted(&self, charges: &[Charge<'_>]) -> Vec<(usize, String)> {
        let mut taken = HashSet::new();
        let keys = charges.iter().map(|charge| self.key(charge)).enumerate();
        keys.filter(|(_, key)| taken.insert(key.clone())).collect()
    }

    /// What the server calls the count of `charge`.
    fn key(&self, charge: &Charge<'_>) -> String {
        let key = |of: &str| {
            let name = self.names.hash_hex(&[charge.rule.as_bytes(), of.as_bytes()]);
            format!("{}c:{}", self.prefix, name.get(..32).unwrap_or(&name))
        };
        let own = key(&charge.of);
        let Some(owner) = &charge.owner else {
            return own;
        };
        let mut made_up = self.made_up.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = made_up.entry(owner.clone()).or_default();
        if theirs.contains(&own) {
            return own;
        }
        if theirs.len() < MOST_OF_ONE {
            theirs.insert(own.clone());
            return own;
        }
        drop(made_up);
        key(&format!("\u{1}others{owner}"))
    }

    fn tell(&self, settled: Settled) {
        // Only at the very end nobody listens any more.
        let _ = self.told.send(settled);
    }

    fn link(&self) -> Option<Link> {
        self.link.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `link` answers no more: nobody waits for it again, and another one is made.
    fn lose(&self, lost: &Link) {
        let mut link = self.link.write().unwrap_or_else(PoisonError::into_inner);
        if link.as_ref().is_some_and(|link| link.number() == lost.number()) {
            *link = None;
            tracing::warn!("limits are not shared: the server does not answer; this node grants its share");
            self.is_lost.notify_one();
        }
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unheard(&self) -> MutexGuard<'_, Vec<(String, HashMap<String, Granted>)>> {
        self.unheard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alone(&self) -> MutexGuard<'_, Alone> {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Alone {
    fn default() -> Self {
        Self {
            counters: Arc::new(InMemory::new([], Box::new(str::to_owned))),
            granted: HashMap::new(),
        }
    }
}

impl HeldAlone {
    pub(crate) fn settle(self, used: Amount) {
        self.counters.settle(self.reservation, used);
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(unused) = self.unused.take() {
            self.shared.tell(unused);
        }
    }
}

/// What the server is told of `amount`, which callers and providers can make as large as they like.
fn told(amount: Amount) -> Amount {
    Amount {
        requests: amount.requests.min(MOST_TOLD),
        tokens: amount.tokens.min(MOST_TOLD),
        nanos: amount.nanos.min(MOST_NANOS),
    }
}

/// As the scripts take a bound: `none` is no bound.
fn bound(most: u64, none: u64) -> i64 {
    if most == none {
        -1
    } else {
        i64::try_from(most).unwrap_or(i64::MAX)
    }
}

/// What one of `nodes` grants of `charge`. Rounded down: all of them together never grant more than the whole.
fn share<'a>(charge: &Charge<'a>, nodes: u64) -> Charge<'a> {
    let part = |most: u64| if most == u64::MAX { most } else { most / nodes };
    let at_once = u64::from(charge.concurrent) / nodes;
    Charge {
        most: Amount {
            requests: part(charge.most.requests),
            tokens: part(charge.most.tokens),
            nanos: part(charge.most.nanos),
        },
        concurrent: if charge.concurrent == u32::MAX {
            u32::MAX
        } else {
            u32::try_from(at_once).unwrap_or(u32::MAX)
        },
        ..charge.clone()
    }
}
