//! Servers of tools of others, by the Model Context Protocol over streamable HTTP: what is sent to them goes as the settings say,
//! what they say is masked, and each call is decided, counted and written down.
//!
//! # Source
//! <https://modelcontextprotocol.io/specification>, versions 2025-03-26 to 2026-07-28: "Transports".

mod exchange;
mod head;
mod places;
mod record;
mod rules;
mod seal;
mod stream;
mod upstream;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use privet_access::{Ask, Authenticated, Privilege, Resource};
use privet_policy::{McpArguments, McpChangedTools, McpServer, McpThing, Settings};
use privet_surface::mcp::MessageKind;
use privet_types::{Action, Budget, Entity, SurfaceKind};
use serde_json::json;

use crate::Error;
use crate::access;
use crate::connection::ReplyBody;
use crate::gateway::Gateway;
use crate::kill::SwitchedOff;
use crate::limits::{Meter, Who};
use crate::named::Named;
use crate::problem::Problem;
use crate::prompt::{UNITS_PER_REQUEST, check_media, new_request_id, read_body, with_request_id};
use crate::recall::Recall;

use exchange::{Between, Held, Incoming, Outgoing, Passed};
pub(crate) use places::Place;
use places::Places;
use record::{Found, Told};
use seal::{Of, Seal};
use stream::Ended;
pub use upstream::McpHeaders;
use upstream::{Head, Server, is_refusal_of_privet, status_problem};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const EVENTS: &str = "text/event-stream";

/// The servers of the settings, and what is open to them.
pub(crate) struct Mcp {
    servers: BTreeMap<String, Arc<Server>>,
    origins: Vec<String>,
    places: Places,
    stream_time: Duration,
}

impl Mcp {
    /// None if the settings name no server. `headers`: what stands in the servers' headers.
    pub(crate) fn new(settings: &Settings, headers: &McpHeaders) -> Result<Option<Self>, Error> {
        let Some(mcp) = &settings.mcp else { return Ok(None) };
        let mut servers = BTreeMap::new();
        for server in &mcp.servers {
            let reached = Arc::new(Server::new(server, settings, headers)?);
            servers.insert(server.name.clone(), reached);
        }
        Ok(Some(Self {
            servers,
            origins: mcp.origins.clone(),
            places: Places::new(mcp.streams, mcp.streams_per_caller),
            stream_time: mcp.stream_time,
        }))
    }

    /// What is remembered for the settings' servers.
    pub(crate) fn recall(settings: &Settings) -> Recall {
        let Some(mcp) = &settings.mcp else {
            return Recall::for_responses();
        };
        let restores = |server: &McpServer| server.arguments == McpArguments::Restore;
        let learns_prompts = mcp.servers.iter().any(restores);
        Recall::new(mcp.remember_values, mcp.remember, learns_prompts)
    }
}

/// The addresses of the servers of tools; none if there are none.
pub(crate) fn routes(gateway: Arc<Gateway>) -> Router {
    if gateway.mcp.is_none() {
        return Router::new();
    }
    Router::new()
        .route("/mcp/{name}", post(answer).get(answer).delete(answer))
        .with_state(gateway)
}

/// A refusal: what it is, and the number of the request that it answers.
struct Refused {
    id: Option<String>,
    problem: Problem,
}

impl<P: Into<Problem>> From<P> for Refused {
    fn from(problem: P) -> Self {
        Self {
            id: None,
            problem: problem.into(),
        }
    }
}

async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Named(name): Named,
    request: Request<Body>,
) -> Response<Body> {
    let request_id = new_request_id();
    let served = serve(&gateway, &name, request, &request_id).await;
    gateway.metrics.ended(
        SurfaceKind::Mcp,
        served.as_ref().err().map(|refused| &refused.problem),
    );
    let response = served.unwrap_or_else(|refused| {
        let code = refused.problem.code();
        tracing::info!(request_id, surface = "mcp", problem = code, "refused");
        refused.respond(&request_id)
    });
    with_request_id(response, &request_id)
}

impl Refused {
    /// A refusal of what one message asks for is its answer; all else is one of HTTP. Both have the same body.
    fn respond(&self, request_id: &str) -> Response<Body> {
        let mut response = self.problem.respond(SurfaceKind::Mcp, request_id);
        let is_answer = self.id.is_some()
            && matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST)
            && !matches!(
                self.problem.code(),
                "bad_message" | "bad_body" | "header_mismatch" | "unsupported_version"
            );
        if is_answer {
            *response.status_mut() = StatusCode::OK;
        }
        *response.body_mut() = Body::from(error_message(self.id.as_deref(), &self.problem, request_id));
        response
    }
}

/// An error of JSON-RPC. `id` is written as it came.
fn error_message(id: Option<&str>, problem: &Problem, request_id: &str) -> String {
    let code = match problem.code() {
        "bad_body" => -32700,
        "bad_message" | "nothing_asked" => -32600,
        "method_not_found" => -32601,
        "header_mismatch" => -32020,
        _ => -32003,
    };
    let error = json!({
        "code": code,
        "message": format!("privet: {problem}"),
        "data": { "code": problem.code(), "request_id": request_id },
    });
    format!(
        r#"{{"jsonrpc":"2.0","id":{},"error":{error}}}"#,
        id.unwrap_or("null")
    )
}

/// A request that was let in, and how its server is spoken to.
struct Call<'a> {
    gateway: &'a Arc<Gateway>,
    mcp: &'a Mcp,
    caller: Authenticated,
    server: Arc<Server>,
    seal: Seal,
    parts: http::request::Parts,
    /// Sessions and versions, in the server's own words.
    head: Head,
    request_id: &'a str,
}

async fn serve(
    gateway: &Arc<Gateway>,
    name: &str,
    request: Request<Body>,
    request_id: &str,
) -> Result<Response<Body>, Refused> {
    let (parts, body) = request.into_parts();
    let mcp = gateway.mcp.as_ref().ok_or(Problem::NoSuchSurface)?;
    head::check_origin(&parts.headers, &mcp.origins)?;
    let caller = gateway.authenticate(&parts).await.map_err(Problem::from)?;
    let pseudonym = || gateway.pseudonyms.pseudonym(&caller.tenant, &caller.principal);
    gateway.watch.check(pseudonym, gateway.clock.now())?;
    let server = mcp.servers.get(name).ok_or_else(|| {
        let text = "there is no server of tools of this name; ask the operator which there are";
        Problem::coded(StatusCode::NOT_FOUND, "no_such_server", text)
    })?;
    let seal = Seal::new(&gateway.root, &caller.tenant, caller.principal.as_str(), name);
    let head = head::read(&parts.headers, &seal)?;
    let call = Call {
        gateway,
        mcp,
        caller,
        server: Arc::clone(server),
        seal,
        parts,
        head,
        request_id,
    };
    if call.off().is_off() {
        return Err(Problem::CutOff.into());
    }
    let (who, now) = (Who::Caller(&call.caller), gateway.clock.now());
    gateway.limits.look(who, SurfaceKind::Mcp, now)?;
    match call.parts.method {
        Method::POST => call.post(body).await,
        Method::GET => call.listen().await,
        _ => call.end().await,
    }
}

impl Call<'_> {
    fn between(&self) -> Between {
        let (tenant, principal) = (&self.caller.tenant, self.caller.principal.as_str());
        Between {
            gateway: Arc::clone(self.gateway),
            server: Arc::clone(&self.server),
            key: self.gateway.surrogate_key(tenant, principal),
            hashes: self.gateway.hashes(tenant),
            memory: self.gateway.memory.of(tenant),
            tenant: tenant.clone(),
            principal: principal.to_owned(),
        }
    }

    /// That the policies let the caller do this.
    fn authorise(&self, method: &str, name: &str, counts: &BTreeMap<Entity, u32>) -> Result<(), Problem> {
        let ask = Ask {
            privilege: Privilege::McpCall,
            resource: Resource::Tools {
                server: &self.server.name,
                method,
                name,
                found: counts.values().sum(),
            },
            at: self.gateway.clock.now(),
            address: access::address_of(&self.parts.extensions),
            prompt: None,
        };
        let permitted = self.gateway.keys().authorise(&self.caller, &ask);
        permitted.map_err(|not| Problem::NotPermitted {
            message: Some(not.message.unwrap_or_else(|| {
                "you are not permitted to use this server of tools in this way; ask an administrator"
                    .to_owned()
            })),
            provider: self.server.name.to_string(),
            model: String::new(),
        })
    }

    fn off(&self) -> SwitchedOff {
        let model = format!("mcp/{}", self.server.name);
        SwitchedOff::new(self.gateway, self.caller.clone(), model)
    }

    /// Sends `body` and hears the reply. Both end when a kill switch cuts them off.
    async fn exchange(
        &self,
        method: Method,
        body: Vec<u8>,
        mut meter: Option<Meter>,
        hearing: Hearing,
    ) -> Result<Response<Body>, Problem> {
        let is_stream_only = method == Method::GET;
        let mut off = self.off();
        let exchanged = async {
            if let Some(meter) = &mut meter {
                meter.sent();
            }
            let sending = self.server.send(method, &self.head, body);
            let upstream = match &meter {
                Some(meter) => meter.in_time(sending).await?,
                None => sending.await?,
            };
            if let Some(meter) = &mut meter {
                meter.answered(&upstream);
            }
            let status = upstream.status();
            if is_stream_only && (!status.is_success() || media_type(&upstream) != EVENTS) {
                return Err(status_problem(status));
            }
            self.reply(upstream, hearing).await
        };
        let response = tokio::select! {
            biased;
            response = exchanged => response?,
            () = off.wait() => return Err(Problem::CutOff),
        };
        if off.is_off() {
            return Err(Problem::CutOff);
        }
        let response = off.watch(response);
        Ok(match meter {
            Some(meter) => meter.measure(response),
            None => response,
        })
    }

    async fn reserve(&self) -> Result<Option<Meter>, Problem> {
        let name = format!("mcp/{}", self.server.name);
        let now = self.gateway.clock.now();
        self.gateway
            .limits
            .reserve(&self.caller, SurfaceKind::Mcp, (&name, b""), now)
            .await
    }

    async fn post(mut self, body: Body) -> Result<Response<Body>, Refused> {
        let permit = Arc::clone(&self.gateway.requests)
            .try_acquire_owned()
            .map_err(|_| Problem::Busy)?;
        check_media(&self.parts.headers)?;
        let body = read_body(self.gateway, &self.parts.headers, body).await?;
        let read_at = Instant::now();
        let between = self.between();
        self.learn_tools(&body).await?;
        let units = self.gateway.units_per_byte() * body.len() as u64 + UNITS_PER_REQUEST;
        let (bytes, shared) = (self.gateway.weight(body.len()), between.clone());
        let work = move |budget: &Budget| shared.outgoing(&body, budget);
        let done = self.gateway.pool.run(bytes, Budget::new(units), work).await?;
        let mut told = Told {
            gateway: Arc::clone(self.gateway),
            caller: self.caller.clone(),
            server: Arc::clone(&self.server.name),
            name: None,
            request_id: self.request_id.to_owned(),
        };
        let out = match done {
            Ok(out) => out,
            Err((id, problem)) => {
                told.blocked(problem.code(), read_at).await?;
                return Err(Refused { id, problem });
            }
        };
        told.name = tool_name(&out);
        let id = match &out.kind {
            MessageKind::Request { id, .. } => Some(id.clone()),
            _ => None,
        };
        let refuse = |problem| Refused {
            id: id.clone(),
            problem,
        };
        let method = method_of(&out.kind);
        let name = out.named.as_ref().map_or("", |(_, name)| name.as_str());
        let checked = self.authorise(&method, name, &out.counts).and_then(|()| {
            head::mirror(&self.parts.headers, &out).map(|mirrored| self.head.mirrored = mirrored)
        });
        let reserved = match checked {
            Ok(()) => self.reserve().await,
            Err(problem) => Err(problem),
        };
        let meter = match reserved {
            Ok(meter) => meter,
            Err(problem) => {
                told.blocked(problem.code(), read_at).await?;
                return Err(refuse(problem));
            }
        };
        if id.is_some() && method != "ping" {
            let action = if out.masked > 0 {
                Action::Redact
            } else {
                Action::Allow
            };
            let hashes = (out.request_hash.clone(), out.sent_hash.clone());
            told.decided(
                action,
                "tool_call",
                out.counts.clone().into(),
                Some(hashes),
                read_at,
            )
            .await?;
        }
        let hearing = Hearing {
            between,
            told,
            asked: id.clone(),
            is_for_model: rules::is_for_model(&method),
            head: Head {
                session: self.head.session.clone(),
                version: self.head.version.clone(),
                ..Head::default()
            },
        };
        let exchanged = self.exchange(Method::POST, out.body, meter, hearing).await;
        drop(permit);
        exchanged.map_err(refuse)
    }

    /// Looks at what the store knows of the server's tools before a call of the tenant's, if nobody has lately.
    async fn learn_tools(&self, body: &[u8]) -> Result<(), Problem> {
        let (server, tenant) = (&self.server, &self.caller.tenant);
        if server.settings.changed_tools == McpChangedTools::Flag
            || !may_hold(body, b"call")
            || server.knows_changed(tenant)
        {
            return Ok(());
        }
        let store = self.gateway.keys().store();
        let known = store.list_mcp_tools(tenant, Some(&server.name)).await;
        let known = known.map_err(|error| unavailable(&error))?;
        let changed = known.into_iter().filter(privet_store::McpTool::is_changed);
        server.set_changed(tenant, changed.map(|tool| tool.tool).collect());
        Ok(())
    }

    /// Opens the stream on which the server speaks by itself, or goes on with one that broke off.
    async fn listen(self) -> Result<Response<Body>, Refused> {
        self.authorise("stream", "", &BTreeMap::new())?;
        let meter = self.reserve().await?;
        let told = Told {
            gateway: Arc::clone(self.gateway),
            caller: self.caller.clone(),
            server: Arc::clone(&self.server.name),
            name: None,
            request_id: self.request_id.to_owned(),
        };
        let hearing = Hearing {
            between: self.between(),
            told,
            asked: None,
            // It may be the rest of a stream that answered a call.
            is_for_model: true,
            head: Head {
                session: self.head.session.clone(),
                version: self.head.version.clone(),
                ..Head::default()
            },
        };
        Ok(self.exchange(Method::GET, Vec::new(), meter, hearing).await?)
    }

    /// Ends a session.
    async fn end(self) -> Result<Response<Body>, Refused> {
        self.authorise("session/end", "", &BTreeMap::new())?;
        if self.head.session.is_none() {
            let text = "say which session ends: `Mcp-Session-Id`";
            return Err(Problem::coded(StatusCode::BAD_REQUEST, "bad_session", text).into());
        }
        let upstream = self.server.send(Method::DELETE, &self.head, Vec::new()).await?;
        let status = upstream.status();
        if !status.is_success() {
            return Err(status_problem(status).into());
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    /// The server's reply as the client gets it.
    async fn reply(
        &self,
        upstream: Response<ReplyBody>,
        hearing: Hearing,
    ) -> Result<Response<Body>, Problem> {
        let status = upstream.status();
        let media = media_type(&upstream);
        let session = match upstream.headers().get(SESSION) {
            None => None,
            Some(id) => {
                let id = id.to_str().ok().and_then(|id| self.seal.seal(Of::Session, id));
                Some(id.ok_or(Problem::UpstreamUnusable("a session whose id is none"))?)
            }
        };
        let mut response = if status.is_success() && media == EVENTS {
            let place = self.mcp.places.take(&self.caller)?;
            let body = upstream.into_body();
            let streaming = stream::pass(body, hearing, self.seal.clone(), place, self.mcp.stream_time);
            let mut response = Response::new(Body::new(streaming));
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENTS));
            headers.insert(NO_BUFFERING, HeaderValue::from_static("no"));
            response
        } else if media == "application/json" && !is_refusal_of_privet(status) {
            let body = collect(self.gateway, upstream.into_body()).await?;
            let said = hearing.hear(body.to_vec()).await.map_err(Problem::from)?;
            let said = said.ok_or(Problem::UpstreamUnusable("a question in the place of an answer"))?;
            let mut response = Response::new(Body::from(said));
            *response.status_mut() = status;
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        } else if status.is_success() && hearing.asked.is_none() {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        } else if status.is_success() {
            return Err(Problem::UpstreamUnusable("neither JSON nor events"));
        } else {
            return Err(status_problem(status));
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(session) = session.and_then(|id| HeaderValue::from_str(&id).ok()) {
            headers.insert(SESSION, session);
        }
        Ok(response)
    }
}

/// Whether a string or key of the JSON in `data` may hold `word`, whose letters can be escaped in one way only.
fn may_hold(data: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(data, word).is_some() || memchr::memmem::find(data, b"\\u").is_some()
}

fn unavailable(error: &privet_store::Error) -> Problem {
    tracing::error!(%error, "the store does not say which tools have changed");
    Problem::NotRecorded
}

fn media_type(response: &Response<ReplyBody>) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

async fn collect(gateway: &Gateway, body: ReplyBody) -> Result<Bytes, Problem> {
    let limits = &gateway.settings.limits;
    let most = usize::try_from(limits.reply_body.bytes()).unwrap_or(usize::MAX);
    let collected = tokio::time::timeout(
        limits.stream_idle_timeout.duration(),
        Limited::new(body, most).collect(),
    );
    match collected.await {
        Err(_) => Err(Problem::UpstreamTimeout),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::UpstreamUnusable(
            "a body larger than `reply_body` in the settings",
        )),
        Ok(Err(_)) => Err(Problem::UpstreamUnusable("a body that broke off")),
    }
}

fn method_of(kind: &MessageKind) -> String {
    match kind {
        MessageKind::Request { method, .. } | MessageKind::Notification { method } => method.clone(),
        MessageKind::Response { .. } => "response".to_owned(),
    }
}

/// The name for the log: of a tool, which the settings allow and which is nothing but a name.
fn tool_name(out: &Outgoing) -> Option<String> {
    let (thing, name) = out.named.as_ref()?;
    let is_plain = (1..=128).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'));
    (*thing == McpThing::Tool && is_plain).then(|| name.clone())
}

/// Listens to what a server says to one caller.
pub(crate) struct Hearing {
    between: Between,
    told: Told,
    /// The number of the request that is being answered.
    asked: Option<String>,
    /// Whether what is said goes to a model.
    is_for_model: bool,
    head: Head,
}

impl From<Ended> for Problem {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::NotRecorded => Self::NotRecorded,
            _ => Self::UpstreamUnusable("what is no message that can be passed on"),
        }
    }
}

impl Hearing {
    /// What the client gets of a message of the server's; none if that is nothing.
    async fn hear(&self, data: Vec<u8>) -> Result<Option<Vec<u8>>, Ended> {
        let heard_at = Instant::now();
        let gateway = &self.between.gateway;
        let held = match self.look_at_tools(&data).await? {
            Ok(held) => held,
            Err(problem) => return self.hold(self.asked.as_deref(), &problem, heard_at).await,
        };
        let guards = gateway.guards.clone();
        let guard_units = guards
            .as_ref()
            .map_or(0, |guards| guards.units(data.len() as u64));
        let units = gateway.units_per_byte() * data.len() as u64 + UNITS_PER_REQUEST + guard_units;
        let approved = match &guards {
            Some(guards) => guards.approved(gateway, &self.between.tenant).await,
            None => Arc::default(),
        };
        let roles = match &guards {
            Some(_) => self.told.caller.account.roles().into_iter().cloned().collect(),
            None => Vec::new(),
        };
        let (bytes, shared, asked) = (
            gateway.weight(data.len()),
            self.between.clone(),
            self.asked.clone(),
        );
        let work = move |budget: &Budget| {
            let is_held = |name: &str| held.contains(name);
            shared.incoming(&data, (asked.as_deref(), roles, &approved), &is_held, budget)
        };
        let done = gateway.pool.run(bytes, Budget::new(units), work).await;
        let done = done.unwrap_or_else(|problem| {
            Err(Held {
                id: self.asked.clone(),
                problem,
            })
        });
        match done {
            Ok(Incoming::Passed(passed)) => self.passed(passed, heard_at).await.map(Some),
            Ok(Incoming::Answered(text)) => {
                self.answer(text, heard_at).await?;
                Ok(None)
            }
            Err(Held { id, problem }) => self.hold(id.as_deref(), &problem, heard_at).await,
        }
    }

    /// What the client gets in the place of a message that is held back.
    async fn hold(
        &self,
        id: Option<&str>,
        problem: &Problem,
        since: Instant,
    ) -> Result<Option<Vec<u8>>, Ended> {
        let (action, found) = match problem {
            Problem::Guarded(stopped) => {
                let is_held = !stopped.held.is_empty();
                let found = Found {
                    hits: stopped.hits.clone(),
                    held: stopped.held.clone(),
                    ..Found::default()
                };
                (if is_held { Action::Hold } else { Action::Block }, found)
            }
            _ => (Action::Block, Found::default()),
        };
        self.note(action, problem.code(), found, None, since).await?;
        let is_about_content = matches!(problem, Problem::NotCleared(_) | Problem::Guarded(_));
        match id {
            Some(id) => Ok(Some(
                error_message(Some(id), problem, &self.told.request_id).into_bytes(),
            )),
            // A message of the server's own accord that must not go on is left out.
            None if is_about_content => Ok(None),
            None => Err(Ended::Held),
        }
    }

    async fn note(
        &self,
        action: Action,
        reason: &str,
        found: Found,
        hashes: Option<(String, String)>,
        since: Instant,
    ) -> Result<(), Ended> {
        let told = self.told.decided(action, reason, found, hashes, since);
        told.await.map_err(|_| Ended::NotRecorded)
    }

    async fn passed(&self, passed: Passed, since: Instant) -> Result<Vec<u8>, Ended> {
        let is_answer = matches!(passed.kind, MessageKind::Response { .. });
        let by_guardrails = passed.guarded.unwrap_or(Action::Allow);
        if passed.masked > 0 || by_guardrails != Action::Allow || (is_answer && self.is_for_model) {
            let action = if passed.masked > 0 {
                Action::Redact
            } else {
                by_guardrails
            };
            let hashes = Some((passed.request_hash, passed.sent_hash));
            self.note(action, "tool_result", passed.found, hashes, since)
                .await?;
        }
        Ok(passed.body)
    }

    /// Tells the server that its clients are not asked.
    async fn answer(&self, text: String, since: Instant) -> Result<(), Ended> {
        self.note(Action::Block, "client_not_asked", Found::default(), None, since)
            .await?;
        let server = Arc::clone(&self.between.server);
        let head = Head {
            session: self.head.session.clone(),
            version: self.head.version.clone(),
            ..Head::default()
        };
        tokio::spawn(async move {
            if let Err(problem) = server.send(Method::POST, &head, text.into_bytes()).await {
                tracing::warn!(server = %server.name, problem = problem.code(), "server cannot be told");
            }
        });
        Ok(())
    }

    /// Writes down how the tools describe themselves that `data` lists. Gives the names of those that are held back,
    /// or why the whole list is.
    async fn look_at_tools(&self, data: &[u8]) -> Result<Result<BTreeSet<String>, Problem>, Ended> {
        let server = &self.between.server;
        if !may_hold(data, b"tools") {
            return Ok(Ok(BTreeSet::new()));
        }
        let gateway = &self.between.gateway;
        let (bytes, units) = (data.len(), 64 * data.len() as u64 + UNITS_PER_REQUEST);
        let (shared, data) = (self.between.clone(), data.to_vec());
        let work = move |budget: &Budget| shared.listed_tools(&data, budget);
        let listed = gateway.pool.run(bytes, Budget::new(units), work).await;
        let listed = match listed {
            Ok(Ok(listed)) if listed.is_empty() => return Ok(Ok(BTreeSet::new())),
            Ok(Ok(listed)) => listed,
            Ok(Err(problem)) | Err(problem) => return Ok(Err(problem)),
        };
        let store = gateway.keys().store();
        let now = gateway.clock.now();
        let seen = store
            .see_mcp_tools(&self.between.tenant, &server.name, listed, now)
            .await
            .map_err(|error| {
                unavailable(&error);
                Ended::NotRecorded
            })?;
        let changed: BTreeSet<String> = seen
            .into_iter()
            .filter(privet_store::McpTool::is_changed)
            .map(|tool| tool.tool)
            .collect();
        server.set_changed(&self.between.tenant, changed.clone());
        Ok(Ok(match server.settings.changed_tools {
            McpChangedTools::Block => changed,
            McpChangedTools::Flag => BTreeSet::new(),
        }))
    }
}
