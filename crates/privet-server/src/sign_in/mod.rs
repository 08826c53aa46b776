//! Where people sign in, `/api/v1/sessions` and `/api/v1/me`, and requests that their browsers send with the session's cookie.
//!
//! Another site's page can make a browser send the cookie's request, if not read its answer. So a request that changes something
//! must come from Privet's own pages, as the browser says, and show a token that only those can read.

mod cookie;
mod oidc;
mod passkeys;
mod routes;
mod views;

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use privet_access::{
    Authenticated, Denied, KeyRing, Live, SessionStanding, SignIn, SignInConfig, SignInError, SignInPolicy,
};
use privet_crypto::{Argon2Cost, RootKey};
use privet_policy::{Policy, Settings};
use privet_types::KeyScope;
use tokio::time::timeout;

use crate::Error;
use crate::access::address_of;
use crate::problem::Problem;
pub(crate) use oidc::{way_on, way_to};
pub(crate) use routes::{described, parse, routes, small_body};

/// What requests that change something show beside the cookie.
const FORGERY: &str = "x-privet-csrf";
/// Longest wait for the store about a session.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where people come in. Shared by all connections.
pub(crate) struct Door {
    sign_in: SignIn,
    /// Of sign-ins at identity providers that are under way.
    logins: oidc::Keys,
    origin: String,
    is_https: bool,
}

impl Door {
    /// The door that the settings ask for, if they ask for one.
    pub(crate) fn new(
        settings: &Settings,
        policy: &Policy,
        root: &RootKey,
        ring: &Arc<KeyRing>,
    ) -> Result<Option<Arc<Self>>, Error> {
        let Some(wanted) = &settings.sign_in else {
            return Ok(None);
        };
        let (memory_kib, passes, lanes) = wanted.cost;
        let config = SignInConfig {
            issuer: format!("Privet ({})", wanted.host),
            origin: wanted.origin.clone(),
            host: wanted.host.clone(),
            cost: Argon2Cost::new(memory_kib, passes, lanes)?,
            hashing_at_once: wanted.hashing_at_once as usize,
            least_length: wanted.least_length as usize,
            breached_hashes: wanted.breached_hashes.clone(),
            breached_words: wanted.breached_words.clone(),
            session_lasts: wanted.session.duration(),
            idle_lasts: wanted.idle.duration(),
            sessions: wanted.sessions,
            proof_lasts: wanted.proof.duration(),
            counts_addresses: wanted.count_addresses,
            policy: policy_of(policy),
        };
        Ok(Some(Arc::new(Self {
            logins: oidc::Keys::new(root),
            sign_in: SignIn::new(Arc::clone(ring), root, config).map_err(Error::SignIn)?,
            origin: wanted.origin.clone(),
            is_https: wanted.is_https,
        })))
    }

    /// Goes by another policy from now on, sessions that are open included.
    pub(crate) fn take_policy(&self, policy: &Policy) {
        self.sign_in.set_policy(policy_of(policy));
    }

    /// The session whose token the cookie of this request holds, if the request was not made by another site's page.
    pub(crate) async fn live(&self, parts: &Parts, now: Timestamp) -> Result<Live, SignInError> {
        let live = self.find(&parts.headers, now).await?;
        if !is_safe(&parts.method) {
            let shown = one(&parts.headers, FORGERY).ok().flatten().unwrap_or_default();
            self.check_not_forged(&live, &parts.headers, shown)?;
        }
        Ok(live)
    }

    /// The session whose token the cookie of a request with these headers holds, whoever made that request.
    pub(crate) async fn find(&self, headers: &HeaderMap, now: Timestamp) -> Result<Live, SignInError> {
        let token = self.token(headers).ok_or(SignInError::NoSession)?;
        let found = timeout(PATIENCE, self.sign_in.find(token, now)).await;
        found.map_err(|_| SignInError::Unavailable)?
    }

    /// That a request of `live` with these headers was made by one of Privet's own pages, which knows the token that it has `shown`.
    pub(crate) fn check_not_forged(
        &self,
        live: &Live,
        headers: &HeaderMap,
        shown: &str,
    ) -> Result<(), SignInError> {
        if self.comes_from_us(headers) == Some(true) && self.sign_in.is_not_forged(live, shown) {
            Ok(())
        } else {
            Err(SignInError::Forged)
        }
    }

    /// How people sign in.
    pub(crate) const fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// Who sends a request that has a session's cookie and no other credential, if the policies let it be signed in now and from
    /// there; `None` if it has no cookie either.
    pub(crate) async fn caller(
        &self,
        parts: &Parts,
        now: Timestamp,
    ) -> Option<Result<Authenticated, Denied>> {
        self.token(&parts.headers)?;
        Some(match self.live(parts, now).await {
            Ok(live) => match live.standing() {
                SessionStanding::Full => {
                    let address = address_of(&parts.extensions);
                    let permitted = self.sign_in.check_permitted(&live, address, now);
                    permitted.map(|()| live.caller().clone())
                }
                SessionStanding::NeedsSecondFactor | SessionStanding::NeedsEnrolment => {
                    Err(Denied::NeedsSecondFactor)
                }
            },
            Err(SignInError::NoSession) => Err(Denied::NoSession),
            Err(SignInError::Forged) => Err(Denied::Forged),
            Err(error) => {
                tracing::warn!(code = error.code(), "a session cannot be looked up");
                Err(Denied::StoreUnavailable)
            }
        })
    }

    /// The session of a request's cookie, if its person has shown not long ago who it is, and the policies let it be signed in.
    pub(crate) async fn proved(&self, parts: &Parts, now: Timestamp) -> Result<Live, Problem> {
        if self.token(&parts.headers).is_none() {
            return Err(Denied::Missing.into());
        }
        let live = self.live(parts, now).await?;
        self.sign_in.check_proof(&live, now)?;
        let address = address_of(&parts.extensions);
        self.sign_in.check_permitted(&live, address, now)?;
        Ok(live)
    }

    /// Whether the browser says that one of Privet's own pages sent this (W3C Fetch Metadata, and `Origin` of the Fetch standard);
    /// `None` if it says nothing, as programs do.
    pub(crate) fn comes_from_us(&self, headers: &HeaderMap) -> Option<bool> {
        let (Ok(origin), Ok(site)) = (one(headers, "origin"), one(headers, "sec-fetch-site")) else {
            return Some(false);
        };
        if origin.is_none() && site.is_none() {
            return None;
        }
        Some(
            origin.is_none_or(|origin| origin == self.origin)
                && site.is_none_or(|site| site == "same-origin"),
        )
    }
}

fn policy_of(policy: &Policy) -> SignInPolicy {
    let access = policy.access();
    SignInPolicy {
        // The document was checked: each is a role's name.
        password_only_roles: access
            .password_only_roles
            .iter()
            .filter_map(|role| role.parse().ok())
            .collect(),
        allows_prompts: access.prompts_by_session,
    }
}

/// That `caller`, who has come by a session, may use it for what `scope` stands for.
pub(crate) fn check_scope(caller: &Authenticated, scope: Option<KeyScope>) -> Result<(), Denied> {
    match scope {
        Some(scope) if !caller.scopes.allows(scope) => Err(Denied::NotBySession),
        _ => Ok(()),
    }
}

/// RFC 9110 §9.2.1.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The value of the header `name`; two of them are none that counts.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}
