//! The policy in force, and what another one would have done with recent decisions.

use askama::Template;

use crate::Frame;
use crate::plot::Bar;

/// The policy in force, and a dry run of another one.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "policy.html")]
pub struct PolicyPage {
    /// What stands round it.
    pub frame: Frame,
    /// Its version.
    pub version: String,
    /// What it says in general: name and value.
    pub facts: Vec<(&'static str, String)>,
    /// What is done with kinds that it names: kind and action.
    pub kinds: Vec<(String, &'static str)>,
    /// Whether recent decisions may be used for a dry run.
    pub may_run: bool,
    /// The policy that was typed.
    pub typed: String,
    /// What is wrong with it; empty if nothing is.
    pub fault: String,
    /// What it would have done.
    pub run: Option<DryRun>,
}

/// What another policy would have done with recent decisions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRun {
    /// Its version.
    pub version: String,
    /// Since when decisions were looked at, in UTC.
    pub since: String,
    /// How many were looked at.
    pub looked_at: u64,
    /// Those for which it decides the same.
    pub same: u64,
    /// Those of which it cannot be told.
    pub unknown: u64,
    /// Why, by the reason for which they were refused.
    pub reasons: Vec<Unknown>,
    /// Whether there were more than were looked at.
    pub is_cut: bool,
    /// What becomes another outcome.
    pub changes: Vec<Change>,
    /// Kinds whose action is another, with both: those that it looks for in addition cannot be counted.
    pub kinds: Vec<KindChange>,
    /// Whom other outcomes hit: titles, and rows with bars.
    pub hit: Vec<(&'static str, Vec<Bar>)>,
}

/// Refusals of which it cannot be told what would become of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The reason in the log.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// Why it cannot be told.
    pub why: &'static str,
}

/// Decisions whose outcome is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What was done.
    pub from: &'static str,
    /// What would be done.
    pub to: &'static str,
    /// How many.
    pub count: u64,
    /// Because of which kinds.
    pub kinds: String,
}

/// A kind whose action is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindChange {
    /// The kind.
    pub kind: String,
    /// Its action now.
    pub from: &'static str,
    /// Its action then.
    pub to: &'static str,
    /// Values of it in the decisions that were looked at.
    pub values: u64,
}

impl PolicyPage {
    fn said(number: &u64) -> String {
        crate::amount(*number)
    }
}
