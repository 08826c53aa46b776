//! Keys of subjects shredded, and until when that can be undone.

use jiff::Timestamp;
use privet_crypto::KeyId;
use privet_types::TenantId;

use super::events::{KEYS_IN_EVENT, KeyEvent};
use super::place::{bad_row, number, stored};
use super::schema::{LARGE, SMALL};
use super::subject::{ASKED, BATCH, id_list};
use super::{Keyring, KeyringConfig, Remains, Shredding};
use crate::sql::{Backend, Tx, Value};
use crate::{Error, values};

/// A key that was deleted: id, epoch, family.
type Gone = ([u8; 16], i64, Option<[u8; 16]>);

impl Keyring {
    /// Shreds subject keys, with all that came beside them, for good: durable on return, and on SQLite overwritten. Names of
    /// keys that are not there are passed over. The log hears of it.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses; keys of earlier transactions (4,096 each) are shredded then.
    pub async fn shred(&self, tenant: &TenantId, ids: &[KeyId]) -> Result<Shredding, Error> {
        let at = self.inner.clock.now();
        let mut shredding = Shredding {
            at,
            shredded: 0,
            keyring_backup_deadline: later(at, self.inner.config.backup_retention),
            remains: self.untouched(),
        };
        let mut deadlines = Vec::new();
        for some in ids.chunks(BATCH) {
            let (shredded, deadline) = self.shred_batch(tenant, some, at).await?;
            shredding.shredded += shredded;
            deadlines.extend(deadline);
        }
        if let Some(last) = deadlines.into_iter().max() {
            shredding.keyring_backup_deadline = last;
        }
        if shredding.shredded > 0 {
            shredding.remains = self.wipe().await?;
        }
        Ok(shredding)
    }

    /// Returns how many of the keys were there, and the deadline for those.
    async fn shred_batch(
        &self,
        tenant: &TenantId,
        ids: &[KeyId],
        at: Timestamp,
    ) -> Result<(u64, Option<Timestamp>), Error> {
        let (asked, name, config) = (ids.to_vec(), tenant.as_str().to_owned(), self.inner.config);
        let (number_of, gone, deadline) = self
            .write(tenant, move |tx| {
                Box::pin(async move {
                    // First, and so held to the end: shreddings are numbered in the order in which they show.
                    let version: i64 = tx
                        .one(
                            "UPDATE changes SET version = version + 1 WHERE name = 'shred' RETURNING version",
                            values![],
                        )
                        .await?;
                    let mut gone: Vec<Gone> = Vec::new();
                    for some in asked.chunks(ASKED) {
                        let (list, mut values) = id_list(some, 2);
                        values.insert(0, Value::from(&name));
                        for column in ["id", "family"] {
                            let sql = format!(
                                "DELETE FROM subject_keys WHERE tenant = $1 AND {column} IN ({list}) \
                                 RETURNING id, epoch, family"
                            );
                            gone.extend(tx.rows::<Gone>(sql, values.clone()).await?);
                        }
                    }
                    let ms = at.as_millisecond();
                    let rows = gone.iter().map(|(id, ..)| values![version, &name, *id, ms]);
                    tx.insert_many(
                        "INSERT INTO shredded_keys (version, tenant, id, at)",
                        rows.collect(),
                        "",
                    )
                    .await?;
                    let Some(last) = gone.iter().map(|(_, epoch, _)| *epoch).max() else {
                        return Ok((version, gone, None));
                    };
                    let deadline = deadline(tx, &config, &name, at, number(last)).await?;
                    for some in gone.chunks(KEYS_IN_EVENT) {
                        let mut event = KeyEvent::new("subject_keys_shredded", &name, ms);
                        let names = some.iter().map(|(id, ..)| KeyId::from_bytes(*id).to_string());
                        event.keys = names.collect();
                        event.until = Some(deadline);
                        event.record(tx).await?;
                    }
                    Ok((version, gone, Some(deadline)))
                })
            })
            .await?;
        let all: Vec<KeyId> = gone.iter().map(|(id, ..)| KeyId::from_bytes(*id)).collect();
        let mut cache = self.cache();
        cache.forget(ids, number_of);
        cache.forget(&all, number_of);
        drop(cache);
        let first = gone.iter().filter(|(.., family)| family.is_none()).count();
        Ok((u64::try_from(first).unwrap_or(u64::MAX), deadline))
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

/// Until when older backups could open what was in `epoch` at `at`.
async fn deadline(
    tx: &mut Tx,
    config: &KeyringConfig,
    tenant: &str,
    at: Timestamp,
    epoch: u64,
) -> Result<Timestamp, Error> {
    let rows_gone = later(at, config.backup_retention);
    let Some(kept) = config.epoch_backup_retention else {
        return Ok(rows_gone);
    };
    let times: (i64, Option<i64>) = tx
        .one(
            "SELECT started_at, ended_at FROM epochs WHERE tenant = $1 AND epoch = $2",
            values![tenant, stored(epoch)],
        )
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

fn later(at: Timestamp, by: std::time::Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
