//! What can go wrong with API keys.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use privet_types::KeyScope;

use crate::{LocalError, PolicyError, Privilege, RecordError};

/// What can go wrong when API keys, principals and policies are made, listed or changed. Never says a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] privet_store::Error),
    /// The store did not answer in time.
    #[error("the store did not answer within {} s; check its disk", limit.as_secs_f32())]
    StoreTimeout {
        /// How long it was waited for.
        limit: Duration,
    },
    /// The cryptographic library failed.
    #[error("cannot make an API key")]
    Crypto(#[from] privet_crypto::Error),
    /// A key was to expire before it is made.
    #[error(
        "the API key would expire at {expires_at}, which is not in the future; give a later time, or none"
    )]
    ExpiresInPast {
        /// When.
        expires_at: Timestamp,
    },
    /// No key has this id.
    #[error("no API key has the id `{id}`; list them with `privet key list`")]
    UnknownKeyId {
        /// What was given.
        id: String,
    },
    /// A key has a successor already.
    #[error("the key `{id}` was rotated: `{successor}` takes its place; rotate that one")]
    KeyRotated {
        /// What was given.
        id: String,
        /// Its successor.
        successor: String,
    },
    /// A key that is revoked or has expired was to be rotated.
    #[error("the key `{id}` is revoked or has expired; make a new one with `privet key create`")]
    KeyEnded {
        /// What was given.
        id: String,
    },
    /// A key was to work for too long beside its successor.
    #[error("a key may work beside its successor for 90 days at most; give a shorter `--grace`")]
    GraceTooLong,
    /// A principal of this name is there already.
    #[error("there is a principal `{name}` already; choose another name")]
    PrincipalExists {
        /// Its name.
        name: String,
    },
    /// No principal of this kind has this name.
    #[error(
        "there is no {kind} `{name}`; list them with `privet {kind} list`, or make one with `privet {kind} create`"
    )]
    UnknownPrincipal {
        /// `user` or `service`.
        kind: &'static str,
        /// What was given.
        name: String,
    },
    /// No principal of this name was made.
    #[error(
        "nobody called `{name}` was made; make them with `privet user create` or `privet service create`"
    )]
    NoPrincipal {
        /// What was given.
        name: String,
    },
    /// A group of this name is there already.
    #[error("there is a group `{name}` already; choose another name")]
    GroupExists {
        /// Its name.
        name: String,
    },
    /// No group has this name.
    #[error("there is no group `{name}`; make it with `privet group create`")]
    UnknownGroup {
        /// What was given.
        name: String,
    },
    /// An order to cut somebody or something off makes no sense.
    #[error("this kill switch cannot be set: {why}")]
    BadKillOrder {
        /// What is wrong with it.
        why: &'static str,
    },
    /// No kill switch of this id is in force.
    #[error("no kill switch `{id}` is in force; `privet kill list` shows those that are")]
    UnknownKillSwitch {
        /// What was given.
        id: String,
    },
    /// The file of this machine's own kill switches.
    #[error(transparent)]
    LocalSwitches(#[from] LocalError),
    /// The role of service accounts was to go to a person.
    #[error("the role `service` is for service accounts; give a person `user` or `developer`")]
    PersonAsService,
    /// A signed record does not count.
    #[error("the record {0}")]
    Record(#[from] RecordError),
    /// A record is for somebody of another tenant.
    #[error("the record is for another tenant; name it with `--tenant`")]
    ForeignRecord,
    /// A list of breached passwords cannot be used.
    #[error("the list of passwords `{}` {what}; mend it, or take it out of `[sign_in]` in the settings", path.display())]
    PasswordList {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
        /// What caused it.
        #[source]
        source: Option<std::io::Error>,
    },
    /// A policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Why a caller was not let in. For the log; tell callers no more than that they were not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// No key was presented.
    #[error("no API key was presented; send one made by `privet key create`")]
    Missing,
    /// Two were presented, and nobody knows which one counts.
    #[error(
        "two different keys or tokens were sent, or one header twice; send one, in one of `authorization`, `x-api-key` and `api-key`"
    )]
    TwoCredentials,
    /// What was presented is not a key: mistyped or cut.
    #[error("this is not an API key or a token of privet; copy it whole, from `prvt_` or `privet_at_` on")]
    Malformed,
    /// No such key.
    #[error("this API key is not known here; make one with `privet key create`")]
    Unknown,
    /// The key was good until a time that has passed.
    #[error("this API key has expired; make one with `privet key create`")]
    Expired,
    /// The key was revoked.
    #[error("this API key was revoked; make one with `privet key create`")]
    Revoked,
    /// Another key has taken its place, and the time in which both work is over.
    #[error("this API key was rotated, and its time of grace is over; use the key that took its place")]
    Rotated,
    /// Keys could not be read from the store for so long that a revocation may have been missed.
    #[error("API keys cannot be read; repair the store")]
    StoreUnavailable,
    /// The key is good, but not for this.
    #[error("this API key lacks the scope `{0}`; use one made by `privet key create --scope {0}`")]
    OutOfScope(KeyScope),
    /// The principal, or its tenant, is switched off.
    #[error("the owner of this API key is switched off; ask an administrator")]
    Disabled,
    /// A token was changed, or signed by somebody else.
    #[error("this is no token that privet has signed")]
    TokenForged,
    /// A token's life is over.
    #[error("this token has expired; get another one with `POST /api/v1/tokens`")]
    TokenExpired,
    /// A token is from later than now.
    #[error("this token is from later than now; set the clocks of the servers right")]
    TokenEarly,
    /// A token was taken back, with its session or by itself.
    #[error("this token was taken back; get another one with `POST /api/v1/tokens`")]
    TokenRevoked,
    /// A token is good, but not at this address.
    #[error("this token is not good for this address; get another one with `POST /api/v1/tokens`")]
    TokenElsewhere,
    /// The session is over, or was never there.
    #[error("you are not signed in, or no longer; sign in")]
    NoSession,
    /// A request with a session's cookie may have been made by another site's page.
    #[error(
        "this request may come from another site's page; send `x-privet-csrf` with the `csrf_token` of `GET /api/v1/me`, from a page of Privet's own"
    )]
    Forged,
    /// The session's person has yet to show, or to add, a second factor.
    #[error("show your second factor first, or add one; `GET /api/v1/me` says which")]
    NeedsSecondFactor,
    /// A token of another issuer that is not accepted.
    #[error(
        "this token was not accepted; get another one from your identity provider, or use an API key made by `privet key create`"
    )]
    BadToken,
    /// A token of another issuer that stands for nobody here.
    #[error(
        "nobody here belongs to this token; an administrator makes them with `privet user create` or `privet service create`, and names them in `[[access.issuers]]` of the settings"
    )]
    NoAccount,
    /// The keys of the issuer of a token cannot be had.
    #[error("the keys of this token's issuer cannot be had; try again in a moment")]
    IssuerUnavailable,
    /// Sessions are not good for this.
    #[error("the session of a browser is not good for this; use an API key")]
    NotBySession,
    /// A kill switch cuts off the caller, its key, its tenant, or everybody.
    #[error("this was switched off for the time being; ask an administrator")]
    SwitchedOff,
    /// No policy permits it, or one forbids it.
    #[error("this is not permitted (`{0}`); ask an administrator for a role that permits it")]
    NotPermitted(Privilege),
}

impl Denied {
    /// The name in logs, metrics and audit events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "key_missing",
            Self::TwoCredentials => "two_credentials",
            Self::Malformed => "key_malformed",
            Self::Unknown => "key_unknown",
            Self::Expired => "key_expired",
            Self::Revoked => "key_revoked",
            Self::Rotated => "key_rotated",
            Self::StoreUnavailable => "key_store_unavailable",
            Self::OutOfScope(_) => "key_out_of_scope",
            Self::Disabled => "principal_disabled",
            Self::TokenForged => "token_forged",
            Self::TokenExpired => "token_expired",
            Self::TokenEarly => "token_early",
            Self::TokenRevoked => "token_revoked",
            Self::TokenElsewhere => "token_elsewhere",
            Self::NoSession => "no_session",
            Self::Forged => "cross_site",
            Self::NeedsSecondFactor => "second_factor_needed",
            Self::BadToken => "token_not_accepted",
            Self::NoAccount => "token_without_account",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::NotBySession => "not_by_session",
            Self::SwitchedOff => "switched_off",
            Self::NotPermitted(_) => "not_permitted",
        }
    }
}
