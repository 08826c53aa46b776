//! The blind indexes of tokens, under another secret.

use privet_crypto::KeyId;
use privet_store::{Scope, values};
use privet_types::TenantId;
use serde_json::Value;

use super::row::{TokenRow, place};
use super::{TokenForm, dedup_form};
use crate::subject::{Keys, SubjectId, sealed};
use crate::{Error, Vault};

/// Tokens read at a time: each may have 64 KiB.
const PAGE: i64 = 100;

/// A token and its blind index.
type Hashed = (TokenRow, [u8; 32]);

impl Vault {
    /// Hashes the values of all tokens of `tenant` whose equals share them with the secret that is in use now. A token that does not
    /// open is left as it is: nobody can say what its value was.
    ///
    /// # Errors
    /// Those of the store and the keyring.
    pub(crate) async fn rehash_tokens(&self, tenant: &TenantId) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let page = self.hashed_tokens(tenant, after).await?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = last.token.clone();
            let ids: Vec<KeyId> = page.iter().map(|(row, _)| row.key_id).collect();
            let keys = self.keyring.subject_keys(tenant, &ids).await?;
            for ((row, dedup), key) in page.into_iter().zip(keys) {
                let Some(key) = key else { continue };
                let Some(new) = self.hash_of(tenant, &row, &Keys::of(&key)).await? else {
                    continue;
                };
                if new != dedup {
                    self.set_hash(tenant, row, dedup, new).await?;
                }
            }
        }
    }

    async fn hash_of(
        &self,
        tenant: &TenantId,
        row: &TokenRow,
        keys: &Keys,
    ) -> Result<Option<[u8; 32]>, Error> {
        let name = row.record_name();
        let place = place(tenant, row.subject.as_ref(), &name);
        let Ok(record) = sealed::open(keys, &place, &row.sealed) else {
            return Ok(None);
        };
        let Some(Value::String(value)) = record.fields().get("value") else {
            return Ok(None);
        };
        let form = if row.keeps_form {
            TokenForm::PreservingFormat
        } else {
            TokenForm::Random
        };
        let form = dedup_form(form, row.substitute.is_some());
        let owner = row.subject.as_ref().map_or("", SubjectId::as_str);
        let hashes = self.dedup_of(tenant, form, &row.kind, value, owner).await?;
        Ok(hashes.first().copied())
    }

    async fn hashed_tokens(&self, tenant: &TenantId, after: String) -> Result<Vec<Hashed>, Error> {
        let owner = tenant.clone();
        self.store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let names: Vec<(String, [u8; 32])> = tx
                        .rows(
                            "SELECT token, dedup FROM vault_tokens WHERE tenant = $1 AND token > $2 AND dedup IS NOT NULL \
                             ORDER BY token LIMIT $3",
                            values![owner.as_str(), after, PAGE],
                        )
                        .await?;
                    let mut rows = Vec::with_capacity(names.len());
                    for (token, dedup) in names {
                        // Whether it has ended is of no matter.
                        let row = super::row::live(tx, owner.as_str(), &token, i64::MIN).await?;
                        rows.extend(row.map(|row| (row, dedup)));
                    }
                    Ok(rows)
                })
            })
            .await
    }

    /// Two processes of which only one had heard of the secret may have made a token each of equal values: then one of them is
    /// shared from now on, and the other still leads to its value.
    async fn set_hash(
        &self,
        tenant: &TenantId,
        row: TokenRow,
        before: [u8; 32],
        after: [u8; 32],
    ) -> Result<(), Error> {
        let owner = tenant.clone();
        self.store
            .database()
            .write::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    tx.execute(
                        "UPDATE vault_tokens SET dedup = CASE WHEN EXISTS (SELECT 1 FROM vault_tokens o \
                         WHERE o.tenant = $1 AND o.kind = $2 AND o.dedup = $3) THEN NULL ELSE $3 END \
                         WHERE tenant = $1 AND token = $4 AND dedup = $5",
                        values![owner.as_str(), row.kind, after, row.token, before],
                    )
                    .await?;
                    Ok(())
                })
            })
            .await
    }
}
