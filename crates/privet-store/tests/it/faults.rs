//! A disk that loses, tears, fills up and fails, under the store: what was acknowledged is there afterwards, what was not
//! is there whole or not at all, what was refused is not there, and the log holds.
//!
//! Each run is decided by its seed. `PRIVET_KILLS` asks for more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use privet_faultfs::{Disk, Faults};
use privet_log::Checkpoint;
use privet_store::{AuditRecord, Error, Scope, Store, values};
use privet_types::Change;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::log::{checked, kills, sequencer};
use crate::support::{api_key, change, event, root_key};

/// Tasks that write at once, so that commits are shared.
const WRITERS: u64 = 4;

/// Events of a batch.
const BATCH: u64 = 5;

/// What callers were told, by the name of what they wrote.
#[derive(Default)]
struct Oracle {
    acknowledged: BTreeSet<String>,
    refused: BTreeSet<String>,
    heads: Vec<Checkpoint>,
    errors: Vec<Error>,
}

struct Machine {
    disk: Disk,
    dir: TempDir,
    oracle: Oracle,
}

impl Machine {
    fn new(seed: u64) -> Self {
        Self {
            disk: Disk::new(seed).unwrap(),
            dir: tempfile::tempdir().unwrap(),
            oracle: Oracle::default(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("privet.sqlite")
    }

    async fn try_open(&self) -> Result<Store, Error> {
        Store::open_on(&self.path(), &root_key(), Some(self.disk.name())).await
    }

    /// Opens the store on a disk without faults, and holds it against what callers were told.
    async fn open(&self) -> Store {
        self.disk.set(Faults::default());
        let store = self.try_open().await.unwrap();
        self.oracle.check(&store).await;
        store
    }

    /// Writes until the power goes, or each writer has done `each` works.
    async fn work(&mut self, store: &Store, round: &str, each: u64) {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (store, round) = (store.clone(), round.to_owned());
            writers.spawn(async move {
                let mut told = Vec::new();
                for i in 0..each {
                    let name = format!("{round}-{writer}-{i}");
                    let outcome = write(&store, &name, i).await;
                    told.push((name, outcome));
                }
                told
            });
        }
        let sequencing = sequence(store, each / 2);
        let heads = sequencing.await;
        self.oracle.hear_heads(heads);
        while let Some(told) = writers.join_next().await {
            told.unwrap()
                .into_iter()
                .for_each(|(name, outcome)| self.oracle.hear(name, outcome));
        }
    }

    /// The power goes, and comes back.
    async fn cut_power(&self, store: Store) {
        self.disk.cut_power();
        store.close().await;
        self.disk.boot();
    }
}

/// A key and its leaf, or a batch: several statements each, under one name.
async fn write(store: &Store, name: &str, i: u64) -> Result<(), Error> {
    if i.is_multiple_of(2) {
        return store.insert_api_key(&api_key(name), &change(name, 1)).await;
    }
    let records: Vec<_> = (1..=BATCH)
        .map(|seq| AuditRecord::new(seq, &event(seq)).unwrap())
        .collect();
    store.append_audit(name, &records).await
}

/// Sequences `times` times, each time from the start, as a node that was just started.
async fn sequence(store: &Store, times: u64) -> Vec<Result<Option<Checkpoint>, Error>> {
    let mut heads = Vec::new();
    for _ in 0..times {
        let signer = crate::log::signer();
        let sequenced = async {
            privet_store::Sequencer::open(store.clone(), signer)
                .await?
                .run_once()
                .await?;
            let head = store.log_head(crate::log::signer().key()).await?;
            Ok(head.map(|head| head.checkpoint))
        };
        heads.push(sequenced.await);
    }
    heads
}

impl Oracle {
    fn hear(&mut self, name: String, outcome: Result<(), Error>) {
        match outcome {
            Ok(()) => {
                self.acknowledged.insert(name);
            }
            Err(error) => {
                if !matches!(error, Error::Commit { .. }) {
                    self.refused.insert(name);
                }
                self.errors.push(error);
            }
        }
    }

    fn hear_heads(&mut self, heads: Vec<Result<Option<Checkpoint>, Error>>) {
        for head in heads {
            match head {
                Ok(head) => self.heads.extend(head),
                Err(error) => self.errors.push(error),
            }
        }
    }

    /// Holds the store against what callers were told.
    async fn check(&self, store: &Store) {
        let stored = stored(store).await;
        let lost: Vec<_> = self.acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "acknowledged, but lost: {lost:?}");
        let ghosts: Vec<_> = self.refused.intersection(&stored).collect();
        assert!(ghosts.is_empty(), "refused, but stored: {ghosts:?}");
        sequencer(store).await.run_once().await.unwrap();
        checked(store).await;
        for head in &self.heads {
            assert_eq!(store.log_edge(head.size).await.unwrap().root(), head.root);
        }
        for error in &self.errors {
            assert!(is_clear(error), "{error:?}");
        }
    }

    fn has_error_with(&self, words: &str) -> bool {
        self.errors
            .iter()
            .any(|error| format!("{error:?}").contains(words))
    }
}

/// An error that says what to look at: the disk. Never that the log is damaged or a row unreadable.
fn is_clear(error: &Error) -> bool {
    matches!(
        error,
        Error::Refused { .. }
            | Error::Commit { .. }
            | Error::Database(_)
            | Error::Open { .. }
            | Error::Unreachable(_)
    )
}

/// The names of all that is stored, after looking that nothing is there in part, and that SQLite finds no fault.
async fn stored(store: &Store) -> BTreeSet<String> {
    let (faults, leaves, batches): (Vec<String>, Vec<String>, Vec<(String, i64)>) = store
        .database()
        .read(&Scope::Installation, |tx| {
            Box::pin(async move {
                let faults = tx.rows("PRAGMA integrity_check", values![]).await?;
                let leaves = "SELECT payload FROM audit_events WHERE kind = 'api_key_created'";
                let leaves = tx.rows(leaves, values![]).await?;
                let batches = "SELECT node, COUNT(*) FROM audit_events WHERE kind = 'decision' GROUP BY node";
                Ok::<_, Error>((faults, leaves, tx.rows(batches, values![]).await?))
            })
        })
        .await
        .unwrap();
    assert_eq!(faults, ["ok"]);
    let keys = store.list_api_keys().await.unwrap();
    let keys: BTreeSet<String> = keys.into_iter().map(|key| key.id).collect();
    let leaves = leaves
        .iter()
        .map(|leaf| serde_json::from_str::<Change>(leaf).unwrap().object);
    let leaves: Vec<String> = leaves.collect();
    assert_eq!(leaves.len(), keys.len(), "one leaf a key");
    assert_eq!(leaves.into_iter().collect::<BTreeSet<_>>(), keys);
    let batches: BTreeMap<String, i64> = batches.into_iter().collect();
    assert!(
        batches
            .values()
            .all(|count| *count == i64::try_from(BATCH).unwrap()),
        "{batches:?}"
    );
    keys.into_iter().chain(batches.into_keys()).collect()
}

/// `runs` seeds, or more if asked for.
fn seeds(runs: u64) -> std::ops::Range<u64> {
    0..runs * kills() / 25
}

#[tokio::test]
async fn a_power_cut_at_any_write_loses_nothing_acknowledged() {
    let mut cuts = 0;
    for seed in seeds(60) {
        let mut machine = Machine::new(seed);
        for round in 0..3_u64 {
            let store = machine.open().await;
            machine.disk.set(Faults {
                power_for: Some((seed * 7 + round * 31) % 120),
                ..Faults::default()
            });
            machine.work(&store, &format!("r{round}"), 12).await;
            machine.cut_power(store).await;
        }
        machine.open().await.close().await;
        cuts += machine.disk.tally().cuts;
    }
    assert!(cuts >= seeds(60).end * 3);
}

#[tokio::test]
async fn a_power_cut_while_the_store_is_made_leaves_one_that_can_be_made() {
    for seed in seeds(60) {
        let machine = Machine::new(seed);
        machine.disk.set(Faults {
            power_for: Some(seed % 90),
            ..Faults::default()
        });
        let opened = machine.try_open().await;
        machine.disk.cut_power();
        for store in opened.iter() {
            store.close().await;
        }
        machine.disk.boot();
        machine.open().await.close().await;
    }
}

#[tokio::test]
async fn after_a_failed_sync_the_same_connection_acknowledges_only_what_is_durable() {
    let mut failed = 0;
    for seed in seeds(60) {
        let mut machine = Machine::new(seed);
        let store = machine.open().await;
        machine.disk.set(Faults {
            failing_syncs: Some(3),
            ..Faults::default()
        });
        machine.work(&store, "failing", 12).await;
        machine.disk.set(Faults::default());
        machine.work(&store, "well again", seed % 8).await;
        machine.cut_power(store).await;
        machine.open().await.close().await;
        failed += machine.disk.tally().syncs;
    }
    assert!(failed > 100 || seeds(60).end < 60, "{failed}");
}

#[tokio::test]
async fn after_a_failed_sync_a_restarted_process_acknowledges_only_what_is_durable() {
    for seed in seeds(60) {
        let mut machine = Machine::new(seed);
        let store = machine.open().await;
        machine.disk.set(Faults {
            failing_syncs: Some(2),
            ..Faults::default()
        });
        machine.work(&store, "failing", 8).await;
        // So does what a process does last: writing the WAL back.
        machine.disk.set(Faults {
            failing_syncs: Some(1),
            ..Faults::default()
        });
        store.close().await;
        let store = machine.open().await;
        machine.work(&store, "restarted", 1 + seed % 8).await;
        machine.cut_power(store).await;
        machine.open().await.close().await;
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_loses_nothing_and_goes_on_when_there_is_room() {
    for seed in seeds(30) {
        let mut machine = Machine::new(seed);
        let store = machine.open().await;
        machine.disk.set(Faults {
            room: Some(seed * 4096),
            ..Faults::default()
        });
        machine.work(&store, "filling", 30).await;
        assert!(machine.disk.tally().full > 0);
        assert!(
            machine.oracle.has_error_with("full"),
            "{:?}",
            machine.oracle.errors
        );
        machine.disk.set(Faults::default());
        let told = machine.oracle.errors.len();
        machine.work(&store, "room again", 4).await;
        assert_eq!(machine.oracle.errors.len(), told, "{:?}", machine.oracle.errors);
        machine.oracle.check(&store).await;
        machine.cut_power(store).await;
        machine.open().await.close().await;
    }
}

#[tokio::test]
async fn failing_reads_and_writes_are_told_and_lose_nothing() {
    let mut struck = 0;
    for seed in seeds(60) {
        let mut machine = Machine::new(seed);
        let store = machine.open().await;
        machine.disk.set(Faults {
            failing_reads: Some(15),
            short_reads: None,
            failing_writes: Some(15),
            ..Faults::default()
        });
        machine.work(&store, "failing", 12).await;
        machine.disk.set(Faults::default());
        machine.work(&store, "well again", 4).await;
        machine.oracle.check(&store).await;
        machine.cut_power(store).await;
        machine.open().await.close().await;
        struck += machine.disk.tally().reads + machine.disk.tally().writes;
    }
    assert!(struck > 100 || seeds(60).end < 60, "{struck}");
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_refused_with_the_reason() {
    for seed in seeds(30) {
        let machine = Machine::new(seed);
        machine.open().await.close().await;
        machine.disk.set(Faults {
            failing_reads: Some(1),
            ..Faults::default()
        });
        let refused = machine.try_open().await.unwrap_err();
        assert!(matches!(refused, Error::Open { .. }), "{refused:?}");
        machine.disk.boot();
        machine.open().await.close().await;
    }
}
