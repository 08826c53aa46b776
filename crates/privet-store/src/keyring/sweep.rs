//! What time asks for: epochs that begin and end, keys that go, rotations that were interrupted.

use jiff::Timestamp;
use privet_types::TenantId;

use super::place::{bad_row, number, stored};
use super::rewrap::pending;
use super::rotate::{OnProgress, Steps, count_change};
use super::{EpochDestroyed, Keyring, KeyringStatus, SweepFailure, Swept, TenantStatus};
use crate::sql::Tx;
use crate::{Error, values};

/// How long other nodes can hear of a shredding.
const TOLD: i64 = 86_400_000;

impl Keyring {
    /// Does what is due: begins epochs, destroys keys of epochs that ended long enough ago, ends the grace of former root
    /// keys, goes on with interrupted rotations, and rids the database's files of what was deleted. Several processes may
    /// sweep at once. A tenant whose keys cannot be read does not keep it from the others.
    ///
    /// # Errors
    /// [`Error::Database`] if the database does not answer.
    pub async fn sweep(&self, tell: OnProgress<'_>) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        let mut steps = Steps::new(tell);
        self.ask().await?;
        match self.load_roots().await {
            // This process has a root key whose grace is over; who has the current one sees to root keys.
            Err(Error::WrongRootKey { .. }) => {}
            done => {
                done?;
                self.rewrap_tenants(&mut steps).await?;
                swept.roots_retired = self.retire_roots().await?;
            }
        }
        for tenant in self.tenant_names().await? {
            if let Err(error) = self.sweep_tenant(&tenant, &mut steps, &mut swept).await {
                if !matches!(
                    error,
                    Error::BadRow { .. } | Error::Crypto(_) | Error::WrongRootKey { .. }
                ) {
                    return Err(error);
                }
                swept.failures.push(SweepFailure {
                    tenant,
                    reason: error.to_string(),
                });
            }
        }
        swept.rewrapped = steps.count();
        self.forget_told().await?;
        swept.remains = Some(self.wipe_all().await?);
        Ok(swept)
    }

    async fn sweep_tenant(
        &self,
        tenant: &TenantId,
        steps: &mut Steps<'_>,
        swept: &mut Swept,
    ) -> Result<(), Error> {
        self.finish_tenant(tenant, steps).await?;
        let name = tenant.as_str().to_owned();
        let started: i64 = self
            .read(tenant, move |tx| {
                Box::pin(async move {
                    tx.one::<i64>(
                        "SELECT MAX(started_at) FROM epochs WHERE tenant = $1",
                        values![name],
                    )
                    .await
                })
            })
            .await?;
        let rewrapped = if started.saturating_add(millis(self.inner.config.epoch)) <= self.now() {
            let epoch = self.rotate_epoch(tenant, &mut |_| {}).await;
            epoch.map(|epoch| {
                steps.done(epoch.rewrapped);
                swept.epochs_started.push(epoch);
            })
        } else {
            self.rewrap_subjects(tenant, steps).await
        };
        // Keys that nothing needs go, whatever became of the others.
        swept.epochs_destroyed.extend(self.destroy_epochs(tenant).await?);
        rewrapped
    }

    /// Destroys keys of epochs that ended long enough ago and have no subject key any more.
    async fn destroy_epochs(&self, tenant: &TenantId) -> Result<Vec<EpochDestroyed>, Error> {
        let (name, now) = (tenant.as_str().to_owned(), self.now());
        let due = now.saturating_sub(millis(self.inner.config.destroy_after));
        let destroyed = self
            .write(tenant, move |tx| {
                Box::pin(async move {
                    let gone: Vec<i64> = tx
                        .rows(
                            "DELETE FROM epoch_keys WHERE tenant = $1 AND epoch IN (SELECT epoch FROM epochs \
                             WHERE tenant = $1 AND ended_at IS NOT NULL AND ended_at <= $2) \
                             AND NOT EXISTS (SELECT 1 FROM subject_keys s \
                                 WHERE s.tenant = $1 AND s.epoch = epoch_keys.epoch) RETURNING epoch",
                            values![&name, due],
                        )
                        .await?;
                    for epoch in &gone {
                        tx.execute(
                            "UPDATE epochs SET destroyed_at = $3 WHERE tenant = $1 AND epoch = $2",
                            values![&name, *epoch, now],
                        )
                        .await?;
                    }
                    if !gone.is_empty() {
                        count_change(tx).await?;
                    }
                    Ok(gone)
                })
            })
            .await;
        let mut gone = match destroyed {
            // A node that had not heard of the next epoch has just made a key: the next sweep wraps it anew first.
            Err(error) if error.is_conflict() => Vec::new(),
            done => done?,
        };
        gone.sort_unstable();
        let at = moment(now)?;
        let of = |epoch| EpochDestroyed {
            tenant: tenant.clone(),
            epoch: number(epoch),
            at,
        };
        Ok(gone.into_iter().map(of).collect())
    }

    /// Takes away root keys whose grace is over and under which nothing is.
    async fn retire_roots(&self) -> Result<Vec<String>, Error> {
        let due = self.now().saturating_sub(millis(self.inner.config.root_grace));
        let roots = self.roots();
        let mut retired = Vec::new();
        for (id, at) in &roots.retired {
            if *at > due {
                continue;
            }
            let root = *id.as_bytes();
            let gone = self
                .write_all(move |tx| Box::pin(async move { retire(tx, root).await }))
                .await;
            match gone {
                Ok(true) => retired.push(id.to_string()),
                Ok(false) => {}
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(retired)
    }

    pub(super) async fn tenant_names(&self) -> Result<Vec<TenantId>, Error> {
        let names: Vec<String> = self
            .read_all(|tx| {
                Box::pin(async {
                    tx.rows::<String>(
                        "SELECT DISTINCT tenant FROM tenant_keys ORDER BY tenant",
                        values![],
                    )
                    .await
                })
            })
            .await?;
        names
            .into_iter()
            .map(|name| name.parse().map_err(|_| bad_row("tenant_keys", &name)))
            .collect()
    }

    async fn forget_told(&self) -> Result<(), Error> {
        let until = self.now().saturating_sub(TOLD);
        self.write_all(move |tx| {
            Box::pin(async move {
                tx.execute("DELETE FROM shredded_keys WHERE at < $1", values![until])
                    .await
                    .map(|_| ())
            })
        })
        .await
    }

    /// The state of the keyring. Counts rows: not for every request.
    ///
    /// # Errors
    /// [`Error::Database`] if the database does not answer.
    pub async fn status(&self) -> Result<KeyringStatus, Error> {
        self.ask().await?;
        let roots = self.roots();
        let mut tenants = Vec::new();
        for tenant in self.tenant_names().await? {
            let name = tenant.clone();
            let status = self.read(&tenant, move |tx| {
                Box::pin(async move { tenant_status(tx, name).await })
            });
            tenants.push(status.await?);
        }
        let retiring = roots.retired.iter().map(|(id, _)| id.to_string());
        Ok(KeyringStatus {
            root: roots.current().to_string(),
            retiring_roots: retiring.collect(),
            tenants,
        })
    }
}

async fn retire(tx: &mut Tx, root: [u8; 16]) -> Result<bool, Error> {
    let used: i64 = tx
        .one("SELECT COUNT(*) FROM tenant_keys WHERE root = $1", values![root])
        .await?;
    if used > 0 {
        return Ok(false);
    }
    tx.execute(
        "DELETE FROM root_bridges WHERE under = $1 OR holds = $1",
        values![root],
    )
    .await?;
    let gone = tx
        .execute(
            "DELETE FROM roots WHERE id = $1 AND is_current IS NULL",
            values![root],
        )
        .await?;
    count_change(tx).await?;
    Ok(gone > 0)
}

async fn tenant_status(tx: &mut Tx, tenant: TenantId) -> Result<TenantStatus, Error> {
    let name = tenant.as_str().to_owned();
    let (version, since): (i64, i64) = tx
        .one(
            "SELECT version, made_at FROM tenant_keys WHERE tenant = $1 ORDER BY version DESC LIMIT 1",
            values![&name],
        )
        .await?;
    let (epoch, epoch_since): (i64, i64) = tx
        .one(
            "SELECT epoch, started_at FROM epochs WHERE tenant = $1 ORDER BY epoch DESC LIMIT 1",
            values![&name],
        )
        .await?;
    let closed: Vec<i64> = tx
        .rows(
            "SELECT epoch FROM epoch_keys WHERE tenant = $1 AND epoch < $2 ORDER BY epoch",
            values![&name, epoch],
        )
        .await?;
    let subject_keys: i64 = tx
        .one(
            "SELECT COUNT(*) FROM subject_keys WHERE tenant = $1",
            values![&name],
        )
        .await?;
    let behind: i64 = tx
        .one(
            "SELECT (SELECT COUNT(*) FROM epoch_keys WHERE tenant = $1 AND version < $2) \
             + (SELECT COUNT(*) FROM tenant_secrets WHERE tenant = $1 AND version < $2)",
            values![&name, version],
        )
        .await?;
    let pending = pending(tx, &name).await?;
    Ok(TenantStatus {
        tenant,
        version: number(version),
        since: moment(since)?,
        epoch: number(epoch),
        epoch_since: moment(epoch_since)?,
        closed_epochs: closed.into_iter().map(number).collect(),
        subject_keys: number(subject_keys),
        pending: number(pending.saturating_add(behind)),
    })
}

fn millis(period: std::time::Duration) -> i64 {
    stored(u64::try_from(period.as_millis()).unwrap_or(u64::MAX))
}

fn moment(ms: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(ms).map_err(|_| bad_row("epochs", ms))
}
