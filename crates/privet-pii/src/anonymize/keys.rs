//! The keys of one tenant and scope.

use std::fmt;

use privet_crypto::{DeterministicKey, Ff1Key, HashKey, RootKey, SealingKey};
use privet_types::TenantId;

/// All keys that anonymising and restoring need, for one tenant and scope. What is made under one scope can be restored,
/// linked and compared within it only.
///
/// A scope is what may be linked: a document, a conversation, a patient, a whole data release. Random nonces allow 2³²
/// encrypted values a scope (see [`SealingKey`]).
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

    pub(crate) fn subject(&self) -> Option<&[u8]> {
        self.subject.as_ref().map(|s| s.as_slice())
    }

    /// Days by which dates move: −`max_days` to `max_days`, not 0. `max_days` ≥ 1.
    pub(crate) fn shift(&self, max_days: u32) -> i32 {
        let subject = self.subject().unwrap_or_default();
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

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(scope: &str) -> Keys {
        let root = RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64))).unwrap();
        Keys::derive(&root, &TenantId::default(), scope)
    }

    #[test]
    fn shifts_are_never_zero_stay_in_range_and_reach_both_ends() {
        let shifts: Vec<i32> = (0..400)
            .map(|subject| keys("s").with_subject(&subject.to_string()).shift(3))
            .collect();
        for wanted in [-3, -2, -1, 1, 2, 3] {
            // Each is drawn with a chance of 1/6: fewer than 30 of 400 come up once in 10 million keys.
            assert!(shifts.iter().filter(|s| **s == wanted).count() > 30, "{wanted}");
        }
        assert!(shifts.iter().all(|s| *s != 0 && s.abs() <= 3));
        assert_eq!(keys("s").shift(1).abs(), 1);
    }

    #[test]
    fn tenant_and_scope_are_told_apart_wherever_the_border_lies() {
        let root = RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64))).unwrap();
        let one = Keys::derive(&root, &"ab".parse().unwrap(), "c");
        let two = Keys::derive(&root, &"a".parse().unwrap(), "bc");
        assert_ne!(one.hash.hash(&[b"x"]), two.hash.hash(&[b"x"]));
        assert_eq!(format!("{one:?}"), "Keys([secret])");
    }
}
