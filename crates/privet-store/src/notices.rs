//! Who has acknowledged which notice of the policy.

use jiff::Timestamp;
use privet_types::{Principal, Pseudonym, TenantId};
use serde::Serialize;

use crate::log::{Leaf, append_leaf};
use crate::sql::{FromRow, Row};
use crate::{Error, Store, values};

/// That somebody has said to have read a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// In whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// Which notice, as the policy names it.
    pub notice: String,
    /// Which version of its text.
    pub version: String,
    /// When; millisecond precision.
    pub acknowledged_at: Timestamp,
    /// Until when it counts; for as long as the text stays the same if there is none.
    pub expires_at: Option<Timestamp>,
}

/// What the log is told of it.
#[derive(Serialize)]
struct Told<'a> {
    at: Timestamp,
    tenant: &'a str,
    principal: &'a Pseudonym,
    notice: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

impl Store {
    /// Keeps an acknowledgement, in the place of an earlier one of the same notice. The log is told of it, under `pseudonym`.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn acknowledge(&self, done: &Acknowledgement, pseudonym: &Pseudonym) -> Result<(), Error> {
        let (done, pseudonym) = (done.clone(), pseudonym.clone());
        self.write(move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO notice_acknowledgements \
                     (tenant, principal, notice, version, acknowledged_at, expires_at) \
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant, principal, notice) DO UPDATE SET \
                     version = excluded.version, acknowledged_at = excluded.acknowledged_at, \
                     expires_at = excluded.expires_at",
                    values![
                        done.tenant.as_str(),
                        done.principal.as_str(),
                        &done.notice,
                        &done.version,
                        done.acknowledged_at.as_millisecond(),
                        done.expires_at.map(Timestamp::as_millisecond),
                    ],
                )
                .await?;
                let payload = Told {
                    at: done.acknowledged_at,
                    tenant: done.tenant.as_str(),
                    principal: &pseudonym,
                    notice: &done.notice,
                    version: &done.version,
                    expires_at: done.expires_at,
                };
                let leaf = Leaf {
                    kind: "notice_acknowledged",
                    tenant: done.tenant.as_str(),
                    at: done.acknowledged_at,
                    payload: &payload,
                };
                append_leaf(tx, leaf).await
            })
        })
        .await
    }

    /// What one principal has acknowledged, by notice.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn acknowledgements(
        &self,
        tenant: &TenantId,
        principal: &Principal,
    ) -> Result<Vec<Acknowledgement>, Error> {
        let (tenant, principal) = (tenant.to_string(), principal.to_string());
        self.read(move |tx| {
            Box::pin(async move {
                tx.rows(
                    "SELECT tenant, principal, notice, version, acknowledged_at, expires_at \
                     FROM notice_acknowledgements WHERE tenant = $1 AND principal = $2 ORDER BY notice",
                    values![tenant.as_str(), principal.as_str()],
                )
                .await
            })
        })
        .await
    }
}

impl FromRow for Acknowledgement {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, principal, notice, version, acknowledged_at, expires_at) =
            <(String, String, String, String, i64, Option<i64>)>::from_row(row)?;
        let bad = || Error::BadRow {
            table: "notice_acknowledgements",
            row: format!("{tenant}/{principal}/{notice}"),
        };
        let at = |millis| Timestamp::from_millisecond(millis).map_err(|_| bad());
        Ok(Self {
            tenant: tenant.parse().map_err(|_| bad())?,
            principal: principal.parse().map_err(|_| bad())?,
            acknowledged_at: at(acknowledged_at)?,
            expires_at: expires_at.map(at).transpose()?,
            notice,
            version,
        })
    }
}
