//! What the check found, without a personal value: ids, names of tables, numbers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use privet_types::{LogPosition, TenantId};
use serde::Serialize;

/// Rows of a finding that are told one by one.
const MOST_TOLD: usize = 10;
/// Rows of a finding that are remembered, to be held against a second look.
const MOST_HELD: usize = 10_000;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something is left over, or behind: nothing is lost and nobody sees what they may not.
    Leftover,
    /// Something was changed, is missing, or should not be there.
    Damage,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal, $severity:ident;)+) => {
        /// What was found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum FindingKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl FindingKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Its name in reports.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            /// What it is, in a sentence.
            #[must_use]
            pub const fn says(self) -> &'static str {
                match self { $(Self::$kind => concat!($($doc),+),)+ }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$kind => Severity::$severity,)+ }
            }
        }
    };
}

kinds! {
    /// A key in the keyring does not unwrap under the key above it.
    KeyUnreadable = "key_unreadable", Damage;
    /// A row is sealed under a key that the keyring does not have, though its subject was not erased.
    KeyMissing = "key_missing", Damage;
    /// A key of an erased subject still lives.
    KeyOfErased = "key_of_erased", Damage;
    /// A key is of no use to any row: a creation that was broken off left it.
    KeyUnused = "key_unused", Leftover;
    /// The row of a subject is not what was written.
    SubjectChanged = "subject_changed", Damage;
    /// A version of a record that should be kept is not there.
    VersionMissing = "version_missing", Damage;
    /// What is sealed does not open where it stands: it was changed, cut, or belongs elsewhere.
    SealDamaged = "seal_damaged", Damage;
    /// A row belongs to a subject that is not there.
    RowWithoutSubject = "row_without_subject", Damage;
    /// A row belongs to a subject that was erased.
    RowOfErased = "row_of_erased", Damage;
    /// A value of a record is not in its index.
    IndexMissing = "index_missing", Damage;
    /// An entry of an index leads to a record that does not have the value.
    IndexWrong = "index_wrong", Damage;
    /// An entry of an index is of a field or version that is no longer configured.
    IndexOutdated = "index_outdated", Leftover;
    /// The entries of a record cannot be computed: a value has not the form its index asks for.
    IndexNotComputable = "index_not_computable", Leftover;
    /// An edge of the lineage names a kind or reach that is not known.
    EdgeUnreadable = "edge_unreadable", Damage;
    /// The far end of an edge is gone: its connector finds fewer things than are registered.
    EdgeFarEndMissing = "edge_far_end_missing", Damage;
    /// The receipt of an erasure is missing, was not signed by the tenant's key, or says something else than its row.
    ErasureReceipt = "erasure_receipt", Damage;
    /// An erasure was begun more than a day ago and is not finished.
    ErasureUnfinished = "erasure_unfinished", Leftover;
    /// An entry of the list of erased persons belongs to no erasure.
    ErasedEntryUnfounded = "erased_entry_unfounded", Damage;
    /// A subject has an identifier of an erased person and is older than the erasure: a restored backup brought them back.
    ErasedPersonIsBack = "erased_person_is_back", Leftover;
    /// A version of a definition is not what was written.
    DefinitionChanged = "definition_changed", Damage;
    /// A version of a definition is missing between others.
    DefinitionMissing = "definition_missing", Damage;
    /// An event of the history of consent contradicts itself.
    ConsentEventChanged = "consent_event_changed", Damage;
    /// A hold is in force and not in the history, or in the history and not in force.
    HoldInconsistent = "hold_inconsistent", Damage;
    /// The row of a subject request is not what was written, or its receipt does not hold.
    RequestChanged = "request_changed", Damage;
    /// A row has no leaf in the audit log that tells of it.
    LeafMissing = "leaf_missing", Damage;
    /// The audit log tells of a row that is not there, or is another one now.
    RowMissing = "row_missing", Damage;
    /// A row is there though the audit log tells of its end: somebody put it back.
    RowCameBack = "row_came_back", Damage;
    /// The name by which the audit log would tell of a row's end is not its own.
    RowRenamed = "row_renamed", Damage;
    /// The head of the log is not signed with the installation's key, or says something else than its row.
    LogHead = "log_head", Damage;
    /// The tree of the leaves has another root than the head signs.
    LogRoot = "log_root", Damage;
    /// A position of the log has no leaf.
    LogLeafMissing = "log_leaf_missing", Damage;
    /// A leaf is not what was signed.
    LogLeafChanged = "log_leaf_changed", Damage;
    /// A tile of the log is missing or holds other hashes than its tree has.
    LogTile = "log_tile", Damage;
    /// Positions stand behind the head of the log, or a leaf stands twice.
    LogPositions = "log_positions", Damage;
    /// Stored events were passed over by the sequencer.
    LogUnplaced = "log_unplaced", Damage;
    /// Numbers of a node are missing from the log.
    LogGap = "log_gap", Damage;
}

/// Rows of one table with which the same is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// How bad that is.
    pub severity: Severity,
    /// Whose; absent for the log, which is the installation's.
    pub tenant: Option<String>,
    /// The table.
    pub table: String,
    /// How many rows.
    pub count: u64,
    /// Some of them, by id; 10 at most.
    pub rows: Vec<String>,
}

/// Something that could not be checked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotChecked {
    /// Whose; absent for the log.
    pub tenant: Option<String>,
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
    /// Whether something is missing that is needed to say that all is well. What nobody here can look at is not.
    pub is_needed: bool,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// All of it holds.
    Whole,
    /// Things are left over.
    Leftovers,
    /// Something is damaged.
    Damaged,
    /// Nothing is damaged as far as could be looked at, and that was not all.
    Incomplete,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// How it ended.
    pub outcome: CheckOutcome,
    /// When it was begun, UTC.
    pub at: Timestamp,
    /// The head of the log it was held against.
    pub log_position: LogPosition,
    /// Rows that were looked at, by table.
    pub checked: BTreeMap<String, u64>,
    /// What was found, by kind, tenant and table.
    pub findings: Vec<Finding>,
    /// What could not be checked.
    pub not_checked: Vec<NotChecked>,
}

/// Findings on their way to a report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    found: BTreeMap<(FindingKind, Option<String>, String), Rows>,
    checked: BTreeMap<String, u64>,
    not_checked: BTreeSet<NotChecked>,
}

#[derive(Debug, Clone, Default)]
struct Rows {
    count: u64,
    rows: BTreeSet<String>,
}

impl Findings {
    pub(crate) fn found(&mut self, kind: FindingKind, tenant: &TenantId, table: &str, row: &str) {
        self.found_many(kind, Some(tenant), table, 1, [row.to_owned()]);
    }

    pub(crate) fn found_many(
        &mut self,
        kind: FindingKind,
        tenant: Option<&TenantId>,
        table: &str,
        count: u64,
        rows: impl IntoIterator<Item = String>,
    ) {
        let tenant = tenant.map(|tenant| tenant.as_str().to_owned());
        let known = self.found.entry((kind, tenant, table.to_owned())).or_default();
        known.count += count;
        for row in rows {
            if known.rows.len() < MOST_HELD {
                known.rows.insert(row);
            }
        }
    }

    pub(crate) fn looked_at(&mut self, table: &str, rows: usize) {
        *self.checked.entry(table.to_owned()).or_default() += rows as u64;
    }

    pub(crate) fn not_checked(&mut self, tenant: Option<&TenantId>, what: &str, why: &str, is_needed: bool) {
        self.not_checked.insert(NotChecked {
            tenant: tenant.map(|tenant| tenant.as_str().to_owned()),
            what: what.to_owned(),
            why: why.to_owned(),
            is_needed,
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What both looks found. While others write, a row may stand without its index for a moment: what is really wrong is
    /// wrong the second time, too.
    pub(crate) fn and(mut self, second: &Self) -> Self {
        self.found = self
            .found
            .into_iter()
            .filter_map(|(place, mut rows)| {
                let again = second.found.get(&place)?;
                // Of a look that named all of its rows, those that the other named, too, are all there are.
                let is_whole = |rows: &Rows| rows.rows.len() as u64 == rows.count;
                let was_told_whole = is_whole(&rows) || is_whole(again);
                rows.rows.retain(|row| again.rows.contains(row));
                rows.count = if was_told_whole {
                    rows.rows.len() as u64
                } else {
                    rows.count.min(again.count)
                };
                (rows.count > 0).then_some((place, rows))
            })
            .collect();
        self
    }

    pub(crate) fn add(&mut self, other: Self) {
        for ((kind, tenant, table), rows) in other.found {
            let known = self.found.entry((kind, tenant, table)).or_default();
            known.count += rows.count;
            known.rows.extend(rows.rows);
        }
        for (table, rows) in other.checked {
            *self.checked.entry(table).or_default() += rows;
        }
        self.not_checked.extend(other.not_checked);
    }

    pub(crate) fn into_report(self, at: Timestamp, log_position: LogPosition) -> CheckReport {
        let findings: Vec<Finding> = self
            .found
            .into_iter()
            .map(|((kind, tenant, table), rows)| Finding {
                kind,
                severity: kind.severity(),
                tenant,
                table,
                count: rows.count,
                rows: rows.rows.into_iter().take(MOST_TOLD).collect(),
            })
            .collect();
        let worst = findings.iter().map(|finding| finding.severity).max();
        let is_incomplete = self.not_checked.iter().any(|one| one.is_needed);
        let outcome = match worst {
            Some(Severity::Damage) => CheckOutcome::Damaged,
            _ if is_incomplete => CheckOutcome::Incomplete,
            Some(Severity::Leftover) => CheckOutcome::Leftovers,
            None => CheckOutcome::Whole,
        };
        CheckReport {
            outcome,
            at,
            log_position,
            checked: self.checked,
            findings,
            not_checked: self.not_checked.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_the_same_in_json_as_in_text() {
        for kind in FindingKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name(), "{kind:?}");
            assert!(kind.says().trim().ends_with('.'), "{kind:?}");
        }
    }

    #[test]
    fn what_was_found_once_only_is_not_told() {
        let tenant: TenantId = "acme".parse().unwrap();
        let (mut first, mut second) = (Findings::default(), Findings::default());
        for row in ["a", "b"] {
            first.found(FindingKind::LeafMissing, &tenant, "t", row);
        }
        for row in ["b", "c"] {
            second.found(FindingKind::LeafMissing, &tenant, "t", row);
        }
        first.found(FindingKind::KeyUnused, &tenant, "t", "d");
        let report = first
            .and(&second)
            .into_report(Timestamp::UNIX_EPOCH, LogPosition::default());
        assert_eq!(report.findings.len(), 1, "{report:?}");
        assert_eq!(
            (report.findings[0].count, report.findings[0].rows.as_slice()),
            (1, &["b".to_owned()][..])
        );
    }
}
