//! Why somebody is not let in, in words for that somebody.

use jiff::Timestamp;

use super::PasswordFault;

/// Why somebody is not let in, or may not change how it signs in. `Display` is the text for whoever asks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The name, the password, a lock, a person that is switched off, or a policy: it is not said which.
    #[error(
        "the name or the password is wrong, or this person cannot sign in now; wait some minutes and try again, or ask an administrator"
    )]
    Refused,
    /// Too many failures came from one address.
    #[error("too many attempts to sign in failed from your address; try again in {retry_after} s")]
    AddressLocked {
        /// Seconds until the next attempt is looked at.
        retry_after: u64,
    },
    /// As many passwords are being checked as may be.
    #[error("too many people sign in at this moment; try again in a moment")]
    Busy,
    /// A new password will not do.
    #[error("{0}")]
    Password(#[from] PasswordFault),
    /// What an identity provider says is not accepted, or whom it means cannot sign in here now: it is not said which.
    #[error(
        "your identity provider's word was not accepted, or you cannot sign in here now; begin anew, or ask an administrator, who may have to link you: `privet user link`"
    )]
    LoginRefused,
    /// A sign-in at an identity provider is over, was begun in another browser, or was used.
    #[error("this sign-in has expired, was begun elsewhere, or was used already; begin anew")]
    LoginSpent,
    /// There is no such session, or it is over.
    #[error("you are not signed in, or no longer; sign in")]
    NoSession,
    /// A request with a session's cookie may have been made by another site's page.
    #[error(
        "this request may come from another site's page; send `x-privet-csrf` with the `csrf_token` of `GET /api/v1/me`, from a page of Privet's own"
    )]
    Forged,
    /// The person has a second factor, and has not shown it.
    #[error("show your second factor first: POST /api/v1/me/proof")]
    NeedsSecondFactor,
    /// The person needs a second factor, and has none.
    #[error("your role needs a second factor; add one first: POST /api/v1/me/totp")]
    NeedsEnrolment,
    /// It is too long since the person showed who it is.
    #[error("show again that it is you: POST /api/v1/me/proof")]
    NeedsProof,
    /// What was shown does not count.
    #[error(
        "this does not count: it is wrong, was used before, or too many were wrong; wait some minutes and try again"
    )]
    WrongProof,
    /// The invite is used, has expired, or was never made.
    #[error("this invite is used, has expired, or is mistyped; ask an administrator for another")]
    InviteSpent,
    /// An authenticator app is there already.
    #[error("you have an authenticator app already; remove it first: DELETE /api/v1/me/totp")]
    TotpExists,
    /// There is no authenticator app to confirm or remove.
    #[error("there is no authenticator app; add one: POST /api/v1/me/totp")]
    NoTotp,
    /// A passkey is to have a name that it cannot have.
    #[error("name the passkey in 1 to 40 ASCII letters, digits, spaces, `.`, `_` and `-`")]
    BadName,
    /// Nobody has a second factor here, so there is nothing to recover.
    #[error("recovery codes are for a second factor, and you have none; add one: POST /api/v1/me/totp")]
    NoFactor,
    /// The store cannot be asked, or not in time.
    #[error("nobody can sign in at the moment; try again in a moment")]
    Unavailable,
    /// A list of breached passwords cannot be read.
    #[error(
        "the new password cannot be checked at the moment; the operator finds the reason in Privet's log"
    )]
    Unchecked(#[source] crate::Error),
    /// The store failed.
    #[error("nobody can sign in at the moment; the operator finds the reason in Privet's log")]
    Store(#[from] privet_store::Error),
    /// The cryptographic library failed, or what is stored was changed by hand.
    #[error("nobody can sign in at the moment; the operator finds the reason in Privet's log")]
    Crypto(#[from] privet_crypto::Error),
}

impl SignInError {
    pub(super) fn address_locked(until: Timestamp, now: Timestamp) -> Self {
        let seconds = until.duration_since(now).as_secs();
        Self::AddressLocked {
            retry_after: u64::try_from(seconds).unwrap_or(0) + 1,
        }
    }

    /// A code from a closed set: safe in logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused => "sign_in_refused",
            Self::AddressLocked { .. } => "address_locked",
            Self::Busy => "busy",
            Self::Password(_) => "password_not_accepted",
            Self::LoginRefused => "login_refused",
            Self::LoginSpent => "login_spent",
            Self::NoSession => "no_session",
            Self::Forged => "cross_site",
            Self::NeedsSecondFactor => "second_factor_needed",
            Self::NeedsEnrolment => "enrolment_needed",
            Self::NeedsProof => "proof_needed",
            Self::WrongProof => "wrong_proof",
            Self::InviteSpent => "invite_spent",
            Self::TotpExists => "totp_exists",
            Self::NoTotp => "no_totp",
            Self::BadName => "bad_name",
            Self::NoFactor => "no_second_factor",
            Self::Unavailable | Self::Unchecked(_) | Self::Store(_) | Self::Crypto(_) => {
                "sign_in_unavailable"
            }
        }
    }
}
