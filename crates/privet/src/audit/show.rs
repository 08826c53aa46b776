//! Reports of a verification, as text and as JSON.

use anyhow::Result;
use jiff::Timestamp;
use privet_log::{Checkpoint, Fault, LeafProof, NoteKey, Outcome, Report};
use serde_json::json;

use super::Output;
use crate::rim;

/// Nodes that are listed one by one; more are counted.
const LISTED_NODES: usize = 20;

pub(super) fn report(report: &Report, key: &NoteKey) -> Result<()> {
    let line = |what: &str, value: &str| rim::say(format_args!("{what:<13}{value}"));
    line("log", key.name())?;
    if let Some(head) = &report.head {
        line("head", &format!("{} leaves, root {}", head.size, head.root))?;
    }
    let kinds = report
        .kinds
        .iter()
        .map(|(kind, count)| format!("{} {count}", plain(kind)));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    line("leaves", &format!("{} read and hashed ({kinds})", report.leaves))?;
    line(
        "checkpoints",
        &format!("{} with the root of the leaves", report.checkpoints),
    )?;
    for (node, leaves) in report.nodes.iter().take(LISTED_NODES) {
        let (count, last) = (leaves.count, leaves.last);
        line(
            "node",
            &format!("{}: {count} leaves, up to number {last}", plain(node)),
        )?;
    }
    if report.nodes.len() > LISTED_NODES {
        line("node", &format!("and {} more", report.nodes.len() - LISTED_NODES))?;
    }
    for (name, signed) in &report.witnesses {
        line(
            "witness",
            &format!("{name} signed {} leaves at {}", signed.size, time(signed.time)),
        )?;
    }
    if report.unchecked_signatures > 0 {
        let count = report.unchecked_signatures;
        line(
            "unchecked",
            &format!("{count} signatures of keys that were not given (`--witness`)"),
        )?;
    }
    for fault in &report.faults {
        let word = match fault.outcome() {
            Outcome::Contradicted => "WRONG",
            _ => "MISSING",
        };
        line(word, &plain(&fault.to_string()))?;
    }
    let shown = report.faults.len() as u64;
    if report.fault_count > shown {
        line("", &format!("and {} more", report.fault_count - shown))?;
    }
    line(
        "result",
        match report.outcome() {
            Outcome::Verified => "verified: the log is what the key signed, and nothing of it is missing",
            Outcome::Incomplete => "incomplete: nothing contradicts the log, but something is missing",
            Outcome::Contradicted => "NOT verified: something contradicts the signed log",
        },
    )
}

/// A leaf that is proved to be in the log.
pub(super) fn leaf(proof: &LeafProof, head: &Checkpoint, format: Output) -> Result<()> {
    let entry = String::from_utf8_lossy(&proof.entry);
    let (size, root) = (head.size, &head.root);
    match format {
        Output::Text => {
            rim::say(format_args!("log          {}", head.origin))?;
            rim::say(format_args!("head         {size} leaves, root {root}"))?;
            rim::say(format_args!("leaf         {}: {}", proof.index, plain(&entry)))?;
            rim::say("result       verified: the log that the key signed has this leaf there")
        }
        Output::Jsonl => rim::say(json!({
            "log": head.origin,
            "outcome": "verified",
            "size": size,
            "root": root.to_string(),
            "index": proof.index,
            "leaf": serde_json::from_str::<serde_json::Value>(&entry).unwrap_or_default(),
        })),
    }
}

/// A checkpoint that is proved to be continued.
pub(super) fn growth(old: &Checkpoint, head: &Checkpoint, format: Output) -> Result<()> {
    match format {
        Output::Text => {
            rim::say(format_args!("log          {}", head.origin))?;
            rim::say(format_args!(
                "held         {} leaves, root {}",
                old.size, old.root
            ))?;
            rim::say(format_args!(
                "head         {} leaves, root {}",
                head.size, head.root
            ))?;
            rim::say("result       verified: the log continues the checkpoint that is held")
        }
        Output::Jsonl => rim::say(json!({
            "log": head.origin,
            "outcome": "verified",
            "held": old.size,
            "size": head.size,
            "root": head.root.to_string(),
        })),
    }
}

pub(super) fn report_json(report: &Report, key: &NoteKey) -> Result<()> {
    let outcome = |outcome| match outcome {
        Outcome::Verified => "verified",
        Outcome::Incomplete => "incomplete",
        Outcome::Contradicted => "contradicted",
    };
    let faults: Vec<_> = report
        .faults
        .iter()
        .map(|fault: &Fault| json!({"outcome": outcome(fault.outcome()), "message": fault.to_string()}))
        .collect();
    let nodes: serde_json::Map<_, _> = report
        .nodes
        .iter()
        .map(|(node, leaves)| (node.clone(), json!({"leaves": leaves.count, "last": leaves.last})))
        .collect();
    let witnesses: serde_json::Map<_, _> = report
        .witnesses
        .iter()
        .map(|(name, signed)| {
            (
                name.clone(),
                json!({"size": signed.size, "at": time(signed.time)}),
            )
        })
        .collect();
    rim::say(json!({
        "log": key.name(),
        "outcome": outcome(report.outcome()),
        "size": report.head.as_ref().map(|head| head.size),
        "root": report.head.as_ref().map(|head| head.root.to_string()),
        "leaves": report.leaves,
        "checkpoints": report.checkpoints,
        "kinds": report.kinds,
        "nodes": nodes,
        "witnesses": witnesses,
        "unchecked_signatures": report.unchecked_signatures,
        "fault_count": report.fault_count,
        "faults": faults,
    }))
}

fn time(seconds: u64) -> String {
    let at = i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.map_or_else(|| seconds.to_string(), |at| at.to_string())
}

/// Text from a log, without what would steer a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
