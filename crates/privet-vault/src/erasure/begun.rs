//! The rows of erasures, and what the log is told of them.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::KeyId;
use privet_store::{Leaf, Tx, Value, append_leaf, values};
use privet_types::{Pseudonym, TenantId};
use serde::Serialize;

use super::{ErasureReceipt, NodeOutcome};
use crate::followed::name_of;
use crate::subject::{SubjectId, timestamp};
use crate::{Actor, Error, Retention};

/// Erasures read at once.
pub(super) const PAGE: i64 = 100;
/// Entries of the list of erased persons asked for at once.
const ENTRIES: usize = 500;

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
    /// What it adds to the list of erased persons: half a SHA-256 of each entry, hexadecimal. What was there before was named
    /// when it came, so that two erasures do not show that they were of one person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    listed: Vec<String>,
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
    let known = listed(tx, tenant, &entries).await?;
    let new = entries.iter().filter(|entry| !known.contains(*entry));
    let names = new.map(|entry| HEXLOWER.encode(&name_of(entry))).collect();
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
    leaf(tx, "subject_erasure_begun", begun, begun.at, (None, names)).await
}

/// Those of `entries` that are on the list of erased persons.
async fn listed(tx: &mut Tx, tenant: &str, entries: &[[u8; 32]]) -> Result<BTreeSet<[u8; 32]>, Error> {
    let mut found = BTreeSet::new();
    for entries in entries.chunks(ENTRIES) {
        let mut values = values![tenant];
        values.extend(entries.iter().map(|entry| Value::from(*entry)));
        let places: Vec<_> = (2..=values.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT entry FROM erased_identifiers WHERE tenant = $1 AND entry IN ({})",
            places.join(",")
        );
        let known: Vec<Option<[u8; 32]>> = tx.rows(sql, values).await?;
        found.extend(known.into_iter().flatten());
    }
    Ok(found)
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
    let said = (Some(receipt.hash()), Vec::new());
    leaf(tx, "subject_erased", begun, at, said).await
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
    (receipt, listed): (Option<String>, Vec<String>),
) -> Result<(), Error> {
    let payload = ErasureLeaf {
        at,
        tenant: begun.tenant.as_str().to_owned(),
        principal: begun.principal.clone(),
        subject: begun.pseudonym.clone(),
        erasure: begun.id.clone(),
        reason: begun.reason.clone(),
        receipt,
        listed,
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
