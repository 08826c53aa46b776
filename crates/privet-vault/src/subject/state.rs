//! Restriction of processing (GDPR Article 18).

use privet_store::{Leaf, append_leaf};

use super::change::update_row;
use super::id::SubjectRef;
use super::row::SubjectState;
use crate::audit::SubjectChange;
use crate::{Actor, Error, Vault};

const ATTEMPTS: usize = 16;

impl Vault {
    /// Restricts the processing of the data of `who`, or lifts the restriction. Says whether that changed anything.
    ///
    /// # Errors
    /// [`Error::Absent`].
    pub async fn restrict(
        &self,
        actor: &Actor,
        who: &SubjectRef,
        is_restricted: bool,
    ) -> Result<bool, Error> {
        let (state, kind) = if is_restricted {
            (SubjectState::Restricted, "subject_restricted")
        } else {
            (SubjectState::Active, "subject_restriction_lifted")
        };
        for _ in 0..ATTEMPTS {
            let found = self.find(actor, who).await?;
            if found.row.state == state {
                return Ok(false);
            }
            let before = found.row.clone();
            let mut after = found.row.clone();
            after.state = state;
            after.mark = after.expected_mark(&found.keys);
            let at = self.now();
            let change = SubjectChange {
                subject: Some(found.pseudonym()),
                ..SubjectChange::by(actor, at)
            };
            let is_written = self
                .store
                .database()
                .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                    Box::pin(async move {
                        if !update_row(tx, &before, &after).await? {
                            return Ok(false);
                        }
                        let leaf = Leaf {
                            kind,
                            tenant: &after.tenant,
                            at,
                            payload: &change,
                        };
                        append_leaf(tx, leaf).await?;
                        Ok(true)
                    })
                })
                .await?;
            if is_written {
                return Ok(true);
            }
        }
        Err(Error::VersionConflict { found: 0 })
    }
}
