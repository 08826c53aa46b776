//! What others have used of their limits: the tenant, people, groups, keys.

use askama::Template;

use crate::Frame;
use crate::budgets::{Gauge, LimitCard};

/// What others have used of their limits.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "usage.html")]
pub struct UsagePage {
    /// What stands round it.
    pub frame: Frame,
    /// Whether nodes share the counts.
    pub is_shared: bool,
    /// What can be looked at: as the address has it, and in words.
    pub views: Vec<(&'static str, &'static str)>,
    /// Which of them is looked at.
    pub view: &'static str,
    /// The one person or service account that is looked at; empty for all.
    pub name: String,
    /// Limits in whole: of the tenant, or of that one.
    pub limits: Vec<LimitCard>,
    /// Who used how much of what, with bars.
    pub tables: Vec<UsageTable>,
    /// Where the next ones are; none if these are the last.
    pub next: Option<String>,
    /// Whether not all in the groups could be counted.
    pub is_cut: bool,
    /// Whether names are shown, or pseudonyms.
    pub shows_names: bool,
}

/// Who used how much of one bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageTable {
    /// The limit and what it bounds.
    pub title: String,
    /// For whom it is, and when.
    pub of: String,
    /// Who, the fullest first.
    pub rows: Vec<UsageRow>,
    /// How many there are beyond those.
    pub more: usize,
}

/// One that used something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// Who.
    pub label: String,
    /// Where more of that one stands; empty if nowhere.
    pub link: String,
    /// How much, of how much.
    pub gauge: Gauge,
}

impl UsagePage {
    /// What stands over the names.
    fn who(&self) -> &'static str {
        match self.view {
            "groups" => "Group",
            "keys" => "Key",
            _ => "Who",
        }
    }

    /// Groups have no limit: their bars are as long as the share of the highest.
    fn has_limits(&self) -> bool {
        self.view != "groups"
    }
}
