//! What people have acknowledged: which notice, in which wording, and when.

use jiff::Timestamp;
use privet_types::{Principal, Pseudonym, TenantId};
use serde::Serialize;

use crate::log::{Leaf, append_leaf};
use crate::sql::{FromRow, Row, Tx};
use crate::{Error, Store, values};

/// That somebody has acknowledged a notice. Times have millisecond precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgementRecord {
    /// In whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// Which notice, by its id in the policy.
    pub notice: String,
    /// Which wording: the hash of its texts.
    pub text_hash: String,
    /// When, the last time.
    pub at: Timestamp,
}

/// What the log is told: metadata, and people as pseudonyms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcknowledgementChange {
    /// When, UTC.
    pub at: Timestamp,
    /// In whose installation space.
    pub tenant: String,
    /// Who.
    pub principal: Pseudonym,
    /// Which notice.
    pub notice: String,
    /// Which wording.
    pub text_hash: String,
    /// By what they came: `key`, `session` or `certificate`.
    pub way: &'static str,
}

impl Store {
    /// Keeps that somebody has acknowledged a notice, and tells the log. Other wordings stay as they are: nodes may for a moment have
    /// different ones. An earlier time than what is known changes nothing.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn acknowledge(
        &self,
        record: &AcknowledgementRecord,
        change: &AcknowledgementChange,
    ) -> Result<(), Error> {
        let row = values![
            record.tenant.as_str(),
            record.principal.as_str(),
            &record.notice,
            &record.text_hash,
            record.at.as_millisecond(),
        ];
        let change = change.clone();
        self.write(move |tx| {
            Box::pin(async move {
                let sql = "INSERT INTO acknowledgements (tenant, principal, notice, text_hash, at) \
                           VALUES ($1, $2, $3, $4, $5) \
                           ON CONFLICT (tenant, principal, notice, text_hash) DO UPDATE SET at = excluded.at \
                           WHERE excluded.at > acknowledgements.at";
                if tx.execute(sql, row).await? == 0 {
                    return Ok(());
                }
                let leaf = Leaf {
                    kind: "notice_acknowledged",
                    tenant: &change.tenant,
                    at: change.at,
                    payload: &change,
                };
                append_leaf(tx, leaf).await
            })
        })
        .await
    }
}

/// All of them, ordered by tenant, principal, notice and wording.
pub(crate) async fn select_acknowledgements(tx: &mut Tx) -> Result<Vec<AcknowledgementRecord>, Error> {
    let sql = "SELECT tenant, principal, notice, text_hash, at FROM acknowledgements \
               ORDER BY tenant, principal, notice, text_hash";
    tx.rows(sql, values![]).await
}

impl FromRow for AcknowledgementRecord {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, principal, notice, text_hash, at) =
            <(String, String, String, String, i64)>::from_row(row)?;
        let bad = || Error::BadRow {
            table: "acknowledgements",
            row: format!("{tenant}/{notice}"),
        };
        Ok(Self {
            principal: principal.parse().map_err(|_| bad())?,
            at: Timestamp::from_millisecond(at).map_err(|_| bad())?,
            tenant: tenant.parse().map_err(|_| bad())?,
            notice,
            text_hash,
        })
    }
}
