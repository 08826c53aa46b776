//! TensorFlow's SavedModel and frozen graphs: which operators they have.
//!
//! # Source
//! `tensorflow/core/protobuf/saved_model.proto`, `meta_graph.proto`, `framework/graph.proto`; TensorFlow's SECURITY.md, "Using
//! TensorFlow Securely" (operators that read and write files).

use std::collections::BTreeMap;
use std::io::Cursor;

use super::archive::leads_out;
use super::error::Stop;
use super::inspect::Inspector;
use super::protobuf::{self, NESTING, Wire};
use super::report::clip;
use super::source::{self, Feed, Source};
use crate::{Severity, Verdict};

/// Longest name or text that is read.
const NAME: usize = 4096;
/// Most constants of one graph that are remembered.
const CONSTANTS: usize = 10_000;

/// Operators that reach Python, files or networks.
const OPERATORS: &[(&str, Verdict, &str)] = &[
    ("PyFunc", Verdict::Dangerous, "calls Python code"),
    ("PyFuncStateless", Verdict::Dangerous, "calls Python code"),
    ("EagerPyFunc", Verdict::Dangerous, "calls Python code"),
    ("ReadFile", Verdict::Dangerous, "reads any file"),
    ("WriteFile", Verdict::Dangerous, "writes any file"),
    ("MatchingFiles", Verdict::Suspicious, "looks for files"),
    ("WholeFileReader", Verdict::Suspicious, "reads files"),
    ("WholeFileReaderV2", Verdict::Suspicious, "reads files"),
    ("TextLineReader", Verdict::Suspicious, "reads files"),
    ("TextLineReaderV2", Verdict::Suspicious, "reads files"),
    ("TFRecordReader", Verdict::Suspicious, "reads files"),
    ("TFRecordReaderV2", Verdict::Suspicious, "reads files"),
    ("FixedLengthRecordReader", Verdict::Suspicious, "reads files"),
    ("TextLineDataset", Verdict::Suspicious, "reads files"),
    ("TFRecordDataset", Verdict::Suspicious, "reads files"),
    ("TFRecordDatasetV2", Verdict::Suspicious, "reads files"),
    ("FixedLengthRecordDataset", Verdict::Suspicious, "reads files"),
    ("FixedLengthRecordDatasetV2", Verdict::Suspicious, "reads files"),
    ("CSVDataset", Verdict::Suspicious, "reads files"),
    ("CSVDatasetV2", Verdict::Suspicious, "reads files"),
    ("SqlDataset", Verdict::Suspicious, "reads data bases"),
    ("LMDBReader", Verdict::Suspicious, "reads files"),
    ("LoadDataset", Verdict::Suspicious, "reads files"),
    ("SaveDataset", Verdict::Suspicious, "writes files"),
    ("SaveDatasetV2", Verdict::Suspicious, "writes files"),
    ("DatasetToTFRecord", Verdict::Suspicious, "writes files"),
    ("CreateSummaryFileWriter", Verdict::Suspicious, "writes files"),
    ("CreateSummaryDbWriter", Verdict::Suspicious, "writes data bases"),
    ("CacheDataset", Verdict::Suspicious, "writes files"),
    ("SnapshotDataset", Verdict::Suspicious, "writes files"),
    ("DebugIdentity", Verdict::Suspicious, "sends tensors elsewhere"),
    ("DebugIdentityV2", Verdict::Suspicious, "writes tensors elsewhere"),
    ("DebugIdentityV3", Verdict::Suspicious, "writes tensors elsewhere"),
    ("RemoteCall", Verdict::Suspicious, "runs parts on other machines"),
    (
        "DataServiceDataset",
        Verdict::Suspicious,
        "reaches other machines",
    ),
    (
        "DataServiceDatasetV2",
        Verdict::Suspicious,
        "reaches other machines",
    ),
    ("RpcCall", Verdict::Suspicious, "reaches other machines"),
    ("RpcClient", Verdict::Suspicious, "reaches other machines"),
    ("XlaCustomCall", Verdict::Suspicious, "calls native code"),
    ("XlaCustomCallV2", Verdict::Suspicious, "calls native code"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    SavedModel,
    MetaGraph,
    Graph,
    Library,
    Function,
    Node,
}

/// Whether the head reads as a `SavedModel`, or, under its usual endings, as a `MetaGraphDef` or `GraphDef`.
pub(super) fn is_saved_model(extension: &str, head: &[u8]) -> bool {
    root(extension, head).is_some()
}

fn root(extension: &str, head: &[u8]) -> Option<Message> {
    let mut cursor = Cursor::new(head);
    let mut feed = Feed::new(&mut cursor, 0).ok()?;
    match protobuf::field(&mut feed, u64::MAX).ok()?? {
        (1, Wire::Number(1)) => {
            let (2, Wire::Until(end)) = protobuf::field(&mut feed, u64::MAX).ok()?? else {
                return None;
            };
            // `MetaGraphDef` begins with `meta_info_def`, which is a message; ONNX has the producer's name there.
            let (1, Wire::Until(inner)) = protobuf::field(&mut feed, end).ok()?? else {
                return None;
            };
            let (1..=8, _) = protobuf::field(&mut feed, inner).ok()?? else {
                return None;
            };
            Some(Message::SavedModel)
        }
        (1, Wire::Until(end)) if matches!(extension, "pb" | "meta") => {
            let first = protobuf::field(&mut feed, end).ok()??;
            let is_node = matches!(first, (1, Wire::Until(name)) if {
                let is_name = protobuf::text(&mut feed, name, NAME).is_ok_and(|text| !text.is_empty());
                is_name && matches!(protobuf::field(&mut feed, end), Ok(Some((2, Wire::Until(_)))))
            });
            if extension == "meta" {
                Some(Message::MetaGraph)
            } else {
                is_node.then_some(Message::Graph)
            }
        }
        _ => None,
    }
}

/// One graph's or function's constants that are paths, and its saving operators with where each writes.
#[derive(Default)]
struct Scope {
    paths: BTreeMap<String, String>,
    saves: Vec<(String, String, u64)>,
}

/// Looks at the operators; tensors are passed over.
pub(super) fn inspect(inspector: &mut Inspector<'_>, source: &mut dyn Source) -> Result<(), Stop> {
    let head = source::head(source, 4096)?;
    let end = source::size(source)?;
    let kind = [("", &head), ("pb", &head), ("meta", &head)]
        .iter()
        .find_map(|(extension, head)| root(extension, head))
        .ok_or_else(|| Stop::damaged(0, "it is no graph of TensorFlow"))?;
    inspector.facts.packages.insert("tensorflow".to_owned());
    let mut feed = Feed::new(source, 0)?;
    let mut scope = Scope::default();
    message(inspector, &mut feed, end, kind, &mut scope, 0)?;
    judge_saves(inspector, &scope);
    Ok(())
}

fn message(
    inspector: &mut Inspector<'_>,
    feed: &mut Feed<'_>,
    end: u64,
    kind: Message,
    scope: &mut Scope,
    nesting: u8,
) -> Result<(), Stop> {
    if nesting > NESTING {
        return Err(Stop::over(feed.at(), "its graphs lie too deep in one another"));
    }
    while let Some((number, wire)) = protobuf::field(feed, end)? {
        let Wire::Until(until) = wire else { continue };
        let inner = match (kind, number) {
            (Message::SavedModel, 2) => Some(Message::MetaGraph),
            (Message::MetaGraph, 2) => Some(Message::Graph),
            (Message::Graph, 1) | (Message::Function, 3) => Some(Message::Node),
            (Message::Graph, 2) => Some(Message::Library),
            (Message::Library, 1) => Some(Message::Function),
            _ => None,
        };
        match inner {
            Some(Message::Node) => node(inspector, feed, until, scope)?,
            // Names of constants are a function's own.
            Some(Message::Function) => {
                let mut own = Scope::default();
                message(inspector, feed, until, Message::Function, &mut own, nesting + 1)?;
                judge_saves(inspector, &own);
            }
            Some(inner) => message(inspector, feed, until, inner, scope, nesting + 1)?,
            None => {}
        }
        protobuf::skip(feed, until)?;
    }
    Ok(())
}

fn node(inspector: &mut Inspector<'_>, feed: &mut Feed<'_>, end: u64, scope: &mut Scope) -> Result<(), Stop> {
    let start = feed.at();
    let (mut name, mut operator, mut input, mut path) = (String::new(), String::new(), None, None);
    while let Some((number, wire)) = protobuf::field(feed, end)? {
        let Wire::Until(until) = wire else { continue };
        match number {
            1 => name = protobuf::text(feed, until, NAME)?,
            2 => operator = protobuf::text(feed, until, NAME)?,
            3 if input.is_none() => input = Some(protobuf::text(feed, until, NAME)?),
            5 if until - feed.at() <= NAME as u64 => {
                let bytes = feed.take(usize::try_from(until - feed.at()).unwrap_or(0))?;
                path = path.or_else(|| path_in(&bytes));
            }
            _ => {}
        }
        protobuf::skip(feed, until)?;
    }
    if operator == "Const"
        && let Some(path) = path
    {
        if scope.paths.len() < CONSTANTS {
            scope.paths.insert(name, path);
        }
        return Ok(());
    }
    if let Some((_, verdict, effect)) = OPERATORS.iter().find(|(known, ..)| *known == operator) {
        let severity = match verdict {
            Verdict::Dangerous => Severity::Critical,
            _ => Severity::Medium,
        };
        inspector.report(
            "tensorflow-operator",
            severity,
            *verdict,
            start..end,
            format!("its operator `{operator}` {effect} whenever the model runs: do not run it unless you know why it needs that"),
        );
    } else if operator == "PrintV2" && path.is_some_and(|path| path.starts_with("file:")) {
        inspector.report(
            "tensorflow-operator",
            Severity::Critical,
            Verdict::Dangerous,
            start..end,
            "its operator `PrintV2` writes to a file of its choice: do not run it".to_owned(),
        );
    } else if operator.contains('>') {
        inspector.report(
            "tensorflow-custom-operator",
            Severity::Medium,
            Verdict::Suspicious,
            start..end,
            format!(
                "its operator `{}` is run by a native library of its own: load it only with a library that you trust",
                clip(&operator)
            ),
        );
    } else if matches!(
        operator.as_str(),
        "Save" | "SaveV2" | "SaveSlices" | "MergeV2Checkpoints" | "RestoreV2" | "Restore"
    ) && scope.saves.len() < CONSTANTS
    {
        let input = input.unwrap_or_default();
        let input = input.split(':').next().unwrap_or_default().to_owned();
        scope.saves.push((operator, input, start));
    }
    Ok(())
}

/// A path that leads out of the model's folder, as text in an attribute.
fn path_in(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let runs = text.split(|c: char| c.is_control() || c == '\u{fffd}');
    for run in runs {
        // A length byte that is printable may stand before the path.
        let tail = run.get(1..).unwrap_or_default();
        for candidate in [run, tail] {
            let is_path =
                candidate.starts_with("file:") || candidate.starts_with('/') || candidate.contains("../");
            if is_path && candidate.len() > 3 {
                return Some(candidate.to_owned());
            }
        }
    }
    None
}

fn judge_saves(inspector: &mut Inspector<'_>, scope: &Scope) {
    for (operator, input, at) in &scope.saves {
        let Some(path) = scope.paths.get(input) else {
            continue;
        };
        if !leads_out(path) && !path.starts_with("file:") {
            continue;
        }
        inspector.report(
            "tensorflow-path",
            Severity::High,
            Verdict::Suspicious,
            *at..*at,
            format!(
                "its operator `{operator}` works on `{}`, a fixed place outside the model: do not run it unless you know why",
                clip(path)
            ),
        );
    }
}
