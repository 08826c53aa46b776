//! `/api/v1/tokens`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{delete, post};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use privet_access::{
    Authenticated, Denied, MOST_REVOKED_TOKENS, NewToken, Privilege, SessionRecord, TOKEN_REMEMBERED,
    TokenError, TokenOrder, Way,
};
use privet_store::{Leaf, TokenChange};
use privet_types::{KeyScope, KeyScopes, Pseudonym};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::credentials::{self, Claim};
use crate::gateway::Gateway;
use crate::named::Named;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::prompt::{check_media, read_body};
use crate::told::told_once;

/// Longest wait for the store.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route("/api/v1/tokens", post(make).delete(take_all_back))
        .route("/api/v1/tokens/{id}", delete(take_back))
        .with_state(gateway)
}

/// What they do.
pub(crate) fn described() -> Vec<Operation> {
    let of = |method, path, summary| Operation::new(method, path, Privilege::MakeTokens, summary);
    vec![
        of(
            Method::POST,
            "/api/v1/tokens",
            "Makes a token for a while, for no more than the caller may.",
        )
        .takes::<Order>()
        .gives(201, "TokenMade"),
        of(
            Method::DELETE,
            "/api/v1/tokens",
            "Takes back all tokens of the caller.",
        ),
        of(
            Method::DELETE,
            "/api/v1/tokens/{id}",
            "Takes back one token of the caller.",
        ),
    ]
}

/// A token that is asked for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TokenOrder")]
pub(crate) struct Order {
    pub(crate) scopes: Vec<String>,
    /// Seconds; as long as the settings allow if left out.
    #[serde(default)]
    pub(crate) expires_in: Option<u64>,
    #[serde(default)]
    pub(crate) models: Vec<String>,
    #[serde(default)]
    pub(crate) addresses: Vec<String>,
}

/// What the log is told of a new token.
#[derive(Serialize)]
struct Made<'a> {
    at: Timestamp,
    tenant: &'a str,
    principal: Pseudonym,
    token: &'a str,
    /// By what it was asked for, and which: the id of a key, a certificate or a session.
    way: &'static str,
    by: &'a str,
    scopes: String,
    expires_at: Timestamp,
    /// Whether it is narrowed down to models or addresses.
    is_narrowed: bool,
}

/// Who asks, and what is known of the session if it is one.
struct Asker {
    caller: Authenticated,
    session: Option<SessionRecord>,
}

impl Asker {
    /// Who wants a token, whatever the key is good for. A session must have been proved of late.
    async fn of_new(gateway: &Gateway, parts: &Parts) -> Result<Self, Problem> {
        let claim = credentials::claim(&parts.headers, &parts.extensions, gateway.takes_tokens());
        let (Claim::Nothing, Some(door)) = (claim, &gateway.door) else {
            let caller = caller(gateway, parts).await?;
            return Ok(Self {
                caller,
                session: None,
            });
        };
        // Seldom, and far larger than what keys need.
        let live = Box::pin(door.proved(parts, gateway.clock.now())).await?;
        gateway.permit_any_scope(parts, live.caller(), Privilege::MakeTokens)?;
        Ok(Self {
            session: Some(live.session().clone()),
            caller: live.caller().clone(),
        })
    }
}

/// Who asks, if they may do what these addresses are for, whatever the key is good for.
async fn caller(gateway: &Gateway, parts: &Parts) -> Result<Authenticated, Problem> {
    let (caller, _) = gateway.identify(parts).await?;
    gateway.permit_any_scope(parts, &caller, Privilege::MakeTokens)?;
    Ok(caller)
}

async fn make(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let work = async {
        let (parts, body) = request.into_parts();
        let asker = Asker::of_new(&gateway, &parts).await?;
        let caller = &asker.caller;
        if caller.token.is_some() || caller.way == Way::Issuer {
            return Err(refused(&TokenError::ByToken));
        }
        check_media(&parts.headers)?;
        let body = read_body(&gateway, &parts.headers, body).await?;
        let order: Order = serde_json::from_slice(&body)
            .map_err(|error| bad(format!("the body is no order for a token: {error}")))?;
        let (made, order) = make_for(&gateway, caller, asker.session.as_ref(), order).await?;
        let now = gateway.clock.now();
        Ok((StatusCode::CREATED, shown(&made, &order, now)))
    };
    told_once(work.await)
}

/// Makes a token for `caller`, who came by `session` if that is given, and then for no longer than it lasts. Who may, and whether the
/// session was proved of late, is asked before.
pub(crate) async fn make_for(
    gateway: &Gateway,
    caller: &Authenticated,
    session: Option<&SessionRecord>,
    order: Order,
) -> Result<(NewToken, TokenOrder), Problem> {
    let has_two_factors = session.is_some_and(|session| session.has_two_factors);
    let order = order.checked(gateway, has_two_factors)?;
    let now = gateway.clock.now();
    gateway.token_pace.made.count(caller, now)?;
    let ends_by = session.map(|session| session.expires_at);
    let made = gateway.keys().issue_token(caller, &order, ends_by, now).await;
    let made = made.map_err(|error| refused(&error))?;
    if let Some(session) = session {
        // From now on it ends with the session.
        let until = remembered_from(made.expires_at)?;
        let store = gateway.keys().store();
        match timeout(PATIENCE, store.note_session_token(session.hash, until)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Err(Denied::NoSession.into()),
            Ok(Err(error)) => return Err(unavailable(&error)),
            Err(_) => return Err(Problem::StoreUnavailable),
        }
    }
    gateway.tell_of_token(caller, &order, &made, now).await?;
    Ok((made, order))
}

async fn take_back(
    State(gateway): State<Arc<Gateway>>,
    Named(id): Named,
    request: Request<Body>,
) -> Response<Body> {
    let work = async {
        let (parts, _) = request.into_parts();
        let caller = caller(&gateway, &parts).await?;
        // Whoever has a token may take that one back, and no other.
        if caller.token.as_ref().is_some_and(|token| token.id != id) {
            return Err(refused(&TokenError::ByToken));
        }
        if id.len() != 26 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Problem::told(StatusCode::NOT_FOUND, "this is no token's id"));
        }
        let now = gateway.clock.now();
        gateway.token_pace.taken_back.count(&caller, now)?;
        let change = gateway.token_change(&caller, Some(&id), now);
        let who = (&caller.tenant, &caller.principal);
        let (store, until) = (gateway.keys().store(), remembered_from(now)?);
        let revoked = timeout(
            PATIENCE,
            store.revoke_token(who, &id, until, MOST_REVOKED_TOKENS, &change),
        );
        match revoked.await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => {
                return Err(Problem::coded(
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_tokens",
                    "too many single tokens are taken back at this time; take all of yours back with `DELETE /api/v1/tokens`",
                ));
            }
            Ok(Err(error)) => return Err(unavailable(&error)),
            Err(_) => return Err(Problem::StoreUnavailable),
        }
        gateway.look_at_keys().await;
        Ok(StatusCode::NO_CONTENT)
    };
    told_once(work.await)
}

async fn take_all_back(State(gateway): State<Arc<Gateway>>, request: Request<Body>) -> Response<Body> {
    let work = async {
        let (parts, _) = request.into_parts();
        let caller = caller(&gateway, &parts).await?;
        take_all_back_of(&gateway, &caller).await?;
        Ok(StatusCode::NO_CONTENT)
    };
    told_once(work.await)
}

/// Takes all tokens of `caller` back. Who may is asked before.
pub(crate) async fn take_all_back_of(gateway: &Gateway, caller: &Authenticated) -> Result<(), Problem> {
    if caller.token.is_some() {
        return Err(refused(&TokenError::ByToken));
    }
    let now = gateway.clock.now();
    gateway.token_pace.taken_back.count(caller, now)?;
    let change = gateway.token_change(caller, None, now);
    let who = (&caller.tenant, &caller.principal);
    let revoked = timeout(PATIENCE, gateway.keys().store().revoke_tokens(who, &change)).await;
    match revoked {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(unavailable(&error)),
        Err(_) => return Err(Problem::StoreUnavailable),
    }
    gateway.look_at_keys().await;
    Ok(())
}

impl Order {
    fn checked(self, gateway: &Gateway, has_two_factors: bool) -> Result<TokenOrder, Problem> {
        let scopes: Result<Vec<KeyScope>, _> = self.scopes.iter().map(|name| name.parse()).collect();
        let longest = gateway.settings.access.token_life.duration();
        Ok(TokenOrder {
            scopes: KeyScopes::of(&scopes.map_err(|unknown| bad(unknown.to_string()))?),
            lasts: self.expires_in.map_or(longest, Duration::from_secs),
            longest,
            models: self.models,
            addresses: self.addresses,
            has_two_factors,
        })
    }
}

impl Gateway {
    /// Told before the token is given out: none is used of which the log does not know.
    async fn tell_of_token(
        &self,
        caller: &Authenticated,
        order: &TokenOrder,
        made: &NewToken,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let payload = Made {
            at: now,
            tenant: caller.tenant.as_str(),
            principal: self.pseudonyms.pseudonym(&caller.tenant, &caller.principal),
            token: &made.id_hash,
            way: caller.way.name(),
            by: &caller.key_id,
            scopes: made.scopes.to_string(),
            expires_at: made.expires_at,
            is_narrowed: !order.models.is_empty() || !order.addresses.is_empty(),
        };
        let leaf = Leaf {
            kind: "token_made",
            tenant: caller.tenant.as_str(),
            at: now,
            payload: &payload,
        };
        let told = self.spool.append_leaf(leaf).await;
        told.map(drop).map_err(|error| {
            tracing::error!(%error, "a new token cannot be recorded, so it is not given out");
            Problem::NotRecorded
        })
    }

    fn token_change(&self, caller: &Authenticated, id: Option<&str>, at: Timestamp) -> TokenChange {
        TokenChange {
            at,
            tenant: caller.tenant.to_string(),
            principal: self.pseudonyms.pseudonym(&caller.tenant, &caller.principal),
            token: id.map(|id| self.keys().token_id_hash(&caller.tenant, id)),
        }
    }
}

/// Until when something is remembered of a token that is good until `at`, or was taken back then.
fn remembered_from(at: Timestamp) -> Result<Timestamp, Problem> {
    at.checked_add(TOKEN_REMEMBERED)
        .map_err(|_| Problem::StoreUnavailable)
}

fn shown(made: &NewToken, order: &TokenOrder, now: Timestamp) -> Value {
    let scopes: Vec<&str> = made.scopes.iter().map(KeyScope::name).collect();
    json!({
        "token": made.token.expose(),
        "token_type": "Bearer",
        "id": made.id,
        "scopes": scopes,
        "models": order.models,
        "addresses": order.addresses,
        "expires_at": made.expires_at.to_string(),
        "expires_in": made.expires_at.as_second() - now.as_second(),
    })
}

fn bad(text: String) -> Problem {
    Problem::told(StatusCode::BAD_REQUEST, text)
}

fn unavailable(error: &privet_store::Error) -> Problem {
    tracing::error!(%error, "the store cannot be told of tokens");
    Problem::StoreUnavailable
}

fn refused(error: &TokenError) -> Problem {
    let (status, code) = match error {
        TokenError::ByToken => (StatusCode::FORBIDDEN, "not_by_token"),
        TokenError::TooWide(_) => (StatusCode::FORBIDDEN, "token_too_wide"),
        TokenError::Ended => (StatusCode::FORBIDDEN, "key_not_valid_any_more"),
        TokenError::NoScope | TokenError::BadLife { .. } | TokenError::BadNarrowing { .. } => {
            (StatusCode::BAD_REQUEST, "bad_token_order")
        }
        error => {
            tracing::error!(%error, "no token can be made");
            return Problem::StoreUnavailable;
        }
    };
    Problem::coded(status, code, error.to_string())
}
