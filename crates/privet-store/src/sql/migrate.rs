//! A database's schema, in numbered steps. Own list instead of `sqlx`'s: that one brings its macro crates into the
//! build for what is a loop here.

use super::location::Location;
use super::tx::{Backend, Tx};
use crate::{Error, values};

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
}

/// Brings the schema up to date, all steps in the caller's write transaction.
pub(super) async fn migrate(tx: &mut Tx, schema: &Schema, location: &Location) -> Result<(), Error> {
    let found = found(tx, location).await?;
    check_known(found, schema.newest(tx.backend()), location)?;
    for (version, step) in (1_i64..).zip(schema.steps(tx.backend())) {
        if version > found {
            tx.script(*step).await?;
            tx.execute(
                "INSERT INTO schema_version (version) VALUES ($1)",
                values![version],
            )
            .await?;
        }
    }
    Ok(())
}

/// That the schema is one this program can work with; for a role that may not change it.
pub(super) async fn check(tx: &mut Tx, schema: &Schema, location: &Location) -> Result<(), Error> {
    let found: i64 = tx
        .one("SELECT COALESCE(MAX(version), 0) FROM schema_version", values![])
        .await?;
    let newest = schema.newest(tx.backend());
    check_known(found, newest, location)?;
    if found < newest {
        return Err(Error::OlderSchema {
            store: location.to_string(),
            found,
            known: newest,
        });
    }
    Ok(())
}

fn check_known(found: i64, known: i64, location: &Location) -> Result<(), Error> {
    if found > known {
        return Err(Error::NewerSchema {
            store: location.to_string(),
            found,
            known,
        });
    }
    Ok(())
}

/// The version that is there, 0 for an empty database.
async fn found(tx: &mut Tx, location: &Location) -> Result<i64, Error> {
    tx.script("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)")
        .await?;
    let found: i64 = tx
        .one("SELECT COALESCE(MAX(version), 0) FROM schema_version", values![])
        .await?;
    if found == 0 {
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
