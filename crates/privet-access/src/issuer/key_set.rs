//! An issuer's keys (RFC 7517), and for how long they are believed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};
use privet_crypto::ForeignKey;
use serde_json::{Map, Value};

use super::{Algorithm, BadToken, Presented, json};

/// Most keys of one issuer.
const MOST_KEYS: usize = 100;
/// Shortest time between two fetches, whatever anybody presents: a token that names an unknown key costs the issuer no more.
const BETWEEN_FETCHES: SignedDuration = SignedDuration::from_secs(10);
/// Fewest and most bits of a modulus (NIST SP 800-131A for the first).
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A set of keys that cannot be used. Says nothing of what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKeySet {
    /// It is no object with `keys`, has a key twice, or too many.
    #[error("is no set of at most 100 keys (RFC 7517)")]
    Form,
    /// None of its keys is good for signatures that are taken here.
    #[error("holds no key for EdDSA, ES256 or RS256 with 2048 bits or more")]
    NoKey,
}

/// Whether an issuer's keys are to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// They are young, and the key is among them.
    Nothing,
    /// They will do, but are to be looked at again.
    Soon,
    /// Without that the token cannot be verified.
    Now,
}

/// The keys of one issuer, as they were last fetched.
#[derive(Debug)]
pub(super) struct KeySet {
    state: Mutex<State>,
    refresh_after: Duration,
    stale_after: Duration,
}

#[derive(Debug, Default)]
struct State {
    keys: Vec<Jwk>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Jwk {
    kid: Option<String>,
    algorithm: Algorithm,
    key: ForeignKey,
}

impl KeySet {
    pub(super) fn new(refresh_after: Duration, stale_after: Duration) -> Self {
        Self {
            state: Mutex::default(),
            refresh_after,
            stale_after,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether to fetch before `token` is looked at.
    pub(super) fn wanted(&self, token: &Presented<'_>, now: Timestamp) -> Wanted {
        let state = self.state();
        let is_within = |limit| state.fetched_at.is_some_and(|at| is_within(at, now, limit));
        if !is_within(self.stale_after) || state.find(token).is_err() {
            Wanted::Now
        } else if is_within(self.refresh_after) {
            Wanted::Nothing
        } else {
            Wanted::Soon
        }
    }

    /// Whether they may be fetched now. Who is told so does it: the next is told so only after a while.
    pub(super) fn begin_fetch(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        if state
            .tried_at
            .is_some_and(|tried| now.duration_since(tried).abs() < BETWEEN_FETCHES)
        {
            return false;
        }
        state.tried_at = Some(now);
        true
    }

    /// Puts the keys in `bytes` in the place of those before.
    pub(super) fn take_up(&self, bytes: &[u8], now: Timestamp) -> Result<(), BadKeySet> {
        let keys = read(bytes)?;
        let mut state = self.state();
        state.keys = keys;
        state.fetched_at = Some(now);
        Ok(())
    }

    /// The key that `token` names.
    pub(super) fn key(&self, token: &Presented<'_>, now: Timestamp) -> Result<ForeignKey, BadToken> {
        let state = self.state();
        let is_young = |at: Timestamp| is_within(at, now, self.stale_after);
        if !state.fetched_at.is_some_and(is_young) {
            return Err(BadToken::KeysUnavailable);
        }
        state.find(token).cloned()
    }
}

impl State {
    /// A token that names no key is of the only one that fits. One that fits two is of none.
    fn find(&self, token: &Presented<'_>) -> Result<&ForeignKey, BadToken> {
        let fits =
            |jwk: &&Jwk| jwk.algorithm == token.algorithm && (token.kid.is_none() || jwk.kid == token.kid);
        let mut fitting = self.keys.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(jwk), None) => Ok(&jwk.key),
            _ => Err(BadToken::UnknownKey),
        }
    }
}

/// Whether `at` is at most `limit` before `now`. A clock that was set back makes nothing young.
fn is_within(at: Timestamp, now: Timestamp, limit: Duration) -> bool {
    let age = now.duration_since(at);
    age >= -BETWEEN_FETCHES && SignedDuration::try_from(limit).is_ok_and(|limit| age <= limit)
}

/// The keys in `bytes` that are good for signatures. Others are passed over: an issuer may have some for encryption.
fn read(bytes: &[u8]) -> Result<Vec<Jwk>, BadKeySet> {
    let set = json::object(bytes).ok_or(BadKeySet::Form)?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or(BadKeySet::Form)?;
    if keys.len() > MOST_KEYS {
        return Err(BadKeySet::Form);
    }
    let keys: Vec<Jwk> = keys.iter().filter_map(|key| jwk(key.as_object()?)).collect();
    if keys.is_empty() {
        return Err(BadKeySet::NoKey);
    }
    Ok(keys)
}

/// A key that says of itself nothing but that it verifies signatures of the one algorithm that its kind is used with here.
fn jwk(key: &Map<String, Value>) -> Option<Jwk> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    // A key whose private half is public is nobody's; `k` is that of a shared secret.
    let is_given_away = ["d", "p", "q", "k"].iter().any(|name| key.contains_key(*name));
    let is_for_others = key.contains_key("use") && text("use") != Some("sig");
    let is_not_for_this = match key.get("key_ops") {
        None => false,
        Some(Value::Array(all)) => !all.iter().any(|one| one == "verify"),
        Some(_) => true,
    };
    if is_given_away || is_for_others || is_not_for_this {
        return None;
    }
    let number = |name: &str| BASE64URL_NOPAD.decode(text(name)?.as_bytes()).ok();
    let (algorithm, key_of) = match (text("kty")?, text("crv")) {
        ("RSA", None) => (
            Algorithm::Rs256,
            ForeignKey::Rsa {
                modulus: number("n").filter(|n| is_large_enough(n))?,
                exponent: number("e").filter(|e| is_exponent(e))?,
            },
        ),
        ("EC", Some("P-256")) => (
            Algorithm::Es256,
            ForeignKey::P256 {
                x: number("x")?.try_into().ok()?,
                y: number("y")?.try_into().ok()?,
            },
        ),
        ("OKP", Some("Ed25519")) => (
            Algorithm::EdDsa,
            ForeignKey::Ed25519(number("x")?.try_into().ok()?),
        ),
        _ => return None,
    };
    if key.contains_key("alg") && text("alg") != Some(algorithm.name()) {
        return None;
    }
    let kid = match key.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return None,
    };
    Some(Jwk {
        kid,
        algorithm,
        key: key_of,
    })
}

/// Written as short as can be, as RFC 7518 §2 wants it.
fn is_large_enough(modulus: &[u8]) -> bool {
    let unused = modulus.first().map_or(8, |first| first.leading_zeros() as usize);
    unused < 8 && MODULUS_BITS.contains(&(modulus.len() * 8 - unused))
}

/// An odd number above 1.
fn is_exponent(exponent: &[u8]) -> bool {
    (1..=4).contains(&exponent.len())
        && exponent.first() != Some(&0)
        && exponent != [1]
        && exponent.last().is_some_and(|last| last % 2 == 1)
}
