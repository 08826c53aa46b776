//! Opening and closing the store.

use privet_crypto::RootKey;

use crate::sql::{Backend, Database, Location, SchemaStatus, Scope, Tx, Work, schema_status};
use crate::{Error, schema, values};

/// The store of an installation: a SQLite database in WAL mode with `synchronous=FULL`, or one on a PostgreSQL server.
/// Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    /// The version of keys and people that writes go by; none for those that need not know them.
    expected: Option<i64>,
}

impl Store {
    /// Opens the store at `location` and brings its schema up to date. One that is not there is created and tied to
    /// `root`.
    ///
    /// # Errors
    /// [`Error::WrongRootKey`] if the store was created with another key, and those of [`Database::open`].
    pub async fn open(location: impl Into<Location>, root: &RootKey) -> Result<Self, Error> {
        Self::open_on(location, root, None).await
    }

    /// As [`open`](Self::open); a SQLite file on the registered VFS `vfs`. For tests that make the disk fail.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_on(
        location: impl Into<Location>,
        root: &RootKey,
        vfs: Option<&str>,
    ) -> Result<Self, Error> {
        let location = location.into();
        let database = Database::open_on(&location, &schema::STORE, vfs).await?;
        let check = root.hash_key("privet/store/root-key-check", b"").hash_hex(&[]);
        match tie(&database, "root_key_check", &check).await {
            Ok(stored) if stored == check => Ok(Self {
                database,
                expected: None,
            }),
            other => {
                database.close().await;
                other.and(Err(Error::WrongRootKey {
                    store: location.to_string(),
                }))
            }
        }
    }

    /// The same store, for changes that were decided by what keys and people were at `version`
    /// ([`ApiKeySnapshot::version`](crate::ApiKeySnapshot::version)): if any of them was changed since, by whatever process, such a
    /// change fails with [`Error::Overtaken`] and changes nothing. It is looked in the transaction of the change, and whoever else
    /// changes keys or people waits for its end.
    #[must_use]
    pub fn expecting(&self, version: i64) -> Self {
        Self {
            database: self.database.clone(),
            expected: Some(version),
        }
    }

    /// Waits for what is under way and closes all connections, of every clone. Further calls fail.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Its database.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Which database it is on.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.database.backend()
    }

    /// A write that is the installation's own.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, Error> + Send + 'static,
    {
        let Some(version) = self.expected else {
            return self.database.write(&Scope::Installation, work).await;
        };
        self.database
            .write(&Scope::Installation, move |tx| Box::pin(go_on(tx, version, work)))
            .await
    }

    /// A read that is the installation's own.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send,
        F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, Error> + Send,
    {
        self.database.read(&Scope::Installation, work).await
    }
}

/// Does `work` if keys and people are at `version`, and keeps others from changing them before it is done.
async fn go_on<T, F>(tx: &mut Tx, version: i64, work: F) -> Result<T, Error>
where
    F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, Error> + Send,
{
    let sql = "UPDATE changes SET version = version WHERE name = 'api_keys' AND version = $1";
    if tx.execute(sql, values![version]).await? == 0 {
        return Err(Error::Overtaken);
    }
    work(tx).await
}

/// Sets the setting `name` if it is not set yet. Returns what it is.
pub(crate) async fn tie(database: &Database, name: &'static str, value: &str) -> Result<String, Error> {
    let value = value.to_owned();
    database
        .write(&Scope::Installation, move |tx| {
            Box::pin(async move {
                tx.execute(
                    "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                    values![name, value],
                )
                .await?;
                tx.one("SELECT value FROM settings WHERE name = $1", values![name])
                    .await
            })
        })
        .await
}

/// Which schema the store at `location` has, and who works on it. Nothing is changed.
///
/// # Errors
/// [`Error::Unreachable`] if its server does not answer, [`Error::Database`] if it cannot be read.
pub async fn store_status(location: &Location) -> Result<SchemaStatus, Error> {
    schema_status(location, &schema::STORE).await
}

/// The database of a store, without tying it to a root key: for a restore, which brings the tie with it.
///
/// # Errors
/// Those of [`Database::open`].
pub async fn open_store_database(location: &Location) -> Result<Database, Error> {
    Database::open(location, &schema::STORE).await
}
