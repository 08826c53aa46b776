//! Another secret for a tenant's blind indexes.
//!
//! Entries are made from records, which the keyring does not know, so it only says which secrets entries are written with and
//! which one is looked up with. Between two of its steps every process must have heard of the first:
//! [`Keyring::heard_everywhere`].

use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::IndexSecret;
use privet_types::TenantId;

use super::Keyring;
use super::events::KeyEvent;
use super::place::{stored, tenant_secret};
use super::rotate::count_change;
use super::tenant::{INDEX, IndexVersions, index_name, index_number};
use crate::sql::Tx;
use crate::{Error, values};

/// Twice as long as a process may go without asking for changes, and then some.
const HEARD: Duration = Duration::from_millis(1_000);

impl Keyring {
    /// Which secrets the tenant's index entries are made with now. As other processes know it: half a second old at most.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn index_versions(&self, tenant: &TenantId) -> Result<IndexVersions, Error> {
        Ok(self.ensure_tenant(tenant).await?.index_use.clone())
    }

    /// Waits until every process has heard of a change, or refuses to give out keys.
    pub async fn heard_everywhere(&self) {
        tokio::time::sleep(HEARD).await;
    }

    /// Makes another secret, with which entries are written from now on beside those of the one before. Where that was done
    /// already and not ended, nothing changes.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn begin_index(&self, tenant: &TenantId) -> Result<IndexVersions, Error> {
        self.ensure_tenant(tenant).await?;
        let keys = self.load_tenant(tenant).await?.ok_or(Error::NoRow)?;
        if keys.index_use.written.len() == 1 {
            let (name, now, next) = (
                tenant.as_str().to_owned(),
                self.now(),
                keys.index_use.searched.saturating_add(1),
            );
            let secret_name = index_name(next);
            let secret = IndexSecret::generate()?;
            let wrapped = keys.key.wrap(&tenant_secret(&name, &secret_name), &secret)?;
            let version = stored(keys.version);
            let begun = self
                .write(tenant, move |tx| {
                    Box::pin(async move {
                        tx.insert_many(
                            "INSERT INTO index_rotations (tenant, number, began_at)",
                            vec![values![&name, i64::from(next), now]],
                            "",
                        )
                        .await?;
                        tx.insert_many(
                            "INSERT INTO tenant_secrets (tenant, name, version, wrapped)",
                            vec![values![&name, secret_name, version, wrapped]],
                            "",
                        )
                        .await?;
                        count_change(tx).await?;
                        event("index_secret_made", &name, now, next).record(tx).await
                    })
                })
                .await;
            match begun {
                // Another process was first.
                Err(error) if error.is_conflict() => {}
                done => done?,
            }
        }
        self.after_change(tenant).await
    }

    /// Lets all look up with the secret that [`begin_index`](Self::begin_index) made. Every subject must have its entries by
    /// then.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn switch_index(&self, tenant: &TenantId) -> Result<IndexVersions, Error> {
        let (name, now) = (tenant.as_str().to_owned(), self.now());
        self.write(tenant, move |tx| {
            Box::pin(async move {
                let switched: Option<i64> = tx
                    .optional(
                        "UPDATE index_rotations SET current_at = $2 WHERE tenant = $1 AND current_at IS NULL \
                         RETURNING number",
                        values![&name, now],
                    )
                    .await?;
                let Some(number) = switched else {
                    return Ok(());
                };
                count_change(tx).await?;
                let number = u32::try_from(number).unwrap_or(0);
                event("index_secret_rotated", &name, now, number).record(tx).await
            })
        })
        .await?;
        self.after_change(tenant).await
    }

    /// Ends the rotation to the secret of that `number`: nothing is written with the secret before any more. Its entries must
    /// be gone by then, and all else that can be made anew must have been. What cannot, such as sessions, is still looked up
    /// with it: [`destroy_faded_index`](Self::destroy_faded_index).
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn end_index(&self, tenant: &TenantId, number: u32) -> Result<IndexVersions, Error> {
        let (name, now) = (tenant.as_str().to_owned(), self.now());
        self.write(tenant, move |tx| {
            Box::pin(async move {
                let ended: Option<i64> = tx
                    .optional(
                        "UPDATE index_rotations SET ended_at = $2, moved_at = $2 WHERE tenant = $1 AND current_at IS NOT NULL \
                         AND ended_at IS NULL AND number = $3 RETURNING number",
                        values![&name, now, number],
                    )
                    .await?;
                let Some(number) = ended else {
                    return Ok(());
                };
                let before = u32::try_from(number - 1).unwrap_or(1);
                count_change(tx).await?;
                event("index_secret_retired", &name, now, before).record(tx).await
            })
        })
        .await?;
        self.after_change(tenant).await
    }

    /// Since when nothing new is hashed with the tenant's former secrets, if there are any and nothing that can be made anew hangs
    /// on them.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn index_faded_since(&self, tenant: &TenantId) -> Result<Option<Timestamp>, Error> {
        match self.tenant(tenant).await? {
            Some(keys) if keys.indexes.len() > keys.index_use.written.len() => {}
            _ => return Ok(None),
        }
        let name = tenant.as_str().to_owned();
        let newest: Option<(i64, Option<i64>, Option<i64>)> = self
            .read(tenant, move |tx| Box::pin(async move { newest(tx, &name).await }))
            .await?;
        Ok(match newest {
            Some((_, Some(since), Some(_))) => Timestamp::from_millisecond(since).ok(),
            _ => None,
        })
    }

    /// Destroys the tenant's former secrets, if [`index_faded_since`](Self::index_faded_since) has a time. What was hashed with
    /// them must have ended by then: nobody finds it any more. Returns how many there were.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn destroy_faded_index(&self, tenant: &TenantId) -> Result<u64, Error> {
        let (name, now) = (tenant.as_str().to_owned(), self.now());
        let destroyed = self
            .write(tenant, move |tx| {
                Box::pin(async move {
                    // Another rotation may have begun meanwhile.
                    let Some((current, Some(_), Some(_))) = newest(tx, &name).await? else {
                        return Ok(0);
                    };
                    let current = index_name(u32::try_from(current).unwrap_or(0));
                    let gone: Vec<String> = tx
                        .rows(
                            "DELETE FROM tenant_secrets WHERE tenant = $1 AND (name = $2 OR name LIKE $3) \
                             AND name <> $4 RETURNING name",
                            values![&name, INDEX, format!("{INDEX}/%"), current],
                        )
                        .await?;
                    for secret in gone.iter().filter_map(|secret| index_number(secret)) {
                        event("index_secret_destroyed", &name, now, secret)
                            .record(tx)
                            .await?;
                    }
                    if !gone.is_empty() {
                        count_change(tx).await?;
                    }
                    Ok(gone.len() as u64)
                })
            })
            .await?;
        if destroyed > 0 {
            self.wipe().await?;
            self.after_change(tenant).await?;
        }
        Ok(destroyed)
    }

    async fn after_change(&self, tenant: &TenantId) -> Result<IndexVersions, Error> {
        self.ask().await?;
        let keys = self.load_tenant(tenant).await?.ok_or(Error::NoRow)?;
        Ok(keys.index_use.clone())
    }
}

/// Number of the newest rotation, when its secret became the one that is looked up with, and when all was moved to it.
async fn newest(tx: &mut Tx, tenant: &str) -> Result<Option<(i64, Option<i64>, Option<i64>)>, Error> {
    tx.optional(
        "SELECT number, current_at, CASE WHEN ended_at IS NULL THEN NULL ELSE moved_at END FROM index_rotations \
         WHERE tenant = $1 ORDER BY number DESC LIMIT 1",
        values![tenant],
    )
    .await
}

fn event(kind: &'static str, tenant: &str, now: i64, number: u32) -> KeyEvent {
    let mut event = KeyEvent::new(kind, tenant, now);
    event.version = Some(number.into());
    event
}
