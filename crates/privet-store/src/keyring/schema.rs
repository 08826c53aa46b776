//! The schema of the keyring.

use crate::sql::Schema;

/// The keyring, in a database of its own.
pub(super) const KEYRING: Schema = Schema {
    name: "keyring",
    sqlite: &[
        include_str!("schema/sqlite_0001.sql"),
        include_str!("schema/sqlite_0002.sql"),
        include_str!("schema/sqlite_0003.sql"),
    ],
    postgres: &[
        include_str!("schema/postgres_0001.sql"),
        include_str!("schema/postgres_0002.sql"),
        include_str!("schema/postgres_0003.sql"),
    ],
    // Programs before this one did not ask who is shut out.
    shut_out: &[(3, 3)],
    seeded: &["changes"],
};

/// Tables of few rows.
pub(super) const SMALL: [&str; 4] = ["root_bridges", "tenant_keys", "tenant_secrets", "epoch_keys"];

/// Tables of many rows.
pub(super) const LARGE: [&str; 2] = ["subject_keys", "shredded_keys"];
