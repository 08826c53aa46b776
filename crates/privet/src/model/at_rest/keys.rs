//! Keys of models: a tenant's own from the keyring, and public ones that are trusted.

use std::path::Path;

use anyhow::{Context, Result, bail};
use privet_crypto::{SigningKey, VerifyingKey, WrappingKey};
use privet_types::TenantId;

use super::super::command::Owner;
use crate::{keyring, policy, rim};

/// What the key is for that wraps the keys of sealed models.
const WRAPPING: &str = "privet/model";
/// What the key is for that signs manifests.
const SIGNING: &str = "privet/model-manifest";

/// A tenant's keys for models.
pub(super) struct TenantKeys {
    /// Wraps the keys of sealed models.
    pub(super) wrapping: WrappingKey,
    /// Signs manifests.
    pub(super) signing: SigningKey,
}

/// What becomes of keys that are missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// They are made: something is sealed or signed for the first time.
    Made,
    /// They are not: what was never sealed cannot be opened.
    Refused,
}

/// The keys of `owner`'s tenant. They stay the same through all rotations of the keyring.
pub(super) fn of(owner: &Owner, missing: Missing) -> Result<TenantKeys> {
    let tenant: TenantId = owner.tenant.parse()?;
    let settings = rim::settings(&owner.config)?;
    let is_there = settings.keyring.url.is_some() || settings.keyring.path.exists();
    if missing == Missing::Refused && !is_there {
        bail!(
            "there is no keyring `{}`; name the settings of the installation with `--config`",
            settings.keyring.path.display()
        );
    }
    keyring::borrow(&settings, async |keyring| {
        if missing == Missing::Refused && !keyring.tenants_with_keys().await?.contains(&tenant) {
            bail!("the keyring has no keys of the tenant `{tenant}`; name another with `--tenant`");
        }
        let secret = keyring.tenant_secret(&tenant).await?;
        Ok(TenantKeys {
            wrapping: secret.wrapping_key(WRAPPING, tenant.as_str().as_bytes()),
            signing: keyring.tenant_signing_key(&tenant, SIGNING).await?,
        })
    })
}

/// The key that signs: that in the file `key`, or the tenant's own.
pub(super) fn signing(key: Option<&Path>, owner: &Owner) -> Result<SigningKey> {
    match key {
        Some(path) => policy::signing_key(path),
        None => Ok(of(owner, Missing::Made)?.signing),
    }
}

/// Public keys as they were given: themselves, or their files.
pub(super) fn trusted(keys: &[String]) -> Result<Vec<VerifyingKey>> {
    keys.iter().map(|key| public(key)).collect()
}

fn public(key: &str) -> Result<VerifyingKey> {
    if let Ok(key) = key.parse() {
        return Ok(key);
    }
    if key.trim_start().starts_with("privet-signing-") {
        // It is not told again.
        bail!(
            "`--key` was given a private key where a public one is wanted; keep it to yourself, or make another"
        );
    }
    let text = std::fs::read_to_string(key)
        .with_context(|| format!("`{key}` is neither a public key nor a file that can be read"))?;
    text.parse().with_context(|| {
        format!("`{key}` holds no public key; `privet model key` and `privet policy signer` print one")
    })
}
