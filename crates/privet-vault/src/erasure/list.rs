//! The list of erased persons: keyed hashes of what they were known by, and when.

use privet_crypto::HashKey;
use privet_store::{Scope, Tx, Value, values};
use privet_types::TenantId;

use crate::subject::{Entry, Identifier, SubjectId};
use crate::{Error, Vault};

/// Entries asked for at once.
const AT_ONCE: usize = 500;

/// Something that a subject is known by, or was.
pub(super) struct Known {
    pub(super) identifier: Identifier,
    entry: Entry,
    /// Whether the current version of the record says it.
    pub(super) is_current: bool,
}

impl Known {
    pub(super) fn new((identifier, entry): (Identifier, Entry), is_current: bool) -> Self {
        Self {
            identifier,
            entry,
            is_current,
        }
    }

    /// Whether another subject than `id` is known by it now: an address that was given up, and is somebody else's since.
    pub(super) async fn is_somebody_elses(
        &self,
        tx: &mut Tx,
        tenant: &str,
        id: &SubjectId,
    ) -> Result<bool, Error> {
        let others: i64 = tx
            .one(
                "SELECT COUNT(*) FROM subject_index WHERE tenant = $1 AND field = $2 AND entry = $3 AND subject <> $4",
                values![tenant, &self.entry.field, self.entry.hash, id.as_str()],
            )
            .await?;
        Ok(others > 0)
    }
}

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
            let found = self.listed(tenant, chunk.iter().map(|(hash, _)| *hash)).await?;
            for (hash, person) in chunk {
                if found.iter().any(|(found, _)| found == hash)
                    && let Some(is_erased) = are_erased.get_mut(*person)
                {
                    *is_erased = true;
                }
            }
        }
        Ok(are_erased)
    }

    /// When somebody with one of `identifiers` was erased last; `None` if nobody was.
    pub(crate) async fn erased_at(
        &self,
        tenant: &TenantId,
        identifiers: &[Identifier],
    ) -> Result<Option<i64>, Error> {
        let key = self.erased_key(tenant).await?;
        let hashes = identifiers.iter().map(|one| entry(&key, one));
        let found = self.listed(tenant, hashes).await?;
        Ok(found.into_iter().map(|(_, at)| at).max())
    }

    /// Those of `entries` that are on the list, each with its time.
    async fn listed(
        &self,
        tenant: &TenantId,
        entries: impl Iterator<Item = [u8; 32]>,
    ) -> Result<Vec<([u8; 32], i64)>, Error> {
        let mut values = values![tenant.as_str()];
        values.extend(entries.map(Value::from));
        if values.len() < 2 {
            return Ok(Vec::new());
        }
        let places: Vec<_> = (2..=values.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT entry, erased_at FROM erased_identifiers WHERE tenant = $1 AND entry IN ({})",
            places.join(",")
        );
        self.store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { Ok(tx.rows(sql, values).await?) })
            })
            .await
    }
}

/// The entry of an identifier.
pub(super) fn entry(key: &HashKey, identifier: &Identifier) -> [u8; 32] {
    key.hash(&[identifier.field.as_bytes(), identifier.value.expose().as_bytes()])
}
