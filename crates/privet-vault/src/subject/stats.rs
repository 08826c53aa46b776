//! How much a tenant has.

use privet_store::values;

use crate::{Actor, Error, Vault};

/// How much a tenant has, without what has ended or was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Subjects.
    pub subjects: u64,
    /// Tokens of single values.
    pub tokens: u64,
    /// Sessions.
    pub sessions: u64,
}

impl Vault {
    /// How much the actor's tenant has.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn counts(&self, actor: &Actor) -> Result<Counts, Error> {
        let subjects = self.count(actor).await?;
        let (tenant, now) = (actor.tenant.clone(), self.now().as_millisecond());
        let (tokens, sessions): (i64, i64) = self
            .store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .one(
                            "SELECT (SELECT COUNT(*) FROM vault_tokens WHERE tenant = $1 \
                             AND (expires_at IS NULL OR expires_at > $2)), \
                             (SELECT COUNT(*) FROM subject_sessions WHERE tenant = $1 AND expires_at > $2)",
                            values![tenant.as_str(), now],
                        )
                        .await?)
                })
            })
            .await?;
        Ok(Counts {
            subjects,
            tokens: tokens.unsigned_abs(),
            sessions: sessions.unsigned_abs(),
        })
    }
}
