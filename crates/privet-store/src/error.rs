//! What can go wrong in the store and the spool.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What can go wrong in the store and the spool. Never says anything about a key or about what an event holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store was made under another root key.
    #[error("the store `{store}` was made with another root key; use that key's file, or another store")]
    WrongRootKey {
        /// The store.
        store: String,
    },
    /// A newer Privet brought the store to a schema that this program may not work on.
    #[error(
        "the store `{store}` has schema {found}, on which a privet works that knows {oldest} or later, and this one knows {known}; install the newer privet here, or restore the backup from before the upgrade"
    )]
    NewerSchema {
        /// The store.
        store: String,
        /// Version in the store.
        found: i64,
        /// Version that a program must know to work on it.
        oldest: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// Programs are connected that would be shut out by the step to the next schema.
    #[error(
        "{connections} connections to the store `{store}` are those of an older privet, which cannot work on schema {known}; bring these nodes to one that knows schema {needed}, or stop them, then start this one again (`privet store status`)"
    )]
    OlderNodes {
        /// The store.
        store: String,
        /// How many.
        connections: i64,
        /// Version that a program must know to work on it.
        needed: i64,
        /// Version that the store would get.
        known: i64,
    },
    /// The store was written by an older Privet, and this role may not change it.
    #[error(
        "the store `{store}` has schema {found}, this privet needs {known}; start it once with the owner's URL"
    )]
    OlderSchema {
        /// The store.
        store: String,
        /// Version in the store.
        found: i64,
        /// Version this program needs.
        known: i64,
    },
    /// Keys or people were changed since it was decided by them.
    #[error("somebody else changed keys or people at the same time; try again")]
    Overtaken,
    /// The database belongs to another program.
    #[error("`{store}` is a database, but not a privet store; use another one")]
    NotAStore {
        /// The database.
        store: String,
    },
    /// The store cannot be opened as a database.
    #[error(
        "cannot open the store `{store}`; check that it is a privet store and that this user may write to it"
    )]
    Open {
        /// The store.
        store: String,
        /// Why.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The server of a database offers no TLS, or is not who it should be. Nothing was asked of it.
    #[error(
        "the server of `{store}` does not speak TLS, or its certificate does not hold; name its authority with `sslrootcert=FILE` in the URL, or go without on a network of your own with `sslmode=disable`"
    )]
    NoTls {
        /// The store.
        store: String,
        /// Why.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The location of a database is neither a path nor a PostgreSQL URL.
    #[error("not a PostgreSQL address; write `postgres://user:password@host:5432/database`")]
    BadLocation,
    /// The PostgreSQL server is too old.
    #[error("the PostgreSQL server has version {version}, privet needs 15 (150000) or newer")]
    OldPostgres {
        /// `server_version_num`.
        version: i64,
    },
    /// Row-level security would not bind the role that works.
    #[error(
        "the role that works on `{store}` is a superuser, may bypass row-level security, owns tables or may create some; let the role `privet_app` own and create nothing (REVOKE CREATE, TEMPORARY FROM PUBLIC)"
    )]
    TooPowerful {
        /// The store.
        store: String,
    },
    /// What was to be committed may or may not be durable.
    #[error("the store did not confirm the change; check its disk, then look whether the change is there")]
    Commit {
        /// Why; shared by all changes of the same commit.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The transaction was not begun, or was undone as a whole; nothing of it was stored.
    #[error(
        "the store took nothing of the change; check that its disk has room and works, and that no other program holds it locked"
    )]
    Refused {
        /// Why; shared by all changes of the same transaction.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A statement of the transaction failed, and its work went on all the same; nothing of it was stored.
    #[error("an earlier statement of the change failed, so nothing of it was stored")]
    Spoilt,
    /// A write within a write of the same database would wait for itself.
    #[error("an internal error stopped the change: it was begun within another one")]
    Nested,
    /// The database cannot be reached, or does not answer.
    #[error(
        "the store cannot be reached; check that the database runs and that the network lets privet through"
    )]
    Unreachable(#[source] sqlx::Error),
    /// The work of a transaction panicked; nothing of it was stored.
    #[error("an internal error stopped the change; nothing of it was stored")]
    Panicked,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A column holds another kind of value than it should.
    #[error("column {column} of a row holds something else than it should; restore the store from a backup")]
    UnexpectedValue {
        /// Which, from 0.
        column: usize,
    },
    /// A query that always has a row had none.
    #[error("the store lacks a row that it must have; restore it from a backup")]
    NoRow,
    /// The database refused or did not answer in time.
    #[error("the store did not answer; check its disk, and that no other program holds it locked")]
    Database(#[source] sqlx::Error),
    /// A row does not hold what Privet writes.
    #[error("row `{row}` of the store's table `{table}` cannot be read; restore the store from a backup")]
    BadRow {
        /// The table.
        table: &'static str,
        /// Which row.
        row: String,
    },
    /// Two different events claim one number, as when a spool directory was copied to a second node.
    #[error(
        "another audit event is already stored as number {seq} of node `{node}`; give each server its own spool directory"
    )]
    AuditConflict {
        /// The node.
        node: String,
        /// The number.
        seq: u64,
    },
    /// The log was signed with another key before.
    #[error("the log was signed with another key so far (`{known}`); give the log key back that it had")]
    LogKeyChanged {
        /// The verifier key of the log.
        known: String,
    },
    /// Another process did the same first; not seen outside.
    #[error("another process was first")]
    NotFirst,
    /// What is stored of the log does not fit together.
    #[error("the stored log is damaged ({what}); restore the store from a backup")]
    LogDamaged {
        /// What does not fit.
        what: String,
    },
    /// The log's name or key cannot be used.
    #[error("the log's key cannot be used")]
    LogKey(#[from] privet_log::BadNote),
    /// An audit event larger than a spool record may be.
    #[error("an audit event of {bytes} bytes is larger than {max} bytes")]
    EventTooLarge {
        /// Size as JSON.
        bytes: usize,
        /// Largest size taken.
        max: usize,
    },
    /// An audit event cannot be written as JSON, or what was read is not one.
    #[error("an audit event cannot be converted to or from JSON")]
    Json(#[source] serde_json::Error),
    /// A file or directory cannot be used.
    #[error("cannot use `{path}`; check that it exists, its permissions and the free disk space")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another server holds the spool directory.
    #[error(
        "the spool `{dir}` is in use by another privet server; stop that one, or set another spool directory"
    )]
    SpoolInUse {
        /// The directory.
        dir: PathBuf,
    },
    /// The spool holds as much as it may: the store has not taken events for some time.
    #[error("the audit spool is full ({max_bytes} bytes); repair the store, or allow the spool more bytes")]
    SpoolFull {
        /// The bound.
        max_bytes: u64,
    },
    /// Events come faster than the spool's disk takes them.
    #[error("the audit spool's disk does not keep up with the events; use a faster disk, or lower the load")]
    SpoolBusy,
    /// The spool's disk does not take events.
    #[error("cannot write to the audit spool `{dir}`; free disk space, or restore the directory and restart")]
    SpoolWrite {
        /// The directory.
        dir: PathBuf,
        /// Why; shared by every append that waited for the same write.
        #[source]
        source: Arc<io::Error>,
    },
    /// A spool segment was changed, cut, or is missing events it must hold.
    #[error(
        "audit spool segment `{segment}` is damaged at event {seq}; restore the file from a backup, or rename it to end in `.damaged` to give up its events"
    )]
    SpoolDamaged {
        /// The file.
        segment: PathBuf,
        /// First event that cannot be read.
        seq: u64,
    },
    /// A spool segment was written under another root key or node id.
    #[error(
        "audit spool segment `{segment}` was written with another root key or `node-id`; restore those, or move the segment away"
    )]
    SpoolForeign {
        /// The file.
        segment: PathBuf,
    },
    /// The spool's `node-id` file does not hold 16 hexadecimal digits.
    #[error(
        "`{path}` does not hold 16 hexadecimal digits; restore it from a backup, or empty the spool directory"
    )]
    BadNodeId {
        /// The file.
        path: PathBuf,
    },
    /// The spool was closed, or its writer has ended.
    #[error("the audit spool is closed; restart the server")]
    SpoolClosed,
    /// There is no such key in the keyring (any more). What was sealed under it is lost for good.
    #[error("the key was shredded, or never made; what was sealed under it cannot be opened")]
    KeyShredded,
    /// Somebody else put another root key in place at the same moment.
    #[error("another root key was put in place at this moment; see `privet keyring status`, then try again")]
    RootReplaced,
    /// A subject's key has sealed as much as it may, and no other one could be made beside it.
    #[error(
        "key `{id}` has sealed as many records as it may, and no other one could be made; check that the keyring's database takes changes"
    )]
    KeyWornOut {
        /// The key's name.
        id: String,
    },
    /// A backup cannot be used.
    #[error("the backup cannot be used: {what}")]
    BadBackup {
        /// Why.
        what: String,
    },
    /// The rows of a backup did not all come; not seen outside.
    #[error("the backup ended too early")]
    NotWhole,
    /// A backup's file cannot be read or written.
    #[error("cannot read or write the backup's file; check the free disk space and the disk")]
    BackupFile {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A backup is to be restored into a database that is in use.
    #[error("`{store}` is not empty; restore into a new database, then let it take the old one's place")]
    NotEmpty {
        /// The database.
        store: String,
    },
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Crypto(#[from] privet_crypto::Error),
}

impl From<sqlx::Error> for Error {
    fn from(source: sqlx::Error) -> Self {
        match source {
            sqlx::Error::PoolClosed => Self::Closed,
            sqlx::Error::PoolTimedOut
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::WorkerCrashed => Self::Unreachable(source),
            // Classes 08 (connection), 57P (the server ends sessions, or does not take them yet), 53300 (too many).
            sqlx::Error::Database(ref error)
                if error.code().is_some_and(|code| {
                    code.starts_with("08") || code.starts_with("57P") || code == "53300"
                }) =>
            {
                Self::Unreachable(source)
            }
            source => Self::Database(source),
        }
    }
}

impl Error {
    /// Whether the same work may succeed if it is done again soon: another transaction was in its way. Nothing of it was
    /// stored.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        let code = match self {
            Self::Database(sqlx::Error::Database(error)) => error.code(),
            Self::Refused { source } => match &**source {
                sqlx::Error::Database(error) => error.code(),
                _ => None,
            },
            _ => None,
        };
        // PostgreSQL: serialization failure, deadlock, lock timeout. SQLite: SQLITE_BUSY and its extended codes.
        matches!(
            code.as_deref(),
            Some("40001" | "40P01" | "55P03" | "5" | "261" | "517")
        )
    }

    /// Whether another process changed the same at the same moment: look again, then try again.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::NotFirst => true,
            Self::Database(sqlx::Error::Database(error)) => {
                error.is_unique_violation()
                    || error.is_foreign_key_violation()
                    // Serialization failure, deadlock.
                    || matches!(error.code().as_deref(), Some("40001" | "40P01"))
            }
            _ => false,
        }
    }

    /// For `map_err` on what was done with the file at `path`.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
