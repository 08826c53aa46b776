//! Making, listing and revoking API keys.

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
    let mut id = BASE32_DNSSEC.encode(&random::<8>()?);
    id.truncate(ID_LENGTH);
    let record = ApiKeyRecord {
        id,
        hash: key.hash(&hash_key(root)),
        principal: principal.clone(),
        tenant: tenant.clone(),
        created_at,
        expires_at,
        revoked_at: None,
        scopes,
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

/// What the log is told of a key: whose it is, by pseudonym, and nothing of the key.
fn told(root: &RootKey, record: &ApiKeyRecord, at: Timestamp) -> Change {
    Change {
        at,
        tenant: record.tenant.as_str().to_owned(),
        principal: PseudonymKey::new(root).pseudonym(&record.tenant, &record.principal),
        object: record.id.clone(),
        expires_at: record.expires_at,
        scopes: Some(record.scopes.to_string()),
    }
}

/// The store keeps milliseconds.
pub(crate) fn to_stored(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
