//! Budgets of days and months outlive the process.

use std::time::Duration;

use privet_policy::limits::{Amount, SavedCounter};
use privet_store::{LimitCounter, Store};

use super::Limits;
use crate::Error;
use crate::gateway::Gateway;

impl Gateway {
    /// Writes what changed of the budgets of days and months to `store`, every `every` and once more at the end. What a crash
    /// loses is what was settled in that time.
    pub async fn keep_limits(&self, store: &Store, every: Duration, stopped: impl Future<Output = ()>) {
        let mut stopped = std::pin::pin!(stopped);
        let mut saved = 0;
        loop {
            let has_ended = tokio::select! {
                () = tokio::time::sleep(every) => false,
                () = &mut stopped => true,
            };
            self.limits.save(store, self.spool.node(), &mut saved).await;
            if has_ended {
                return;
            }
        }
    }
}

impl Limits {
    async fn save(&self, store: &Store, node: &str, saved: &mut u64) {
        // What nodes share is kept by their server.
        if self.shared.is_some() {
            return;
        }
        let (changed, last) = self.counters.changed_since(*saved);
        if changed.is_empty() {
            return;
        }
        let rows: Vec<LimitCounter> = changed.into_iter().map(row).collect();
        match store.save_limit_counters(node, rows).await {
            Ok(()) => *saved = last,
            Err(error) => {
                tracing::warn!(%error, "budgets cannot be saved; a restart would count them from the last time they were");
            }
        }
    }
}

/// What the store has of the budgets of `node`.
///
/// # Errors
/// [`Error::Store`] if it does not answer.
pub async fn saved_limits(store: &Store, node: &str) -> Result<Vec<SavedCounter>, Error> {
    let rows = store.limit_counters(node).await?;
    Ok(rows.into_iter().map(counter).collect())
}

fn row(counter: SavedCounter) -> LimitCounter {
    LimitCounter {
        counter: counter.counter,
        window_start: counter.window_start,
        requests: counter.used.requests,
        tokens: counter.used.tokens,
        cost_nanos: counter.used.nanos,
    }
}

fn counter(row: LimitCounter) -> SavedCounter {
    SavedCounter {
        counter: row.counter,
        window_start: row.window_start,
        used: Amount {
            requests: row.requests,
            tokens: row.tokens,
            nanos: row.cost_nanos,
        },
    }
}
