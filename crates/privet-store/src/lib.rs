//! Privet's memory: the SQL store of API keys and audit events, the encrypted spool on a node's disk that audit events
//! pass through, so that no prompt waits for the database, and the sequencer that makes a signed log of them.
//!
//! For the server (gateway, flusher) and the command line (keys, audit). It decides nothing, knows no sockets and
//! never holds a prompt's text or an API key.
//!
//! ```
//! use std::sync::Arc;
//! use privet_crypto::RootKey;
//! use privet_store::{Durability, Spool, SpoolConfig, Store};
//! # let dir = tempfile::tempdir()?;
//! # let event: privet_types::AuditEvent = serde_json::from_str(r#"{"at":"2026-01-01T00:00:00Z","tenant":"default",
//! #   "principal":null,"request_id":"00","surface":"openai_chat","model":null,"provider":null,"decision":{"action":
//! #   "allow","reason":"clean","counts":{},"latency_us":1},"request_hash":null,"sent_hash":null,"policy":"0"}"#)?;
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let root = Arc::new(RootKey::generate()?);
//! let store = Store::open(&dir.path().join("privet.sqlite"), &root).await?;
//! let config = SpoolConfig { max_bytes: 64 << 20, durability: Durability::BeforeSend };
//! let spool = Spool::open(&dir.path().join("spool"), root, config, &store).await?;
//! assert_eq!(spool.append(&event).await?, 1);
//! while let Some(batch) = spool.next_batch().await? {
//!     store.append_audit(spool.node(), batch.records()).await?;
//!     spool.acknowledge(batch).await?;
//! }
//! assert_eq!(store.audit_count().await?, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acknowledgements;
mod acme;
mod alerts;
mod api_keys;
mod audit;
mod backup;
mod error;
mod files;
mod flusher;
mod guard_holds;
mod incidents;
mod keyring;
mod kill_switches;
mod limit_counters;
mod log;
mod mcp_tools;
mod people;
mod privilege_uses;
mod schema;
mod sign_in;
mod spool;
mod sql;
mod store;
mod tokens;
mod updates;

pub use acknowledgements::{AcknowledgementChange, AcknowledgementRecord};
pub use acme::{AcmeChallenge, AcmeChange, AcmeState, AcmeTurn};
pub use alerts::{AlertRecord, HeldCaller, WatchState};
pub use api_keys::{ApiKeyRecord, ApiKeySnapshot, ApiKeyUse};
pub use audit::{AuditRecord, AuditRow, TenantEvent};
pub use backup::{
    BackupHeader, BackupSummary, BackupTable, BackupTables, SealedFile, back_up, back_up_some, open_backup,
    restore, restore_keyring, stored_tables,
};
pub use error::Error;
pub use flusher::run_flusher;
pub use guard_holds::{HoldDecided, HoldDecision, HoldRecord, NewHold};
pub use incidents::{IncidentChange, IncidentEntry, IncidentRecord};
pub use keyring::{
    EpochDestroyed, EpochStarted, IndexVersions, InspectedKey, Keyring, KeyringConfig, KeyringStatus,
    OnProgress, Progress, Remains, RootRotated, Shredding, SubjectKey, SweepFailure, Swept, TenantKeyRotated,
    TenantStatus, run_keyring,
};
pub use keyring::{keyring_status, open_keyring_database};
pub use kill_switches::{KillSwitch, KillSwitchChange, KillTarget, UnknownKill};
pub use limit_counters::LimitCounter;
pub use log::{
    KeptCheckpoint, Leaf, LogCheck, LogFault, LogHead, LogKey, LogLeaf, Sequencer, Successors, append_leaf,
    append_leaf_id, append_leaves, log_position, log_signer, run_sequencer, run_sequencer_through_changes,
};
pub use mcp_tools::McpTool;
pub use people::{
    GrantRecord, GroupRecord, Holder, Membership, PeopleChange, PeopleSnapshot, PrincipalRecord,
    TenantRecord, TrainingRecord,
};
pub use privet_log::{NoteKey, NoteSigner};
pub use privilege_uses::PrivilegeUse;
pub use sign_in::{
    BackOff, Begun, Counter, InviteRecord, LinkRecord, PasskeyRecord, Person, SessionRecord, SessionView,
    SignInChange, SignInWay, TotpRecord, TotpSecret,
};
pub use spool::{Batch, Durability, Spool, SpoolConfig, SpoolStatus};
pub use sql::{
    Backend, Database, FromRow, FromValue, LinkSecurity, Location, PostgresUrl, Row, Schema, SchemaStatus,
    Scope, Standing, Tx, Value, ValueKind, Work,
};
pub use store::{Store, open_store_database, store_status};
pub use tokens::{TokenChange, TokenCount, TokenKeyRecord, TokenRevocation, TokenRevoked, TokenSnapshot};
pub use updates::{UpdateChange, UpdateStep};
