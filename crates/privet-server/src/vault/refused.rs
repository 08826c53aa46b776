//! What is refused before a handler is asked, for the log: counted, so that nobody fills the log by being refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use privet_store::Leaf;
use privet_types::Pseudonym;
use privet_vault::Actor;
use serde::Serialize;
use tokio::runtime::Handle;

use super::VaultApi;

/// The kind of the leaves.
const KIND: &str = "vault_refused";
/// How often what was counted is told.
const PAUSE: Duration = Duration::from_secs(1);
/// Most principals and reasons that are told apart at one time.
const MOST: usize = 4_096;
/// The tenant of what has no good key: nobody's.
const NOBODYS: &str = "*";

/// Whose refusals are counted together: tenant, principal, reason.
type Key = (String, Pseudonym, &'static str);

/// Counts what was refused.
#[derive(Default)]
pub(super) struct Refusals {
    counts: Mutex<BTreeMap<Key, Count>>,
    /// Held while the log is told of what waited, so that who comes behind finds it told.
    telling: tokio::sync::Mutex<()>,
}

/// Of one key.
#[derive(Default)]
struct Count {
    /// Not told yet.
    waiting: u64,
    /// The second in which the log was last told.
    told_in: Option<i64>,
}

#[derive(Serialize)]
struct RefusedLeaf<'a> {
    principal: &'a Pseudonym,
    reason: &'static str,
    count: u64,
}

impl Refusals {
    /// Counts one. Says how many are to be told now: the first of a second is told at once.
    fn count(&self, key: &mut Key, second: i64) -> u64 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MOST && !counts.contains_key(key) {
            key.0 = NOBODYS.to_owned();
            key.1 = Pseudonym("many".to_owned());
        }
        let count = counts.entry(key.clone()).or_default();
        count.waiting += 1;
        if count.told_in == Some(second) {
            return 0;
        }
        count.told_in = Some(second);
        std::mem::take(&mut count.waiting)
    }

    /// What waits, and forgets what does not.
    fn take(&self) -> Vec<(Key, u64)> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.retain(|_, count| count.waiting > 0);
        let waiting = counts.iter_mut();
        waiting
            .map(|(key, count)| (key.clone(), std::mem::take(&mut count.waiting)))
            .collect()
    }
}

impl VaultApi {
    /// Tells the log that `actor`, or somebody without a good key, was refused for `reason`, a word of a closed set. What cannot be
    /// told is refused all the same.
    pub(crate) async fn refused(&self, actor: Option<&Actor>, reason: &'static str) {
        let mut key = match actor {
            Some(actor) => (actor.tenant.as_str().to_owned(), actor.principal.clone(), reason),
            None => (NOBODYS.to_owned(), self.nobody().principal, reason),
        };
        let count = self.refusals.count(&mut key, self.clock.now().as_second());
        if count > 0 {
            self.tell_refused(&key, count).await;
        }
    }

    /// Tells the log of all that was refused and waits to be told.
    pub(crate) async fn tell_waiting_refusals(&self) {
        let _telling = self.refusals.telling.lock().await;
        for (key, count) in self.refusals.take() {
            self.tell_refused(&key, count).await;
        }
    }

    async fn tell_refused(&self, (tenant, principal, reason): &Key, count: u64) {
        let payload = RefusedLeaf {
            principal,
            reason,
            count,
        };
        let leaf = Leaf {
            kind: KIND,
            tenant,
            at: self.clock.now(),
            payload: &payload,
        };
        if let Err(error) = self.spool.append_leaf(leaf).await {
            tracing::error!(%error, count, reason, "refusals of the vault cannot be recorded");
        }
    }
}

/// Tells the log each second what was refused since, as long as there is a vault.
pub(super) fn tell_each_second(api: &Arc<VaultApi>) {
    // Connections have runtimes of their own, which end with them; this is the server's.
    let Ok(runtime) = Handle::try_current() else {
        return;
    };
    let api: Weak<VaultApi> = Arc::downgrade(api);
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(PAUSE).await;
            let Some(api) = api.upgrade() else { return };
            api.tell_waiting_refusals().await;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(principal: &str) -> Key {
        ("acme".to_owned(), Pseudonym(principal.to_owned()), "busy")
    }

    #[test]
    fn the_first_of_a_second_is_told_at_once_and_the_others_together() {
        let refusals = Refusals::default();
        let counted = [1, 1, 1].map(|second| refusals.count(&mut key("a"), second));
        assert_eq!(counted, [1, 0, 0]);
        assert_eq!(refusals.count(&mut key("b"), 1), 1);
        assert_eq!(refusals.take(), [(key("a"), 2)]);
        assert_eq!(refusals.take(), []);
        assert!(refusals.counts.lock().unwrap().is_empty());
        refusals.count(&mut key("a"), 2);
        refusals.count(&mut key("a"), 2);
        // What waited comes with the next one, too.
        assert_eq!(refusals.count(&mut key("a"), 3), 2);
    }

    #[test]
    fn however_many_are_refused_the_counts_stay_few() {
        let refusals = Refusals::default();
        for number in 0..3 * MOST {
            refusals.count(&mut key(&number.to_string()), 1);
        }
        assert_eq!(refusals.counts.lock().unwrap().len(), MOST + 1);
        let told: u64 = refusals.take().iter().map(|(_, count)| count).sum();
        assert_eq!(told, 2 * MOST as u64 - 1);
    }
}
