//! The rows of erasures, and what the log is told of them.

use jiff::Timestamp;
use privet_crypto::KeyId;
use privet_store::{Leaf, Tx, append_leaf, values};
use privet_types::{Pseudonym, TenantId};
use serde::Serialize;

use super::{ErasureReceipt, NodeOutcome};
use crate::subject::{SubjectId, timestamp};
use crate::{Actor, Error, Retention};

/// Erasures read at once.
pub(super) const PAGE: i64 = 100;

/// What the log is told.
#[derive(Debug, Clone, Serialize)]
struct ErasureLeaf {
    at: Timestamp,
    tenant: String,
    principal: Pseudonym,
    subject: Pseudonym,
    erasure: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// An erasure that was begun.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    pub(super) tenant: TenantId,
    pub(super) id: String,
    pub(super) subject: SubjectId,
    pub(super) key_id: KeyId,
    pub(super) pseudonym: Pseudonym,
    pub(super) reason: String,
    pub(super) principal: Pseudonym,
    pub(super) at: Timestamp,
}

impl Begun {
    /// On whose behalf the rest is done.
    pub(super) fn actor(&self) -> Actor {
        Actor {
            tenant: self.tenant.clone(),
            principal: self.principal.clone(),
        }
    }
}

/// Cases that keep the data of `subject`.
pub(super) async fn select_holds(
    tx: &mut Tx,
    tenant: &str,
    subject: &str,
    now: i64,
) -> Result<Vec<String>, Error> {
    Ok(tx
        .rows(
            "SELECT reference FROM active_holds WHERE tenant = $1 AND (subject IS NULL OR subject = $2) \
             AND (until IS NULL OR until > $3) ORDER BY reference",
            values![tenant, subject, now],
        )
        .await?)
}

/// Writes down that an erasure is begun. `entries` go to the list of erased persons.
pub(super) async fn begin(tx: &mut Tx, begun: &Begun, entries: Vec<[u8; 32]>) -> Result<(), Error> {
    let (tenant, at) = (begun.tenant.as_str(), begun.at.as_millisecond());
    tx.execute(
        "INSERT INTO erasures (tenant, id, subject, key_id, pseudonym, reason, principal, state, begun_at, outcomes) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'begun', $8, '[]')",
        values![
            tenant,
            &begun.id,
            begun.subject.as_str(),
            begun.key_id.as_bytes().as_slice(),
            &begun.pseudonym.0,
            &begun.reason,
            &begun.principal.0,
            at
        ],
    )
    .await?;
    let rows = entries.into_iter().map(|entry| values![tenant, entry, at]);
    tx.insert_many(
        "INSERT INTO erased_identifiers (tenant, entry, erased_at)",
        rows.collect(),
        // Who came back as somebody new and is erased again is erased since now.
        "ON CONFLICT (tenant, entry) DO UPDATE SET erased_at = excluded.erased_at",
    )
    .await?;
    tx.execute(
        "UPDATE subjects SET state = 'erased' WHERE tenant = $1 AND id = $2",
        values![tenant, begun.subject.as_str()],
    )
    .await?;
    // Calls stay in the log; whom they were about is gone from here on.
    tx.execute(
        "UPDATE vault_calls SET subject = NULL, app = NULL, note = NULL, wrote = NULL WHERE tenant = $1 AND subject = $2",
        values![tenant, begun.subject.as_str()],
    )
    .await?;
    // Who is erased is not to be erased again when a scheduled time comes.
    Retention::finish_expiry(tx, &begun.tenant, begun.subject.as_str()).await?;
    leaf(tx, "subject_erasure_begun", begun, begun.at, None).await
}

/// Writes down that it is done. `outcomes` is what `receipt` says.
pub(super) async fn finish(
    tx: &mut Tx,
    begun: &Begun,
    at: Timestamp,
    receipt: &ErasureReceipt,
    outcomes: &[NodeOutcome],
) -> Result<(), Error> {
    let tenant = begun.tenant.as_str();
    tx.execute(
        "DELETE FROM lineage WHERE tenant = $1 AND subject = $2",
        values![tenant, begun.subject.as_str()],
    )
    .await?;
    let json = serde_json::to_string(receipt).map_err(Error::Json)?;
    let done = tx
        .execute(
            "UPDATE erasures SET state = 'done', done_at = $3, receipt = $4, outcomes = $5 \
             WHERE tenant = $1 AND id = $2 AND state = 'begun'",
            values![tenant, &begun.id, at.as_millisecond(), json, written(outcomes)?],
        )
        .await?;
    if done != 1 {
        // Another node was first; its receipt counts.
        return Err(Error::Absent { what: "erasure" });
    }
    leaf(tx, "subject_erased", begun, at, Some(receipt.hash())).await
}

/// What outside stores were found to hold, as far as that was written down.
pub(super) async fn outcomes(tx: &mut Tx, begun: &Begun) -> Result<Vec<NodeOutcome>, Error> {
    let json: Option<String> = tx
        .optional(
            "SELECT outcomes FROM erasures WHERE tenant = $1 AND id = $2",
            values![begun.tenant.as_str(), &begun.id],
        )
        .await?;
    // Erasures that an older Privet began have none.
    let json = json.unwrap_or_default();
    if json.is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_str(&json).map_err(|_| Error::Damaged { table: "erasures" })
}

/// Writes down what outside stores were found to hold, before they are emptied.
pub(super) async fn keep_outcomes(tx: &mut Tx, begun: &Begun, outcomes: &[NodeOutcome]) -> Result<(), Error> {
    tx.execute(
        "UPDATE erasures SET outcomes = $3 WHERE tenant = $1 AND id = $2 AND state = 'begun'",
        values![begun.tenant.as_str(), &begun.id, written(outcomes)?],
    )
    .await?;
    Ok(())
}

fn written(outcomes: &[NodeOutcome]) -> Result<String, Error> {
    serde_json::to_string(outcomes).map_err(Error::Json)
}

async fn leaf(
    tx: &mut Tx,
    kind: &'static str,
    begun: &Begun,
    at: Timestamp,
    receipt: Option<String>,
) -> Result<(), Error> {
    let payload = ErasureLeaf {
        at,
        tenant: begun.tenant.as_str().to_owned(),
        principal: begun.principal.clone(),
        subject: begun.pseudonym.clone(),
        erasure: begun.id.clone(),
        reason: begun.reason.clone(),
        receipt,
    };
    let leaf = Leaf {
        kind,
        tenant: begun.tenant.as_str(),
        at,
        payload: &payload,
    };
    Ok(append_leaf(tx, leaf).await?)
}

/// Erasures that are begun and not done, of all tenants, behind the one that began at `after.0` with the id `after.1`.
pub(super) async fn read_begun(tx: &mut Tx, after: (i64, &str)) -> Result<Vec<Begun>, Error> {
    type Stored = (String, String, String, [u8; 16], String, String, String, i64);
    let rows: Vec<Stored> = tx
        .rows(
            "SELECT tenant, id, subject, key_id, pseudonym, reason, principal, begun_at FROM erasures \
             WHERE state = 'begun' AND (begun_at, id) > ($1, $2) ORDER BY begun_at, id LIMIT $3",
            values![after.0, after.1, PAGE],
        )
        .await?;
    rows.into_iter()
        .map(
            |(tenant, id, subject, key_id, pseudonym, reason, principal, at)| {
                Ok(Begun {
                    tenant: tenant.parse().map_err(|_| Error::Damaged { table: "erasures" })?,
                    id,
                    subject: SubjectId::stored(subject),
                    key_id: KeyId::from_bytes(key_id),
                    pseudonym: Pseudonym(pseudonym),
                    reason,
                    principal: Pseudonym(principal),
                    at: timestamp(at)?,
                })
            },
        )
        .collect()
}
