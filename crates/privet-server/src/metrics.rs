//! What a monitoring system reads of the gateway: counts, times and sizes, in the text format of OpenMetrics 1.0. Labels are
//! names of Privet's own and those of the settings: nothing of a request, a reply or a person is in them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use privet_policy::Settings;
use privet_types::{AuditEvent, Entity, SurfaceKind};
use prometheus_client::encoding::{EncodeLabel, EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::connection::Opened;
use crate::gateway::Gateway;
use crate::guard::Hits;
use crate::problem::{self, Problem};
use crate::prompt;
use crate::telemetry::Telemetry;

/// The media type of the text format.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// How a prompt ended that got its answer from the provider.
const ANSWERED: &str = "answered";

/// Bounds of the time until a prompt is decided upon, in seconds: 64 µs to 4.2 s.
const DECISION_BOUNDS: (f64, f64, u16) = (64e-6, 4.0, 9);
/// Bounds of the time until a provider begins to answer, in seconds: 25 ms to 102 s.
const REPLY_BOUNDS: (f64, f64, u16) = (0.025, 2.0, 13);

/// Pairs of a label's name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Labels<const N: usize>(pub(crate) [(&'static str, &'static str); N]);

impl<const N: usize> EncodeLabelSet for Labels<N> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|label| label.encode(encoder.encode_label()))
    }
}

/// The name of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Named(String);

impl EncodeLabelSet for Named {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        ("provider", self.0.as_str()).encode(encoder.encode_label())
    }
}

/// The name of a provider, and how it answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Answered {
    provider: String,
    outcome: &'static str,
}

impl EncodeLabelSet for Answered {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        ("provider", self.provider.as_str()).encode(encoder.encode_label())?;
        ("outcome", self.outcome).encode(encoder.encode_label())
    }
}

/// The name of a provider, and the version of HTTP it is spoken to in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Spoken {
    provider: String,
    version: &'static str,
}

impl EncodeLabelSet for Spoken {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        ("provider", self.provider.as_str()).encode(encoder.encode_label())?;
        ("version", self.version).encode(encoder.encode_label())
    }
}

/// The kinds of answers a provider is counted by.
const OUTCOMES: [&str; 5] = ["success", "refused", "limited", "failed", "none"];

/// Of one provider.
struct OfProvider {
    /// In the order of [`OUTCOMES`].
    outcomes: [Counter; OUTCOMES.len()],
    first_byte: Histogram,
    opened: Opened,
}

/// What was counted since the gateway started.
pub(crate) struct Metrics {
    registry: Registry,
    prompts: Family<Labels<2>, Counter>,
    decisions: Family<Labels<2>, Counter>,
    decision_time: Family<Labels<1>, Histogram, fn() -> Histogram>,
    found: Family<Labels<1>, Counter>,
    guardrails: Family<Labels<3>, Counter>,
    providers: BTreeMap<String, OfProvider>,
    under_way: Gauge,
    /// Where limits are shared.
    shared: Option<Shared>,
    spool_bytes: Gauge,
    spool_events: Gauge,
    ready: Gauge,
    /// Where an authority issues certificates.
    certificate: Option<Certificate>,
}

fn histogram((least, factor, count): (f64, f64, u16)) -> Histogram {
    Histogram::new(exponential_buckets(least, factor, count))
}

fn decision_histogram() -> Histogram {
    histogram(DECISION_BOUNDS)
}

fn reply_histogram() -> Histogram {
    histogram(REPLY_BOUNDS)
}

impl Metrics {
    /// Counts of a gateway with these settings, all zero.
    pub(crate) fn new(settings: &Settings, telemetry: &Telemetry) -> Self {
        let mut registry = Registry::with_prefix("privet");
        let prompts = Family::default();
        registry.register(
            "prompts",
            "Prompts by surface and by how they ended: answered, or the code of the error",
            prompts.clone(),
        );
        let decisions = Family::default();
        registry.register(
            "decisions",
            "Decisions that were recorded, by surface and action: allow, redact, block and so on",
            decisions.clone(),
        );
        let decision_time = Family::new_with_constructor(decision_histogram as fn() -> Histogram);
        registry.register_with_unit(
            "decision_time",
            "Time from a request's last byte to the decision on it",
            Unit::Seconds,
            decision_time.clone(),
        );
        let found = Family::default();
        registry.register(
            "findings",
            "Private values that were found, by kind",
            found.clone(),
        );
        let guardrails = Family::default();
        registry.register(
            "guard_hits",
            "What guardrails found, by side (prompt, reply), control and action",
            guardrails.clone(),
        );
        let answers = Family::<Answered, Counter>::default();
        registry.register(
            "provider_replies",
            "Replies by provider: success, refused (4xx), limited (429), failed (5xx), none",
            answers.clone(),
        );
        let first_byte =
            Family::<Named, Histogram, _>::new_with_constructor(reply_histogram as fn() -> Histogram);
        registry.register_with_unit(
            "provider_first_byte_time",
            "Time from sending a prompt to the head of the provider's reply",
            Unit::Seconds,
            first_byte.clone(),
        );
        let connections = Family::<Spoken, Counter>::default();
        registry.register(
            "provider_connections",
            "Connections to providers that were opened, by version of HTTP: 1.1, 2",
            connections.clone(),
        );
        let providers = settings.providers().iter().map(|provider| {
            let name = provider.name().to_owned();
            let counter = |outcome| {
                answers.get_or_create_owned(&Answered {
                    provider: name.clone(),
                    outcome,
                })
            };
            let spoken = |version| {
                connections.get_or_create_owned(&Spoken {
                    provider: name.clone(),
                    version,
                })
            };
            let of = OfProvider {
                outcomes: OUTCOMES.map(counter),
                first_byte: first_byte.get_or_create_owned(&Named(name.clone())),
                opened: Opened {
                    http1: spoken("1.1"),
                    http2: spoken("2"),
                },
            };
            (name, of)
        });
        let providers = providers.collect();
        let gauge = |registry: &mut Registry, name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let under_way = gauge(
            &mut registry,
            "prompts_under_way",
            "Prompts and texts that are being answered",
        );
        let spool_bytes = gauge(
            &mut registry,
            "audit_spool_bytes",
            "Size of the decisions on this machine that wait for the store",
        );
        let spool_events = gauge(
            &mut registry,
            "audit_spool_events",
            "Decisions on this machine that wait for the store",
        );
        let ready = gauge(
            &mut registry,
            "ready",
            "1 while prompts are served, 0 while they would be refused",
        );
        let shared = settings.shared_limits.is_some().then(|| Shared {
            up: gauge(
                &mut registry,
                "shared_limits_up",
                "1 while the server of shared limits answers, 0 while this node grants its share",
            ),
            nodes: gauge(
                &mut registry,
                "shared_limits_nodes",
                "Nodes that share limits, as last known",
            ),
        });
        let acme = settings.tls.as_ref().and_then(|tls| tls.acme.as_ref());
        let certificate = acme.is_some().then(|| Certificate {
            remaining: gauge(
                &mut registry,
                "acme_certificate_remaining_seconds",
                "Until the certificate of the authority ends; 0 if it has, or there is none",
            ),
            failures: gauge(
                &mut registry,
                "acme_failures",
                "Attempts to obtain a certificate that failed since the last one that did not",
            ),
            last_failure: gauge(
                &mut registry,
                "acme_last_failure_timestamp_seconds",
                "When the last of them failed, in seconds since 1970; 0 if none did",
            ),
        });
        let limit = i64::try_from(settings.store.spool_max_bytes.bytes()).unwrap_or(i64::MAX);
        registry.register(
            "audit_spool_max_bytes",
            "The size of the waiting decisions from which prompts are refused",
            ConstGauge::new(limit),
        );
        if let Some(counts) = telemetry.counts() {
            registry.register(
                "telemetry",
                "Requests (traces) and lines of the log (logs) for the collector: sent, dropped, refused by it",
                counts,
            );
        }
        let version = Family::<Labels<1>, Gauge>::default();
        version
            .get_or_create(&Labels([("version", env!("CARGO_PKG_VERSION"))]))
            .set(1);
        registry.register("build_info", "The version that runs", version);
        Self {
            registry,
            prompts,
            decisions,
            decision_time,
            found,
            guardrails,
            providers,
            under_way,
            shared,
            spool_bytes,
            spool_events,
            ready,
            certificate,
        }
    }

    /// What counts the connections to `provider`.
    pub(crate) fn opened(&self, provider: &str) -> Opened {
        self.providers
            .get(provider)
            .map_or_else(Opened::default, |of| of.opened.clone())
    }

    /// A prompt on `surface` ended, with this problem if there was one.
    pub(crate) fn ended(&self, surface: SurfaceKind, problem: Option<&Problem>) {
        let outcome = problem.map_or(ANSWERED, Problem::code);
        let labels = Labels([("surface", surface.name()), ("outcome", outcome)]);
        self.prompts.get_or_create(&labels).inc();
    }

    /// A decision was recorded.
    pub(crate) fn decided(&self, event: &AuditEvent) {
        let (surface, decision) = (("surface", event.surface.name()), &event.decision);
        let labels = Labels([surface, ("action", decision.action.name())]);
        self.decisions.get_or_create(&labels).inc();
        if !decision.action.stops() {
            let took = Duration::from_micros(decision.latency_us);
            self.decision_time
                .get_or_create(&Labels([surface]))
                .observe(took.as_secs_f64());
        }
        for (entity, count) in &decision.counts {
            self.counter_of(*entity).inc_by(u64::from(*count));
        }
    }

    /// Guardrails found this in a `prompt` or a `reply`.
    pub(crate) fn guarded(&self, side: &'static str, hits: &Hits) {
        for ((control, _, action), count) in hits {
            let labels = Labels([
                ("side", side),
                ("control", control.name()),
                ("action", action.name()),
            ]);
            self.guardrails.get_or_create(&labels).inc_by(u64::from(*count));
        }
    }

    fn counter_of(&self, entity: Entity) -> Counter {
        self.found
            .get_or_create_owned(&Labels([("entity", entity.name())]))
    }

    /// `provider` answered with `status`, or not at all, `took` after it was asked.
    pub(crate) fn replied(&self, provider: &str, status: Option<StatusCode>, took: Duration) {
        let Some(of) = self.providers.get(provider) else {
            return;
        };
        let [success, refused, limited, failed, none] = &of.outcomes;
        match status {
            None => none.inc(),
            Some(StatusCode::TOO_MANY_REQUESTS) => limited.inc(),
            Some(status) if status.is_server_error() => failed.inc(),
            Some(status) if status.is_client_error() => refused.inc(),
            Some(_) => success.inc(),
        };
        if status.is_some() {
            of.first_byte.observe(took.as_secs_f64());
        }
    }

    /// All of it as text; what `gateway` is at now is looked up.
    fn text(&self, gateway: &Gateway) -> Result<String, fmt::Error> {
        let spool = gateway.spool.status();
        let size = |size: u64| i64::try_from(size).unwrap_or(i64::MAX);
        self.spool_bytes.set(size(spool.used_bytes));
        self.spool_events.set(size(spool.waiting_events));
        self.ready.set(i64::from(gateway.is_ready()));
        let places = gateway.settings.limits.concurrent_requests as usize;
        let taken = places.saturating_sub(gateway.requests.available_permits());
        self.under_way.set(size(taken as u64));
        if let Some((shared, status)) = self.shared.as_ref().zip(gateway.limits.shared_status()) {
            shared.up.set(i64::from(status.is_up));
            shared.nodes.set(status.nodes.into());
        }
        if let Some((certificate, acme)) = self.certificate.as_ref().zip(gateway.acme.as_ref()) {
            let standing = acme.standing();
            let now = gateway.clock.now().as_second();
            let until = standing.expires_at.map_or(0, jiff::Timestamp::as_second);
            certificate.remaining.set(until.saturating_sub(now).max(0));
            certificate.failures.set(standing.failures.into());
            let failed_at = standing.failed_at.map_or(0, jiff::Timestamp::as_second);
            certificate.last_failure.set(failed_at);
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

struct Certificate {
    remaining: Gauge,
    failures: Gauge,
    last_failure: Gauge,
}

struct Shared {
    up: Gauge,
    nodes: Gauge,
}

/// The figures alone, on an address of their own.
pub(crate) fn router(gateway: Arc<Gateway>, requires_key: bool) -> Router {
    Router::new()
        .route("/metrics", get(show))
        .with_state((gateway, requires_key))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here but GET /metrics\n") })
}

async fn show(State((gateway, requires_key)): State<(Arc<Gateway>, bool)>, parts: Parts) -> Response<Body> {
    let headers = &parts.headers;
    // A key that is sent must be good even where none is needed.
    if (requires_key || gateway.says_who(&parts))
        && let Err(problem) = gateway.admit(&parts).await
    {
        let id = prompt::new_request_id();
        let shape = problem::shape_of("/metrics", headers);
        return prompt::with_request_id(problem.respond(shape, &id), &id);
    }
    match gateway.metrics.text(&gateway) {
        Ok(text) => {
            let mut response = Response::new(Body::from(text));
            response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
            response
        }
        Err(fmt::Error) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}
