//! The list of erased persons: keyed hashes of what they were known by.

use privet_crypto::HashKey;
use privet_store::{Scope, values};
use privet_types::TenantId;

use crate::subject::Identifier;
use crate::{Error, Vault};

/// Entries asked for at once.
const AT_ONCE: usize = 500;

impl Vault {
    /// The key of a tenant's list. It lives as long as the tenant.
    pub(super) async fn erased_key(&self, tenant: &TenantId) -> Result<HashKey, Error> {
        let secret = self.keyring.tenant_secret(tenant).await?;
        Ok(secret.hash_key("privet/vault/erased", tenant.as_str().as_bytes()))
    }

    /// For each person, known by normalised identifiers, whether an erased one of `tenant` had one of them.
    ///
    /// # Errors
    /// [`Error::Store`] if the store or the keyring does not answer.
    pub(crate) async fn are_on_erased_list(
        &self,
        tenant: &TenantId,
        people: &[Vec<Identifier>],
    ) -> Result<Vec<bool>, Error> {
        let key = self.erased_key(tenant).await?;
        let mut entries = Vec::new();
        for (person, identifiers) in people.iter().enumerate() {
            entries.extend(identifiers.iter().map(|one| (entry(&key, one), person)));
        }
        let mut are_erased = vec![false; people.len()];
        for chunk in entries.chunks(AT_ONCE) {
            let (tenant_name, hashes) = (
                tenant.as_str().to_owned(),
                chunk.iter().map(|(hash, _)| *hash).collect::<Vec<_>>(),
            );
            let found: Vec<Vec<u8>> = self
                .store
                .database()
                .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                    Box::pin(async move {
                        let places: Vec<_> = (2..hashes.len() + 2).map(|place| format!("${place}")).collect();
                        let sql = format!(
                            "SELECT entry FROM erased_identifiers WHERE tenant = $1 AND entry IN ({})",
                            places.join(",")
                        );
                        let mut values = values![tenant_name];
                        values.extend(hashes.into_iter().map(privet_store::Value::from));
                        Ok(tx.rows(sql, values).await?)
                    })
                })
                .await?;
            for (hash, person) in chunk {
                if found.iter().any(|found| found.as_slice() == hash)
                    && let Some(is_erased) = are_erased.get_mut(*person)
                {
                    *is_erased = true;
                }
            }
        }
        Ok(are_erased)
    }
}

/// The entry of an identifier.
pub(super) fn entry(key: &HashKey, identifier: &Identifier) -> [u8; 32] {
    key.hash(&[identifier.field.as_bytes(), identifier.value.expose().as_bytes()])
}
