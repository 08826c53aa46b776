//! Other keys in the place of former ones, at every level, while all nodes serve.
//!
//! A rotation makes the new key in one transaction; from then on it wraps what is made. What the former key wrapped is
//! wrapped anew in bounded batches, each row only if it is still under the former key. Nothing but the rows says how far it
//! is: whoever starts the same rotation next goes on with what is left, and several may work at once.

use jiff::Timestamp;
use privet_crypto::{KeyId, RootKey, WrappingKey};
use privet_types::TenantId;

use super::events::KeyEvent;
use super::place::{bad_row, bridge, epoch_key, first_root, number, stored, tenant_key};
use super::roots::wrapping_key;
use super::tenant::{Epoch, TenantKeys, insert_epoch, rewrap_secret};
use super::{EpochStarted, Keyring, Progress, RootRotated, TenantKeyRotated};
use crate::sql::Tx;
use crate::{Error, values};

/// Keys of tenants wrapped anew in one transaction.
const BATCH: usize = 64;

/// Hears of each step, after it is durable.
pub type OnProgress<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Counts steps and tells of them.
pub(super) struct Steps<'a> {
    progress: Progress,
    tell: OnProgress<'a>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(tell: OnProgress<'a>) -> Self {
        Self {
            progress: Progress { done: 0, total: 0 },
            tell,
        }
    }

    /// So many keys are to be wrapped anew.
    pub(super) fn expect(&mut self, total: u64) {
        self.progress.total = total;
        (self.tell)(self.progress);
    }

    /// So many more are.
    pub(super) fn done(&mut self, keys: u64) {
        self.progress.done += keys;
        self.progress.total = self.progress.total.max(self.progress.done);
        (self.tell)(self.progress);
    }

    pub(super) const fn count(&self) -> u64 {
        self.progress.done
    }
}

impl Keyring {
    /// Puts `new` in the place of the root key. The former one opens the keyring for the configured grace still, so that
    /// nodes can be given the new one; they all serve meanwhile. With `new` in its place already, an interrupted rotation
    /// is brought to its end.
    ///
    /// # Errors
    /// [`Error::RootReplaced`] if another process put another root key in place at this moment; [`Error::BadRow`] if a tenant's key cannot be
    /// unwrapped, which then stays as it is.
    pub async fn rotate_root(&self, new: &RootKey, tell: OnProgress<'_>) -> Result<RootRotated, Error> {
        let mut steps = Steps::new(tell);
        self.load_roots().await?;
        let key = wrapping_key(new);
        let to = key.id();
        if self.roots().current() != to {
            match self.begin_root(key).await {
                Err(error) if error.is_conflict() => {}
                done => done?,
            }
            self.load_roots().await?;
        }
        let roots = self.roots();
        if roots.current() != to {
            return Err(Error::RootReplaced);
        }
        self.rewrap_tenants(&mut steps).await?;
        self.wipe().await?;
        // None before: `new` is the first.
        let (from, at) = roots.retired.last().copied().unwrap_or((to, self.now()));
        let at = Timestamp::from_millisecond(at).map_err(|_| bad_row("roots", from))?;
        Ok(RootRotated {
            from: from.to_string(),
            to: to.to_string(),
            at,
            grace_until: at
                .checked_add(self.inner.config.root_grace)
                .unwrap_or(Timestamp::MAX),
            rewrapped: steps.count(),
        })
    }

    async fn begin_root(&self, new: WrappingKey) -> Result<(), Error> {
        let roots = self.roots();
        let (former, now) = (*roots.current().as_bytes(), self.now());
        let id = *new.id().as_bytes();
        let first = new.wrap(&first_root(), roots.first().as_ref())?;
        let forth = roots.key().wrap(&bridge(&id), &new)?;
        let back = new.wrap(&bridge(&former), roots.key())?;
        let mut event = KeyEvent::new("root_key_rotated", "*", now);
        event.keys = vec![roots.current().to_string()];
        event.replaced_by = Some(new.id().to_string());
        event.until = later(now, self.inner.config.root_grace);
        self.write_all(move |tx| {
                Box::pin(async move {
                    let retired = tx
                        .execute(
                            "UPDATE roots SET is_current = NULL, retired_at = $2 WHERE id = $1 AND is_current = 1",
                            values![former, now],
                        )
                        .await?;
                    if retired == 0 {
                        return Err(Error::NotFirst);
                    }
                    tx.insert_many(
                        "INSERT INTO roots (id, is_current, first, since)",
                        vec![values![id, 1_i64, first, now]],
                        // Back to one whose grace is not over.
                        "ON CONFLICT (id) DO UPDATE SET is_current = 1, since = excluded.since, retired_at = NULL",
                    )
                    .await?;
                    tx.insert_many(
                        "INSERT INTO root_bridges (under, holds, wrapped)",
                        vec![values![former, id, forth], values![id, former, back]],
                        "ON CONFLICT DO NOTHING",
                    )
                    .await?;
                    count_change(tx).await?;
                    event.record(tx).await
                })
            })
            .await
    }

    /// Wraps tenants' keys that are under a former root key under the current one.
    pub(super) async fn rewrap_tenants(&self, steps: &mut Steps<'_>) -> Result<(), Error> {
        let roots = self.roots();
        let current = *roots.current().as_bytes();
        let pending = self
            .read_all(move |tx| {
                Box::pin(async move {
                    tx.one::<i64>(
                        "SELECT COUNT(*) FROM tenant_keys WHERE root <> $1",
                        values![current],
                    )
                    .await
                })
            })
            .await?;
        steps.expect(number(pending));
        loop {
            let rows: Vec<(String, i64, [u8; 16], Vec<u8>)> = self
                .read_all(move |tx| {
                    Box::pin(async move {
                        tx.rows(
                            format!(
                                "SELECT tenant, version, root, wrapped FROM tenant_keys WHERE root <> $1 \
                                 ORDER BY tenant, version LIMIT {BATCH}"
                            ),
                            values![current],
                        )
                        .await
                    })
                })
                .await?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut updates = Vec::with_capacity(rows.len());
            for (tenant, version, root, wrapped) in rows {
                let bad = || bad_row("tenant_keys", format!("{tenant} {version}"));
                let bytes = number(version).to_le_bytes();
                let place = tenant_key(&tenant, &bytes);
                let under = roots.get(KeyId::from_bytes(root)).ok_or_else(bad)?;
                let key: WrappingKey = under.unwrap(&place, &wrapped).map_err(|_| bad())?;
                let wrapped = roots.key().wrap(&place, &key)?;
                updates.push(values![tenant, version, root, current, wrapped]);
            }
            let done = self
                .write_all(move |tx| {
                    Box::pin(async move {
                        let mut done = 0;
                        for update in updates {
                            done += tx
                                .execute(
                                    "UPDATE tenant_keys SET root = $4, wrapped = $5 \
                                     WHERE tenant = $1 AND version = $2 AND root = $3",
                                    update,
                                )
                                .await?;
                        }
                        Ok(done)
                    })
                })
                .await;
            match done {
                Ok(done) => steps.done(done),
                // Another process works at the same rows.
                Err(error) if error.is_conflict() => steps.done(0),
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives `tenant` a new key and wraps under it what the former one wrapped: keys of epochs, secrets. Then the former
    /// one goes. If a rotation was interrupted, that one is brought to its end instead.
    ///
    /// # Errors
    /// [`Error::BadRow`] if a key cannot be unwrapped; it and the former key then stay.
    pub async fn rotate_tenant(
        &self,
        tenant: &TenantId,
        tell: OnProgress<'_>,
    ) -> Result<TenantKeyRotated, Error> {
        let mut steps = Steps::new(tell);
        self.ensure_tenant(tenant).await?;
        if self.tenant_versions(tenant).await?.len() < 2 {
            let keys = self.load_tenant(tenant).await?.ok_or(Error::NoRow)?;
            match self.begin_tenant(tenant, &keys).await {
                Err(error) if error.is_conflict() => {}
                done => done?,
            }
        }
        self.finish_tenant(tenant, &mut steps).await?;
        let versions = self.tenant_versions(tenant).await?;
        let (version, made_at) = versions.last().copied().ok_or(Error::NoRow)?;
        Ok(TenantKeyRotated {
            tenant: tenant.clone(),
            version,
            at: Timestamp::from_millisecond(made_at).map_err(|_| bad_row("tenant_keys", tenant))?,
            rewrapped: steps.count(),
        })
    }

    /// Numbers of the tenant's keys and when they were made, oldest first: two or more while it is being rotated.
    async fn tenant_versions(&self, tenant: &TenantId) -> Result<Vec<(u64, i64)>, Error> {
        let name = tenant.as_str().to_owned();
        let rows: Vec<(i64, i64)> = self
            .read(tenant, move |tx| {
                Box::pin(async move {
                    tx.rows::<(i64, i64)>(
                        "SELECT version, made_at FROM tenant_keys WHERE tenant = $1 ORDER BY version",
                        values![name],
                    )
                    .await
                })
            })
            .await?;
        Ok(rows
            .into_iter()
            .map(|(version, at)| (number(version), at))
            .collect())
    }

    async fn begin_tenant(&self, tenant: &TenantId, keys: &TenantKeys) -> Result<(), Error> {
        let (name, version, now) = (tenant.as_str().to_owned(), keys.version + 1, self.now());
        let roots = self.roots();
        let key = WrappingKey::generate()?;
        let wrapped = roots
            .key()
            .wrap(&tenant_key(&name, &version.to_le_bytes()), &key)?;
        let row = values![&name, stored(version), *roots.current().as_bytes(), wrapped, now];
        self.write(tenant, move |tx| {
            Box::pin(async move {
                tx.insert_many(
                    "INSERT INTO tenant_keys (tenant, version, root, wrapped, made_at)",
                    vec![row],
                    "",
                )
                .await?;
                count_change(tx).await?;
                let mut event = KeyEvent::new("tenant_key_rotated", &name, now);
                event.version = Some(version);
                event.record(tx).await
            })
        })
        .await
    }

    /// Brings a tenant's rotation to its end, if one is under way.
    pub(super) async fn finish_tenant(&self, tenant: &TenantId, steps: &mut Steps<'_>) -> Result<(), Error> {
        loop {
            let keys = self.load_tenant(tenant).await?.ok_or(Error::NoRow)?;
            let (done, pending) = match self.rewrap_tenant(tenant, &keys, steps).await {
                Err(error) if error.is_conflict() => continue,
                done => done?,
            };
            steps.done(done);
            if pending == 0 {
                break;
            }
        }
        let (name, now) = (tenant.as_str().to_owned(), self.now());
        let dropped = self
            .write(tenant, move |tx| {
                Box::pin(async move {
                    let dropped = tx
                        .execute(
                            "DELETE FROM tenant_keys WHERE tenant = $1 \
                             AND version < (SELECT MAX(k.version) FROM tenant_keys k WHERE k.tenant = $1) \
                             AND NOT EXISTS (SELECT 1 FROM epoch_keys e \
                                 WHERE e.tenant = $1 AND e.version = tenant_keys.version) \
                             AND NOT EXISTS (SELECT 1 FROM tenant_secrets s \
                                 WHERE s.tenant = $1 AND s.version = tenant_keys.version)",
                            values![&name],
                        )
                        .await?;
                    if dropped > 0 {
                        count_change(tx).await?;
                        KeyEvent::new("tenant_key_destroyed", &name, now)
                            .record(tx)
                            .await?;
                    }
                    Ok(dropped)
                })
            })
            .await;
        match dropped {
            Ok(0) => Ok(()),
            Ok(_) => {
                steps.done(0);
                self.wipe().await.map(|_| ())
            }
            // Something was just wrapped under it by a node that had not heard; the next sweep sees to it.
            Err(error) if error.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Wraps a batch under the newest key; the tenant's keys must be those of now. Returns how many, and how many were
    /// found to be under former ones.
    async fn rewrap_tenant(
        &self,
        tenant: &TenantId,
        keys: &TenantKeys,
        steps: &mut Steps<'_>,
    ) -> Result<(u64, usize), Error> {
        let (name, version) = (tenant.as_str().to_owned(), stored(keys.version));
        let read_name = name.clone();
        let (epochs, secrets, former, all) = self
            .read(tenant, move |tx| {
                Box::pin(async move { under_former(tx, &read_name, version).await })
            })
            .await?;
        if steps.progress.total == 0 {
            steps.expect(number(all));
        }
        let found = epochs.len() + secrets.len();
        let mut updates = Vec::with_capacity(found);
        let bad = |table, row: &dyn std::fmt::Display| bad_row(table, format!("{name} {row}"));
        let roots = self.roots();
        let unwrapped = |version: i64| -> Result<WrappingKey, Error> {
            let row = former.iter().find(|row| row.0 == version);
            let (_, root, wrapped) = row.ok_or_else(|| bad("tenant_keys", &version))?;
            let under = roots.get(KeyId::from_bytes(*root));
            let place_id = number(version).to_le_bytes();
            under
                .and_then(|under| under.unwrap(&tenant_key(&name, &place_id), wrapped).ok())
                .ok_or_else(|| bad("tenant_keys", &version))
        };
        for (epoch, under, wrapped) in epochs {
            let place = epoch_key(&name, number(epoch));
            let key: WrappingKey = unwrapped(under)?
                .unwrap(&place, &wrapped)
                .map_err(|_| bad("epoch_keys", &epoch))?;
            let wrapped = keys.key.wrap(&place, &key)?;
            updates.push((
                "UPDATE epoch_keys SET version = $4, wrapped = $5 \
                 WHERE tenant = $1 AND epoch = $2 AND version = $3",
                values![&name, epoch, under, version, wrapped],
            ));
        }
        for (which, under, wrapped) in secrets {
            let wrapped = rewrap_secret(&name, &which, (&unwrapped(under)?, &keys.key), &wrapped)
                .map_err(|_| bad("tenant_secrets", &which))?;
            updates.push((
                "UPDATE tenant_secrets SET version = $4, wrapped = $5 \
                 WHERE tenant = $1 AND name = $2 AND version = $3",
                values![&name, which, under, version, wrapped],
            ));
        }
        let done = self
            .write(tenant, move |tx| {
                Box::pin(async move {
                    let mut done = 0;
                    for (sql, update) in updates {
                        done += tx.execute(sql, update).await?;
                    }
                    Ok(done)
                })
            })
            .await?;
        Ok((done, found))
    }

    /// Begins an epoch of `tenant` and wraps all its subject keys under the epoch's key; the key of the former epoch is
    /// destroyed by a later sweep. If subject keys of former epochs are left over from an interrupted rotation, that one is
    /// brought to its end instead, and no other epoch begins.
    ///
    /// # Errors
    /// [`Error::BadRow`] if a subject key cannot be unwrapped; all others are wrapped anew, and the epoch key it needs stays.
    pub async fn rotate_epoch(&self, tenant: &TenantId, tell: OnProgress<'_>) -> Result<EpochStarted, Error> {
        let mut steps = Steps::new(tell);
        let keys = self.ensure_tenant(tenant).await?;
        if self.pending_subjects(tenant).await? == 0 {
            let keys = self.load_tenant(tenant).await?.unwrap_or(keys);
            match self.begin_epoch(tenant, &keys).await {
                Err(error) if error.is_conflict() => {}
                done => done?,
            }
        }
        self.rewrap_subjects(tenant, &mut steps).await?;
        let name = tenant.as_str().to_owned();
        let (epoch, at) = self
            .read(tenant, move |tx| {
                Box::pin(async move {
                    tx.one::<(i64, i64)>(
                        "SELECT epoch, started_at FROM epochs WHERE tenant = $1 ORDER BY epoch DESC LIMIT 1",
                        values![name],
                    )
                    .await
                })
            })
            .await?;
        Ok(EpochStarted {
            tenant: tenant.clone(),
            epoch: number(epoch),
            at: Timestamp::from_millisecond(at).map_err(|_| bad_row("epochs", tenant))?,
            rewrapped: steps.count(),
        })
    }

    async fn begin_epoch(&self, tenant: &TenantId, keys: &TenantKeys) -> Result<(), Error> {
        let (former, _) = keys.current()?;
        let (name, epoch, version, now) = (tenant.as_str().to_owned(), former + 1, keys.version, self.now());
        let (_, wrapped, secret) = Epoch::make(&name, epoch, &keys.key)?;
        self.write(tenant, move |tx| {
            Box::pin(async move {
                tx.execute(
                    "UPDATE epochs SET ended_at = $2 WHERE tenant = $1 AND ended_at IS NULL",
                    values![&name, now],
                )
                .await?;
                insert_epoch(tx, &name, epoch, version, (wrapped, secret), now).await?;
                count_change(tx).await?;
                let mut event = KeyEvent::new("epoch_started", &name, now);
                event.epoch = Some(epoch);
                event.record(tx).await
            })
        })
        .await
    }
}

type Numbered = (i64, i64, Vec<u8>);
type Named = (String, i64, Vec<u8>);
type Former = (i64, [u8; 16], Vec<u8>);

/// A batch of what is under keys older than `version`, those keys, and how much there is in all.
async fn under_former(
    tx: &mut Tx,
    tenant: &str,
    version: i64,
) -> Result<(Vec<Numbered>, Vec<Named>, Vec<Former>, i64), Error> {
    let own = || values![tenant, version];
    let epochs = tx
        .rows(
            format!(
                "SELECT epoch, version, wrapped FROM epoch_keys WHERE tenant = $1 AND version < $2 \
                 ORDER BY epoch LIMIT {BATCH}"
            ),
            own(),
        )
        .await?;
    let secrets = tx
        .rows(
            "SELECT name, version, wrapped FROM tenant_secrets WHERE tenant = $1 AND version < $2 ORDER BY name",
            own(),
        )
        .await?;
    let former = tx
        .rows(
            "SELECT version, root, wrapped FROM tenant_keys WHERE tenant = $1 AND version < $2",
            own(),
        )
        .await?;
    let all = tx
        .one(
            "SELECT (SELECT COUNT(*) FROM epoch_keys WHERE tenant = $1 AND version < $2) \
             + (SELECT COUNT(*) FROM tenant_secrets WHERE tenant = $1 AND version < $2)",
            own(),
        )
        .await?;
    Ok((epochs, secrets, former, all))
}

/// The moment `by` after `ms`.
fn later(ms: i64, by: std::time::Duration) -> Option<Timestamp> {
    Timestamp::from_millisecond(ms).ok()?.checked_add(by).ok()
}

/// Other nodes are to look at root keys, tenants' keys and epochs again.
pub(super) async fn count_change(tx: &mut Tx) -> Result<(), Error> {
    tx.execute(
        "UPDATE changes SET version = version + 1 WHERE name = 'keys'",
        values![],
    )
    .await
    .map(|_| ())
}
