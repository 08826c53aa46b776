//! The store and the spool through their public door.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod acknowledgements;
mod acme;
mod alerts;
mod backup;
#[cfg(unix)]
mod cluster;
mod crash;
mod database;
#[cfg(unix)]
mod faults;
mod flusher;
mod guard_holds;
mod keyring;
mod kill_switches;
#[cfg(unix)]
mod kills;
mod limit_counters;
mod log;
mod mcp_tools;
mod migrations;
#[cfg(unix)]
mod oracle;
mod people;
mod postgres;
mod processes;
mod rotation;
mod row_security;
mod sign_in;
mod spool;
mod store;
mod support;
mod tls;
mod tokens;
mod upgrade;
