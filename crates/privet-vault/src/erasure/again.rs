//! Erasing again whom a restored backup brought back.

use privet_crypto::KeyId;
use privet_store::{Leaf, append_leaf, values};

use super::ErasureReason;
use crate::audit::SubjectChange;
use crate::followed::tell_ended;
use crate::subject::{Page, SubjectId, belongings};
use crate::{Actor, Error, Retention, SubjectRef, Vault};

/// Subjects looked at in one read.
const PAGE: usize = 500;

impl Vault {
    /// Erases again whom a restored backup brought back: subjects whose key is shredded, and those who are known by
    /// something on the list of erased ones and are older than their entry. To be called after a restore, before anybody is
    /// served. Returns how many.
    ///
    /// # Errors
    /// [`Error::Store`] if the store or the keyring does not answer.
    pub async fn reapply_erasures(&self, actor: &Actor) -> Result<u64, Error> {
        let mut erased = self.erase_orphans(actor).await?;
        let mut page = Page {
            after: None,
            limit: 200,
        };
        loop {
            let listed = self.list(actor, &page).await?.value;
            let Some(last) = listed.last() else {
                return Ok(erased);
            };
            page.after = Some(last.id.clone());
            for info in &listed {
                let who = SubjectRef::Token(info.id.clone());
                let found = self.find_even_ended(actor, &who).await?;
                let known = self.known_by(&actor.tenant, &found).await?;
                let current = known.into_iter().filter(|known| known.is_current);
                let identifiers: Vec<_> = current.map(|known| known.identifier).collect();
                let erased_at = self.erased_at(&actor.tenant, &identifiers).await?;
                // Whoever came later is somebody new.
                if erased_at.is_some_and(|at| found.row.created_at < at)
                    && let Ok(begun) = self
                        .begin_erasure(actor, &found, ErasureReason::Restored, None)
                        .await?
                {
                    self.finish_erasure(&begun).await?;
                    erased += 1;
                }
            }
        }
    }

    /// Deletes the rows of subjects whose key is gone: a restored backup of the store has them, the keyring has not.
    async fn erase_orphans(&self, actor: &Actor) -> Result<u64, Error> {
        let (mut erased, mut after) = (0, String::new());
        loop {
            let page = self.keys_behind(actor, after).await?;
            let Some((last, _)) = page.last() else {
                return Ok(erased);
            };
            after = last.clone();
            let ids: Vec<KeyId> = page.iter().map(|(_, key)| KeyId::from_bytes(*key)).collect();
            let keys = self.keyring.keys(&actor.tenant, &ids).await?;
            for ((id, _), _) in page.into_iter().zip(keys).filter(|(_, key)| key.is_none()) {
                self.erase_orphan(actor, SubjectId::stored(id)).await?;
                erased += 1;
            }
        }
    }

    /// Subjects that are not erased, with the names of their keys, in the order of their ids, behind `after`.
    async fn keys_behind(&self, actor: &Actor, after: String) -> Result<Vec<(String, [u8; 16])>, Error> {
        let tenant = actor.tenant.as_str().to_owned();
        self.store
            .database()
            .read::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT id, key_id FROM subjects WHERE tenant = $1 AND id > $2 AND state <> 'erased' \
                         ORDER BY id LIMIT {PAGE}"
                    );
                    Ok(tx.rows(sql, values![tenant, after]).await?)
                })
            })
            .await
    }

    async fn erase_orphan(&self, actor: &Actor, id: SubjectId) -> Result<(), Error> {
        // Nobody can say any more how the log called them.
        let change = SubjectChange::by(actor, self.now());
        let (tenant, names) = (actor.tenant.clone(), self.request_names(&actor.tenant).await?);
        self.store
            .database()
            .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                Box::pin(async move {
                    let in_log = belongings::names_in_log(tx, &change.tenant, &id).await?;
                    belongings::delete(tx, &change.tenant, &id, &names).await?;
                    Retention::finish_expiry(tx, &tenant, id.as_str()).await?;
                    const KIND: &str = "subject_rows_erased";
                    if in_log.is_empty() {
                        let leaf = Leaf {
                            kind: KIND,
                            tenant: &change.tenant,
                            at: change.at,
                            payload: &change,
                        };
                        return Ok(append_leaf(tx, leaf).await?);
                    }
                    tell_ended(tx, KIND, &change, &in_log).await
                })
            })
            .await
    }
}
