//! The store and the spool through their public door.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod backup;
mod crash;
#[cfg(unix)]
mod faults;
mod flusher;
mod keyring;
mod log;
mod postgres;
mod processes;
mod spool;
mod store;
mod support;
