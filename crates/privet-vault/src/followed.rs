//! Rows whose end the log tells of, so that the check notices where one was deleted and nobody said so.
//!
//! The leaf of what was stored names the row by the hash of its ciphertext and says that its end will be told of; the leaf of
//! an end names the rows that ended. A row keeps its name in a column of its own, so that no end has to read the ciphertext.
//! Rows from before there were names have none, and their leaves promise nothing.

use privet_crypto::sha256;
use privet_store::{Leaf, Tx, append_leaves};

use crate::Error;
use crate::audit::SubjectChange;

/// What the log calls a row: half a SHA-256 of its ciphertext, or half a keyed hash where nothing is sealed.
pub(crate) type RowName = [u8; 16];

/// Names in one leaf: an entry of the log has 64 KiB.
pub(crate) const AT_ONCE: usize = 512;

/// Tables whose rows have names, in the column `name_in_log`.
pub(crate) const TABLES: [&str; 9] = [
    "archive_entries",
    "own_tokens",
    "proposals",
    "reply_maps",
    "subject_app_versions",
    "subject_apps",
    "subject_sessions",
    "subject_shares",
    "vault_tokens",
];

/// The name of a row with this ciphertext.
pub(crate) fn name_of(sealed: &[u8]) -> RowName {
    half(&sha256(sealed))
}

/// Half of a hash.
pub(crate) fn half(hash: &[u8; 32]) -> RowName {
    hash.first_chunk().copied().unwrap_or_default()
}

/// Tells the log, in leaves of `kind` that are otherwise as `change`, that these rows are no more.
pub(crate) async fn tell_ended(
    tx: &mut Tx,
    kind: &'static str,
    change: &SubjectChange,
    rows: &[Option<RowName>],
) -> Result<(), Error> {
    let leaves: Vec<SubjectChange> = rows
        .chunks(AT_ONCE)
        .map(|rows| {
            let change = SubjectChange {
                count: Some(rows.len() as u64),
                ..change.clone()
            };
            change.ending(rows.iter().copied())
        })
        .collect();
    let leaf = Leaf {
        kind,
        tenant: &change.tenant,
        at: change.at,
        payload: &(),
    };
    Ok(append_leaves(tx, leaf, &leaves).await?)
}
