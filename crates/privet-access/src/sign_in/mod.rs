//! How people sign in: passwords, second factors, sessions, and how often anybody may try.
//!
//! A browser holds 256 random bits; the store holds their keyed hash. Who tries a name that nobody has, a wrong password or a
//! person that is locked gets one answer after the same work.

mod breached;
mod enrol;
mod error;
mod factors;
mod hashing;
mod link;
mod lockout;
mod password;
mod proof;
mod session;
mod totp;
mod webauthn;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use jiff::Timestamp;
use privet_crypto::{Argon2Cost, HashKey, PasswordHash, RootKey, SealingKey};
use privet_store::{Begun, Person, SignInChange, Store};
use privet_types::{Principal, PrincipalKind, RoleName, TenantId};

pub use breached::check_hashes as check_breached_hashes;
pub use enrol::{Enrolment, NewInvite};
pub use error::SignInError;
pub use factors::NewTotp;
pub use link::Identity;
pub use password::PasswordFault;
pub use privet_store::{SessionRecord, SignInWay};
pub use proof::Proof;
pub use session::{Live, NewSession, SessionStanding};
pub use webauthn::{Assertion, Attestation, NewPasskey, SignedPasskey};

use crate::cedar::{Ask, Resource};
use crate::key_ring::{Authenticated, KeyRing, Vouched, Way};
use crate::manage::to_stored;
use crate::{Denied, Error, Privilege, PseudonymKey};
use hashing::{Hashers, Queued};
use lockout::Lockout;
use password::PasswordRules;

/// What an installation asks of those who sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInConfig {
    /// What an authenticator app calls this installation.
    pub issuer: String,
    /// Where browsers reach it, as they write it in `Origin`.
    pub origin: String,
    /// The host of `origin`: what passkeys are for.
    pub host: String,
    /// What hashing a password costs.
    pub cost: Argon2Cost,
    /// How many are hashed at once: so often the memory of one.
    pub hashing_at_once: usize,
    /// Fewest characters of a new password.
    pub least_length: usize,
    /// SHA-1 hashes of breached passwords, in order: the download of Pwned Passwords.
    pub breached_hashes: Option<PathBuf>,
    /// Words that nobody may have as a password, one a line.
    pub breached_words: Option<PathBuf>,
    /// How long a session lasts however much it is used.
    pub session_lasts: Duration,
    /// How long it lasts without being used.
    pub idle_lasts: Duration,
    /// Most sessions of one person.
    pub sessions: u32,
    /// How long the person counts as having shown who it is, for what asks for that.
    pub proof_lasts: Duration,
    /// Whether failures are counted for each address; behind a proxy all people would share one.
    pub counts_addresses: bool,
    /// What the policy says of it, to begin with.
    pub policy: SignInPolicy,
}

/// What may change while people are signed in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignInPolicy {
    /// Whoever has another role needs a second factor.
    pub password_only_roles: BTreeSet<RoleName>,
    /// Whether a session may be used for prompts and texts.
    pub allows_prompts: bool,
}

/// Lets people in. Shared by all connections of a server.
#[derive(Debug)]
pub struct SignIn {
    config: SignInConfig,
    policy: RwLock<SignInPolicy>,
    ring: Arc<KeyRing>,
    store: Store,
    keys: SignInKeys,
    rules: PasswordRules,
    hashers: Hashers,
    /// For names that have no password: the same work.
    nothing: PasswordHash,
}

/// What is derived from the root key for signing in.
#[derive(Debug)]
pub(crate) struct SignInKeys {
    pepper: HashKey,
    invites: HashKey,
    recovery: HashKey,
    sessions: HashKey,
    forgery: HashKey,
    challenges: HashKey,
    links: HashKey,
    lockout: Lockout,
    totp: SealingKey,
    pseudonyms: PseudonymKey,
}

/// Somebody who wants to sign in.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Whose installation space.
    pub tenant: &'a TenantId,
    /// Under which name.
    pub name: &'a Principal,
    /// By which password.
    pub password: &'a str,
    /// From where, if that is known.
    pub address: Option<IpAddr>,
}

impl SignInKeys {
    pub(crate) fn new(root: &RootKey) -> Self {
        Self {
            pepper: root.hash_key("privet/access/password", b""),
            invites: root.hash_key("privet/access/invite", b""),
            recovery: root.hash_key("privet/access/recovery-code", b""),
            sessions: root.hash_key("privet/access/session", b""),
            forgery: root.hash_key("privet/access/forgery-token", b""),
            challenges: root.hash_key("privet/access/passkey", b""),
            links: root.hash_key("privet/access/identity-link", b""),
            lockout: Lockout::new(root),
            totp: root.sealing_key("privet/access/totp", b""),
            pseudonyms: PseudonymKey::new(root),
        }
    }

    /// The secret that goes into the hash of a person's password beside it: a hash fits nobody else's row.
    fn pepper(&self, who: Person<'_>) -> [u8; 32] {
        self.pepper
            .hash(&[who.tenant.as_str().as_bytes(), who.principal.as_str().as_bytes()])
    }

    fn change(&self, who: Person<'_>, now: Timestamp) -> SignInChange {
        SignInChange {
            at: to_stored(now),
            tenant: who.tenant.as_str().to_owned(),
            principal: Some(self.pseudonyms.pseudonym(who.tenant, who.principal)),
            session: None,
            way: None,
            count: None,
            expires_at: None,
        }
    }
}

impl SignIn {
    /// Lets the people of `ring` in.
    ///
    /// # Errors
    /// [`Error::PasswordList`] if a list of breached passwords cannot be used, [`Error::Crypto`].
    pub fn new(ring: Arc<KeyRing>, root: &RootKey, config: SignInConfig) -> Result<Self, Error> {
        Ok(Self {
            store: ring.store().clone(),
            ring,
            keys: SignInKeys::new(root),
            rules: PasswordRules::open(&config)?,
            hashers: Hashers::new(config.hashing_at_once),
            nothing: PasswordHash::of_nothing(config.cost)?,
            policy: RwLock::new(config.policy.clone()),
            config,
        })
    }

    /// Goes by another policy from now on, sessions that are open included.
    pub fn set_policy(&self, policy: SignInPolicy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    fn policy(&self) -> RwLockReadGuard<'_, SignInPolicy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it was made with.
    #[must_use]
    pub const fn config(&self) -> &SignInConfig {
        &self.config
    }

    /// How many passwords were hashed so far.
    #[must_use]
    pub fn hashed(&self) -> u64 {
        self.hashers.done()
    }

    /// Signs somebody in by a password. The session is a caller at once only if the person needs no second factor:
    /// [`NewSession::standing`] says so.
    ///
    /// # Errors
    /// [`SignInError::Refused`] for a name that nobody has, a wrong password, a person that is locked or switched off or whom the
    /// policies do not let sign in: nobody can tell which. [`SignInError::AddressLocked`], [`SignInError::Busy`],
    /// [`SignInError::Unavailable`].
    pub async fn sign_in(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<NewSession, SignInError> {
        let who = Person {
            tenant: attempt.tenant,
            principal: attempt.name,
        };
        let caller = match self.person(who) {
            Ok(caller) => Some(caller),
            Err(Denied::StoreUnavailable) => return Err(SignInError::Unavailable),
            Err(_) => None,
        };
        let counting = self.counting(who, caller.is_some(), attempt.address);
        let change = SignInChange {
            principal: caller
                .as_ref()
                .map(|_| self.keys.pseudonyms.pseudonym(who.tenant, who.principal)),
            ..self.keys.change(who, now)
        };
        // Before anything is written: this also bounds what strangers make the store do.
        let queued = self.hashers.queue()?;
        let pending = counting.begin(&self.store, &change).await?;
        let failures = match pending.begun() {
            Begun::AddressLocked { until } => return Err(SignInError::address_locked(until, now)),
            Begun::PersonLocked => None,
            Begun::Open { failures, .. } => Some(failures),
        };
        let stored = self.store.password(who).await?;
        let is_right = self
            .check(queued, who, stored.as_deref(), attempt.password)
            .await?;
        let (Some(caller), Some(failures), Some(stored), true) = (caller, failures, stored, is_right) else {
            pending.failed();
            return Err(SignInError::Refused);
        };
        if !self.may_sign_in(&caller, attempt.address, now) {
            return Err(SignInError::Refused);
        }
        pending.succeeded().await?;
        let checked = self.keep_up(who, stored, attempt.password).await?;
        let way = (SignInWay::Password, false);
        if let Some(new) = self.open_for(&caller, way, Some(&checked), failures, now).await? {
            return Ok(new);
        }
        // Somebody else hashed it anew at the same time, or changed it.
        let stored = self.store.password(who).await?.ok_or(SignInError::Refused)?;
        let queued = self.hashers.queue()?;
        if !self.check(queued, who, Some(&stored), attempt.password).await? {
            return Err(SignInError::Refused);
        }
        let opened = self.open_for(&caller, way, Some(&stored), failures, now).await?;
        opened.ok_or(SignInError::Refused)
    }

    /// Opens a session for somebody whom `way` has shown to be `principal`, with a second factor or without.
    ///
    /// # Errors
    /// [`SignInError::Refused`] if there is no such person, it is switched off, or the policies do not let it sign in;
    /// [`SignInError::Unavailable`].
    pub async fn open(
        &self,
        tenant: &TenantId,
        principal: &Principal,
        (way, has_two_factors): (SignInWay, bool),
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<NewSession, SignInError> {
        let caller = self
            .person(Person { tenant, principal })
            .map_err(|denied| match denied {
                Denied::StoreUnavailable => SignInError::Unavailable,
                _ => SignInError::Refused,
            })?;
        if !self.may_sign_in(&caller, address, now) {
            return Err(SignInError::Refused);
        }
        let opened = self
            .open_for(&caller, (way, has_two_factors), None, 0, now)
            .await?;
        opened.ok_or(SignInError::Refused)
    }

    /// Whoever has `who`'s name, if that is a person that was made and is not switched off.
    fn person(&self, who: Person<'_>) -> Result<Authenticated, Denied> {
        let caller = self.ring.vouched(&Vouched {
            principal: who.principal.clone(),
            tenant: who.tenant.clone(),
            id: String::new(),
            scopes: self.scopes(),
        })?;
        let caller = Authenticated {
            way: Way::Session,
            ..caller
        };
        if caller.account.kind() == PrincipalKind::User && caller.account.is_known() {
            Ok(caller)
        } else {
            Err(Denied::Unknown)
        }
    }

    /// That the policies let the person of `live` be signed in at `now` from `address`.
    ///
    /// # Errors
    /// [`Denied::NotPermitted`] if they do not.
    pub fn check_permitted(
        &self,
        live: &Live,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        Ok(self.ring.authorise(live.caller(), &ask(address, now))?)
    }

    fn may_sign_in(&self, caller: &Authenticated, address: Option<IpAddr>, now: Timestamp) -> bool {
        self.ring.authorise(caller, &ask(address, now)).is_ok()
    }

    /// Whether `password` is that of the hash `stored`; without one the same work, in vain.
    async fn check(
        &self,
        queued: Queued,
        who: Person<'_>,
        stored: Option<&str>,
        password: &str,
    ) -> Result<bool, SignInError> {
        let hash = match stored {
            Some(text) => Some(PasswordHash::parse(text)?),
            None => None,
        };
        let has_one = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nothing.clone());
        let (password, pepper) = (password::normalise(password), self.keys.pepper(who));
        let checked = self
            .hashers
            .run_queued(queued, move || hash.is_of(&password, &pepper));
        let is_right = checked.await??;
        Ok(is_right && has_one)
    }

    /// Hashes the password anew if it costs something else by now, and there is time for it. Returns what is stored then.
    async fn keep_up(&self, who: Person<'_>, old: String, password: &str) -> Result<String, SignInError> {
        if PasswordHash::parse(&old)?.cost() == self.config.cost {
            return Ok(old);
        }
        let new = match self.hash(who, password).await {
            Ok(new) => new,
            Err(SignInError::Busy) => return Ok(old),
            Err(error) => return Err(error),
        };
        self.store.rehash_password(who, &old, &new).await?;
        Ok(new)
    }

    async fn hash(&self, who: Person<'_>, password: &str) -> Result<String, SignInError> {
        let (password, pepper) = (password::normalise(password), self.keys.pepper(who));
        let cost = self.config.cost;
        let made = self
            .hashers
            .run(move || PasswordHash::make(&password, &pepper, cost));
        Ok(made.await??.to_text())
    }

    /// Uses up the invite of `code`, and gives its person `password`.
    ///
    /// # Errors
    /// [`SignInError::InviteSpent`] if there is no such invite, it is used or has expired; [`SignInError::Password`] if the password
    /// will not do, and then the invite can still be used; [`SignInError::Busy`], [`SignInError::Unavailable`].
    pub async fn accept_invite(&self, code: &str, password: &str, now: Timestamp) -> Result<(), SignInError> {
        let hash = enrol::invite_hash(&self.keys, code).ok_or(SignInError::InviteSpent)?;
        let invite = self.store.invite(hash, now).await?;
        let invite = invite.ok_or(SignInError::InviteSpent)?;
        let who = Person {
            tenant: &invite.tenant,
            principal: &invite.principal,
        };
        // Its person may have been switched off since.
        match self.person(who) {
            Ok(_) => {}
            Err(Denied::StoreUnavailable) => return Err(SignInError::Unavailable),
            Err(_) => return Err(SignInError::InviteSpent),
        }
        let made = self.new_password(who, password).await?;
        let counter = self.keys.lockout.person(who);
        let change = self.keys.change(who, now);
        let won = self.store.accept_invite(&invite, &made, &counter, &change);
        if won.await? {
            Ok(())
        } else {
            Err(SignInError::InviteSpent)
        }
    }

    /// Gives the person of `live` another password, and ends its other sessions.
    ///
    /// # Errors
    /// [`SignInError::NeedsProof`] if it is too long since the person showed who it is, [`SignInError::Password`] if the password will
    /// not do, [`SignInError::NoSession`] if the session ends meanwhile, [`SignInError::Busy`], [`SignInError::Unavailable`].
    pub async fn change_password(
        &self,
        live: &Live,
        password: &str,
        now: Timestamp,
    ) -> Result<(), SignInError> {
        self.check_proof(live, now)?;
        let who = live.person();
        let made = self.new_password(who, password).await?;
        let change = self.keys.change(who, now);
        let keep = Some(live.session().hash);
        if self.store.set_password(who, &made, keep, &change).await? {
            Ok(())
        } else {
            Err(SignInError::NoSession)
        }
    }

    /// The hash of a password that the rules let somebody have.
    async fn new_password(&self, who: Person<'_>, password: &str) -> Result<String, SignInError> {
        let normal = password::normalise(password);
        let (rules, name) = (self.rules.clone(), who.principal.clone());
        // It reads files.
        let checked = self.hashers.run(move || rules.check(&normal, &name)).await?;
        checked?;
        self.hash(who, password).await
    }
}

/// May somebody be signed in?
const fn ask(address: Option<IpAddr>, now: Timestamp) -> Ask<'static> {
    Ask {
        privilege: Privilege::SignIn,
        resource: Resource::Tenant,
        at: now,
        address,
        prompt: None,
    }
}
