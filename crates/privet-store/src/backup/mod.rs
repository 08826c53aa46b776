//! Backup and restore of a database: its rows, sealed, the same from SQLite and PostgreSQL, so that one can be restored
//! into the other.
//!
//! A backup is taken while others write: it holds one consistent state. A restore goes into an empty database, in one
//! transaction: the whole of it, or nothing.

mod format;
mod read;
mod tables;
mod write;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use read::{open_backup, restore};
pub use tables::stored_tables;
pub use write::back_up;

/// Name of the format, with its version.
const FORMAT: &str = "privet-backup-1";

/// What a backup says of itself, in front of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupHeader {
    /// `privet-backup-1`.
    pub format: String,
    /// Which database it is of: the name of its schema.
    pub database: String,
    /// Version of the schema.
    pub schema: i64,
    /// When it was begun, UTC.
    pub at: Timestamp,
    /// Its tables, in the order in which their rows follow.
    pub tables: Vec<BackupTable>,
}

/// A table of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupTable {
    /// Its name.
    pub name: String,
    /// Its columns, in the order of a row's values.
    pub columns: Vec<String>,
}

/// What was written or restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupSummary {
    /// Which database it is of.
    pub database: String,
    /// Version of the schema.
    pub schema: i64,
    /// When the backup was begun, UTC.
    pub at: Timestamp,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Bytes of the sealed file.
    pub bytes: u64,
}

impl BackupSummary {
    fn new(header: &BackupHeader, rows: &[u64], bytes: u64) -> Self {
        let names = header.tables.iter().map(|table| table.name.clone());
        Self {
            database: header.database.clone(),
            schema: header.schema,
            at: header.at,
            rows: names.zip(rows.iter().copied()).collect(),
            bytes,
        }
    }
}
