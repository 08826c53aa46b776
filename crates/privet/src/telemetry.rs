//! What starts at the rim for the log and for telemetry: lines go to standard error, and to the collector of the settings.

use std::fmt;

use anyhow::{Result, anyhow};
use privet_policy::{Log, LogFormat, Settings};
use privet_server::{Exporter, LogLine, SystemClock, Telemetry, TelemetryValue};
use privet_types::Clock;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

use crate::rim;

/// Where traces and lines go, and what takes them there; to nobody, and nothing, without `[telemetry]`.
///
/// # Errors
/// If a header's value is not where the settings say, or the collector's address cannot be used.
pub(crate) fn of(settings: &Settings) -> Result<(Telemetry, Option<Exporter>)> {
    let Some(settings) = &settings.telemetry else {
        return Ok((Telemetry::default(), None));
    };
    let headers = rim::telemetry_headers(settings)?;
    let (telemetry, exporter) = Telemetry::new(settings, &headers)?;
    Ok((telemetry, Some(exporter)))
}

/// Starts the log.
///
/// # Errors
/// If there is one already.
pub(crate) fn start_log(log: &Log, telemetry: &Telemetry) -> Result<()> {
    let filter = EnvFilter::try_new(format!(
        "warn,privet={0},privet_server={0},privet_store={0},privet_access={0},privet_vault={0}",
        log.level.name()
    ))?;
    let to_stderr = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let to_stderr: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Json => to_stderr.json().boxed(),
        LogFormat::Text => to_stderr.with_ansi(false).boxed(),
    };
    let to_collector = telemetry.takes_lines().then(|| ToCollector(telemetry.clone()));
    let started = tracing_subscriber::registry()
        .with(to_stderr)
        .with(to_collector)
        .with(filter)
        .try_init();
    started.map_err(|error| anyhow!("cannot start the log: {error}"))
}

/// Hands each line that goes to standard error to the collector as well.
struct ToCollector(Telemetry);

impl<S: Subscriber> Layer<S> for ToCollector {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        self.0.log(LogLine {
            at: SystemClock.now(),
            level: *metadata.level(),
            target: metadata.target(),
            message: fields.message,
            fields: fields.others,
        });
    }
}

/// What an event says.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, TelemetryValue)>,
}

impl Fields {
    fn take(&mut self, field: &Field, value: TelemetryValue) {
        self.others.push((field.name(), value));
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, TelemetryValue::Float(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, TelemetryValue::Number(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned().into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.take(field, text.into());
        }
    }
}
