//! A database's schema, in numbered steps. Own list instead of `sqlx`'s: that one brings its macro crates into the
//! build for what is a loop here.
//!
//! Programs of several versions may work on one database at a time, as they do while an installation is brought up to
//! date node by node. Each step says which of them may go on beside it, and that is written down with the step, so that
//! programs which do not know it can tell.

use std::time::Duration;

use super::location::Location;
use super::tx::{Backend, Tx};
use super::value::Row;
use crate::{Error, values};

/// How often it is looked whether older programs are connected, and the pause between two looks: one that has just ended is seen for a
/// moment more.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// The steps that make a database's schema. Step *n* (from 1) takes it from version *n* − 1 to *n*. A released step is
/// never changed. Both lists are of one length.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// What the database is, in words: told in errors.
    pub name: &'static str,
    /// The steps on SQLite.
    pub sqlite: &'static [&'static str],
    /// The steps on PostgreSQL.
    pub postgres: &'static [&'static str],
    /// Steps that shut out older programs, each with the version that a program must know to work beside it; ascending in
    /// both. A step that is not named only adds: whoever worked before it works beside it.
    pub shut_out: &'static [(i64, i64)],
    /// Tables that the steps put rows into; those of a backup take their place.
    pub seeded: &'static [&'static str],
}

impl Schema {
    pub(super) const fn steps(&self, backend: Backend) -> &'static [&'static str] {
        match backend {
            Backend::Sqlite => self.sqlite,
            Backend::Postgres => self.postgres,
        }
    }

    /// The newest version this program knows.
    pub(crate) fn newest(&self, backend: Backend) -> i64 {
        i64::try_from(self.steps(backend).len()).unwrap_or(i64::MAX)
    }

    /// The version that a program must know to work on a database of `version`.
    pub(crate) fn oldest(&self, version: i64) -> i64 {
        let past = self.shut_out.iter().rev().find(|(step, _)| *step <= version);
        past.map_or(0, |(_, oldest)| *oldest)
    }
}

/// What a database says of its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// The version, 0 for an empty database.
    pub(super) version: i64,
    /// The version that a program must know to work on it.
    pub(super) oldest: i64,
}

/// Both of them in one row; no row in an empty database. Steps of programs that did not write down whom they shut out shut out
/// everybody who does not know them.
pub(super) const FOUND: &str =
    "SELECT version, COALESCE(oldest, version) FROM schema_version ORDER BY version DESC LIMIT 1";

impl Found {
    /// # Errors
    /// [`Error::NewerSchema`] if a program that knows up to `known` may not work on it.
    pub(super) fn check(self, known: i64, location: &(dyn ToString + Sync)) -> Result<(), Error> {
        if self.version > known && self.oldest > known {
            return Err(Error::NewerSchema {
                store: location.to_string(),
                found: self.version,
                oldest: self.oldest,
                known,
            });
        }
        Ok(())
    }
}

/// Brings the schema up to date, all steps in the caller's write transaction. Returns what was there before. One that is newer
/// stays as it is.
pub(super) async fn migrate(tx: &mut Tx, schema: &Schema, location: &Location) -> Result<Found, Error> {
    let found = found(tx, location).await?;
    let known = schema.newest(tx.backend());
    found.check(known, location)?;
    if found.version > 0 && found.version < known && schema.oldest(known) > found.oldest {
        wait_for_older(tx, schema, location).await?;
    }
    for (version, step) in (1_i64..).zip(schema.steps(tx.backend())) {
        if version > found.version {
            tx.script(*step).await?;
            tx.execute(
                "INSERT INTO schema_version (version, oldest) VALUES ($1, $2)",
                values![version, schema.oldest(version)],
            )
            .await?;
        }
    }
    Ok(found)
}

/// Before a step that shuts older programs out: on PostgreSQL, where they say who they are, none of them may be connected, and
/// what others have begun comes to its end; from then on each transaction waits, and sees whom the step shuts out.
async fn wait_for_older(tx: &mut Tx, schema: &Schema, location: &Location) -> Result<(), Error> {
    if tx.backend() == Backend::Sqlite {
        return Ok(());
    }
    let known = schema.newest(tx.backend());
    let needed = schema.oldest(known);
    let mut older = 0;
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            // A transaction sees who is connected as they were when it first asked.
            tx.rows::<Row>("SELECT pg_stat_clear_snapshot()::text", values![])
                .await?;
        }
        older = tx
            .one(
                "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                 AND application_name LIKE 'privet%' \
                 AND COALESCE(substring(application_name FROM '^privet/([0-9]{1,9})$')::bigint, 0) < $1",
                values![needed],
            )
            .await?;
        if older == 0 {
            break;
        }
    }
    if older > 0 {
        return Err(Error::OlderNodes {
            store: location.to_string(),
            connections: older,
            needed,
            known,
        });
    }
    tx.script("LOCK TABLE schema_version IN ACCESS EXCLUSIVE MODE")
        .await
}

/// That the schema is one this program can work with; for a role that may not change it.
pub(super) async fn check(tx: &mut Tx, schema: &Schema, location: &Location) -> Result<(), Error> {
    let found = read(tx).await?;
    let newest = schema.newest(tx.backend());
    found.check(newest, location)?;
    if found.version < newest {
        return Err(Error::OlderSchema {
            store: location.to_string(),
            found: found.version,
            known: newest,
        });
    }
    Ok(())
}

/// That nobody has shut this program out since the database was opened.
pub(crate) async fn still_fits(tx: &mut Tx, schema: &Schema, location: &Location) -> Result<(), Error> {
    let known = schema.newest(tx.backend());
    read(tx).await?.check(known, location)
}

/// What a database that was opened once says of its schema.
pub(super) async fn read(tx: &mut Tx) -> Result<Found, Error> {
    let found: Option<(i64, i64)> = tx.optional(FOUND, values![]).await?;
    let (version, oldest) = found.unwrap_or_default();
    Ok(Found { version, oldest })
}

/// What is there; a database that is empty, or that a program wrote which did not write down whom its steps shut out, gets room
/// for it.
async fn found(tx: &mut Tx, location: &Location) -> Result<Found, Error> {
    tx.script(
        "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY, oldest BIGINT)",
    )
    .await?;
    let column = match tx.backend() {
        Backend::Sqlite => "SELECT COUNT(*) FROM pragma_table_info('schema_version') WHERE name = 'oldest'",
        // Asked for, since `ADD COLUMN IF NOT EXISTS` locks the table first, and each transaction reads it.
        Backend::Postgres => {
            "SELECT COUNT(*) FROM pg_attribute WHERE attrelid = 'schema_version'::regclass \
             AND attname = 'oldest' AND NOT attisdropped"
        }
    };
    let has_room: i64 = tx.one(column, values![]).await?;
    if has_room == 0 {
        tx.script("ALTER TABLE schema_version ADD COLUMN oldest BIGINT")
            .await?;
    }
    let found = read(tx).await?;
    if found.version == 0 {
        let foreign = match tx.backend() {
            Backend::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE tbl_name <> 'schema_version'",
            // Tables of extensions (PostGIS and its like) are nobody's data.
            Backend::Postgres => {
                "SELECT COUNT(*) FROM pg_class c WHERE c.relkind IN ('r', 'p') \
                 AND c.relnamespace = current_schema()::regnamespace AND c.relname <> 'schema_version' \
                 AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
            }
        };
        let foreign: i64 = tx.one(foreign, values![]).await?;
        if foreign > 0 {
            return Err(Error::NotAStore {
                store: location.to_string(),
            });
        }
    }
    Ok(found)
}
