//! A token as it is presented (RFC 7519, compact form of RFC 7515), before anything in it is believed.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value};

use super::{Algorithm, BadToken, json};

/// Longest token that is looked at.
pub(crate) const LONGEST: usize = 8 << 10;
/// Longest name of a key.
const LONGEST_KID: usize = 256;

/// A token that has the form of one. Nothing in it counts before [`Issuer::verify`](super::Issuer::verify).
pub struct Presented<'t> {
    /// What is signed.
    pub(super) signed: &'t str,
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    /// What kind of token it says it is, in small letters and without `application/`.
    pub(super) typ: Option<String>,
    pub(super) claims: Map<String, Value>,
    pub(super) signature: Vec<u8>,
}

/// Whether `text` is written as tokens are, and as no key of Privet is.
#[must_use]
pub fn looks_like_token(text: &str) -> bool {
    // A header is an object, so its first byte is `{`; written as it always is, with a quotation mark behind it.
    text.starts_with("ey") && text.split('.').count() == 3
}

impl<'t> Presented<'t> {
    /// Takes a token apart. Where its keys are to be had (`jku`, `jwk`, `x5u`, `x5c`) is never looked at.
    ///
    /// # Errors
    /// [`BadToken`] if it has not the form of one, or needs something that is not understood.
    pub fn parse(text: &'t str) -> Result<Self, BadToken> {
        if text.len() > LONGEST {
            return Err(BadToken::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(BadToken::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(BadToken::Form)?;
        let header = object(header)?;
        // What somebody must understand, and nobody here does.
        if ["crit", "b64", "enc", "zip"]
            .iter()
            .any(|name| header.contains_key(*name))
        {
            return Err(BadToken::Critical);
        }
        let algorithm = header.get("alg").and_then(Value::as_str);
        let algorithm = algorithm.and_then(Algorithm::parse).ok_or(BadToken::Algorithm)?;
        let kid = text_of(&header, "kid")?;
        if kid.as_ref().is_some_and(|kid| kid.len() > LONGEST_KID) {
            return Err(BadToken::Form);
        }
        let typ = text_of(&header, "typ")?.map(|typ| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
        });
        // A claims set that is another token in itself has no claims.
        Ok(Self {
            signed,
            algorithm,
            kid,
            typ,
            claims: object(claims)?,
            signature: decode(signature)?,
        })
    }

    /// Who issued it, as it says itself.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }
}

/// Strict: no padding, no other alphabet, no bits left over. Else one signature would fit several texts.
fn decode(text: &str) -> Result<Vec<u8>, BadToken> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| BadToken::Form)
}

fn object(text: &str) -> Result<Map<String, Value>, BadToken> {
    json::object(&decode(text)?).ok_or(BadToken::Form)
}

fn text_of(header: &Map<String, Value>, name: &str) -> Result<Option<String>, BadToken> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(BadToken::Form),
    }
}
