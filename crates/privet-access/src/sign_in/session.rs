//! Sessions: who is signed in, and what that is good for.

use std::time::Duration;

use data_encoding::{BASE32_DNSSEC, HEXLOWER};
use jiff::{SignedDuration, Timestamp};
use privet_crypto::random;
use privet_store::{Person, SessionView, SignInChange};
use privet_types::{KeyScope, KeyScopes, Principal, Secret};
use zeroize::Zeroizing;

use super::{SessionRecord, SignIn, SignInError, SignInWay};
use crate::Denied;
use crate::key_ring::Authenticated;
use crate::manage::to_stored;

/// How exactly it is written down when a session was last used.
const SEEN_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// Characters of a session's public id: 60 random bits.
pub(super) const ID_LENGTH: usize = 12;

/// What a session is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStanding {
    /// All that its person may do.
    Full,
    /// Nothing but showing the second factor that its person has.
    NeedsSecondFactor,
    /// Nothing but adding the second factor that its person needs.
    NeedsEnrolment,
}

/// A session that was just opened, or goes on under a new token.
#[derive(Debug)]
pub struct NewSession {
    /// What the browser keeps: 52 characters. It is kept nowhere else.
    pub token: Secret<String>,
    /// What requests that change something must show beside it.
    pub forgery_token: String,
    /// What is stored.
    pub session: SessionRecord,
    /// What it is good for.
    pub standing: SessionStanding,
}

/// A session that is not over, as a request presents it.
#[derive(Debug, Clone)]
pub struct Live {
    view: SessionView,
    caller: Authenticated,
    standing: SessionStanding,
    forgery_token: String,
}

impl SessionStanding {
    /// The name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::NeedsSecondFactor => "second_factor_needed",
            Self::NeedsEnrolment => "enrolment_needed",
        }
    }
}

impl Live {
    /// Whose it is, with the groups and roles of this moment, whatever the session is good for.
    #[must_use]
    pub const fn caller(&self) -> &Authenticated {
        &self.caller
    }

    /// What is stored.
    #[must_use]
    pub const fn session(&self) -> &SessionRecord {
        &self.view.session
    }

    /// What it is good for.
    #[must_use]
    pub const fn standing(&self) -> SessionStanding {
        self.standing
    }

    /// What requests that change something must show.
    #[must_use]
    pub fn forgery_token(&self) -> &str {
        &self.forgery_token
    }

    /// Whether its person has an authenticator app, and a passkey.
    #[must_use]
    pub const fn factors(&self) -> (bool, bool) {
        (self.view.has_totp, self.view.has_passkey)
    }

    /// That it is good for all that its person may do.
    ///
    /// # Errors
    /// [`SignInError::NeedsSecondFactor`], [`SignInError::NeedsEnrolment`].
    pub const fn check(&self) -> Result<(), SignInError> {
        match self.standing {
            SessionStanding::Full => Ok(()),
            SessionStanding::NeedsSecondFactor => Err(SignInError::NeedsSecondFactor),
            SessionStanding::NeedsEnrolment => Err(SignInError::NeedsEnrolment),
        }
    }

    pub(super) fn person(&self) -> Person<'_> {
        Person {
            tenant: &self.view.session.tenant,
            principal: &self.view.session.principal,
        }
    }
}

/// Leaves out those that are over since they were not used for `idle_lasts`.
pub(super) fn retain_used(sessions: &mut Vec<SessionRecord>, idle_lasts: Duration, now: Timestamp) {
    sessions.retain(|session| {
        let idle_from = session.seen_at.checked_add(idle_lasts);
        idle_from.map_or(true, |idle| idle > now)
    });
}

impl SignIn {
    /// What a session may be used for, as the scopes of a key say it; roles and policies say the rest.
    pub(super) fn scopes(&self) -> KeyScopes {
        let prompts = self.policy().allows_prompts;
        let scopes: Vec<KeyScope> = KeyScope::ALL
            .into_iter()
            .filter(|scope| prompts || *scope != KeyScope::Gateway)
            .collect();
        KeyScopes::of(&scopes)
    }

    /// Opens a session for whoever `caller` is; `None` if it signs in by the password of `password` and has another one by now.
    pub(super) async fn open_for(
        &self,
        caller: &Authenticated,
        (way, has_two_factors): (SignInWay, bool),
        password: Option<&str>,
        failures: u32,
        now: Timestamp,
    ) -> Result<Option<NewSession>, SignInError> {
        let (token, hash) = self.new_token()?;
        let mut id = BASE32_DNSSEC.encode(&random::<8>()?);
        id.truncate(ID_LENGTH);
        let made_at = to_stored(now);
        let session = SessionRecord {
            hash,
            id,
            tenant: caller.tenant.clone(),
            principal: caller.principal.clone(),
            way,
            has_two_factors,
            made_at,
            seen_at: made_at,
            proved_at: made_at,
            expires_at: made_at
                .checked_add(self.config.session_lasts)
                .unwrap_or(Timestamp::MAX),
        };
        let who = Person {
            tenant: &caller.tenant,
            principal: &caller.principal,
        };
        let change = SignInChange {
            session: Some(session.id.clone()),
            way: Some(way.name()),
            count: (failures > 0).then_some(u64::from(failures)),
            expires_at: Some(session.expires_at),
            ..self.keys.change(who, now)
        };
        let inserted = self
            .store
            .insert_session(&session, password, self.config.sessions, &change);
        if !inserted.await? {
            return Ok(None);
        }
        let view = self.store.session(hash).await?.ok_or(SignInError::NoSession)?;
        Ok(Some(NewSession {
            token,
            forgery_token: self.forgery_token(&hash),
            standing: self.standing(caller, &view),
            session,
        }))
    }

    /// The session of `token`, if it is not over at `now` and its person is not switched off.
    ///
    /// # Errors
    /// [`SignInError::NoSession`], [`SignInError::Unavailable`], [`SignInError::Store`].
    pub async fn find(&self, token: &str, now: Timestamp) -> Result<Live, SignInError> {
        let hash = self.token_hash(token).ok_or(SignInError::NoSession)?;
        let view = self.store.session(hash).await?.ok_or(SignInError::NoSession)?;
        let session = &view.session;
        let idle_from = session.seen_at.checked_add(self.config.idle_lasts);
        if session.expires_at <= now || idle_from.is_ok_and(|idle| idle <= now) {
            return Err(SignInError::NoSession);
        }
        let who = Person {
            tenant: &session.tenant,
            principal: &session.principal,
        };
        let mut caller = self.person(who).map_err(|denied| match denied {
            Denied::StoreUnavailable => SignInError::Unavailable,
            _ => SignInError::NoSession,
        })?;
        caller.key_id.clone_from(&session.id);
        if now.duration_since(session.seen_at) >= SEEN_EVERY {
            self.store.touch_session(hash, to_stored(now)).await?;
        }
        Ok(Live {
            standing: self.standing(&caller, &view),
            forgery_token: self.forgery_token(&hash),
            caller,
            view,
        })
    }

    /// Ends the session `id` of `live`'s person; without one, all but `live`. Returns how many.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn end_own(&self, live: &Live, id: Option<&str>, now: Timestamp) -> Result<u64, SignInError> {
        let who = live.person();
        let change = self.keys.change(who, now);
        let Some(id) = id else {
            let keep = Some(live.session().hash);
            return Ok(self.store.end_sessions(who, keep, &change).await?);
        };
        self.end(live, Some(who.principal), id, now).await
    }

    /// Ends the session `id` of anybody of `live`'s tenant, or of `of` alone. Returns how many.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn end(
        &self,
        live: &Live,
        of: Option<&Principal>,
        id: &str,
        now: Timestamp,
    ) -> Result<u64, SignInError> {
        let who = live.person();
        let change = SignInChange {
            session: Some(id.to_owned()),
            ..self.keys.change(who, now)
        };
        let ended = self.store.end_session(who.tenant, of, id, &change).await?;
        Ok(u64::from(ended))
    }

    /// The sessions of `live`'s person, or of everybody of its tenant; the youngest first.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn list(
        &self,
        live: &Live,
        of_everybody: bool,
        now: Timestamp,
    ) -> Result<Vec<SessionRecord>, SignInError> {
        let who = live.person();
        let of = (!of_everybody).then_some(who.principal);
        let mut sessions = self.store.list_sessions(who.tenant, of, now).await?;
        retain_used(&mut sessions, self.config.idle_lasts, now);
        Ok(sessions)
    }

    /// That the person of `live` showed not long ago who it is, with all that it has.
    ///
    /// # Errors
    /// [`SignInError::NeedsProof`] if that was too long ago, [`SignInError::NeedsSecondFactor`], [`SignInError::NeedsEnrolment`].
    pub fn check_proof(&self, live: &Live, now: Timestamp) -> Result<(), SignInError> {
        live.check()?;
        let until = live.session().proved_at.checked_add(self.config.proof_lasts);
        if until.is_ok_and(|until| now < until) {
            Ok(())
        } else {
            Err(SignInError::NeedsProof)
        }
    }

    /// `caller`, who came by a token that a session made, as far as that session would be good for it by now.
    ///
    /// # Errors
    /// [`Denied::NeedsSecondFactor`] if its roles ask for one by now, and the session had shown none.
    pub fn narrowed(&self, caller: Authenticated) -> Result<Authenticated, Denied> {
        let has_two_factors = caller.token.as_ref().is_some_and(|token| token.has_two_factors);
        if !has_two_factors && self.needs_two_factors(&caller) {
            return Err(Denied::NeedsSecondFactor);
        }
        Ok(Authenticated {
            scopes: caller.scopes.intersection(self.scopes()),
            ..caller
        })
    }

    /// Whether the roles of `caller` ask for a second factor.
    fn needs_two_factors(&self, caller: &Authenticated) -> bool {
        let policy = self.policy();
        let mut roles = caller.account.roles().into_iter();
        roles.any(|role| !policy.password_only_roles.contains(role))
    }

    fn standing(&self, caller: &Authenticated, view: &SessionView) -> SessionStanding {
        if view.session.has_two_factors {
            SessionStanding::Full
        } else if view.has_totp || view.has_passkey {
            SessionStanding::NeedsSecondFactor
        } else if self.needs_two_factors(caller) {
            SessionStanding::NeedsEnrolment
        } else {
            SessionStanding::Full
        }
    }

    /// 256 random bits in base32hex, and what the store holds of them.
    pub(super) fn new_token(&self) -> Result<(Secret<String>, [u8; 32]), SignInError> {
        let bits = Zeroizing::new(random::<32>()?);
        let token = Secret::new(BASE32_DNSSEC.encode(bits.as_slice()));
        Ok((token, self.keys.sessions.hash(&[bits.as_slice()])))
    }

    fn token_hash(&self, token: &str) -> Option<[u8; 32]> {
        let bits = Zeroizing::new(BASE32_DNSSEC.decode(token.as_bytes()).ok()?);
        // It is read in capitals, too; one session has one token.
        let is_as_given = !token.bytes().any(|byte| byte.is_ascii_uppercase());
        (bits.len() == 32 && is_as_given).then(|| self.keys.sessions.hash(&[bits.as_slice()]))
    }

    pub(super) fn forgery_token(&self, hash: &[u8; 32]) -> String {
        self.keys.forgery.hash_hex(&[hash])
    }

    /// Whether `shown` is what requests of `live` that change something must show, compared in constant time.
    #[must_use]
    pub fn is_not_forged(&self, live: &Live, shown: &str) -> bool {
        let shown = HEXLOWER.decode(shown.as_bytes()).ok();
        let shown: Option<[u8; 32]> = shown.and_then(|bytes| bytes.try_into().ok());
        shown.is_some_and(|shown| self.keys.forgery.is_hash_of(&[&live.session().hash], &shown))
    }
}
