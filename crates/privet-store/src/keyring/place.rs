//! Where each key of the keyring belongs: what its wrap is bound to. Part of stored data; never changes.

use privet_crypto::{KeyId, KeyLevel, KeyPlace};

use crate::Error;

/// The installation's own keys: `*` is no tenant's name.
const INSTALLATION: &[u8] = b"*";

/// The root key that the keyring was made with.
pub(super) const fn first_root() -> KeyPlace<'static> {
    KeyPlace {
        tenant: INSTALLATION,
        level: KeyLevel::Tenant,
        id: b"first-root",
        epoch: 0,
    }
}

/// A root's wrapping key, wrapped under that of another root.
pub(super) const fn bridge(holds: &[u8; 16]) -> KeyPlace<'_> {
    KeyPlace {
        tenant: INSTALLATION,
        level: KeyLevel::Tenant,
        id: holds,
        epoch: 0,
    }
}

/// A tenant's key.
pub(super) const fn tenant_key<'a>(tenant: &'a str, version: &'a [u8; 8]) -> KeyPlace<'a> {
    KeyPlace {
        tenant: tenant.as_bytes(),
        level: KeyLevel::Tenant,
        id: version,
        epoch: 0,
    }
}

/// A secret of a tenant.
pub(super) const fn tenant_secret<'a>(tenant: &'a str, name: &'a str) -> KeyPlace<'a> {
    KeyPlace {
        tenant: tenant.as_bytes(),
        level: KeyLevel::Index,
        id: name.as_bytes(),
        epoch: 0,
    }
}

/// The key of an epoch, and the secret below it.
pub(super) const fn epoch_key(tenant: &str, epoch: u64) -> KeyPlace<'_> {
    KeyPlace {
        tenant: tenant.as_bytes(),
        level: KeyLevel::Epoch,
        id: b"",
        epoch,
    }
}

/// The key of a subject.
pub(super) const fn subject_key<'a>(tenant: &'a str, id: &'a KeyId, epoch: u64) -> KeyPlace<'a> {
    KeyPlace {
        tenant: tenant.as_bytes(),
        level: KeyLevel::Subject,
        id: id.as_bytes(),
        epoch,
    }
}

/// A number as it is stored.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stored number.
pub(super) fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// A row that does not hold what Privet writes, or not where it wrote it.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers pass what they format in place"
)]
pub(super) fn bad_row(table: &'static str, row: impl ToString) -> Error {
    Error::BadRow {
        table,
        row: row.to_string(),
    }
}
