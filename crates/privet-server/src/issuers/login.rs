//! Signing in at an issuer: the authorization code flow of OpenID Connect with PKCE (RFC 7636, RFC 9700).
//!
//! What a browser is sent with, and what it comes back with, is bound to that browser by a sealed cookie that is kept elsewhere. Nothing
//! about a sign-in that is under way is stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use privet_access::{BadToken, Expected, Presented, SignedIn, strict_object};
use privet_crypto::sha256;
use privet_policy::{LoginSettings, TrustedIssuer};
use privet_types::Secret;
use serde_json::{Map, Value};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::fetch::{NotFetched, Place};
use super::{PATIENCE, Trusted};
use crate::Error;
use crate::connection::Connector;
use crate::query::encode;

/// How long what an issuer says of itself is believed.
const BELIEVED: SignedDuration = SignedDuration::from_hours(24);
/// Shortest time between two fetches of it.
const BETWEEN_FETCHES: SignedDuration = SignedDuration::from_secs(10);
/// Sign-ins at one issuer that wait for its answer at once.
const AT_ONCE: usize = 64;
/// Longest address of an issuer's.
const LONGEST_ADDRESS: usize = 2048;

/// How people sign in at one issuer.
pub(super) struct Login {
    settings: LoginSettings,
    secret: Option<Secret<String>>,
    connector: Connector,
    discovery: Place,
    found: Arc<Mutex<Found>>,
    places: Semaphore,
}

#[derive(Default)]
struct Found {
    provider: Option<(Arc<Provider>, Timestamp)>,
    tried_at: Option<Timestamp>,
}

/// What an issuer says of itself (OpenID Connect Discovery 1.0).
pub(super) struct Provider {
    authorization: String,
    token: Place,
    /// Whether it says in its answer who it is (RFC 9207).
    names_itself: bool,
    takes_basic: bool,
}

/// What a sign-in that is under way is known by; derived from what the browser's cookie holds.
pub(crate) struct Attempt {
    pub(crate) state: String,
    pub(crate) nonce: String,
    /// What only this browser's sign-in can show to the issuer.
    pub(crate) verifier: String,
    pub(crate) redirect_uri: String,
}

/// What the browser comes back with.
pub(crate) struct Returned<'a> {
    pub(crate) code: &'a str,
    pub(crate) issuer: Option<&'a str>,
}

/// Why somebody is not signed in. For the log alone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotSignedIn {
    #[error("the issuer cannot be reached, or does not say of itself what is needed")]
    Unavailable,
    #[error("as many people sign in there as may at once")]
    Busy,
    #[error("the answer names another issuer, or none")]
    MixedUp,
    #[error("the issuer does not take the code: {0}")]
    Code(#[source] NotFetched),
    #[error("the issuer's answer to the code is not what it should be")]
    Answer,
    #[error("the ID token is not accepted: {0}")]
    Token(BadToken),
}

impl Login {
    pub(super) fn new(
        wanted: &TrustedIssuer,
        settings: &LoginSettings,
        secret: Option<Secret<String>>,
        connector: Connector,
    ) -> Result<Self, Error> {
        let base = wanted.issuer.trim_end_matches('/');
        let discovery = Place::new(&connector, &format!("{base}/.well-known/openid-configuration"));
        Ok(Self {
            settings: settings.clone(),
            secret,
            discovery: discovery.ok_or_else(|| Error::BadIssuer {
                issuer: wanted.name.clone(),
            })?,
            connector,
            found: Arc::default(),
            places: Semaphore::new(AT_ONCE),
        })
    }

    /// Whether `signed_in` showed two factors, as the settings say how that is told.
    pub(super) fn has_two_factors(&self, signed_in: &SignedIn) -> bool {
        let by_way = signed_in.amr.intersection(&self.settings.two_factor_amr).next();
        let by_class = signed_in
            .acr
            .as_ref()
            .filter(|acr| self.settings.two_factor_acr.contains(*acr));
        by_way.or(by_class).is_some()
    }

    fn provider_of(&self, document: &[u8], issuer: &str) -> Option<Provider> {
        let said = strict_object(document)?;
        let text = |name: &str| said.get(name).and_then(Value::as_str);
        // Else another issuer could be put in its place.
        if text("issuer") != Some(issuer) {
            return None;
        }
        let listed = |name: &str| -> Option<BTreeSet<&str>> {
            Some(
                said.get(name)?
                    .as_array()?
                    .iter()
                    .filter_map(Value::as_str)
                    .collect(),
            )
        };
        if listed("code_challenge_methods_supported").is_some_and(|ways| !ways.contains("S256")) {
            return None;
        }
        let address = |name: &str| text(name).filter(|url| is_safe(url));
        Some(Provider {
            authorization: address("authorization_endpoint")?.to_owned(),
            token: Place::new(&self.connector, address("token_endpoint")?)?,
            names_itself: said.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
            takes_basic: listed("token_endpoint_auth_methods_supported")
                .is_none_or(|ways| ways.contains("client_secret_basic")),
        })
    }

    /// The query or form of these pairs.
    fn form(pairs: &[(&str, &str)]) -> String {
        let pairs = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Where a browser is sent to sign in.
    pub(super) fn address(&self, provider: &Provider, attempt: &Attempt) -> String {
        let challenge = BASE64URL_NOPAD.encode(&sha256(attempt.verifier.as_bytes()));
        let query = Self::form(&[
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &attempt.redirect_uri),
            ("scope", &self.settings.scopes.join(" ")),
            ("state", &attempt.state),
            ("nonce", &attempt.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        let joint = if provider.authorization.contains('?') {
            '&'
        } else {
            '?'
        };
        format!("{}{joint}{query}", provider.authorization)
    }

    /// What the issuer gives for `code`.
    async fn exchange(
        &self,
        provider: &Provider,
        attempt: &Attempt,
        code: &str,
    ) -> Result<Map<String, Value>, NotSignedIn> {
        let client_id = self.settings.client_id.as_str();
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", attempt.redirect_uri.as_str()),
            ("code_verifier", attempt.verifier.as_str()),
        ];
        let mut basic = None;
        match &self.secret {
            // RFC 6749 §2.3.1: each half is encoded as in a form.
            Some(secret) if provider.takes_basic => {
                let both = Secret::new(format!("{}:{}", encode(client_id), encode(secret.expose())));
                basic = Some(Secret::new(format!(
                    "Basic {}",
                    BASE64.encode(both.expose().as_bytes())
                )));
            }
            Some(secret) => pairs.extend([("client_id", client_id), ("client_secret", secret.expose())]),
            None => pairs.push(("client_id", client_id)),
        }
        let mut request = Request::new(Bytes::from(Self::form(&pairs)));
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        if let Some(basic) = basic {
            let mut value = HeaderValue::from_str(basic.expose()).map_err(|_| NotSignedIn::Answer)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let answered = timeout(PATIENCE, provider.token.send(request)).await;
        let answered = answered
            .unwrap_or(Err(NotFetched::Silence))
            .map_err(NotSignedIn::Code)?;
        strict_object(&answered).ok_or(NotSignedIn::Answer)
    }
}

impl Trusted {
    /// What the issuer says of itself, fetched if it was not lately.
    pub(super) async fn provider(self: &Arc<Self>, now: Timestamp) -> Result<Arc<Provider>, NotSignedIn> {
        let login = self.login.as_ref().ok_or(NotSignedIn::Unavailable)?;
        let found = Arc::clone(&login.found);
        let mut place = timeout(PATIENCE, found.lock_owned())
            .await
            .map_err(|_| NotSignedIn::Unavailable)?;
        let is_within = |at: Timestamp, limit| now.duration_since(at).abs() < limit;
        if let Some((provider, at)) = &place.provider
            && is_within(*at, BELIEVED)
        {
            return Ok(Arc::clone(provider));
        }
        if place.tried_at.is_some_and(|at| is_within(at, BETWEEN_FETCHES)) {
            return Err(NotSignedIn::Unavailable);
        }
        place.tried_at = Some(now);
        let trusted = Arc::clone(self);
        // On its own: a caller who hangs up does not end it.
        let fetching = tokio::spawn(async move {
            let provider = trusted.discover().await?;
            place.provider = Some((Arc::clone(&provider), now));
            Some(provider)
        });
        fetching.await.ok().flatten().ok_or(NotSignedIn::Unavailable)
    }

    async fn discover(&self) -> Option<Arc<Provider>> {
        let (login, config) = (self.login.as_ref()?, self.issuer.config());
        let issuer = config.name.as_str();
        let fetched = timeout(PATIENCE, login.discovery.get()).await;
        let document = fetched
            .unwrap_or(Err(NotFetched::Silence))
            .inspect_err(
                |error| tracing::warn!(issuer, %error, "what an issuer says of itself cannot be fetched"),
            )
            .ok()?;
        let provider = login.provider_of(&document, &config.issuer);
        if provider.is_none() {
            tracing::warn!(
                issuer,
                "what an issuer says of itself is not what is needed, or of another issuer"
            );
        }
        provider.map(Arc::new)
    }

    /// Who signed in, as the issuer says in exchange for what the browser came back with.
    pub(super) async fn signed_in(
        self: &Arc<Self>,
        attempt: &Attempt,
        returned: &Returned<'_>,
        now: Timestamp,
    ) -> Result<SignedIn, NotSignedIn> {
        let login = self.login.as_ref().ok_or(NotSignedIn::Unavailable)?;
        let _place = login.places.try_acquire().map_err(|_| NotSignedIn::Busy)?;
        let provider = self.provider(now).await?;
        let is_itself = match returned.issuer {
            Some(issuer) => issuer == self.issuer.config().issuer,
            None => !provider.names_itself,
        };
        if !is_itself {
            return Err(NotSignedIn::MixedUp);
        }
        let given = login.exchange(&provider, attempt, returned.code).await?;
        let text = |name: &str| given.get(name).and_then(Value::as_str);
        let token = text("id_token").ok_or(NotSignedIn::Answer)?;
        let token = Presented::parse(token).map_err(NotSignedIn::Token)?;
        self.freshen(&token, now).await;
        let expected = Expected {
            client_id: &login.settings.client_id,
            nonce: &attempt.nonce,
            access_token: text("access_token"),
        };
        let signed_in = self.issuer.verify_id_token(&token, &expected, now);
        signed_in.map_err(NotSignedIn::Token)
    }
}

/// Whether a browser, a code and a secret may be sent there: nobody on the way can read along.
fn is_safe(url: &str) -> bool {
    let here = ["http://127.0.0.1", "http://localhost", "http://[::1]"];
    let is_here = here.iter().any(|start| {
        url.strip_prefix(start)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    url.len() <= LONGEST_ADDRESS
        && (url.starts_with("https://") || is_here)
        && url.bytes().all(|byte| byte.is_ascii_graphic())
        && !url.contains(['#', '"', '<', '>', '\\', '@'])
}
