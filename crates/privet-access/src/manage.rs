//! Making, listing, rotating and revoking API keys.

use std::time::Duration;

use data_encoding::BASE32_DNSSEC;
use jiff::Timestamp;
use privet_crypto::{RootKey, random};
use privet_store::{ApiKeyRecord, Store};
use privet_types::{Change, Clock, KeyScopes, Principal, Secret, TenantId};

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
    let created_at = to_stored(clock.now());
    let expires_at = expires_at.map(to_stored);
    if let Some(expires_at) = expires_at.filter(|&at| at <= created_at) {
        return Err(Error::ExpiresInPast { expires_at });
    }
    let key = ApiKey::generate()?;
    let record = ApiKeyRecord {
        id: new_id()?,
        hash: key.hash(&hash_key(root)),
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
    store
        .insert_api_key(&record, &told(root, &record, created_at))
        .await?;
    Ok(NewKey {
        key: key.to_text(),
        record,
    })
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
    let unknown = || Error::UnknownKeyId { id: id.to_owned() };
    let record = store.find_api_key(id).await?.ok_or_else(unknown)?;
    let change = told(root, &record, to_stored(clock.now()));
    store.revoke_api_key(&change).await?.ok_or_else(unknown)
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
    if grace > LONGEST_GRACE {
        return Err(Error::GraceTooLong);
    }
    let now = to_stored(clock.now());
    let old = find(store, id).await?;
    check_rotates(&old, now)?;
    let too_late = |_| Error::GraceTooLong;
    let grace_until = now.checked_add(grace).map_err(too_late)?;
    let life = old.expires_at.map(|at| at.duration_since(old.created_at));
    let expires_at = life.map(|life| now.checked_add(life)).transpose();
    let key = ApiKey::generate()?;
    let record = ApiKeyRecord {
        id: new_id()?,
        hash: key.hash(&hash_key(root)),
        created_at: now,
        expires_at: expires_at.map_err(too_late)?,
        line: Some(old.line().to_owned()),
        ..old.clone()
    };
    let rotated = Change {
        expires_at: Some(grace_until),
        scopes: None,
        successor: Some(record.id.clone()),
        ..told(root, &old, now)
    };
    let created = told(root, &record, now);
    if !store
        .rotate_api_key(&record, grace_until, &rotated, &created)
        .await?
    {
        // Somebody else was quicker.
        check_rotates(&find(store, id).await?, now)?;
        return Err(Error::UnknownKeyId { id: id.to_owned() });
    }
    Ok(NewKey {
        key: key.to_text(),
        record,
    })
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
    let line = find(store, id).await?.line().to_owned();
    let mut revoked = Vec::new();
    loop {
        let keys = store.list_api_keys().await?;
        let mut good = keys
            .iter()
            .filter(|key| key.line() == line && key.revoked_at.is_none())
            .peekable();
        // A key may get a successor while the others are revoked; a revoked one gets none.
        if good.peek().is_none() {
            return Ok(revoked);
        }
        for key in good {
            let change = told(root, key, to_stored(clock.now()));
            store.revoke_api_key(&change).await?;
            revoked.push(key.id.clone());
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

/// What the log is told of a key: whose it is, by pseudonym, and nothing of the key.
fn told(root: &RootKey, record: &ApiKeyRecord, at: Timestamp) -> Change {
    Change {
        at,
        tenant: record.tenant.as_str().to_owned(),
        principal: PseudonymKey::new(root).pseudonym(&record.tenant, &record.principal),
        object: record.id.clone(),
        expires_at: record.expires_at,
        scopes: Some(record.scopes.to_string()),
        successor: None,
    }
}

/// The store keeps milliseconds.
pub(crate) fn to_stored(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
