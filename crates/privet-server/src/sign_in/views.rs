//! What people send to sign in, and what they are shown.

use std::fmt;
use std::str::FromStr;

use privet_access::{Live, NewSession, SessionRecord};
use privet_types::{Principal, RoleName, Secret, TenantId};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// A text that must not reach a log.
pub(super) struct Hidden(Secret<String>);

impl Hidden {
    pub(super) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// A name that is what it should be.
#[derive(Default)]
pub(super) struct Name<T>(pub(super) T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    #[serde(default)]
    pub(super) tenant: Name<TenantId>,
    pub(super) name: Name<Principal>,
    pub(super) password: Hidden,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Invited {
    pub(super) code: Hidden,
    pub(super) password: Hidden,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    pub(super) password: Hidden,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    pub(super) code: Hidden,
}

/// One of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    pub(super) password: Option<Hidden>,
    pub(super) code: Option<Hidden>,
    pub(super) recovery_code: Option<Hidden>,
}

pub(super) fn session(session: &SessionRecord, current: &str) -> Value {
    json!({
        "id": session.id,
        "name": session.principal,
        "way": session.way.name(),
        "has_two_factors": session.has_two_factors,
        "made_at": session.made_at,
        "seen_at": session.seen_at,
        "proved_at": session.proved_at,
        "expires_at": session.expires_at,
        "is_current": session.id == current,
    })
}

/// A session that was just opened, or goes on under a new token.
pub(super) fn opened(new: &NewSession) -> Value {
    json!({
        "session": session(&new.session, &new.session.id),
        "standing": new.standing.name(),
        "csrf_token": new.forgery_token,
    })
}

/// Who is signed in.
pub(super) fn me(live: &Live, recovery_codes: i64) -> Value {
    let account = &live.caller().account;
    let roles: Vec<&RoleName> = account.roles().into_iter().collect();
    let (has_totp, has_passkey) = live.factors();
    json!({
        "name": account.name(),
        "tenant": account.tenant(),
        "roles": roles,
        "standing": live.standing().name(),
        "session": session(live.session(), &live.session().id),
        "csrf_token": live.forgery_token(),
        "has_totp": has_totp,
        "has_passkey": has_passkey,
        "recovery_codes_left": recovery_codes,
    })
}

pub(super) fn codes(codes: &[Secret<String>]) -> Value {
    let codes: Vec<&str> = codes.iter().map(|code| code.expose().as_str()).collect();
    json!({ "recovery_codes": codes })
}
