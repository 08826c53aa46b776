//! What was done with a person's data for a purpose: written down beside the prompts, for consent compliance.
//!
//! Whether it was allowed is worked out anew from the definitions and the history when the number is asked for; nothing of that is
//! believed here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use privet_vault::{Actor, Consent, Error, Processing};
use tokio::sync::mpsc;

/// Entries that wait for being written.
const WAITING: usize = 16_384;
/// Entries that are written at once.
const AT_ONCE: usize = 1_000;
/// How long entries are gathered.
const GATHERS: Duration = Duration::from_millis(250);
/// How long after a failure it is tried again, and how often once the server ends.
const PAUSE: Duration = Duration::from_secs(1);
const LAST_TRIES: u32 = 3;

/// One entry, in whose name it is written.
type Entry = (Actor, Processing);

/// Takes entries on their way into the vault.
pub(crate) struct Processed {
    queue: mpsc::Sender<Entry>,
    waiting: Mutex<Option<mpsc::Receiver<Entry>>>,
    is_full: AtomicBool,
}

impl Processed {
    pub(super) fn new() -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        Self {
            queue,
            waiting: Mutex::new(Some(waiting)),
            is_full: AtomicBool::new(false),
        }
    }

    /// Notes what a prompt did. Waits for nothing: what finds no place is not counted, which is told once.
    pub(crate) fn note(&self, actor: &Actor, done: Processing) {
        let is_full = self.queue.try_send((actor.clone(), done)).is_err();
        if is_full && !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "prompts about persons come faster than they can be written down; consent compliance does not count some of them"
            );
        }
        if !is_full {
            self.is_full.store(false, Ordering::Relaxed);
        }
    }

    /// Writes entries down until `ended`, and then what waits.
    pub(crate) async fn work(&self, consent: &Consent, ended: impl Future<Output = ()>) {
        let taken = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = taken else { return };
        let mut ended = std::pin::pin!(ended);
        let (mut entries, mut is_ending) = (Vec::new(), false);
        loop {
            if !is_ending {
                tokio::select! {
                    biased;
                    () = &mut ended => is_ending = true,
                    first = waiting.recv() => {
                        entries.extend(first);
                        tokio::select! {
                            () = &mut ended => is_ending = true,
                            () = tokio::time::sleep(GATHERS) => {}
                        }
                    }
                }
            }
            while entries.len() < AT_ONCE
                && let Ok(next) = waiting.try_recv()
            {
                entries.push(next);
            }
            if entries.is_empty() {
                if is_ending {
                    return;
                }
                continue;
            }
            let mut tries = 0;
            while !write(consent, &mut entries).await {
                tries += 1;
                if is_ending && tries >= LAST_TRIES {
                    tracing::error!(
                        count = entries.len(),
                        "what prompts did could not be written down; consent compliance does not count it"
                    );
                    return;
                }
                tokio::select! {
                    () = &mut ended, if !is_ending => is_ending = true,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }
}

/// Writes `entries`, a tenant's together, and takes out what is written. `false` if the store does not answer.
async fn write(consent: &Consent, entries: &mut Vec<Entry>) -> bool {
    while let Some((actor, _)) = entries.first() {
        let actor = actor.clone();
        let is_of = |entry: &Entry| entry.0.tenant == actor.tenant;
        let of_tenant: Vec<Processing> = entries.iter().filter(|e| is_of(e)).map(|e| e.1.clone()).collect();
        match consent.record_processing(&actor, &of_tenant).await {
            Ok(()) => {}
            Err(Error::Absent { .. } | Error::BadField { .. }) => {
                // One of them was erased meanwhile. The others count.
                for one in &of_tenant {
                    let written = consent.record_processing(&actor, std::slice::from_ref(one)).await;
                    match written {
                        Ok(()) | Err(Error::Absent { .. }) => {}
                        Err(error @ Error::BadField { .. }) => {
                            tracing::error!(%error, "what a prompt did cannot be written down");
                        }
                        Err(error) => {
                            tracing::warn!(%error, "what prompts did is not written down yet");
                            return false;
                        }
                    }
                    // It is not written twice if a later one fails.
                    if let Some(at) = entries.iter().position(|e| is_of(e) && e.1 == *one) {
                        entries.remove(at);
                    }
                }
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "what prompts did is not written down yet");
                return false;
            }
        }
        entries.retain(|entry| !is_of(entry));
    }
    true
}
