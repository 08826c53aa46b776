//! The row of a subject.

use privet_crypto::KeyId;
use privet_store::{SubjectKey, Tx, values};
use privet_types::Pseudonym;
use serde::{Deserialize, Serialize};

use super::container::Place;
use super::id::SubjectId;
use super::keys::SubjectKeys;
use crate::Error;

/// Where a subject stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectState {
    /// Its data may be processed.
    Active,
    /// Processing is restricted (GDPR Article 18).
    Restricted,
    /// Erased: the key is shredded. It answers as if it had never been.
    Erased,
}

impl SubjectState {
    /// As it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Restricted => "restricted",
            Self::Erased => "erased",
        }
    }

    pub(crate) fn stored(name: &str) -> Result<Self, Error> {
        match name {
            "active" => Ok(Self::Active),
            "restricted" => Ok(Self::Restricted),
            "erased" => Ok(Self::Erased),
            _ => Err(Error::Damaged { table: "subjects" }),
        }
    }
}

/// The columns of [`RowValues`], of a table named `s`.
pub(crate) const COLUMNS: &str = "s.id, s.key_id, s.state, s.version, s.oldest_version, s.created_at, s.updated_at, s.mark, s.until_at, s.sliding_ms, \
     s.ends_at";

/// A row as it comes from the store.
pub(crate) type RowValues = (
    String,
    [u8; 16],
    String,
    i64,
    i64,
    i64,
    i64,
    [u8; 32],
    Option<i64>,
    Option<i64>,
    Option<i64>,
);

/// The row of a subject.
#[derive(Debug, Clone)]
pub(crate) struct SubjectRow {
    pub(crate) tenant: String,
    pub(crate) id: SubjectId,
    pub(crate) key_id: KeyId,
    pub(crate) state: SubjectState,
    pub(crate) version: u64,
    pub(crate) oldest_version: u64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) mark: [u8; 32],
    /// When it ends however it is used.
    pub(crate) until_at: Option<i64>,
    /// How long it lives after it was last used.
    pub(crate) sliding_ms: Option<i64>,
    /// When it ends if it is not used any more. Not in the mark: uses move it.
    pub(crate) ends_at: Option<i64>,
}

/// A subject with what opens its data.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) row: SubjectRow,
    pub(crate) keys: SubjectKeys,
    /// The container of the current version.
    pub(crate) sealed: Vec<u8>,
}

impl SubjectRow {
    pub(crate) fn read(tenant: &str, values: RowValues) -> Result<Self, Error> {
        let (
            id,
            key_id,
            state,
            version,
            oldest_version,
            created_at,
            updated_at,
            mark,
            until_at,
            sliding_ms,
            ends_at,
        ) = values;
        let unsigned = |value| u64::try_from(value).map_err(|_| Error::Damaged { table: "subjects" });
        Ok(Self {
            tenant: tenant.to_owned(),
            id: SubjectId::stored(id),
            key_id: KeyId::from_bytes(key_id),
            state: SubjectState::stored(&state)?,
            version: unsigned(version)?,
            oldest_version: unsigned(oldest_version)?,
            created_at,
            updated_at,
            mark,
            until_at,
            sliding_ms,
            ends_at,
        })
    }

    /// The keyed hash that the row must have.
    pub(crate) fn expected_mark(&self, keys: &SubjectKeys) -> [u8; 32] {
        let (version, oldest) = (self.version.to_le_bytes(), self.oldest_version.to_le_bytes());
        let (created, updated) = (self.created_at.to_le_bytes(), self.updated_at.to_le_bytes());
        let lifetime = format!("{:?}/{:?}", self.until_at, self.sliding_ms);
        let mut parts: Vec<&[u8]> = vec![
            self.tenant.as_bytes(),
            self.id.as_str().as_bytes(),
            self.key_id.as_bytes(),
            self.state.name().as_bytes(),
            &version,
            &oldest,
            &created,
            &updated,
        ];
        // Rows without a lifetime have the mark that they had before there were any.
        if self.until_at.is_some() || self.sliding_ms.is_some() {
            parts.push(lifetime.as_bytes());
        }
        keys.mark("privet/vault/subject-row/1", &parts)
    }

    /// The keys of the subject, once the row is known to be what was written.
    pub(crate) fn keys(&self, key: &SubjectKey) -> Result<SubjectKeys, Error> {
        let keys = SubjectKeys::of(key);
        if keys.id == self.key_id && self.expected_mark(&keys) == self.mark {
            Ok(keys)
        } else {
            Err(Error::Damaged { table: "subjects" })
        }
    }

    /// Holds the subject for the transaction if it still stands where it was found. Says whether it does.
    pub(crate) async fn hold(&self, tx: &mut Tx) -> Result<bool, Error> {
        let held = tx
            .execute(
                "UPDATE subjects SET state = state WHERE tenant = $1 AND id = $2 AND state = $3",
                values![&self.tenant, self.id.as_str(), self.state.name()],
            )
            .await?;
        Ok(held == 1)
    }

    /// Where the version `version`, written `at`, of the record belongs.
    pub(crate) fn place<'a>(&'a self, record: &'a str, version: u64) -> Place<'a> {
        Place {
            tenant: &self.tenant,
            subject: self.id.as_str(),
            record,
            version,
            table: "subject_versions",
        }
    }
}

/// The name of the record that a person has, as it was written `at`.
pub(crate) fn record_name(at: i64) -> String {
    format!("record/{at}")
}

impl Found {
    /// How the log calls the subject.
    pub(crate) fn pseudonym(&self) -> Pseudonym {
        self.keys.pseudonym(&self.row.tenant, self.row.id.as_str())
    }
}
