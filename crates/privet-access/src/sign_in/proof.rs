//! Showing who one is again, or with a second factor.

use std::net::IpAddr;

use jiff::Timestamp;
use privet_store::{Begun, SignInChange};

use super::factors::place;
use super::{Live, NewSession, SessionStanding, SignIn, SignInError, totp};

/// What somebody who is signed in shows.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// The password: enough for those who have no second factor, or have shown it in this session.
    Password(&'a str),
    /// A code of the authenticator app.
    Code(&'a str),
    /// A recovery code.
    Recovery(&'a str),
}

impl Proof<'_> {
    const fn name(self) -> &'static str {
        match self {
            Self::Password(_) => "password",
            Self::Code(_) => "totp",
            Self::Recovery(_) => "recovery_code",
        }
    }
}

impl SignIn {
    /// The person of `live` shows who it is. The session goes on under a new token; the old one counts no more.
    ///
    /// # Errors
    /// [`SignInError::WrongProof`] for what is wrong, used, or tried too often; [`SignInError::NeedsSecondFactor`] for a password of
    /// somebody who has yet to show the second factor; [`SignInError::AddressLocked`], [`SignInError::Busy`], [`SignInError::Store`].
    pub async fn prove(
        &self,
        live: &Live,
        proof: Proof<'_>,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<NewSession, SignInError> {
        let who = live.person();
        let is_second = !matches!(proof, Proof::Password(_));
        if !is_second && live.standing() == SessionStanding::NeedsSecondFactor {
            return Err(SignInError::NeedsSecondFactor);
        }
        let counting = if is_second {
            self.counting_codes(who, address)
        } else {
            self.counting(who, true, address)
        };
        let change = SignInChange {
            session: Some(live.session().id.clone()),
            way: Some(proof.name()),
            ..self.keys.change(who, now)
        };
        let queued = if is_second {
            None
        } else {
            Some(self.hashers.queue()?)
        };
        let pending = counting.begin(&self.store, &change).await?;
        let is_open = match pending.begun() {
            Begun::AddressLocked { until } => return Err(SignInError::address_locked(until, now)),
            Begun::PersonLocked => false,
            Begun::Open { .. } => true,
        };
        let is_right = match proof {
            Proof::Password(password) => {
                let queued = queued.map_or_else(|| self.hashers.queue(), Ok)?;
                let stored = self.store.password(who).await?;
                self.check(queued, who, stored.as_deref(), password).await? && is_open
            }
            // What is right is only used up if it is looked at.
            Proof::Code(code) => is_open && self.use_code(live, code, now).await?,
            Proof::Recovery(code) => {
                let hash = self.recovery_hash(who, code);
                is_open && self.store.use_recovery_code(who, hash, &change).await?
            }
        };
        if !is_right {
            pending.failed();
            return Err(SignInError::WrongProof);
        }
        pending.succeeded().await?;
        self.go_on(live, is_second, &change).await
    }

    /// Puts a new token in the place of that of `live`, whose person showed who it is.
    pub(super) async fn go_on(
        &self,
        live: &Live,
        is_second: bool,
        change: &SignInChange,
    ) -> Result<NewSession, SignInError> {
        let (token, hash) = self.new_token()?;
        let goes_on = self.store.prove_session(
            live.person(),
            (live.session().hash, hash),
            is_second,
            self.config.sessions,
            change,
        );
        if !goes_on.await? {
            return Err(SignInError::NoSession);
        }
        let live = self.find(token.expose(), change.at).await?;
        Ok(NewSession {
            token,
            forgery_token: live.forgery_token().to_owned(),
            session: live.session().clone(),
            standing: live.standing(),
        })
    }

    /// Whether `code` is one of the confirmed authenticator app that was not used; it is now.
    async fn use_code(&self, live: &Live, code: &str, now: Timestamp) -> Result<bool, SignInError> {
        let who = live.person();
        let Some(totp) = self.store.totp(who).await?.filter(|totp| totp.is_confirmed) else {
            return Ok(false);
        };
        let secret = self.keys.totp.open(&place(who), &totp.sealed)?;
        match totp::step_of(&secret, code, now, &self.keys.recovery) {
            Some(step) => Ok(self.store.use_totp_step(who, step).await?),
            None => Ok(false),
        }
    }
}
