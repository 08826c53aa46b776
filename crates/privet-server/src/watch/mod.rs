//! The watch on the path of a prompt: what is seen of requests and replies is handed to a queue, and looked at by a task of its
//! own. Who is held (throttled or suspended) is refused before anything else is done.

mod deliver;
mod keep;
mod replies;
mod routes;
mod syslog;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};

use jiff::Timestamp;
use memchr::memmem;
use privet_access::Authenticated;
use privet_crypto::{HashKey, RootKey, SealingKey};
use privet_policy::Policy;
use privet_store::{HeldCaller, Store};
use privet_types::{AuditEvent, Pseudonym, TenantId};
use privet_watch::{CLASSES, Observation, Response, Sketch, Watched, Watcher};

pub use deliver::AlertOutbox;
pub(crate) use replies::WatchedReply;
pub use routes::shown as shown_alert;
pub(crate) use routes::{admitted, close, described, routes, unavailable};

use crate::problem::Problem;

/// Most that wait to be looked at: about a second of a busy node. What comes beyond is not seen, and counted.
const MOST_WAITING: usize = 16_384;
/// Networks whose keyed hashes are remembered.
const MOST_NETWORKS: usize = 4096;

/// What waits to be looked at.
pub(crate) enum Seen {
    Request(Box<SeenRequest>),
    Reply(Box<SeenReply>),
}

/// A request that was decided upon.
pub(crate) struct SeenRequest {
    pub(crate) at: Timestamp,
    pub(crate) tenant: TenantId,
    pub(crate) who: u128,
    pub(crate) key_id: String,
    pub(crate) address: Option<IpAddr>,
    pub(crate) model: Option<String>,
    pub(crate) is_denied: bool,
    pub(crate) values: [u32; CLASSES],
    pub(crate) bytes: u64,
    pub(crate) sketch: Option<Sketch>,
}

/// A reply that has ended.
pub(crate) struct SeenReply {
    pub(crate) at: Timestamp,
    pub(crate) tenant: TenantId,
    /// Provider and model, in the version that the reply names.
    pub(crate) model: String,
    pub(crate) is_error: bool,
    pub(crate) is_refusal: bool,
    pub(crate) has_leftover: bool,
    pub(crate) bytes: u64,
}

/// What a prompt was like that went out.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sent {
    pub(crate) bytes: u64,
    pub(crate) sketch: Option<Sketch>,
}

/// A caller who is throttled or suspended.
#[derive(Debug, Clone)]
struct Held {
    response: Response,
    requests: u32,
    until: Timestamp,
    /// The minute in which requests are counted, and how many there were.
    minute: i64,
    count: u32,
}

/// What a gateway watches with.
pub(crate) struct Watch {
    is_on: AtomicBool,
    waiting: Mutex<Vec<Seen>>,
    unseen: AtomicU64,
    watcher: Mutex<Watcher>,
    /// Whether anybody is held: the one thing that is looked at for every request.
    holds_anybody: AtomicBool,
    held: RwLock<HashMap<String, Mutex<Held>>>,
    /// Of keys, networks and models.
    names: HashKey,
    sketches: u64,
    states: SealingKey,
    /// Where alerts are kept, once the task that looks has begun.
    store: OnceLock<Store>,
}

impl Watch {
    pub(crate) fn new(policy: &Policy, root: &RootKey) -> Self {
        let names = root.hash_key("privet/server/watch", b"");
        let config = policy.watch().clone();
        Self {
            is_on: AtomicBool::new(config.enabled),
            waiting: Mutex::default(),
            unseen: AtomicU64::new(0),
            watcher: Mutex::new(Watcher::new(config, policy.access().utc_offset_seconds())),
            holds_anybody: AtomicBool::new(false),
            held: RwLock::default(),
            sketches: short(&names, &[b"sketch"]),
            names,
            states: root.sealing_key("privet/server/watch-state", b""),
            store: OnceLock::new(),
        }
    }

    pub(crate) fn store(&self) -> Option<&Store> {
        self.store.get()
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Goes by what another policy says from now on. What was learnt stays.
    pub(crate) fn take_up(&self, policy: &Policy) {
        self.is_on.store(policy.watch().enabled, Ordering::Relaxed);
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        watcher.go_by(policy.watch().clone(), policy.access().utc_offset_seconds());
    }

    /// What `body` is like, which goes to a provider.
    pub(crate) fn sketch(&self, body: &[u8]) -> Sent {
        if !self.is_on() {
            return Sent::default();
        }
        Sent {
            bytes: body.len() as u64,
            sketch: Sketch::of(last_message(body), self.sketches),
        }
    }

    /// Refuses callers who are suspended, and those who are throttled and have had their share of this minute.
    pub(crate) fn check(&self, pseudonym: impl FnOnce() -> Pseudonym, now: Timestamp) -> Result<(), Problem> {
        if !self.holds_anybody.load(Ordering::Acquire) {
            return Ok(());
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = held.get(&pseudonym().0) else {
            return Ok(());
        };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= held.until {
            return Ok(());
        }
        if held.response == Response::Suspend {
            return Err(Problem::Suspended { until: held.until });
        }
        let minute = now.as_second().div_euclid(60);
        if held.minute != minute {
            (held.minute, held.count) = (minute, 0);
        }
        if held.count >= held.requests {
            let left = 60 - now.as_second().rem_euclid(60);
            return Err(Problem::Throttled {
                retry_after: left.unsigned_abs(),
            });
        }
        held.count += 1;
        Ok(())
    }

    /// A request was decided upon, as `event` says; `sent` is what went out, if anything did.
    pub(crate) fn decided(
        &self,
        caller: &Authenticated,
        event: &AuditEvent,
        address: Option<IpAddr>,
        sent: Sent,
        problem: Option<&Problem>,
    ) {
        // What the watch itself refused is no news, and what failed says nothing of the caller.
        if !self.is_on() || problem.is_some_and(|problem| !problem.is_refusal()) {
            return;
        }
        let who = event
            .principal
            .as_ref()
            .and_then(|who| u128::from_str_radix(&who.0, 16).ok());
        let Some(who) = who else { return };
        self.push(Seen::Request(Box::new(SeenRequest {
            at: event.at,
            tenant: caller.tenant.clone(),
            who,
            key_id: caller.key_id.clone(),
            address,
            model: event.model.clone(),
            is_denied: problem.is_some(),
            values: Observation::by_class(&event.decision.counts),
            bytes: sent.bytes,
            sketch: sent.sketch,
        })));
    }

    pub(crate) fn push(&self, seen: Seen) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < MOST_WAITING {
            waiting.push(seen);
        } else {
            self.unseen.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Holds `callers`, and nobody else.
    fn hold(&self, callers: Vec<HeldCaller>, now: Timestamp) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let next = HashMap::new();
        self.hold_beside(&mut held, next, callers, now);
    }

    /// Holds `callers`, and whoever is held already.
    fn hold_too(&self, callers: Vec<HeldCaller>, now: Timestamp) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let next = std::mem::take(&mut *held);
        self.hold_beside(&mut held, next, callers, now);
    }

    fn hold_beside(
        &self,
        held: &mut HashMap<String, Mutex<Held>>,
        mut next: HashMap<String, Mutex<Held>>,
        callers: Vec<HeldCaller>,
        now: Timestamp,
    ) {
        for caller in callers.into_iter().filter(|caller| caller.until > now) {
            let response = if caller.response == Response::Suspend.name() {
                Response::Suspend
            } else {
                Response::Throttle
            };
            let mut new = Held {
                response,
                requests: caller.requests,
                until: caller.until,
                minute: 0,
                count: 0,
            };
            // Of several the strictest counts, and what was counted goes on.
            if let Some(known) = held.get(&caller.who).or(next.get(&caller.who)) {
                let known = known.lock().unwrap_or_else(PoisonError::into_inner);
                (new.minute, new.count) = (known.minute, known.count);
            }
            let is_stricter = next.get(&caller.who).is_none_or(|other| {
                let other = other.lock().unwrap_or_else(PoisonError::into_inner);
                (new.response == Response::Suspend, new.until)
                    > (other.response == Response::Suspend, other.until)
            });
            if is_stricter {
                next.insert(caller.who, Mutex::new(new));
            }
        }
        self.holds_anybody.store(!next.is_empty(), Ordering::Release);
        *held = next;
    }

    /// How far the watch knows the caller of this pseudonym.
    pub(crate) fn standing(&self, who: &Pseudonym) -> Option<privet_watch::Standing> {
        let who = Watched(u128::from_str_radix(&who.0, 16).ok()?);
        let watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        watcher.standing(who)
    }

    /// How many requests and replies were not looked at, because too many waited.
    pub(crate) fn unseen(&self) -> u64 {
        self.unseen.load(Ordering::Relaxed)
    }
}

/// The first 64 bits of a keyed hash.
fn short(key: &HashKey, parts: &[&[u8]]) -> u64 {
    let hash = key.hash(parts);
    hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// The network of an address: 24 bits of IPv4, 48 of IPv6.
fn network(address: IpAddr) -> [u8; 7] {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            [4, a, b, c, 0, 0, 0]
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, ..] = address.octets();
            [6, a, b, c, d, e, f]
        }
    }
}

/// Where the last message of the user begins in a masked body; all of a short body, and the end of another, where none is found.
fn last_message(body: &[u8]) -> &[u8] {
    let from = memmem::rfind(body, b"\"user\"").unwrap_or_else(|| body.len().saturating_sub(512));
    let rest = body.get(from..).unwrap_or_default();
    // Its own text, and not the name of its role.
    let text = memmem::find(rest, b"\"content\"").or_else(|| memmem::find(rest, b"\"text\""));
    match text {
        Some(at) if at < 256 => rest.get(at..).unwrap_or(rest),
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_24_bits_of_ipv4_and_48_of_ipv6() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.200"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.9"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:ffff::9"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
    }

    #[test]
    fn the_last_message_of_the_user_is_looked_at_and_not_what_came_before() {
        let of = |messages: &str| {
            let body = format!(r#"{{"model":"m","messages":[{messages}],"stream":true}}"#);
            Sketch::of(last_message(body.as_bytes()), 1).unwrap()
        };
        let asked = r#"{"role":"user","content":"which of the two contracts ends earlier, and who has to be told of it"}"#;
        let before = r#"{"role":"user","content":"write a poem about hedges in the winter of the north"},{"role":"assistant","content":"No."}"#;
        assert!(of(asked).is_like(&of(&format!("{before},{asked}"))));
        assert!(!of(asked).is_like(&of(before)));
    }
}
