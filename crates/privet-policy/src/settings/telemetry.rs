//! The `[telemetry]` table of the settings: where traces and log lines go as OpenTelemetry has them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::check::{count_within, full_path, period_within};
use crate::key_path::{Fault, KeyPath};
use crate::{Period, SecretRef, web_address};

/// Headers that Privet sets itself.
const OWN_HEADERS: [&str; 7] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
];
/// Longest name of a service or an instance.
const LONGEST_NAME: usize = 128;

/// The `[telemetry]` table. Without `endpoint` nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryFile {
    /// Where an OpenTelemetry collector takes OTLP over HTTP (protobuf), such as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/logs`
    /// are put behind it.
    pub endpoint: Option<String>,
    /// Allows `http://` to another machine, where anybody on the way can read along.
    pub allow_plain_http: bool,
    /// Headers that it wants, by name; what stands in them is kept elsewhere: `Authorization = { env = "COLLECTOR_AUTH" }`.
    pub headers: BTreeMap<String, SecretRef>,
    /// Certificates (PEM) to trust instead of the usual ones.
    pub ca_file: Option<PathBuf>,
    /// Whether requests are traced.
    pub traces: bool,
    /// Whether the lines of the log are sent as well.
    pub logs: bool,
    /// Which share of the requests is traced, 0 to 1.
    pub sample: Share,
    /// `service.name`.
    pub service_name: String,
    /// `service.instance.id`; the node's id if left out.
    pub instance: Option<String>,
    /// Whether a caller's `traceparent` is gone on with, and its choice of what is traced is kept.
    pub trust_callers: bool,
    /// Whether providers are sent a `traceparent`.
    pub tell_providers: bool,
    /// How long the collector may take, and how long the last of it may take when Privet stops; 100 ms to 1 minute.
    pub timeout: Period,
    /// How long what there is may wait for more; 10 ms to 1 minute.
    pub interval: Period,
    /// Requests and lines that may wait; what comes on top is dropped and counted.
    pub queue: u32,
}

impl Default for TelemetryFile {
    fn default() -> Self {
        Self {
            endpoint: None,
            allow_plain_http: false,
            headers: BTreeMap::new(),
            ca_file: None,
            traces: true,
            logs: true,
            sample: Share::ALL,
            service_name: "privet".to_owned(),
            instance: None,
            trust_callers: false,
            tell_providers: false,
            timeout: Period::from_millis(10_000),
            interval: Period::from_millis(2_000),
            queue: 2_048,
        }
    }
}

/// A share of all, 0 to 1, kept to a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// All of them.
    pub const ALL: Self = Self(Self::WHOLE);
    const WHOLE: u32 = 1_000_000;

    /// Whether the one with this number is among them, where numbers are spread evenly over all of them.
    #[must_use]
    pub const fn takes(self, number: u64) -> bool {
        // Below 2⁶⁴, since a product of two numbers below 2⁶⁴ and 2²⁰ is divided by the latter.
        (number as u128 * Self::WHOLE as u128) >> 64 < self.0 as u128
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shares)
    }
}

struct Shares;

impl Shares {
    const RANGE: &'static str = "use a number from 0 to 1";
}

impl Visitor<'_> for Shares {
    type Value = Share;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 1")
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Share, E> {
        match value {
            0 => Ok(Share(0)),
            1 => Ok(Share::ALL),
            _ => Err(E::custom(Self::RANGE)),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Share, E> {
        if !(0.0..=1.0).contains(&value) {
            return Err(E::custom(Self::RANGE));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 1,000,000"
        )]
        let millionths = (value * f64::from(Share::WHOLE)).round() as u32;
        Ok(Share(millionths))
    }
}

impl JsonSchema for Share {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

/// Where traces and log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TelemetrySettings {
    /// The collector's address, without a slash at its end. INVARIANT: `https`, or a loopback address, or the settings allow plain HTTP.
    pub endpoint: String,
    /// Where the values of its headers are kept, by name.
    pub headers: BTreeMap<String, SecretRef>,
    /// Certificates (PEM) to trust instead of the usual ones.
    pub ca_file: Option<PathBuf>,
    /// Whether requests are traced.
    pub traces: bool,
    /// Whether the lines of the log are sent as well.
    pub logs: bool,
    /// Which share of the requests is traced.
    pub sample: Share,
    /// `service.name`.
    pub service_name: String,
    /// `service.instance.id`, if it is not the node's id.
    pub instance: Option<String>,
    /// Whether a caller's `traceparent` is gone on with.
    pub trust_callers: bool,
    /// Whether providers are sent a `traceparent`.
    pub tell_providers: bool,
    /// How long the collector may take.
    pub timeout: Period,
    /// How long what there is may wait for more.
    pub interval: Period,
    /// Requests and lines that may wait. INVARIANT: at least 1.
    pub queue: u32,
}

pub(super) fn check(file: TelemetryFile, document: &Path) -> Result<Option<TelemetrySettings>, Fault> {
    let at = KeyPath::of("telemetry");
    let Some(endpoint) = file.endpoint else {
        return Ok(None);
    };
    let here = at.key("endpoint");
    let address = web_address::parse(&endpoint).map_err(|message| here.fault(message))?;
    if !address.is_https && !address.is_loopback() && !file.allow_plain_http {
        return Err(here.fault(
            "would tell another machine in the clear who asks what and when; use `https://`, or set `allow_plain_http = true` if the way there is safe",
        ));
    }
    for name in file.headers.keys() {
        let is_token = (1..=64).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !is_token || OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(at
                .key("headers")
                .fault("use names of headers that Privet does not set itself, such as `Authorization`"));
        }
    }
    let names = [
        (Some(&file.service_name), "service_name"),
        (file.instance.as_ref(), "instance"),
    ];
    for (name, key) in names {
        let is_name = |name: &String| {
            (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
        };
        if !name.is_none_or(is_name) {
            return Err(at.key(key).fault(format!(
                "use 1 to {LONGEST_NAME} letters, digits or signs, without blanks"
            )));
        }
    }
    let minute = Period::from_secs(60);
    for (period, least, key) in [
        (file.timeout, Period::from_millis(100), "timeout"),
        (file.interval, Period::from_millis(10), "interval"),
    ] {
        period_within(period, least, &at, key)?;
        if period > minute {
            return Err(at.key(key).fault(format!("use {least} to {minute}")));
        }
    }
    count_within(file.queue, 1, 1_000_000, &at, "queue")?;
    let ca_file = file
        .ca_file
        .map(|path| full_path(&path, &at.key("ca_file"), document))
        .transpose()?;
    let headers = file.headers.into_iter();
    Ok(Some(TelemetrySettings {
        endpoint: endpoint.trim_end_matches('/').to_owned(),
        headers: headers
            .map(|(name, value)| (name, value.beside(document)))
            .collect(),
        ca_file,
        traces: file.traces,
        logs: file.logs,
        sample: file.sample,
        service_name: file.service_name,
        instance: file.instance,
        trust_callers: file.trust_callers,
        tell_providers: file.tell_providers,
        timeout: file.timeout,
        interval: file.interval,
        queue: file.queue,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<TelemetrySettings, String> {
        let file: TelemetryFile = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        check(file, Path::new("/etc/privet.toml"))
            .map_err(|fault| fault.message.to_string())?
            .ok_or_else(|| "off".to_owned())
    }

    #[test]
    fn nothing_is_sent_without_an_endpoint_and_not_in_the_clear_to_others() {
        assert_eq!(checked("logs = true").unwrap_err(), "off");
        assert!(checked("endpoint = 'http://127.0.0.1:4318'").is_ok());
        assert!(
            checked("endpoint = 'https://otel.example/otlp/'").is_ok_and(|s| s.endpoint.ends_with("/otlp"))
        );
        assert!(checked("endpoint = 'http://otel.example:4318'").is_err());
        assert!(checked("endpoint = 'http://otel.example:4318'\nallow_plain_http = true").is_ok());
        assert!(checked("endpoint = 'http://127.0.0.1:4318'\nservice_name = 'a b'").is_err());
        assert!(checked("endpoint = 'http://127.0.0.1:4318'\ntimeout = '2m'").is_err());
        assert!(checked("endpoint = 'http://127.0.0.1:4318'\nheaders = { Host = { env = 'H' } }").is_err());
    }

    #[test]
    fn a_share_takes_as_many_as_it_says() {
        let share = |text: &str| {
            checked(&format!("endpoint = 'http://[::1]:4318'\nsample = {text}")).map(|s| s.sample)
        };
        let step = u64::MAX / 1_000;
        for (text, expected) in [
            ("0", 0),
            ("0.25", 250),
            ("0.5", 500),
            ("1", 1_000),
            ("1.0", 1_000),
        ] {
            let share = share(text).unwrap();
            let taken = (0..1_000).filter(|n| share.takes(n * step + step / 2)).count();
            assert_eq!(taken, expected, "{text}");
        }
        assert!(!share("0").unwrap().takes(0) && share("1").unwrap().takes(u64::MAX));
        for bad in ["-0.1", "1.1", "2", "nan", "\"1\""] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
