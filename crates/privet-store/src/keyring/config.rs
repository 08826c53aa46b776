//! How long keys live.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// How long keys live, and what is promised of the backups of a keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyringConfig {
    /// How long keys are made under one epoch key before the next sweep starts another.
    pub epoch: Duration,
    /// How long after its end an epoch key is destroyed. Until then a backup of the keyring that lacks the epoch keys can
    /// be restored beside the ones that are there.
    pub destroy_after: Duration,
    /// How long backups of the keyring are kept. Who keeps them longer gives up the deadline of an erasure.
    pub backup_retention: Duration,
    /// How long backups of the epoch keys are kept, if they are kept apart from those of the rest (table `epoch_keys`).
    /// Then the rest may be kept for longer.
    pub epoch_backup_retention: Option<Duration>,
    /// How long the root key that was replaced still opens the keyring, so that nodes can be given the new one.
    pub root_grace: Duration,
    /// Most subject keys that are held unwrapped in memory.
    pub cached_keys: usize,
}

/// Epochs of 30 days, destroyed 7 days after their end; whole backups kept for 30 days; a day to hand out a new root key;
/// 65,536 keys in memory (about 16 MiB).
impl Default for KeyringConfig {
    fn default() -> Self {
        Self {
            epoch: DAY * 30,
            destroy_after: DAY * 7,
            backup_retention: DAY * 30,
            epoch_backup_retention: None,
            root_grace: DAY,
            cached_keys: 1 << 16,
        }
    }
}
