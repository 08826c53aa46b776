//! The life of a prompt: authenticate, read, clear, record, send, restore.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Limited};
use privet_access::Authenticated;
use privet_policy::{ArchiveContent, Clearance, Clearing, NotCleared, Prompt, Raw};
use privet_types::{Action, AuditEvent, Budget, Decision, RoleName, SurfaceKind};
use privet_vault::{Actor, SubjectRef};
use tokio::sync::OwnedSemaphorePermit;

use crate::access::{self, Outgoing};
use crate::archive::{self, Archive, Place, Taking};
use crate::coach;
use crate::coached;
use crate::gateway::{self, Gateway};
use crate::guard;
use crate::kill::SwitchedOff;
use crate::limits::{Meter, Who};
use crate::problem::Problem;
use crate::query;
use crate::reply::{self, ReplyLimits};
use crate::routing::{self, Choice, Picked};
use crate::telemetry::Trace;
use crate::tokens;
use crate::upstream::Failed;
use crate::vault::{About, Guarded, NoConsent, conversation};
use crate::watch::{Sent, WatchedReply};

/// Work units that every request gets, whatever its size.
pub(crate) const UNITS_PER_REQUEST: u64 = 1 << 20;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-privet-request-id");
/// How many values of the prompt were replaced.
const MASKED: HeaderName = HeaderName::from_static("x-privet-masked");

/// Why whoever sent the prompt is coached.
const COACH: HeaderName = HeaderName::from_static("x-privet-coach");

/// A clearance and the keyed hashes of what came and what goes out.
struct Cleared {
    clearance: Clearance,
    choice: Choice,
    request_hash: String,
    sent_hash: String,
    /// What the watch sees of what goes out.
    sent: Sent,
    /// What the archive keeps of the prompt, and the place for it.
    kept: Option<(Vec<u8>, Place)>,
    /// What guardrails said of it, if there are any.
    guarded: Option<guard::Passed>,
}

/// Answers one prompt.
pub(crate) async fn answer(
    gateway: Arc<Gateway>,
    surface: SurfaceKind,
    request: Request<Body>,
) -> Response<Body> {
    let request_id = new_request_id();
    let accepted = coach::accepted(request.headers());
    let trace = trace(&gateway, surface, &request, &request_id);
    let served = serve(&gateway, surface, request, (&request_id, &trace)).await;
    let problem = served.as_ref().err();
    gateway.metrics.ended(surface, problem);
    let trace_id = trace.id();
    let refused = problem.map(Problem::code);
    let response = match served {
        Ok(response) => response,
        Err(problem) => {
            tracing::info!(
                request_id,
                surface = surface.name(),
                problem = problem.code(),
                trace_id = trace_id.as_deref(),
                "refused"
            );
            coach::respond(&gateway, &problem, surface, accepted.as_ref(), &request_id)
        }
    };
    trace.ends(response.status(), refused);
    trace.follow(with_request_id(response, &request_id))
}

/// What is traced of a prompt, if it is.
fn trace(gateway: &Gateway, surface: SurfaceKind, request: &Request<Body>, request_id: &str) -> Trace {
    let known = gateway::PROMPTS.iter().find(|(_, known)| *known == surface);
    let Some((path, _)) = known else {
        return Trace::none();
    };
    let (telemetry, clock) = (&gateway.telemetry, &*gateway.clock);
    let trace = Trace::begin(telemetry, clock, (path, surface), request.headers(), request_id);
    if trace.is_on() {
        trace.tell("privet.request_id", request_id.to_owned());
    }
    trace
}

/// The answer with the id under which Privet's log and audit events know it.
pub(crate) fn with_request_id(mut response: Response<Body>, request_id: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// 128 random bits. Without random bytes there is no id; nothing depends on it but finding log lines again.
pub(crate) fn new_request_id() -> String {
    let bytes: [u8; 16] = privet_crypto::random().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(bytes))
}

async fn serve(
    gateway: &Arc<Gateway>,
    surface: SurfaceKind,
    request: Request<Body>,
    (request_id, trace): (&str, &Trace),
) -> Result<Response<Body>, Problem> {
    let (parts, body) = request.into_parts();
    let authenticating = trace.part("privet.authenticate");
    let caller = gateway.authenticate(&parts).await.map_err(Problem::from);
    let caller = authenticating.end(caller)?;
    let arrived = Instant::now();
    let mut guarded = Guarded::default();
    let prepared = prepare(gateway, (surface, trace), &caller, &parts, body, &mut guarded).await;
    let (way, token) = tokens::came_by(&caller);
    let mut event = AuditEvent {
        at: gateway.clock.now(),
        tenant: caller.tenant.to_string(),
        principal: Some(gateway.pseudonyms.pseudonym(&caller.tenant, &caller.principal)),
        way,
        token,
        request_id: request_id.to_owned(),
        issuer: caller.issuer().map(str::to_owned),
        subject: guarded.subject,
        purpose: guarded.purpose,
        surface,
        model: None,
        provider: None,
        decision: Decision {
            action: Action::Block,
            reason: String::new(),
            counts: BTreeMap::new(),
            guardrails: BTreeMap::new(),
            latency_us: 0,
        },
        request_hash: None,
        sent_hash: None,
        policy: gateway.policy.version().to_owned(),
    };
    let latency = |since: Instant| u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
    match prepared {
        Err(problem) => {
            event.decision.latency_us = latency(arrived);
            problem.code().clone_into(&mut event.decision.reason);
            if let Problem::Guarded(stopped) = &problem {
                event.model.clone_from(&stopped.model);
                event.decision.guardrails = guard::by_rule(&stopped.hits);
                if !stopped.held.is_empty() {
                    event.decision.action = Action::Hold;
                    guard::open_holds(gateway, &event, &stopped.held).await;
                }
                gateway.metrics.guarded("prompt", &stopped.hits);
            }
            match &problem {
                Problem::NotCleared(NotCleared::Refused { model, .. }) => event.model.clone_from(model),
                Problem::NotPermitted { provider, model, .. }
                | Problem::SwitchedOff { provider, model, .. }
                | Problem::NotAssessed { provider, model } => {
                    event.model = Some(model.clone());
                    event.provider = Some(provider.clone());
                }
                Problem::NotAcknowledged(lacking) => {
                    event.model = Some(lacking.model.clone());
                    event.provider = Some(lacking.provider.clone());
                }
                Problem::NotCleared(NotCleared::Sensitive { model, .. }) => event.model = Some(model.clone()),
                _ => {}
            }
            trace.decided(&event);
            let recording = trace.part("privet.record");
            recording.end(record(gateway, &event).await)?;
            if let Some(who) = &event.principal {
                coach::refused(gateway, &caller, who, &problem);
            }
            let address = access::address_of(&parts.extensions);
            gateway
                .watch
                .decided(&caller, &event, address, Sent::default(), Some(&problem));
            Err(problem)
        }
        Ok(Prepared {
            cleared:
                Cleared {
                    clearance,
                    choice,
                    request_hash,
                    sent_hash,
                    sent,
                    kept,
                    guarded: by_guardrails,
                },
            about,
            conversation,
            permit,
            meter,
            read_at,
        }) => {
            event.decision.latency_us = latency(read_at);
            let is_masked = clearance.masked > 0;
            event.decision.action = if is_masked { Action::Redact } else { Action::Allow };
            event.decision.reason = match (clearance.rule, is_masked) {
                (Some(_), _) => routing::LOCAL,
                (None, true) => "masked",
                (None, false) => "clean",
            }
            .to_owned();
            event.decision.counts.clone_from(&clearance.counts);
            if let Some(passed) = &by_guardrails {
                guard::decided(passed, &mut event.decision);
                gateway.metrics.guarded("prompt", &passed.hits);
            }
            event.model = Some(clearance.model.clone());
            event.request_hash = Some(request_hash);
            event.sent_hash = Some(sent_hash);
            let route = gateway
                .route(&clearance.model, choice)
                .ok_or(NotCleared::NoRoute)?;
            event.provider = Some(route.provider.name().to_owned());
            trace.decided(&event);
            let recording = trace.part("privet.record");
            recording.end(record(gateway, &event).await)?;
            let who = event.principal.as_ref();
            let is_coached =
                is_masked && who.is_some_and(|who| coach::masked(gateway, &caller, who, &clearance.counts));
            let address = access::address_of(&parts.extensions);
            gateway.watch.decided(&caller, &event, address, sent, None);
            let guarded_reply = match by_guardrails {
                Some(passed) => {
                    let told = coach::of_reply(gateway, &parts.headers);
                    let notes = guard::Notes::new(gateway, event.clone());
                    let sent = clearance.prompt.body();
                    guard::GuardedReply::new(gateway, surface, passed, sent, told, notes)?
                }
                None => None,
            };
            let reply =
                WatchedReply::begins(gateway, &caller.tenant, route.provider.name(), &clearance.model);
            let access = gateway.settings.log.access.then(|| event.clone());
            let others = (route.targets().len() > 1).then(|| event.clone());
            if let (Some(vault), Some(about), Some(principal)) = (&gateway.vault, &about, &event.principal) {
                let actor = Actor {
                    tenant: caller.tenant.clone(),
                    principal: principal.clone(),
                };
                let asked = (guarded.categories.as_slice(), guarded.asked_at);
                vault.sends(&actor, about, asked, (route.provider.name(), surface));
            }
            let taking = gateway.archive.as_ref().zip(kept).zip(event.principal);
            let taking = taking.map(|((archive, (prompt, place)), principal)| {
                let (subject, purpose) = about.map(|about| (about.subject, about.purpose)).unzip();
                let about = archive::About {
                    actor: Actor {
                        tenant: caller.tenant.clone(),
                        principal,
                    },
                    subject: subject.map(SubjectRef::Token),
                    purpose,
                    surface,
                    model: clearance.model.clone(),
                    ground: guarded.ground,
                    part: match conversation {
                        Some(name) => archive::Part::Named(name),
                        None => archive::Part::Begun(gateway.conversations(&caller.tenant)),
                    },
                };
                archive.take(place, about, prompt)
            });
            let asked = routing::Asked {
                choice,
                headers: &parts.headers,
                query: parts.uri.query(),
                event: others,
                trace,
            };
            let under_way = UnderWay {
                permit,
                meter,
                reply,
                guard: guarded_reply,
            };
            let mut response = send(gateway, clearance, asked, under_way, taking, caller).await?;
            if is_coached {
                let code = HeaderValue::from_static(coached::MASKED);
                response.headers_mut().insert(COACH, code);
            } else {
                // A provider's own says nothing of Privet.
                response.headers_mut().remove(COACH);
            }
            if let Some(event) = access {
                log_answer(&event, trace, response.status().as_u16(), arrived);
            }
            Ok(response)
        }
    }
}

/// One line for a prompt whose reply has begun.
fn log_answer(event: &AuditEvent, trace: &Trace, status: u16, arrived: Instant) {
    tracing::info!(
        request_id = event.request_id,
        tenant = event.tenant,
        principal = event.principal.as_ref().map(|principal| principal.0.as_str()),
        surface = event.surface.name(),
        model = event.model,
        provider = event.provider,
        action = event.decision.action.name(),
        masked = event.decision.counts.values().sum::<u32>(),
        decision_us = event.decision.latency_us,
        reply_ms = u64::try_from(arrived.elapsed().as_millis()).unwrap_or(u64::MAX),
        status,
        trace_id = trace.id().as_deref(),
        "answered"
    );
}

/// A prompt that may be sent, with its place among the requests under way.
struct Prepared {
    cleared: Cleared,
    /// Whom it is about, and what it is for.
    about: Option<About>,
    /// Of which conversation it is, as it says itself.
    conversation: Option<String>,
    permit: OwnedSemaphorePermit,
    /// What it takes from its limits, if any apply.
    meter: Option<Meter>,
    /// When the last byte of the request had come.
    read_at: Instant,
}

/// What a request holds until its reply has ended.
struct UnderWay {
    permit: OwnedSemaphorePermit,
    meter: Option<Meter>,
    /// What the watch sees of the reply.
    reply: Option<WatchedReply>,
    /// What looks at it, if there are guardrails.
    guard: Option<guard::GuardedReply>,
}

/// Everything up to the decision.
async fn prepare(
    gateway: &Arc<Gateway>,
    (surface, trace): (SurfaceKind, &Trace),
    caller: &Authenticated,
    parts: &http::request::Parts,
    body: Body,
    guarded: &mut Guarded,
) -> Result<Prepared, Problem> {
    let now = gateway.clock.now();
    let pseudonym = || gateway.pseudonyms.pseudonym(&caller.tenant, &caller.principal);
    gateway.watch.check(pseudonym, now)?;
    let about = About::read(&parts.headers, gateway.policy.consent())?;
    if about.is_some() && gateway.vault.is_none() {
        return Err(NoConsent::NoVault.into());
    }
    let conversation = conversation(&parts.headers)?.map(str::to_owned);
    let permit = Arc::clone(&gateway.requests)
        .try_acquire_owned()
        .map_err(|_| Problem::Busy)?;
    gateway.limits.look(Who::Caller(caller), surface, now)?;
    check_media(&parts.headers)?;
    let receiving = trace.part("privet.receive");
    let body = receiving.end(read_body(gateway, &parts.headers, body).await)?;
    let prompt = Prompt::new(surface, body);
    let read_at = Instant::now();
    // Where no words come back there is no conversation.
    let archive = gateway.archive.as_ref().filter(|_| surface.has_words_in_reply());
    let keeps = archive.and_then(|archive| {
        let content = archive.keeps(about.is_some())?;
        Some((archive, content))
    });
    let place = match keeps {
        Some((archive, _)) => archive
            .place(prompt.body().len())
            .map_err(|_| Problem::NotArchived)?,
        None => None,
    };
    let kept = place.zip(keeps.map(|(_, content)| content));
    let clearing = trace.part("privet.clear");
    let cleared = clear(gateway, surface, prompt, caller, parts.uri.query(), kept).await;
    let mut cleared = clearing.end(cleared)?;
    // Stand-ins can make a prompt longer than it came.
    let is_too_long = |archive: &Archive| {
        cleared
            .kept
            .as_ref()
            .is_some_and(|(body, _)| !archive.fits(body.len()))
    };
    if gateway.archive.as_deref().is_some_and(is_too_long) {
        return Err(Problem::NotArchived);
    }
    let model = &cleared.clearance.model;
    let route = gateway.route(model, cleared.choice).ok_or(NotCleared::NoRoute)?;
    if route.provider.url(surface, model).is_none() {
        return Err(Problem::WrongDialect);
    }
    for index in gateway.check_route(&caller.tenant, model, &route)? {
        cleared.choice.bar(index);
    }
    if let Some((about, vault)) = about.as_ref().zip(gateway.vault.as_ref()) {
        let found = cleared.clearance.counts.keys().copied();
        // Where nothing is looked for, nothing is known of what is in it.
        let categories = if gateway.policy.pii().looks_for_anything() {
            gateway.policy.consent().categories_of(found)
        } else {
            None
        };
        let now = gateway.clock.now();
        let ask = (route.provider.name(), categories.clone());
        let asking = trace.part("privet.consent");
        let permitted = vault.guard(&caller.tenant, about, ask, now, guarded).await;
        asking.end(permitted.map_err(Problem::from))?;
        for index in 0..route.targets().len() {
            let other = route.with(index).filter(|other| other.provider != route.provider);
            let Some(other) = other else { continue };
            // Who may not get it does not stand in for who may.
            let ask = (other.provider.name(), categories.clone());
            let mut apart = Guarded::default();
            let allowed = vault.guard(&caller.tenant, about, ask, now, &mut apart).await;
            if allowed.is_err() || apart.ground != guarded.ground {
                cleared.choice.bar(index);
            }
        }
    }
    gateway.check_notices(caller, model, &route, &mut cleared.choice)?;
    let out = Outgoing {
        surface,
        clearance: &cleared.clearance,
        provider: route.provider,
        purpose: guarded.purpose.as_deref(),
        has_consent: about.is_some(),
        address: access::address_of(&parts.extensions),
    };
    let authorising = trace.part("privet.authorise");
    authorising.end(gateway.authorise_prompt(caller, &out))?;
    for index in 0..route.targets().len() {
        let other = route.with(index).filter(|other| other.provider != route.provider);
        let other = other.map(|other| Outgoing {
            provider: other.provider,
            ..out
        });
        if other.is_some_and(|other| !gateway.permits_prompt(caller, &other)) {
            cleared.choice.bar(index);
        }
    }
    let body = cleared.clearance.prompt.body();
    let reserving = trace.part("privet.reserve");
    let meter = gateway
        .limits
        .reserve(caller, surface, (model, body), gateway.clock.now())
        .await;
    let mut meter = reserving.end(meter)?;
    if let Some(meter) = &mut meter {
        meter.traced(trace);
    }
    Ok(Prepared {
        cleared,
        about,
        conversation,
        permit,
        meter,
        read_at,
    })
}

/// Hands what was found in a reply to the spool: no decision about a prompt.
pub(crate) async fn record_beside(gateway: &Gateway, event: &AuditEvent) {
    if let Err(error) = gateway.spool.append(event).await {
        tracing::error!(%error, "what guardrails found in a reply cannot be recorded");
    }
}

/// Hands `event` to the spool.
pub(crate) async fn record(gateway: &Gateway, event: &AuditEvent) -> Result<(), Problem> {
    match gateway.spool.append(event).await {
        Ok(_) => {
            gateway.metrics.decided(event);
            Ok(())
        }
        Err(error) => {
            tracing::error!(%error, "decision cannot be recorded; requests are refused until it can");
            Err(Problem::NotRecorded)
        }
    }
}

async fn send(
    gateway: &Arc<Gateway>,
    clearance: Clearance,
    asked: routing::Asked<'_>,
    under_way: UnderWay,
    taking: Option<Taking>,
    caller: Authenticated,
) -> Result<Response<Body>, Problem> {
    let mut off = SwitchedOff::new(gateway, caller, clearance.model.clone());
    let (response, provider) = tokio::select! {
        biased;
        sent = send_on(gateway, clearance, asked, under_way, taking) => sent?,
        () = off.wait() => return Err(Problem::CutOff),
    };
    off.answers(provider);
    if off.is_off() {
        return Err(Problem::CutOff);
    }
    Ok(off.watch(response))
}

async fn send_on(
    gateway: &Arc<Gateway>,
    clearance: Clearance,
    asked: routing::Asked<'_>,
    UnderWay {
        permit,
        mut meter,
        mut reply,
        guard,
    }: UnderWay,
    taking: Option<Taking>,
) -> Result<(Response<Body>, String), Problem> {
    let Clearance {
        prompt,
        model,
        restoration,
        masked,
        ..
    } = clearance;
    if let Some(meter) = &mut meter {
        meter.sent();
    }
    let sending = async { Ok(routing::send(gateway, &model, prompt, asked).await) };
    let answer = match &meter {
        Some(meter) => meter.in_time(sending).await?,
        None => sending.await?,
    };
    let (upstream, provider) = answer.map_err(|failed| {
        if let Some(reply) = &mut reply {
            reply.failed();
        }
        if let (Failed::NotSent(_), Some(meter)) = (&failed, &mut meter) {
            meter.not_sent();
        }
        Problem::from(failed)
    })?;
    if let Some(meter) = &mut meter {
        meter.answered(&upstream);
    }
    let limits = ReplyLimits {
        body_bytes: usize::try_from(gateway.settings.limits.reply_body.bytes()).unwrap_or(usize::MAX),
        idle: gateway.settings.limits.stream_idle_timeout.duration(),
    };
    let restored = reply::restore(
        upstream,
        (restoration, guard),
        limits,
        &gateway.pool,
        permit,
        taking,
    );
    let mut response = match meter {
        None => restored.await?,
        Some(meter) => {
            let response = meter.in_time(restored).await?;
            meter.measure(response)
        }
    };
    response.headers_mut().insert(MASKED, HeaderValue::from(masked));
    if let Some(reply) = reply {
        response = reply.watch(response);
    }
    Ok((response, provider.name().to_owned()))
}

/// Every line of a repeated header counts: the provider may go by another one than Privet.
pub(crate) fn check_media(headers: &HeaderMap) -> Result<(), Problem> {
    let is_plain = headers.get_all(CONTENT_ENCODING).iter().all(|e| e == "identity");
    let is_json = headers.get_all(CONTENT_TYPE).iter().all(|kind| {
        let kind = kind.to_str().unwrap_or("?").to_ascii_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.ends_with("/json") || kind.ends_with("+json")
    });
    if is_plain && is_json {
        Ok(())
    } else {
        Err(Problem::UnsupportedMedia)
    }
}

/// The whole body, within the limits of size and time.
pub(crate) async fn read_body(
    gateway: &Gateway,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<u8>, Problem> {
    let limit = gateway.settings.limits.request_body.bytes();
    let declared = headers
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(Problem::TooLarge { limit });
    }
    let body = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    let timeout = gateway.settings.limits.body_timeout.duration();
    match tokio::time::timeout(timeout, body.collect()).await {
        Err(_) => Err(Problem::BodyTimeout),
        Ok(Ok(collected)) => Ok(collected.to_bytes().into()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::TooLarge { limit }),
        Ok(Err(_)) => Err(Problem::BodyCut),
    }
}

async fn clear(
    gateway: &Arc<Gateway>,
    surface: SurfaceKind,
    prompt: Prompt<Raw>,
    caller: &Authenticated,
    query: Option<&str>,
    kept: Option<(Place, ArchiveContent)>,
) -> Result<Cleared, Problem> {
    let bytes = prompt.body().len();
    let units = gateway.units_per_byte() * bytes as u64 + UNITS_PER_REQUEST;
    let guards = gateway.guards.clone();
    let guard_units = guards.as_ref().map_or(0, |guards| guards.units(bytes as u64));
    let budget = Budget::new(units * gateway.access.looks() + guard_units);
    let key = gateway.surrogate_key(&caller.tenant, caller.principal.as_str());
    let hashes = gateway.hashes(&caller.tenant);
    let is_response = surface == SurfaceKind::OpenaiResponses;
    let handed_out = (is_response || gateway.mcp.is_some())
        .then(|| gateway.recall_of(&caller.tenant, caller.principal.as_str()))
        .flatten();
    let learns = gateway.recall.learns_prompts();
    let roles: Vec<RoleName> = match &guards {
        Some(_) => caller.account.roles().into_iter().cloned().collect(),
        None => Vec::new(),
    };
    let approved = match &guards {
        Some(guards) => guards.approved(gateway, &caller.tenant).await,
        None => Arc::default(),
    };
    let caller = (caller.tenant.clone(), caller.principal.to_string());
    let query = query.map(str::to_owned);
    let off = gateway.providers_off(&caller.0);
    let memory = gateway.memory.of(&caller.0);
    let gateway = Arc::clone(gateway);
    let pool = gateway.pool.clone();
    pool.run(gateway.weight(bytes), budget, move |budget| {
        query::check(query.as_deref(), &gateway.analyzer, budget)?;
        let picked = Picked::without(off);
        let route = |model: &str| picked.route(&gateway, model);
        let local = |rule: usize, model: &str| picked.local(&gateway, surface, rule, model);
        let clearing = Clearing {
            analyzer: &gateway.analyzer,
            key: &key,
            memory: Some(&memory),
            known: handed_out.as_deref().filter(|_| gateway.mcp.is_some()),
            earlier: handed_out.as_deref().filter(|_| is_response),
            route: &route,
            local: &local,
        };
        let mut guarded = guards
            .map(|guards| {
                let who = (&caller.0, caller.1.as_str());
                guards.prompt((surface, prompt.body()), who, (roles, &approved), budget)
            })
            .transpose()?;
        let request_hash = hashes.hash_hex(&[prompt.body()]);
        let changed = guarded.as_mut().and_then(|guarded| guarded.body.take());
        let is_changed = changed.is_some();
        let prompt = match changed {
            Some(body) => Prompt::new(surface, body),
            None => prompt,
        };
        let clearance = gateway.policy.clear(&prompt, clearing, budget)?;
        if learns || clearance.may_be_gone_on_with {
            let pairs = clearance.restoration.made();
            let recall = &gateway.recall;
            recall.remember((&caller.0, &caller.1), pairs, None, Instant::now());
        }
        let mut choice = picked.choice(clearance.rule);
        gateway.check_assessment(&prompt, &clearance, clearing, budget, &mut choice)?;
        // Equal bodies have equal hashes: the record shows that nothing was changed.
        let sent_hash = if !is_changed && clearance.prompt.body() == prompt.body() {
            request_hash.clone()
        } else {
            hashes.hash_hex(&[clearance.prompt.body()])
        };
        let kept = kept.map(|(place, content)| {
            let body = match content {
                ArchiveContent::Plain => prompt.body(),
                _ => clearance.prompt.body(),
            };
            (body.to_vec(), place)
        });
        Ok(Cleared {
            sent: gateway.watch.sketch(clearance.prompt.body()),
            choice,
            clearance,
            request_hash,
            sent_hash,
            kept,
            guarded,
        })
    })
    .await?
}
