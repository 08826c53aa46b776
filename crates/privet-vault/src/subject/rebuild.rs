//! Building the indexes anew: after an index was added, or the rules of a form changed; or under another secret.

use privet_store::{Leaf, Scope, Tx, append_leaf, values};
use privet_types::TenantId;

use super::create::{insert_entries, taken_field};
use super::find::{Loaded, loaded};
use super::id::SubjectId;
use super::index::{Entries, TenantIndexes};
use super::list::Page;
use super::row::{Found, SubjectRow};
use crate::audit::SubjectChange;
use crate::check::is_damage;
use crate::{Actor, Error, Vault};

/// Most subjects of one call.
const MOST: u32 = 500;

/// Entries deleted in one transaction.
const DELETED: u64 = 2_000;

/// So far the clocks of processes may be apart, in milliseconds.
const ODD_CLOCKS_MS: i64 = 3_600_000;

/// How often a subject that others change at the same moment is looked at again.
const ATTEMPTS: u32 = 100;

/// What was built anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Subjects looked at.
    pub subjects: u64,
    /// The last of them: the next page begins behind it. `None` when there are no more.
    pub last: Option<SubjectId>,
    /// Those that keep their old entries, and the field that is why: another subject has the value, or it has not the
    /// form that the index asks for.
    pub refused: Vec<(SubjectId, String)>,
    /// Those that keep their old entries because their row or record does not open.
    pub damaged: Vec<SubjectId>,
}

impl Vault {
    /// Builds the index entries of a page of subjects from their records, 500 at most. Finding goes on meanwhile: each
    /// subject's entries are replaced in one transaction. Restricted subjects are built, too; it shows nothing of them.
    /// A subject that is damaged keeps no other from it.
    ///
    /// # Errors
    /// Those of the store and the keyring.
    pub async fn rebuild_indexes(&self, actor: &Actor, page: &Page) -> Result<Rebuilt, Error> {
        let indexes = self.indexes(&actor.tenant).await?;
        let (tenant, page) = (actor.tenant.clone(), page.clone());
        let subjects = self
            .store
            .database()
            .read(&Self::scope(actor), move |tx| {
                Box::pin(async move { one_by_one(tx, tenant.as_str(), &page).await })
            })
            .await?;
        let mut rebuilt = Rebuilt {
            subjects: subjects.len() as u64,
            last: subjects.last().map(|(id, _)| id.clone()),
            refused: Vec::new(),
            damaged: Vec::new(),
        };
        for (id, loaded) in subjects {
            let outcome = match loaded {
                Some(loaded) => self.rebuild(actor, &indexes, loaded).await,
                None => Err(Error::Damaged { table: "subjects" }),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(field)) => rebuilt.refused.push((id, field)),
                Err(error) if is_damage(&error) => rebuilt.damaged.push(id),
                Err(error) => return Err(error),
            }
        }
        if rebuilt.subjects > 0 {
            let at = self.now();
            let change = SubjectChange {
                count: Some(rebuilt.subjects),
                ..SubjectChange::by(actor, at)
            };
            self.store
                .database()
                .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                    Box::pin(async move {
                        let leaf = Leaf {
                            kind: "indexes_rebuilt",
                            tenant: &change.tenant,
                            at,
                            payload: &change,
                        };
                        Ok(append_leaf(tx, leaf).await?)
                    })
                })
                .await?;
        }
        Ok(rebuilt)
    }
}

impl Vault {
    /// As [`rebuild_one`](Self::rebuild_one), of what was loaded. One whose key is shredded is left out.
    async fn rebuild(
        &self,
        actor: &Actor,
        indexes: &TenantIndexes,
        loaded: Loaded,
    ) -> Result<Option<String>, Error> {
        match self.unlock_many(&actor.tenant, vec![loaded]).await?.pop() {
            Some(found) => self.rebuild_one(actor, indexes, found).await,
            None => Ok(None),
        }
    }

    /// Builds the entries of one subject. Returns the field for which that cannot be.
    async fn rebuild_one(
        &self,
        actor: &Actor,
        indexes: &TenantIndexes,
        mut found: Found,
    ) -> Result<Option<String>, Error> {
        for _ in 0..ATTEMPTS {
            let outcome = match indexes.entries(&found.subject()?.record) {
                Ok(entries) => {
                    let row = found.row.clone();
                    self.store
                        .database()
                        .write(&Self::scope(actor), move |tx| {
                            Box::pin(async move { replace_entries(tx, &row, &entries).await })
                        })
                        .await
                }
                Err(error) => Err(error),
            };
            match outcome {
                Ok(true) => return Ok(None),
                Err(Error::Taken { field } | Error::BadField { field, .. }) => return Ok(Some(field)),
                Err(error) => return Err(error),
                // Who changed the record meanwhile has written only those entries that changed with it.
                Ok(false) => {}
            }
            let (tenant, id) = (actor.tenant.clone(), found.row.id.clone());
            let again = self
                .store
                .database()
                .read(&Self::scope(actor), move |tx| {
                    Box::pin(async move {
                        let values = values![tenant.as_str(), id.as_str()];
                        loaded(tx, tenant.as_str(), None, "s.id = $2", values).await
                    })
                })
                .await?;
            // Erased meanwhile, where there is none.
            match self.unlock_many(&actor.tenant, again).await?.pop() {
                Some(again) => found = again,
                None => return Ok(None),
            }
        }
        Err(Error::Stopped)
    }
}

/// How far a rotation of the indexes' secret is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IndexRotation {
    /// Number of the secret that is looked up with now.
    pub version: u32,
    /// Subjects whose entries were built.
    pub subjects: u64,
    /// Subjects that keep their old entries, which are gone now: another one has the value, or it has not the form that the
    /// index asks for.
    pub refused: u64,
    /// Subjects whose row or record does not open. As long as there are any, the rotation is not over: nothing that was
    /// written under the former secret is deleted, so that the values of these subjects stay theirs. Once they are restored
    /// or erased, the next call goes on.
    pub damaged: u64,
}

impl Vault {
    /// Gives the tenant another secret of its blind indexes and builds all entries anew, while every process goes on
    /// serving: entries are written under both secrets, looked up under the former one until all are there, and then those
    /// of the former one are deleted. Tokens of equal values and words of the archive are hashed anew, too. The former secret is
    /// destroyed once nothing hangs on it: [`retire_index_secrets`](Self::retire_index_secrets). Where it is stopped, the next call goes on. `tell` hears of each page.
    ///
    /// # Errors
    /// Those of the store and the keyring; the indexes work then as before.
    pub async fn rotate_indexes(
        &self,
        actor: &Actor,
        tell: &mut (dyn FnMut(&IndexRotation) + Send),
    ) -> Result<IndexRotation, Error> {
        let tenant = &actor.tenant;
        let mut rotation = IndexRotation::default();
        let mut versions = self.keyring.begin_index(tenant).await?;
        let (former, next) = match versions.written.as_slice() {
            [former, next] => (*former, *next),
            _ => return Err(Error::Stopped),
        };
        // From here on every process writes both.
        self.keyring.heard_everywhere().await;
        if versions.searched == former {
            self.rebuild_all(actor, &mut rotation, tell).await?;
            if rotation.damaged > 0 {
                rotation.version = former;
                return Ok(rotation);
            }
            versions = self.keyring.switch_index(tenant).await?;
            self.keyring.heard_everywhere().await;
        }
        // Once more: whoever began to write before it heard of the secret is done by now, and has left out, or left behind,
        // entries of the new one.
        self.rebuild_all(actor, &mut rotation, tell).await?;
        rotation.version = next;
        if rotation.damaged > 0 {
            return Ok(rotation);
        }
        self.delete_entries(actor, former).await?;
        self.rehash_tokens(tenant).await?;
        self.rehash_words(tenant).await?;
        self.keyring.end_index(tenant, next).await?;
        // Until they heard of that, others wrote entries of the former secret, too.
        self.keyring.heard_everywhere().await;
        self.delete_entries(actor, former).await?;
        debug_assert_eq!(versions.searched, next);
        Ok(rotation)
    }

    /// Destroys the tenant's former secrets of blind indexes once all sessions and maps of replies from before the rotation have
    /// ended, which alone cannot be hashed anew: an hour and the longest life of either after it, at the latest. Returns how many
    /// it destroyed.
    ///
    /// # Errors
    /// Those of the store and the keyring.
    pub async fn retire_index_secrets(&self, tenant: &TenantId) -> Result<u64, Error> {
        let Some(since) = self.keyring.index_faded_since(tenant).await? else {
            return Ok(0);
        };
        let (owner, now) = (tenant.clone(), self.now().as_millisecond());
        let until = since.as_millisecond().saturating_add(ODD_CLOCKS_MS);
        if now <= until {
            return Ok(0);
        }
        let left: i64 = self
            .store
            .database()
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    Ok(tx
                        .one(
                            "SELECT (SELECT COUNT(*) FROM subject_sessions WHERE tenant = $1 AND created_at <= $2 \
                             AND expires_at > $3) + (SELECT COUNT(*) FROM reply_maps WHERE tenant = $1 \
                             AND created_at <= $2 AND expires_at > $3)",
                            values![owner.as_str(), until, now],
                        )
                        .await?)
                })
            })
            .await?;
        match left {
            0 => {
                // Tokens and words from before may have come back with a restored store, or late with a write that began early.
                self.rehash_tokens(tenant).await?;
                self.rehash_words(tenant).await?;
                Ok(self.keyring.destroy_faded_index(tenant).await?)
            }
            _ => Ok(0),
        }
    }

    async fn rebuild_all(
        &self,
        actor: &Actor,
        rotation: &mut IndexRotation,
        tell: &mut (dyn FnMut(&IndexRotation) + Send),
    ) -> Result<(), Error> {
        let mut page = Page {
            after: None,
            limit: MOST,
        };
        (rotation.refused, rotation.damaged) = (0, 0);
        loop {
            let rebuilt = self.rebuild_indexes(actor, &page).await?;
            rotation.subjects += rebuilt.subjects;
            rotation.refused += rebuilt.refused.len() as u64;
            rotation.damaged += rebuilt.damaged.len() as u64;
            tell(rotation);
            if rebuilt.last.is_none() {
                return Ok(());
            }
            page.after = rebuilt.last;
        }
    }

    /// Deletes what was written under the secret `version`.
    async fn delete_entries(&self, actor: &Actor, version: u32) -> Result<(), Error> {
        for (table, column) in [("subject_index", "entry"), ("subject_buckets", "bucket")] {
            loop {
                let tenant = actor.tenant.clone();
                let rest = if table == "subject_index" {
                    ", slot"
                } else {
                    ", subject"
                };
                let sql = format!(
                    "DELETE FROM {table} WHERE (tenant, field, key_version, {column}{rest}) IN \
                     (SELECT tenant, field, key_version, {column}{rest} FROM {table} \
                     WHERE tenant = $1 AND key_version = $2 LIMIT {DELETED})"
                );
                let gone = self
                    .store
                    .database()
                    .write::<_, Error, _>(&Self::scope(actor), move |tx| {
                        Box::pin(async move { Ok(tx.execute(sql, values![tenant.as_str(), version]).await?) })
                    })
                    .await?;
                if gone < DELETED {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The subjects of a page, each with what is stored of it: `None` where that cannot be read.
async fn one_by_one(
    tx: &mut Tx,
    tenant: &str,
    page: &Page,
) -> Result<Vec<(SubjectId, Option<Loaded>)>, Error> {
    let after = page.after.as_ref().map_or("", SubjectId::as_str);
    let ids: Vec<String> = tx
        .rows(
            "SELECT id FROM subjects WHERE tenant = $1 AND state <> 'erased' AND id > $2 ORDER BY id LIMIT $3",
            values![tenant, after, page.limit.min(MOST)],
        )
        .await?;
    let mut subjects = Vec::with_capacity(ids.len());
    for id in ids {
        let found = match loaded(tx, tenant, None, "s.id = $2", values![tenant, &id]).await {
            Ok(mut rows) => rows.pop(),
            Err(error) if is_damage(&error) => None,
            Err(error) => return Err(error),
        };
        subjects.push((SubjectId::stored(id), found));
    }
    Ok(subjects)
}

/// Puts `entries` in the place of those that are there, unless the record has changed meanwhile. Says whether.
async fn replace_entries(tx: &mut Tx, row: &SubjectRow, entries: &Entries) -> Result<bool, Error> {
    let (tenant, id) = (row.tenant.as_str(), row.id.as_str());
    let held = tx
        .execute(
            "UPDATE subjects SET state = state WHERE tenant = $1 AND id = $2 AND mark = $3",
            values![tenant, id, row.mark],
        )
        .await?;
    if held == 0 {
        return Ok(false);
    }
    for table in ["subject_index", "subject_buckets"] {
        let sql = format!("DELETE FROM {table} WHERE tenant = $1 AND subject = $2");
        tx.execute(sql, values![tenant, id]).await?;
    }
    if let Some(field) = taken_field(tx, tenant, entries.exact.iter()).await? {
        return Err(Error::Taken { field });
    }
    let exact = entries.exact.iter().map(|entry| entry.row(tenant, id)).collect();
    let buckets = entries.buckets.iter().map(|b| b.row(tenant, id)).collect();
    insert_entries(tx, exact, buckets).await?;
    Ok(true)
}
