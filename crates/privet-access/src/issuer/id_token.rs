//! ID tokens (OpenID Connect Core 1.0 §3.1.3.7): that somebody signed in at an issuer, for Privet, just now.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use privet_crypto::{sha256, sha512};
use serde_json::{Map, Value};

use super::{Algorithm, BadToken, Claimed, Issuer, Presented, claims};

/// What an ID token is held against.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// What the issuer knows Privet by: alone in `aud`, or in `azp`, too.
    pub client_id: &'a str,
    /// What was sent along when the sign-in began.
    pub nonce: &'a str,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
}

/// Who signed in, and how.
pub struct SignedIn {
    /// Whom the token stands for.
    pub claimed: Claimed,
    /// What the issuer calls the person, for links.
    pub subject: String,
    /// How they showed who they are (RFC 8176).
    pub amr: BTreeSet<String>,
    /// How well, in the issuer's words.
    pub acr: Option<String>,
}

impl Issuer {
    /// Who signed in, if `token` is this issuer's, for Privet, good at `now`, and of the sign-in that `expected` describes.
    ///
    /// # Errors
    /// [`BadToken`] says why not.
    pub fn verify_id_token(
        &self,
        token: &Presented<'_>,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<SignedIn, BadToken> {
        // One that is for programs is no proof that somebody is there.
        if token.typ.as_deref().is_some_and(|typ| typ != "jwt") {
            return Err(BadToken::Type);
        }
        self.check_signed(token, now)?;
        let all = &token.claims;
        claims::check_audience(all, |audience| audience == expected.client_id)?;
        let is_shared = matches!(all.get("aud"), Some(Value::Array(audiences)) if audiences.len() > 1);
        match all.get("azp") {
            None if !is_shared => {}
            Some(Value::String(party)) if party == expected.client_id => {}
            _ => return Err(BadToken::Audience),
        }
        claims::check_times(all, self.config.leeway, self.config.longest_life, now)?;
        if all.get("nonce").and_then(Value::as_str) != Some(expected.nonce) {
            return Err(BadToken::Claims);
        }
        check_access_token(all, token.algorithm, expected.access_token)?;
        Ok(SignedIn {
            claimed: Claimed {
                name: claims::name(all, self.config.claim)?,
                groups: claims::groups(all, &self.config.groups_claim)?,
            },
            subject: claims::text(all, "sub")?,
            amr: match all.get("amr") {
                None => BTreeSet::new(),
                Some(Value::Array(ways)) => ways
                    .iter()
                    .filter_map(|way| way.as_str().map(str::to_owned))
                    .collect(),
                Some(_) => return Err(BadToken::Claims),
            },
            acr: all.get("acr").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

/// That `at_hash`, where it is, is that of the access token that came along: the first half of its hash, by the hash of the algorithm.
fn check_access_token(
    claims: &Map<String, Value>,
    algorithm: Algorithm,
    access_token: Option<&str>,
) -> Result<(), BadToken> {
    let Some(shown) = claims.get("at_hash") else {
        return Ok(());
    };
    let token = access_token.ok_or(BadToken::Claims)?.as_bytes();
    let hash = match algorithm {
        Algorithm::EdDsa => sha512(token).to_vec(),
        Algorithm::Es256 | Algorithm::Rs256 => sha256(token).to_vec(),
    };
    let half = hash.get(..hash.len() / 2).unwrap_or_default();
    if shown.as_str() == Some(BASE64URL_NOPAD.encode(half).as_str()) {
        Ok(())
    } else {
        Err(BadToken::Claims)
    }
}
