//! Opening a SQLite database.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use crate::Error;
use crate::files::{create_private_dir, private_file};

/// Longest wait for another process's write, and for a connection of the pool.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Pause between two attempts to open a database that another process is just creating.
const OPEN_RETRY: Duration = Duration::from_millis(20);

/// SQLite readers do not wait for each other or for the writer; few are busy at once.
const READERS: u32 = 4;

/// A connection that writes and some that read. A file that is not there is created for the owner alone (file 0600,
/// missing directories 0700).
pub(super) async fn open(path: &Path, vfs: Option<&str>) -> Result<(SqliteConnection, SqlitePool), Error> {
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        create_private_dir(dir).map_err(Error::file(dir))?;
    }
    private_file()
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(Error::file(path))?;
    let mut options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .synchronous(SqliteSynchronous::Full)
        // What is deleted is overwritten: erasure is more than a note.
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    if let Some(vfs) = vfs {
        options = options.vfs(vfs.to_owned());
    }
    let mut writer = connect(options.clone().journal_mode(SqliteJournalMode::Wal)).await?;
    // What a killed process left in the WAL counts as committed though it may never have been synced (a sync that failed,
    // or none): it must be durable before anything behind it is.
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)")
        .fetch_all(&mut writer)
        .await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(options.pragma("query_only", "ON"));
    Ok((writer, readers))
}

/// Switching a new file to WAL needs a lock that SQLite does not wait for, hence the attempts.
async fn connect(options: SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let mut waited = Duration::ZERO;
    loop {
        match SqliteConnection::connect_with(&options).await {
            Err(sqlx::Error::Database(error)) if is_busy(error.code().as_deref()) && waited < PATIENCE => {
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
