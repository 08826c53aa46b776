//! The keyring: root key → key of a tenant → key of an epoch → key of a subject, in a database and a backup set of its own.

mod config;
mod report;

use std::sync::Arc;

use privet_crypto::{DataKey, HashKey, IndexKey, KeyId, RootKey, SigningKey};
use privet_types::{Clock, TenantId};

pub use config::KeyringConfig;
pub use report::{
    EpochDestroyed, EpochStarted, KeyringStatus, Progress, Remains, RootRotated, Shredding,
    SubjectKeyShredded, Swept, TenantKeyRotated, TenantStatus,
};

use crate::Error;
use crate::sql::{Database, Location};

/// The keys of an installation. Cheap to clone; clones share the connections and the cache.
#[derive(Clone)]
pub struct Keyring {
    database: Database,
}

impl Keyring {
    /// Opens the keyring at `location`, and makes one, tied to `root`, where there is none.
    ///
    /// # Errors
    /// [`Error::WrongRootKey`] if `root` does not open it, and those of [`Database::open`].
    pub async fn open(
        location: impl Into<Location>,
        root: Arc<RootKey>,
        config: KeyringConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let _ = (location.into(), root, config, clock);
        Err(Error::Closed)
    }

    /// Makes `count` subject keys. They are durable on return.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn create_keys(
        &self,
        tenant: &TenantId,
        count: usize,
    ) -> Result<Vec<(KeyId, Arc<DataKey>)>, Error> {
        let _ = (tenant, count);
        Err(Error::Closed)
    }

    /// The subject key `id` of `tenant`.
    ///
    /// # Errors
    /// [`Error::KeyShredded`] if there is none (any more).
    pub async fn key(&self, tenant: &TenantId, id: &KeyId) -> Result<Arc<DataKey>, Error> {
        let _ = (tenant, id);
        Err(Error::Closed)
    }

    /// The subject keys `ids` of `tenant`, in that order; `None` where there is none (any more).
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn keys(&self, tenant: &TenantId, ids: &[KeyId]) -> Result<Vec<Option<Arc<DataKey>>>, Error> {
        let _ = (tenant, ids);
        Err(Error::Closed)
    }

    /// Shreds subject keys, for good. Durable on return.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn shred(&self, tenant: &TenantId, ids: &[KeyId]) -> Result<Shredding, Error> {
        let _ = (tenant, ids);
        Err(Error::Closed)
    }

    /// Counts `seals` that are about to be made under the key `id`; call it before sealing. Almost always without a look
    /// at the database.
    ///
    /// # Errors
    /// [`Error::KeyWornOut`] if the key may seal no more: give its subject a new key.
    pub async fn count_seals(&self, tenant: &TenantId, id: &KeyId, seals: u32) -> Result<(), Error> {
        let _ = (tenant, id, seals);
        Err(Error::Closed)
    }

    /// The key of the blind index of `field`. It stays the same through all rotations.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn index_key(&self, tenant: &TenantId, field: &str) -> Result<IndexKey, Error> {
        let _ = (tenant, field);
        Err(Error::Closed)
    }

    /// The secret that the tenant's other keys are derived from (`hash_key`, `signing_key`, …, with a purpose each): list of
    /// erased subjects, receipts. It stays the same through all rotations.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn tenant_secret(&self, tenant: &TenantId) -> Result<Arc<RootKey>, Error> {
        let _ = tenant;
        Err(Error::Closed)
    }

    /// A key for keyed hashes of the tenant, for `purpose` (a constant of the code), derived from
    /// [`tenant_secret`](Self::tenant_secret).
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn tenant_hash_key(&self, tenant: &TenantId, purpose: &'static str) -> Result<HashKey, Error> {
        let secret = self.tenant_secret(tenant).await?;
        Ok(secret.hash_key(purpose, tenant.as_str().as_bytes()))
    }

    /// A key that signs for the tenant, for `purpose` (a constant of the code), derived from
    /// [`tenant_secret`](Self::tenant_secret).
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn tenant_signing_key(
        &self,
        tenant: &TenantId,
        purpose: &'static str,
    ) -> Result<SigningKey, Error> {
        let secret = self.tenant_secret(tenant).await?;
        Ok(secret.signing_key(purpose, tenant.as_str().as_bytes())?)
    }

    /// The current epoch of the tenant and the secret that is derived from in it. It is destroyed with the epoch's key.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn epoch_secret(&self, tenant: &TenantId) -> Result<(u64, Arc<RootKey>), Error> {
        let _ = tenant;
        Err(Error::Closed)
    }

    /// The secret of `epoch`.
    ///
    /// # Errors
    /// [`Error::KeyShredded`] if the epoch's key was destroyed, or never was.
    pub async fn epoch_secret_of(&self, tenant: &TenantId, epoch: u64) -> Result<Arc<RootKey>, Error> {
        let _ = (tenant, epoch);
        Err(Error::Closed)
    }

    /// The root key that the keyring was made with. What is derived straight from a root key (hashes of API keys, seals of
    /// the spool, surrogates) is derived from this one, whatever the root key is now.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn installation_root(&self) -> Result<Arc<RootKey>, Error> {
        Err(Error::Closed)
    }

    /// Its database.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Waits for what is under way and closes all connections, of every clone.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
