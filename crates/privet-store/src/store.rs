//! Opening and closing the store.

use privet_crypto::RootKey;

use crate::sql::{Backend, Database, Location, Scope, Tx, Work};
use crate::{Error, schema, values};

/// The store of an installation: a SQLite database in WAL mode with `synchronous=FULL`, or one on a PostgreSQL server.
/// Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
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
            Ok(stored) if stored == check => Ok(Self { database }),
            other => {
                database.close().await;
                other.and(Err(Error::WrongRootKey {
                    store: location.to_string(),
                }))
            }
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
        self.database.write(&Scope::Installation, work).await
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

/// The database of a store, without tying it to a root key: for a restore, which brings the tie with it.
///
/// # Errors
/// Those of [`Database::open`].
pub async fn open_store_database(location: &Location) -> Result<Database, Error> {
    Database::open(location, &schema::STORE).await
}
