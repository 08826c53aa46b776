//! Looking at what the keyring holds, row by row, without giving a key out.

use privet_crypto::{KeyId, MAX_SEALS};
use privet_types::TenantId;

use super::Keyring;
use super::place::number;
use super::seals::{is_worn, seals_at_most};
use super::subject::unwrap_subject;
use crate::{Error, values};

/// A row: id, epoch, wrapped, seals, opening, family.
type KeyRow = ([u8; 16], i64, Vec<u8>, i64, i64, Option<[u8; 16]>);

/// What is known of a subject key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InspectedKey {
    /// Its name.
    pub id: KeyId,
    /// The first key, beside which it came; `None` if it is a first one. Rows of the store name the first.
    pub family: Option<KeyId>,
    /// Whether its row unwraps under the key of its epoch (AES-256-KWP) to the key of that name.
    pub is_whole: bool,
    /// Whether it may seal no more.
    pub is_worn: bool,
    /// Whether it may have sealed more often than random nonces allow (2^32, NIST SP 800-38D).
    pub is_overused: bool,
    /// How many epochs ago it was wrapped: 0 where a rotation has reached it.
    pub epochs_behind: u64,
}

impl Keyring {
    /// The tenants that have keys, by name.
    ///
    /// # Errors
    /// [`Error::Database`] if the database does not answer.
    pub async fn tenants_with_keys(&self) -> Result<Vec<TenantId>, Error> {
        self.tenant_names().await
    }

    /// Whether the tenant's own keys (tenant, secrets, epochs) unwrap, read anew from the database; `None` if it has none.
    ///
    /// # Errors
    /// [`Error::BadRow`] for the first that does not, [`Error::Database`] if the database does not answer.
    pub async fn inspect_tenant(&self, tenant: &TenantId) -> Result<Option<()>, Error> {
        Ok(self.load_tenant(tenant).await?.map(|_| ()))
    }

    /// Up to `limit` subject keys of `tenant` behind `after`, by name, as the database has them.
    ///
    /// # Errors
    /// [`Error::BadRow`] if a key of the tenant's own does not unwrap, [`Error::Database`] if the database does not answer.
    pub async fn inspect_keys(
        &self,
        tenant: &TenantId,
        after: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<InspectedKey>, Error> {
        let Some(keys) = self.load_tenant(tenant).await? else {
            return Ok(Vec::new());
        };
        let (name, after) = (
            tenant.as_str().to_owned(),
            after.map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
        );
        let (rows, openings): (Vec<KeyRow>, i64) = self
            .read(tenant, move |tx| {
                Box::pin(async move {
                    let rows = tx
                        .rows(
                            "SELECT id, epoch, wrapped, seals, opening, family FROM subject_keys \
                             WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3",
                            values![name, after, limit],
                        )
                        .await?;
                    let openings = tx
                        .one("SELECT version FROM changes WHERE name = 'openings'", values![])
                        .await?;
                    Ok((rows, openings))
                })
            })
            .await?;
        let current = keys.current()?.0;
        let inspect = |(id, epoch, wrapped, counted, made, family): KeyRow| {
            let id = KeyId::from_bytes(id);
            let epoch = number(epoch);
            InspectedKey {
                id,
                family: family.map(KeyId::from_bytes),
                is_whole: unwrap_subject(&keys, tenant.as_str(), &id, epoch, &wrapped).is_ok(),
                is_worn: is_worn(counted, made, openings),
                is_overused: seals_at_most(counted, made, openings) > MAX_SEALS,
                epochs_behind: current.saturating_sub(epoch),
            }
        };
        Ok(rows.into_iter().map(inspect).collect())
    }
}
