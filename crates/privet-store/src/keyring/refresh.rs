//! Hearing of what other processes change.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use privet_crypto::KeyId;
use tokio::sync::Mutex;

use super::roots::{Roots, wrapping_key};
use super::{Keyring, Swept};
use crate::{Error, Store, values};

/// What is known of other processes' changes is at most this old when a key is given out.
const FRESH: Duration = Duration::from_millis(400);

/// A process that slept longer forgets all it holds: the list of what was shredded is kept for a day.
const SLEPT: Duration = Duration::from_secs(3600);

/// When this process last asked for changes.
pub(super) struct Freshness {
    opened: Instant,
    /// Milliseconds after `opened`.
    asked_at: AtomicU64,
    /// Held by who asks; when the database last did not answer, after `opened`.
    one: Mutex<Option<Duration>>,
}

impl Freshness {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            asked_at: AtomicU64::new(0),
            one: Mutex::new(None),
        }
    }

    fn age(&self) -> Duration {
        let asked_at = Duration::from_millis(self.asked_at.load(Ordering::Acquire));
        self.opened.elapsed().saturating_sub(asked_at)
    }

    /// Whether what is known is young enough to be used.
    pub(super) fn is_fresh(&self) -> bool {
        self.age() < FRESH
    }
}

impl Keyring {
    /// Hears of other processes' changes, unless it did just now.
    pub(super) async fn refresh(&self) -> Result<(), Error> {
        if self.inner.freshness.is_fresh() {
            return Ok(());
        }
        let came_at = self.inner.freshness.opened.elapsed();
        let mut failed_at = self.inner.freshness.one.lock().await;
        if self.inner.freshness.is_fresh() {
            return Ok(());
        }
        // Whoever waited for a look that failed would wait as long again, one after the other.
        if failed_at.is_some_and(|at| at > came_at) {
            return Err(Error::Unreachable(sqlx::Error::PoolTimedOut));
        }
        let asked = self.ask().await;
        *failed_at = match &asked {
            Err(Error::Unreachable(_)) => Some(self.inner.freshness.opened.elapsed()),
            _ => None,
        };
        asked
    }

    /// Hears of other processes' changes in any case.
    pub(super) async fn ask(&self) -> Result<(), Error> {
        let freshness = &self.inner.freshness;
        let asked_at = freshness.opened.elapsed();
        let seen = self.cache().seen;
        let read = self.read_all(move |tx| {
            Box::pin(async move {
                let changes: Vec<(String, i64)> =
                    tx.rows("SELECT name, version FROM changes", values![]).await?;
                let of = |wanted: &str| changes.iter().find(|(name, _)| name == wanted).map(|(_, n)| *n);
                let shred = of("shred").unwrap_or(0);
                let ids: Vec<[u8; 16]> = if shred > seen {
                    tx.rows("SELECT id FROM shredded_keys WHERE version > $1", values![seen])
                        .await?
                        .into_iter()
                        .map(|(id,)| id)
                        .collect()
                } else {
                    Vec::new()
                };
                Ok((of("keys").unwrap_or(0), shred, of("openings").unwrap_or(0), ids))
            })
        });
        let (keys, shred, openings, ids) = read.await?;
        {
            let mut cache = self.cache();
            if freshness.age() > SLEPT {
                cache.clear(shred);
            } else {
                let ids: Vec<_> = ids.into_iter().map(KeyId::from_bytes).collect();
                cache.forget(&ids, shred);
            }
            cache.seen = cache.seen.max(shred);
            cache.age();
        }
        self.seals().openings = openings;
        if self.tenants().seen < keys {
            // A root key that was taken away while this process runs: it goes on with what it knows.
            match self.load_roots().await {
                Err(Error::WrongRootKey { .. }) => {}
                done => done?,
            }
            let mut tenants = self.tenants();
            tenants.map.clear();
            tenants.seen = tenants.seen.max(keys);
        }
        let asked_at = u64::try_from(asked_at.as_millis()).unwrap_or(u64::MAX);
        freshness.asked_at.fetch_max(asked_at, Ordering::AcqRel);
        Ok(())
    }

    /// Reads the root keys anew.
    pub(super) async fn load_roots(&self) -> Result<(), Error> {
        let own = wrapping_key(&self.inner.root);
        let roots = Roots::load(&self.inner.database, own).await?;
        self.set_roots(roots);
        Ok(())
    }
}

/// Keeps a keyring in order until `shutdown`: hears of other processes' shreddings twice a second, so that an idle node
/// forgets too, makes leaves of `store`'s log of what happens to keys, and sweeps every `interval`. `tell` gets what each
/// sweep did.
///
/// Several nodes may run it at once.
pub async fn run_keyring(
    keyring: &Keyring,
    store: &Store,
    interval: Duration,
    mut tell: impl FnMut(Swept) + Send,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut shutdown = pin!(shutdown);
    let mut last = None::<Instant>;
    loop {
        tokio::select! {
            () = &mut shutdown => return,
            () = tokio::time::sleep(FRESH) => {}
        }
        if let Err(error) = keyring.refresh().await {
            tracing::warn!(error = %error, "the keyring does not answer");
            continue;
        }
        if last.is_none_or(|last| last.elapsed() >= interval) {
            match keyring.sweep(&mut |_| {}).await {
                Ok(swept) => tell(swept),
                Err(error) => tracing::warn!(error = %error, "the keyring could not be swept"),
            }
            last = Some(Instant::now());
        }
        if let Err(error) = keyring.relay_events(store).await {
            tracing::warn!(error = %error, "what happened to keys is not in the log yet");
        }
    }
}
