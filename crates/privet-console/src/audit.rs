//! Searching the audit log, and one entry of it with the proof that it is in the log.

use askama::Template;

use crate::Frame;

/// Entries of the log that fit, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    /// What stands round it.
    pub frame: Frame,
    /// What was searched for.
    pub search: Search,
    /// The kinds that were seen, to choose from.
    pub kinds: Vec<String>,
    /// Whether names can be searched for.
    pub knows_names: bool,
    /// What fits.
    pub rows: Vec<AuditRow>,
    /// How many entries were looked through.
    pub looked_through: String,
    /// When the oldest of them happened, in UTC; empty if there was none.
    pub oldest: String,
    /// Where the search goes on, further back; none if that was all.
    pub next: Option<String>,
    /// Whether it is the part of a search that was begun before.
    pub is_further: bool,
}

/// What is searched for. Empty texts ask for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// An id of a request or an object, a pseudonym, or a name.
    pub text: String,
    /// What kind of entry.
    pub kind: String,
    /// Who did it or is meant: a pseudonym, or a name.
    pub who: String,
    /// From when on, as it was typed.
    pub from: String,
    /// Until when, as it was typed.
    pub to: String,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// When, in UTC.
    pub at: String,
    /// What kind.
    pub kind: String,
    /// What it tells, in a line.
    pub text: String,
    /// Its position in the log; none if it was not given one yet.
    pub position: Option<u64>,
}

/// One entry with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "audit_entry.html")]
pub struct AuditEntryPage {
    /// What stands round it.
    pub frame: Frame,
    /// Its position.
    pub position: u64,
    /// When, in UTC.
    pub at: String,
    /// What kind.
    pub kind: String,
    /// Who numbered it, and its number there.
    pub source: String,
    /// The leaf, as JSON that is read.
    pub leaf: String,
    /// The proof.
    pub proof: ProofShown,
}

/// A proof of a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofShown {
    /// The log was not signed that far yet.
    NotYet,
    /// It was checked.
    Checked {
        /// Whether it holds.
        holds: bool,
        /// The leaf's hash.
        leaf_hash: String,
        /// The hashes beside its path, from below.
        path: Vec<String>,
        /// The signed checkpoint.
        checkpoint: String,
        /// Leaves that it covers.
        size: String,
        /// The key it was checked with.
        key: String,
        /// The whole proof as a file (C2SP tlog-proof).
        file: String,
    },
}
