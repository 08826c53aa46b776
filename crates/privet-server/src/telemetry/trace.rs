//! One request's spans. They are handed over together, when the last who works on the request has let go of it.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::header::HeaderValue;
use http::{HeaderMap, StatusCode, Uri};
use privet_policy::{Dialect, Provider, ProviderKind};
use privet_types::{AuditEvent, Clock, SurfaceKind};

use super::otlp::{Attributes, Kind, Span, Spans, TelemetryValue, nanoseconds};
use super::{Item, Shared, Telemetry, context};
use crate::limits::Tokens;
use crate::problem::Problem;

/// Most spans of one request; those on top are left out.
const MOST_SPANS: usize = 128;

/// What is traced of one request; nothing if it is not. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Trace(Option<Arc<Inner>>);

struct Inner {
    shared: Arc<Shared>,
    id: u128,
    /// The span of the whole request. Its parts are numbered from here.
    root: u64,
    made: AtomicU64,
    parent: Option<u64>,
    name: &'static str,
    surface: SurfaceKind,
    began: Instant,
    /// Nanoseconds since 1970.
    began_at: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    attributes: Attributes,
    has_failed: bool,
    spans: Vec<Span>,
    attempts: u32,
    /// The provider that is asked, or answers.
    attempt: Option<Span>,
    /// When its answer began.
    answered: Option<Instant>,
    tokens: Option<Tokens>,
}

/// A part of a request, from when it is made until it is dropped.
#[must_use = "a part that is dropped at once has taken no time"]
pub(crate) struct Part(Option<Running>);

struct Running {
    trace: Arc<Inner>,
    name: &'static str,
    began: Instant,
    failed: Option<&'static str>,
}

/// Who is asked for a reply.
pub(crate) struct Attempt<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) model: &'a str,
}

impl Trace {
    /// Of nothing.
    pub(crate) const fn none() -> Self {
        Self(None)
    }

    /// Of a request to `name`, an address of Privet's, with these headers. Nothing, if it is not to be traced.
    pub(crate) fn begin(
        telemetry: &Telemetry,
        clock: &dyn Clock,
        (name, surface): (&'static str, SurfaceKind),
        headers: &HeaderMap,
        request_id: &str,
    ) -> Self {
        let Some(shared) = telemetry.0.as_ref().filter(|shared| shared.traces) else {
            return Self::default();
        };
        let origin = shared.trusts_callers.then(|| context::read(headers)).flatten();
        let id = match origin {
            Some(origin) if !origin.is_sampled => return Self::default(),
            Some(origin) => origin.trace,
            // As random as a trace's id is to be.
            None => u128::from_str_radix(request_id, 16).unwrap_or_default(),
        };
        let is_taken = origin.is_some() || shared.sample.takes(low(id));
        let random = privet_crypto::random().map_or(0, u64::from_be_bytes);
        // Without random bytes there is no trace; nothing else depends on it.
        if !is_taken || id == 0 || random == 0 {
            return Self::default();
        }
        Self(Some(Arc::new(Inner {
            shared: Arc::clone(shared),
            id,
            root: random,
            made: AtomicU64::new(0),
            parent: origin.map(|origin| origin.span),
            name,
            surface,
            began: Instant::now(),
            began_at: nanoseconds(clock.now()),
            state: Mutex::default(),
        })))
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Its id in hexadecimal digits.
    pub(crate) fn id(&self) -> Option<String> {
        self.0.as_ref().map(|inner| format!("{:032x}", inner.id))
    }

    /// The part called `name`, which begins now.
    pub(crate) fn part(&self, name: &'static str) -> Part {
        Part(self.0.as_ref().map(|inner| Running {
            trace: Arc::clone(inner),
            name,
            began: Instant::now(),
            failed: None,
        }))
    }

    /// Says `value` of the whole request.
    pub(crate) fn tell(&self, name: &'static str, value: impl Into<TelemetryValue>) {
        if let Some(inner) = &self.0 {
            inner.state().attributes.push((name.into(), value.into()));
        }
    }

    /// What was decided: what the audit event says, but for hashes and the person it is about.
    pub(crate) fn decided(&self, event: &AuditEvent) {
        let Some(inner) = &self.0 else { return };
        let mut state = inner.state();
        let mut tell = |name: Cow<'static, str>, value: TelemetryValue| state.attributes.push((name, value));
        tell("privet.tenant".into(), event.tenant.clone().into());
        if let Some(principal) = &event.principal {
            tell("privet.principal".into(), principal.0.clone().into());
        }
        tell("privet.policy".into(), event.policy.clone().into());
        if let Some(purpose) = &event.purpose {
            tell("privet.purpose".into(), purpose.clone().into());
        }
        if let Some(model) = &event.model {
            tell("privet.model".into(), model.clone().into());
        }
        if let Some(provider) = &event.provider {
            tell("privet.provider".into(), provider.clone().into());
        }
        tell("privet.action".into(), event.decision.action.name().into());
        tell("privet.reason".into(), event.decision.reason.clone().into());
        tell("privet.decision_us".into(), event.decision.latency_us.into());
        let counts = &event.decision.counts;
        tell("privet.masked".into(), counts.values().sum::<u32>().into());
        for (entity, count) in counts {
            tell(format!("privet.found.{}", entity.name()).into(), (*count).into());
        }
    }

    /// The request is answered with this status, by the problem of this code if there was one.
    pub(crate) fn ends(&self, status: StatusCode, problem: Option<&'static str>) {
        let Some(inner) = &self.0 else { return };
        let mut state = inner.state();
        let status = ("http.response.status_code".into(), status.as_u16().into());
        state.attributes.push(status);
        if let Some(code) = problem {
            state.fails(code);
        }
    }

    /// The reply broke off.
    pub(super) fn broke_off(&self) {
        if let Some(inner) = &self.0 {
            inner.state().fails("reply_broken");
        }
    }

    /// What a provider says it used.
    pub(super) fn used(&self, tokens: Tokens) {
        if let Some(inner) = &self.0 {
            inner.state().tokens = Some(tokens);
        }
    }

    /// A provider is asked. An attempt before it has ended.
    pub(crate) fn asks(&self, attempt: &Attempt<'_>) {
        let Some(inner) = &self.0 else { return };
        let now = Instant::now();
        let mut state = inner.state();
        inner.end_attempt(&mut state, now);
        state.attempts += 1;
        let mut attributes = attempt.attributes(inner.surface);
        attributes.push(("privet.attempt".into(), state.attempts.into()));
        state.attempt = Some(Span {
            id: inner.next_id(),
            parent: Some(inner.root),
            is_remote: false,
            name: format!("{} {}", operation(inner.surface), attempt.model).into(),
            kind: Kind::Client,
            begin: inner.nanoseconds(now),
            end: 0,
            attributes,
            has_failed: false,
        });
    }

    /// What the provider that is asked is sent to say which trace its part belongs to, where providers are told.
    pub(crate) fn traceparent(&self) -> Option<HeaderValue> {
        let inner = self.0.as_ref().filter(|inner| inner.shared.tells_providers)?;
        let span = inner.state().attempt.as_ref()?.id;
        context::write(inner.id, span)
    }

    /// The head of the reply of the provider that was asked.
    pub(crate) fn answered(&self, status: StatusCode) {
        let Some(inner) = &self.0 else { return };
        let mut state = inner.state();
        state.answered = Some(Instant::now());
        if let Some(attempt) = &mut state.attempt {
            attempt
                .attributes
                .push(("http.response.status_code".into(), status.as_u16().into()));
            if status.is_client_error() || status.is_server_error() {
                attempt.fails(status.as_u16().to_string());
            }
        }
    }

    /// It has none.
    pub(crate) fn unanswered(&self, problem: &Problem) {
        let Some(inner) = &self.0 else { return };
        let mut state = inner.state();
        if let Some(attempt) = &mut state.attempt {
            attempt.fails(problem.code());
        }
        inner.end_attempt(&mut state, Instant::now());
    }
}

impl Part {
    /// It ends, with this result.
    pub(crate) fn end<T>(mut self, result: Result<T, Problem>) -> Result<T, Problem> {
        if let (Some(running), Err(problem)) = (&mut self.0, &result) {
            running.failed = Some(problem.code());
        }
        result
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let Some(running) = self.0.take() else { return };
        let inner = &running.trace;
        let mut span = Span {
            id: inner.next_id(),
            parent: Some(inner.root),
            is_remote: false,
            name: running.name.into(),
            kind: Kind::Internal,
            begin: inner.nanoseconds(running.began),
            end: inner.nanoseconds(Instant::now()),
            attributes: Attributes::new(),
            has_failed: false,
        };
        if let Some(code) = running.failed {
            span.fails(code);
        }
        inner.state().push(span);
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of another span: never zero, and never one twice.
    fn next_id(&self) -> u64 {
        loop {
            let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
            let id = self.root.wrapping_add(number);
            if id != 0 {
                return id;
            }
        }
    }

    fn nanoseconds(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.began).as_nanos();
        self.began_at
            .saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// The attempt, if there is one, has ended `at` this time. Its reply was restored as it came.
    fn end_attempt(&self, state: &mut State, at: Instant) {
        let end = self.nanoseconds(at);
        if let Some(mut attempt) = state.attempt.take() {
            attempt.end = end;
            if let Some(tokens) = state.tokens.take() {
                tokens.describe(&mut attempt.attributes);
            }
            state.push(attempt);
        }
        state.answered = None;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut state = std::mem::take(self.state.get_mut().unwrap_or_else(PoisonError::into_inner));
        if let Some(answered) = state.answered {
            let restoring = Span {
                id: self.next_id(),
                parent: Some(self.root),
                is_remote: false,
                name: "privet.restore".into(),
                kind: Kind::Internal,
                begin: self.nanoseconds(answered),
                end: self.nanoseconds(now),
                attributes: Attributes::new(),
                has_failed: false,
            };
            state.push(restoring);
        }
        self.end_attempt(&mut state, now);
        let mut attributes: Attributes = vec![
            ("http.request.method".into(), "POST".into()),
            ("http.route".into(), self.name.into()),
            ("privet.surface".into(), self.surface.name().into()),
        ];
        attributes.append(&mut state.attributes);
        let mut spans = state.spans;
        spans.push(Span {
            id: self.root,
            parent: self.parent,
            is_remote: self.parent.is_some(),
            name: format!("POST {}", self.name).into(),
            kind: Kind::Server,
            begin: self.began_at,
            end: self.nanoseconds(now),
            attributes,
            has_failed: state.has_failed,
        });
        self.shared.hand_over(Item::Spans(Spans {
            trace: self.id,
            spans,
        }));
    }
}

impl State {
    fn push(&mut self, span: Span) {
        if self.spans.len() < MOST_SPANS {
            self.spans.push(span);
        }
    }

    fn fails(&mut self, code: &'static str) {
        if !self.has_failed {
            self.has_failed = true;
            self.attributes.push(("error.type".into(), code.into()));
        }
    }
}

impl Span {
    fn fails(&mut self, kind: impl Into<TelemetryValue>) {
        self.has_failed = true;
        self.attributes.push(("error.type".into(), kind.into()));
    }
}

impl Attempt<'_> {
    /// As the conventions for generative AI have them.
    fn attributes(&self, surface: SurfaceKind) -> Attributes {
        let Self { provider, model } = self;
        let mut attributes: Attributes = vec![
            ("gen_ai.operation.name".into(), operation(surface).into()),
            ("gen_ai.provider.name".into(), known_name(provider).into()),
            ("gen_ai.request.model".into(), (*model).to_owned().into()),
            ("privet.provider".into(), provider.name().to_owned().into()),
        ];
        let address = provider.url(surface, model);
        if let Some(address) = address.and_then(|address| address.parse::<Uri>().ok()) {
            let host = address.host().unwrap_or_default().trim_matches(['[', ']']);
            let usual = if address.scheme_str() == Some("https") {
                443
            } else {
                80
            };
            attributes.push(("server.address".into(), host.to_owned().into()));
            attributes.push(("server.port".into(), address.port_u16().unwrap_or(usual).into()));
        }
        attributes
    }
}

/// What the conventions call what is asked for.
const fn operation(surface: SurfaceKind) -> &'static str {
    match surface {
        SurfaceKind::OpenaiEmbeddings => "embeddings",
        SurfaceKind::AnthropicCountTokens => "count_tokens",
        _ => "chat",
    }
}

/// What the conventions call a provider; one that they do not know by the API it speaks.
const fn known_name(provider: &Provider) -> &'static str {
    match (provider.kind(), provider.dialect()) {
        (Some(ProviderKind::Azure), _) => "azure.ai.openai",
        (Some(ProviderKind::Gemini), _) => "gcp.gemini",
        (Some(ProviderKind::Bedrock), _) => "aws.bedrock",
        (Some(ProviderKind::Mistral), _) => "mistral_ai",
        (Some(ProviderKind::Vllm), _) => "vllm",
        (Some(ProviderKind::Ollama), _) => "ollama",
        (Some(ProviderKind::Llamacpp), _) => "llama_cpp",
        (Some(ProviderKind::Openai), _) | (None, Dialect::Openai) => "openai",
        (Some(ProviderKind::Anthropic), _) | (None, Dialect::Anthropic) => "anthropic",
    }
}

/// The half of a trace's id that is random in every case.
fn low(id: u128) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = id.to_be_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
