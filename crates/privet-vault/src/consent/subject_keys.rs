//! The keys of the vault's subjects.

use privet_store::Scope;
use privet_types::TenantId;

use super::{KeyAnswer, SubjectKeys};
use crate::subject::{SubjectId, SubjectState, find};
use crate::{Error, Vault};

impl SubjectKeys for Vault {
    fn data_key<'a>(&'a self, tenant: &'a TenantId, subject: &'a str) -> KeyAnswer<'a> {
        Box::pin(async move {
            // What cannot be an id is nobody's.
            let Ok(id) = subject.parse::<SubjectId>() else {
                return Ok(None);
            };
            let (owner, now) = (tenant.clone(), self.now());
            let row = self
                .store
                .database()
                .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                    Box::pin(async move { find::row(tx, owner.as_str(), now, &id).await })
                })
                .await?;
            let Some(row) = row.filter(|row| row.state != SubjectState::Erased) else {
                return Ok(None);
            };
            let keys = self.keyring.keys(tenant, &[row.key_id]).await?;
            Ok(keys.into_iter().next().flatten())
        })
    }
}
