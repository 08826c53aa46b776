//! What is read of subjects under an open bulk read, beside its pages.

use privet_store::values;

use super::find::{has_not_ended, loaded};
use super::list::Search;
use super::read::Subject;
use super::row::SubjectState;
use crate::audit::{Access, Audited, Operation};
use crate::{Actor, Error, Ground, SubjectRef, Vault};

/// Most subjects that are named in one call.
const MOST_NAMED: usize = 1000;
/// Most subjects of a slice or a search.
const MOST_SHOWN: u32 = 500;

impl Vault {
    /// The subjects `who`, 1,000 at most, under the open bulk read `unlock`. In the order of asking; who is not there, or
    /// restricted, is left out.
    ///
    /// # Errors
    /// [`Error::TooMany`]; those of [`check_unlock`](Self::check_unlock).
    pub async fn bulk_subjects(
        &self,
        actor: &Actor,
        unlock: &str,
        who: &[SubjectRef],
    ) -> Result<Audited<Vec<Subject>>, Error> {
        if who.len() > MOST_NAMED {
            return Err(Error::TooMany {
                what: "subjects at a time",
                most: MOST_NAMED as u64,
            });
        }
        self.check_unlock(actor, unlock).await?;
        let mut subjects = Vec::new();
        for who in who {
            // As a caller of one subject finds it: the case of a login counts.
            let found = match self.locate(actor, who).await {
                Ok(id) => {
                    self.find_for(actor, &SubjectRef::Token(id), Ground::Ordinary)
                        .await
                }
                Err(error) => Err(error),
            };
            match found {
                Ok(found) => subjects.push(found.subject()?),
                // What has not the form of an index is in no index.
                Err(Error::Absent { .. } | Error::Restricted | Error::BadField { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.shown_in_bulk(actor, unlock, subjects).await
    }

    /// `limit` subjects, 500 at most, behind the first `offset` in the order they came to be, and how many there are, under the
    /// open bulk read `unlock`. Restricted ones are left out and not counted. O(`offset`).
    ///
    /// # Errors
    /// Those of [`check_unlock`](Self::check_unlock).
    pub async fn bulk_slice(
        &self,
        actor: &Actor,
        unlock: &str,
        offset: u64,
        limit: u32,
    ) -> Result<Audited<(u64, Vec<Subject>)>, Error> {
        self.check_unlock(actor, unlock).await?;
        let tenant = actor.tenant.clone();
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let (limit, now) = (limit.min(MOST_SHOWN), self.now());
        let (total, rows) = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let (tenant, active) = (tenant.as_str(), SubjectState::Active.name());
                    let count = format!(
                        "SELECT COUNT(*) FROM subjects s WHERE s.tenant = $1 AND s.state = $2 AND {}",
                        has_not_ended(3)
                    );
                    let total: i64 = tx
                        .one(count, values![tenant, active, now.as_millisecond()])
                        .await?;
                    let condition = "s.state = $2 ORDER BY s.created_at, s.id LIMIT $3 OFFSET $4";
                    let rows = loaded(
                        tx,
                        tenant,
                        Some(now),
                        condition,
                        values![tenant, active, limit, offset],
                    )
                    .await?;
                    Ok((total.unsigned_abs(), rows))
                })
            })
            .await?;
        let found = self.unlock_many(&actor.tenant, rows).await?;
        let subjects = found
            .iter()
            .map(super::row::Found::subject)
            .collect::<Result<Vec<_>, _>>()?;
        let shown = self.shown_in_bulk(actor, unlock, subjects).await?;
        Ok(Audited {
            value: (total, shown.value),
            access: shown.access,
        })
    }

    /// The subjects that have what one of `searches` says, `limit` or 500 at most, each once, under the open bulk read `unlock`.
    /// A search that its field has no index for finds nobody.
    ///
    /// # Errors
    /// Those of [`check_unlock`](Self::check_unlock); [`Error::TooMany`] as of [`search`](Self::search).
    pub async fn bulk_search(
        &self,
        actor: &Actor,
        unlock: &str,
        searches: &[Search],
        limit: u32,
    ) -> Result<Audited<Vec<Subject>>, Error> {
        self.check_unlock(actor, unlock).await?;
        let limit = limit.min(MOST_SHOWN);
        let mut subjects: Vec<Subject> = Vec::new();
        for search in searches {
            let found = match self.search(actor, search, limit, Ground::Ordinary).await {
                Ok(found) => found.value,
                Err(Error::BadField { .. }) => continue,
                Err(error) => return Err(error),
            };
            for subject in found {
                if subjects.len() < limit as usize && subjects.iter().all(|known| known.id != subject.id) {
                    subjects.push(subject);
                }
            }
        }
        self.shown_in_bulk(actor, unlock, subjects).await
    }

    /// Writes down that `subjects` are shown.
    async fn shown_in_bulk(
        &self,
        actor: &Actor,
        unlock: &str,
        subjects: Vec<Subject>,
    ) -> Result<Audited<Vec<Subject>>, Error> {
        self.use_unlock(actor, unlock, subjects.len() as u64).await?;
        let fields = subjects.iter().map(|s| s.record.fields().len()).sum();
        let access = Access::shown(actor, self.now(), Operation::BulkPage, Ground::Ordinary);
        Ok(Audited {
            access: access.many(subjects.len(), fields),
            value: subjects,
        })
    }
}
