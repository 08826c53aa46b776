//! Leaves for changes in the store, in the transaction of the change.

use jiff::Timestamp;
use privet_types::{Change, ChangeKind};
use serde::Serialize;

use super::STORE_NODE;
use crate::sql::{Tx, Value};
use crate::{Error, values};

/// What the log is to tell of a change.
#[derive(Debug, Clone, Copy)]
pub struct Leaf<'a, T> {
    /// What kind of change, from a closed set: `subject_created`, `consent_withdrawn`.
    pub kind: &'static str,
    /// Whose installation space.
    pub tenant: &'a str,
    /// When, UTC.
    pub at: Timestamp,
    /// What happened: metadata, pseudonyms and hashes of ciphertext, never personal data.
    pub payload: &'a T,
}

/// Appends `leaf` in the transaction of what it tells of. It gets its number with its position in the log.
///
/// # Errors
/// [`Error::Json`] if the payload cannot be written as JSON, [`Error::Database`] if the database refuses.
pub async fn append_leaf<T: Serialize + Sync>(tx: &mut Tx, leaf: Leaf<'_, T>) -> Result<(), Error> {
    let values = values_of(&leaf)?;
    let head = "INSERT INTO audit_events (node, at, kind, tenant, payload) VALUES ($1, $2, $3, $4, $5)";
    tx.execute(head, values).await?;
    Ok(())
}

/// As [`append_leaf`]. Returns the event's place in the order of arrival, for a row that goes with it.
///
/// # Errors
/// As [`append_leaf`].
pub async fn append_leaf_id<T: Serialize + Sync>(tx: &mut Tx, leaf: Leaf<'_, T>) -> Result<i64, Error> {
    let values = values_of(&leaf)?;
    tx.one(
        "INSERT INTO audit_events (node, at, kind, tenant, payload) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        values,
    )
    .await
}

/// As [`append_leaf`] for many changes of one kind at one time, with few statements.
///
/// # Errors
/// As [`append_leaf`].
pub async fn append_leaves<T: Serialize + Sync>(
    tx: &mut Tx,
    leaf: Leaf<'_, ()>,
    payloads: &[T],
) -> Result<(), Error> {
    let row = |payload| {
        let payload = serde_json::to_string(payload).map_err(Error::Json)?;
        let at = leaf.at.as_millisecond();
        Ok(values![STORE_NODE, at, leaf.kind, leaf.tenant, payload])
    };
    let rows = payloads.iter().map(row).collect::<Result<_, Error>>()?;
    let head = "INSERT INTO audit_events (node, at, kind, tenant, payload)";
    tx.insert_many(head, rows, "").await?;
    Ok(())
}

fn values_of<T: Serialize>(leaf: &Leaf<'_, T>) -> Result<Vec<Value>, Error> {
    let payload = serde_json::to_string(leaf.payload).map_err(Error::Json)?;
    Ok(values![
        STORE_NODE,
        leaf.at.as_millisecond(),
        leaf.kind,
        leaf.tenant,
        payload
    ])
}

/// Appends a leaf that tells of `change`.
pub(crate) async fn append_change(tx: &mut Tx, kind: ChangeKind, change: &Change) -> Result<(), Error> {
    let leaf = Leaf {
        kind: kind.name(),
        tenant: &change.tenant,
        at: change.at,
        payload: change,
    };
    append_leaf(tx, leaf).await
}
