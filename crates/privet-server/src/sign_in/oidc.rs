//! Signing in at an identity provider: a browser is sent there, and comes back with a code.
//!
//! What ties the way back to the browser that was sent is a sealed cookie. It is `SameSite=Lax`, since the way back begins on another
//! site; it counts for nothing but that, for some minutes, and once.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use data_encoding::BASE64URL_NOPAD;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, REFERRER_POLICY,
    SET_COOKIE,
};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use privet_access::{Identity, NewSession, SignInError, SignInWay};
use privet_crypto::{HashKey, RootKey, SealingKey, random};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::routes::{Answer, Desk, answer, answered};
use super::{Door, cookie, one};
use crate::access::address_of;
use crate::gateway::Gateway;
use crate::issuers::{Attempt, NotSignedIn, Returned, SignInAt};
use crate::named::Named;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::query;

/// How long somebody may take to sign in at the provider.
const LASTS: SignedDuration = SignedDuration::from_mins(10);
/// Longest code.
const LONGEST_CODE: usize = 4 << 10;
/// Longest way to go on to.
const LONGEST_NEXT: usize = 512;
/// What cookies are sealed for.
const PLACE: &[u8] = b"login";

/// The keys of sign-ins that are under way.
pub(super) struct Keys {
    cookies: SealingKey,
    words: HashKey,
}

/// A sign-in that is under way, as the browser keeps it, sealed.
#[derive(Serialize, Deserialize)]
struct UnderWay {
    /// All that the provider is shown is derived from it.
    seed: String,
    /// At which provider.
    at: String,
    /// Until when, in milliseconds.
    ends: i64,
    /// Where to go then.
    next: Option<String>,
}

impl Keys {
    pub(super) fn new(root: &RootKey) -> Self {
        Self {
            cookies: root.sealing_key("privet/server/login-cookie", b""),
            words: root.hash_key("privet/server/login", b""),
        }
    }

    /// What goes to the provider. Each part is of no use to find out another one.
    fn attempt(&self, under_way: &UnderWay, origin: &str) -> Attempt {
        let word = |what: &str| {
            let parts = [what, under_way.at.as_str(), under_way.seed.as_str()];
            self.words.hash_hex(&parts.map(str::as_bytes))
        };
        Attempt {
            state: word("state"),
            nonce: word("nonce"),
            verifier: word("verifier"),
            redirect_uri: format!("{origin}/api/v1/sessions/oidc/{}/callback", under_way.at),
        }
    }

    fn seal(&self, under_way: &UnderWay) -> Result<String, SignInError> {
        let text = json!(under_way).to_string();
        Ok(BASE64URL_NOPAD.encode(&self.cookies.seal(PLACE, text.as_bytes())?))
    }

    fn open(&self, cookie: &str, now: Timestamp) -> Option<UnderWay> {
        let sealed = BASE64URL_NOPAD.decode(cookie.as_bytes()).ok()?;
        let text = self.cookies.open(PLACE, &sealed).ok()?;
        let under_way: UnderWay = serde_json::from_slice(&text).ok()?;
        (now.as_millisecond() < under_way.ends).then_some(under_way)
    }
}

pub(super) fn routes() -> Router<Desk> {
    Router::new()
        .route("/api/v1/sessions/oidc", get(list))
        .route("/api/v1/sessions/oidc/{name}", get(begin))
        .route("/api/v1/sessions/oidc/{name}/callback", get(come_back))
}

/// What they do.
pub(super) fn described() -> Vec<Operation> {
    let to_sign_in = |path, summary| Operation::to_sign_in(Method::GET, path, summary);
    vec![
        to_sign_in(
            "/api/v1/sessions/oidc",
            "Lists the identity providers at which people sign in.",
        )
        .gives(200, "SignInIssuers"),
        to_sign_in(
            "/api/v1/sessions/oidc/{name}",
            "Sends a browser to an identity provider.",
        )
        .query(&[("next", "A path of Privet's own to go on to.")])
        .gives_nothing(303),
        to_sign_in(
            "/api/v1/sessions/oidc/{name}/callback",
            "Takes a browser back from an identity provider, and signs its person in.",
        )
        .query(&[
            ("code", "What the provider gives for a token."),
            ("state", "What the browser was sent with."),
            ("iss", "Who the provider says it is."),
        ])
        .gives_nothing(200),
    ]
}

/// Where people may sign in, for the page on which they choose.
async fn list(State(desk): State<Desk>) -> Response<Body> {
    answer(async {
        let issuers = desk.gateway().issuers.as_ref();
        let names: Vec<&str> = issuers.map(|issuers| issuers.logins()).unwrap_or_default();
        Ok(Answer::json(json!({ "issuers": names })))
    })
    .await
}

/// The address that sends a browser to the provider `name`.
pub(crate) fn way_to(name: &str) -> String {
    format!("/api/v1/sessions/oidc/{name}")
}

async fn begin(State(desk): State<Desk>, Named(name): Named, request: Request<Body>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = sent_off(&desk, name, &parts);
    answered(async { told_on_a_page(&desk, &parts, work.await) }).await
}

/// Where there is a console, a browser is told there why nobody came in; whoever else asks gets the usual answer.
fn told_on_a_page(
    desk: &Desk,
    parts: &Parts,
    done: Result<Response<Body>, Problem>,
) -> Result<Response<Body>, Problem> {
    let accepted = parts.headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let wants_page = accepted.is_some_and(|accepted| accepted.contains("text/html"));
    match done {
        Err(problem) if wants_page && desk.gateway().console.is_some() => {
            tracing::info!(problem = problem.code(), "refused");
            if let Problem::SignIn(SignInError::Store(error)) = &problem {
                tracing::error!(%error, "the store cannot be asked about who signs in");
            }
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::SEE_OTHER;
            let path = format!("/console/sign-in?failed={}", problem.code());
            response.headers_mut().insert(LOCATION, header(&path)?);
            Ok(response)
        }
        done => done,
    }
}

async fn sent_off(desk: &Desk, name: String, parts: &Parts) -> Result<Response<Body>, Problem> {
    // A page of others' could sign somebody in unasked.
    if matches!(
        one(&parts.headers, "sec-fetch-site"),
        Err(()) | Ok(Some("cross-site" | "same-site"))
    ) {
        return Err(SignInError::Forged.into());
    }
    let place = place(desk.gateway(), &name)?;
    let next = next(parts)?;
    let now = desk.now();
    let seed: [u8; 32] = random().map_err(SignInError::from)?;
    let under_way = UnderWay {
        seed: BASE64URL_NOPAD.encode(&seed),
        at: name,
        ends: now.checked_add(LASTS).unwrap_or(Timestamp::MAX).as_millisecond(),
        next,
    };
    let door = &desk.door;
    let attempt = door.logins.attempt(&under_way, &door.origin);
    let address = place
        .address(&attempt, now)
        .await
        .map_err(|why| refused(&place, &why))?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, header(&address)?);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let cookie = door.login_cookie(Some(&door.logins.seal(&under_way)?));
    headers.insert(SET_COOKIE, cookie.ok_or(SignInError::Unavailable)?);
    Ok(response)
}

async fn come_back(State(desk): State<Desk>, Named(name): Named, request: Request<Body>) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = Box::pin(signed_in(&desk, &name, &parts));
    let mut response = answered(async { told_on_a_page(&desk, &parts, work.await) }).await;
    // Whatever came of it, it is not to be tried again.
    if let Some(cookie) = desk.door.login_cookie(None) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

async fn signed_in(desk: &Desk, name: &str, parts: &Parts) -> Result<Response<Body>, Problem> {
    let (door, now) = (&desk.door, desk.now());
    let place = place(desk.gateway(), name)?;
    let cookie = cookie::value(&parts.headers, door.login_name());
    let under_way = cookie.and_then(|cookie| door.logins.open(cookie, now));
    let under_way = under_way.filter(|under_way| under_way.at == name);
    let under_way = under_way.ok_or(SignInError::LoginSpent)?;
    let attempt = door.logins.attempt(&under_way, &door.origin);
    let sent = query::pairs(parts.uri.query()).ok_or(SignInError::LoginSpent)?;
    // Of two nobody knows which one the provider meant.
    let once = |name: &str| {
        let mut found = sent
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value);
        match (found.next(), found.next()) {
            (found, None) => Ok(found.map(String::as_str)),
            (_, Some(_)) => Err(SignInError::LoginSpent),
        }
    };
    if once("state")? != Some(attempt.state.as_str()) {
        return Err(SignInError::LoginSpent.into());
    }
    let code = once("code")?.filter(|code| !code.is_empty() && code.len() <= LONGEST_CODE);
    // The provider's words about an error are not repeated: anybody could have written them.
    let code = code.ok_or(SignInError::LoginRefused)?;
    let returned = Returned {
        code,
        issuer: once("iss")?,
    };
    let found = place.signed_in(&attempt, &returned, now).await;
    let found = found.map_err(|why| refused(&place, &why))?;
    let ends_at = Timestamp::from_millisecond(under_way.ends).unwrap_or(now);
    let seed = under_way.seed.as_bytes();
    if !door
        .sign_in
        .use_up_login(seed, place.tenant(), now, ends_at)
        .await?
    {
        return Err(SignInError::LoginSpent.into());
    }
    let new = open(door, &place, &found, parts, now).await?;
    page(door, &new, under_way.next.as_deref())
}

/// Opens a session for whom `found` stands for: by the table of the settings, by a link, or by the same name.
async fn open(
    door: &Door,
    place: &SignInAt<'_>,
    found: &privet_access::SignedIn,
    parts: &Parts,
    now: Timestamp,
) -> Result<NewSession, Problem> {
    let (tenant, address) = (place.tenant(), address_of(&parts.extensions));
    let has_two_factors = place.has_two_factors(found);
    let told = |error: SignInError| match error {
        SignInError::Refused => SignInError::LoginRefused,
        error => error,
    };
    let way = (SignInWay::Oidc, has_two_factors);
    if let Some(name) = place.listed(found) {
        let opened = door.sign_in.open(tenant, &name, way, address, now).await;
        return Ok(opened.map_err(told)?);
    }
    let identity = Identity {
        issuer: place.issuer(),
        subject: &found.subject,
    };
    let linked = door
        .sign_in
        .open_linked(tenant, identity, has_two_factors, address, now);
    if let Some(new) = linked.await.map_err(told)? {
        return Ok(new);
    }
    let Some(name) = place.namesake(found) else {
        tracing::info!(
            issuer = place.name(),
            "somebody signed in at an issuer who is nobody here"
        );
        return Err(SignInError::LoginRefused.into());
    };
    let opened = door.sign_in.open(tenant, &name, way, address, now).await;
    Ok(opened.map_err(told)?)
}

/// The browser came from another site, so it would not send the session's cookie (`SameSite=Strict`) to where a redirect led; it does
/// where a page of Privet's own leads.
fn page(door: &Door, new: &NewSession, next: Option<&str>) -> Result<Response<Body>, Problem> {
    // Checked when the sign-in began: it holds nothing that HTML has a meaning for.
    let next = next.map(|next| format!("<meta http-equiv=\"refresh\" content=\"0;url={next}\">"));
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Privet</title>{}</head>\
         <body><p>You are signed in.</p></body></html>",
        next.unwrap_or_default()
    );
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let cookie = door.set_cookie(Some(new.token.expose()));
    headers.append(SET_COOKIE, cookie.ok_or(SignInError::Unavailable)?);
    Ok(response)
}

/// Where somebody wants to sign in, if that is to be had.
fn place<'g>(gateway: &'g Gateway, name: &str) -> Result<SignInAt<'g>, Problem> {
    let place = gateway.issuers.as_ref().and_then(|issuers| issuers.login(name));
    place.ok_or_else(|| Problem::told(StatusCode::NOT_FOUND, "nobody signs in at an issuer of this name"))
}

/// Where to go when signed in: a path of Privet's own, so that nobody is led away.
fn next(parts: &Parts) -> Result<Option<String>, Problem> {
    let bad = || {
        Problem::told(
            StatusCode::BAD_REQUEST,
            "`next` takes one path of Privet's own, of letters, digits, `/`, `-`, `_` and `.`",
        )
    };
    let sent = query::pairs(parts.uri.query()).ok_or_else(bad)?;
    let mut found = sent
        .into_iter()
        .filter(|(name, _)| name == "next")
        .map(|(_, next)| next);
    let (Some(next), rest) = (found.next(), found.next()) else {
        return Ok(None);
    };
    if rest.is_some() || !is_way_on(&next) {
        return Err(bad());
    }
    Ok(Some(next))
}

fn is_way_on(next: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    let is_ours = next.starts_with('/') && !next.contains("//") && next.bytes().all(fits);
    is_ours && next.len() <= LONGEST_NEXT
}

/// What of `wanted`, a path with or without a query, can be gone on to from a provider.
pub(crate) fn way_on(wanted: &str) -> Option<&str> {
    let path = wanted.split('?').next()?;
    is_way_on(path).then_some(path)
}

fn header(text: &str) -> Result<HeaderValue, SignInError> {
    HeaderValue::from_str(text).map_err(|_| SignInError::Unavailable)
}

fn refused(place: &SignInAt<'_>, why: &NotSignedIn) -> Problem {
    tracing::info!(issuer = place.name(), %why, "nobody was signed in");
    match why {
        NotSignedIn::Unavailable => privet_access::Denied::IssuerUnavailable.into(),
        NotSignedIn::Busy => SignInError::Busy.into(),
        _ => SignInError::LoginRefused.into(),
    }
}

/// Unused by the browser for anything else.
impl Door {
    fn login_name(&self) -> &'static str {
        if self.is_https {
            "__Host-privet_login"
        } else {
            "privet_login"
        }
    }

    /// Gives the browser `value` for as long as a sign-in may take; without one it forgets what it has.
    fn login_cookie(&self, value: Option<&str>) -> Option<HeaderValue> {
        let age = if value.is_some() { LASTS.as_secs() } else { 0 };
        let secure = if self.is_https { "; Secure" } else { "" };
        let text = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Lax{secure}; Max-Age={age}",
            self.login_name(),
            value.unwrap_or_default()
        );
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}
