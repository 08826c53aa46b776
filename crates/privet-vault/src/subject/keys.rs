//! What is derived from a subject's key.

use privet_crypto::{DataKey, HashKey, KeyId, RecordKey, SealCount};
use privet_types::Pseudonym;

/// What is derived from the key of one subject (or of one session or token that has none).
#[derive(Debug)]
pub(crate) struct SubjectKeys {
    /// The key's name.
    pub(crate) id: KeyId,
    /// Seals and opens.
    pub(crate) record: RecordKey,
    /// For the library; the keyring counts through all restarts.
    pub(crate) count: SealCount,
    marks: HashKey,
}

impl SubjectKeys {
    /// Those of `key`.
    pub(crate) fn new(key: &DataKey) -> Self {
        let record = key.record_key();
        Self {
            id: record.id(),
            record,
            count: SealCount::default(),
            marks: key.pseudonym_key(),
        }
    }

    /// The keyed hash of `parts` for `what`.
    pub(crate) fn mark(&self, what: &str, parts: &[&[u8]]) -> [u8; 32] {
        let parts: Vec<&[u8]> = std::iter::once(what.as_bytes())
            .chain(parts.iter().copied())
            .collect();
        self.marks.hash(&parts)
    }

    /// How the log calls the subject. Nobody can tell whose it was once the key is shredded.
    pub(crate) fn pseudonym(&self, tenant: &str, subject: &str) -> Pseudonym {
        let hash = self
            .marks
            .hash_hex(&[b"privet/vault/subject", tenant.as_bytes(), subject.as_bytes()]);
        Pseudonym(hash.get(..32).unwrap_or(&hash).to_owned())
    }
}
