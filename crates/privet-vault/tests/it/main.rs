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
mod calls;
mod checks;
mod consent;
mod consent_changes;
mod deletions;
mod erasure;
mod forget;
mod furnished;
mod imports;
mod keys;
mod kills;
mod lifetimes;
mod numbers;
mod own_tokens;
mod pgvector;
#[path = "../../../privet-store/tests/it/postgres.rs"]
mod postgres;
mod proposals;
mod reports;
mod request_limits;
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
