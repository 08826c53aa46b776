//! How often anybody may try.

use std::net::IpAddr;

use privet_crypto::{HashKey, RootKey};
use privet_store::{BackOff, Begun, Counter, Person, SignInChange, Store};

use super::{SignIn, SignInError};

/// Of a person: four free failures in a row, then 30 s, doubled with each one up to an hour; after 100 (NIST SP 800-63B-4 §3.2.2)
/// somebody has to unlock it.
const PERSON: BackOff = BackOff {
    free: 4,
    first_ms: 30_000,
    longest_ms: 3_600_000,
    most: Some(100),
    forget_ms: None,
};

/// Of a code that is short: the same, whatever else the person has shown.
const CODE: BackOff = PERSON;

/// Of an address, behind which there may be many people: forgotten after a day.
const ADDRESS: BackOff = BackOff {
    free: 20,
    first_ms: 30_000,
    longest_ms: 3_600_000,
    most: None,
    forget_ms: Some(86_400_000),
};

/// The keys of the counters. No row names anybody.
#[derive(Debug)]
pub(crate) struct Lockout(HashKey);

/// What an attempt is counted on.
#[derive(Debug, Clone)]
pub(super) struct Counting {
    person: Counter,
    rule: BackOff,
    address: Option<Counter>,
}

/// An attempt that has begun, and counts as a failure until it is known to be none. Dropped before it is known what it was, as when
/// the store fails, time is up or somebody hangs up, it told nobody anything, and is taken back.
pub(super) struct Pending {
    counting: Counting,
    store: Store,
    begun: Begun,
    is_known: bool,
}

impl Lockout {
    pub(super) fn new(root: &RootKey) -> Self {
        Self(root.hash_key("privet/access/lockout", b""))
    }

    fn whole(&self, kind: &[u8], who: Person<'_>) -> [u8; 32] {
        let (tenant, name) = (who.tenant.as_str(), who.principal.as_str());
        self.0.hash(&[kind, tenant.as_bytes(), name.as_bytes()])
    }

    /// Failures of a person's password.
    pub(super) fn person(&self, who: Person<'_>) -> Counter {
        Counter(self.whole(b"person", who).to_vec())
    }

    /// Failures of a person's second factor.
    pub(super) fn code(&self, who: Person<'_>) -> Counter {
        Counter(self.whole(b"code", who).to_vec())
    }

    /// Failures of a name that nobody has: one of 2¹⁶ rows, however many names are tried.
    fn nobody(&self, who: Person<'_>) -> Counter {
        let [a, b, ..] = self.whole(b"nobody", who);
        Counter(vec![b'n', a, b])
    }

    /// Failures from an address, of IPv6 from its network of 64 bits: one of 2²⁰ rows.
    fn address(&self, address: IpAddr) -> Counter {
        let network = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().into_iter().take(8).collect(),
        };
        let [a, b, c, ..] = self.0.hash(&[b"address", &network]);
        Counter(vec![b'a', a, b, c & 0x0f])
    }
}

impl SignIn {
    /// What an attempt to sign in by a password is counted on.
    pub(super) fn counting(&self, who: Person<'_>, is_known: bool, address: Option<IpAddr>) -> Counting {
        let lockout = &self.keys.lockout;
        Counting {
            person: if is_known {
                lockout.person(who)
            } else {
                lockout.nobody(who)
            },
            rule: PERSON,
            address: self.address(address),
        }
    }

    /// What an attempt to show a second factor is counted on.
    pub(super) fn counting_codes(&self, who: Person<'_>, address: Option<IpAddr>) -> Counting {
        Counting {
            person: self.keys.lockout.code(who),
            rule: CODE,
            address: self.address(address),
        }
    }

    fn address(&self, address: Option<IpAddr>) -> Option<Counter> {
        let address = address.filter(|_| self.config.counts_addresses)?;
        Some(self.keys.lockout.address(address))
    }
}

impl Counting {
    /// Counts a failure, until it is settled.
    pub(super) async fn begin(self, store: &Store, change: &SignInChange) -> Result<Pending, SignInError> {
        let address = self.address.as_ref().map(|counter| (counter, ADDRESS));
        let begun = store
            .begin_sign_in((&self.person, self.rule), address, change)
            .await?;
        Ok(Pending {
            counting: self,
            store: store.clone(),
            begun,
            is_known: false,
        })
    }
}

impl Pending {
    pub(super) const fn begun(&self) -> Begun {
        self.begun
    }

    /// It was a failure.
    pub(super) fn failed(mut self) {
        self.is_known = true;
    }

    /// It was none.
    pub(super) async fn succeeded(mut self) -> Result<(), SignInError> {
        let address = self.counting.address.as_ref();
        let settled = self
            .store
            .settle_sign_in(&self.counting.person, address, &self.begun);
        settled.await?;
        self.is_known = true;
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let (false, Begun::Open { .. }) = (self.is_known, self.begun) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (store, counting, begun) = (self.store.clone(), self.counting.clone(), self.begun);
        runtime.spawn(async move {
            let address = counting.address.as_ref();
            let taken = store.take_back_sign_in(&counting.person, address, &begun);
            if let Err(error) = taken.await {
                tracing::warn!(%error, "an attempt to sign in that came to no end stays counted as a failure");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use privet_types::TenantId;

    #[test]
    fn counters_of_names_nobody_has_and_of_addresses_are_few_and_name_nobody() {
        let lockout = Lockout::new(&RootKey::parse(&format!("privet-root-1:{}", "7".repeat(64))).unwrap());
        let (tenant, ann) = (TenantId::default(), "ann".parse().unwrap());
        let who = Person {
            tenant: &tenant,
            principal: &ann,
        };
        assert_eq!(
            (lockout.nobody(who).0.len(), lockout.person(who).0.len()),
            (3, 32)
        );
        assert_ne!(lockout.person(who), lockout.code(who));
        let of = |text: &str| lockout.address(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("192.0.2.1").0.len(), 4);
    }
}
