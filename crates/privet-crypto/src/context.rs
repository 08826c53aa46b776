//! Where sealed values and wrapped keys belong.

use std::fmt;

/// Where one sealed value belongs. It opens only where every part is the same.
///
/// The parts go into the associated data of the seal, each with its length, so that no two contexts share an encoding.
/// They are not stored with the sealed value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Context<'a> {
    /// Whose installation space.
    pub tenant: &'a [u8],
    /// Whom the value is about.
    pub subject: &'a [u8],
    /// The record the value is in.
    pub record: &'a [u8],
    /// The field of the record; empty if the whole record is sealed.
    pub field: &'a [u8],
    /// The schema that the plain value is written in.
    pub schema: u32,
    /// The version of the record. An older version put in the place of a newer one does not open.
    pub version: u64,
}

impl Context<'_> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(&[
            self.tenant,
            self.subject,
            self.record,
            self.field,
            &self.schema.to_le_bytes(),
            &self.version.to_le_bytes(),
        ])
    }
}

/// Identifiers can point at people.
impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context([secret])")
    }
}

/// What a wrapped key is for. The numbers are part of stored data and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum KeyLevel {
    /// A tenant's key, which wraps the keys of its epochs.
    Tenant = 1,
    /// The key of an epoch, which wraps the keys of subjects.
    Epoch = 2,
    /// The key of a subject.
    Subject = 3,
    /// The secret of a tenant's blind indexes.
    Index = 4,
    /// The key that signs a log or receipts.
    Signing = 5,
    /// The key of a backup.
    Backup = 6,
    /// The root of the surrogates and tokens that are derived and not stored.
    Surrogate = 7,
    /// The key of one sealed model file.
    Model = 8,
}

/// Where one wrapped key belongs. It can be unwrapped only where every part is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPlace<'a> {
    /// Whose installation space.
    pub tenant: &'a [u8],
    /// What the key is for.
    pub level: KeyLevel,
    /// Which of them: a number or name, without meaning for the world outside.
    pub id: &'a [u8],
    /// The epoch; 0 for keys that have none.
    pub epoch: u64,
}

impl KeyPlace<'_> {
    pub(crate) fn encode(&self, kind: &'static str) -> Vec<u8> {
        encode(&[
            kind.as_bytes(),
            self.tenant,
            &[self.level as u8],
            self.id,
            &self.epoch.to_le_bytes(),
        ])
    }
}

/// Every part preceded by its length in 8 bytes, little-endian: no two lists share an encoding.
pub(crate) fn encode(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        out.extend_from_slice(&(part.len() as u64).to_le_bytes());
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn two_lists_of_parts_never_share_an_encoding(
            a in proptest::collection::vec(proptest::collection::vec(0_u8..3, 0..4), 0..4),
            b in proptest::collection::vec(proptest::collection::vec(0_u8..3, 0..4), 0..4),
        ) {
            let encoded = |parts: &[Vec<u8>]| encode(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(encoded(&a) == encoded(&b), a == b);
        }
    }

    #[test]
    fn a_context_does_not_print_whom_it_is_about() {
        let context = Context {
            tenant: b"t",
            subject: b"anna",
            record: b"r",
            field: b"f",
            schema: 1,
            version: 1,
        };
        assert_eq!(format!("{context:?}"), "Context([secret])");
    }
}
