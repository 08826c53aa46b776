//! What administrators do for people who cannot sign in yet, or no more: the same for the command line and over HTTP.

use std::time::Duration;

use data_encoding::BASE32_DNSSEC;
use jiff::Timestamp;
use privet_crypto::{RootKey, random};
use privet_store::{InviteRecord, Person, SessionRecord, SignInChange, Store};
use privet_types::{Clock, Principal, PrincipalKind, Pseudonym, Secret, TenantId};
use zeroize::Zeroizing;

use super::SignInKeys;
use super::session::retain_used;
use crate::manage::to_stored;
use crate::{Error, People};

/// So that a code is recognised where it was left.
const PREFIX: &str = "prvi_";

/// An invite that was just made.
#[derive(Debug)]
pub struct NewInvite {
    /// The code: `prvi_` and 52 characters. Shown once; it is kept nowhere.
    pub code: Secret<String>,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// How the people of one tenant sign in, for whoever looks after them.
pub struct Enrolment<'a> {
    pub(super) people: People<'a>,
    pub(super) store: &'a Store,
    pub(super) keys: SignInKeys,
    pub(super) tenant: TenantId,
    by: Option<Pseudonym>,
    clock: &'a dyn Clock,
}

impl<'a> Enrolment<'a> {
    /// Of the people of `tenant`.
    #[must_use]
    pub fn new(store: &'a Store, root: &RootKey, tenant: TenantId, clock: &'a dyn Clock) -> Self {
        Self {
            people: People::new(store, root, tenant.clone(), clock),
            store,
            keys: SignInKeys::new(root),
            tenant,
            by: None,
            clock,
        }
    }

    /// The log is told that `who` did it.
    pub(crate) fn done_by(self, who: Pseudonym) -> Self {
        Self {
            by: Some(who),
            ..self
        }
    }

    /// Makes a one-time code with which `name` sets a password within `lasts`. An earlier one counts no more; a password that is
    /// there counts until then.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`] if there is no such person, [`Error::Store`], [`Error::Crypto`].
    pub async fn invite(&self, name: &Principal, lasts: Duration) -> Result<NewInvite, Error> {
        self.people.find(name, PrincipalKind::User).await?;
        let now = self.clock.now();
        let secret = Zeroizing::new(random::<32>()?);
        let mut code = String::with_capacity(PREFIX.len() + BASE32_DNSSEC.encode_len(secret.len()));
        code.push_str(PREFIX);
        BASE32_DNSSEC.encode_append(secret.as_slice(), &mut code);
        let expires_at = to_stored(now.checked_add(lasts).unwrap_or(Timestamp::MAX));
        let invite = InviteRecord {
            hash: self.keys.invites.hash(&[secret.as_slice()]),
            tenant: self.tenant.clone(),
            principal: name.clone(),
            expires_at,
        };
        let change = SignInChange {
            expires_at: Some(expires_at),
            ..self.change(name)
        };
        self.store.insert_invite(&invite, &change).await?;
        Ok(NewInvite {
            code: Secret::new(code),
            expires_at,
        })
    }

    /// Takes the password of `name` away, an invite with it, and ends its sessions. Passkeys stay. Returns whether there was a password
    /// or an invite.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Store`].
    pub async fn remove_password(&self, name: &Principal) -> Result<bool, Error> {
        self.people.find(name, PrincipalKind::User).await?;
        let change = self.change(name);
        Ok(self.store.remove_password(self.who(name), &change).await?)
    }

    /// Forgets the failures of `name`. Returns whether there were any.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Store`].
    pub async fn unlock(&self, name: &Principal) -> Result<bool, Error> {
        self.people.find(name, PrincipalKind::User).await?;
        let who = self.who(name);
        let counters = [self.keys.lockout.person(who), self.keys.lockout.code(who)];
        Ok(self.store.unlock_sign_in(&counters, &self.change(name)).await?)
    }

    /// Takes all second factors of `name` away, and ends its sessions. Returns whether there were any.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Store`].
    pub async fn remove_factors(&self, name: &Principal) -> Result<bool, Error> {
        self.people.find(name, PrincipalKind::User).await?;
        Ok(self
            .store
            .remove_factors(self.who(name), &self.change(name))
            .await?)
    }

    /// The sessions of `name`, or of everybody, that are not over; the youngest first. Those that were not used for `idle_lasts` are.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn sessions(
        &self,
        name: Option<&Principal>,
        idle_lasts: Duration,
    ) -> Result<Vec<SessionRecord>, Error> {
        let now = self.clock.now();
        let mut sessions = self.store.list_sessions(&self.tenant, name, now).await?;
        retain_used(&mut sessions, idle_lasts, now);
        Ok(sessions)
    }

    /// Ends all sessions of `name`. Returns how many.
    ///
    /// # Errors
    /// [`Error::UnknownPrincipal`], [`Error::Store`].
    pub async fn end_sessions(&self, name: &Principal) -> Result<u64, Error> {
        self.people.find(name, PrincipalKind::User).await?;
        let change = self.change(name);
        Ok(self.store.end_sessions(self.who(name), None, &change).await?)
    }

    pub(super) fn who<'p>(&'p self, name: &'p Principal) -> Person<'p> {
        Person {
            tenant: &self.tenant,
            principal: name,
        }
    }

    pub(super) fn change(&self, name: &Principal) -> SignInChange {
        SignInChange {
            by: self.by.clone(),
            ..self.keys.change(self.who(name), self.clock.now())
        }
    }
}

/// What the store holds of a code; `None` if it is no code.
pub(super) fn invite_hash(keys: &SignInKeys, code: &str) -> Option<[u8; 32]> {
    let digits = code.trim().strip_prefix(PREFIX)?;
    let secret = Zeroizing::new(BASE32_DNSSEC.decode(digits.as_bytes()).ok()?);
    (secret.len() == 32).then(|| keys.invites.hash(&[secret.as_slice()]))
}
