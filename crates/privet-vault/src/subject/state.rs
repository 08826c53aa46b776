//! Restriction of processing (GDPR Article 18), and the rows that hang on a subject.

use privet_store::{Leaf, Tx, append_leaf, values};

use super::change::update_row;
use super::id::{SubjectId, SubjectRef};
use super::row::SubjectState;
use crate::audit::SubjectChange;
use crate::{Actor, Error, Vault};

const ATTEMPTS: usize = 16;

impl Vault {
    /// Restricts the processing of the data of `who`, or lifts the restriction. Says whether that changed anything.
    ///
    /// # Errors
    /// [`Error::Absent`].
    pub async fn restrict(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        is_restricted: bool,
    ) -> Result<bool, Error> {
        let (state, kind) = if is_restricted {
            (SubjectState::Restricted, "subject_restricted")
        } else {
            (SubjectState::Active, "subject_restriction_lifted")
        };
        for _ in 0..ATTEMPTS {
            let found = self.find(actor, who).await?;
            if found.row.state == state {
                return Ok(false);
            }
            let before = found.row.clone();
            let mut after = found.row.clone();
            after.state = state;
            after.mark = after.expected_mark(&found.keys);
            let at = self.now();
            let change = SubjectChange {
                subject: Some(found.pseudonym()),
                ..SubjectChange::by(actor, at)
            };
            let is_written = self
                .store
                .database()
                .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                    Box::pin(async move {
                        if !update_row(tx, &before, &after).await? {
                            return Ok(false);
                        }
                        let leaf = Leaf {
                            kind,
                            tenant: &after.tenant,
                            at,
                            payload: &change,
                        };
                        append_leaf(tx, leaf).await?;
                        Ok(true)
                    })
                })
                .await?;
            if is_written {
                return Ok(true);
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }
}

/// How many rows of each kind went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeletedRows {
    /// Versions of the record, and of what applications keep.
    pub versions: u64,
    /// Entries of blind indexes and buckets.
    pub index_entries: u64,
    /// What applications kept.
    pub apps: u64,
    /// Sessions.
    pub sessions: u64,
    /// Shared records.
    pub shares: u64,
    /// Tokens that were random.
    pub tokens: u64,
    /// Tokens that kept the format of their value: who holds the tenant's key can still compute them.
    pub format_preserving_tokens: u64,
    /// Archived conversations.
    pub conversations: u64,
    /// Maps of stateful calls.
    pub reply_maps: u64,
    /// Changes that were asked for; of closed ones it stays that there was one.
    pub proposals: u64,
    /// Tokens with which the person called for themselves.
    pub own_tokens: u64,
}

/// Deletes all rows that hang on the subject `id` and marks it as erased; its own row stays, so that the id is never
/// given again. For erasure, which shreds the key and appends the leaf. Works for a subject that is erased already.
///
/// # Errors
/// [`Error::Store`] if the database refuses.
pub(crate) async fn erase_rows(tx: &mut Tx, tenant: &str, id: &SubjectId) -> Result<DeletedRows, Error> {
    let key = || values![tenant, id.as_str()];
    tx.execute(
        "UPDATE subjects SET state = 'erased' WHERE tenant = $1 AND id = $2",
        key(),
    )
    .await?;
    let closed = tx
        .execute(
            "UPDATE proposals SET subject = NULL, sealed = NULL, asked_by = '' \
             WHERE tenant = $1 AND subject = $2 AND status <> 'open'",
            key(),
        )
        .await?;
    // Calls stay in the log; whom they were about does not.
    tx.execute(
        "UPDATE vault_calls SET subject = NULL, app = NULL, note = NULL WHERE tenant = $1 AND subject = $2",
        key(),
    )
    .await?;
    let mut delete = async |table: &str, more: &str| -> Result<u64, Error> {
        let sql = format!("DELETE FROM {table} WHERE tenant = $1 AND subject = $2 {more}");
        Ok(tx.execute(sql, key()).await?)
    };
    Ok(DeletedRows {
        versions: delete("subject_versions", "").await? + delete("subject_app_versions", "").await?,
        index_entries: delete("subject_index", "").await?
            + delete("subject_buckets", "").await?
            + delete("archive_words", "").await?,
        apps: delete("subject_apps", "").await?,
        sessions: delete("subject_sessions", "").await?,
        shares: delete("subject_shares", "").await?,
        tokens: delete("vault_tokens", "AND preserves_format = 0").await?,
        format_preserving_tokens: delete("vault_tokens", "AND preserves_format = 1").await?,
        conversations: delete("archive_entries", "").await?,
        reply_maps: delete("reply_maps", "").await?,
        proposals: closed + delete("proposals", "").await?,
        own_tokens: delete("own_tokens", "").await?,
    })
}
