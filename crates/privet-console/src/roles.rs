//! What each role may do, and what is used of what was granted.

use askama::Template;

use crate::{Frame, amount};

/// Roles against privileges.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "roles.html")]
pub struct RolesPage {
    /// What stands round it.
    pub frame: Frame,
    /// The roles: columns.
    pub roles: Vec<RoleColumn>,
    /// The privileges: rows.
    pub rows: Vec<PrivilegeRow>,
}

/// One role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleColumn {
    /// Its name.
    pub name: String,
    /// How many people, service accounts and groups it was granted to.
    pub holders: usize,
    /// Whether who looks may grant it.
    pub may_grant: bool,
}

/// One privilege.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivilegeRow {
    /// Its name.
    pub name: &'static str,
    /// What each role may, in the order of the columns.
    pub may: Vec<May>,
}

/// Who of a role may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Nobody.
    Nobody,
    /// People and service accounts.
    All,
    /// People alone.
    People,
    /// Service accounts alone.
    Services,
}

/// What was granted against what is used.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "review.html")]
pub struct ReviewPage {
    /// What stands round it.
    pub frame: Frame,
    /// The privileges of a page of people and service accounts.
    pub rows: Vec<ReviewRow>,
    /// Whether only what was never used is shown.
    pub only_unused: bool,
    /// Where the next page is; none if this is the last one.
    pub next: Option<String>,
}

/// One privilege of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewRow {
    /// Who.
    pub name: String,
    /// Where that person or service account is shown.
    pub path: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// What it may do.
    pub action: String,
    /// Whether it has a good key for that.
    pub has_key: bool,
    /// How often it did.
    pub uses: u64,
    /// When for the last time; empty for never.
    pub last_used_at: String,
}

impl May {
    /// In words.
    const fn said(self) -> &'static str {
        match self {
            Self::Nobody => "no",
            Self::All => "yes",
            Self::People => "people",
            Self::Services => "services",
        }
    }
}

impl ReviewPage {
    fn said(number: &u64) -> String {
        amount(*number)
    }
}
