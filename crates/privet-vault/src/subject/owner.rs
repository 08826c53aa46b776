//! Whose key seals what hangs on a subject, or on nobody.

use privet_crypto::KeyId;
use privet_store::Tx;
use privet_types::{Pseudonym, TenantId};

use super::find::row;
use super::id::SubjectId;
use super::keys::SubjectKeys;
use super::row::{Found, SubjectState};
use crate::{Actor, Error, Ground, SubjectRef, Vault};

/// Whose key seals a session or token: a subject's, or one of its own, so that it can be shredded with it.
#[derive(Debug)]
pub(crate) enum Owner {
    /// A subject.
    Subject(Box<Found>),
    /// Nobody.
    Nobody(Box<SubjectKeys>),
}

impl Owner {
    pub(crate) const fn keys(&self) -> &SubjectKeys {
        match self {
            Self::Subject(found) => &found.keys,
            Self::Nobody(keys) => keys,
        }
    }

    /// The subject's id.
    pub(crate) fn subject(&self) -> Option<&SubjectId> {
        match self {
            Self::Subject(found) => Some(&found.row.id),
            Self::Nobody(_) => None,
        }
    }

    pub(crate) fn pseudonym(&self) -> Option<Pseudonym> {
        match self {
            Self::Subject(found) => Some(found.pseudonym()),
            Self::Nobody(_) => None,
        }
    }

    /// Holds the subject for the transaction. Says whether it is still as it was found.
    pub(crate) async fn hold(&self, tx: &mut Tx) -> Result<bool, Error> {
        match self {
            Self::Subject(found) => found.row.hold(tx).await,
            Self::Nobody(_) => Ok(true),
        }
    }
}

impl Vault {
    /// Who is to own something new: `who`, or nobody, with a new key.
    pub(crate) async fn new_owner(
        &self,
        actor: &Actor,
        who: Option<&SubjectRef>,
        ground: Ground,
    ) -> Result<Owner, Error> {
        match who {
            Some(who) => Ok(Owner::Subject(Box::new(self.find_for(actor, who, ground).await?))),
            None => {
                let keys = self.keyring.create_keys(&actor.tenant, 1).await?;
                let (_, key) = keys.first().ok_or(Error::Stopped)?;
                Ok(Owner::Nobody(Box::new(SubjectKeys::new(key))))
            }
        }
    }

    /// Who owns something that is stored: of `subject`, or sealed under the key `key_id`.
    ///
    /// # Errors
    /// [`Error::Absent`] of `what` if the subject was erased or the key is shredded, [`Error::Restricted`].
    pub(crate) async fn owner(
        &self,
        tenant: &TenantId,
        subject: Option<&SubjectId>,
        key_id: KeyId,
        ground: Ground,
        what: &'static str,
    ) -> Result<Owner, Error> {
        let key = self.keyring.subject_keys(tenant, &[key_id]).await?;
        let key = key.into_iter().next().flatten();
        let key = key.ok_or(Error::Absent { what })?;
        let Some(subject) = subject else {
            return Ok(Owner::Nobody(Box::new(SubjectKeys::of(&key))));
        };
        let (owner, id, now) = (tenant.clone(), subject.clone(), self.now());
        let scope = privet_store::Scope::Tenant(tenant.clone());
        let row = self
            .store
            .database()
            .read(&scope, move |tx| {
                Box::pin(async move { row(tx, owner.as_str(), now, &id).await })
            })
            .await?
            .filter(|row| row.state != SubjectState::Erased)
            .ok_or(Error::Absent { what })?;
        if row.key_id != key_id {
            return Err(Error::Damaged { table: "subjects" });
        }
        let keys = row.keys(&key)?;
        if row.state == SubjectState::Restricted && ground.is_ordinary() {
            return Err(Error::Restricted);
        }
        let sealed = Vec::new();
        Ok(Owner::Subject(Box::new(Found { row, keys, sealed })))
    }

    /// Shreds the keys of what had no subject.
    pub(crate) async fn shred_own(&self, tenant: &TenantId, keys: &[KeyId]) -> Result<(), Error> {
        if !keys.is_empty() {
            self.keyring.shred(tenant, keys).await?;
        }
        Ok(())
    }
}
