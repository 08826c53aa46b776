//! What retention is about: tables that other rooms register.

use privet_store::Value;

use super::policy::{Policies, RetentionPolicy};

/// A table whose rows are swept. All names are constants of the code: they go into statements as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionTarget {
    /// What it holds, for reports: `sessions`.
    pub name: &'static str,
    /// The table.
    pub table: &'static str,
    /// The columns that, with the tenant's, name a row.
    pub key: &'static [&'static str],
    /// The column with the tenant.
    pub tenant: &'static str,
    /// By which column a row's time is known. It should be the second of an index that begins with the tenant.
    pub time: TargetTime,
    /// The category of data.
    pub category: &'static str,
    /// The surface, if the rows belong to one.
    pub surface: TargetSurface,
    /// The column with the purpose, if there is one.
    pub purpose: Option<&'static str>,
    /// The column with the subject's id, if there is one. Without it a hold on one subject does not find their rows.
    pub subject: Option<&'static str>,
}

/// How a row's age is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetTime {
    /// A column says when the row came to be, in milliseconds since the epoch.
    Since(&'static str),
    /// A column says in which partition the row is: its time divided by `width_ms`. A partition goes when all of it is past
    /// the cut-off.
    Partition {
        /// The column.
        column: &'static str,
        /// How many milliseconds a partition is wide.
        width_ms: i64,
    },
    /// A column says when the row ends, in milliseconds since the epoch; policies do not apply. `NULL` is never.
    Until(&'static str),
}

/// Which surface rows belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSurface {
    /// None.
    None,
    /// This one.
    Fixed(&'static str),
    /// The one that a column names.
    Column(&'static str),
}

impl TargetTime {
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Since(column) | Self::Until(column) | Self::Partition { column, .. } => column,
        }
    }

    /// What the column must be below for a row to be past `cutoff`, milliseconds since the epoch.
    pub(super) fn bound(self, cutoff: i64) -> i64 {
        match self {
            Self::Since(_) => cutoff,
            Self::Partition { width_ms, .. } => cutoff.div_euclid(width_ms.max(1)),
            // A row is over at its end, not behind it.
            Self::Until(_) => cutoff.saturating_add(1),
        }
    }
}

/// The store's own tables: sessions, shared records and tokens of both kinds, which end by themselves, and processing events, which a
/// policy for the category `processing` ends.
pub const STORE_TARGETS: &[RetentionTarget] = &[
    ending("sessions", "subject_sessions", &["id"], "session"),
    ending("shares", "subject_shares", &["id"], "share"),
    ending("tokens", "vault_tokens", &["token"], "token"),
    ending("own_tokens", "own_tokens", &["id"], "own_token"),
    RetentionTarget {
        name: "processing",
        table: "processing_events",
        key: &["id"],
        tenant: "tenant",
        time: TargetTime::Since("at"),
        category: "processing",
        surface: TargetSurface::Column("surface"),
        purpose: Some("purpose"),
        // It has a pseudonym, which a hold does not name.
        subject: None,
    },
];

const fn ending(
    name: &'static str,
    table: &'static str,
    key: &'static [&'static str],
    category: &'static str,
) -> RetentionTarget {
    RetentionTarget {
        name,
        table,
        key,
        tenant: "tenant",
        time: TargetTime::Until("expires_at"),
        category,
        surface: TargetSurface::None,
        purpose: None,
        subject: Some("subject"),
    }
}

/// Rows of a target that one policy is for, as conditions with values from `$next` on.
#[derive(Debug, Clone)]
pub(super) struct Share<'p> {
    /// `None` where rows end by themselves.
    pub(super) policy: Option<&'p RetentionPolicy>,
    pub(super) condition: String,
    pub(super) values: Vec<Value>,
}

impl RetentionTarget {
    /// The rows of each policy that applies. A row belongs to the strongest one. `next`: the first free `$` number.
    pub(super) fn shares<'p>(&self, policies: &'p Policies, next: usize) -> Vec<Share<'p>> {
        if matches!(self.time, TargetTime::Until(_)) {
            return vec![Share {
                policy: None,
                condition: String::new(),
                values: Vec::new(),
            }];
        }
        let mut shares = Vec::new();
        let mut stronger: Vec<Vec<(&'static str, &str)>> = Vec::new();
        for policy in policies.iter() {
            let Some(own) = self.columns_of(policy) else {
                continue;
            };
            let mut share = Share {
                policy: Some(policy),
                condition: String::new(),
                values: Vec::new(),
            };
            let mut number = next;
            let mut equals = |share: &mut Share<'_>, (column, name): &(&str, &str)| {
                share.values.push(Value::from(*name));
                let term = format!("COALESCE({column}, '') = ${number}");
                number += 1;
                term
            };
            for pair in &own {
                let term = equals(&mut share, pair);
                share.condition.push_str(&format!(" AND {term}"));
            }
            for other in &stronger {
                let terms: Vec<_> = other.iter().map(|pair| equals(&mut share, pair)).collect();
                share
                    .condition
                    .push_str(&format!(" AND NOT ({})", terms.join(" AND ")));
            }
            let is_all = own.is_empty();
            shares.push(share);
            // What is behind a policy for all rows has none left.
            if is_all {
                break;
            }
            stronger.push(own);
        }
        shares
    }

    /// What a row's columns must be for `policy` to fit; `None` if it never does.
    fn columns_of<'p>(&self, policy: &'p RetentionPolicy) -> Option<Vec<(&'static str, &'p str)>> {
        let mut columns = Vec::new();
        if policy
            .category
            .as_deref()
            .is_some_and(|wanted| wanted != self.category)
        {
            return None;
        }
        if let Some(wanted) = policy.surface.as_deref() {
            match self.surface {
                TargetSurface::Column(column) => columns.push((column, wanted)),
                TargetSurface::Fixed(surface) if surface == wanted => {}
                TargetSurface::Fixed(_) | TargetSurface::None => return None,
            }
        }
        if let Some(wanted) = policy.purpose.as_deref() {
            columns.push((self.purpose?, wanted));
        }
        Some(columns)
    }

    /// The condition that a row of the table `t` is held: `$1` the tenant, `$2` the time, `$3` the category.
    pub(super) fn held(&self) -> String {
        let subject = match self.subject {
            Some(column) => format!("(h.subject IS NULL OR h.subject = t.{column})"),
            None => "h.subject IS NULL".to_owned(),
        };
        format!(
            "EXISTS (SELECT 1 FROM active_holds h WHERE h.tenant = $1 AND (h.until IS NULL OR h.until > $2) \
             AND (h.category IS NULL OR h.category = $3) AND {subject})"
        )
    }
}
