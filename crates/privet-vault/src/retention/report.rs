//! What is kept, and what is kept too long.

use jiff::Timestamp;
use privet_store::{Scope, Tx, Value, log_position, values};
use privet_types::{ClassShare, LogPosition, Measurement, TenantId};
use serde::Serialize;

use super::policy::RetentionPolicy;
use super::target::{RetentionTarget, Share};
use super::{Retention, policies};
use crate::Error;

/// Rows that end by themselves may be there so much longer, in milliseconds: a day.
const GRACE_MS: i64 = 86_400_000;

/// What is kept of a tenant's data, and what too long.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetentionReport {
    /// By target and policy.
    pub rows: Vec<RetentionRow>,
    /// Retention compliance: (items with a policy − overdue beyond grace) ÷ all items, by target.
    pub compliance: Measurement,
}

/// What is kept of one target under one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetentionRow {
    /// The target.
    pub target: &'static str,
    /// Its category of data.
    pub category: &'static str,
    /// The policy; `None` for items that no policy is for, unless they end by themselves.
    pub policy: Option<String>,
    /// Whether the items have a policy or an end of their own.
    pub has_policy: bool,
    /// How many items there are.
    pub items: u64,
    /// How many are past their time and the grace, and not held.
    pub overdue: u64,
    /// How many are past their time and the grace, and held.
    pub held: u64,
    /// The time of the oldest overdue one: a time or partition, as in the target's column.
    pub oldest: Option<i64>,
}

impl Retention {
    /// Counts what is kept of `tenant`'s data at `now`, and measures retention compliance.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer.
    pub async fn report(&self, tenant: &TenantId, now: Timestamp) -> Result<RetentionReport, Error> {
        let (owner, targets) = (tenant.clone(), self.targets.clone());
        let (at, now) = (now, now.as_millisecond());
        self.database
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move {
                    let policies = policies(tx, owner.as_str()).await?;
                    let mut rows = Vec::new();
                    for target in targets.iter() {
                        let all = count_all(tx, target, owner.as_str()).await?;
                        let mut counted = 0;
                        for share in target.shares(&policies, 5) {
                            let row = count(tx, target, owner.as_str(), share, now).await?;
                            counted += row.items;
                            rows.push(row);
                        }
                        let rest = all.saturating_sub(counted);
                        if rest > 0 {
                            rows.push(RetentionRow {
                                target: target.name,
                                category: target.category,
                                policy: None,
                                has_policy: false,
                                items: rest,
                                overdue: 0,
                                held: 0,
                                oldest: None,
                            });
                        }
                    }
                    let compliance = measure(&rows, at, log_position(tx).await?);
                    Ok(RetentionReport { rows, compliance })
                })
            })
            .await
    }
}

async fn count_all(tx: &mut Tx, target: &RetentionTarget, owner: &str) -> Result<u64, Error> {
    let RetentionTarget { table, tenant, .. } = target;
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE {tenant} = $1");
    let all: i64 = tx.one(sql, values![owner]).await?;
    Ok(all.unsigned_abs())
}

async fn count(
    tx: &mut Tx,
    target: &RetentionTarget,
    owner: &str,
    share: Share<'_>,
    now: i64,
) -> Result<RetentionRow, Error> {
    let RetentionTarget { table, tenant, .. } = target;
    let column = target.time.column();
    let overdue = share
        .policy
        .map_or(now.saturating_sub(GRACE_MS), |policy| policy.overdue(now));
    let bind = |share: &Share<'_>| -> Vec<Value> {
        let fixed = values![owner, now, target.category, target.time.bound(overdue)];
        fixed.into_iter().chain(share.values.iter().cloned()).collect()
    };
    // Every value is named in every statement: PostgreSQL wants to know the type of each.
    let from = format!("FROM {table} t WHERE t.{tenant} = $1{}", share.condition);
    let sql = format!(
        "SELECT COUNT(*), COALESCE(SUM(CASE WHEN t.{column} < $4 AND NOT {held} THEN 1 ELSE 0 END), 0), \
         COALESCE(SUM(CASE WHEN t.{column} < $4 AND {held} THEN 1 ELSE 0 END), 0), \
         MIN(CASE WHEN t.{column} < $4 AND NOT {held} THEN t.{column} END) {from}",
        held = target.held(),
    );
    let (items, late, held, oldest): (i64, i64, i64, Option<i64>) = tx.one(sql, bind(&share)).await?;
    Ok(RetentionRow {
        target: target.name,
        category: target.category,
        policy: share.policy.map(|policy: &RetentionPolicy| policy.name.clone()),
        has_policy: true,
        items: items.unsigned_abs(),
        overdue: late.unsigned_abs(),
        held: held.unsigned_abs(),
        oldest,
    })
}

fn measure(rows: &[RetentionRow], at: Timestamp, log_position: LogPosition) -> Measurement {
    let mut classes: Vec<ClassShare> = Vec::new();
    for row in rows {
        let good = if row.has_policy {
            row.items - row.overdue
        } else {
            0
        };
        match classes.iter_mut().find(|class| class.class == row.target) {
            Some(class) => {
                class.numerator += good;
                class.denominator += row.items;
            }
            None => classes.push(ClassShare {
                class: row.target.to_owned(),
                numerator: good,
                denominator: row.items,
            }),
        }
    }
    classes.retain(|class| class.denominator > 0);
    classes.sort_by(|a, b| a.class.cmp(&b.class));
    let whole = ClassShare {
        class: String::new(),
        numerator: classes.iter().map(|class| class.numerator).sum(),
        denominator: classes.iter().map(|class| class.denominator).sum(),
    };
    Measurement {
        metric: "retention_compliance".to_owned(),
        value: whole.share(),
        unit: "share".to_owned(),
        interval: None,
        numerator: Some(whole.numerator),
        denominator: Some(whole.denominator),
        formula: "(items with a policy - overdue beyond grace) / all items".to_owned(),
        source: String::new(),
        method: "all items of all registered tables counted; held ones are not overdue".to_owned(),
        sample_size: whole.denominator,
        population: whole.denominator,
        at,
        log_position,
        classes,
        parts: Vec::new(),
        excluded: Vec::new(),
        reason: None,
    }
}
