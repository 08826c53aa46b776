//! Keyed stand-ins for principals.

use std::fmt;

use data_encoding::HEXLOWER;
use privet_crypto::{HashKey, RootKey};
use privet_types::{Principal, Pseudonym, TenantId};

/// Bytes of a pseudonym: 128 bits, so that two principals never share one.
const LENGTH: usize = 16;

/// Makes pseudonyms of principals for audit events.
#[derive(Clone)]
pub struct PseudonymKey(HashKey);

impl PseudonymKey {
    /// The key of the installation.
    #[must_use]
    pub fn new(root: &RootKey) -> Self {
        Self(root.hash_key("privet/access/pseudonym", b""))
    }

    /// The pseudonym of `principal` in `tenant`: always the same, and different in each tenant.
    #[must_use]
    pub fn pseudonym(&self, tenant: &TenantId, principal: &Principal) -> Pseudonym {
        let hash = self
            .0
            .hash(&[tenant.as_str().as_bytes(), principal.as_str().as_bytes()]);
        Pseudonym(HEXLOWER.encode(hash.get(..LENGTH).unwrap_or(&hash)))
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_steady_and_differs_by_tenant_and_principal() {
        let key = PseudonymKey::new(&RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64))).unwrap());
        let of = |tenant: &str, principal: &str| {
            key.pseudonym(&tenant.parse().unwrap(), &principal.parse().unwrap())
                .0
        };
        assert_eq!(of("default", "ann"), of("default", "ann"));
        assert_ne!(of("default", "ann"), of("default", "bob"));
        assert_ne!(of("default", "ann"), of("other", "ann"));
        assert!(of("default", "ann").len() == 32 && !of("default", "ann").contains("ann"));
    }
}
