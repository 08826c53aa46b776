//! What was done with keys, in a form that goes into the audit log: names of keys, numbers and times, never a key.

use jiff::Timestamp;
use privet_types::TenantId;
use serde::Serialize;

/// Subject keys were shredded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shredding {
    /// When. From then on no node opens anything under these keys (others within a second).
    pub at: Timestamp,
    /// How many of the keys were there; the others were shredded before, or never made.
    pub shredded: u64,
    /// Until when somebody who has an older backup of the keyring *and* the root key could still open what was sealed under
    /// them: the retention of backups that was configured, and where epoch keys are backed up apart, the planned end of the
    /// epoch too. It holds if backups are deleted as configured, and sweeps run.
    pub keyring_backup_deadline: Timestamp,
    /// What is left of the keys in the database's own files.
    pub remains: Remains,
}

/// What is left of deleted keys in the files of a database. Wrapped keys: they are of use with the root key only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remains {
    /// Nothing: the bytes were overwritten (SQLite). The disk below may keep copies of its own.
    Overwritten,
    /// A reader kept the write-ahead log from being emptied; the next sweep does it (SQLite).
    InWriteAheadLog,
    /// In dead rows until the space is used again, and in the server's write-ahead log (PostgreSQL). They open with the
    /// epoch key, so they end with the epoch.
    InDeadRows,
}

/// A tenant has another key, and what its former one wrapped is under the new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantKeyRotated {
    /// Whose.
    pub tenant: TenantId,
    /// The number of the new key.
    pub version: u64,
    /// When it was made.
    pub at: Timestamp,
    /// Keys that were wrapped anew in this call.
    pub rewrapped: u64,
}

/// A tenant's epoch began, and the one before ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EpochStarted {
    /// Whose.
    pub tenant: TenantId,
    /// The number of the new epoch, from 1.
    pub epoch: u64,
    /// When.
    pub at: Timestamp,
    /// Subject keys that were wrapped anew in this call.
    pub rewrapped: u64,
}

/// The key of an epoch was destroyed: no keyring without a backup of it opens what was wrapped under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EpochDestroyed {
    /// Whose.
    pub tenant: TenantId,
    /// The number of the epoch.
    pub epoch: u64,
    /// When.
    pub at: Timestamp,
}

/// The keyring has another root key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RootRotated {
    /// Name of the root key before.
    pub from: String,
    /// Name of the root key now.
    pub to: String,
    /// When.
    pub at: Timestamp,
    /// Until when the root key before still opens the keyring, so that nodes can be given the new one. The first sweep
    /// after that ends it.
    pub grace_until: Timestamp,
    /// Keys that were wrapped anew in this call.
    pub rewrapped: u64,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Epochs that were due.
    pub epochs_started: Vec<EpochStarted>,
    /// Epoch keys that were due.
    pub epochs_destroyed: Vec<EpochDestroyed>,
    /// Keys that an interrupted rotation, or a node that had not heard of it, had left behind.
    pub rewrapped: u64,
    /// Names of root keys that no longer open the keyring.
    pub roots_retired: Vec<String>,
    /// Tenants at whose keys the sweep stopped; those of others are in order.
    pub failures: Vec<SweepFailure>,
    /// What is left of deleted keys in the database's files.
    pub remains: Option<Remains>,
}

/// What kept a sweep from a tenant's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SweepFailure {
    /// Whose.
    pub tenant: TenantId,
    /// Why.
    pub reason: String,
}

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Keys that were wrapped anew.
    pub done: u64,
    /// Keys in all, as counted when it began.
    pub total: u64,
}

/// The state of a keyring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyringStatus {
    /// Name of the current root key.
    pub root: String,
    /// Names of former root keys that still open it.
    pub retiring_roots: Vec<String>,
    /// Its tenants, by name.
    pub tenants: Vec<TenantStatus>,
}

/// The state of a tenant's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TenantStatus {
    /// Whose.
    pub tenant: TenantId,
    /// The number of its key.
    pub version: u64,
    /// When that was made.
    pub since: Timestamp,
    /// The number of its epoch.
    pub epoch: u64,
    /// When that began.
    pub epoch_since: Timestamp,
    /// Numbers of former epochs whose keys are still there.
    pub closed_epochs: Vec<u64>,
    /// Subject keys that live.
    pub subject_keys: u64,
    /// Keys that wait to be wrapped anew.
    pub pending: u64,
}
