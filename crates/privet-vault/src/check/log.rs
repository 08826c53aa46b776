//! What the check of the log found, as findings.

use privet_store::{LogCheck, LogFault};

use super::FindingKind;
use super::report::Findings;

pub(super) fn tell(log: &LogCheck, findings: &mut Findings) {
    findings.looked_at("audit_events", usize::try_from(log.leaves).unwrap_or(usize::MAX));
    for fault in &log.faults {
        let (kind, table, count, row) = match fault {
            LogFault::Head => (FindingKind::LogHead, "log_head", 1, "head".to_owned()),
            LogFault::Root => (FindingKind::LogRoot, "log_head", 1, "root".to_owned()),
            LogFault::MissingLeaf { position } => (
                FindingKind::LogLeafMissing,
                "log_positions",
                1,
                position.to_string(),
            ),
            LogFault::ChangedLeaf { position } => (
                FindingKind::LogLeafChanged,
                "audit_events",
                1,
                position.to_string(),
            ),
            LogFault::Tile { level, index } => {
                (FindingKind::LogTile, "log_tiles", 1, format!("{level}/{index}"))
            }
            LogFault::Positions { count } => (
                FindingKind::LogPositions,
                "log_positions",
                *count,
                "positions".to_owned(),
            ),
            LogFault::Unplaced { count } => (
                FindingKind::LogUnplaced,
                "audit_events",
                *count,
                "events".to_owned(),
            ),
            LogFault::Gap { node, count } => (FindingKind::LogGap, "audit_events", *count, node.clone()),
            _ => continue,
        };
        findings.found_many(kind, None, table, count, [row]);
    }
    let untold = log.fault_count.saturating_sub(log.faults.len() as u64);
    if untold > 0 {
        findings.not_checked(
            None,
            "log",
            &format!("{untold} more faults of the log were counted and not told apart"),
            false,
        );
    }
    if let Some(drawn) = log.sampled {
        let why = format!("of its leaves {drawn} were drawn and computed again, not all");
        findings.not_checked(None, "log", &why, true);
    } else if !log.is_recomputed {
        findings.not_checked(None, "log", "its leaves were not computed again", true);
    }
}
