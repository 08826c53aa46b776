//! How often each subject key has sealed.
//!
//! Writing down every seal would cost a commit each. So each *opening* of the keyring that seals may make up to
//! [`UNCOUNTED`] seals under a key that are not written down; further ones are, before they are made, that many at a time.
//! Openings are counted durably. A key has therefore sealed at most `counted + openings since it was made × UNCOUNTED`
//! times, whatever crashed, and that bound is held under NIST SP 800-38D's 2^32.

use std::collections::HashMap;

use privet_crypto::{KeyId, MAX_SEALS};
use privet_types::TenantId;

use super::Keyring;
use crate::{Error, values};

/// Seals under one key that one opening need not write down.
const UNCOUNTED: u32 = 1024;

/// Most keys whose seals are counted in memory; with one more, a new opening begins.
const COUNTED_KEYS: usize = 1 << 18;

/// The bound, less what openings of other processes may add between two looks at their number.
const MOST: u64 = MAX_SEALS - (1 << 20);

/// Seals left to each key without writing.
#[derive(Default)]
pub(super) struct SealCounts {
    left: HashMap<KeyId, u32>,
    /// Openings of all processes, as last heard.
    pub(super) openings: i64,
    has_opened: bool,
}

/// Whether a key that was made at opening `made` may seal no more.
pub(super) fn is_worn(counted: i64, made: i64, openings: i64) -> bool {
    seals_at_most(counted, made, openings) > MOST
}

/// How often a key that was made at opening `made` has sealed at most.
pub(super) fn seals_at_most(counted: i64, made: i64, openings: i64) -> u64 {
    let counted = u64::try_from(counted).unwrap_or(u64::MAX);
    let openings = u64::try_from(openings.saturating_sub(made)).unwrap_or(0) + 2;
    counted.saturating_add(openings.saturating_mul(UNCOUNTED.into()))
}

impl Keyring {
    /// Counts `seals` that are about to be made under the key `id`: call it before sealing. Nearly always without a look at
    /// the database.
    ///
    /// # Errors
    /// [`Error::KeyWornOut`] if the key may seal no more: give its subject a new key. [`Error::KeyShredded`] if there is no
    /// such key (any more).
    pub async fn count_seals(&self, tenant: &TenantId, id: &KeyId, seals: u32) -> Result<(), Error> {
        if self.cached(tenant, id, |key| key.is_worn).await? {
            return Err(Error::KeyWornOut { id: id.to_string() });
        }
        self.open_count().await?;
        if self.seals().take(id, seals) {
            return Ok(());
        }
        let more = seals.max(UNCOUNTED);
        self.reserve(tenant, id, more).await?;
        self.seals().give(id, more - seals);
        Ok(())
    }

    /// Counts an opening, if the counts in memory are new.
    async fn open_count(&self) -> Result<(), Error> {
        if self.seals().has_opened {
            return Ok(());
        }
        let openings = self
            .write_all(|tx| {
                Box::pin(async {
                    tx.one::<i64>(
                        "UPDATE changes SET version = version + 1 WHERE name = 'openings' RETURNING version",
                        values![],
                    )
                    .await
                })
            })
            .await?;
        let mut counts = self.seals();
        counts.openings = counts.openings.max(openings);
        counts.has_opened = true;
        Ok(())
    }

    async fn reserve(&self, tenant: &TenantId, id: &KeyId, seals: u32) -> Result<(), Error> {
        let (name, key) = (tenant.as_str().to_owned(), *id.as_bytes());
        let count: Option<(i64, i64, i64)> = self
            .write(tenant, move |tx| {
                Box::pin(async move {
                    tx.optional(
                        "UPDATE subject_keys SET seals = seals + $3 WHERE tenant = $1 AND id = $2 \
                         RETURNING seals, opening, (SELECT version FROM changes WHERE name = 'openings')",
                        values![name, key, seals],
                    )
                    .await
                })
            })
            .await?;
        let (counted, made, openings) = count.ok_or(Error::KeyShredded)?;
        if is_worn(counted, made, openings) {
            self.cache().clear(0);
            return Err(Error::KeyWornOut { id: id.to_string() });
        }
        Ok(())
    }
}

impl SealCounts {
    /// Takes from what a key has left; `false` if that is not enough.
    fn take(&mut self, id: &KeyId, seals: u32) -> bool {
        if self.left.len() >= COUNTED_KEYS && !self.left.contains_key(id) {
            self.left.clear();
            self.has_opened = false;
        }
        let left = self.left.entry(*id).or_insert(UNCOUNTED);
        match left.checked_sub(seals) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }

    fn give(&mut self, id: &KeyId, seals: u32) {
        let left = self.left.entry(*id).or_insert(0);
        *left = left.saturating_add(seals);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_worn_before_counted_and_uncounted_seals_together_reach_the_limit() {
        assert!(!is_worn(0, 0, 0));
        assert!(is_worn(i64::from(u32::MAX), 0, 0));
        let half = i64::try_from(MOST / 2).unwrap();
        let openings = half / i64::from(UNCOUNTED);
        assert!(!is_worn(half, 0, openings - 3));
        assert!(is_worn(half, 0, openings));
        assert!(!is_worn(half, openings, openings));
    }

    #[test]
    fn seals_are_taken_until_none_are_left() {
        let id = KeyId::from_bytes([1; 16]);
        let mut counts = SealCounts::default();
        assert!(counts.take(&id, UNCOUNTED - 1));
        assert!(!counts.take(&id, 2));
        assert!(counts.take(&id, 1));
        counts.give(&id, 5);
        assert!(counts.take(&id, 5));
        assert!(!counts.take(&id, 1));
    }
}
