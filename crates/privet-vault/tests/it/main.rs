//! The vault through its public door, on both databases.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod apps;
mod bulk;
mod imports;
#[path = "../../../privet-store/tests/it/postgres.rs"]
mod postgres;
mod sessions;
mod shares;
mod subjects;
mod support;
mod tampering;
mod tokens;
