//! Passkeys (Web Authentication Level 3): what browsers are asked, and what counts of their answers.
//!
//! Attestation is not asked for: whose make an authenticator is does not matter here. Site and origin come from the settings, never
//! from the request. A challenge is made without the store, and written down only once it was signed, so that nobody can fill the
//! store by asking for some.

mod cbor;
mod data;

use data_encoding::{BASE32_DNSSEC, BASE64URL_NOPAD};
use jiff::Timestamp;
use privet_crypto::{random, sha256};
use privet_store::{PasskeyRecord, Person, SignInChange};
use privet_types::{Secret, TenantId};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Live, NewSession, SignIn, SignInError, SignInWay};
use crate::manage::to_stored;
use cbor::Value;
use data::{AuthenticatorData, ClientData, ED25519, P256, RSA};

/// Most passkeys of one person.
const MOST: u32 = 20;
/// How long a challenge can be signed, in milliseconds.
const LASTS_MS: i64 = 300_000;
/// Bytes of a challenge: random ones, its end, and a keyed hash of both and of what it is for.
const CHALLENGE: usize = 16 + 8 + 32;
/// Longest name that a person gives a passkey, in characters.
const LONGEST_NAME: usize = 40;

/// What a browser's `PublicKeyCredential.toJSON()` gives for a new passkey.
#[derive(Deserialize)]
pub struct NewPasskey {
    /// The authenticator's part.
    pub response: Attestation,
}

/// See [`NewPasskey`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attestation {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    attestation_object: String,
}

/// What a browser's `PublicKeyCredential.toJSON()` gives for a passkey that signs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedPasskey {
    raw_id: String,
    /// The authenticator's part.
    pub response: Assertion,
}

/// See [`SignedPasskey`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Assertion {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
    user_handle: Option<String>,
}

/// What a challenge is for: it counts for nothing else.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// Adding a passkey in this session.
    Add(&'a Live),
    /// Showing one in this session.
    Prove(&'a Live),
    /// Signing in.
    SignIn(&'a TenantId),
}

impl Purpose<'_> {
    /// The name, and whom it is for.
    fn parts(&self) -> (&'static [u8], &[u8]) {
        match self {
            Self::Add(live) => (b"add", live.session().id.as_bytes()),
            Self::Prove(live) => (b"prove", live.session().id.as_bytes()),
            Self::SignIn(tenant) => (b"sign_in", tenant.as_str().as_bytes()),
        }
    }

    fn tenant(&self) -> &TenantId {
        match self {
            Self::Add(live) | Self::Prove(live) => &live.session().tenant,
            Self::SignIn(tenant) => tenant,
        }
    }
}

impl SignIn {
    /// What a browser needs to make a passkey for the person of `live`: `PublicKeyCredentialCreationOptionsJSON`.
    ///
    /// # Errors
    /// [`SignInError::NeedsProof`], [`SignInError::NeedsSecondFactor`], [`SignInError::Store`].
    pub async fn passkey_creation(&self, live: &Live, now: Timestamp) -> Result<Json, SignInError> {
        self.check_change(live, now)?;
        let who = live.person();
        let known = self.store.list_passkeys(who).await?;
        let algorithms = [P256, ED25519, RSA];
        Ok(json!({
            "challenge": self.challenge(Purpose::Add(live), now)?,
            "rp": { "id": self.config.host, "name": self.config.issuer },
            "user": {
                "id": BASE64URL_NOPAD.encode(&self.handle(who)),
                "name": who.principal,
                "displayName": who.principal,
            },
            "pubKeyCredParams": algorithms
                .map(|algorithm| json!({ "type": "public-key", "alg": algorithm })),
            "timeout": LASTS_MS,
            "attestation": "none",
            "authenticatorSelection": { "residentKey": "preferred", "userVerification": "preferred" },
            "excludeCredentials": descriptors(&known),
        }))
    }

    /// Keeps the passkey that a browser has made for the person of `live` under `name`. The session goes on with two factors under a
    /// new token. Returns new recovery codes if the person had none.
    ///
    /// # Errors
    /// [`SignInError::WrongProof`] for what does not count, is known, or is one too many; [`SignInError::BadName`]; those of
    /// [`passkey_creation`](Self::passkey_creation).
    pub async fn add_passkey(
        &self,
        live: &Live,
        name: &str,
        new: &NewPasskey,
        now: Timestamp,
    ) -> Result<(Vec<Secret<String>>, NewSession), SignInError> {
        self.check_change(live, now)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '_' | '-');
        if name.trim().is_empty() || name.len() > LONGEST_NAME || !name.chars().all(fits) {
            return Err(SignInError::BadName);
        }
        let who = live.person();
        let passkey = self
            .made(live, name.trim(), new, now)
            .await?
            .ok_or(SignInError::WrongProof)?;
        let (codes, hashes) = if self.store.count_recovery_codes(who).await? == 0 {
            let (codes, hashes) = self.new_codes(who)?;
            (codes, Some(hashes))
        } else {
            (Vec::new(), None)
        };
        let change = SignInChange {
            session: Some(live.session().id.clone()),
            way: Some("passkey"),
            ..self.keys.change(who, now)
        };
        let session = live.session().hash;
        let added = self
            .store
            .insert_passkey(&passkey, MOST, hashes, session, &change);
        if !added.await?.ok_or(SignInError::NoSession)? {
            return Err(SignInError::WrongProof);
        }
        Ok((codes, self.go_on(live, true, &change).await?))
    }

    /// What a browser's answer to a creation is worth (§7.1); `None` if nothing.
    async fn made(
        &self,
        live: &Live,
        name: &str,
        new: &NewPasskey,
        now: Timestamp,
    ) -> Result<Option<PasskeyRecord>, SignInError> {
        let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let (Some(client), Some(attestation)) = (
            bytes(&new.response.client_data),
            bytes(&new.response.attestation_object),
        ) else {
            return Ok(None);
        };
        let Some(client) = ClientData::read(&client, "webauthn.create", &self.config.origin) else {
            return Ok(None);
        };
        let read = || -> Option<(Vec<u8>, Vec<u8>, u32)> {
            let object = Value::read(&attestation)?;
            let data = AuthenticatorData::read(object.at("authData")?.as_bytes()?)?;
            let made = data.made.as_ref().filter(|_| data.is_for(&self.config.host))?;
            data::public_key(made.public_key)?;
            Some((
                made.credential.to_vec(),
                made.public_key.to_vec(),
                data.sign_count,
            ))
        };
        let Some((credential, public_key, sign_count)) = read() else {
            return Ok(None);
        };
        if !self.use_up(&client.challenge, Purpose::Add(live), now).await? {
            return Ok(None);
        }
        let mut id = BASE32_DNSSEC.encode(&random::<8>()?);
        id.truncate(12);
        let who = live.person();
        Ok(Some(PasskeyRecord {
            credential,
            tenant: who.tenant.clone(),
            principal: who.principal.clone(),
            id,
            name: name.to_owned(),
            public_key,
            sign_count,
            made_at: to_stored(now),
            used_at: None,
            suspect_at: None,
        }))
    }

    /// What a browser needs to show a passkey of the person of `live`: `PublicKeyCredentialRequestOptionsJSON`.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn passkey_proof(&self, live: &Live, now: Timestamp) -> Result<Json, SignInError> {
        let known = self.store.list_passkeys(live.person()).await?;
        Ok(json!({
            "challenge": self.challenge(Purpose::Prove(live), now)?,
            "rpId": self.config.host,
            "timeout": LASTS_MS,
            "userVerification": "preferred",
            "allowCredentials": descriptors(&known),
        }))
    }

    /// The person of `live` shows a passkey. The session goes on with two factors under a new token.
    ///
    /// # Errors
    /// [`SignInError::WrongProof`] for what does not count, [`SignInError::Store`].
    pub async fn prove_by_passkey(
        &self,
        live: &Live,
        signed: &SignedPasskey,
        now: Timestamp,
    ) -> Result<NewSession, SignInError> {
        let who = live.person();
        let (passkey, _) = self
            .verify(signed, Purpose::Prove(live), now)
            .await?
            .ok_or(SignInError::WrongProof)?;
        if passkey.tenant != *who.tenant || passkey.principal != *who.principal {
            return Err(SignInError::WrongProof);
        }
        let change = SignInChange {
            session: Some(live.session().id.clone()),
            way: Some("passkey"),
            ..self.keys.change(who, now)
        };
        self.go_on(live, true, &change).await
    }

    /// What a browser needs to sign somebody of `tenant` in by a passkey. It names nobody, so nobody learns who has one.
    ///
    /// # Errors
    /// [`SignInError::Crypto`].
    pub fn passkey_sign_in(&self, tenant: &TenantId, now: Timestamp) -> Result<Json, SignInError> {
        Ok(json!({
            "challenge": self.challenge(Purpose::SignIn(tenant), now)?,
            "rpId": self.config.host,
            "timeout": LASTS_MS,
            "userVerification": "required",
            "allowCredentials": [],
        }))
    }

    /// Signs somebody of `tenant` in by a passkey that has made sure who it is: two factors at once.
    ///
    /// # Errors
    /// [`SignInError::Refused`] for what does not count, and for a person that may not sign in; [`SignInError::Store`].
    pub async fn sign_in_by_passkey(
        &self,
        tenant: &TenantId,
        signed: &SignedPasskey,
        address: Option<std::net::IpAddr>,
        now: Timestamp,
    ) -> Result<NewSession, SignInError> {
        let (passkey, is_verified) = self
            .verify(signed, Purpose::SignIn(tenant), now)
            .await?
            .ok_or(SignInError::Refused)?;
        if !is_verified || passkey.tenant != *tenant {
            return Err(SignInError::Refused);
        }
        let way = (SignInWay::Passkey, true);
        self.open(tenant, &passkey.principal, way, address, now).await
    }

    /// The passkeys of the person of `live`, the oldest first.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn list_passkeys(&self, live: &Live) -> Result<Vec<PasskeyRecord>, SignInError> {
        Ok(self.store.list_passkeys(live.person()).await?)
    }

    /// Removes the passkey `id` of the person of `live`. Returns whether there was one.
    ///
    /// # Errors
    /// [`SignInError::NeedsProof`], [`SignInError::Store`].
    pub async fn remove_passkey(&self, live: &Live, id: &str, now: Timestamp) -> Result<bool, SignInError> {
        self.check_proof(live, now)?;
        let change = self.keys.change(live.person(), now);
        Ok(self.store.remove_passkey(live.person(), id, &change).await?)
    }

    /// Whose passkey has signed what it was asked for (§7.2), and whether it made sure who is there; `None` if it does not count.
    async fn verify(
        &self,
        signed: &SignedPasskey,
        purpose: Purpose<'_>,
        now: Timestamp,
    ) -> Result<Option<(PasskeyRecord, bool)>, SignInError> {
        let bytes = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let response = &signed.response;
        let (Some(credential), Some(client), Some(authenticator), Some(signature)) = (
            bytes(&signed.raw_id),
            bytes(&response.client_data),
            bytes(&response.authenticator_data),
            bytes(&response.signature),
        ) else {
            return Ok(None);
        };
        let Some(passkey) = self.store.passkey(&credential).await? else {
            return Ok(None);
        };
        let who = Person {
            tenant: &passkey.tenant,
            principal: &passkey.principal,
        };
        let is_theirs = response
            .user_handle
            .as_deref()
            .is_none_or(|handle| bytes(handle).is_some_and(|handle| handle == self.handle(who)));
        let read = || {
            let words = ClientData::read(&client, "webauthn.get", &self.config.origin)?;
            let data = AuthenticatorData::read(&authenticator)?;
            data.is_for(&self.config.host).then_some((words, data))
        };
        let Some((words, data)) = read().filter(|_| is_theirs) else {
            return Ok(None);
        };
        let key = data::public_key(&passkey.public_key).ok_or(privet_crypto::Error::BadSignature)?;
        let message = [authenticator.as_slice(), &sha256(&client)].concat();
        if key.verify(&message, &signature).is_err() || !self.use_up(&words.challenge, purpose, now).await? {
            return Ok(None);
        }
        let change = SignInChange {
            way: Some("passkey"),
            ..self.keys.change(who, now)
        };
        let counts_on = self.store.use_passkey(&credential, data.sign_count, &change);
        let counts_on = counts_on.await?;
        let is_verified = data.is_verified;
        Ok(counts_on.then_some((passkey, is_verified)))
    }

    /// A new challenge for `purpose`, in base64url.
    fn challenge(&self, purpose: Purpose<'_>, now: Timestamp) -> Result<String, SignInError> {
        let nonce = random::<16>()?;
        let end = (now.as_millisecond() + LASTS_MS).to_be_bytes();
        let (name, whose) = purpose.parts();
        let seal = self.keys.challenges.hash(&[name, whose, &nonce, &end]);
        Ok(BASE64URL_NOPAD.encode(&[nonce.as_slice(), &end, &seal].concat()))
    }

    /// Whether `text` is a challenge for `purpose` that is good at `now` and was not used before; it is now.
    async fn use_up(&self, text: &str, purpose: Purpose<'_>, now: Timestamp) -> Result<bool, SignInError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let Some(bytes) = bytes.filter(|bytes| bytes.len() == CHALLENGE) else {
            return Ok(false);
        };
        let parts = || {
            let (nonce, rest) = bytes.split_first_chunk::<16>()?;
            let (end, seal) = rest.split_first_chunk::<8>()?;
            Some((nonce, *end, seal.first_chunk::<32>()?))
        };
        let Some((nonce, end, seal)) = parts() else {
            return Ok(false);
        };
        let (name, whose) = purpose.parts();
        let is_ours = self.keys.challenges.is_hash_of(&[name, whose, nonce, &end], seal);
        let ends_at = Timestamp::from_millisecond(i64::from_be_bytes(end));
        match ends_at {
            Ok(ends_at) if is_ours && now < ends_at => Ok(self
                .store
                .use_challenge(sha256(&bytes), purpose.tenant(), to_stored(now), ends_at)
                .await?),
            _ => Ok(false),
        }
    }

    /// What authenticators know a person by: it says nothing of the name (§14.6.1).
    fn handle(&self, who: Person<'_>) -> [u8; 32] {
        let (tenant, name) = (who.tenant.as_str(), who.principal.as_str());
        self.keys
            .challenges
            .hash(&[b"handle", tenant.as_bytes(), name.as_bytes()])
    }
}

fn descriptors(known: &[PasskeyRecord]) -> Vec<Json> {
    let usable = known.iter().filter(|passkey| passkey.suspect_at.is_none());
    usable
        .map(|passkey| json!({ "type": "public-key", "id": BASE64URL_NOPAD.encode(&passkey.credential) }))
        .collect()
}
