//! The words of conversations, under another secret.

use privet_crypto::KeyId;
use privet_store::{Scope, Value, values};
use privet_types::TenantId;

use super::entry::{EntryColumns, EntryRow};
use super::words;
use crate::subject::{Keys, SubjectId};
use crate::{Error, Vault};

/// Conversations read at a time: each may have megabytes.
const PAGE: i64 = 8;

impl Vault {
    /// Hashes the words of all conversations of `tenant` that have any with the secret that is in use now. Searches find them
    /// meanwhile, under either. A conversation that does not open is left as it is: nobody can say what its words were.
    ///
    /// # Errors
    /// Those of the store and the keyring.
    pub(crate) async fn rehash_words(&self, tenant: &TenantId) -> Result<(), Error> {
        let mut after = (i64::MIN, String::new());
        loop {
            let page = self.worded(tenant, after).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = (last.day, last.id.clone());
            let ids: Vec<KeyId> = page.iter().map(|row| row.key_id).collect();
            let keys = self.keyring.subject_keys(tenant, &ids).await?;
            for (row, key) in page.into_iter().zip(keys) {
                let Some(key) = key else { continue };
                if let Ok(opened) = row.open(tenant, &Keys::of(&key)) {
                    self.set_words(tenant, &row, &opened.prompt, &opened.reply)
                        .await?;
                }
            }
        }
    }

    async fn worded(&self, tenant: &TenantId, (day, id): (i64, String)) -> Result<Vec<EntryRow>, Error> {
        let owner = tenant.clone();
        let rows: Vec<EntryColumns> = self
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let sql = format!(
                        "SELECT {} FROM archive_entries t WHERE tenant = $1 AND (day > $2 OR (day = $2 AND id > $3)) \
                         AND EXISTS (SELECT 1 FROM archive_words w WHERE w.tenant = t.tenant AND w.day = t.day \
                         AND w.id = t.id) ORDER BY day, id LIMIT {PAGE}",
                        super::entry::COLUMNS
                    );
                    Ok(tx.rows(sql, values![owner.as_str(), day, id]).await?)
                })
            })
            .await?;
        Ok(rows.into_iter().map(EntryRow::read).collect())
    }

    async fn set_words(
        &self,
        tenant: &TenantId,
        row: &EntryRow,
        prompt: &str,
        reply: &str,
    ) -> Result<(), Error> {
        let name = words::index_name(row.day);
        let key = self.keyring.index_key(tenant, &name).await?;
        let subject = row.subject.as_ref().map(SubjectId::as_str);
        let words = words::words([prompt, reply]);
        let entries: Vec<Vec<Value>> = words
            .iter()
            .map(|word| {
                let entry = words::entry(&key, word);
                values![tenant.as_str(), row.day, entry, &row.id, subject]
            })
            .collect();
        let (owner, day, id) = (tenant.clone(), row.day, row.id.clone());
        self.store
            .database()
            .write::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    // Held, so that no erasure comes between; gone, where one was first.
                    let held = tx
                        .execute(
                            "UPDATE archive_entries SET at = at WHERE tenant = $1 AND day = $2 AND id = $3",
                            values![owner.as_str(), day, &id],
                        )
                        .await?;
                    if held == 0 {
                        return Ok(());
                    }
                    tx.execute(
                        "DELETE FROM archive_words WHERE tenant = $1 AND day = $2 AND id = $3",
                        values![owner.as_str(), day, &id],
                    )
                    .await?;
                    let head = "INSERT INTO archive_words (tenant, day, word, id, subject)";
                    tx.insert_many(head, entries, "").await?;
                    Ok(())
                })
            })
            .await
    }
}
