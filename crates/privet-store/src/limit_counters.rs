//! What was used of budgets, by node: so that a restart does not begin them anew.

use crate::sql::{FromRow, Row};
use crate::{Error, Store, values};

/// One budget as a node counted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitCounter {
    /// A keyed hash of the limit's name and of whom it counts.
    pub counter: String,
    /// When its window began, in seconds since 1970.
    pub window_start: i64,
    /// Requests.
    pub requests: u64,
    /// Tokens.
    pub tokens: u64,
    /// Cost, in thousand-millionths of the currency's unit.
    pub cost_nanos: u64,
}

/// Windows are a month at most: what began longer ago is over. In seconds.
const LONGEST_WINDOW: i64 = 32 * 86_400;

impl Store {
    /// What `node` has saved.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn limit_counters(&self, node: &str) -> Result<Vec<LimitCounter>, Error> {
        let node = node.to_owned();
        self.read(move |tx| {
            Box::pin(async move {
                tx.rows(
                    "SELECT counter, window_start, requests, tokens, cost_nanos FROM limit_counters WHERE node = $1 \
                     ORDER BY counter",
                    values![node],
                )
                .await
            })
        })
        .await
    }

    /// Saves what `node` has counted, in the place of what it had saved, and forgets its budgets of windows that are long over.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn save_limit_counters(&self, node: &str, counters: Vec<LimitCounter>) -> Result<(), Error> {
        let Some(latest) = counters.iter().map(|counter| counter.window_start).max() else {
            return Ok(());
        };
        let node = node.to_owned();
        self.write(move |tx| {
            Box::pin(async move {
                let row = |counter: LimitCounter| {
                    values![
                        node.as_str(),
                        counter.counter,
                        counter.window_start,
                        number(counter.requests),
                        number(counter.tokens),
                        number(counter.cost_nanos),
                    ]
                };
                let rows = counters.into_iter().map(row).collect();
                tx.insert_many(
                    "INSERT INTO limit_counters (node, counter, window_start, requests, tokens, cost_nanos)",
                    rows,
                    "ON CONFLICT (node, counter) DO UPDATE SET window_start = excluded.window_start, \
                     requests = excluded.requests, tokens = excluded.tokens, cost_nanos = excluded.cost_nanos",
                )
                .await?;
                tx.execute(
                    "DELETE FROM limit_counters WHERE node = $1 AND window_start < $2",
                    values![node.as_str(), latest - LONGEST_WINDOW],
                )
                .await?;
                Ok(())
            })
        })
        .await
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl FromRow for LimitCounter {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (counter, window_start, requests, tokens, cost_nanos) =
            <(String, i64, i64, i64, i64)>::from_row(row)?;
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(Self {
            counter,
            window_start,
            requests: count(requests),
            tokens: count(tokens),
            cost_nanos: count(cost_nanos),
        })
    }
}
