//! Requests as the check of the vault looks at them.

use privet_crypto::{HashKey, VerifyingKey};
use privet_store::{Scope, values};
use privet_types::TenantId;

use super::flow::record_name;
use super::receipt::RequestReceipt;
use super::row::{COLUMNS, Columns, read, row_key};
use crate::{Error, SubjectId, Vault};

/// Requests read at a time.
const PAGE: u32 = 50;

/// What the check wants to know of a request.
#[derive(Debug, Clone)]
pub(crate) struct CheckedRequest {
    pub(crate) id: String,
    /// Absent where the row is not what was written.
    pub(crate) good: Option<GoodRequest>,
}

/// A request whose row is what was written.
#[derive(Debug, Clone)]
pub(crate) struct GoodRequest {
    pub(crate) status: &'static str,
    pub(crate) due_at: i64,
    pub(crate) subject: Option<SubjectId>,
    /// What is sealed, and the name of its place.
    pub(crate) sealed: Option<(String, Vec<u8>)>,
    /// The receipt's hash, and whether the tenant's key signed it.
    pub(crate) receipt: Option<(String, bool)>,
}

/// Up to 50 requests of `tenant` behind `after`.
pub(crate) async fn check_page(
    vault: &Vault,
    tenant: &TenantId,
    after: &str,
) -> Result<Vec<CheckedRequest>, Error> {
    let key = row_key(vault, tenant).await?;
    let receipts = vault.receipt_key(tenant).await?;
    let (owner, after) = (tenant.clone(), after.to_owned());
    let rows: Vec<Columns> = vault
        .store
        .database()
        .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
            Box::pin(async move {
                let sql = format!(
                    "SELECT {COLUMNS} FROM subject_requests WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT {PAGE}"
                );
                Ok(tx.rows(sql, values![owner.as_str(), after]).await?)
            })
        })
        .await?;
    Ok(rows
        .into_iter()
        .map(|columns| CheckedRequest {
            id: columns.0.clone(),
            good: judge(&key, &receipts, tenant, columns),
        })
        .collect())
}

fn judge(key: &HashKey, receipts: &VerifyingKey, tenant: &TenantId, columns: Columns) -> Option<GoodRequest> {
    let row = read(key, tenant.as_str(), columns).ok()?;
    let request = row.case.request;
    let receipt = row.receipt.as_deref().map(|json| {
        let receipt = serde_json::from_str::<RequestReceipt>(json).ok();
        receipt.map_or((String::new(), false), |receipt| {
            let holds = receipt
                .verify(receipts)
                .is_ok_and(|said| said.request == request.id);
            (receipt.hash(), holds)
        })
    });
    Some(GoodRequest {
        status: request.status.name(),
        due_at: request.due_at.as_millisecond(),
        sealed: row.sealed.map(|sealed| (record_name(&request.id), sealed)),
        subject: request.subject,
        receipt,
    })
}
