//! Taking away what is past its time: by an index, in small batches, without reading a row.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use privet_store::{Leaf, Scope, Value, append_leaf, values};
use privet_types::{Budget, TenantId};
use serde::Serialize;

use super::target::{RetentionTarget, TargetTime};
use super::{Retention, policies};
use crate::Error;
use crate::audit::Complete;
use crate::followed::{self, RowName};

/// Most rows that one transaction takes: some milliseconds, so that writers do not wait.
const BATCH: u64 = 512;

/// What a sweep did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// What was taken, by tenant, target and policy; nothing is listed where nothing was.
    pub swept: Vec<SweptRows>,
    /// Whether everything was looked at; if not, the budget ended it, and the next sweep goes on.
    pub is_complete: bool,
}

/// What was taken of one target by one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SweptRows {
    /// Whose.
    pub tenant: String,
    /// From which target.
    pub target: &'static str,
    /// By which policy; `None` where rows end by themselves.
    pub policy: Option<String>,
    /// How many rows.
    pub rows: u64,
}

#[derive(Debug, Serialize)]
struct SweepLeaf<'a> {
    target: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
    rows: u64,
    before: i64,
    /// Rows that are no more, as the log called them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ended: Vec<String>,
}

/// One policy's rows of one target, as a statement that takes some of them.
#[derive(Clone)]
struct Work {
    target: RetentionTarget,
    policy: Option<String>,
    condition: String,
    values: Vec<Value>,
    cutoff: i64,
}

impl SweepReport {
    /// How many rows were taken in all.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.swept.iter().map(|one| one.rows).sum()
    }
}

impl Retention {
    /// Takes away what is past its time at `now`, of all tenants. A unit of `budget` is a row or a statement. Each batch is
    /// told to the log in its transaction, by count.
    ///
    /// # Errors
    /// [`Error::Store`] if the store does not answer; what was taken before stays taken, and is in the log.
    pub async fn sweep(&self, now: Timestamp, budget: &Budget) -> Result<SweepReport, Error> {
        let mut report = SweepReport {
            swept: Vec::new(),
            is_complete: true,
        };
        let mut tenants = std::collections::BTreeSet::new();
        for target in self.targets.iter() {
            tenants.extend(self.tenants_of(*target).await?);
        }
        for tenant in tenants {
            self.sweep_into(&mut report, &tenant, now, budget).await?;
        }
        Ok(report)
    }

    /// As [`sweep`](Self::sweep), of one tenant.
    ///
    /// # Errors
    /// As [`sweep`](Self::sweep).
    pub async fn sweep_tenant(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<SweepReport, Error> {
        let mut report = SweepReport {
            swept: Vec::new(),
            is_complete: true,
        };
        self.sweep_into(&mut report, tenant, now, budget).await?;
        Ok(report)
    }

    async fn sweep_into(
        &self,
        report: &mut SweepReport,
        tenant: &TenantId,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<(), Error> {
        if budget.charge(1).is_err() {
            report.is_complete = false;
            return Ok(());
        }
        let owner = tenant.clone();
        let policies = self
            .database
            .read(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { policies(tx, owner.as_str()).await })
            })
            .await?;
        for target in self.targets.iter() {
            for share in target.shares(&policies, 5) {
                let cutoff = share
                    .policy
                    .map_or(now.as_millisecond(), |policy| policy.cutoff(now.as_millisecond()));
                let work = Work {
                    target: *target,
                    policy: share.policy.map(|policy| policy.name.clone()),
                    condition: share.condition,
                    values: share.values,
                    cutoff,
                };
                let (rows, is_done) = self.run(tenant, &work, now, budget).await?;
                report.is_complete &= is_done;
                if rows > 0 {
                    report.swept.push(SweptRows {
                        tenant: tenant.as_str().to_owned(),
                        target: target.name,
                        policy: work.policy,
                        rows,
                    });
                }
            }
        }
        Ok(())
    }

    /// Batch by batch, until nothing is left or the budget is spent. Returns how many rows went, and whether all did.
    async fn run(
        &self,
        tenant: &TenantId,
        work: &Work,
        now: Timestamp,
        budget: &Budget,
    ) -> Result<(u64, bool), Error> {
        let mut rows = 0;
        loop {
            // One unit is for the statement.
            let most = budget.left().saturating_sub(1).min(BATCH);
            if most == 0 || budget.charge(1).is_err() {
                return Ok((rows, false));
            }
            let (owner, batch) = (tenant.clone(), work.clone());
            let gone = self
                .database
                .write(&Scope::Tenant(tenant.clone()), move |tx| {
                    Box::pin(async move {
                        let mut values = values![
                            owner.as_str(),
                            now.as_millisecond(),
                            batch.target.category,
                            batch.target.time.bound(batch.cutoff)
                        ];
                        values.extend(batch.values.iter().cloned());
                        let mut ended = Vec::new();
                        let gone = if followed::TABLES.contains(&batch.target.table) {
                            let sql = format!("{} RETURNING name_in_log", batch.statement(most));
                            let rows: Vec<Option<RowName>> = tx.rows(sql, values).await?;
                            ended.extend(rows.iter().flatten().map(|name| HEXLOWER.encode(name)));
                            rows.len() as u64
                        } else {
                            tx.execute(batch.statement(most), values).await?
                        };
                        if gone > 0 {
                            let payload = SweepLeaf {
                                target: batch.target.name,
                                policy: batch.policy.as_deref(),
                                rows: gone,
                                before: batch.cutoff,
                                ended,
                            };
                            let leaf = Leaf {
                                kind: "retention_swept",
                                tenant: owner.as_str(),
                                at: now,
                                payload: &Complete::new(&payload, owner.as_str()).at(now),
                            };
                            append_leaf(tx, leaf).await?;
                        }
                        Ok::<_, Error>(gone)
                    })
                })
                .await?;
            rows += gone;
            let is_paid = budget.charge(gone).is_ok();
            if gone < most {
                return Ok((rows, true));
            }
            if !is_paid {
                return Ok((rows, false));
            }
        }
    }

    /// The tenants that have rows in the table: one step of its index each.
    async fn tenants_of(&self, target: RetentionTarget) -> Result<Vec<TenantId>, Error> {
        self.database
            .read(&Scope::Installation, move |tx| {
                Box::pin(async move {
                    let RetentionTarget { table, tenant, .. } = target;
                    let sql =
                        format!("SELECT {tenant} FROM {table} WHERE {tenant} > $1 ORDER BY {tenant} LIMIT 1");
                    let mut found: Vec<TenantId> = Vec::new();
                    loop {
                        let last = found.last().map_or("", TenantId::as_str);
                        let next: Option<String> = tx.optional(sql.clone(), values![last]).await?;
                        let Some(next) = next else {
                            return Ok(found);
                        };
                        found.push(next.parse().map_err(|_| Error::Damaged { table })?);
                    }
                })
            })
            .await
    }
}

impl Work {
    fn statement(&self, most: u64) -> String {
        let RetentionTarget {
            table, tenant, time, ..
        } = self.target;
        let column = time.column();
        let key = self.target.key.join(", ");
        // An end that is not set never comes.
        let is_set = match time {
            TargetTime::Until(_) => format!(" AND t.{column} IS NOT NULL"),
            TargetTime::Since(_) | TargetTime::Partition { .. } => String::new(),
        };
        format!(
            "DELETE FROM {table} WHERE {tenant} = $1 AND ({key}) IN (SELECT {key} FROM {table} t \
             WHERE t.{tenant} = $1 AND t.{column} < $4{is_set}{} AND NOT {} ORDER BY t.{column} LIMIT {most})",
            self.condition,
            self.target.held()
        )
    }
}
