//! The keys of one tenant and scope.

use privet_crypto::{DeterministicKey, Ff1Key, HashKey, RootKey, SealingKey};
use privet_types::TenantId;

/// All keys that anonymising and restoring need, for one tenant and scope. What is made under one scope can be restored,
/// linked and compared within it only.
///
/// A scope is what may be linked: a document, a conversation, a patient, a whole data release. Random nonces allow 2³²
/// encrypted values a scope (see [`SealingKey`]).
#[derive(Debug)]
pub struct Keys {
    pub(crate) surrogate: HashKey,
    pub(crate) hash: HashKey,
    pub(crate) check: HashKey,
    pub(crate) random: SealingKey,
    pub(crate) deterministic: DeterministicKey,
    pub(crate) format: Ff1Key,
    pub(crate) manifest: SealingKey,
    shift: HashKey,
    /// Keyed hash of the subject, if there is one.
    subject: Option<[u8; 32]>,
}

impl Keys {
    /// The keys of `scope` of `tenant`, derived from the root key.
    #[must_use]
    pub fn derive(root: &RootKey, tenant: &TenantId, scope: &str) -> Self {
        let tenant = tenant.as_str().as_bytes();
        let mut context = (tenant.len() as u64).to_le_bytes().to_vec();
        context.extend_from_slice(tenant);
        context.extend_from_slice(scope.as_bytes());
        Self {
            surrogate: root.hash_key("privet/pii/surrogate", &context),
            hash: root.hash_key("privet/pii/hash", &context),
            check: root.hash_key("privet/pii/manifest-check", &context),
            random: root.sealing_key("privet/pii/encrypt", &context),
            deterministic: root.deterministic_key("privet/pii/deterministic", &context),
            format: root.ff1_key("privet/pii/format-preserving", &context),
            manifest: root.sealing_key("privet/pii/manifest", &context),
            shift: root.hash_key("privet/pii/date-shift", &context),
            subject: None,
        }
    }

    /// The same keys, but dates move by the shift of `subject` (for example a patient number) within the scope. Restoring
    /// needs the same subject.
    #[must_use]
    pub fn with_subject(mut self, subject: &str) -> Self {
        self.subject = Some(self.shift.hash(&[b"subject", subject.as_bytes()]));
        self
    }

    /// Days by which dates move: −`max_days` to `max_days`, not 0. `max_days` ≥ 1.
    pub(crate) fn shift(&self, max_days: u32) -> i32 {
        let subject = self.subject.as_ref().map_or(&[][..], |s| s.as_slice());
        let hash = self.shift.hash(&[b"days", subject, &max_days.to_le_bytes()]);
        let wide = hash
            .iter()
            .take(8)
            .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let drawn = (wide % (2 * u64::from(max_days.max(1)))) as i64 - i64::from(max_days);
        // 0 is left out: −max ..= −1 stay, 0 ..= max − 1 become 1 ..= max.
        (if drawn >= 0 { drawn + 1 } else { drawn }) as i32
    }
}
