//! The vault in numbers: requests of subjects, what consent is asked for, how long data is kept. No record of anybody.

use askama::Template;

use crate::Frame;

/// Requests, purposes and retention of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "vault.html")]
pub struct VaultPage {
    /// What stands round it.
    pub frame: Frame,
    /// Requests that are not closed, the oldest first.
    pub requests: Vec<RequestRow>,
    /// Whether there are more.
    pub has_more: bool,
    /// What data is used for.
    pub purposes: Vec<PurposeRow>,
    /// What is kept, and what too long; none if who looks may not see it.
    pub kept: Option<Kept>,
}

/// A request of a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Its id.
    pub id: String,
    /// Which right.
    pub kind: &'static str,
    /// The article of the GDPR.
    pub article: u8,
    /// Where it stands.
    pub status: &'static str,
    /// When it was received, in UTC.
    pub received_at: String,
    /// Until when it is to be done, in UTC.
    pub due_at: String,
    /// Whether that is over.
    pub is_overdue: bool,
    /// What it waits for; empty if for nothing but being carried out.
    pub waits_for: &'static str,
}

/// What data is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurposeRow {
    /// Its name.
    pub name: String,
    /// For people.
    pub title: String,
    /// On what it rests.
    pub basis: String,
    /// Categories of data.
    pub categories: String,
    /// Its version.
    pub version: u64,
}

/// What is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// By table and policy.
    pub rows: Vec<KeptRow>,
    /// Items past their time and the grace, and not held.
    pub overdue: u64,
    /// All items.
    pub items: u64,
}

/// What is kept of one table under one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRow {
    /// The table.
    pub target: String,
    /// Its category.
    pub category: String,
    /// The policy; empty if none.
    pub policy: String,
    /// Items.
    pub items: u64,
    /// Overdue ones.
    pub overdue: u64,
    /// Those past their time that a legal hold keeps.
    pub held: u64,
}

impl VaultPage {
    fn said(number: &u64) -> String {
        crate::amount(*number)
    }
}
