//! The tables of a database, as a backup sees them.

use super::BackupTable;
use crate::sql::{Backend, Tx, ValueKind};
use crate::{Error, values};

/// Tables that are no data: the schema's version is in the header, and PostgreSQL's queue follows from the positions.
const LEFT_OUT: [&str; 2] = ["schema_version", "log_queue"];

/// Tables with data that a backup must not bring back: who was signed in, invites, and challenges for passkeys and of authorities may have been ended or
/// used since, and tokens taken back that the keys of then have signed.
pub(super) const PASSING: [&str; 5] = [
    "acme_challenges",
    "invites",
    "passkey_challenges",
    "sign_in_sessions",
    "token_keys",
];

/// A table with the columns that tell its rows apart.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) table: BackupTable,
    pub(super) key: Vec<String>,
    /// What each column holds, as far as the database cares: PostgreSQL takes a null of the column's own type only.
    pub(super) kinds: Vec<ValueKind>,
    /// The column that the database numbers by itself, if there is one.
    pub(super) identity: Option<String>,
}

/// All tables with data and their columns, by name.
///
/// # Errors
/// [`Error::Database`] if the database does not answer.
pub async fn stored_tables(tx: &mut Tx) -> Result<Vec<BackupTable>, Error> {
    let tables = tables(tx).await?;
    Ok(tables.into_iter().map(|table| table.table).collect())
}

/// All tables with data, by name.
pub(super) async fn tables(tx: &mut Tx) -> Result<Vec<Table>, Error> {
    let names = match tx.backend() {
        Backend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^'"
        }
        Backend::Postgres => {
            "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') \
             AND c.relnamespace = current_schema()::regnamespace \
             AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
        }
    };
    let mut names: Vec<String> = tx.rows(names, values![]).await?;
    names.sort();
    let mut tables = Vec::new();
    for name in names
        .into_iter()
        .filter(|name| !LEFT_OUT.contains(&name.as_str()))
    {
        tables.push(table(tx, name).await?);
    }
    Ok(tables)
}

async fn table(tx: &mut Tx, name: String) -> Result<Table, Error> {
    let columns = match tx.backend() {
        Backend::Sqlite => "SELECT name, pk, 0, 0 FROM pragma_table_info($1) ORDER BY cid",
        Backend::Postgres => {
            "SELECT a.attname::text, COALESCE(array_position(i.indkey::int2[], a.attnum), -1)::bigint + 1, \
             (a.attidentity <> '')::int::bigint, a.atttypid::bigint FROM pg_attribute a \
             LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary \
             WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' \
             ORDER BY a.attnum"
        }
    };
    let columns: Vec<(String, i64, i64, i64)> = tx.rows(columns, values![&name]).await?;
    let mut key: Vec<_> = columns.iter().filter(|(_, place, ..)| *place > 0).collect();
    key.sort_by_key(|(_, place, ..)| *place);
    let key: Vec<String> = key.into_iter().map(|(name, ..)| name.clone()).collect();
    if key.is_empty() {
        return Err(Error::BadBackup {
            what: format!("its table `{name}` has no primary key"),
        });
    }
    let identity = columns.iter().find(|(_, _, is_identity, _)| *is_identity == 1);
    let identity = identity.map(|(name, ..)| name.clone());
    let kinds = columns.iter().map(|(.., oid)| kind(*oid)).collect();
    let columns = columns.into_iter().map(|(name, ..)| name).collect();
    Ok(Table {
        table: BackupTable { name, columns },
        key,
        kinds,
        identity,
    })
}

/// By PostgreSQL's number of the type, from its catalogue `pg_type`.
const fn kind(oid: i64) -> ValueKind {
    match oid {
        17 => ValueKind::Bytes,
        25 | 1043 => ValueKind::Text,
        700 | 701 => ValueKind::Real,
        _ => ValueKind::Int,
    }
}

/// A name from the database's own catalogue, as part of a statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names, quoted, with commas.
pub(super) fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| quoted(name))
        .collect::<Vec<_>>()
        .join(", ")
}
