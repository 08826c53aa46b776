//! Making, listing and revoking API keys.

use data_encoding::BASE32_DNSSEC;
use jiff::Timestamp;
use privet_crypto::{RootKey, random};
use privet_store::{ApiKeyRecord, Store};
use privet_types::{Clock, Principal, Secret, TenantId};

use crate::Error;
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

/// Makes an API key for `principal` of `tenant`, good until `expires_at` or until it is revoked.
///
/// # Errors
/// [`Error::ExpiresInPast`], [`Error::Store`] or [`Error::Crypto`].
pub async fn create_key(
    store: &Store,
    root: &RootKey,
    tenant: &TenantId,
    principal: &Principal,
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
    };
    store.insert_api_key(&record).await?;
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
pub async fn revoke_key(store: &Store, id: &str, clock: &dyn Clock) -> Result<Timestamp, Error> {
    let since = store.revoke_api_key(id, clock.now()).await?;
    since.ok_or_else(|| Error::UnknownKeyId { id: id.to_owned() })
}

/// The store keeps milliseconds.
fn to_stored(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
