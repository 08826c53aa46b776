//! Leaves for changes in the store, in the transaction of the change.

use privet_types::{Change, ChangeKind};
use sqlx::SqliteConnection;

use super::STORE_NODE;
use crate::Error;

/// Appends a leaf that tells of `change`, numbered behind the last change.
pub(crate) async fn append_change(
    write: &mut SqliteConnection,
    kind: ChangeKind,
    change: &Change,
) -> Result<(), Error> {
    let payload = serde_json::to_string(change).map_err(Error::Json)?;
    sqlx::query(
        "INSERT INTO audit_events (node, seq, at, kind, payload) \
         SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4 FROM audit_events WHERE node = $1",
    )
    .bind(STORE_NODE)
    .bind(change.at.as_millisecond())
    .bind(kind.name())
    .bind(payload)
    .execute(write)
    .await?;
    Ok(())
}
