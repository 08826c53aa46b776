//! Spans and log lines as the messages of OTLP 1. Field numbers are those of `opentelemetry-proto` 1.x, which do not change.

use std::borrow::Cow;

use jiff::Timestamp;
use tracing::Level;

use super::protobuf::Message;

/// What is said of a span, a line or this process.
pub(super) type Attributes = Vec<(Cow<'static, str>, TelemetryValue)>;

const SCOPE: &str = "privet";
/// Longest text that is sent; texts are names and codes, and errors of libraries.
const LONGEST: usize = 1024;
/// Flags of a span: kept, and whether its parent is of another process is known; that it is.
const SAMPLED: u32 = 0x101;
const REMOTE_PARENT: u32 = 0x200;

/// A value beside a name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TelemetryValue {
    /// Text, of which the first KiB is sent.
    Text(Cow<'static, str>),
    /// A whole number.
    Number(i64),
    /// Any number.
    Float(f64),
    /// A claim.
    Claim(bool),
}

/// A line of the log.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub level: Level,
    /// Which part of Privet says it.
    pub target: &'static str,
    /// What it says.
    pub message: String,
    /// What it says it of. `trace_id` leads to the trace of its request.
    pub fields: Vec<(&'static str, TelemetryValue)>,
}

/// What a span is of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// A part of a request that has ended.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) id: u64,
    pub(super) parent: Option<u64>,
    /// Whether the parent is a span of the caller's.
    pub(super) is_remote: bool,
    pub(super) name: Cow<'static, str>,
    pub(super) kind: Kind,
    /// Nanoseconds since 1970.
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) attributes: Attributes,
    pub(super) has_failed: bool,
}

/// The spans of one request.
#[derive(Debug)]
pub(super) struct Spans {
    pub(super) trace: u128,
    pub(super) spans: Vec<Span>,
}

impl From<&'static str> for TelemetryValue {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for TelemetryValue {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u32> for TelemetryValue {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for TelemetryValue {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u16> for TelemetryValue {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for TelemetryValue {
    fn from(claim: bool) -> Self {
        Self::Claim(claim)
    }
}

/// The body of a request to `/v1/traces`.
pub(super) fn traces<'a>(resource: &Attributes, spans: impl Iterator<Item = &'a Spans>) -> Vec<u8> {
    body(resource, |scope| {
        for Spans { trace, spans } in spans {
            for span in spans {
                scope.message(2, |message| write_span(message, *trace, span));
            }
        }
    })
}

/// The body of a request to `/v1/logs`.
pub(super) fn logs<'a>(resource: &Attributes, lines: impl Iterator<Item = &'a LogLine>) -> Vec<u8> {
    body(resource, |scope| {
        for line in lines {
            scope.message(2, |message| write_line(message, line));
        }
    })
}

/// What both have in common: one resource with one scope, whose contents `write` writes.
fn body(resource: &Attributes, write: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |of_resource| {
        of_resource.message(1, |message| write_attributes(message, 1, resource));
        of_resource.message(2, |of_scope| {
            of_scope.message(1, |scope| {
                scope.bytes(1, SCOPE.as_bytes());
                scope.bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
            });
            write(of_scope);
        });
    });
    request.into_bytes()
}

fn write_span(message: &mut Message, trace: u128, span: &Span) {
    message.bytes(1, &trace.to_be_bytes());
    message.bytes(2, &span.id.to_be_bytes());
    if let Some(parent) = span.parent {
        message.bytes(4, &parent.to_be_bytes());
    }
    message.bytes(5, span.name.as_bytes());
    message.number(6, span.kind as u64);
    message.fixed64(7, span.begin);
    message.fixed64(8, span.end);
    write_attributes(message, 9, &span.attributes);
    if span.has_failed {
        message.message(15, |status| status.number(3, 2));
    }
    let remote = if span.is_remote { REMOTE_PARENT } else { 0 };
    message.fixed32(16, SAMPLED | remote);
}

fn write_line(message: &mut Message, line: &LogLine) {
    let at = nanoseconds(line.at);
    let (number, name) = match line.level {
        Level::ERROR => (17, "ERROR"),
        Level::WARN => (13, "WARN"),
        Level::INFO => (9, "INFO"),
        Level::DEBUG => (5, "DEBUG"),
        Level::TRACE => (1, "TRACE"),
    };
    message.fixed64(1, at);
    message.number(2, number);
    message.bytes(3, name.as_bytes());
    message.message(5, |body| body.bytes(1, cut(&line.message).as_bytes()));
    write_attribute(message, 6, "code.namespace", &line.target.into());
    for (name, value) in &line.fields {
        match (*name, value) {
            ("trace_id", TelemetryValue::Text(text)) if text.len() == 32 => {
                if let Ok(id) = u128::from_str_radix(text, 16) {
                    message.bytes(9, &id.to_be_bytes());
                }
            }
            _ => write_attribute(message, 6, name, value),
        }
    }
    message.fixed64(11, at);
}

fn write_attributes(message: &mut Message, field: u32, attributes: &Attributes) {
    for (name, value) in attributes {
        write_attribute(message, field, name, value);
    }
}

fn write_attribute(message: &mut Message, field: u32, name: &str, value: &TelemetryValue) {
    message.message(field, |pair| {
        pair.bytes(1, name.as_bytes());
        pair.message(2, |any| match value {
            TelemetryValue::Text(text) => any.bytes(1, cut(text).as_bytes()),
            TelemetryValue::Claim(claim) => any.number(2, u64::from(*claim)),
            // Two's complement, as the format has negative numbers.
            TelemetryValue::Number(number) => any.number(3, number.cast_unsigned()),
            TelemetryValue::Float(number) => any.fixed64(4, number.to_bits()),
        });
    });
}

/// As much of `text` as is sent.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST)).unwrap_or_default()
}

/// Nanoseconds since 1970.
pub(super) fn nanoseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_nanosecond()).unwrap_or_default()
}
