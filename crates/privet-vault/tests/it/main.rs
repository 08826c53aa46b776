//! The vault through its public door, on both databases.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    reason = "a test that cannot go on fails"
)]

mod apps;
mod archive;
mod bulk;
mod checks;
mod consent;
mod erasure;
mod furnished;
mod imports;
mod numbers;
mod pgvector;
#[path = "../../../privet-store/tests/it/postgres.rs"]
mod postgres;
mod requests;
mod retention;
mod rules;
mod sessions;
mod shares;
mod site;
mod subjects;
mod support;
mod tampering;
mod tokens;
