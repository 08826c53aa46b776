//! How long data is kept, what holds it back, and what takes it away.

mod expiry;
mod hold;
mod policy;
mod report;
mod sweep;
mod target;

use std::fmt;
use std::sync::Arc;

use privet_store::Database;
use privet_types::{Clock, TenantId};

pub use expiry::{ExpiryState, ExpiryStatus};
pub use hold::{ActiveHold, Hold};
pub(crate) use hold::{HoldRow, why_opens};
pub use policy::{Policies, RetentionPolicy};
pub use report::{RetentionReport, RetentionRow};
pub use sweep::{SweepReport, SweptRows};
pub use target::{RetentionTarget, STORE_TARGETS, TargetSurface, TargetTime};

use crate::Error;
use crate::consent::{SubjectKeys, SubjectPseudonym, catalog, pseudonym};

/// Retention of all tenants of a store. Cheap to clone.
///
/// Policies are defined by [`Consent::define`](crate::Consent::define).
#[derive(Clone)]
pub struct Retention {
    database: Database,
    keys: Arc<dyn SubjectKeys>,
    clock: Arc<dyn Clock>,
    targets: Arc<[RetentionTarget]>,
}

impl Retention {
    /// Retention in `database`, of the tables `targets`.
    #[must_use]
    pub fn new(
        database: Database,
        keys: Arc<dyn SubjectKeys>,
        clock: Arc<dyn Clock>,
        targets: &[RetentionTarget],
    ) -> Self {
        Self {
            database,
            keys,
            clock,
            targets: targets.into(),
        }
    }

    /// The tables it is about.
    #[must_use]
    pub fn targets(&self) -> &[RetentionTarget] {
        &self.targets
    }

    /// The pseudonym of `subject`, with its key.
    async fn expect_known(
        &self,
        tenant: &TenantId,
        subject: &str,
    ) -> Result<(SubjectPseudonym, Arc<privet_crypto::DataKey>), Error> {
        let key = self.keys.data_key(tenant, subject).await?;
        let key = key.ok_or(Error::Absent { what: "subject" })?;
        Ok((pseudonym(&key, tenant), key))
    }
}

/// A subject's id as tables have it: ids are UUIDs, in lower case.
fn canonical(subject: &str) -> String {
    subject.to_ascii_lowercase()
}

/// The policies of a tenant that are in force.
async fn policies(tx: &mut privet_store::Tx, tenant: &str) -> Result<Policies, Error> {
    let defined = catalog::all::<RetentionPolicy>(tx, tenant, false).await?;
    Ok(Policies::new(
        defined.into_iter().map(|one| one.definition).collect(),
    ))
}

impl fmt::Debug for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retention")
            .field("targets", &self.targets)
            .finish_non_exhaustive()
    }
}
