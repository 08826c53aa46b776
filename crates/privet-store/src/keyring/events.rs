//! Key events on their way to the log.
//!
//! The keyring and the log are two databases, so an event is first written here, in the transaction of what it tells of, and
//! then handed to the store. It is numbered without gaps, and the store takes each number of a source once: an event that is
//! handed over twice is one leaf, and one that is lost on the way leaves a gap that `privet audit verify` names.

use jiff::Timestamp;
use privet_crypto::random;
use serde::Serialize;

use super::Keyring;
use super::place::number;
use crate::audit::AuditRecord;
use crate::sql::Tx;
use crate::{Error, Store, values};

/// Events handed over at once.
const BATCH: usize = 256;

/// Keys that one event names at most; a leaf holds 64 KiB.
pub(super) const KEYS_IN_EVENT: usize = 512;

/// What happened to keys. Names of keys, numbers and times; never a key.
#[derive(Debug, Clone, Serialize)]
pub(super) struct KeyEvent {
    // First these three, in this order: the store reads them without parsing the rest.
    at: Timestamp,
    kind: &'static str,
    tenant: String,
    /// Number of a tenant's key, or of a secret of indexes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) epoch: Option<u64>,
    /// Names of keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) keys: Vec<String>,
    /// Name of the key that took the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replaced_by: Option<String>,
    /// Until when the former key, or a backup, could still open something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
}

impl KeyEvent {
    /// `kind` happened to a key of `tenant` (`*`: of the installation) at `ms`.
    pub(super) fn new(kind: &'static str, tenant: &str, ms: i64) -> Self {
        Self {
            at: Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH),
            kind,
            tenant: tenant.to_owned(),
            version: None,
            epoch: None,
            keys: Vec::new(),
            replaced_by: None,
            until: None,
        }
    }

    /// Writes it down in the transaction of what it tells of. The last statement of that: from here to the commit other
    /// events wait, so that numbers show in their order.
    pub(super) async fn record(self, tx: &mut Tx) -> Result<(), Error> {
        let event = serde_json::to_string(&self).map_err(Error::Json)?;
        let given: i64 = tx
            .one(
                "INSERT INTO key_event_source (one, node, last) VALUES (1, $1, 1) \
                 ON CONFLICT (one) DO UPDATE SET last = key_event_source.last + 1 RETURNING last",
                values![new_source()?],
            )
            .await?;
        tx.execute(
            "INSERT INTO key_events (number, tenant, event) VALUES ($1, $2, $3)",
            values![given, self.tenant, event],
        )
        .await?;
        Ok(())
    }
}

/// A name for a numbering that begins: that of no other one.
fn new_source() -> Result<String, Error> {
    let hex: Vec<String> = random::<8>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("keyring-{}", hex.concat()))
}

impl Keyring {
    /// Makes leaves of `store`'s log of what happened to keys since the last call, in order, each exactly once. Several
    /// processes may do it at once. Returns how many events it handed over.
    ///
    /// # Errors
    /// [`Error::Database`] if one of the two databases does not answer; what was not handed over waits.
    pub async fn relay_events(&self, store: &Store) -> Result<u64, Error> {
        let mut relayed = 0;
        loop {
            let (node, rows) = self.waiting_events().await?;
            let Some((last, _)) = rows.last() else {
                return Ok(relayed);
            };
            let (first, last) = (rows.first().map_or(1, |(first, _)| *first), *last);
            let records = rows
                .into_iter()
                .map(|(given, event)| AuditRecord::from_json(number(given), event.into_bytes()))
                .collect::<Result<Vec<_>, _>>()?;
            match store.append_audit(&node, &records).await {
                Ok(()) => {}
                // The keyring was set back: it gives numbers anew that the log has already.
                Err(Error::AuditConflict { .. }) => {
                    self.begin_source(store, node, first).await?;
                    continue;
                }
                Err(error) => return Err(error),
            }
            relayed += records.len() as u64;
            self.forget_events(node, last).await?;
        }
    }

    async fn waiting_events(&self) -> Result<(String, Vec<(i64, String)>), Error> {
        self.read_all(|tx| {
            Box::pin(async {
                let rows = tx
                    .rows(
                        format!("SELECT number, event FROM key_events ORDER BY number LIMIT {BATCH}"),
                        values![],
                    )
                    .await?;
                let node: Option<String> = tx
                    .optional("SELECT node FROM key_event_source", values![])
                    .await?;
                Ok((node.unwrap_or_default(), rows))
            })
        })
        .await
    }

    /// Takes away what the log has, unless somebody began another numbering meanwhile.
    async fn forget_events(&self, node: String, last: i64) -> Result<(), Error> {
        self.write_all(move |tx| {
            Box::pin(async move {
                if hold_source(tx, &node).await? {
                    tx.execute("DELETE FROM key_events WHERE number <= $1", values![last])
                        .await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Numbers what waits anew, under another name, and drops what the log has already.
    async fn begin_source(&self, store: &Store, node: String, first: i64) -> Result<(), Error> {
        let asked = node.clone();
        let known: Vec<(i64, String)> = store
            .read(move |tx| {
                Box::pin(async move {
                    tx.rows(
                        "SELECT seq, payload FROM audit_events WHERE node = $1 AND seq >= $2 ORDER BY seq",
                        values![asked, first],
                    )
                    .await
                })
            })
            .await?;
        tracing::warn!(%node, "the keyring was set back; its events go on under another name in the log");
        let next = new_source()?;
        self.write_all(move |tx| {
            Box::pin(async move {
                if !hold_source(tx, &node).await? {
                    return Ok(());
                }
                let rows: Vec<(i64, String, String)> = tx
                    .rows(
                        "SELECT number, tenant, event FROM key_events ORDER BY number",
                        values![],
                    )
                    .await?;
                tx.execute("DELETE FROM key_events", values![]).await?;
                let is_known = |number: i64, event: &str| {
                    let found = known.binary_search_by_key(&number, |(seq, _)| *seq);
                    found.is_ok_and(|at| known.get(at).is_some_and(|(_, stored)| stored == event))
                };
                let mut last = 0_i64;
                let mut kept = Vec::new();
                for (number, tenant, event) in rows {
                    if !is_known(number, &event) {
                        last += 1;
                        kept.push(values![last, tenant, event]);
                    }
                }
                tx.insert_many("INSERT INTO key_events (number, tenant, event)", kept, "")
                    .await?;
                tx.execute(
                    "UPDATE key_event_source SET node = $1, last = $2",
                    values![next, last],
                )
                .await?;
                Ok(())
            })
        })
        .await
    }
}

/// Holds the numbering for the transaction; `false` if it has another name by now.
async fn hold_source(tx: &mut Tx, node: &str) -> Result<bool, Error> {
    let held = tx
        .execute(
            "UPDATE key_event_source SET last = last WHERE node = $1",
            values![node],
        )
        .await?;
    Ok(held == 1)
}
