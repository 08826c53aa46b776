//! What is derived from a subject's key.

use privet_crypto::{Context, DataKey, Error, HashKey, KeyId, RecordKey, SealCount, SealedHeader};
use privet_store::SubjectKey;
use privet_types::Pseudonym;

/// What is derived from the key of one subject (or of one session or token that has none).
#[derive(Debug)]
pub(crate) struct SubjectKeys {
    /// The key's name.
    pub(crate) id: KeyId,
    /// Seals and opens.
    record: RecordKey,
    /// Open what they sealed before `record` took their place.
    former: Vec<RecordKey>,
    /// For the library; the keyring counts through all restarts.
    count: SealCount,
    marks: HashKey,
}

impl SubjectKeys {
    /// Those of `key`.
    pub(crate) fn new(key: &DataKey) -> Self {
        Self {
            id: key.id(),
            record: key.record_key(),
            former: Vec::new(),
            count: SealCount::default(),
            marks: key.pseudonym_key(),
        }
    }

    /// Those of `key` and of what came beside it: the newest seals; names and marks stay those of the first.
    pub(crate) fn of(key: &SubjectKey) -> Self {
        let mut keys = Self::new(key.first());
        for later in key.later() {
            let former = std::mem::replace(&mut keys.record, later.record_key());
            keys.former.push(former);
        }
        keys
    }

    /// Seals with the newest key.
    pub(crate) fn seal(&self, context: &Context<'_>, plain: &[u8]) -> Result<Vec<u8>, Error> {
        self.record.seal(&self.count, context, plain)
    }

    /// Opens with the key that sealed it.
    pub(crate) fn open(
        &self,
        context: &Context<'_>,
        sealed: &[u8],
    ) -> Result<impl std::ops::Deref<Target = Vec<u8>> + use<>, Error> {
        let by = SealedHeader::parse(sealed)?.key_id();
        let former = self.former.iter().find(|key| key.id() == by);
        former.unwrap_or(&self.record).open(context, sealed)
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
