//! A database, and work in its transactions.

use std::fmt;
use std::sync::Arc;

use privet_types::TenantId;
use sqlx::sqlite::SqlitePool;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::location::Location;
use super::migrate::{self, Schema};
use super::postgres::Server;
use super::tx::{Backend, Link, Pooled, Tx, Work};
use super::writer::{Writer, unpanicked};
use super::{postgres, sqlite, tls};
use crate::Error;

/// Whose rows a transaction may see. PostgreSQL enforces it by row-level security; on SQLite the statements do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them: the installation's own work, such as sequencing the log.
    Installation,
    /// One tenant's.
    Tenant(TenantId),
}

/// An open database. Cheap to clone; clones share the connections.
///
/// Several processes may have one SQLite file open at once; writes of one wait up to 5 s for those of another.
#[derive(Clone)]
pub struct Database {
    location: Arc<Location>,
    schema: &'static Schema,
    link: DatabaseLink,
}

#[derive(Clone)]
enum DatabaseLink {
    Sqlite {
        writer: Writer,
        task: Arc<Mutex<Option<JoinHandle<()>>>>,
        readers: SqlitePool,
    },
    Postgres(Arc<Server>),
}

impl Database {
    /// Opens the database at `location` and brings its schema up to date. A SQLite file that is not there is created for
    /// the owner alone (file 0600, missing directories 0700).
    ///
    /// # Errors
    /// [`Error::NewerSchema`] if a newer Privet made it one that this program may not work on, [`Error::OlderNodes`] if a step would
    /// shut out older programs that are connected, [`Error::NotAStore`] if it is something else's database,
    /// [`Error::Open`] or [`Error::File`] if there is no database and none can be made, [`Error::NoTls`] if it is to be reached
    /// over TLS and cannot, [`Error::TooPowerful`] if PostgreSQL's row-level security would not bind the role.
    pub async fn open(location: &Location, schema: &'static Schema) -> Result<Self, Error> {
        Self::open_on(location, schema, None).await
    }

    /// As [`open`](Self::open); a SQLite file on the registered VFS `vfs`. For tests that make the disk fail.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_on(
        location: &Location,
        schema: &'static Schema,
        vfs: Option<&str>,
    ) -> Result<Self, Error> {
        let opening = |error| match error {
            Error::Unreachable(source) if tls::is_refusal(&source) => Error::NoTls {
                store: location.to_string(),
                source: Arc::new(source),
            },
            Error::Database(source) | Error::Unreachable(source) => Error::Open {
                store: location.to_string(),
                source: Arc::new(source),
            },
            Error::Commit { source } | Error::Refused { source } => Error::Open {
                store: location.to_string(),
                source,
            },
            other => other,
        };
        let link = match location {
            Location::Sqlite(path) => {
                let (connection, readers) = sqlite::open(path, vfs).await.map_err(opening)?;
                let (writer, task) = Writer::start(connection);
                let task = Arc::new(Mutex::new(Some(task)));
                DatabaseLink::Sqlite {
                    writer,
                    task,
                    readers,
                }
            }
            Location::Postgres(url) => {
                let server = postgres::open(url, schema, location).await;
                DatabaseLink::Postgres(Arc::new(server.map_err(opening)?))
            }
        };
        let database = Self {
            location: Arc::new(location.clone()),
            schema,
            link,
        };
        match database.prepare(schema).await {
            Ok(()) => Ok(database),
            Err(error) => {
                database.close().await;
                Err(opening(error))
            }
        }
    }

    /// Opens a PostgreSQL database that is not Privet's: nothing is brought up to date, and the URL's own role works.
    ///
    /// # Errors
    /// [`Error::BadLocation`] for a SQLite file. The first work finds out whether the server answers.
    pub fn attach(location: &Location) -> Result<Self, Error> {
        const NONE: Schema = Schema {
            name: "outside",
            sqlite: &[],
            postgres: &[],
            shut_out: &[],
            seeded: &[],
        };
        let Location::Postgres(url) = location else {
            return Err(Error::BadLocation);
        };
        Ok(Self {
            location: Arc::new(location.clone()),
            schema: &NONE,
            link: DatabaseLink::Postgres(Arc::new(postgres::attach(url)?)),
        })
    }

    async fn prepare(&self, schema: &'static Schema) -> Result<(), Error> {
        match &self.link {
            DatabaseLink::Sqlite { writer, .. } => {
                let location = Arc::clone(&self.location);
                writer
                    .write(move |tx| {
                        Box::pin(async move { migrate::migrate(tx, schema, &location).await.map(drop) })
                    })
                    .await
            }
            DatabaseLink::Postgres(_) => Ok(()),
        }
    }

    /// Runs `work` in a transaction, and commits it if it succeeds: what it changed is durable on return. If it fails,
    /// nothing it did stays.
    ///
    /// On SQLite, works that wait together share a commit. A work that runs longer than a few milliseconds keeps others
    /// waiting: do computations before, and await nothing but `tx`.
    ///
    /// Who stops waiting (drops the future) does not know whether it was stored: SQLite's writer runs it all the same,
    /// PostgreSQL rolls back unless it was committing.
    ///
    /// # Errors
    /// `work`'s own; [`Error::Database`] if a statement fails, [`Error::Spoilt`] if `work` goes on after that,
    /// [`Error::Refused`] if nothing was stored because the database is locked or its disk is full, [`Error::Commit`] if
    /// the database did not confirm, [`Error::Unreachable`] if it does not answer, [`Error::Panicked`] if `work` panics,
    /// [`Error::Nested`] if called within another one's work, [`Error::Closed`] after [`close`](Self::close).
    /// [`Error::is_transient`] says which are worth another try.
    pub async fn write<T, E, F>(&self, scope: &Scope, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, E> + Send + 'static,
    {
        match &self.link {
            DatabaseLink::Sqlite { writer, .. } => writer.write(work).await,
            DatabaseLink::Postgres(server) => in_postgres(server, scope, WRITE, work).await,
        }
    }

    /// Runs `work`, which only reads, on one consistent state of the database.
    ///
    /// # Errors
    /// `work`'s own, [`Error::Database`] if the database refuses.
    pub async fn read<T, E, F>(&self, scope: &Scope, work: F) -> Result<T, E>
    where
        T: Send,
        E: From<Error>,
        F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, E> + Send,
    {
        match &self.link {
            DatabaseLink::Sqlite { readers, .. } => {
                let mut tx = reader(readers).await?;
                let outcome = unpanicked(work, &mut tx).await;
                // Reads have nothing to lose.
                tx.end("ROLLBACK").await?;
                outcome
            }
            DatabaseLink::Postgres(server) => in_postgres(server, scope, READ, work).await,
        }
    }

    /// Rids the database's files of what was deleted, as far as the database can. On SQLite deleted rows are overwritten
    /// when they are deleted, and this empties the write-ahead log, which still has them; returns whether it could. On
    /// PostgreSQL the tables `small` are written anew (`VACUUM FULL`), the space of dead rows in `large` is freed for new
    /// ones (`VACUUM`), where the URL's user owns them; nothing is overwritten, so it returns `false`.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub(crate) async fn wipe(&self, small: &[&str], large: &[&str]) -> Result<bool, Error> {
        match (&self.link, &*self.location) {
            (DatabaseLink::Sqlite { writer, .. }, _) => writer.checkpoint().await,
            (DatabaseLink::Postgres(_), Location::Postgres(url)) => {
                postgres::vacuum(url, small, large).await?;
                Ok(false)
            }
            (DatabaseLink::Postgres(_), Location::Sqlite(_)) => Ok(false),
        }
    }

    /// Which database it is.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        match self.link {
            DatabaseLink::Sqlite { .. } => Backend::Sqlite,
            DatabaseLink::Postgres(_) => Backend::Postgres,
        }
    }

    /// Its schema.
    #[must_use]
    pub const fn schema(&self) -> &'static Schema {
        self.schema
    }

    /// Empties SQLite's write-ahead log, so that it keeps no page as it was before. `false` if a reader still needs it, and
    /// on PostgreSQL, whose log is the server's.
    ///
    /// # Errors
    /// [`Error::Database`] if the database refuses.
    pub async fn checkpoint(&self) -> Result<bool, Error> {
        match &self.link {
            DatabaseLink::Sqlite { writer, .. } => writer.checkpoint().await,
            DatabaseLink::Postgres(_) => Ok(false),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Waits for what is under way and closes all connections, of every clone. Further calls fail.
    pub async fn close(&self) {
        match &self.link {
            DatabaseLink::Sqlite {
                writer,
                task,
                readers,
            } => {
                readers.close().await;
                writer.close().await;
                let task = task.lock().await.take();
                if let Some(Err(error)) = match task {
                    Some(task) => Some(task.await),
                    None => None,
                } {
                    tracing::warn!(error = %error, "the store's writer ended early");
                }
            }
            DatabaseLink::Postgres(server) => server.close().await,
        }
    }
}

/// A reading transaction on SQLite. Boxed, so that the pool's large future is not part of every caller's.
fn reader(readers: &SqlitePool) -> Work<'_, Tx, Error> {
    Box::pin(async move {
        let connection = readers.acquire().await?;
        let mut tx = Tx::new(Link::SqliteReader(Pooled::new(connection)));
        tx.begin("BEGIN").await?;
        Ok(tx)
    })
}

/// Said in full: a server can be told to begin otherwise.
const WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

async fn in_postgres<T, E, F>(server: &Server, scope: &Scope, begin: &'static str, work: F) -> Result<T, E>
where
    E: From<Error>,
    F: for<'c> FnOnce(&'c mut Tx) -> Work<'c, T, E> + Send,
{
    let mut tx = server.begin(scope, begin).await?;
    let outcome = match unpanicked(work, &mut tx).await {
        // `COMMIT` would roll back and call it a success.
        Ok(_) if tx.is_spoilt() => Err(Error::Spoilt.into()),
        outcome => outcome,
    };
    match outcome {
        Ok(value) => {
            tx.end("COMMIT").await.map_err(|error| match error {
                // Whether the server got so far is not known.
                Error::Unreachable(source) => Error::Commit {
                    source: Arc::new(source),
                },
                refused => refused,
            })?;
            Ok(value)
        }
        Err(error) => {
            // The connection is thrown away where this fails; the work's own error is the one to tell.
            drop(tx.end("ROLLBACK").await);
            Err(error)
        }
    }
}

impl Scope {
    /// What the row-level policies compare with. `*` is no tenant's name.
    pub(super) fn setting(&self) -> &str {
        match self {
            Self::Installation => "*",
            Self::Tenant(tenant) => tenant.as_str(),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({})", self.location)
    }
}
