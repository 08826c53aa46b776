//! The addresses.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{delete, get, post, put};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use privet_access::{Ask, Denied};
use privet_access::{Attempt, Live, NewSession, Privilege, Proof, Resource, SignInError};
use privet_types::{Secret, SurfaceKind};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Door, oidc, passkeys, views};
use crate::access::address_of;
use crate::credentials;
use crate::gateway::Gateway;
use crate::named::Named;
use crate::openapi::Operation;
use crate::problem::Problem;
use crate::prompt::{check_media, new_request_id, with_request_id};

/// Largest body: a password and a name.
const BODY: usize = 16 << 10;
/// Longest that an answer takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The addresses, if people are to sign in here.
pub(crate) fn routes(gateway: &Arc<Gateway>) -> Router {
    let Some(door) = &gateway.door else {
        return Router::new();
    };
    let desk = Desk {
        gateway: Arc::clone(gateway),
        door: Arc::clone(door),
    };
    Router::new()
        .route("/api/v1/invites/accept", post(accept_invite))
        .route("/api/v1/sessions", post(sign_in).get(list_all))
        .route("/api/v1/sessions/{id}", delete(end_any))
        .route("/api/v1/me", get(me))
        .route("/api/v1/me/sign_out", post(sign_out))
        .route("/api/v1/me/proof", post(prove))
        .route("/api/v1/me/password", put(change_password))
        .route("/api/v1/me/sessions", get(list_own).delete(end_others))
        .route("/api/v1/me/sessions/{id}", delete(end_own))
        .route("/api/v1/me/totp", post(begin_totp).delete(remove_totp))
        .route("/api/v1/me/totp/confirm", post(confirm_totp))
        .route("/api/v1/me/recovery_codes", post(new_recovery_codes))
        .merge(passkeys::routes())
        .merge(oidc::routes())
        .with_state(desk)
}

/// What they do.
pub(crate) fn described() -> Vec<Operation> {
    let own = |method, path, summary| Operation::signed_in(method, path, Privilege::SignIn, summary);
    let mut all = vec![
        Operation::to_sign_in(
            Method::POST,
            "/api/v1/invites/accept",
            "Sets a password with the code of an invite.",
        )
        .takes::<views::Invited>(),
        Operation::to_sign_in(Method::POST, "/api/v1/sessions", "Signs in.")
            .takes::<views::Credentials>()
            .gives(201, "SessionOpened"),
        Operation::signed_in(
            Method::GET,
            "/api/v1/sessions",
            Privilege::PeopleRead,
            "Lists who is signed in.",
        )
        .gives(200, "Sessions"),
        Operation::signed_in(
            Method::DELETE,
            "/api/v1/sessions/{id}",
            Privilege::PeopleManage,
            "Ends anybody's session.",
        ),
        own(
            Method::GET,
            "/api/v1/me",
            "Who is signed in, and what is missing.",
        )
        .gives(200, "Me"),
        own(Method::POST, "/api/v1/me/sign_out", "Ends this session."),
        own(
            Method::POST,
            "/api/v1/me/proof",
            "Shows a second factor, or again who one is.",
        )
        .takes::<views::Shown>()
        .gives(200, "SessionOpened"),
        own(
            Method::PUT,
            "/api/v1/me/password",
            "Changes the password, and ends the other sessions.",
        )
        .takes::<views::NewPassword>(),
        own(Method::GET, "/api/v1/me/sessions", "Lists one's sessions.").gives(200, "Sessions"),
        own(
            Method::DELETE,
            "/api/v1/me/sessions",
            "Ends one's other sessions.",
        )
        .gives(200, "SessionsEnded"),
        own(
            Method::DELETE,
            "/api/v1/me/sessions/{id}",
            "Ends one of one's sessions.",
        ),
        own(
            Method::POST,
            "/api/v1/me/totp",
            "Begins to add an authenticator app.",
        )
        .gives(200, "NewTotp"),
        own(
            Method::DELETE,
            "/api/v1/me/totp",
            "Removes the authenticator app.",
        ),
        own(
            Method::POST,
            "/api/v1/me/totp/confirm",
            "Adds the authenticator app.",
        )
        .takes::<views::Code>()
        .gives(200, "SessionOpened"),
        own(
            Method::POST,
            "/api/v1/me/recovery_codes",
            "Makes new recovery codes in the place of the old.",
        )
        .gives(200, "RecoveryCodes"),
    ];
    all.extend(passkeys::described());
    all.extend(oidc::described());
    all
}

#[derive(Clone)]
pub(super) struct Desk {
    gateway: Arc<Gateway>,
    pub(super) door: Arc<Door>,
}

/// What goes back.
#[derive(Default)]
pub(super) struct Answer {
    status: StatusCode,
    pub(super) json: Option<Value>,
    /// What the browser is to keep, or to forget.
    cookie: Option<HeaderValue>,
}

/// A request of somebody who is signed in.
pub(super) struct Call {
    pub(super) live: Live,
    pub(super) parts: Parts,
    pub(super) body: Body,
    pub(super) now: Timestamp,
}

impl Answer {
    pub(super) fn json(json: Value) -> Self {
        Self {
            json: Some(json),
            ..Self::default()
        }
    }

    pub(super) fn nothing() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            ..Self::default()
        }
    }

    pub(super) fn session(door: &Door, new: &NewSession, status: StatusCode) -> Self {
        Self {
            status,
            json: Some(views::opened(new)),
            cookie: door.set_cookie(Some(new.token.expose())),
        }
    }

    fn respond(self) -> Response<Body> {
        let body = self
            .json
            .map_or_else(Body::empty, |json| Body::from(json.to_string()));
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if self.status != StatusCode::NO_CONTENT {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(cookie) = self.cookie {
            headers.insert(SET_COOKIE, cookie);
        }
        response
    }

    /// The same with recovery codes.
    pub(super) fn with_codes(mut self, codes: &[Secret<String>]) -> Self {
        if let (Some(Value::Object(json)), Value::Object(codes)) = (&mut self.json, views::codes(codes)) {
            json.extend(codes);
        }
        self
    }
}

impl Desk {
    pub(super) const fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    pub(super) fn now(&self) -> Timestamp {
        self.gateway.clock.now()
    }

    /// Who is signed in and wants to end its own sessions: no policy keeps anybody from that.
    async fn call_to_end(&self, request: Request<Body>) -> Result<Call, Problem> {
        let (parts, body) = request.into_parts();
        let now = self.now();
        let live = self.door.live(&parts, now).await?;
        Ok(Call {
            live,
            parts,
            body,
            now,
        })
    }

    /// Who is signed in, if the policies permit it that, and what this address is for. What the session is good for is asked later.
    pub(super) async fn call(&self, request: Request<Body>) -> Result<Call, Problem> {
        let call = self.call_to_end(request).await?;
        let Call { live, parts, now, .. } = &call;
        let now = *now;
        let address = address_of(&parts.extensions);
        let privilege = credentials::gate(parts.uri.path()).ok_or(Denied::NotBySession)?;
        let keys = self.gateway.keys();
        keys.check_switches(live.caller(), Some(privilege), now)?;
        self.door.sign_in.check_permitted(live, address, now)?;
        if privilege == Privilege::SignIn {
            return Ok(call);
        }
        let ask = Ask {
            privilege,
            resource: Resource::Tenant,
            at: now,
            address,
            prompt: None,
        };
        let allowed = keys.authorise(live.caller(), &ask);
        allowed.map_err(Denied::from)?;
        Ok(call)
    }

    pub(super) async fn read<T: DeserializeOwned>(&self, parts: &Parts, body: Body) -> Result<T, Problem> {
        parse(&small_body(&self.gateway, &parts.headers, body).await?)
    }
}

/// A body that says it is JSON and is small.
pub(crate) async fn small_body(gateway: &Gateway, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    check_media(headers)?;
    let limit = BODY as u64;
    let time = gateway.settings.limits.body_timeout.duration();
    match timeout(time, Limited::new(body, BODY).collect()).await {
        Err(_) => Err(Problem::BodyTimeout),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::TooLarge { limit }),
        Ok(Err(_)) => Err(Problem::BodyCut),
    }
}

/// What a body says; the error names the place, and nothing of what stands there.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        Problem::told(
            StatusCode::BAD_REQUEST,
            format!(
                "the body is not what this address takes: look at line {}, column {}",
                error.line(),
                error.column()
            ),
        )
    })
}

impl Call {
    /// That the session is good for all that its person may do.
    pub(super) fn check(&self) -> Result<(), Problem> {
        Ok(self.live.check()?)
    }
}

/// Waits for `work`, and answers.
pub(super) async fn answer(work: impl Future<Output = Result<Answer, Problem>>) -> Response<Body> {
    answered(async { Ok(work.await?.respond()) }).await
}

/// The same where the answer is no JSON.
pub(super) async fn answered(work: impl Future<Output = Result<Response<Body>, Problem>>) -> Response<Body> {
    let id = new_request_id();
    let done = match timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(SignInError::Unavailable.into()),
    };
    let mut response = match done {
        Ok(response) => response,
        Err(problem) => {
            tracing::info!(request_id = id, problem = problem.code(), "refused");
            if let Problem::SignIn(SignInError::Store(error)) = &problem {
                tracing::error!(request_id = id, %error, "the store cannot be asked about who signs in");
            }
            problem.respond(SurfaceKind::Pii, &id)
        }
    };
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    with_request_id(response, &id)
}

async fn accept_invite(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let (parts, body) = request.into_parts();
        if desk.door.comes_from_us(&parts.headers) == Some(false) {
            return Err(SignInError::Forged.into());
        }
        let asked: views::Invited = desk.read(&parts, body).await?;
        let accepted =
            desk.door
                .sign_in
                .accept_invite(asked.code.expose(), asked.password.expose(), desk.now());
        accepted.await?;
        Ok(Answer::nothing())
    })
    .await
}

async fn sign_in(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let (parts, body) = request.into_parts();
        if desk.door.comes_from_us(&parts.headers) == Some(false) {
            return Err(SignInError::Forged.into());
        }
        let asked: views::Credentials = desk.read(&parts, body).await?;
        let attempt = Attempt {
            tenant: &asked.tenant.0,
            name: &asked.name.0,
            password: asked.password.expose(),
            address: address_of(&parts.extensions),
        };
        let new = desk.door.sign_in.sign_in(attempt, desk.now()).await?;
        Ok(Answer::session(&desk.door, &new, StatusCode::CREATED))
    })
    .await
}

async fn list_all(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        call.check()?;
        let sessions = desk.door.sign_in.list(&call.live, true, call.now).await?;
        Ok(Answer::json(listed(&call.live, &sessions)))
    })
    .await
}

async fn end_any(State(desk): State<Desk>, Named(id): Named, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        call.check()?;
        let ended = desk.door.sign_in.end(&call.live, None, &id, call.now).await?;
        found(ended)
    })
    .await
}

async fn me(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        let left = desk.door.sign_in.count_recovery_codes(&call.live).await?;
        Ok(Answer::json(views::me(&call.live, left)))
    })
    .await
}

async fn sign_out(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call_to_end(request).await?;
        let id = &call.live.session().id;
        desk.door.sign_in.end_own(&call.live, Some(id), call.now).await?;
        Ok(Answer {
            cookie: desk.door.set_cookie(None),
            ..Answer::nothing()
        })
    })
    .await
}

async fn prove(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let Call {
            live,
            parts,
            body,
            now,
        } = desk.call(request).await?;
        let shown: views::Shown = desk.read(&parts, body).await?;
        let proof = match (&shown.password, &shown.code, &shown.recovery_code) {
            (Some(password), None, None) => Proof::Password(password.expose()),
            (None, Some(code), None) => Proof::Code(code.expose()),
            (None, None, Some(code)) => Proof::Recovery(code.expose()),
            _ => {
                return Err(Problem::told(
                    StatusCode::BAD_REQUEST,
                    "give one of `password`, `code` and `recovery_code`",
                ));
            }
        };
        let address = address_of(&parts.extensions);
        let new = desk.door.sign_in.prove(&live, proof, address, now).await?;
        Ok(Answer::session(&desk.door, &new, StatusCode::OK))
    })
    .await
}

async fn change_password(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let Call {
            live,
            parts,
            body,
            now,
        } = desk.call(request).await?;
        let asked: views::NewPassword = desk.read(&parts, body).await?;
        let password = asked.password.expose();
        desk.door.sign_in.change_password(&live, password, now).await?;
        Ok(Answer::nothing())
    })
    .await
}

async fn list_own(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        call.check()?;
        let sessions = desk.door.sign_in.list(&call.live, false, call.now).await?;
        Ok(Answer::json(listed(&call.live, &sessions)))
    })
    .await
}

async fn end_own(State(desk): State<Desk>, Named(id): Named, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call_to_end(request).await?;
        call.check()?;
        let ended = desk.door.sign_in.end_own(&call.live, Some(&id), call.now).await?;
        found(ended)
    })
    .await
}

async fn end_others(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call_to_end(request).await?;
        call.check()?;
        let ended = desk.door.sign_in.end_own(&call.live, None, call.now).await?;
        Ok(Answer::json(json!({ "ended": ended })))
    })
    .await
}

async fn begin_totp(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        let new = desk.door.sign_in.begin_totp(&call.live, call.now).await?;
        Ok(Answer::json(
            json!({ "uri": new.uri.expose(), "picture": new.picture() }),
        ))
    })
    .await
}

async fn confirm_totp(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let Call {
            live,
            parts,
            body,
            now,
        } = desk.call(request).await?;
        let asked: views::Code = desk.read(&parts, body).await?;
        let (codes, new) = desk
            .door
            .sign_in
            .confirm_totp(&live, asked.code.expose(), now)
            .await?;
        Ok(Answer::session(&desk.door, &new, StatusCode::OK).with_codes(&codes))
    })
    .await
}

async fn remove_totp(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        desk.door.sign_in.remove_totp(&call.live, call.now).await?;
        Ok(Answer::nothing())
    })
    .await
}

async fn new_recovery_codes(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    answer(async {
        let call = desk.call(request).await?;
        let codes = desk.door.sign_in.new_recovery_codes(&call.live, call.now).await?;
        Ok(Answer::json(views::codes(&codes)))
    })
    .await
}

fn listed(live: &Live, sessions: &[privet_access::SessionRecord]) -> Value {
    let current = &live.session().id;
    let sessions: Vec<Value> = sessions
        .iter()
        .map(|session| views::session(session, current))
        .collect();
    json!({ "sessions": sessions })
}

pub(super) fn found(ended: u64) -> Result<Answer, Problem> {
    if ended > 0 {
        Ok(Answer::nothing())
    } else {
        Err(Problem::told(
            StatusCode::NOT_FOUND,
            "there is no such session; it may have ended",
        ))
    }
}
