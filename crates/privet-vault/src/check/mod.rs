//! The check of every row, index entry, edge and leaf.
//!
//! Each record is opened, each index entry computed again, each row held against its leaf and each leaf against the rows.
//! Rows are read in pages, and sets of names are held in parts of a million at most, so that memory stays bounded.
//! Others may write meanwhile: what a first look finds is looked for a second time, and only what is found twice is told.

mod endings;
mod history;
mod keys;
pub(crate) mod leaves;
mod log;
mod report;
mod said;
mod sealed;
mod subjects;
pub(crate) mod walk;

use std::collections::BTreeSet;

use privet_store::{LogCheck, Scope, values};
use privet_types::TenantId;

pub use report::{CheckOutcome, CheckReport, Finding, FindingKind, NotChecked, Severity};

use crate::{Error, Vault};
use report::Findings;

/// Told, from time to time, of which table how many rows were looked at since.
pub type OnChecked<'a> = &'a mut (dyn FnMut(&str, u64) + Send);

/// Tables that show which tenants there are.
const TENANTS: [&str; 5] = [
    "subjects",
    "definitions",
    "vault_tokens",
    "subject_sessions",
    "api_keys",
];

impl Vault {
    /// Checks all that is kept of `tenants` (of everybody if there are none named), and puts what the check of the log
    /// found beside it. Changes nothing.
    ///
    /// # Errors
    /// Those of the store and the keyring where they do not answer. What is damaged is no error: it is a finding.
    pub async fn check_all(
        &self,
        tenants: &[TenantId],
        log: &LogCheck,
        progress: OnChecked<'_>,
    ) -> Result<CheckReport, Error> {
        let at = self.now();
        let all = if tenants.is_empty() {
            self.tenants().await?
        } else {
            tenants.to_vec()
        };
        let mut findings = Findings::default();
        for tenant in &all {
            let first = self.check_tenant(tenant, progress).await?;
            if first.is_empty() {
                findings.add(first);
            } else {
                let second = self.check_tenant(tenant, progress).await?;
                findings.add(first.and(&second));
            }
        }
        log::tell(log, &mut findings);
        Ok(findings.into_report(at, log.position.clone()))
    }

    /// Everybody who has keys or rows.
    ///
    /// # Errors
    /// Those of the store and the keyring.
    pub async fn tenants(&self) -> Result<Vec<TenantId>, Error> {
        let mut names: BTreeSet<TenantId> = self.keyring.tenants_with_keys().await?.into_iter().collect();
        for table in TENANTS {
            let sql = format!("SELECT DISTINCT tenant FROM {table} ORDER BY tenant");
            let found: Vec<String> = self
                .store
                .database()
                .read::<_, Error, _>(&Scope::Installation, move |tx| {
                    Box::pin(async move { Ok(tx.rows(sql, values![]).await?) })
                })
                .await?;
            names.extend(found.into_iter().filter_map(|name| name.parse().ok()));
        }
        Ok(names.into_iter().collect())
    }

    async fn check_tenant(&self, tenant: &TenantId, progress: OnChecked<'_>) -> Result<Findings, Error> {
        let mut look = Look {
            vault: self,
            tenant,
            findings: Findings::default(),
            progress,
        };
        // Keys first: a key is there before the row that needs it.
        if look.keyring().await? {
            look.unused_keys().await?;
            look.subjects().await?;
            look.sealed().await?;
            look.requests().await?;
            look.erasures().await?;
        }
        look.strays().await?;
        look.definitions().await?;
        look.consent_events().await?;
        look.holds().await?;
        look.lineage().await?;
        look.leaves().await?;
        Ok(look.findings)
    }
}

/// A look at all that is kept of a tenant.
struct Look<'a, 'p> {
    vault: &'a Vault,
    tenant: &'a TenantId,
    findings: Findings,
    progress: OnChecked<'p>,
}

impl Look<'_, '_> {
    fn found(&mut self, kind: FindingKind, table: &str, row: &str) {
        self.findings.found(kind, self.tenant, table, row);
    }

    fn looked_at(&mut self, table: &str, rows: usize) {
        self.findings.looked_at(table, rows);
        (self.progress)(table, rows as u64);
    }
}

/// Whether an error says that what is stored is damaged; all others say that the store or keyring does not answer.
pub(crate) fn is_damage(error: &Error) -> bool {
    matches!(
        error,
        Error::Damaged { .. }
            | Error::Crypto(_)
            | Error::Store(privet_store::Error::BadRow { .. } | privet_store::Error::UnexpectedValue { .. })
    )
}
