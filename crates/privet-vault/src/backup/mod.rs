//! Backup and restore of the store and the keyring.
