//! How long a subject's data is kept, where that was said when the subject was made.

use std::time::Duration;

use jiff::Timestamp;
use privet_store::{Scope, values};
use privet_types::TenantId;
use serde::Serialize;

use super::id::SubjectId;
use super::row::Found;
use super::share::millis;
use crate::{Actor, Error, Vault};

/// Uses move a sliding end only if that gains this part of its span: not each read has to write.
const GAIN: i64 = 64;

/// When a subject's data ends. From then on the subject is absent at once; the next sweep erases them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Lifetime {
    /// At the latest, however it is used.
    pub until: Option<Timestamp>,
    /// So long after it was last used.
    pub sliding: Option<Duration>,
}

impl Lifetime {
    /// When it ends if it is used last at `now`.
    pub(crate) fn end(&self, now: Timestamp) -> Result<Option<i64>, Error> {
        let slides = self.sliding.map(|span| slid(now, millis(span))).transpose()?;
        let until = self.until.map(Timestamp::as_millisecond);
        Ok(until.into_iter().chain(slides).min())
    }
}

/// So many milliseconds after `now`.
pub(crate) fn slid(now: Timestamp, span: i64) -> Result<i64, Error> {
    let end = now.as_millisecond().checked_add(span);
    let end = end.filter(|end| Timestamp::from_millisecond(*end).is_ok());
    end.ok_or_else(|| Error::BadField {
        field: "slidingtime".to_owned(),
        why: "out of range",
    })
}

impl Vault {
    /// Starts a sliding end anew.
    pub(crate) async fn touch(&self, actor: &Actor, found: &Found) -> Result<(), Error> {
        let (Some(span), Some(end)) = (found.row.sliding_ms, found.row.ends_at) else {
            return Ok(());
        };
        let slid = slid(self.now(), span)?;
        let next = found.row.until_at.map_or(slid, |until| until.min(slid));
        if next <= end.saturating_add(span / GAIN) {
            return Ok(());
        }
        let (tenant, id) = (actor.tenant.clone(), found.row.id.clone());
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "UPDATE subjects SET ends_at = $1 WHERE tenant = $2 AND id = $3 AND ends_at < $1",
                        values![next, tenant.as_str(), id.as_str()],
                    )
                    .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Subjects of `tenant` whose time is over and whom no hold keeps, `most` at most, those first that ended first.
    pub(crate) async fn ended_subjects(&self, tenant: &TenantId, most: u32) -> Result<Vec<SubjectId>, Error> {
        let (owner, now) = (tenant.clone(), self.now().as_millisecond());
        let ids: Vec<String> = self
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .rows(
                            "SELECT id FROM subjects s WHERE tenant = $1 AND ends_at <= $2 AND state <> 'erased' \
                             AND NOT EXISTS (SELECT 1 FROM active_holds h WHERE h.tenant = s.tenant \
                             AND (h.until IS NULL OR h.until > $2) AND (h.subject IS NULL OR h.subject = s.id)) \
                             ORDER BY ends_at, id LIMIT $3",
                            values![owner.as_str(), now, most],
                        )
                        .await?)
                })
            })
            .await?;
        Ok(ids.into_iter().map(SubjectId::stored).collect())
    }
}
