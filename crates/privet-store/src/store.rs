//! Opening and closing the SQL store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use privet_crypto::RootKey;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Sqlite, SqlitePool, Transaction};

use crate::files::{create_private_dir, private_file};
use crate::{Error, schema};

/// Longest wait for another process's write, and for a connection of the pool.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pause between two attempts to open a database that another process is just creating.
const OPEN_RETRY: Duration = Duration::from_millis(20);

/// SQLite readers do not wait for each other or for the writer; few are busy at once.
const READERS: u32 = 4;

/// The SQL store: a SQLite database in WAL mode, `synchronous=FULL`. Cheap to clone; clones share the connections.
///
/// Several processes may have one file open at once; writes of one wait up to 5 s for those of another.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Store {
    /// Opens the store at `path` and brings its schema up to date. A store that is not there is created for the owner
    /// alone (file 0600, missing directories 0700) and tied to `root`.
    ///
    /// # Errors
    /// [`Error::WrongRootKey`] if the store was created with another key, [`Error::NewerSchema`] if a newer Privet
    /// wrote it, [`Error::NotAStore`] if it is something else's database, [`Error::Open`] or [`Error::File`] if there is
    /// no database at `path` and none can be made.
    pub async fn open(path: &Path, root: &RootKey) -> Result<Self, Error> {
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            create_private_dir(dir).map_err(Error::file(dir))?;
        }
        private_file()
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(Error::file(path))?;

        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();
        // One writer: SQLite has a single write lock, and waiting for it in the pool is fair and cheap.
        let writer = connect(1, options.clone().journal_mode(SqliteJournalMode::Wal), PATIENCE)
            .await
            .map_err(|source| Error::Open {
                path: path.to_owned(),
                source,
            })?;
        let readers = pool_options(READERS).connect_lazy_with(options.pragma("query_only", "ON"));
        let store = Self {
            path: path.to_owned(),
            writer,
            readers,
        };
        match store.prepare(root).await {
            Ok(()) => Ok(store),
            Err(error) => {
                store.close().await;
                Err(error)
            }
        }
    }

    /// Waits for what is under way and closes all connections, of every clone. Further calls fail.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// A connection for reads.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// A transaction that holds the write lock from its start, so that it cannot fail half-way for want of it.
    pub(crate) async fn begin_write(&self) -> Result<Transaction<'static, Sqlite>, Error> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    async fn prepare(&self, root: &RootKey) -> Result<(), Error> {
        let opening = |error| match error {
            Error::Database(source) => Error::Open {
                path: self.path.clone(),
                source,
            },
            other => other,
        };
        let mut write = self.begin_write().await.map_err(opening)?;
        schema::migrate(&mut write, &self.path).await.map_err(opening)?;
        let check = root.hash_key("privet/store/root-key-check", b"").hash_hex(&[]);
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES ('root_key_check', $1) ON CONFLICT (name) DO NOTHING",
        )
        .bind(&check)
        .execute(&mut *write)
        .await?;
        let stored: String = sqlx::query_scalar("SELECT value FROM settings WHERE name = 'root_key_check'")
            .fetch_one(&mut *write)
            .await?;
        if stored != check {
            return Err(Error::WrongRootKey {
                path: self.path.clone(),
            });
        }
        write.commit().await?;
        Ok(())
    }
}

/// Connects at once. Switching a new file to WAL needs a lock that SQLite does not wait for, hence the attempts.
async fn connect(
    connections: u32,
    options: SqliteConnectOptions,
    patience: Duration,
) -> Result<SqlitePool, sqlx::Error> {
    let mut waited = Duration::ZERO;
    loop {
        match pool_options(connections).connect_with(options.clone()).await {
            Err(sqlx::Error::Database(error)) if is_busy(error.code().as_deref()) && waited < patience => {
                tokio::time::sleep(OPEN_RETRY).await;
                waited += OPEN_RETRY;
            }
            done => return done,
        }
    }
}

/// `SQLITE_BUSY` (5) and its extended codes `SQLITE_BUSY_RECOVERY` (261) and `SQLITE_BUSY_SNAPSHOT` (517).
fn is_busy(code: Option<&str>) -> bool {
    matches!(code, Some("5" | "261" | "517"))
}

fn pool_options(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}
