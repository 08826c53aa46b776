//! What people send to sign in, and what they are shown.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use privet_access::{Live, NewSession, SessionRecord};
use privet_types::{Principal, RoleName, Secret, TenantId};
use schemars::{JsonSchema, Schema, SchemaGenerator};
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

impl JsonSchema for Hidden {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Hidden".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
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

impl<T> JsonSchema for Name<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// A name and a password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignInPassword")]
pub(super) struct Credentials {
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) tenant: Name<TenantId>,
    pub(super) name: Name<Principal>,
    pub(super) password: Hidden,
}

/// The code of an invite, and the password that is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "InviteAccept")]
pub(super) struct Invited {
    pub(super) code: Hidden,
    pub(super) password: Hidden,
}

/// The password that is to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewPassword")]
pub(super) struct NewPassword {
    pub(super) password: Hidden,
}

/// What an authenticator app shows.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TotpCode")]
pub(super) struct Code {
    pub(super) code: Hidden,
}

/// One of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Proof")]
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
