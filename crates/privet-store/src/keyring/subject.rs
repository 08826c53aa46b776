//! Keys of subjects: made, given out, shredded.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use privet_crypto::{DataKey, KeyId};
use privet_types::TenantId;

use super::cache::CachedKey;
use super::place::{bad_row, number, stored, subject_key};
use super::schema::{LARGE, SMALL};
use super::seals::is_worn;
use super::tenant::TenantKeys;
use super::{Keyring, Remains, Shredding, SubjectKeyShredded};
use crate::sql::{Backend, Value};
use crate::{Error, values};

/// Keys made or shredded in one transaction.
const BATCH: usize = 4096;

/// Keys asked for in one statement.
const ASKED: usize = 256;

/// Keys wrapped without a pause for other tasks.
const UNPAUSED: usize = 64;

/// Attempts where other processes change keys at the same moment.
const ATTEMPTS: u32 = 4;

/// A row: id, epoch, wrapped, seals, opening.
type KeyRow = ([u8; 16], i64, Vec<u8>, i64, i64);

impl Keyring {
    /// Makes `count` subject keys. They are durable on return, 4,096 in a transaction.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses; keys of earlier transactions then stay, unused.
    pub async fn create_keys(
        &self,
        tenant: &TenantId,
        count: usize,
    ) -> Result<Vec<(KeyId, Arc<DataKey>)>, Error> {
        let mut made = Vec::with_capacity(count);
        while made.len() < count {
            let more = (count - made.len()).min(BATCH);
            let mut attempt = 1;
            let batch = loop {
                match self.create_batch(tenant, more).await {
                    // The epoch ended and was destroyed while its key was still cached here.
                    Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                        self.ask().await?;
                        attempt += 1;
                    }
                    done => break done?,
                }
            };
            made.extend(batch);
        }
        Ok(made)
    }

    async fn create_batch(
        &self,
        tenant: &TenantId,
        count: usize,
    ) -> Result<Vec<(KeyId, Arc<DataKey>)>, Error> {
        let keys = self.ensure_tenant(tenant).await?;
        let (epoch, under) = keys.current()?;
        let name = tenant.as_str();
        let opening = self.seals().openings;
        // What is made now cannot have been shredded before.
        let read_at = i64::MAX;
        let mut made = Vec::with_capacity(count);
        let mut rows = Vec::with_capacity(count);
        for nth in 1..=count {
            let key = DataKey::generate()?;
            let id = key.id();
            let wrapped = under.key.wrap(&subject_key(name, &id, epoch), &key)?;
            rows.push(values![name, *id.as_bytes(), stored(epoch), wrapped, opening]);
            made.push((id, Arc::new(key)));
            if nth % UNPAUSED == 0 {
                tokio::task::yield_now().await;
            }
        }
        self.write(tenant, move |tx| {
            Box::pin(async move {
                tx.insert_many(
                    "INSERT INTO subject_keys (tenant, id, epoch, wrapped, opening)",
                    rows,
                    "",
                )
                .await
            })
        })
        .await?;
        let mut cache = self.cache();
        for (id, key) in &made {
            let cached = CachedKey {
                tenant: tenant.clone(),
                key: Arc::clone(key),
                is_worn: false,
            };
            cache.insert(*id, cached, read_at);
        }
        Ok(made)
    }

    /// The subject key `id` of `tenant`. From memory if it was asked for lately; what other processes shred is noticed
    /// within half a second.
    ///
    /// # Errors
    /// [`Error::KeyShredded`] if there is none (any more), whether or not another tenant has one of that name;
    /// [`Error::BadRow`] if what is stored is not what was stored.
    pub async fn key(&self, tenant: &TenantId, id: &KeyId) -> Result<Arc<DataKey>, Error> {
        self.cached(tenant, id, |key| Arc::clone(&key.key)).await
    }

    /// What `read` says of the key `id`.
    pub(super) async fn cached<T>(
        &self,
        tenant: &TenantId,
        id: &KeyId,
        read: impl Fn(&CachedKey) -> T,
    ) -> Result<T, Error> {
        self.refresh().await?;
        if let Some(found) = self.cache().get(tenant, id) {
            return Ok(read(found));
        }
        let found = self.fetch(tenant, &[*id]).await?;
        found.get(id).map(read).ok_or(Error::KeyShredded)
    }

    /// The subject keys `ids` of `tenant`, in that order; `None` where there is none (any more).
    ///
    /// # Errors
    /// [`Error::BadRow`] if one of them is not what was stored, [`Error::Database`] if the database refuses.
    pub async fn keys(&self, tenant: &TenantId, ids: &[KeyId]) -> Result<Vec<Option<Arc<DataKey>>>, Error> {
        self.refresh().await?;
        let mut found: BTreeMap<KeyId, Arc<DataKey>> = BTreeMap::new();
        let mut missing = Vec::new();
        {
            let mut cache = self.cache();
            for id in ids {
                match cache.get(tenant, id) {
                    Some(cached) => {
                        found.insert(*id, Arc::clone(&cached.key));
                    }
                    None => missing.push(*id),
                }
            }
        }
        for some in missing.chunks(ASKED) {
            let fetched = self.fetch(tenant, some).await?;
            found.extend(fetched.into_iter().map(|(id, cached)| (id, cached.key)));
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    /// Reads keys from the database.
    async fn fetch(&self, tenant: &TenantId, ids: &[KeyId]) -> Result<BTreeMap<KeyId, CachedKey>, Error> {
        let Some(mut keys) = self.tenant(tenant).await? else {
            return Ok(BTreeMap::new());
        };
        let asked = ids.to_vec();
        let name = tenant.as_str().to_owned();
        let read = self.read(tenant, move |tx| {
            Box::pin(async move {
                let shred: i64 = tx
                    .one("SELECT version FROM changes WHERE name = 'shred'", values![])
                    .await?;
                let (list, mut values) = id_list(&asked, 2);
                values.insert(0, Value::from(name));
                let rows: Vec<KeyRow> = tx
                    .rows(
                        format!(
                            "SELECT id, epoch, wrapped, seals, opening FROM subject_keys \
                                 WHERE tenant = $1 AND id IN ({list})"
                        ),
                        values,
                    )
                    .await?;
                Ok((shred, rows))
            })
        });
        let (read_at, rows) = read.await?;
        if rows.iter().any(|row| !keys.epochs.contains_key(&number(row.1))) {
            // An epoch that began since.
            keys = self.load_tenant(tenant).await?.ok_or(Error::NoRow)?;
        }
        let openings = self.seals().openings;
        let mut found = BTreeMap::new();
        for (id, epoch, wrapped, counted, made) in rows {
            let id = KeyId::from_bytes(id);
            let key = unwrap_subject(&keys, tenant.as_str(), &id, number(epoch), &wrapped)?;
            let cached = CachedKey {
                tenant: tenant.clone(),
                key: Arc::new(key),
                is_worn: is_worn(counted, made, openings),
            };
            self.cache().insert(id, cached.clone(), read_at);
            found.insert(id, cached);
        }
        Ok(found)
    }

    /// Shreds subject keys, for good: durable on return, and on SQLite overwritten. Names of keys that are not there are
    /// passed over.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses; keys of earlier transactions (4,096 each) are shredded then.
    pub async fn shred(&self, tenant: &TenantId, ids: &[KeyId]) -> Result<Shredding, Error> {
        let at = self.inner.clock.now();
        let mut shredded = 0;
        let mut last = None;
        for some in ids.chunks(BATCH) {
            let epochs = self.shred_batch(tenant, some, at.as_millisecond()).await?;
            shredded += u64::try_from(epochs.len()).unwrap_or(u64::MAX);
            last = last.max(epochs.into_iter().max());
        }
        let remains = if shredded == 0 {
            self.untouched()
        } else {
            self.wipe().await?
        };
        Ok(Shredding {
            at,
            shredded,
            keyring_backup_deadline: self.deadline(tenant, at, last).await?,
            remains,
        })
    }

    /// Returns the epochs of the keys that were there.
    async fn shred_batch(&self, tenant: &TenantId, ids: &[KeyId], at: i64) -> Result<Vec<u64>, Error> {
        let (asked, name) = (ids.to_vec(), tenant.as_str().to_owned());
        let (number_of, epochs) = self
            .write(tenant, move |tx| {
                Box::pin(async move {
                    // First, and so held to the end: shreddings are numbered in the order in which they show.
                    let version: i64 = tx
                        .one(
                            "UPDATE changes SET version = version + 1 WHERE name = 'shred' RETURNING version",
                            values![],
                        )
                        .await?;
                    let mut gone: Vec<([u8; 16], i64)> = Vec::new();
                    for some in asked.chunks(ASKED) {
                        let (list, mut values) = id_list(some, 2);
                        values.insert(0, Value::from(&name));
                        let sql = format!(
                            "DELETE FROM subject_keys WHERE tenant = $1 AND id IN ({list}) RETURNING id, epoch"
                        );
                        gone.extend(tx.rows::<([u8; 16], i64)>(sql, values).await?);
                    }
                    let rows = gone.iter().map(|(id, _)| values![version, &name, *id, at]);
                    tx.insert_many(
                        "INSERT INTO shredded_keys (version, tenant, id, at)",
                        rows.collect(),
                        "",
                    )
                    .await?;
                    Ok((version, gone.into_iter().map(|(_, epoch)| number(epoch)).collect()))
                })
            })
            .await?;
        self.cache().forget(ids, number_of);
        Ok(epochs)
    }

    /// Until when older backups could open what was in `epoch` at `at`.
    async fn deadline(
        &self,
        tenant: &TenantId,
        at: Timestamp,
        epoch: Option<u64>,
    ) -> Result<Timestamp, Error> {
        let config = &self.inner.config;
        let rows_gone = later(at, config.backup_retention);
        let (Some(kept), Some(epoch)) = (config.epoch_backup_retention, epoch) else {
            return Ok(rows_gone);
        };
        let name = tenant.as_str().to_owned();
        let times: (i64, Option<i64>) = self
            .read(tenant, move |tx| {
                Box::pin(async move {
                    tx.one::<(i64, Option<i64>)>(
                        "SELECT started_at, ended_at FROM epochs WHERE tenant = $1 AND epoch = $2",
                        values![name, stored(epoch)],
                    )
                    .await
                })
            })
            .await?;
        let moment = |ms: i64| Timestamp::from_millisecond(ms).map_err(|_| bad_row("epochs", epoch));
        let ends = match times {
            (_, Some(ended)) => moment(ended)?,
            (started, None) => later(moment(started)?, config.epoch).max(at),
        };
        let key_gone = later(later(ends, config.destroy_after).max(at), kept);
        // To open one, both the row and the key of its epoch are needed.
        Ok(rows_gone.min(key_gone))
    }

    /// Rids the database's files of what was deleted.
    pub(super) async fn wipe(&self) -> Result<Remains, Error> {
        Ok(match self.inner.database.backend() {
            Backend::Sqlite if self.inner.database.wipe(&[], &[]).await? => Remains::Overwritten,
            Backend::Sqlite => Remains::InWriteAheadLog,
            // Dead rows of the large tables are the sweep's: a scan of them for one key would be too much.
            Backend::Postgres => Remains::InDeadRows,
        })
    }

    /// As [`wipe`](Self::wipe), and frees what dead rows take.
    pub(super) async fn wipe_all(&self) -> Result<Remains, Error> {
        if self.inner.database.backend() == Backend::Postgres {
            self.inner.database.wipe(&SMALL, &LARGE).await?;
        }
        self.wipe().await
    }

    fn untouched(&self) -> Remains {
        match self.inner.database.backend() {
            Backend::Sqlite => Remains::Overwritten,
            Backend::Postgres => Remains::InDeadRows,
        }
    }
}

impl Shredding {
    /// A report for each key, for the audit log.
    #[must_use]
    pub fn of_keys(&self, tenant: &TenantId, ids: &[KeyId]) -> Vec<SubjectKeyShredded> {
        let of = |id: &KeyId| SubjectKeyShredded {
            tenant: tenant.clone(),
            key: id.to_string(),
            at: self.at,
            keyring_backup_deadline: self.keyring_backup_deadline,
        };
        ids.iter().map(of).collect()
    }
}

/// The subject key of a row.
pub(super) fn unwrap_subject(
    keys: &TenantKeys,
    tenant: &str,
    id: &KeyId,
    epoch: u64,
    wrapped: &[u8],
) -> Result<DataKey, Error> {
    let bad = || bad_row("subject_keys", id);
    let under = keys.epochs.get(&epoch).ok_or_else(bad)?;
    let place = subject_key(tenant, id, epoch);
    let key: DataKey = under.key.unwrap(&place, wrapped).map_err(|_| bad())?;
    // A row under another row's name.
    if key.id() == *id { Ok(key) } else { Err(bad()) }
}

fn later(at: Timestamp, by: std::time::Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Placeholders from `$first` and values for `ids`. The last id is repeated up to a power of two, so that few different
/// statements are prepared.
fn id_list(ids: &[KeyId], first: usize) -> (String, Vec<Value>) {
    let width = ids.len().next_power_of_two();
    let padded = ids
        .iter()
        .chain(std::iter::repeat(ids.last()).flatten())
        .take(width);
    let values = padded.map(|id| Value::from(*id.as_bytes())).collect();
    let list: Vec<String> = (first..first + width).map(|n| format!("${n}")).collect();
    (list.join(","), values)
}
