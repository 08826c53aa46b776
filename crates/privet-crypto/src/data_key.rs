//! The key of one subject, and what is derived from it.

use std::fmt;

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::keys::expand;
use crate::record::RecordKey;
use crate::{Error, HashKey, random};

/// 256 random bits for one subject (or one backup). Destroyed, all that was sealed under it is lost for good. Wiped when
/// dropped.
///
/// Everything is derived from it with HKDF-SHA256 under constant labels, so that no two uses share a key.
pub struct DataKey(Zeroizing<[u8; 32]>);

/// Names a key in the header of what was sealed under it. Derived from the key one way; no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 16]);

/// What a header says of a key, derived from it one way. 256 bits together, so that nobody finds two keys that one header
/// fits, not even who chooses both (2^128 work).
#[derive(Clone, Copy)]
pub(crate) struct Commitment {
    pub(crate) id: KeyId,
    pub(crate) rest: [u8; 16],
}

impl DataKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`Error::Library`] if the system gives no random bytes.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// The key's name in headers.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.commitment().id
    }

    /// The key that seals records and fields. Made once and kept while many are sealed or opened.
    #[must_use]
    pub fn record_key(&self) -> RecordKey {
        RecordKey::new(
            &self.expand("privet/data/aead/1", b""),
            self.commitment(),
            HashKey::new(self.expand("privet/data/place/1", b"").as_slice()),
        )
    }

    /// The key of the subject's pseudonyms in the audit log: with the data key destroyed, nobody can tell whose they were.
    #[must_use]
    pub fn pseudonym_key(&self) -> HashKey {
        HashKey::new(self.expand("privet/data/pseudonym/1", b"").as_slice())
    }

    pub(crate) fn commitment(&self) -> Commitment {
        Commitment::of(&self.0, "privet/data/commitment/1")
    }

    pub(crate) fn expand(&self, label: &'static str, info: &[u8]) -> Zeroizing<[u8; 32]> {
        expand(self.0.as_slice(), label.as_bytes(), info)
    }

    pub(crate) const fn from_secret(secret: Zeroizing<[u8; 32]>) -> Self {
        Self(secret)
    }

    pub(crate) const fn as_secret(&self) -> &Zeroizing<[u8; 32]> {
        &self.0
    }
}

impl Commitment {
    pub(crate) fn of(secret: &Zeroizing<[u8; 32]>, label: &'static str) -> Self {
        let bytes = expand(secret.as_slice(), label.as_bytes(), b"");
        let mut id = [0; 16];
        let mut rest = [0; 16];
        let (first, second) = bytes.split_at(16);
        id.copy_from_slice(first);
        rest.copy_from_slice(second);
        Self { id: KeyId(id), rest }
    }
}

impl KeyId {
    /// The name of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_derived_of_a_key_differs_by_use_and_by_key() {
        let key = DataKey::from_secret(Zeroizing::new([7; 32]));
        let other = DataKey::from_secret(Zeroizing::new([8; 32]));
        let labels = [
            "privet/data/aead/1",
            "privet/data/place/1",
            "privet/data/pseudonym/1",
            "privet/data/commitment/1",
            "privet/data/stream/1",
        ];
        let made = [&key, &other].map(|key| labels.map(|label| key.expand(label, b"")));
        let different: std::collections::BTreeSet<&[u8; 32]> =
            made.iter().flatten().map(|key| &**key).collect();
        assert_eq!(different.len(), 10);
        assert_ne!(key.id(), other.id());
        assert_ne!(
            key.pseudonym_key().hash(&[b"x"]),
            other.pseudonym_key().hash(&[b"x"])
        );
    }

    #[test]
    fn new_keys_differ_and_do_not_print_themselves() {
        let (key, other) = (DataKey::generate().unwrap(), DataKey::generate().unwrap());
        assert_ne!(key.id(), other.id());
        assert_eq!(format!("{key:?}"), "DataKey([secret])");
        assert_eq!(
            format!("{:?}", KeyId::from_bytes([1; 16])),
            format!("KeyId({})", "01".repeat(16))
        );
    }
}
