//! Erasing those whose scheduled time has come.

use privet_types::{Pseudonym, TenantId};

use super::{ErasureReason, ForgetOutcome};
use crate::{Actor, Error, Retention, SubjectRef, Vault};

/// Who erases when nobody asked.
const SWEEPER: &str = "retention";

impl Vault {
    /// Erases up to `most` subjects of `tenant` whose scheduled deletion is due. Holds keep theirs. Returns how many were
    /// erased; those that were begun and not finished are left to [`resume_erasures`](Self::resume_erasures).
    ///
    /// # Errors
    /// The first that an erasure failed with; the others are done all the same.
    pub async fn erase_due(&self, retention: &Retention, tenant: &TenantId, most: u32) -> Result<u64, Error> {
        let actor = Actor {
            tenant: tenant.clone(),
            principal: Pseudonym(SWEEPER.to_owned()),
        };
        let (mut erased, mut failed) = (0, None);
        for subject in retention.due_expiries(tenant, most).await? {
            let who = SubjectRef::Token(subject.parse()?);
            match self.forget(&actor, &who, ErasureReason::Retention).await {
                Ok(ForgetOutcome::Erased(_)) => erased += 1,
                // A hold was placed, or somebody else erased them, since we looked.
                Ok(ForgetOutcome::Held(_)) | Err(Error::Absent { .. }) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match self.erase_ended(&actor, most).await {
            Ok(ended) => erased += ended,
            Err(error) => failed = failed.or(Some(error)),
        }
        failed.map_or(Ok(erased), Err)
    }

    /// Erases up to `most` subjects of the actor's tenant whose lifetime is over. Holds keep theirs, which stay absent.
    /// Returns how many were erased.
    ///
    /// # Errors
    /// The first that an erasure failed with; the others are done all the same.
    pub async fn erase_ended(&self, actor: &Actor, most: u32) -> Result<u64, Error> {
        let (mut erased, mut failed) = (0, None);
        for subject in self.ended_subjects(&actor.tenant, most).await? {
            let who = SubjectRef::Token(subject);
            match self.forget(actor, &who, ErasureReason::Retention).await {
                Ok(ForgetOutcome::Erased(_)) => erased += 1,
                Ok(ForgetOutcome::Held(_)) | Err(Error::Absent { .. }) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(erased), Err)
    }
}
