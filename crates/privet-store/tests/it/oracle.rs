//! What callers were told of their writes, and what must be true of the store then.

use std::collections::{BTreeMap, BTreeSet};

use privet_log::Checkpoint;
use privet_store::{AuditRecord, Backend, Error, Scope, Store, values};
use privet_types::Change;

use crate::log::{checked, sequencer};
use crate::support::{api_key, change, event};

/// Events of a batch.
const BATCH: u64 = 5;

/// What callers were told, by the name of what they wrote.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) acknowledged: BTreeSet<String>,
    pub(crate) refused: BTreeSet<String>,
    pub(crate) heads: Vec<Checkpoint>,
    pub(crate) errors: Vec<Error>,
    /// Nodes whose events did not come in batches, with the last number of each.
    pub(crate) nodes: BTreeMap<String, u64>,
}

/// A key and its leaf, or a batch: several statements each, under one name.
pub(crate) async fn write(store: &Store, name: &str, i: u64) -> Result<(), Error> {
    if i.is_multiple_of(2) {
        return store.insert_api_key(&api_key(name), &change(name, 1)).await;
    }
    let records: Vec<_> = (1..=BATCH)
        .map(|seq| AuditRecord::new(seq, &event(seq)).unwrap())
        .collect();
    store.append_audit(name, &records).await
}

impl Oracle {
    pub(crate) fn hear(&mut self, name: String, outcome: Result<(), Error>) {
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

    pub(crate) fn hear_heads(&mut self, heads: Vec<Result<Option<Checkpoint>, Error>>) {
        for head in heads {
            match head {
                Ok(head) => self.heads.extend(head),
                Err(error) => self.errors.push(error),
            }
        }
    }

    /// Holds the store against what callers were told.
    pub(crate) async fn check(&self, store: &Store) {
        let stored = self.stored(store).await;
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

    /// The names of all that is stored, after looking that nothing is there in part, and that SQLite finds no fault.
    async fn stored(&self, store: &Store) -> BTreeSet<String> {
        let (faults, leaves, batches): (Vec<String>, Vec<String>, Vec<(String, i64)>) = store
            .database()
            .read(&Scope::Installation, |tx| {
                Box::pin(async move {
                    let look = match tx.backend() {
                        Backend::Sqlite => "PRAGMA integrity_check",
                        Backend::Postgres => "SELECT 'ok'",
                    };
                    let faults = tx.rows(look, values![]).await?;
                    let leaves = "SELECT payload FROM audit_events WHERE kind = 'api_key_created'";
                    let leaves = tx.rows(leaves, values![]).await?;
                    let batches =
                        "SELECT node, COUNT(*) FROM audit_events WHERE kind = 'decision' GROUP BY node";
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
        let mut batches: BTreeMap<String, i64> = batches.into_iter().collect();
        for (node, last) in &self.nodes {
            // Numbers without gaps.
            assert_eq!(batches.remove(node).unwrap_or(0).unsigned_abs(), *last);
        }
        assert!(
            batches
                .values()
                .all(|count| *count == i64::try_from(BATCH).unwrap()),
            "{batches:?}"
        );
        keys.into_iter().chain(batches.into_keys()).collect()
    }

    pub(crate) fn has_error_with(&self, words: &str) -> bool {
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
