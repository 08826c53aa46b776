//! The hashes of RFC 6962.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};
use privet_crypto::{sha256, sha256_parts};

/// Bytes of a hash.
pub const HASH_SIZE: usize = 32;

/// A node of the tree: SHA-256, with leaves and inner nodes in domains of their own (RFC 6962 §2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; HASH_SIZE]);

impl Hash {
    /// The hash of the leaf that holds `entry`.
    #[must_use]
    pub fn of_leaf(entry: &[u8]) -> Self {
        Self(sha256_parts(&[&[0], entry]))
    }

    /// The hash of the node over `left` and `right`.
    #[must_use]
    pub fn of_node(left: &Self, right: &Self) -> Self {
        let mut bytes = [1; 1 + 2 * HASH_SIZE];
        for (to, from) in bytes.iter_mut().skip(1).zip(left.0.iter().chain(&right.0)) {
            *to = *from;
        }
        Self(sha256(&bytes))
    }

    /// The root of a tree without leaves.
    #[must_use]
    pub fn of_empty_tree() -> Self {
        Self(sha256(b""))
    }

    /// The hash of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HASH_SIZE]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_SIZE] {
        &self.0
    }

    /// Its bytes in base64, as checkpoints hold them.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.0)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", HEXLOWER.encode(&self.0))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Bytes in base64 (RFC 4648 §4), in their one spelling: the library would take padding in the middle as well.
pub(crate) fn read_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    (BASE64.encode(&bytes) == text).then_some(bytes)
}

/// The root of the tree over `hashes`, in which each but the last is a perfect tree of the same size (RFC 6962 §2.1).
/// O(n), each node hashed once.
#[must_use]
pub fn root_of(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => Hash::of_empty_tree(),
        [only] => *only,
        _ => {
            let (left, right) = hashes.split_at(largest_power_below(hashes.len()));
            Hash::of_node(&root_of(left), &root_of(right))
        }
    }
}

/// The largest power of two that is smaller than `n`, for n ≥ 2.
pub(crate) const fn largest_power_below(n: usize) -> usize {
    1 << (n - 1).ilog2()
}
