//! What a token says, once it is known who says it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{BadToken, IssuerConfig, NameClaim};

/// Longest value of a claim that names somebody (OpenID Connect Core 1.0 §2 for `sub`).
const LONGEST_NAME: usize = 255;
/// Most groups that are looked at.
const MOST_GROUPS: usize = 1_000;

/// For whom a token stands, as its issuer says.
#[derive(Clone, PartialEq, Eq)]
pub struct Claimed {
    /// What the claim says by which the settings know people.
    pub(super) name: String,
    /// Groups, as the issuer calls them.
    pub(super) groups: Vec<String>,
}

/// Reads the claims of a token that is signed by its issuer.
pub(super) fn read(
    claims: &Map<String, Value>,
    config: &IssuerConfig,
    now: Timestamp,
) -> Result<Claimed, BadToken> {
    check_audience(claims, |audience| config.audiences.contains(audience))?;
    check_times(claims, config.leeway, config.longest_life, now)?;
    Ok(Claimed {
        name: name(claims, config.claim)?,
        groups: groups(claims, &config.groups_claim)?,
    })
}

/// That the token is for one of those whom `is_wanted` knows.
pub(super) fn check_audience(
    claims: &Map<String, Value>,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<(), BadToken> {
    let is_for = match claims.get("aud") {
        Some(Value::String(audience)) => is_wanted(audience),
        Some(Value::Array(audiences)) => {
            if !audiences.iter().all(Value::is_string) {
                return Err(BadToken::Claims);
            }
            audiences.iter().filter_map(Value::as_str).any(is_wanted)
        }
        _ => return Err(BadToken::Claims),
    };
    if is_for { Ok(()) } else { Err(BadToken::Audience) }
}

/// `exp` and `iat` are needed; `nbf` counts where it is.
pub(super) fn check_times(
    claims: &Map<String, Value>,
    leeway: Duration,
    longest_life: Duration,
    now: Timestamp,
) -> Result<(), BadToken> {
    let leeway = SignedDuration::try_from(leeway).map_err(|_| BadToken::Time)?;
    let longest_life = SignedDuration::try_from(longest_life).map_err(|_| BadToken::Time)?;
    let (expires, issued) = (time(claims, "exp")?, time(claims, "iat")?);
    let (expires, issued) = expires.zip(issued).ok_or(BadToken::Claims)?;
    let not_before = time(claims, "nbf")?.unwrap_or(issued);
    let is_over = now.duration_since(expires) >= leeway;
    let is_early = [issued, not_before]
        .into_iter()
        .any(|from| from.duration_since(now) > leeway);
    let is_long = expires.duration_since(issued) > longest_life;
    if is_over || is_early || is_long {
        return Err(BadToken::Time);
    }
    Ok(())
}

/// Seconds since 1970, with a fraction or without (RFC 7519 §2).
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, BadToken> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    // A fraction of a second is nothing to clocks that are apart.
    let seconds = value.as_i64().or_else(|| {
        let seconds = value.as_f64()?;
        SignedDuration::try_from_secs_f64(seconds)
            .ok()
            .map(|span| span.as_secs())
    });
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map(Some).ok_or(BadToken::Claims)
}

/// The text of the claim `name`.
pub(super) fn text(claims: &Map<String, Value>, name: &str) -> Result<String, BadToken> {
    let text = claims.get(name).and_then(Value::as_str).ok_or(BadToken::Claims)?;
    if (1..=LONGEST_NAME).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(BadToken::Claims)
    }
}

/// The value by which the settings know people.
pub(super) fn name(claims: &Map<String, Value>, claim: NameClaim) -> Result<String, BadToken> {
    // Whoever the token stands for has one, whatever else names them.
    let subject = text(claims, "sub")?;
    match claim {
        NameClaim::Subject => Ok(subject),
        NameClaim::Email if claims.get("email_verified") == Some(&Value::Bool(true)) => text(claims, "email"),
        NameClaim::Email => Err(BadToken::Claims),
    }
}

/// The issuer's groups.
pub(super) fn groups(claims: &Map<String, Value>, claim: &str) -> Result<Vec<String>, BadToken> {
    match claims.get(claim) {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(all)) if all.len() <= MOST_GROUPS => all
            .iter()
            .map(|one| one.as_str().map(str::to_owned).ok_or(BadToken::Claims))
            .collect(),
        Some(_) => Err(BadToken::Claims),
    }
}
