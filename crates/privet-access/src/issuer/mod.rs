//! Tokens of other issuers (RFC 7519): who may issue them, what they must say, and for whom they stand.
//!
//! Everything that somebody else could choose is pinned: the issuer, the audience, the algorithm, where the keys are. A token's
//! header chooses among pinned keys and nothing else. It knows no network: whoever has one fetches the keys when
//! [`Issuer::wanted`] says so.

mod claims;
mod id_token;
mod json;
mod key_set;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use privet_types::{GroupName, KeyScopes, Principal, TenantId};

pub use claims::Claimed;
pub use id_token::{Expected, SignedIn};
pub use json::object as strict_object;
pub use key_set::{BadKeySet, Wanted};
pub use token::{Presented, looks_like_token};

use key_set::KeySet;

/// How a token is signed. None of these takes a secret that both sides know, so no public key can be used as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// Which claim says for whom a token stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameClaim {
    /// `sub`: what the issuer never gives to anybody else.
    #[default]
    Subject,
    /// `email`, where `email_verified` is true.
    Email,
}

/// Somebody whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerConfig {
    /// The name in the settings. No colon is in it.
    pub name: String,
    /// As `iss` has it, byte for byte.
    pub issuer: String,
    /// One of these must be in `aud`; none takes no tokens in the place of keys.
    pub audiences: BTreeSet<String>,
    /// One of these must be `alg`.
    pub algorithms: BTreeSet<Algorithm>,
    /// One of these must be `typ`: in small letters, without `application/`.
    pub types: BTreeSet<String>,
    /// How far clocks may be apart.
    pub leeway: Duration,
    /// Longest time from `iat` to `exp`.
    pub longest_life: Duration,
    /// How old keys are fetched again when they are next needed.
    pub refresh_after: Duration,
    /// How old keys are believed no more.
    pub stale_after: Duration,
    /// For whom a token stands.
    pub claim: NameClaim,
    /// Who that is here.
    pub principals: BTreeMap<String, Principal>,
    /// Whether what is not in `principals` is the name that somebody has here.
    pub matches_names: bool,
    /// In whose installation space.
    pub tenant: TenantId,
    /// What for.
    pub scopes: KeyScopes,
    /// The claim that holds groups.
    pub groups_claim: String,
    /// Which groups here those are; others count for nothing.
    pub groups: BTreeMap<String, GroupName>,
}

/// Why a token is not accepted. For the log: it holds nothing of the token, and callers are told no more than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadToken {
    /// Nobody reads longer ones.
    #[error("it is longer than 8 KiB")]
    TooLong,
    /// No three parts of strict base64url, no JSON, or a key that stands twice.
    #[error("it is not well formed")]
    Form,
    /// `crit` and its like.
    #[error("its header needs something that is not understood here")]
    Critical,
    /// Unsigned, signed by a secret, or by an algorithm that the settings do not name.
    #[error("it is signed by an algorithm that the settings do not name")]
    Algorithm,
    /// An ID token, a logout token, ….
    #[error("it is of another type than the settings name")]
    Type,
    /// Nobody that the settings name.
    #[error("its issuer is not in the settings")]
    Issuer,
    /// The issuer has no such key, or one that is used otherwise.
    #[error("its issuer has no such key")]
    UnknownKey,
    /// The issuer's keys cannot be had, or are too old to be believed.
    #[error("its issuer's keys cannot be had")]
    KeysUnavailable,
    /// Somebody else signed it, or changed it.
    #[error("its signature is wrong")]
    Signature,
    /// It is for somebody else.
    #[error("it is for another audience")]
    Audience,
    /// `exp`, `iat` or `nbf`.
    #[error("it is not good at this time, or lives longer than the settings allow")]
    Time,
    /// A claim that is needed is missing or of the wrong kind.
    #[error("a claim that is needed is missing, or is not what it should be")]
    Claims,
}

/// Somebody whose tokens are taken, with its keys.
#[derive(Debug)]
pub struct Issuer {
    config: IssuerConfig,
    keys: KeySet,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// The name in a token's header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The one of this name, in exactly these letters.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl Issuer {
    /// Without keys: none of its tokens counts before the first ones are fetched.
    #[must_use]
    pub fn new(config: IssuerConfig) -> Self {
        Self {
            keys: KeySet::new(config.refresh_after, config.stale_after),
            config,
        }
    }

    /// What it was made with.
    #[must_use]
    pub const fn config(&self) -> &IssuerConfig {
        &self.config
    }

    /// Whether its keys are to be fetched before `token` is looked at.
    #[must_use]
    pub fn wanted(&self, token: &Presented<'_>, now: Timestamp) -> Wanted {
        self.keys.wanted(token, now)
    }

    /// Whether its keys may be fetched now. Who is told so does it; the next is told so 10 s later at the soonest.
    #[must_use]
    pub fn begin_fetch(&self, now: Timestamp) -> bool {
        self.keys.begin_fetch(now)
    }

    /// Takes the keys that were fetched in the place of those before.
    ///
    /// # Errors
    /// [`BadKeySet`], and then those before stay.
    pub fn take_up(&self, keys: &[u8], now: Timestamp) -> Result<(), BadKeySet> {
        self.keys.take_up(keys, now)
    }

    /// For whom `token` stands, if it is one of this issuer's for one of the audiences, good at `now`.
    ///
    /// # Errors
    /// [`BadToken`] says why not.
    pub fn verify(&self, token: &Presented<'_>, now: Timestamp) -> Result<Claimed, BadToken> {
        let typ = token.typ.as_deref().ok_or(BadToken::Type)?;
        if !self.config.types.contains(typ) {
            return Err(BadToken::Type);
        }
        self.check_signed(token, now)?;
        claims::read(&token.claims, &self.config, now)
    }

    /// That it is the issuer's, by one of its keys and the algorithms.
    fn check_signed(&self, token: &Presented<'_>, now: Timestamp) -> Result<(), BadToken> {
        if token.issuer() != Some(self.config.issuer.as_str()) {
            return Err(BadToken::Issuer);
        }
        if !self.config.algorithms.contains(&token.algorithm) {
            return Err(BadToken::Algorithm);
        }
        let key = self.keys.key(token, now)?;
        key.verify_token(token.signed.as_bytes(), &token.signature)
            .map_err(|_| BadToken::Signature)
    }

    /// Who here `claimed` stands for; `None` if nobody.
    #[must_use]
    pub fn principal(&self, claimed: &Claimed) -> Option<Principal> {
        self.listed(claimed).or_else(|| self.namesake(claimed))
    }

    /// The same by the table alone.
    #[must_use]
    pub fn listed(&self, claimed: &Claimed) -> Option<Principal> {
        self.config.principals.get(&claimed.name).cloned()
    }

    /// Whoever here has the name that `claimed` says, where names match.
    #[must_use]
    pub fn namesake(&self, claimed: &Claimed) -> Option<Principal> {
        claimed.name.parse().ok().filter(|_| self.config.matches_names)
    }

    /// The groups here that `claimed` is in by the settings.
    pub fn groups(&self, claimed: &Claimed) -> BTreeSet<GroupName> {
        let groups = claimed.groups.iter();
        groups
            .filter_map(|group| self.config.groups.get(group).cloned())
            .collect()
    }
}
