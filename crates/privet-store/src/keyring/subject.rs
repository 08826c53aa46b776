//! Keys of subjects: made, given out, renewed.

use std::collections::BTreeMap;
use std::sync::Arc;

use privet_crypto::{DataKey, KeyId};
use privet_types::TenantId;

use super::Keyring;
use super::cache::CachedKey;
use super::events::KeyEvent;
use super::place::{bad_row, number, stored, subject_key};
use super::seals::is_wearing;
use super::tenant::TenantKeys;
use crate::sql::Value;
use crate::{Error, values};

/// Keys made or shredded in one transaction.
pub(super) const BATCH: usize = 4096;

/// Keys asked for in one statement.
pub(super) const ASKED: usize = 256;

/// Keys wrapped without a pause for other tasks.
const UNPAUSED: usize = 64;

/// Attempts where other processes change keys at the same moment.
const ATTEMPTS: u32 = 4;

/// A row: id, epoch, wrapped, seals, opening, family, generation.
type KeyRow = ([u8; 16], i64, Vec<u8>, i64, i64, Option<[u8; 16]>, i64);

/// The keys of a subject: the first, which names it and is never replaced, and those that came beside it because a key may
/// seal 2^32 times only. All of them open what they sealed; the newest seals.
#[derive(Debug, Clone)]
pub struct SubjectKey {
    first: Arc<DataKey>,
    later: Vec<Arc<DataKey>>,
}

impl SubjectKey {
    /// The first.
    #[must_use]
    pub const fn first(&self) -> &Arc<DataKey> {
        &self.first
    }

    /// Those after it, oldest first; the last one seals. Empty for nearly every subject.
    #[must_use]
    pub fn later(&self) -> &[Arc<DataKey>] {
        &self.later
    }
}

impl From<CachedKey> for SubjectKey {
    fn from(cached: CachedKey) -> Self {
        Self {
            first: cached.key,
            later: cached.later,
        }
    }
}

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
                later: Vec::new(),
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
        let found = self.subject_keys(tenant, ids).await?;
        Ok(found.into_iter().map(|key| key.map(|key| key.first)).collect())
    }

    /// As [`keys`](Self::keys), each with those that came beside it. One that nears its end gets another one first.
    ///
    /// # Errors
    /// As [`keys`](Self::keys).
    pub async fn subject_keys(
        &self,
        tenant: &TenantId,
        ids: &[KeyId],
    ) -> Result<Vec<Option<SubjectKey>>, Error> {
        self.refresh().await?;
        let mut found: BTreeMap<KeyId, SubjectKey> = BTreeMap::new();
        let mut missing = Vec::new();
        {
            let mut cache = self.cache();
            for id in ids {
                match cache.get(tenant, id) {
                    Some(cached) => {
                        found.insert(*id, cached.clone().into());
                    }
                    None => missing.push(*id),
                }
            }
        }
        for some in missing.chunks(ASKED) {
            let fetched = self.fetch(tenant, some).await?;
            found.extend(fetched.into_iter().map(|(id, cached)| (id, cached.into())));
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    /// Reads keys from the database. One that nears its end gets another one beside it.
    async fn fetch(&self, tenant: &TenantId, ids: &[KeyId]) -> Result<BTreeMap<KeyId, CachedKey>, Error> {
        let (mut found, wearing) = self.fetch_rows(tenant, ids).await?;
        if wearing.is_empty() {
            return Ok(found);
        }
        for (family, generation) in &wearing {
            // Where none can be made, the old one goes on for as long as it may.
            if let Err(error) = self.renew(tenant, family, *generation).await {
                tracing::warn!(%error, "a key that nears its end cannot be given another one");
            }
        }
        let again: Vec<KeyId> = wearing.into_iter().map(|(family, _)| family).collect();
        found.extend(self.fetch_rows(tenant, &again).await?.0);
        Ok(found)
    }

    /// Reads keys from the database, and says which of them near their end, with the number of their newest generation.
    async fn fetch_rows(
        &self,
        tenant: &TenantId,
        ids: &[KeyId],
    ) -> Result<(BTreeMap<KeyId, CachedKey>, Vec<(KeyId, i64)>), Error> {
        let Some(mut keys) = self.tenant(tenant).await? else {
            return Ok((BTreeMap::new(), Vec::new()));
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
                let columns = "id, epoch, wrapped, seals, opening, family, generation";
                let rows: Vec<KeyRow> = tx
                    .rows(
                        format!(
                            "SELECT {columns} FROM subject_keys WHERE tenant = $1 AND id IN ({list}) \
                             UNION ALL SELECT {columns} FROM subject_keys \
                             WHERE tenant = $1 AND family IS NOT NULL AND family IN ({list}) ORDER BY generation"
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
        let mut found: BTreeMap<KeyId, CachedKey> = BTreeMap::new();
        let mut newest = BTreeMap::new();
        for (id, epoch, wrapped, counted, made, family, generation) in rows {
            let id = KeyId::from_bytes(id);
            let key = Arc::new(unwrap_subject(
                &keys,
                tenant.as_str(),
                &id,
                number(epoch),
                &wrapped,
            )?);
            let family = family
                .map(KeyId::from_bytes)
                .filter(|family| ids.contains(family));
            match family.and_then(|family| found.get_mut(&family)) {
                Some(cached) => cached.later.push(key),
                None => {
                    let cached = CachedKey {
                        tenant: tenant.clone(),
                        key,
                        later: Vec::new(),
                    };
                    found.insert(id, cached);
                }
            }
            let wear = is_wearing(counted, made, openings);
            newest.insert(family.unwrap_or(id), (generation, wear));
        }
        let mut cache = self.cache();
        for (id, cached) in &found {
            // What nears its end is looked at anew each time.
            if newest.get(id).is_none_or(|(_, is_wearing)| !is_wearing) {
                cache.insert(*id, cached.clone(), read_at);
            }
        }
        drop(cache);
        let wearing = newest.into_iter().filter(|(_, (_, is_wearing))| *is_wearing);
        let wearing = wearing.map(|(id, (generation, _))| (id, generation)).collect();
        Ok((found, wearing))
    }

    /// Puts another key beside those of `family`, whose newest has the number `generation`.
    async fn renew(&self, tenant: &TenantId, family: &KeyId, generation: i64) -> Result<(), Error> {
        let keys = self.ensure_tenant(tenant).await?;
        let (epoch, under) = keys.current()?;
        let (name, now) = (tenant.as_str().to_owned(), self.now());
        let key = DataKey::generate()?;
        let id = key.id();
        let wrapped = under.key.wrap(&subject_key(&name, &id, epoch), &key)?;
        let (opening, first) = (self.seals().openings, *family.as_bytes());
        let row = values![
            &name,
            *id.as_bytes(),
            stored(epoch),
            wrapped,
            opening,
            first,
            generation.saturating_add(1)
        ];
        let mut event = KeyEvent::new("subject_key_renewed", &name, now);
        event.keys = vec![family.to_string()];
        event.replaced_by = Some(id.to_string());
        let renewed = self
            .write(tenant, move |tx| {
                Box::pin(async move {
                    // As a shredding does, first: it sees this key, or this sees that the first one is gone.
                    tx.execute(
                        "UPDATE changes SET version = version WHERE name = 'shred'",
                        values![],
                    )
                    .await?;
                    let first: Option<i64> = tx
                        .optional(
                            "SELECT epoch FROM subject_keys WHERE tenant = $1 AND id = $2",
                            values![&name, first],
                        )
                        .await?;
                    if first.is_none() {
                        return Err(Error::KeyShredded);
                    }
                    tx.insert_many(
                        "INSERT INTO subject_keys (tenant, id, epoch, wrapped, opening, family, generation)",
                        vec![row],
                        "",
                    )
                    .await?;
                    event.record(tx).await
                })
            })
            .await;
        match renewed {
            // Another process was first.
            Err(error) if error.is_conflict() => Ok(()),
            done => done,
        }
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

/// Placeholders from `$first` and values for `ids`. The last id is repeated up to a power of two, so that few different
/// statements are prepared.
pub(super) fn id_list(ids: &[KeyId], first: usize) -> (String, Vec<Value>) {
    let width = ids.len().next_power_of_two();
    let padded = ids
        .iter()
        .chain(std::iter::repeat(ids.last()).flatten())
        .take(width);
    let values = padded.map(|id| Value::from(*id.as_bytes())).collect();
    let list: Vec<String> = (first..first + width).map(|n| format!("${n}")).collect();
    (list.join(","), values)
}
