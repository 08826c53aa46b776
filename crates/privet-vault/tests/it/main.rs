//! The vault through its public door, on both databases.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod apps;
mod bulk;
mod consent;
mod imports;
#[path = "../../../privet-store/tests/it/postgres.rs"]
mod postgres;
mod retention;
mod rules;
mod sessions;
mod shares;
mod site;
mod subjects;
mod support;
mod tampering;
mod tokens;
