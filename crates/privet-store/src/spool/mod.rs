//! The encrypted, numbered spool of audit events on a node's disk.

mod batch;
mod directory;
mod ledger;
mod queue;
mod segment;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::RootKey;
use privet_types::AuditEvent;
use serde::Serialize;
use tokio::sync::oneshot;

pub use self::batch::Batch;
use self::directory::{Claim, claim, recover};
use self::ledger::Ledger;
use self::queue::{Failure, Queue, Queued, Refused};
use self::segment::MAX_JSON;
use self::writer::Writer;
use crate::{Error, Leaf, Store};

/// A segment is an eighth of the spool, within these bounds: whole segments are deleted, so a full spool frees room in
/// eighths, and a large one does not keep much that the store has.
const SEGMENT_BYTES: (u64, u64) = (4 << 10, 8 << 20);

/// A usual event as JSON has some 500 bytes.
const JSON_BYTES: usize = 768;

/// When an append may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// When the event is on the disk.
    BeforeSend,
    /// At once; the event is on its way to the disk, and handed to it within the window. A crash of the process or the
    /// machine may lose the events of one window.
    LossWindow(Duration),
}

/// How large the spool may grow, and when it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolConfig {
    /// Bytes on the disk at most; past that appends fail. At least 64 KiB are taken.
    pub max_bytes: u64,
    /// When an append may be answered.
    pub durability: Durability,
}

/// How the spool is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolStatus {
    /// Events that were appended and not yet acknowledged.
    pub waiting_events: u64,
    /// Bytes of the segments on the disk and of the events on their way there.
    pub used_bytes: u64,
    /// The bound of those.
    pub max_bytes: u64,
    /// Whether the last write failed.
    pub is_failing: bool,
}

/// The encrypted, numbered spool of audit events on this node's disk. Cheap to clone.
///
/// Numbers count from 1 without gaps for as long as the directory lives. When the last clone is dropped, that waits for
/// the writes under way and leaves the directory to the next server; [`close`](Self::close) first, to learn of errors.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
    thread: Arc<WriterThread>,
}

struct Shared {
    claim: Claim,
    root: Arc<RootKey>,
    config: SpoolConfig,
    segment_bytes: u64,
    queue: Queue,
    ledger: Mutex<Ledger>,
}

/// A leaf as it stands in the spool: what gets a column comes first, so that it is found without reading the rest.
#[derive(Serialize)]
struct SpooledLeaf<'a, T> {
    at: Timestamp,
    kind: &'static str,
    tenant: &'a str,
    #[serde(flatten)]
    payload: &'a T,
}

struct WriterThread {
    shared: Arc<Shared>,
    handle: Mutex<Option<JoinHandle<usize>>>,
}

impl Spool {
    /// Claims `dir`, which is created if absent, and reads back what an earlier run left there; events that `store` has
    /// are passed over. Reads and decrypts all that the store does not have, some 2 s per GiB.
    ///
    /// # Errors
    /// [`Error::SpoolInUse`] if another server uses `dir`, [`Error::SpoolDamaged`] or [`Error::SpoolForeign`] if it does
    /// not hold what was written, [`Error::File`] if it cannot be used, [`Error::Database`] if `store` does not answer.
    pub async fn open(
        dir: &Path,
        root: Arc<RootKey>,
        config: SpoolConfig,
        store: &Store,
    ) -> Result<Self, Error> {
        let owned_dir = dir.to_owned();
        let claim = blocking(move || claim(&owned_dir)).await?;
        let stored = store.last_audit_seq(&claim.node).await?.unwrap_or(0);
        let config = SpoolConfig {
            max_bytes: config.max_bytes.max(64 << 10),
            ..config
        };
        let shared = blocking(move || {
            let ledger = recover(&claim, &root, stored)?;
            Ok(Shared {
                queue: Queue::new(ledger.durable + 1),
                ledger: Mutex::new(ledger),
                segment_bytes: (config.max_bytes / 8).clamp(SEGMENT_BYTES.0, SEGMENT_BYTES.1),
                claim,
                root,
                config,
            })
        });
        let shared = Arc::new(shared.await?);
        let next = shared.ledger().durable + 1;
        let writer = Writer::new(Arc::clone(&shared), next);
        let handle = thread::Builder::new()
            .name("privet-spool".to_owned())
            .spawn(move || writer.run())
            .map_err(Error::file(dir))?;
        let thread = WriterThread {
            shared: Arc::clone(&shared),
            handle: Mutex::new(Some(handle)),
        };
        Ok(Self {
            shared,
            thread: Arc::new(thread),
        })
    }

    /// Id of this node: 16 hexadecimal digits, kept in the directory.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.shared.claim.node
    }

    /// Appends `event` and returns its number, durable or not as [`Durability`] says. An event whose append is no longer
    /// awaited may be written all the same. Costs one serialisation here; encryption is up to the writer thread.
    ///
    /// # Errors
    /// Nothing was promised on an error, and the prompt must be refused: [`Error::SpoolFull`], [`Error::SpoolBusy`],
    /// [`Error::SpoolWrite`], [`Error::SpoolClosed`], [`Error::EventTooLarge`] or [`Error::Json`].
    pub async fn append(&self, event: &AuditEvent) -> Result<u64, Error> {
        self.append_json(event).await
    }

    /// As [`append`](Self::append), for what is told of something else than a prompt: a read of the vault.
    ///
    /// # Errors
    /// As [`append`](Self::append); what was read must not be given out then.
    pub async fn append_leaf<T: Serialize + Sync>(&self, leaf: Leaf<'_, T>) -> Result<u64, Error> {
        self.append_json(&SpooledLeaf {
            at: leaf.at,
            kind: leaf.kind,
            tenant: leaf.tenant,
            payload: leaf.payload,
        })
        .await
    }

    async fn append_json(&self, event: &(impl Serialize + Sync)) -> Result<u64, Error> {
        let mut json = Vec::with_capacity(JSON_BYTES);
        serde_json::to_writer(&mut json, event).map_err(Error::Json)?;
        if json.len() > MAX_JSON {
            return Err(Error::EventTooLarge {
                bytes: json.len(),
                max: MAX_JSON,
            });
        }
        let room = self
            .shared
            .config
            .max_bytes
            .saturating_sub(self.shared.ledger().bytes());
        match self.shared.config.durability {
            Durability::LossWindow(_) => self
                .shared
                .queue
                .push(Queued { json, done: None }, room)
                .map_err(|why| self.refused(why)),
            Durability::BeforeSend => {
                let (done, outcome) = oneshot::channel();
                let event = Queued {
                    json,
                    done: Some(done),
                };
                self.shared
                    .queue
                    .push(event, room)
                    .map_err(|why| self.refused(why))?;
                outcome
                    .await
                    .map_err(|_| Error::SpoolClosed)?
                    .map_err(|failure| self.failed(failure))
            }
        }
    }

    /// Makes all events durable that were appended before.
    ///
    /// # Errors
    /// [`Error::SpoolWrite`] if the disk refuses, [`Error::SpoolClosed`].
    pub async fn sync(&self) -> Result<(), Error> {
        let (done, outcome) = oneshot::channel();
        self.shared
            .queue
            .push_sync(done)
            .map_err(|why| self.refused(why))?;
        outcome
            .await
            .map_err(|_| Error::SpoolClosed)?
            .map_err(|failure| self.failed(failure))
    }

    /// How the spool is doing.
    #[must_use]
    pub fn status(&self) -> SpoolStatus {
        let (count, bytes, is_failing) = {
            let state = self.shared.queue.lock();
            (state.count, state.bytes, state.failed.is_some())
        };
        let ledger = self.shared.ledger();
        SpoolStatus {
            waiting_events: ledger.durable.saturating_sub(ledger.cursor.seq) + count as u64,
            used_bytes: ledger.bytes() + bytes as u64,
            max_bytes: self.shared.config.max_bytes,
            is_failing,
        }
    }

    /// Refuses further events and writes those under way. What is in the spool stays there; it can still be read and
    /// acknowledged through this value.
    ///
    /// # Errors
    /// [`Error::SpoolWrite`] if events of the loss window could not be written and are lost.
    pub async fn close(&self) -> Result<(), Error> {
        let thread = Arc::clone(&self.thread);
        let lost = blocking(move || Ok(thread.end())).await?;
        if lost == 0 {
            return Ok(());
        }
        let failure = self.shared.queue.lock().failed.clone();
        let failure = failure.unwrap_or_else(|| Arc::new(std::io::Error::other("the writer ended early")));
        Err(self.failed(failure))
    }

    fn refused(&self, why: Refused) -> Error {
        match why {
            Refused::Closed => Error::SpoolClosed,
            Refused::Failing(failure) => self.failed(failure),
            Refused::Busy => Error::SpoolBusy,
            Refused::Full => Error::SpoolFull {
                max_bytes: self.shared.config.max_bytes,
            },
        }
    }

    fn failed(&self, source: Failure) -> Error {
        Error::SpoolWrite {
            dir: self.shared.claim.dir.clone(),
            source,
        }
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool")
            .field("dir", &self.shared.claim.dir)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriterThread {
    /// Waits for the writer to write what it has. Returns how many events of the loss window are lost.
    fn end(&self) -> usize {
        self.shared.queue.close();
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let lost = handle.map_or(0, |handle| handle.join().unwrap_or(usize::MAX));
        if lost > 0 {
            tracing::error!(events = lost, "audit events of the loss window are lost");
        }
        lost
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs file work where it may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    // The task fails only when the runtime shuts down, or `work` panicked.
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::SpoolClosed)?
}
