//! A tenant's keys, unwrapped.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use privet_crypto::{IndexSecret, KeyId, RootKey, WrappingKey};
use privet_types::TenantId;

use super::Keyring;
use super::events::KeyEvent;
use super::place::{bad_row, epoch_key, number, stored, tenant_key, tenant_secret};
use super::roots::Roots;
use crate::sql::{Tx, Value};
use crate::{Error, values};

/// Name of the secret of blind indexes.
pub(super) const INDEX: &str = "index";
/// Name of the secret that other keys are derived from.
const ROOT: &str = "root";

/// Most tenants whose keys are held unwrapped.
const CACHED_TENANTS: usize = 4096;

/// Keys of a tenant as they were at one moment.
pub(super) struct TenantKeys {
    /// Number of the tenant's key.
    pub(super) version: u64,
    pub(super) key: WrappingKey,
    /// INVARIANT: at least one.
    pub(super) epochs: BTreeMap<u64, Epoch>,
    /// Secrets of blind indexes that were not destroyed, by number. INVARIANT: those that `index_use` names among them.
    pub(super) indexes: BTreeMap<u32, IndexSecret>,
    pub(super) index_use: IndexVersions,
    pub(super) secret: Arc<RootKey>,
}

/// Which secrets the entries of a tenant's blind indexes are made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexVersions {
    /// The one that is looked up with.
    pub searched: u32,
    /// Those that entries are written with, in rising order: two while another secret takes the place of one.
    pub written: Vec<u32>,
}

/// Keys of an epoch.
pub(super) struct Epoch {
    pub(super) key: WrappingKey,
    pub(super) secret: Arc<RootKey>,
}

/// Keys of tenants held unwrapped.
#[derive(Default)]
pub(super) struct Tenants {
    pub(super) map: HashMap<TenantId, Arc<TenantKeys>>,
    /// Changes up to this number are known here.
    pub(super) seen: i64,
}

/// What the database has of a tenant.
pub(super) struct Stored {
    change: i64,
    /// Version, root, wrapped.
    keys: Vec<(i64, [u8; 16], Vec<u8>)>,
    /// Name, version, wrapped.
    secrets: Vec<(String, i64, Vec<u8>)>,
    /// The newest rotation of the indexes' secret: number, when it became current, when it ended.
    rotation: Option<(i64, Option<i64>, Option<i64>)>,
    /// Epoch, version, wrapped, secret.
    epochs: Vec<(i64, i64, Vec<u8>, Vec<u8>)>,
}

impl TenantKeys {
    /// The current epoch and its keys.
    pub(super) fn current(&self) -> Result<(u64, &Epoch), Error> {
        let last = self.epochs.last_key_value();
        last.map(|(number, epoch)| (*number, epoch)).ok_or(Error::NoRow)
    }
}

impl Epoch {
    /// New keys for `epoch` of `tenant`, and their row: version, wrapped, secret.
    pub(super) fn make(
        tenant: &str,
        epoch: u64,
        under: &WrappingKey,
    ) -> Result<(Self, Vec<u8>, Vec<u8>), Error> {
        let made = Self {
            key: WrappingKey::generate()?,
            secret: Arc::new(RootKey::generate()?),
        };
        let place = epoch_key(tenant, epoch);
        let wrapped = under.wrap(&place, &made.key)?;
        let secret = made.key.wrap(&place, made.secret.as_ref())?;
        Ok((made, wrapped, secret))
    }
}

impl Keyring {
    /// The tenant's keys; `None` if it has none.
    pub(super) async fn tenant(&self, tenant: &TenantId) -> Result<Option<Arc<TenantKeys>>, Error> {
        self.refresh().await?;
        if let Some(found) = self.tenants().map.get(tenant) {
            return Ok(Some(Arc::clone(found)));
        }
        self.load_tenant(tenant).await
    }

    /// The tenant's keys, as the database has them now.
    pub(super) async fn load_tenant(&self, tenant: &TenantId) -> Result<Option<Arc<TenantKeys>>, Error> {
        let stored = self.stored(tenant).await?;
        if stored.keys.is_empty() {
            return Ok(None);
        }
        let unknown = |roots: &Roots| {
            let mut used = stored.keys.iter().map(|(_, root, _)| KeyId::from_bytes(*root));
            used.any(|root| roots.get(root).is_none())
        };
        if unknown(&self.roots()) {
            self.load_roots().await?;
        }
        let change = stored.change;
        let keys = Arc::new(unwrap(tenant, stored, &self.roots())?);
        let mut tenants = self.tenants();
        // What is older than the last change known here could miss it.
        if change >= tenants.seen {
            if tenants.map.len() >= CACHED_TENANTS {
                tenants.map.clear();
            }
            tenants.map.insert(tenant.clone(), Arc::clone(&keys));
        }
        Ok(Some(keys))
    }

    /// The tenant's keys, made if there are none.
    pub(super) async fn ensure_tenant(&self, tenant: &TenantId) -> Result<Arc<TenantKeys>, Error> {
        if let Some(found) = self.tenant(tenant).await? {
            return Ok(found);
        }
        match self.make_tenant(tenant).await {
            // Another process was first, or changed the root key.
            Err(error) if error.is_conflict() => self.load_roots().await?,
            done => done?,
        }
        if let Some(found) = self.load_tenant(tenant).await? {
            return Ok(found);
        }
        self.make_tenant(tenant).await?;
        self.load_tenant(tenant).await?.ok_or(Error::NoRow)
    }

    async fn make_tenant(&self, tenant: &TenantId) -> Result<(), Error> {
        let (name, now) = (tenant.as_str().to_owned(), self.now());
        let roots = self.roots();
        let key = WrappingKey::generate()?;
        let wrapped = roots.key().wrap(&tenant_key(&name, &1_u64.to_le_bytes()), &key)?;
        let index = key.wrap(&tenant_secret(&name, INDEX), &IndexSecret::generate()?)?;
        let secret = key.wrap(&tenant_secret(&name, ROOT), &RootKey::generate()?)?;
        let (_, epoch, epoch_secret) = Epoch::make(&name, 1, &key)?;
        let root = *roots.current().as_bytes();
        self.write(tenant, move |tx| {
            Box::pin(async move {
                let own = |rest: Vec<Value>| [values![&name], rest].concat();
                tx.insert_many(
                    "INSERT INTO tenant_keys (tenant, version, root, wrapped, made_at)",
                    vec![own(values![1_i64, root, wrapped, now])],
                    "",
                )
                .await?;
                tx.insert_many(
                    "INSERT INTO tenant_secrets (tenant, name, version, wrapped)",
                    vec![
                        own(values![INDEX, 1_i64, index]),
                        own(values![ROOT, 1_i64, secret]),
                    ],
                    "",
                )
                .await?;
                insert_epoch(tx, &name, 1, 1, (epoch, epoch_secret), now).await?;
                let mut event = KeyEvent::new("tenant_keys_made", &name, now);
                (event.version, event.epoch) = (Some(1), Some(1));
                event.record(tx).await
            })
        })
        .await
    }

    async fn stored(&self, tenant: &TenantId) -> Result<Stored, Error> {
        let name = tenant.as_str().to_owned();
        self.read(tenant, move |tx| Box::pin(async move { select(tx, &name).await }))
            .await
    }
}

/// Adds an epoch.
pub(super) async fn insert_epoch(
    tx: &mut Tx,
    tenant: &str,
    epoch: u64,
    version: u64,
    (wrapped, secret): (Vec<u8>, Vec<u8>),
    now: i64,
) -> Result<(), Error> {
    tx.insert_many(
        "INSERT INTO epochs (tenant, epoch, started_at)",
        vec![values![tenant, stored(epoch), now]],
        "",
    )
    .await?;
    tx.insert_many(
        "INSERT INTO epoch_keys (tenant, epoch, version, wrapped, secret)",
        vec![values![tenant, stored(epoch), stored(version), wrapped, secret]],
        "",
    )
    .await?;
    Ok(())
}

async fn select(tx: &mut Tx, tenant: &str) -> Result<Stored, Error> {
    Ok(Stored {
        change: tx
            .one("SELECT version FROM changes WHERE name = 'keys'", values![])
            .await?,
        keys: tx
            .rows(
                "SELECT version, root, wrapped FROM tenant_keys WHERE tenant = $1 ORDER BY version",
                values![tenant],
            )
            .await?,
        secrets: tx
            .rows(
                "SELECT name, version, wrapped FROM tenant_secrets WHERE tenant = $1",
                values![tenant],
            )
            .await?,
        rotation: tx
            .optional(
                "SELECT number, current_at, ended_at FROM index_rotations WHERE tenant = $1 \
                 ORDER BY number DESC LIMIT 1",
                values![tenant],
            )
            .await?,
        epochs: tx
            .rows(
                "SELECT epoch, version, wrapped, secret FROM epoch_keys WHERE tenant = $1 ORDER BY epoch",
                values![tenant],
            )
            .await?,
    })
}

fn unwrap(tenant: &TenantId, stored: Stored, roots: &Roots) -> Result<TenantKeys, Error> {
    let name = tenant.as_str();
    let mut keys = BTreeMap::new();
    for (version, root, wrapped) in stored.keys {
        let version = number(version);
        let bad = || bad_row("tenant_keys", format!("{name} {version}"));
        let root = roots.get(KeyId::from_bytes(root)).ok_or_else(bad)?;
        let key: WrappingKey = root
            .unwrap(&tenant_key(name, &version.to_le_bytes()), &wrapped)
            .map_err(|_| bad())?;
        keys.insert(version, key);
    }
    let mut indexes = BTreeMap::new();
    let mut secret = None;
    for (which, version, wrapped) in stored.secrets {
        let bad = || bad_row("tenant_secrets", format!("{name} {which}"));
        let under = keys.get(&number(version)).ok_or_else(bad)?;
        match which.as_str() {
            ROOT => {
                let opened = under.unwrap(&tenant_secret(name, ROOT), &wrapped);
                secret = Some(opened.map_err(|_| bad())?);
            }
            which => {
                let Some(number) = index_number(which) else {
                    continue;
                };
                let opened = under.unwrap(&tenant_secret(name, which), &wrapped);
                indexes.insert(number, opened.map_err(|_| bad())?);
            }
        }
    }
    let index_use = IndexVersions::of(stored.rotation);
    if index_use
        .written
        .iter()
        .any(|number| !indexes.contains_key(number))
    {
        return Err(bad_row("tenant_secrets", name));
    }
    let mut epochs = BTreeMap::new();
    for (epoch, version, wrapped, secret) in stored.epochs {
        let epoch = number(epoch);
        let bad = || bad_row("epoch_keys", format!("{name} {epoch}"));
        let under = keys.get(&number(version)).ok_or_else(bad)?;
        let place = epoch_key(name, epoch);
        let key: WrappingKey = under.unwrap(&place, &wrapped).map_err(|_| bad())?;
        let secret = Arc::new(key.unwrap(&place, &secret).map_err(|_| bad())?);
        epochs.insert(epoch, Epoch { key, secret });
    }
    let (version, key) = keys.pop_last().ok_or_else(|| bad_row("tenant_keys", name))?;
    Ok(TenantKeys {
        version,
        key,
        epochs,
        indexes,
        index_use,
        secret: Arc::new(secret.ok_or_else(|| bad_row("tenant_secrets", name))?),
    })
}

/// The name of the indexes' secret `number`.
pub(super) fn index_name(number: u32) -> String {
    match number {
        0 | 1 => INDEX.to_owned(),
        later => format!("{INDEX}/{later}"),
    }
}

/// The number of the indexes' secret called `which`.
pub(super) fn index_number(which: &str) -> Option<u32> {
    if which == INDEX {
        return Some(1);
    }
    which.strip_prefix(INDEX)?.strip_prefix('/')?.parse().ok()
}

impl IndexVersions {
    fn of(rotation: Option<(i64, Option<i64>, Option<i64>)>) -> Self {
        let Some((newest, current_at, ended_at)) = rotation else {
            return Self {
                searched: 1,
                written: vec![1],
            };
        };
        let newest = u32::try_from(newest).unwrap_or(1);
        let before = newest.saturating_sub(1);
        match (current_at, ended_at) {
            (Some(_), Some(_)) => Self {
                searched: newest,
                written: vec![newest],
            },
            (Some(_), None) => Self {
                searched: newest,
                written: vec![before, newest],
            },
            (None, _) => Self {
                searched: before,
                written: vec![before, newest],
            },
        }
    }
}

/// Wraps under `to` what `from` wrapped for the tenant's secret `which`.
pub(super) fn rewrap_secret(
    tenant: &str,
    which: &str,
    (from, to): (&WrappingKey, &WrappingKey),
    wrapped: &[u8],
) -> Result<Vec<u8>, privet_crypto::Error> {
    if index_number(which).is_some() {
        let place = tenant_secret(tenant, which);
        to.wrap(&place, &from.unwrap::<IndexSecret>(&place, wrapped)?)
    } else {
        let place = tenant_secret(tenant, ROOT);
        to.wrap(&place, &from.unwrap::<RootKey>(&place, wrapped)?)
    }
}
