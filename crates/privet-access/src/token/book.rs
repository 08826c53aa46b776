//! What a node knows of tokens: the keys that sign them, and which were taken back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::{RootKey, SealingKey, SigningKey, VerifyingKey};
use privet_store::{TokenKeyRecord, TokenRevocation, TokenRevoked, TokenSnapshot};
use privet_types::{Principal, TenantId};

use super::TOKEN_REMEMBERED;
use crate::Error;
use crate::manage::{new_id, to_stored};

/// How long a key signs. Then another one does; this one is kept until all that it signed has ended.
const SIGNS_FOR: Duration = Duration::from_hours(24);

/// Keys and revocations, as they were last read.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// The newest first.
    keys: Vec<TokenKey>,
    /// By the name of what was taken back.
    revoked: HashMap<String, Vec<TokenRevocation>>,
    counts: HashMap<TenantId, HashMap<Principal, i64>>,
}

#[derive(Debug, Clone)]
struct TokenKey {
    kid: String,
    made_at: Timestamp,
    key: Arc<SigningKey>,
}

/// What seals the keys. Nobody without it can put one of their own into the store.
pub(crate) fn sealing_key(root: &RootKey) -> SealingKey {
    root.sealing_key("privet/access/token-key", b"")
}

/// Where a key is sealed in: its name and when it was made are part of it.
fn place(kid: &str, made_at: Timestamp) -> Vec<u8> {
    format!("{kid}\0{}", made_at.as_millisecond()).into_bytes()
}

impl TokenKey {
    fn open(record: &TokenKeyRecord, seal: &SealingKey) -> Option<Self> {
        let opened = seal
            .open(&place(&record.kid, record.made_at), &record.sealed)
            .ok()?;
        let key = SigningKey::parse(std::str::from_utf8(&opened).ok()?).ok()?;
        Some(Self {
            kid: record.kid.clone(),
            made_at: record.made_at,
            key: Arc::new(key),
        })
    }
}

impl Book {
    /// What `snapshot` says. A key that cannot be opened signs nothing, and nothing that it signed is good.
    pub(crate) fn new(snapshot: TokenSnapshot, seal: &SealingKey, before: Option<&Self>) -> Self {
        let known = before.map_or(&[][..], |before| &before.keys);
        let open = |record: &TokenKeyRecord| {
            let is_it = |key: &&TokenKey| key.kid == record.kid && key.made_at == record.made_at;
            let key = known.iter().find(is_it).cloned();
            let key = key.or_else(|| TokenKey::open(record, seal));
            if key.is_none() {
                tracing::warn!(
                    kid = record.kid,
                    "a key that signs tokens cannot be opened; it does not count"
                );
            }
            key
        };
        let mut book = Self {
            keys: snapshot.keys.iter().filter_map(open).collect(),
            ..Self::default()
        };
        for gone in snapshot.revocations {
            book.revoked.entry(gone.name.clone()).or_default().push(gone);
        }
        for count in snapshot.counts {
            let of_tenant = book.counts.entry(count.tenant).or_default();
            of_tenant.insert(count.principal, count.taken_back);
        }
        book
    }

    /// The key that signs at `now`, if one is young enough.
    pub(crate) fn signing(&self, now: Timestamp) -> Option<(String, Arc<SigningKey>)> {
        let newest = self.keys.first()?;
        let until = newest.made_at.checked_add(SIGNS_FOR).ok()?;
        (now < until).then(|| (newest.kid.clone(), Arc::clone(&newest.key)))
    }

    /// The key that checks what `kid` signed, as long as anything that it signed can be good at `now`.
    pub(crate) fn verifying(&self, kid: &str, now: Timestamp) -> Option<VerifyingKey> {
        let found = self.keys.iter().find(|key| key.kid == kid)?;
        let until = found.made_at.checked_add(SIGNS_FOR + TOKEN_REMEMBERED).ok()?;
        (now < until).then(|| found.key.verifying_key())
    }

    /// Whether the token or the session `name` of `principal` was taken back.
    pub(crate) fn is_revoked(
        &self,
        what: TokenRevoked,
        (tenant, principal): (&TenantId, &Principal),
        name: &str,
    ) -> bool {
        let is_it = |gone: &TokenRevocation| {
            gone.what == what && gone.tenant == *tenant && gone.principal == *principal
        };
        self.revoked.get(name).is_some_and(|all| all.iter().any(is_it))
    }

    /// How often `principal` has taken back all its tokens.
    pub(crate) fn count(&self, tenant: &TenantId, principal: &Principal) -> i64 {
        let of_tenant = self.counts.get(tenant);
        let count = of_tenant.and_then(|counts| counts.get(principal));
        count.copied().unwrap_or_default()
    }
}

/// A new key, sealed, and the times before which another one signs no more and is kept no more.
pub(crate) fn new_key(
    seal: &SealingKey,
    now: Timestamp,
) -> Result<(TokenKeyRecord, Timestamp, Timestamp), Error> {
    let (kid, made_at) = (new_id()?, to_stored(now));
    let key = SigningKey::generate()?;
    let sealed = seal.seal(&place(&kid, made_at), key.to_text().as_bytes())?;
    let before = |time: Duration| now.checked_sub(time).unwrap_or(Timestamp::MIN);
    let record = TokenKeyRecord { kid, made_at, sealed };
    Ok((record, before(SIGNS_FOR), before(SIGNS_FOR + TOKEN_REMEMBERED)))
}
