//! Blind indexes: finding a sealed value by an exact value or a prefix of it.

use std::fmt;

use zeroize::Zeroizing;

use crate::context::encode;
use crate::keys::expand;
use crate::{Error, HashKey, random};

/// The secret of a tenant's blind indexes, 256 random bits, wiped when dropped. It is a key of its own, so that rotating
/// the keys that wrap it changes no index.
pub struct IndexSecret(Zeroizing<[u8; 32]>);

/// The key of the blind index of one field (HMAC-SHA256).
///
/// Equal values have equal entries: who reads the index sees which rows share a value and how often, and who holds the key
/// can try values. So the key belongs in the keyring, not beside the index.
#[derive(Clone)]
pub struct IndexKey(HashKey);

impl IndexSecret {
    /// A new random secret.
    ///
    /// # Errors
    /// [`Error::Library`] if the system gives no random bytes.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// The key of the index of `field`, version `version`: a change of how values are normalised is a new version.
    #[must_use]
    pub fn index_key(&self, tenant: &[u8], field: &[u8], version: u32) -> IndexKey {
        let info = encode(&[tenant, field, &version.to_le_bytes()]);
        IndexKey(HashKey::new(
            expand(self.0.as_slice(), b"privet/index/1", &info).as_slice(),
        ))
    }

    pub(crate) const fn from_secret(secret: Zeroizing<[u8; 32]>) -> Self {
        Self(secret)
    }

    pub(crate) const fn as_secret(&self) -> &Zeroizing<[u8; 32]> {
        &self.0
    }
}

impl IndexKey {
    /// The entry of a whole value, which the caller has normalised.
    #[must_use]
    pub fn exact(&self, value: &[u8]) -> [u8; 32] {
        self.0.hash(&[b"exact", value])
    }

    /// The bucket, below 2^`bits`, of a prefix. Values of many prefixes share a bucket, so an entry says little; who
    /// searches opens the candidates and drops those that do not fit. `bits`: 1 to 32; about as many as leave some tens of
    /// rows a bucket.
    ///
    /// # Errors
    /// [`Error::BadBucket`] for another number of bits.
    pub fn bucket(&self, prefix: &[u8], bits: u8) -> Result<u32, Error> {
        if !(1..=32).contains(&bits) {
            return Err(Error::BadBucket);
        }
        let hash = self.0.hash(&[b"bucket", &[bits], prefix]);
        let first = hash.first_chunk().copied().unwrap_or_default();
        Ok(u32::from_be_bytes(first) >> (32 - u32::from(bits)))
    }
}

impl fmt::Debug for IndexSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexSecret([secret])")
    }
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> IndexSecret {
        IndexSecret::from_secret(Zeroizing::new([7; 32]))
    }

    #[test]
    fn entries_differ_by_tenant_field_version_value_and_kind() {
        let entries = [
            secret().index_key(b"a", b"email", 1).exact(b"v"),
            secret().index_key(b"b", b"email", 1).exact(b"v"),
            secret().index_key(b"a", b"phone", 1).exact(b"v"),
            secret().index_key(b"a", b"email", 2).exact(b"v"),
            secret().index_key(b"ae", b"mail", 1).exact(b"v"),
            secret().index_key(b"a", b"email", 1).exact(b"w"),
        ];
        let different: std::collections::BTreeSet<[u8; 32]> = entries.into_iter().collect();
        assert_eq!(different.len(), entries.len());
        let key = secret().index_key(b"a", b"email", 1);
        assert_eq!(key.exact(b"v"), entries[0]);
        let first = u32::from_be_bytes(*entries[0].first_chunk().unwrap());
        assert_ne!(key.bucket(b"v", 32), Ok(first));
    }

    #[test]
    fn buckets_are_below_their_bound_and_all_used() {
        let key = secret().index_key(b"a", b"name", 1);
        let buckets: std::collections::BTreeSet<u32> = (0..2_000_u32)
            .map(|i| key.bucket(&i.to_le_bytes(), 6).unwrap())
            .collect();
        assert_eq!(buckets, (0..64).collect());
    }

    #[test]
    fn a_bucket_of_no_bits_or_too_many_is_refused() {
        let key = secret().index_key(b"a", b"name", 1);
        assert_eq!(key.bucket(b"x", 0), Err(Error::BadBucket));
        assert_eq!(key.bucket(b"x", 33), Err(Error::BadBucket));
        assert!(key.bucket(b"x", 1).unwrap() < 2);
        assert_eq!(
            format!("{:?} {key:?}", secret()),
            "IndexSecret([secret]) IndexKey([secret])"
        );
    }
}
