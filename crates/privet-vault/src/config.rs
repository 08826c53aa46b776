//! What can be set for the vault.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::archive::ArchiveConfig;
use crate::subject::ValueForm;

/// What can be set for the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaultConfig {
    /// How many versions of a record are kept, the current one among them; at least 1.
    pub versions_kept: u32,
    /// How many sessions a subject may have; a further one ends the oldest.
    pub sessions_per_subject: u32,
    /// Longest life of a session, in seconds.
    pub session_seconds: u32,
    /// How long a bulk read stays open once it is unlocked, in seconds.
    pub bulk_window_seconds: u32,
    /// Country calling code, such as `49`, of telephone numbers without one. Absent: none is guessed.
    pub calling_code: Option<String>,
    /// The blind indexes; `login`, `email`, `phone` and `custom` where nothing is said.
    pub indexes: Vec<IndexConfig>,
    /// The archive of conversations, off where nothing is said, and the maps of stateful calls.
    pub archive: ArchiveConfig,
}

/// A blind index over one field of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexConfig {
    /// The top-level field.
    pub field: String,
    /// How its values are made equal.
    pub form: ValueForm,
    /// Whether a value may stand once in a tenant.
    #[serde(default)]
    pub unique: bool,
    /// Search by prefix. Off where absent: buckets tell who reads the database which subjects may share a prefix.
    #[serde(default)]
    pub prefix: Option<PrefixConfig>,
}

/// Prefix buckets of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixConfig {
    /// So many characters of the normalised value make the bucket; a search needs at least as many. 1 to 16.
    pub chars: u8,
    /// There are 2^`bits` buckets, 1 to 32. Fewer say less to who reads the index, and make a search open more.
    pub bits: u8,
}

impl Default for VaultConfig {
    fn default() -> Self {
        let index = |field: &str, form| IndexConfig {
            field: field.to_owned(),
            form,
            unique: true,
            prefix: None,
        };
        Self {
            versions_kept: 32,
            sessions_per_subject: 100,
            session_seconds: 31 * 24 * 3600,
            bulk_window_seconds: 300,
            calling_code: None,
            indexes: vec![
                index("login", ValueForm::Folded),
                index("email", ValueForm::Email),
                index("phone", ValueForm::Phone),
                index("custom", ValueForm::Exact),
            ],
            archive: ArchiveConfig::default(),
        }
    }
}

impl VaultConfig {
    /// That it makes sense.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let bad = |field: &str, why| {
            Err(Error::BadField {
                field: field.to_owned(),
                why,
            })
        };
        self.archive.check()?;
        if self.versions_kept == 0 {
            return bad("versions_kept", "at least one version is kept");
        }
        if self
            .calling_code
            .as_ref()
            .is_some_and(|code| !(1..=3).contains(&code.len()) || !code.bytes().all(|b| b.is_ascii_digit()))
        {
            return bad("calling_code", "a country calling code has one to three digits");
        }
        let mut fields = BTreeSet::new();
        for index in &self.indexes {
            if index.field.is_empty() || !fields.insert(&index.field) {
                return bad(&index.field, "an index needs a field, and a field has one index");
            }
            let fits =
                |prefix: PrefixConfig| (1..=16).contains(&prefix.chars) && (1..=32).contains(&prefix.bits);
            if !index.prefix.is_none_or(fits) {
                return bad(&index.field, "a prefix has 1 to 16 characters and 1 to 32 bits");
            }
        }
        Ok(())
    }
}
