//! Making, listing, rotating and revoking API keys.

use std::time::Duration;

use data_encoding::BASE32_DNSSEC;
use jiff::Timestamp;
use privet_crypto::{RootKey, random};
use privet_store::{ApiKeyRecord, Store};
use privet_types::{Change, Clock, KeyScopes, Principal, Pseudonym, Secret, TenantId};

use crate::Error;
use crate::PseudonymKey;
use crate::api_key::{ApiKey, hash_key};

/// Characters of a key's id: 60 random bits, enough that no two keys of an installation share one.
const ID_LENGTH: usize = 12;

/// Longest time that a key may work beside its successor: longer, and rotation ends nothing.
pub const LONGEST_GRACE: Duration = Duration::from_hours(90 * 24);

/// A key that was just made.
#[derive(Debug)]
pub struct NewKey {
    /// The key: `prvt_` and 56 characters. Shown once; it is kept nowhere.
    pub key: Secret<String>,
    /// What is stored of it.
    pub record: ApiKeyRecord,
}

/// Makes and changes keys.
pub(crate) struct KeyDesk<'a> {
    pub(crate) store: &'a Store,
    pub(crate) root: &'a RootKey,
    /// Who does it; nobody where that is whoever has the root key.
    pub(crate) by: Option<Pseudonym>,
    pub(crate) clock: &'a dyn Clock,
}

/// Makes an API key for `principal` of `tenant`, good for `scopes` until `expires_at` or until it is revoked.
///
/// # Errors
/// [`Error::ExpiresInPast`], [`Error::Store`] or [`Error::Crypto`].
pub async fn create_key(
    store: &Store,
    root: &RootKey,
    tenant: &TenantId,
    principal: &Principal,
    scopes: KeyScopes,
    expires_at: Option<Timestamp>,
    clock: &dyn Clock,
) -> Result<NewKey, Error> {
    let desk = KeyDesk::of_root(store, root, clock);
    desk.create(tenant, principal, scopes, expires_at).await
}

/// All keys, revoked and expired ones too, in the order they were made.
///
/// # Errors
/// [`Error::Store`].
pub async fn list_keys(store: &Store) -> Result<Vec<ApiKeyRecord>, Error> {
    Ok(store.list_api_keys().await?)
}

/// Revokes key `id` for good. Returns since when it is revoked, which is earlier than now if it already was.
///
/// # Errors
/// [`Error::UnknownKeyId`] if there is no such key, [`Error::Store`].
pub async fn revoke_key(
    store: &Store,
    root: &RootKey,
    id: &str,
    clock: &dyn Clock,
) -> Result<Timestamp, Error> {
    KeyDesk::of_root(store, root, clock).revoke(id).await
}

/// Makes a key that takes the place of key `id`: for the same principal and scopes, counted by limits as the same key, and good
/// for as long from now as that one was from its making. Key `id` works beside it for `grace`, if it does not expire before.
///
/// # Errors
/// [`Error::UnknownKeyId`] if there is no such key, [`Error::KeyEnded`] if it is revoked or has expired, [`Error::KeyRotated`]
/// if it has a successor, [`Error::GraceTooLong`], [`Error::Store`] or [`Error::Crypto`].
pub async fn rotate_key(
    store: &Store,
    root: &RootKey,
    id: &str,
    grace: Duration,
    clock: &dyn Clock,
) -> Result<NewKey, Error> {
    KeyDesk::of_root(store, root, clock).rotate(id, grace).await
}

/// Revokes key `id`, all keys whose place it took, and all that took its place. Returns the ids of those that were good until then.
///
/// # Errors
/// [`Error::UnknownKeyId`] if there is no such key, [`Error::Store`].
pub async fn revoke_line(
    store: &Store,
    root: &RootKey,
    id: &str,
    clock: &dyn Clock,
) -> Result<Vec<String>, Error> {
    KeyDesk::of_root(store, root, clock).revoke_line(id).await
}

impl<'a> KeyDesk<'a> {
    fn of_root(store: &'a Store, root: &'a RootKey, clock: &'a dyn Clock) -> Self {
        Self {
            store,
            root,
            by: None,
            clock,
        }
    }

    pub(crate) async fn create(
        &self,
        tenant: &TenantId,
        principal: &Principal,
        scopes: KeyScopes,
        expires_at: Option<Timestamp>,
    ) -> Result<NewKey, Error> {
        let created_at = to_stored(self.clock.now());
        let expires_at = expires_at.map(to_stored);
        if let Some(expires_at) = expires_at.filter(|&at| at <= created_at) {
            return Err(Error::ExpiresInPast { expires_at });
        }
        let key = ApiKey::generate()?;
        let record = ApiKeyRecord {
            id: new_id()?,
            hash: key.hash(&hash_key(self.root)),
            principal: principal.clone(),
            tenant: tenant.clone(),
            created_at,
            expires_at,
            revoked_at: None,
            scopes,
            successor: None,
            grace_until: None,
            line: None,
        };
        self.store
            .insert_api_key(&record, &self.told(&record, created_at))
            .await?;
        Ok(NewKey {
            key: key.to_text(),
            record,
        })
    }

    pub(crate) async fn revoke(&self, id: &str) -> Result<Timestamp, Error> {
        let record = find(self.store, id).await?;
        let change = self.told(&record, to_stored(self.clock.now()));
        let revoked = self.store.revoke_api_key(&change).await?;
        revoked.ok_or_else(|| Error::UnknownKeyId { id: id.to_owned() })
    }

    pub(crate) async fn rotate(&self, id: &str, grace: Duration) -> Result<NewKey, Error> {
        if grace > LONGEST_GRACE {
            return Err(Error::GraceTooLong);
        }
        let now = to_stored(self.clock.now());
        let old = find(self.store, id).await?;
        check_rotates(&old, now)?;
        let too_late = |_| Error::GraceTooLong;
        let grace_until = now.checked_add(grace).map_err(too_late)?;
        let life = old.expires_at.map(|at| at.duration_since(old.created_at));
        let expires_at = life.map(|life| now.checked_add(life)).transpose();
        let key = ApiKey::generate()?;
        let record = ApiKeyRecord {
            id: new_id()?,
            hash: key.hash(&hash_key(self.root)),
            created_at: now,
            expires_at: expires_at.map_err(too_late)?,
            line: Some(old.line().to_owned()),
            ..old.clone()
        };
        let rotated = Change {
            expires_at: Some(grace_until),
            scopes: None,
            successor: Some(record.id.clone()),
            ..self.told(&old, now)
        };
        let created = self.told(&record, now);
        let done = self
            .store
            .rotate_api_key(&record, grace_until, &rotated, &created);
        if !done.await? {
            // Somebody else was quicker.
            check_rotates(&find(self.store, id).await?, now)?;
            return Err(Error::UnknownKeyId { id: id.to_owned() });
        }
        Ok(NewKey {
            key: key.to_text(),
            record,
        })
    }

    async fn revoke_line(&self, id: &str) -> Result<Vec<String>, Error> {
        let line = find(self.store, id).await?.line().to_owned();
        let mut revoked = Vec::new();
        loop {
            let keys = self.store.list_api_keys().await?;
            let mut good = keys
                .iter()
                .filter(|key| key.line() == line && key.revoked_at.is_none())
                .peekable();
            // A key may get a successor while the others are revoked; a revoked one gets none.
            if good.peek().is_none() {
                return Ok(revoked);
            }
            for key in good {
                let change = self.told(key, to_stored(self.clock.now()));
                self.store.revoke_api_key(&change).await?;
                revoked.push(key.id.clone());
            }
        }
    }

    /// What the log is told of a key: whose it is, by pseudonym, and nothing of the key.
    fn told(&self, record: &ApiKeyRecord, at: Timestamp) -> Change {
        Change {
            at,
            tenant: record.tenant.as_str().to_owned(),
            principal: PseudonymKey::new(self.root).pseudonym(&record.tenant, &record.principal),
            by: self.by.clone(),
            object: record.id.clone(),
            expires_at: record.expires_at,
            scopes: Some(record.scopes.to_string()),
            successor: None,
        }
    }
}

fn check_rotates(key: &ApiKeyRecord, now: Timestamp) -> Result<(), Error> {
    let id = || key.id.clone();
    if key.revoked_at.is_some() || key.expires_at.is_some_and(|at| at <= now) {
        return Err(Error::KeyEnded { id: id() });
    }
    match &key.successor {
        Some(successor) => Err(Error::KeyRotated {
            id: id(),
            successor: successor.clone(),
        }),
        None => Ok(()),
    }
}

async fn find(store: &Store, id: &str) -> Result<ApiKeyRecord, Error> {
    let found = store.find_api_key(id).await?;
    found.ok_or_else(|| Error::UnknownKeyId { id: id.to_owned() })
}

pub(crate) fn new_id() -> Result<String, privet_crypto::Error> {
    let mut id = BASE32_DNSSEC.encode(&random::<8>()?);
    id.truncate(ID_LENGTH);
    Ok(id)
}

/// The store keeps milliseconds.
pub(crate) fn to_stored(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
