//! Adding and removing second factors, and the codes for when they are lost.

use std::fmt::Write;

use data_encoding::BASE32_DNSSEC;
use jiff::Timestamp;
use privet_crypto::random;
use privet_store::{Person, SignInChange, TotpSecret};
use privet_types::Secret;
use qrcodegen::{QrCode, QrCodeEcc};
use zeroize::Zeroizing;

use super::totp::{self, SECRET};
use super::{Live, NewSession, SessionStanding, SignIn, SignInError};
use crate::manage::to_stored;

/// How many recovery codes a person has.
const CODES: usize = 10;
/// Characters of a recovery code: 50 random bits.
const CODE: usize = 10;

/// An authenticator app that is to be confirmed by a first code.
#[derive(Debug)]
pub struct NewTotp {
    /// What the app reads, from a picture or by hand: `otpauth://…`.
    pub uri: Secret<String>,
}

impl NewTotp {
    /// The same as a picture for the app to read: a QR code as SVG, black on white.
    #[must_use]
    pub fn picture(&self) -> Option<String> {
        let code = QrCode::encode_text(self.uri.expose(), QrCodeEcc::Medium).ok()?;
        let (size, margin) = (code.size(), 4);
        let dark = (0..size)
            .flat_map(|y| (0..size).map(move |x| (x, y)))
            .filter(|(x, y)| code.get_module(*x, *y));
        let mut path = String::new();
        for (x, y) in dark {
            // Writing to a String does not fail.
            let _ = write!(path, "M{},{}h1v1h-1z", x + margin, y + margin);
        }
        let side = size + 2 * margin;
        Some(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" \
             aria-label=\"QR code for an authenticator app\" shape-rendering=\"crispEdges\">\
             <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{path}\"/></svg>"
        ))
    }
}

/// Recovery codes as they are shown, and what the store holds of each.
type Codes = (Vec<Secret<String>>, Vec<[u8; 32]>);

impl SignIn {
    /// That the person of `live` may change its second factors: it showed not long ago who it is, with all that it has; who has none
    /// yet, and needs one, may add it.
    pub(super) fn check_change(&self, live: &Live, now: Timestamp) -> Result<(), SignInError> {
        match live.standing() {
            SessionStanding::NeedsEnrolment => Ok(()),
            _ => self.check_proof(live, now),
        }
    }

    /// Makes the secret of an authenticator app, which counts once a code of it was shown.
    ///
    /// # Errors
    /// [`SignInError::NeedsProof`], [`SignInError::NeedsSecondFactor`], [`SignInError::TotpExists`], [`SignInError::Store`].
    pub async fn begin_totp(&self, live: &Live, now: Timestamp) -> Result<NewTotp, SignInError> {
        self.check_change(live, now)?;
        let who = live.person();
        let secret = Zeroizing::new(random::<SECRET>()?);
        let sealed = self.keys.totp.seal(&place(who), secret.as_slice())?;
        let secret_row = TotpSecret {
            sealed,
            made_at: to_stored(now),
        };
        if !self.store.begin_totp(who, &secret_row).await? {
            return Err(SignInError::TotpExists);
        }
        Ok(NewTotp {
            uri: Secret::new(totp::uri(secret.as_slice(), &self.config.issuer, who.principal)),
        })
    }

    /// The first code of a new authenticator app: from now on it counts, and the session, which goes on under a new token, has two
    /// factors. Returns the person's recovery codes, new ones.
    ///
    /// # Errors
    /// [`SignInError::NoTotp`] if none was begun or it is confirmed, [`SignInError::WrongProof`], and those of
    /// [`begin_totp`](Self::begin_totp).
    pub async fn confirm_totp(
        &self,
        live: &Live,
        code: &str,
        now: Timestamp,
    ) -> Result<(Vec<Secret<String>>, NewSession), SignInError> {
        self.check_change(live, now)?;
        let who = live.person();
        let totp = self.store.totp(who).await?.filter(|totp| !totp.is_confirmed);
        let totp = totp.ok_or(SignInError::NoTotp)?;
        let secret = self.keys.totp.open(&place(who), &totp.sealed)?;
        let step = totp::step_of(&secret, code, now, &self.keys.recovery).ok_or(SignInError::WrongProof)?;
        let (codes, hashes) = self.new_codes(who)?;
        let change = self.keys.change(who, now);
        let session = live.session().hash;
        let confirmed = self
            .store
            .confirm_totp(who, &totp.sealed, step, hashes, session, &change);
        if !confirmed.await?.ok_or(SignInError::NoSession)? {
            return Err(SignInError::NoTotp);
        }
        let change = SignInChange {
            session: Some(live.session().id.clone()),
            way: Some("totp"),
            ..change
        };
        Ok((codes, self.go_on(live, true, &change).await?))
    }

    /// Removes the person's authenticator app, and with the last second factor its recovery codes.
    ///
    /// # Errors
    /// [`SignInError::NoTotp`], [`SignInError::NeedsProof`], [`SignInError::Store`].
    pub async fn remove_totp(&self, live: &Live, now: Timestamp) -> Result<(), SignInError> {
        self.check_change(live, now)?;
        let who = live.person();
        let change = self.keys.change(who, now);
        if self.store.remove_totp(who, &change).await? {
            Ok(())
        } else {
            Err(SignInError::NoTotp)
        }
    }

    /// New recovery codes in the place of all that the person has.
    ///
    /// # Errors
    /// [`SignInError::NoFactor`] if there is no second factor, [`SignInError::NeedsProof`], [`SignInError::Store`].
    pub async fn new_recovery_codes(
        &self,
        live: &Live,
        now: Timestamp,
    ) -> Result<Vec<Secret<String>>, SignInError> {
        self.check_proof(live, now)?;
        if live.factors() == (false, false) {
            return Err(SignInError::NoFactor);
        }
        let who = live.person();
        let (codes, hashes) = self.new_codes(who)?;
        let change = self.keys.change(who, now);
        let session = live.session().hash;
        if self
            .store
            .put_recovery_codes(who, hashes, session, &change)
            .await?
        {
            Ok(codes)
        } else {
            Err(SignInError::NoSession)
        }
    }

    /// How many recovery codes the person has left.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn count_recovery_codes(&self, live: &Live) -> Result<i64, SignInError> {
        Ok(self.store.count_recovery_codes(live.person()).await?)
    }

    pub(super) fn new_codes(&self, who: Person<'_>) -> Result<Codes, SignInError> {
        let (mut codes, mut hashes) = (Vec::with_capacity(CODES), Vec::with_capacity(CODES));
        while codes.len() < CODES {
            let mut code = Zeroizing::new(BASE32_DNSSEC.encode(&random::<7>()?));
            code.truncate(CODE);
            hashes.push(self.recovery_hash(who, &code));
            let (first, second) = code.split_at_checked(CODE / 2).unwrap_or((&code, ""));
            codes.push(Secret::new(format!("{first}-{second}")));
        }
        Ok((codes, hashes))
    }

    /// What the store holds of a recovery code, however it was typed.
    pub(super) fn recovery_hash(&self, who: Person<'_>, typed: &str) -> [u8; 32] {
        let digits = typed.chars().filter(|c| !matches!(c, ' ' | '-'));
        let digits: Zeroizing<String> = Zeroizing::new(digits.map(|c| c.to_ascii_lowercase()).collect());
        let (tenant, name) = (who.tenant.as_str(), who.principal.as_str());
        self.keys
            .recovery
            .hash(&[tenant.as_bytes(), name.as_bytes(), digits.as_bytes()])
    }
}

/// Where a secret is sealed. Neither name can hold a zero byte.
pub(super) fn place(who: Person<'_>) -> Vec<u8> {
    format!("{}\0{}", who.tenant, who.principal).into_bytes()
}
