//! The vault through its public door, on SQLite and, where a server is named, on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod consent;
#[path = "../../../privet-store/tests/it/postgres.rs"]
mod postgres;
mod retention;
mod rules;
mod site;
