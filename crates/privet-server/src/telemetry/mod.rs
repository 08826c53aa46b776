//! Traces of requests and lines of the log, sent to an OpenTelemetry collector (OTLP over HTTP).
//!
//! What is told of a request is who (as a pseudonym), what kind, how many and how long: there is no way from a prompt's text into a
//! span. Nothing waits for the collector: what does not fit the queue is dropped and counted.

mod context;
mod export;
mod otlp;
mod protobuf;
mod reply;
mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;

use privet_policy::{Share, TelemetrySettings};
use privet_types::Secret;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use tokio::sync::mpsc;

use crate::Error;
use crate::metrics::Labels;

pub(crate) use context::TRACEPARENT;
pub use export::Exporter;
use otlp::Spans;
pub use otlp::{LogLine, TelemetryValue};
pub(crate) use trace::{Attempt, Trace};

/// Takes what happens and hands it to an [`Exporter`]; by default to nobody. Cheap to clone.
#[derive(Clone, Default)]
pub struct Telemetry(Option<Arc<Shared>>);

/// What is on its way to the collector.
enum Item {
    Spans(Spans),
    Line(Box<LogLine>),
}

impl Item {
    const fn signal(&self) -> &'static str {
        match self {
            Self::Spans(_) => "traces",
            Self::Line(_) => "logs",
        }
    }
}

/// What became of requests and lines: by `signal` and `outcome`.
#[derive(Clone, Default)]
struct Counts(Family<Labels<2>, Counter>);

impl Counts {
    fn add(&self, signal: &'static str, outcome: &'static str, count: u64) {
        let labels = Labels([("signal", signal), ("outcome", outcome)]);
        self.0.get_or_create(&labels).inc_by(count);
    }
}

struct Shared {
    queue: mpsc::Sender<Item>,
    counts: Counts,
    traces: bool,
    logs: bool,
    sample: Share,
    trusts_callers: bool,
    tells_providers: bool,
}

impl Telemetry {
    /// For the collector of `settings`, and what takes it there, which is to be run. `headers`: what stands in the collector's headers,
    /// by name.
    ///
    /// # Errors
    /// [`Error::BadTelemetry`] if the address or a header cannot be used, [`Error::BadCertificates`], [`Error::Tls`].
    pub fn new(
        settings: &TelemetrySettings,
        headers: &BTreeMap<String, Secret<String>>,
    ) -> Result<(Self, Exporter), Error> {
        let (queue, items) = mpsc::channel(settings.queue.max(1) as usize);
        let counts = Counts::default();
        for signal in ["traces", "logs"] {
            for outcome in ["sent", "dropped", "refused"] {
                counts.add(signal, outcome, 0);
            }
        }
        let exporter = Exporter::new(settings, headers, items, counts.clone())?;
        let shared = Shared {
            queue,
            counts,
            traces: settings.traces,
            logs: settings.logs,
            sample: settings.sample,
            trusts_callers: settings.trust_callers,
            tells_providers: settings.tell_providers,
        };
        Ok((Self(Some(Arc::new(shared))), exporter))
    }

    /// Whether lines of the log are taken.
    #[must_use]
    pub fn takes_lines(&self) -> bool {
        self.0.as_ref().is_some_and(|shared| shared.logs)
    }

    /// Hands a line over; does not wait. Those of the exporter itself are not taken, since each would bring another.
    pub fn log(&self, line: LogLine) {
        if let Some(shared) = &self.0
            && shared.logs
            && !line.target.starts_with(module_path!())
        {
            shared.hand_over(Item::Line(Box::new(line)));
        }
    }

    /// What became of requests and lines, if any are taken.
    pub(crate) fn counts(&self) -> Option<Family<Labels<2>, Counter>> {
        self.0.as_ref().map(|shared| shared.counts.0.clone())
    }
}

impl Shared {
    fn hand_over(&self, item: Item) {
        let signal = item.signal();
        if self.queue.try_send(item).is_err() {
            self.counts.add(signal, "dropped", 1);
        }
    }
}
