//! Subject keys under the key of a new epoch.

use privet_crypto::KeyId;
use privet_types::TenantId;

use super::Keyring;
use super::place::{number, stored, subject_key};
use super::rotate::Steps;
use super::subject::unwrap_subject;
use super::tenant::TenantKeys;
use crate::sql::{Tx, Value};
use crate::{Error, values};

/// Keys wrapped anew in one transaction.
const BATCH: usize = 512;

/// Keys of one statement.
const STATEMENT: usize = 64;

/// Keys wrapped without a pause for other tasks.
const UNPAUSED: usize = 64;

/// A row under a former epoch's key: id, epoch, wrapped.
type FormerRow = ([u8; 16], i64, Vec<u8>);

impl Keyring {
    /// How many subject keys are under a former epoch's key.
    pub(super) async fn pending_subjects(&self, tenant: &TenantId) -> Result<u64, Error> {
        let name = tenant.as_str().to_owned();
        let count: i64 = self
            .read(tenant, move |tx| {
                Box::pin(async move { pending(tx, &name).await })
            })
            .await?;
        Ok(number(count))
    }

    /// Wraps all subject keys that are under a former epoch's key under the current one's.
    pub(super) async fn rewrap_subjects(
        &self,
        tenant: &TenantId,
        steps: &mut Steps<'_>,
    ) -> Result<(), Error> {
        steps.expect(self.pending_subjects(tenant).await?);
        // Until a pass finds nothing to do: a node that had not heard of the epoch may add to what is behind.
        loop {
            let before = steps.count();
            let damage = self.rewrap_pass(tenant, steps).await?;
            if steps.count() == before {
                return damage.map_or(Ok(()), Err);
            }
        }
    }

    /// Once over all that is under former epochs' keys. What cannot be unwrapped stays; the first such is returned.
    async fn rewrap_pass(&self, tenant: &TenantId, steps: &mut Steps<'_>) -> Result<Option<Error>, Error> {
        let keys = self.load_tenant(tenant).await?.ok_or(Error::NoRow)?;
        let mut damage = None;
        let mut behind = Vec::new();
        loop {
            let rows = self.former_rows(tenant, &keys, behind).await?;
            let Some((last, ..)) = rows.last() else {
                return Ok(damage);
            };
            behind = last.to_vec();
            let (updates, bad) = rewrap(&keys, tenant.as_str(), rows).await?;
            damage = damage.or(bad);
            let (epoch, name) = (stored(keys.current()?.0), tenant.as_str().to_owned());
            let done = self
                .write(tenant, move |tx| {
                    Box::pin(async move { update(tx, &name, epoch, &updates).await })
                })
                .await;
            match done {
                Ok(done) => steps.done(done),
                // Another process works at the same rows; what it leaves is found by the next pass.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn former_rows(
        &self,
        tenant: &TenantId,
        keys: &TenantKeys,
        behind: Vec<u8>,
    ) -> Result<Vec<FormerRow>, Error> {
        let own = values![tenant.as_str(), stored(keys.current()?.0), behind];
        self.read(tenant, move |tx| {
            Box::pin(async move {
                tx.rows(
                    format!(
                        "SELECT id, epoch, wrapped FROM subject_keys \
                             WHERE tenant = $1 AND epoch < $2 AND id > $3 ORDER BY id LIMIT {BATCH}"
                    ),
                    own,
                )
                .await
            })
        })
        .await
    }
}

/// How many subject keys of `tenant` are under a former epoch's key.
pub(super) async fn pending(tx: &mut Tx, tenant: &str) -> Result<i64, Error> {
    tx.one(
        "SELECT COUNT(*) FROM subject_keys WHERE tenant = $1 \
         AND epoch < (SELECT MAX(epoch) FROM epoch_keys WHERE tenant = $1)",
        values![tenant],
    )
    .await
}

/// The rows under the current epoch's key, and the first that cannot be read.
async fn rewrap(
    keys: &TenantKeys,
    tenant: &str,
    rows: Vec<FormerRow>,
) -> Result<(Vec<([u8; 16], Vec<u8>)>, Option<Error>), Error> {
    let (epoch, current) = keys.current()?;
    let mut updates = Vec::with_capacity(rows.len());
    let mut damage = None;
    for (nth, (id, former, wrapped)) in rows.into_iter().enumerate() {
        let name = KeyId::from_bytes(id);
        match unwrap_subject(keys, tenant, &name, number(former), &wrapped) {
            Ok(key) => updates.push((id, current.key.wrap(&subject_key(tenant, &name, epoch), &key)?)),
            Err(error) => damage = damage.or(Some(error)),
        }
        if nth % UNPAUSED == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok((updates, damage))
}

/// Only rows that are still there and still under a former key change: a key that was shredded meanwhile stays away.
async fn update(
    tx: &mut Tx,
    tenant: &str,
    epoch: i64,
    updates: &[([u8; 16], Vec<u8>)],
) -> Result<u64, Error> {
    let mut done = 0;
    for some in updates.chunks(STATEMENT) {
        let mut values = values![tenant, epoch];
        let mut rows = Vec::with_capacity(some.len());
        for (id, wrapped) in some {
            rows.push(format!("(${},${})", values.len() + 1, values.len() + 2));
            values.extend([Value::from(*id), Value::from(wrapped.as_slice())]);
        }
        let sql = format!(
            "WITH renewed (id, wrapped) AS (VALUES {}) \
             UPDATE subject_keys SET epoch = $2, wrapped = renewed.wrapped FROM renewed \
             WHERE subject_keys.tenant = $1 AND subject_keys.id = renewed.id AND subject_keys.epoch < $2",
            rows.join(",")
        );
        done += tx.execute(sql, values).await?;
    }
    Ok(done)
}
