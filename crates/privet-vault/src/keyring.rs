//! Stands in for the store's keyring until that is there: keys in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use privet_crypto::{DataKey, IndexKey, IndexSecret, KeyId, RootKey};
use privet_types::TenantId;

use crate::Error;

/// Keys in memory.
#[derive(Debug)]
pub struct Keyring {
    keys: Mutex<HashMap<(TenantId, KeyId), Arc<DataKey>>>,
    secret: IndexSecret,
    root: Arc<RootKey>,
}

impl Keyring {
    /// A new one.
    ///
    /// # Errors
    /// [`Error::Crypto`] without random bytes.
    pub fn in_memory() -> Result<Self, Error> {
        Ok(Self {
            keys: Mutex::default(),
            secret: IndexSecret::generate()?,
            root: Arc::new(RootKey::generate()?),
        })
    }

    pub(crate) async fn create_keys(
        &self,
        tenant: &TenantId,
        count: usize,
    ) -> Result<Vec<(KeyId, Arc<DataKey>)>, Error> {
        let mut made = Vec::with_capacity(count);
        for _ in 0..count {
            let key = Arc::new(DataKey::generate()?);
            made.push((key.id(), key));
        }
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.extend(
            made.iter()
                .map(|(id, key)| ((tenant.clone(), *id), Arc::clone(key))),
        );
        Ok(made)
    }

    pub(crate) async fn keys(
        &self,
        tenant: &TenantId,
        ids: &[KeyId],
    ) -> Result<Vec<Option<Arc<DataKey>>>, Error> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(ids
            .iter()
            .map(|id| keys.get(&(tenant.clone(), *id)).cloned())
            .collect())
    }

    pub(crate) async fn shred(&self, tenant: &TenantId, ids: &[KeyId]) -> Result<(), Error> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            keys.remove(&(tenant.clone(), *id));
        }
        Ok(())
    }

    pub(crate) async fn index_key(&self, tenant: &TenantId, field: &str) -> Result<IndexKey, Error> {
        Ok(self
            .secret
            .index_key(tenant.as_str().as_bytes(), field.as_bytes(), 1))
    }

    pub(crate) async fn count_seals(&self, _: &TenantId, _: &KeyId, _: u32) -> Result<(), Error> {
        Ok(())
    }

    pub(crate) async fn tenant_secret(&self, _: &TenantId) -> Result<Arc<RootKey>, Error> {
        Ok(Arc::clone(&self.root))
    }
}
