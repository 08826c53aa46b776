//! Lists of subjects, and search by index.

use jiff::Timestamp;
use privet_store::values;
use serde::Serialize;

use super::find::{Loaded, has_not_ended, loaded};
use super::id::SubjectId;
use super::index::{Bucket, Entry, TenantIndexes};
use super::read::{Subject, timestamp};
use super::row::{COLUMNS, Found, RowValues, SubjectRow, SubjectState};
use crate::audit::{Access, Audited, Operation};
use crate::{Actor, Error, Ground, Vault};

/// Most subjects of a page.
const MOST_LISTED: u32 = 1000;
/// Most candidates that one search opens.
const MOST_OPENED: u64 = 20_000;
/// Candidates loaded at a time.
const CANDIDATES: i64 = 500;

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Behind this subject; from the first one if absent.
    pub after: Option<SubjectId>,
    /// How many at most; 1,000 at most.
    pub limit: u32,
}

/// What is looked for. `Debug` would show a value, so there is none.
#[derive(Clone)]
pub struct Search {
    /// A field with an index.
    pub field: String,
    /// The value, or how it begins.
    pub value: String,
    /// Whether `value` is only the beginning. The field needs prefix buckets.
    pub is_prefix: bool,
}

/// A subject without its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectInfo {
    /// Its id.
    pub id: SubjectId,
    /// Where it stands.
    pub state: SubjectState,
    /// The version of its record.
    pub version: u64,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When its record was last changed.
    pub updated_at: Timestamp,
}

enum Wanted {
    Exact(Entry),
    Prefix(Bucket, String),
}

impl Vault {
    /// Subjects by id, without their records: a page of [`Page::limit`], which is 1,000 at most.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, actor: &Actor, page: &Page) -> Result<Audited<Vec<SubjectInfo>>, Error> {
        let (tenant, page, now) = (actor.tenant.clone(), page.clone(), self.now().as_millisecond());
        let rows: Vec<RowValues> = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let after = page.after.as_ref().map_or("", SubjectId::as_str);
                    let sql = format!(
                        "SELECT {COLUMNS} FROM subjects s WHERE s.tenant = $1 AND s.id > $2 \
                         AND s.state <> 'erased' AND {} ORDER BY s.id LIMIT $3",
                        has_not_ended(4)
                    );
                    let limit = page.limit.min(MOST_LISTED);
                    Ok(tx.rows(sql, values![tenant.as_str(), after, limit, now]).await?)
                })
            })
            .await?;
        let info = |values| {
            let row = SubjectRow::read(actor.tenant.as_str(), values)?;
            Ok(SubjectInfo {
                id: row.id,
                state: row.state,
                version: row.version,
                created_at: timestamp(row.created_at)?,
                updated_at: timestamp(row.updated_at)?,
            })
        };
        let subjects = rows.into_iter().map(info).collect::<Result<Vec<_>, Error>>()?;
        let access = Access::shown(actor, self.now(), Operation::ListSubjects, Ground::Ordinary);
        Ok(Audited {
            access: access.many(subjects.len(), 0),
            value: subjects,
        })
    }

    /// How many subjects the tenant has, erased ones not counted.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn count(&self, actor: &Actor) -> Result<u64, Error> {
        let (tenant, now) = (actor.tenant.clone(), self.now().as_millisecond());
        let count = format!(
            "SELECT COUNT(*) FROM subjects s WHERE s.tenant = $1 AND s.state <> 'erased' AND {}",
            has_not_ended(2)
        );
        let count: i64 = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move { Ok(tx.one(count, values![tenant.as_str(), now]).await?) })
            })
            .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The subjects, `limit` at most, that have what `search` says, by id. Restricted ones are left out without a
    /// permitted purpose. A search by prefix opens all subjects of the prefix's bucket and drops those that do not fit.
    ///
    /// # Errors
    /// [`Error::BadField`] if the field has no such index or the prefix is too short; [`Error::TooMany`] if more than
    /// 20,000 candidates would have to be opened.
    pub async fn search(
        &self,
        actor: &Actor,
        search: &Search,
        limit: u32,
        ground: Ground,
    ) -> Result<Audited<Vec<Subject>>, Error> {
        let indexes = self.indexes(&actor.tenant).await?;
        let wanted = if search.is_prefix {
            let (bucket, prefix) = indexes.prefix(&search.field, &search.value)?;
            Wanted::Prefix(bucket, prefix)
        } else {
            Wanted::Exact(indexes.entry(&search.field, &search.value)?)
        };
        let limit = usize::try_from(limit.min(MOST_LISTED)).unwrap_or_default();
        let mut subjects: Vec<Subject> = Vec::new();
        let mut after = String::new();
        let mut opened = 0;
        while subjects.len() < limit {
            let candidates = self.candidates(actor, &wanted, after.clone()).await?;
            let Some((last, _)) = candidates.last() else { break };
            after = last.id.as_str().to_owned();
            opened += candidates.len() as u64;
            if opened > MOST_OPENED {
                return Err(Error::TooMany {
                    what: "candidates of a search",
                    most: MOST_OPENED,
                });
            }
            for found in self.unlock_many(&actor.tenant, candidates).await? {
                let is_shown = found.row.state == SubjectState::Active || !ground.is_ordinary();
                if is_shown && subjects.len() < limit && wanted.fits(&indexes, &search.field, &found)? {
                    subjects.push(found.subject()?);
                }
            }
        }
        let fields = subjects.iter().map(|s| s.record.fields().len()).sum();
        let access = Access::shown(actor, self.now(), Operation::Search, ground);
        Ok(Audited {
            access: access.many(subjects.len(), fields),
            value: subjects,
        })
    }

    async fn candidates(&self, actor: &Actor, wanted: &Wanted, after: String) -> Result<Vec<Loaded>, Error> {
        let (tenant, now) = (actor.tenant.clone(), Some(self.now()));
        let (table, column, field, version, value) = match wanted {
            Wanted::Exact(entry) => (
                "subject_index",
                "entry",
                entry.field.clone(),
                entry.version,
                privet_store::Value::from(entry.hash),
            ),
            Wanted::Prefix(bucket, _) => (
                "subject_buckets",
                "bucket",
                bucket.field.clone(),
                bucket.version,
                bucket.bucket.into(),
            ),
        };
        let condition = format!(
            "s.id IN (SELECT i.subject FROM {table} i WHERE i.tenant = $1 AND i.field = $2 AND i.key_version = $3 \
             AND i.{column} = $4) AND s.id > $5 ORDER BY s.id LIMIT $6"
        );
        self.store
            .database()
            .read(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let mut values = values![tenant.as_str(), field, version];
                    values.extend([value, after.into(), CANDIDATES.into()]);
                    loaded(tx, tenant.as_str(), now, &condition, values).await
                })
            })
            .await
    }
}

impl Wanted {
    /// Whether the record has what is looked for, as the index says of exact values, and maybe of prefixes.
    fn fits(&self, indexes: &TenantIndexes, field: &str, found: &Found) -> Result<bool, Error> {
        let record = found.subject_with(&[field])?.record;
        match self {
            Self::Exact(entry) => {
                let entries = indexes.entries(&record)?;
                if entries.exact.contains(entry) {
                    Ok(true)
                } else {
                    Err(Error::Damaged {
                        table: "subject_index",
                    })
                }
            }
            Self::Prefix(_, prefix) => Ok(indexes
                .normal_of(field, &record)
                .is_some_and(|value| value.starts_with(prefix))),
        }
    }
}
