//! Tokens in the key ring: making them, and letting in who has one.

use std::sync::{Arc, PoisonError};

use data_encoding::{BASE32_DNSSEC, HEXLOWER};
use jiff::Timestamp;
use privet_crypto::{SigningKey, random};
use privet_store::TokenRevoked;
use privet_types::{KeyScopes, Principal, PrincipalKind, TenantId};
use tokio::time::timeout;

use super::{Answer, Authenticated, KeyRing, Keys, PATIENCE, Way};
use crate::token::{Claims, NewToken, Signed, TokenError, TokenFacts, TokenOrder};
use crate::{Denied, Error, token};

/// Bytes of a token's id: 128 bits, so that nobody guesses another's.
const ID: usize = 16;
/// Bytes that the log gets of the keyed hash of one.
const HASH: usize = 16;

/// Whom a token stands for, and what by.
struct Owner {
    tenant: TenantId,
    principal: Principal,
    way: Way,
    scopes: KeyScopes,
}

impl KeyRing {
    /// Makes a token for `caller`, good until `ends_by` at most.
    ///
    /// # Errors
    /// [`TokenError`] says why none is made.
    pub async fn issue_token(
        &self,
        caller: &Authenticated,
        order: &TokenOrder,
        ends_by: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<NewToken, TokenError> {
        order.check(caller)?;
        let (kid, key) = self.signing_key(now).await?;
        let id = BASE32_DNSSEC.encode(&random::<ID>().map_err(Error::from)?);
        let (count, key_ends) = {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            let count = keys.tokens.count(&caller.tenant, &caller.principal);
            (count, keys.ends_of(caller))
        };
        let wanted = now.checked_add(order.lasts).map_err(|_| TokenError::Ended)?;
        let ends = [ends_by, key_ends]
            .into_iter()
            .flatten()
            .fold(wanted, Timestamp::min);
        if ends.as_second() <= now.as_second() {
            return Err(TokenError::Ended);
        }
        let claims = Claims {
            jti: id.clone(),
            tenant: caller.tenant.to_string(),
            sub: caller.principal.to_string(),
            way: caller.way.name().to_owned(),
            by: caller.key_id.clone(),
            scope: order.scopes.to_string(),
            iat: now.as_second(),
            exp: ends.as_second(),
            count,
            two_factors: order.has_two_factors,
            models: order.models.clone(),
            aud: order.addresses.clone(),
        };
        let token = claims.sign(&kid, &key).map_err(|_| TokenError::NoKey)?;
        Ok(NewToken {
            token,
            id_hash: self.token_id_hash(&caller.tenant, &id),
            id,
            scopes: order.scopes,
            expires_at: claims.expires_at(),
        })
    }

    /// What the log knows the token `id` of `tenant` as.
    #[must_use]
    pub fn token_id_hash(&self, tenant: &TenantId, id: &str) -> String {
        let hash = self.token_ids.hash(&[tenant.as_str().as_bytes(), id.as_bytes()]);
        HEXLOWER.encode(hash.get(..HASH).unwrap_or(&hash))
    }

    /// The key that signs now; a new one if there is none that is young enough.
    async fn signing_key(&self, now: Timestamp) -> Result<(String, Arc<SigningKey>), TokenError> {
        let signing = || {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.tokens.signing(now)
        };
        if let Some(found) = signing() {
            return Ok(found);
        }
        // One at a time: those who wait find what the first one made.
        let _making = self.making_key.lock().await;
        if let Some(found) = signing() {
            return Ok(found);
        }
        let (new, good_after, drop_before) = token::new_key(&self.token_seal, now)?;
        let rotated = timeout(
            PATIENCE,
            self.store.rotate_token_key(&new, good_after, drop_before),
        );
        let is_ours = rotated
            .await
            .map_err(|_| Error::StoreTimeout { limit: PATIENCE })?
            .map_err(Error::from)?;
        if is_ours {
            tracing::info!(kid = new.kid, "another key signs tokens from now on");
        }
        // Ours, or that of another node that was quicker.
        self.refresh_if_changed().await?;
        signing().ok_or(TokenError::NoKey)
    }

    /// Says who presents the token `text`, which stood behind its prefix.
    pub(super) async fn by_token(
        &self,
        text: &str,
        address: Option<&str>,
        now: Timestamp,
    ) -> Result<Authenticated, Denied> {
        let signed = Signed::parse(text).ok_or(Denied::Malformed)?;
        if let Answer::Known(answer) = self.ask_token(&signed, address, now) {
            return answer;
        }
        // Another node may have made its key, or the API key it comes from, a moment ago.
        self.look_for_unknown().await;
        match self.ask_token(&signed, address, now) {
            Answer::Known(answer) => answer,
            Answer::Unknown => Err(Denied::Unknown),
            Answer::Stale => Err(Denied::StoreUnavailable),
        }
    }

    fn ask_token(&self, signed: &Signed<'_>, address: Option<&str>, now: Timestamp) -> Answer {
        let verifying = {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            if keys.checked_at.elapsed() > self.config.stale_after {
                return Answer::Stale;
            }
            keys.tokens.verifying(&signed.kid, now)
        };
        let Some(verifying) = verifying else {
            return Answer::Unknown;
        };
        // Whoever checks a signature keeps nobody waiting who changes the keys.
        let claims = match signed.verify(&verifying) {
            Ok(claims) => claims,
            Err(denied) => return Answer::Known(Err(denied)),
        };
        let checked = claims.check(address, now).and_then(|()| Owner::of(&claims));
        let owner = match checked {
            Ok(owner) => owner,
            Err(denied) => return Answer::Known(Err(denied)),
        };
        let id_hash = self.token_id_hash(&owner.tenant, &claims.jti);
        let rules = self.rules();
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let facts = TokenFacts::new(&claims, owner.way, id_hash);
        keys.let_in(&claims, owner, &rules.named, now)
            .map(|let_in| {
                let_in.map(|caller| Authenticated {
                    way: Way::Token,
                    token: Some(facts),
                    ..caller
                })
            })
            .map_or(Answer::Unknown, Answer::Known)
    }
}

impl Owner {
    /// Whom `claims` name. Our key signed them, so what cannot be read is from another version.
    fn of(claims: &Claims) -> Result<Self, Denied> {
        let bad = Denied::TokenForged;
        Ok(Self {
            tenant: claims.tenant.parse().map_err(|_| bad)?,
            principal: claims.sub.parse().map_err(|_| bad)?,
            way: Way::of_maker(&claims.way).ok_or(bad)?,
            scopes: claims.scope.parse().map_err(|_| bad)?,
        })
    }
}

impl Keys {
    /// Until when what `caller` comes by is good, as far as is known here.
    fn ends_of(&self, caller: &Authenticated) -> Option<Timestamp> {
        let known = self.by_hash.get(self.by_id.get(&caller.key_id)?)?;
        let ends = [known.key.expires_at, known.key.grace_until];
        ends.into_iter().flatten().min()
    }

    /// Who has the token of `claims`; `None` if it comes from a key that is not known here.
    fn let_in(
        &self,
        claims: &Claims,
        owner: Owner,
        named: &[(TenantId, Principal)],
        now: Timestamp,
    ) -> Option<Result<Authenticated, Denied>> {
        let who = (&owner.tenant, &owner.principal);
        let is_revoked = self.tokens.is_revoked(TokenRevoked::Token, who, &claims.jti)
            || claims.count < self.tokens.count(who.0, who.1)
            || (owner.way == Way::Session && self.tokens.is_revoked(TokenRevoked::Session, who, &claims.by));
        if is_revoked {
            return Some(Err(Denied::TokenRevoked));
        }
        let caller = match owner.way {
            Way::Key => {
                let known = self.by_hash.get(self.by_id.get(&claims.by)?)?;
                if let Some(denied) = known.denied(now) {
                    return Some(Err(denied));
                }
                known.last_use.note(now);
                let mut caller = known.caller();
                if (&caller.tenant, &caller.principal) != who {
                    return Some(Err(Denied::TokenForged));
                }
                caller.scopes = caller.scopes.intersection(owner.scopes);
                return Some(Ok(caller));
            }
            Way::Certificate if named.iter().any(|(tenant, name)| (tenant, name) == who) => {
                self.accounts.get(who.0, who.1)
            }
            Way::Session => {
                let account = self.accounts.get(who.0, who.1);
                account.filter(|account| account.kind() == PrincipalKind::User && account.is_known())
            }
            Way::Certificate | Way::Token | Way::Issuer => None,
        };
        let Some(account) = caller else {
            return Some(Err(Denied::TokenRevoked));
        };
        if account.is_disabled() {
            return Some(Err(Denied::Disabled));
        }
        Some(Ok(Authenticated {
            account: Arc::clone(account),
            principal: owner.principal,
            tenant: owner.tenant,
            key_id: claims.by.clone(),
            line: None,
            scopes: owner.scopes,
            way: owner.way,
            token: None,
        }))
    }
}
