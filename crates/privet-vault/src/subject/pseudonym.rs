//! How the log calls a subject, for the gateway.

use privet_types::{Pseudonym, TenantId};

use super::keys::SubjectKeys;
use crate::{Error, SubjectId, SubjectKeys as _, Vault};

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
        let key = self.data_key(tenant, id.as_str()).await?;
        Ok(key.map(|key| SubjectKeys::new(&key).pseudonym(tenant.as_str(), id.as_str())))
    }
}
