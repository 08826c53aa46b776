//! Changes of records.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_crypto::sha256;
use privet_store::{Leaf, Tx, append_leaf, values};
use serde_json::Value;

use super::container::{open, seal};
use super::create::{insert_entries, taken_field};
use super::id::{SubjectId, SubjectRef};
use super::index::{Bucket, Entry};
use super::operations::RecordChange;
use super::record::Record;
use super::row::{Found, SubjectRow, record_name};
use crate::audit::SubjectChange;
use crate::proposal::Closing;
use crate::{Actor, Error, Ground, Vault};

/// Changes without an expected version start again so often when others change the record meanwhile.
const ATTEMPTS: usize = 16;

/// A record as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Whose.
    pub id: SubjectId,
    /// The version it is now.
    pub version: u64,
    /// When.
    pub at: Timestamp,
}

/// What is to be written.
struct NewVersion {
    before: SubjectRow,
    after: SubjectRow,
    sealed: Vec<u8>,
    added: BTreeSet<Entry>,
    dropped: BTreeSet<Entry>,
    buckets_added: BTreeSet<Bucket>,
    buckets_dropped: BTreeSet<Bucket>,
    change: SubjectChange,
    closing: Option<Closing>,
}

impl Vault {
    /// Changes the record of `who` by a JSON merge patch (RFC 7396). With `expected`, only if that is its version.
    ///
    /// # Errors
    /// [`Error::Absent`], [`Error::Restricted`], [`Error::VersionConflict`], [`Error::BadRecord`] if `patch` is no
    /// object, [`Error::BadField`] and [`Error::Taken`] as for a new one. Nothing is changed then.
    pub async fn update(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        patch: &Value,
        expected: Option<u64>,
        ground: Ground,
    ) -> Result<Stored, Error> {
        self.change(actor, who, expected, ground, None, |record| {
            record.patched(patch.clone())
        })
        .await
    }

    /// Changes the record of `who` as `change` says. With `expected`, only if that is its version.
    ///
    /// # Errors
    /// As [`update`](Self::update); [`Error::BadField`] naming the operation, from 0, that cannot be done.
    pub async fn amend(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        change: &RecordChange,
        expected: Option<u64>,
        ground: Ground,
    ) -> Result<Stored, Error> {
        self.amend_closing(actor, who, change, expected, ground, None)
            .await
    }

    /// As [`amend`](Self::amend); what was asked for is closed in the same transaction.
    pub(crate) async fn amend_closing(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        change: &RecordChange,
        expected: Option<u64>,
        ground: Ground,
        closing: Option<&Closing>,
    ) -> Result<Stored, Error> {
        self.change(actor, who, expected, ground, closing, |record| {
            change.apply(record)
        })
        .await
    }

    /// Puts `record` in the place of the record of `who`.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn replace(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        record: &Record,
        expected: Option<u64>,
        ground: Ground,
    ) -> Result<Stored, Error> {
        self.change(actor, who, expected, ground, None, |_| Ok(record.clone()))
            .await
    }

    async fn change(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        expected: Option<u64>,
        ground: Ground,
        closing: Option<&Closing>,
        make: impl Fn(Record) -> Result<Record, Error>,
    ) -> Result<Stored, Error> {
        let mut who = who.clone();
        let mut found = self.find_for(actor, &who, ground).await?;
        for _ in 0..ATTEMPTS {
            if expected.is_some_and(|version| version != found.row.version) {
                break;
            }
            let name = record_name(found.row.updated_at);
            let old = open(
                &found.keys,
                &found.row.place(&name, found.row.version),
                &found.sealed,
            )?;
            let new = make(old.clone())?;
            let mut version = self.new_version(actor, &found, &old, &new, ground).await?;
            version.closing = closing.cloned();
            let stored = Stored {
                id: found.row.id.clone(),
                version: version.after.version,
                at: version.change.at,
            };
            let scope = Self::scope(actor);
            let is_written = self
                .store
                .database()
                .write(&scope, move |tx| Box::pin(async move { version.write(tx).await }))
                .await;
            let is_written = match is_written {
                // Somebody was quicker with a unique value: which one shows when it is looked at again.
                Err(Error::Taken { field }) if field.is_empty() => false,
                other => other?,
            };
            if is_written {
                return Ok(stored);
            }
            // The same subject, even if it was found by a value that has moved on.
            who = found.row.id.into();
            found = self.find_for(actor, &who, ground).await?;
        }
        Err(Error::VersionConflict {
            found: found.row.version,
        })
    }

    async fn new_version(
        &self,
        actor: &Actor,
        found: &Found,
        old: &Record,
        new: &Record,
        ground: Ground,
    ) -> Result<NewVersion, Error> {
        let indexes = self.indexes(&actor.tenant).await?;
        let (before, after) = (indexes.entries(old)?, indexes.entries(new)?);
        // A clock that was set back does not make a version older than the one before.
        let at = self.now().as_millisecond().max(found.row.updated_at);
        let at = Timestamp::from_millisecond(at).map_err(|_| Error::Damaged { table: "subjects" })?;
        let mut row = found.row.clone();
        row.version += 1;
        row.updated_at = at.as_millisecond();
        let kept = u64::from(self.config.versions_kept);
        row.oldest_version = row.oldest_version.max((row.version + 1).saturating_sub(kept));
        row.mark = row.expected_mark(&found.keys);
        self.count_seals(&actor.tenant, row.key_id, new).await?;
        let name = record_name(row.updated_at);
        let sealed = seal(&found.keys, &row.place(&name, row.version), new)?;
        let change = SubjectChange {
            subject: Some(found.pseudonym()),
            version: Some(row.version),
            count: Some(new.fields().len() as u64),
            sealed: Some(HEXLOWER.encode(&sha256(&sealed))),
            ground,
            ..SubjectChange::by(actor, at)
        };
        Ok(NewVersion {
            before: found.row.clone(),
            sealed,
            added: &after.exact - &before.exact,
            dropped: &before.exact - &after.exact,
            buckets_added: &after.buckets - &before.buckets,
            buckets_dropped: &before.buckets - &after.buckets,
            change,
            closing: None,
            after: row,
        })
    }
}

impl NewVersion {
    /// Writes it if nobody else changed the subject since. Says whether.
    async fn write(&self, tx: &mut Tx) -> Result<bool, Error> {
        let (tenant, id) = (self.after.tenant.as_str(), self.after.id.as_str());
        if !update_row(tx, &self.before, &self.after).await? {
            return Ok(false);
        }
        tx.execute(
            "INSERT INTO subject_versions (tenant, subject, version, at, sealed) VALUES ($1, $2, $3, $4, $5)",
            values![
                tenant,
                id,
                signed(self.after.version),
                self.after.updated_at,
                self.sealed.as_slice()
            ],
        )
        .await?;
        tx.execute(
            "DELETE FROM subject_versions WHERE tenant = $1 AND subject = $2 AND version < $3",
            values![tenant, id, signed(self.after.oldest_version)],
        )
        .await?;
        for entry in &self.dropped {
            tx.execute(
                "DELETE FROM subject_index WHERE tenant = $1 AND field = $2 AND key_version = $3 AND entry = $4 \
                 AND subject = $5",
                values![tenant, &entry.field, entry.version, entry.hash, id],
            )
            .await?;
        }
        for bucket in &self.buckets_dropped {
            tx.execute(
                "DELETE FROM subject_buckets WHERE tenant = $1 AND field = $2 AND key_version = $3 AND bucket = $4 \
                 AND subject = $5",
                values![tenant, &bucket.field, bucket.version, bucket.bucket, id],
            )
            .await?;
        }
        if let Some(field) = taken_field(tx, tenant, self.added.iter()).await? {
            return Err(Error::Taken { field });
        }
        let exact = self.added.iter().map(|entry| entry.row(tenant, id)).collect();
        let buckets = self.buckets_added.iter().map(|b| b.row(tenant, id)).collect();
        insert_entries(tx, exact, buckets).await?;
        let leaf = Leaf {
            kind: "subject_updated",
            tenant,
            at: self.change.at,
            payload: &self.change,
        };
        append_leaf(tx, leaf).await?;
        if let Some(closing) = &self.closing {
            closing.write(tx).await?;
        }
        Ok(true)
    }
}

/// Puts `after` in the place of `before` if that is still there. Says whether.
pub(super) async fn update_row(tx: &mut Tx, before: &SubjectRow, after: &SubjectRow) -> Result<bool, Error> {
    let changed = tx
        .execute(
            "UPDATE subjects SET state = $1, version = $2, oldest_version = $3, updated_at = $4, mark = $5 \
             WHERE tenant = $6 AND id = $7 AND mark = $8",
            values![
                after.state.name(),
                signed(after.version),
                signed(after.oldest_version),
                after.updated_at,
                after.mark,
                &after.tenant,
                after.id.as_str(),
                before.mark
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// A number as the store keeps it.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
