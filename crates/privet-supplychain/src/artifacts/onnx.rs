//! ONNX: which operators a graph has, and which other files its tensors come from.
//!
//! # Source
//! `onnx/onnx.proto`; CVE-2022-25882 and CVE-2024-27318 (external data outside the model's folder).

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use super::archive::leads_out;
use super::error::Stop;
use super::inspect::Inspector;
use super::protobuf::{self, NESTING, Wire};
use super::report::clip;
use super::source::{self, Feed, Source};
use crate::{Severity, Verdict};

/// Longest name that is read.
const NAME: usize = 4096;
/// Most domains and operators kept.
const KEPT: usize = 1000;

/// Operator sets that runtimes bring along.
const KNOWN_DOMAINS: [&str; 9] = [
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "ai.onnx.training",
    "ai.onnx.preview",
    "ai.onnx.preview.training",
    "com.microsoft",
    "com.microsoft.nchwc",
    "com.ms.internal.nhwc",
];

/// Whether the head reads as a `ModelProto`: a version, then known fields, among them a graph.
pub(super) fn is_onnx(extension: &str, head: &[u8]) -> bool {
    let mut cursor = Cursor::new(head);
    let Ok(mut feed) = Feed::new(&mut cursor, 0) else {
        return false;
    };
    let (mut has_version, mut fields) = (false, 0);
    loop {
        // Fields are not bounded here, since the head is only a part of the file.
        let Ok(Some((number, wire))) = protobuf::field(&mut feed, u64::MAX) else {
            return extension == "onnx" && has_version && fields > 1;
        };
        fields += 1;
        match (number, wire) {
            (1, Wire::Number(1..=64)) if fields == 1 => has_version = true,
            (7, Wire::Until(end)) if has_version => return graph_follows(&mut feed, end),
            (2..=4 | 6 | 8 | 14, Wire::Until(end)) => {
                if protobuf::skip(&mut feed, end).is_err() {
                    return false;
                }
            }
            (5, Wire::Number(_)) => {}
            _ => return false,
        }
    }
}

/// A `GraphProto` begins with a node, or with its name where it has none.
fn graph_follows(feed: &mut Feed<'_>, end: u64) -> bool {
    matches!(
        protobuf::field(feed, end),
        Ok(Some((1 | 2 | 5 | 11 | 12, Wire::Until(_))) | None)
    )
}

#[derive(Default)]
struct Seen {
    /// Domain to operators with the place of the first.
    domains: BTreeMap<String, (BTreeSet<String>, u64)>,
    /// Domains that the model defines itself, as functions.
    defined: BTreeSet<String>,
}

/// Which message is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    Function,
    Training,
}

/// Looks at the graph; tensors are passed over.
pub(super) fn inspect(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    let end = source::size(source)?;
    let mut feed = Feed::new(source, 0)?;
    let mut seen = Seen::default();
    inspector.facts.packages.insert("onnx".to_owned());
    let done = message(inspector, &mut feed, end, Message::Model, &mut seen, 0);
    for (domain, (operators, at)) in &seen.domains {
        let is_known = KNOWN_DOMAINS.contains(&domain.as_str()) || seen.defined.contains(domain);
        if is_known {
            continue;
        }
        let names: Vec<&str> = operators.iter().map(String::as_str).take(10).collect();
        inspector.report(
            "onnx-custom-operator",
            Severity::Medium,
            Verdict::Suspicious,
            *at..*at,
            format!(
                "operators `{}` of `{}` are run by a native library or Python code of their own: load it only with a library that you trust",
                clip(&names.join("`, `")),
                clip(domain)
            ),
        );
    }
    done
}

fn message(
    inspector: &mut Inspector<'_>,
    feed: &mut Feed<'_>,
    end: u64,
    kind: Message,
    seen: &mut Seen,
    nesting: u8,
) -> Result<(), Stop> {
    if nesting > NESTING {
        return Err(Stop::over(feed.at(), "its graphs lie too deep in one another"));
    }
    let start = feed.at();
    let (mut operator, mut domain) = (String::new(), String::new());
    while let Some((number, wire)) = protobuf::field(feed, end)? {
        let Wire::Until(until) = wire else { continue };
        match inner(kind, number) {
            Some(inner) => message(inspector, feed, until, inner, seen, nesting + 1)?,
            None => match (kind, number) {
                (Message::Node, 4) => operator = protobuf::text(feed, until, NAME)?,
                (Message::Node, 7) | (Message::Function, 10) => domain = protobuf::text(feed, until, NAME)?,
                (Message::Tensor, 13) => external(inspector, feed, until)?,
                (Message::Model, 14) => {
                    let (key, value) = pair(feed, until)?;
                    inspector.facts.note(&key, &value);
                }
                (Message::Model, 2) => {
                    let producer = protobuf::text(feed, until, NAME)?;
                    inspector.facts.note("producer", &producer);
                }
                _ => {}
            },
        }
        protobuf::skip(feed, until)?;
    }
    match kind {
        Message::Node => node(inspector, seen, operator, domain, start),
        Message::Function if seen.defined.len() < KEPT => {
            seen.defined.insert(domain);
        }
        _ => {}
    }
    Ok(())
}

fn inner(kind: Message, number: u64) -> Option<Message> {
    Some(match (kind, number) {
        (Message::Model, 7) => Message::Graph,
        (Message::Model, 20) => Message::Training,
        (Message::Model, 25) => Message::Function,
        (Message::Training, 1 | 2) => Message::Graph,
        (Message::Graph, 1) => Message::Node,
        (Message::Graph, 5) => Message::Tensor,
        (Message::Graph, 15) => Message::SparseTensor,
        (Message::Node, 5) => Message::Attribute,
        (Message::Attribute, 5 | 10) => Message::Tensor,
        (Message::Attribute, 6 | 11) => Message::Graph,
        (Message::Attribute, 22 | 23) => Message::SparseTensor,
        (Message::SparseTensor, 1 | 2) => Message::Tensor,
        (Message::Function, 7) => Message::Node,
        (Message::Function, 11) => Message::Attribute,
        _ => return None,
    })
}

fn node(inspector: &mut Inspector<'_>, seen: &mut Seen, operator: String, domain: String, at: u64) {
    if matches!(
        operator.as_str(),
        "PyOp" | "PyCustomOp" | "PythonOp" | "PythonOpGrad" | "PyFunc"
    ) {
        inspector.report(
            "onnx-python-operator",
            Severity::Critical,
            Verdict::Dangerous,
            at..at,
            format!(
                "its operator `{operator}` runs Python code: do not load it, and find out where it came from"
            ),
        );
    }
    if seen.domains.len() < KEPT || seen.domains.contains_key(&domain) {
        let (operators, _) = seen.domains.entry(domain).or_insert((BTreeSet::new(), at));
        if operators.len() < KEPT {
            operators.insert(operator);
        }
    }
}

fn pair(feed: &mut Feed<'_>, end: u64) -> Result<(String, String), Stop> {
    let (mut key, mut value) = (String::new(), String::new());
    while let Some((number, wire)) = protobuf::field(feed, end)? {
        let Wire::Until(until) = wire else { continue };
        match number {
            1 => key = protobuf::text(feed, until, NAME)?,
            2 => value = protobuf::text(feed, until, NAME)?,
            _ => protobuf::skip(feed, until)?,
        }
    }
    Ok((key, value))
}

fn external(inspector: &mut Inspector<'_>, feed: &mut Feed<'_>, end: u64) -> Result<(), Stop> {
    let at = feed.at();
    let (key, value) = pair(feed, end)?;
    if key == "location" && (leads_out(&value) || value.contains("..")) {
        inspector.report(
            "onnx-external-data",
            Severity::High,
            Verdict::Dangerous,
            at..end,
            format!(
                "a tensor is read from `{}`, outside the model's folder: do not load it",
                clip(&value)
            ),
        );
    } else if key == "location" {
        inspector.facts.note("external data", &value);
    }
    Ok(())
}
