//! Who last used which privilege, so that a review can hold what was granted against what is used.

use jiff::Timestamp;
use privet_types::{Principal, TenantId};

use crate::sql::{FromRow, Row};
use crate::{Error, Store, values};

/// That a principal used an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivilegeUse {
    /// In whose installation space.
    pub tenant: TenantId,
    /// Who.
    pub principal: Principal,
    /// What: the action's name.
    pub action: String,
    /// When for the last time; millisecond precision.
    pub last_used_at: Timestamp,
    /// How often.
    pub uses: u64,
}

impl Store {
    /// Adds `uses` to what is known. The log is told nothing: each of these calls has its own leaf.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer.
    pub async fn add_privilege_uses(&self, uses: &[PrivilegeUse]) -> Result<(), Error> {
        if uses.is_empty() {
            return Ok(());
        }
        let row = |used: &PrivilegeUse| {
            values![
                used.tenant.as_str(),
                used.principal.as_str(),
                &used.action,
                used.last_used_at.as_millisecond(),
                i64::try_from(used.uses).unwrap_or(i64::MAX),
            ]
        };
        let rows: Vec<_> = uses.iter().map(row).collect();
        self.write(move |tx| {
            Box::pin(async move {
                tx.insert_many(
                    "INSERT INTO privilege_uses (tenant, principal, action, last_used_at, uses)",
                    rows,
                    "ON CONFLICT (tenant, principal, action) DO UPDATE SET \
                     uses = privilege_uses.uses + excluded.uses, last_used_at = CASE \
                     WHEN excluded.last_used_at > privilege_uses.last_used_at THEN excluded.last_used_at \
                     ELSE privilege_uses.last_used_at END",
                )
                .await
                .map(drop)
            })
        })
        .await
    }

    /// All that is known, ordered by tenant, principal and action.
    ///
    /// # Errors
    /// [`Error::Database`] if the store does not answer, [`Error::BadRow`] if it was changed by hand.
    pub async fn list_privilege_uses(&self) -> Result<Vec<PrivilegeUse>, Error> {
        self.read(|tx| {
            Box::pin(async move {
                tx.rows(
                    "SELECT tenant, principal, action, last_used_at, uses FROM privilege_uses \
                     ORDER BY tenant, principal, action",
                    values![],
                )
                .await
            })
        })
        .await
    }
}

impl FromRow for PrivilegeUse {
    fn from_row(row: Row) -> Result<Self, Error> {
        let (tenant, principal, action, last_used_at, uses) =
            <(String, String, String, i64, i64)>::from_row(row)?;
        let bad = || Error::BadRow {
            table: "privilege_uses",
            row: format!("{tenant}/{principal}"),
        };
        Ok(Self {
            tenant: tenant.parse().map_err(|_| bad())?,
            principal: principal.parse().map_err(|_| bad())?,
            last_used_at: Timestamp::from_millisecond(last_used_at).map_err(|_| bad())?,
            uses: u64::try_from(uses).map_err(|_| bad())?,
            action,
        })
    }
}
