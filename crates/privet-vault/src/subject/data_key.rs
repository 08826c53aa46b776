//! The keys of subjects, for consent and for the gateway.

use std::sync::Arc;

use privet_crypto::DataKey;
use privet_store::Scope;
use privet_types::{Pseudonym, TenantId};

use super::find::row;
use super::keys::SubjectKeys;
use super::row::SubjectState;
use crate::{Error, KeyAnswer, SubjectId, Vault};

impl Vault {
    /// How the log calls the subject `id` of `tenant`; `None` if there is none, or no longer.
    ///
    /// # Errors
    /// Those of the store and the keyring.
    pub async fn subject_pseudonym(
        &self,
        tenant: &TenantId,
        id: &SubjectId,
    ) -> Result<Option<Pseudonym>, Error> {
        let key = self.subject_key(tenant, id).await?;
        Ok(key.map(|key| SubjectKeys::new(&key).pseudonym(tenant.as_str(), id.as_str())))
    }

    async fn subject_key(&self, tenant: &TenantId, id: &SubjectId) -> Result<Option<Arc<DataKey>>, Error> {
        let (owner, wanted) = (tenant.clone(), id.clone());
        let found = self
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { row(tx, owner.as_str(), &wanted).await })
            })
            .await?;
        match found {
            Some(row) if row.state != SubjectState::Erased => Ok(self
                .keyring
                .keys(tenant, &[row.key_id])
                .await?
                .into_iter()
                .next()
                .flatten()),
            _ => Ok(None),
        }
    }
}

impl crate::SubjectKeys for Vault {
    fn data_key<'a>(&'a self, tenant: &'a TenantId, subject: &'a str) -> KeyAnswer<'a> {
        Box::pin(async move {
            match subject.parse::<SubjectId>() {
                Ok(id) => self.subject_key(tenant, &id).await,
                // What is no id is nobody's.
                Err(_) => Ok(None),
            }
        })
    }
}
