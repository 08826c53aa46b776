//! The keyring: root key → key of a tenant → key of an epoch → key of a subject, in a database and a backup set of its own.
//!
//! Every key is wrapped under the one above it (AES-256-KWP, bound to its place), and names it by a foreign key, so that the
//! database itself refuses to lose a key under which another one lives. Each step of a rotation is one transaction; what is
//! left to do shows in the rows, so that whoever comes next goes on.

mod cache;
mod config;
mod events;
mod index;
mod inspect;
mod place;
mod refresh;
mod report;
mod rewrap;
mod roots;
mod rotate;
mod schema;
mod seals;
mod shred;
mod subject;
mod sweep;
mod tenant;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use privet_crypto::{HashKey, IndexKey, RootKey, SigningKey};
use privet_types::{Clock, TenantId};

pub use config::KeyringConfig;
pub use inspect::InspectedKey;
pub use refresh::run_keyring;
pub use report::{
    EpochDestroyed, EpochStarted, KeyringStatus, Progress, Remains, RootRotated, Shredding, SweepFailure,
    Swept, TenantKeyRotated, TenantStatus,
};
pub use rotate::OnProgress;
pub use subject::SubjectKey;
pub use tenant::IndexVersions;

use crate::Error;
use crate::sql::{Database, Location, SchemaStatus, Scope, Tx, Work, schema_status};
use cache::KeyCache;
use refresh::Freshness;
use roots::Roots;
use seals::SealCounts;
use tenant::Tenants;

/// The keys of an installation. Cheap to clone; clones share the connections and the cache. Many processes may have one
/// keyring open.
#[derive(Clone)]
pub struct Keyring {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    config: KeyringConfig,
    clock: Arc<dyn Clock>,
    root: Arc<RootKey>,
    roots: Mutex<Arc<Roots>>,
    tenants: Mutex<Tenants>,
    cache: Mutex<KeyCache>,
    seals: Mutex<SealCounts>,
    freshness: Freshness,
}

impl Keyring {
    /// Opens the keyring at `location`, and makes one, tied to `root`, where there is none.
    ///
    /// # Errors
    /// [`Error::WrongRootKey`] if `root` does not open it, [`Error::BadRow`] if it was changed by hand, and those of
    /// [`Database::open`].
    pub async fn open(
        location: impl Into<Location>,
        root: Arc<RootKey>,
        config: KeyringConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let database = Database::open(&location.into(), &schema::KEYRING).await?;
        let roots = match Roots::open(&database, &root, clock.now().as_millisecond()).await {
            Ok(roots) => roots,
            Err(error) => {
                database.close().await;
                return Err(error);
            }
        };
        let keyring = Self {
            inner: Arc::new(Inner {
                database,
                config,
                clock,
                root,
                roots: Mutex::new(Arc::new(roots)),
                tenants: Mutex::default(),
                cache: Mutex::new(KeyCache::new(config.cached_keys)),
                seals: Mutex::default(),
                freshness: Freshness::new(),
            }),
        };
        keyring.ask().await?;
        Ok(keyring)
    }

    /// The database of a keyring at `location`, made if there is none, and tied to no root key: for restoring a backup into.
    ///
    /// # Errors
    /// Those of [`Database::open`].
    pub async fn open_database(location: impl Into<Location>) -> Result<Database, Error> {
        Database::open(&location.into(), &schema::KEYRING).await
    }

    /// The key of the blind index of `field` with which something new is hashed.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn index_key(&self, tenant: &TenantId, field: &str) -> Result<IndexKey, Error> {
        let keys = self.ensure_tenant(tenant).await?;
        let version = keys.index_use.searched;
        let secret = keys.indexes.get(&version).ok_or(Error::KeyShredded)?;
        Ok(secret.index_key(tenant.as_str().as_bytes(), field.as_bytes(), version))
    }

    /// The keys of the blind index of `field` under all secrets that there are: first the one of
    /// [`index_key`](Self::index_key), then the others, newest first. For what is looked up and cannot be made anew, or not at
    /// once.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn index_keys(&self, tenant: &TenantId, field: &str) -> Result<Vec<IndexKey>, Error> {
        let keys = self.ensure_tenant(tenant).await?;
        let current = keys.index_use.searched;
        let others = keys
            .indexes
            .keys()
            .rev()
            .copied()
            .filter(|version| *version != current);
        std::iter::once(current)
            .chain(others)
            .map(|version| {
                let secret = keys.indexes.get(&version).ok_or(Error::KeyShredded)?;
                Ok(secret.index_key(tenant.as_str().as_bytes(), field.as_bytes(), version))
            })
            .collect()
    }

    /// The key of the blind index of `field` under the tenant's secret number `version`, one of
    /// [`index_versions`](Self::index_versions).
    ///
    /// # Errors
    /// [`Error::KeyShredded`] if that secret was destroyed, or never was.
    pub async fn index_key_version(
        &self,
        tenant: &TenantId,
        field: &str,
        version: u32,
    ) -> Result<IndexKey, Error> {
        let keys = self.ensure_tenant(tenant).await?;
        let secret = keys.indexes.get(&version).ok_or(Error::KeyShredded)?;
        Ok(secret.index_key(tenant.as_str().as_bytes(), field.as_bytes(), version))
    }

    /// The secret that the tenant's other keys are derived from (`hash_key`, `signing_key`, …, with a purpose each): list of
    /// erased subjects, receipts. It stays the same through all rotations.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn tenant_secret(&self, tenant: &TenantId) -> Result<Arc<RootKey>, Error> {
        Ok(Arc::clone(&self.ensure_tenant(tenant).await?.secret))
    }

    /// A key for keyed hashes of the tenant, for `purpose` (a constant of the code), derived from
    /// [`tenant_secret`](Self::tenant_secret).
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn tenant_hash_key(&self, tenant: &TenantId, purpose: &'static str) -> Result<HashKey, Error> {
        let secret = self.tenant_secret(tenant).await?;
        Ok(secret.hash_key(purpose, tenant.as_str().as_bytes()))
    }

    /// A key that signs for the tenant, for `purpose` (a constant of the code), derived from
    /// [`tenant_secret`](Self::tenant_secret).
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn tenant_signing_key(
        &self,
        tenant: &TenantId,
        purpose: &'static str,
    ) -> Result<SigningKey, Error> {
        let secret = self.tenant_secret(tenant).await?;
        Ok(secret.signing_key(purpose, tenant.as_str().as_bytes())?)
    }

    /// The current epoch of the tenant, and the secret that is derived from in it. It is destroyed with the epoch's key.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn epoch_secret(&self, tenant: &TenantId) -> Result<(u64, Arc<RootKey>), Error> {
        let keys = self.ensure_tenant(tenant).await?;
        let (epoch, current) = keys.current()?;
        Ok((epoch, Arc::clone(&current.secret)))
    }

    /// The secret of `epoch`.
    ///
    /// # Errors
    /// [`Error::KeyShredded`] if the epoch's key was destroyed, or never was.
    pub async fn epoch_secret_of(&self, tenant: &TenantId, epoch: u64) -> Result<Arc<RootKey>, Error> {
        let keys = self.tenant(tenant).await?;
        let found = keys.as_ref().and_then(|keys| keys.epochs.get(&epoch));
        found
            .map(|epoch| Arc::clone(&epoch.secret))
            .ok_or(Error::KeyShredded)
    }

    /// The root key that the keyring was made with. What is derived straight from a root key (hashes of API keys, seals of
    /// the spool, surrogates) is derived from this one, whatever the root key is now.
    #[must_use]
    pub fn installation_root(&self) -> Arc<RootKey> {
        Arc::clone(self.roots().first())
    }

    /// How long its keys live.
    #[must_use]
    pub fn config(&self) -> &KeyringConfig {
        &self.inner.config
    }

    /// Its database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.inner.database
    }

    /// Waits for what is under way, forgets all keys and closes all connections, of every clone.
    pub async fn close(&self) {
        self.inner.database.close().await;
        self.cache().clear(0);
        self.tenants().map.clear();
    }

    async fn write<T, F>(&self, tenant: &TenantId, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, Error> + Send + 'static,
    {
        let scope = Scope::Tenant(tenant.clone());
        self.inner.database.write(&scope, work).await
    }

    async fn read<T, F>(&self, tenant: &TenantId, work: F) -> Result<T, Error>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, Error> + Send,
    {
        let scope = Scope::Tenant(tenant.clone());
        self.inner.database.read(&scope, work).await
    }

    async fn read_all<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, Error> + Send,
    {
        self.inner.database.read(&Scope::Installation, work).await
    }

    async fn write_all<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, Error> + Send + 'static,
    {
        self.inner.database.write(&Scope::Installation, work).await
    }

    fn now(&self) -> i64 {
        self.inner.clock.now().as_millisecond()
    }

    fn roots(&self) -> Arc<Roots> {
        Arc::clone(&locked(&self.inner.roots))
    }

    fn set_roots(&self, roots: Roots) {
        *locked(&self.inner.roots) = Arc::new(roots);
    }

    fn tenants(&self) -> MutexGuard<'_, Tenants> {
        locked(&self.inner.tenants)
    }

    fn cache(&self) -> MutexGuard<'_, KeyCache> {
        locked(&self.inner.cache)
    }

    fn seals(&self) -> MutexGuard<'_, SealCounts> {
        locked(&self.inner.seals)
    }
}

/// What a panic left is whole all the same: every change here is one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({:?})", self.inner.database)
    }
}

/// Which schema the keyring at `location` has, and who works on it. Nothing is changed.
///
/// # Errors
/// [`Error::Unreachable`] if its server does not answer, [`Error::Database`] if it cannot be read.
pub async fn keyring_status(location: &Location) -> Result<SchemaStatus, Error> {
    schema_status(location, &schema::KEYRING).await
}

/// The database of a keyring, without tying it to a root key: for a restore, which brings the tie with it.
///
/// # Errors
/// Those of [`Database::open`].
pub async fn open_keyring_database(location: &Location) -> Result<Database, Error> {
    Database::open(location, &schema::KEYRING).await
}
