//! Takes what is told to the collector, a batch at a time.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use privet_policy::TelemetrySettings;
use privet_types::Secret;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::otlp::{self, Attributes};
use super::{Counts, Item, protobuf};
use crate::Error;
use crate::connection::Origin;
use crate::upstream::connector;

/// Requests and lines that are sent at once.
const BATCH: usize = 256;
/// The pauses before each try.
const PAUSES: [Duration; 3] = [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(4)];
/// Longest answer of a collector that is read.
const LONGEST_ANSWER: usize = 64 << 10;

/// Takes traces and lines to a collector.
#[must_use = "nothing is sent unless it runs"]
pub struct Exporter {
    items: mpsc::Receiver<Item>,
    collector: Collector,
    counts: Counts,
    interval: Duration,
    service: String,
    instance: Option<String>,
    is_answering: bool,
}

/// Where the collector is.
struct Collector {
    origin: Arc<Origin>,
    traces: Uri,
    logs: Uri,
    headers: HeaderMap,
    patience: Duration,
}

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error("nobody can be reached there")]
    Unreachable,
    #[error("it does not answer in time")]
    Silence,
    #[error("it answers with status {0}")]
    Status(u16),
}

impl NotTaken {
    /// Whether the same may be taken later, as the specification of OTLP says.
    const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable | Self::Silence => true,
            Self::Status(status) => matches!(status, 429 | 502 | 503 | 504),
        }
    }
}

impl Exporter {
    pub(super) fn new(
        settings: &TelemetrySettings,
        headers: &BTreeMap<String, Secret<String>>,
        items: mpsc::Receiver<Item>,
        counts: Counts,
    ) -> Result<Self, Error> {
        let patience = settings.timeout.duration();
        let connector = connector(settings.ca_file.as_deref(), patience)?;
        let address = |end: &str| format!("{}{end}", settings.endpoint).parse::<Uri>().ok();
        let of_traces = address("/v1/traces").ok_or(Error::BadTelemetry)?;
        let of_logs = address("/v1/logs").ok_or(Error::BadTelemetry)?;
        let path = |uri: Uri| uri.into_parts().path_and_query.map(Uri::from);
        let parts = of_traces.clone().into_parts();
        let (scheme, authority) = parts.scheme.zip(parts.authority).ok_or(Error::BadTelemetry)?;
        Ok(Self {
            items,
            collector: Collector {
                origin: Origin::new(connector, scheme, authority).ok_or(Error::BadTelemetry)?,
                traces: path(of_traces).ok_or(Error::BadTelemetry)?,
                logs: path(of_logs).ok_or(Error::BadTelemetry)?,
                headers: with_headers(headers)?,
                patience,
            },
            counts,
            interval: settings.interval.duration(),
            service: settings.service_name.clone(),
            instance: settings.instance.clone(),
            is_answering: true,
        })
    }

    /// Sends what comes until `stopped`, and then what is left, for as long as the collector may take once. `node`: the id of this
    /// node.
    pub async fn run(mut self, node: &str, stopped: impl Future<Output = ()>) {
        let instance = self.instance.take().unwrap_or_else(|| node.to_owned());
        let resource: Attributes = vec![
            ("service.name".into(), self.service.clone().into()),
            ("service.version".into(), env!("CARGO_PKG_VERSION").into()),
            ("service.instance.id".into(), instance.into()),
        ];
        let mut stopped = pin!(stopped);
        let mut batch = Vec::new();
        loop {
            let mut is_over = false;
            let next = async {
                self.gather(&mut batch, &mut is_over).await;
                self.deliver(&resource, &batch, &PAUSES).await;
            };
            tokio::select! {
                biased;
                () = &mut stopped => break,
                () = next => batch.clear(),
            }
            if is_over {
                return;
            }
        }
        let last = timeout(self.collector.patience, self.flush(&resource, &mut batch)).await;
        if last.is_err() {
            while let Ok(item) = self.items.try_recv() {
                batch.push(item);
            }
            self.count(&batch, "dropped");
        }
    }

    /// Waits for a batch; `is_over` is set where nothing comes any more.
    async fn gather(&mut self, batch: &mut Vec<Item>, is_over: &mut bool) {
        if self.items.recv_many(batch, BATCH).await == 0 {
            *is_over = true;
            return;
        }
        let deadline = Instant::now() + self.interval;
        while batch.len() < BATCH {
            let more = self.items.recv_many(batch, BATCH - batch.len());
            match timeout_at(deadline, more).await {
                Ok(0) => {
                    *is_over = true;
                    return;
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    /// What is left, each batch tried once.
    async fn flush(&mut self, resource: &Attributes, batch: &mut Vec<Item>) {
        self.items.close();
        loop {
            while batch.len() < BATCH
                && let Ok(item) = self.items.try_recv()
            {
                batch.push(item);
            }
            if batch.is_empty() {
                return;
            }
            self.deliver(resource, batch, &[Duration::ZERO]).await;
            batch.clear();
        }
    }

    async fn deliver(&mut self, resource: &Attributes, batch: &[Item], pauses: &[Duration]) {
        let spans = batch.iter().filter_map(|item| match item {
            Item::Spans(spans) => Some(spans),
            Item::Line(_) => None,
        });
        let lines = batch.iter().filter_map(|item| match item {
            Item::Line(line) => Some(&**line),
            Item::Spans(_) => None,
        });
        let counts = [spans.clone().count(), lines.clone().count()];
        let bodies = [otlp::traces(resource, spans), otlp::logs(resource, lines)];
        let signals = ["traces", "logs"];
        for ((signal, count), body) in signals.into_iter().zip(counts).zip(bodies) {
            if count > 0 {
                self.send(signal, count as u64, Bytes::from(body), pauses).await;
            }
        }
    }

    async fn send(&mut self, signal: &'static str, count: u64, body: Bytes, pauses: &[Duration]) {
        let path = match signal {
            "traces" => &self.collector.traces,
            _ => &self.collector.logs,
        };
        let mut why = NotTaken::Unreachable;
        for pause in pauses {
            tokio::time::sleep(*pause).await;
            match self.collector.post(path, body.clone()).await {
                Ok(refused) => {
                    let refused = refused.min(count);
                    self.counts.add(signal, "sent", count - refused);
                    self.counts.add(signal, "refused", refused);
                    if !self.is_answering {
                        self.is_answering = true;
                        tracing::info!("the collector of telemetry answers again");
                    }
                    return;
                }
                Err(error) => why = error,
            }
            if !why.may_pass() {
                break;
            }
        }
        let outcome = if why.may_pass() { "dropped" } else { "refused" };
        self.counts.add(signal, outcome, count);
        if self.is_answering {
            self.is_answering = false;
            tracing::warn!(error = %why, signal, "the collector of telemetry does not take what it is sent");
        }
    }

    fn count(&self, batch: &[Item], outcome: &'static str) {
        for item in batch {
            self.counts.add(item.signal(), outcome, 1);
        }
    }
}

impl Collector {
    /// How many of them it does not want.
    async fn post(&self, path: &Uri, body: Bytes) -> Result<u64, NotTaken> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.clone();
        *request.headers_mut() = self.headers.clone();
        let answered = timeout(self.patience, async {
            let response = self.origin.send(request).await;
            let response = response.map_err(|_| NotTaken::Unreachable)?;
            let status = response.status();
            let answer = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
            // A redirect is not followed: it could lead anywhere.
            if !status.is_success() {
                return Err(NotTaken::Status(status.as_u16()));
            }
            // What cannot be read says nothing of what was taken.
            let answer = answer
                .map(http_body_util::Collected::to_bytes)
                .unwrap_or_default();
            let is_partial = status == StatusCode::OK;
            let refused = is_partial
                .then(|| protobuf::number_within(&answer, 1, 1))
                .flatten();
            Ok(refused.unwrap_or_default())
        });
        answered.await.unwrap_or(Err(NotTaken::Silence))
    }
}

fn with_headers(headers: &BTreeMap<String, Secret<String>>) -> Result<HeaderMap, Error> {
    let mut all = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().map_err(|_| Error::BadTelemetry)?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| Error::BadTelemetry)?;
        value.set_sensitive(true);
        all.insert(name, value);
    }
    all.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    all.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("privet/", env!("CARGO_PKG_VERSION"))),
    );
    Ok(all)
}
