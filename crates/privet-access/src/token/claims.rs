//! The written form of a token, and what it says.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use privet_crypto::{SIGNATURE_SIZE, SigningKey, VerifyingKey};
use privet_types::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{LONGEST_TOKEN, SKEW, TOKEN_PREFIX};
use crate::Denied;

/// What tells this kind of token from others that the same library could read (RFC 8725 §3.11).
const KIND: &str = "privet-at+jwt";
/// The only algorithm there is (RFC 8037).
const ALGORITHM: &str = "EdDSA";
/// Longest text that is looked at: twice what the longest token takes.
const LONGEST: usize = 16 << 10;

/// Before the claims. What is written here decides nothing but which key is looked up.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// What a token says. A claim that this program does not know could narrow it down, so such a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    /// Its id.
    pub(crate) jti: String,
    /// Whose installation space.
    pub(crate) tenant: String,
    /// Who.
    pub(crate) sub: String,
    /// By what whoever made it came.
    pub(crate) way: String,
    /// The id of that key, certificate or session.
    pub(crate) by: String,
    /// What it is good for, with commas between.
    pub(crate) scope: String,
    /// When it was made; seconds since 1970.
    pub(crate) iat: i64,
    /// From when on it is refused.
    pub(crate) exp: i64,
    /// How often its owner had taken back all of them when it was made.
    pub(crate) count: i64,
    /// Whether the session that made it had shown a second factor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) two_factors: bool,
    /// The models that it is good for; all, if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) models: Vec<String>,
    /// The addresses that it is good for; all, if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) aud: Vec<String>,
}

/// A token that has the right shape. Whether it is good is not known yet.
pub(crate) struct Signed<'a> {
    /// The key that signed it, as it says.
    pub(crate) kid: String,
    signed: &'a str,
    claims: &'a str,
    signature: [u8; SIGNATURE_SIZE],
}

impl Claims {
    /// Until when it is good.
    pub(crate) fn expires_at(&self) -> Timestamp {
        Timestamp::from_second(self.exp).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The token that says so, signed by `key`, which others know as `kid`.
    pub(crate) fn sign(&self, kid: &str, key: &SigningKey) -> Result<Secret<String>, serde_json::Error> {
        let header = Header {
            alg: ALGORITHM.to_owned(),
            typ: KIND.to_owned(),
            kid: kid.to_owned(),
        };
        let part = |json: Vec<u8>| BASE64URL_NOPAD.encode(&json);
        let signed = format!(
            "{}.{}",
            part(serde_json::to_vec(&header)?),
            part(serde_json::to_vec(self)?)
        );
        let signature = BASE64URL_NOPAD.encode(&key.sign(signed.as_bytes()));
        let mut text = String::with_capacity(TOKEN_PREFIX.len() + signed.len() + 1 + signature.len());
        text.push_str(TOKEN_PREFIX);
        text.push_str(&signed);
        text.push('.');
        text.push_str(&signature);
        Ok(Secret::new(text))
    }

    /// That it is good at `now`, as far as it says itself, at `address`; where no address is known, only if it is good for all.
    pub(crate) fn check(&self, address: Option<&str>, now: Timestamp) -> Result<(), Denied> {
        let now = now.as_second();
        let (life, skew) = (
            LONGEST_TOKEN.as_secs().cast_signed(),
            SKEW.as_secs().cast_signed(),
        );
        if self.exp.saturating_sub(self.iat) > life {
            return Err(Denied::TokenForged);
        }
        if self.exp <= now {
            return Err(Denied::TokenExpired);
        }
        if self.iat > now.saturating_add(skew) {
            return Err(Denied::TokenEarly);
        }
        let is_there = |wanted: &String| {
            let below = address.and_then(|address| address.strip_prefix(wanted.trim_end_matches('/')));
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        };
        if !self.aud.is_empty() && !self.aud.iter().any(is_there) {
            return Err(Denied::TokenElsewhere);
        }
        Ok(())
    }
}

impl<'a> Signed<'a> {
    /// `None` if `text`, which stood behind [`TOKEN_PREFIX`], has not the shape of a token.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = read(header)?;
        let is_ours = header.alg == ALGORITHM && header.typ == KIND;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        is_ours.then_some(Self {
            kid: header.kid,
            signed,
            claims,
            signature: signature.try_into().ok()?,
        })
    }

    /// What it says, if `key` signed it.
    pub(crate) fn verify(&self, key: &VerifyingKey) -> Result<Claims, Denied> {
        key.verify(self.signed.as_bytes(), &self.signature)
            .map_err(|_| Denied::TokenForged)?;
        read(self.claims).ok_or(Denied::TokenForged)
    }
}

fn read<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = BASE64URL_NOPAD.decode(part.as_bytes()).ok()?;
    serde_json::from_slice(&json).ok()
}
