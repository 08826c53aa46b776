//! How long data is kept: holds, scheduled deletions, and the report. Policies are definitions like others.

use http::StatusCode;
use jiff::Timestamp;
use privet_vault::{
    ActiveHold, Actor, ErasureReason, Error, ExpiryState, ForgetOutcome, Hold, Operation, RetentionRow,
    SubjectRef,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bodies::time;
use super::call::{Call, Reply};
use super::consent::moment;
use super::problem::VaultProblem;

/// A legal hold that is to be placed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewHoldBody {
    /// On whose data, by the subject's token; on everybody's if left out.
    subject: Option<String>,
    /// On which category; on all if left out.
    category: Option<String>,
    /// Until when, RFC 3339; until it is released if left out.
    until: Option<String>,
    /// The case's number. It stands in reports, so it must say nothing of a person.
    reference: String,
    /// Why. Kept under the subject's key.
    why: String,
}

/// A hold that was placed.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PlacedBody {
    hold: String,
}

/// Holds in force.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HoldsBody {
    rows: Vec<HoldBody>,
}

/// A hold in force.
#[derive(Serialize, JsonSchema)]
pub(crate) struct HoldBody {
    hold: String,
    /// On whose data; on everybody's if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    /// Since when, RFC 3339.
    at: String,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    reference: String,
}

/// What is kept, and what too long.
#[derive(Serialize, JsonSchema)]
pub(crate) struct RetentionBody {
    /// By table and policy.
    rows: Vec<KeptBody>,
    /// Share of items that have a policy and are not overdue; absent where nothing is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    compliance: Option<f64>,
    /// How many items that is of.
    items: u64,
    /// How it was measured.
    method: String,
}

/// What is kept of one table under one policy.
#[derive(Serialize, JsonSchema)]
pub(crate) struct KeptBody {
    target: &'static str,
    category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    /// Whether the items have a policy or an end of their own.
    has_policy: bool,
    items: u64,
    /// Past their time and the grace, and not held.
    overdue: u64,
    /// Past their time and the grace, and held.
    held: u64,
}

impl From<RetentionRow> for KeptBody {
    fn from(row: RetentionRow) -> Self {
        Self {
            target: row.target,
            category: row.category,
            policy: row.policy,
            has_policy: row.has_policy,
            items: row.items,
            overdue: row.overdue,
            held: row.held,
        }
    }
}

impl From<ActiveHold> for HoldBody {
    fn from(hold: ActiveHold) -> Self {
        Self {
            hold: hold.hold,
            subject: hold.subject,
            category: hold.category,
            at: time(hold.at),
            until: hold.until.map(time),
            reference: hold.reference,
        }
    }
}

/// When a subject is to be deleted.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewExpiryBody {
    /// RFC 3339.
    expires_at: String,
}

/// What the subject decides with, by a link: told once, and good until a new one is made.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpiryTokenBody {
    token: String,
}

/// Where a scheduled deletion stands.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ExpiryBody {
    state: ExpiryState,
    /// RFC 3339.
    started_at: String,
    /// RFC 3339; absent if the subject keeps the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Whether a legal hold keeps the data now.
    is_held: bool,
}

pub(crate) async fn hold(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: NewHoldBody = call.json().await?;
    let hold = Hold {
        subject: body.subject,
        category: body.category,
        until: moment("until", body.until.as_deref())?,
        reference: body.reference,
        why: body.why,
    };
    let hold = call.api.retention.hold(&call.actor, &hold).await?;
    Reply::json(StatusCode::CREATED, &PlacedBody { hold })
}

pub(crate) async fn holds(call: Call) -> Result<Reply, VaultProblem> {
    let holds = call.api.retention.holds(&call.actor.tenant).await;
    let count = |holds: &Vec<ActiveHold>| holds.iter().filter(|hold| hold.subject.is_some()).count();
    let holds = call.show_of(Operation::ListHolds, None, count, holds).await?;
    Reply::ok(&HoldsBody {
        rows: holds.into_iter().map(Into::into).collect(),
    })
}

pub(crate) async fn release(call: Call) -> Result<Reply, VaultProblem> {
    let retention = &call.api.retention;
    if retention.release(&call.actor, call.param("hold")).await? {
        Ok(Reply::done())
    } else {
        Err(VaultProblem::absent("hold"))
    }
}

pub(crate) async fn report(call: Call) -> Result<Reply, VaultProblem> {
    let retention = &call.api.retention;
    let report = retention.report(&call.actor.tenant, call.now()).await?;
    Reply::ok(&RetentionBody {
        rows: report.rows.into_iter().map(Into::into).collect(),
        compliance: report.compliance.value,
        items: report.compliance.population,
        method: report.compliance.method,
    })
}

pub(crate) async fn start_expiry(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: NewExpiryBody = call.json().await?;
    let subject = call.subject_id()?;
    let expires_at: Timestamp = moment("expires_at", Some(&body.expires_at))?.unwrap_or_else(|| call.now());
    let retention = &call.api.retention;
    let token = retention
        .start_expiry(&call.actor, subject.as_str(), expires_at)
        .await?;
    Reply::json(StatusCode::CREATED, &ExpiryTokenBody { token })
}

pub(crate) async fn expiry(call: Call) -> Result<Reply, VaultProblem> {
    let subject = call.subject_id()?;
    let retention = &call.api.retention;
    let status = retention.expiry(&call.actor.tenant, subject.as_str()).await;
    let status = status.and_then(|status| status.ok_or(Error::Absent { what: "expiry" }));
    let status = call
        .show_of(Operation::ReadExpiry, Some(&subject), |_| 1, status)
        .await?;
    Reply::ok(&ExpiryBody {
        state: status.state,
        started_at: time(status.started_at),
        expires_at: status.expires_at.map(time),
        is_held: status.is_held,
    })
}

pub(crate) async fn cancel_expiry(call: Call) -> Result<Reply, VaultProblem> {
    let subject = call.subject_id()?;
    let retention = &call.api.retention;
    if retention.cancel_expiry(&call.actor, subject.as_str()).await? {
        Ok(Reply::done())
    } else {
        Err(VaultProblem::absent("expiry"))
    }
}

/// Without a key: who has the link's token keeps their data. A page of the operator's asks this when a button is pressed;
/// it is no GET, which programs that look at links send.
pub(crate) async fn keep(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: ExpiryTokenBody = call.json().await?;
    let by = holder(&call, &body.token).await?;
    call.api.retention.retain_by_token(&by, &body.token).await?;
    Ok(Reply::done())
}

/// Without a key: who has the link's token is erased now.
pub(crate) async fn delete(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: ExpiryTokenBody = call.json().await?;
    let by = holder(&call, &body.token).await?;
    let subject = call.api.retention.delete_by_token(&by, &body.token).await?;
    let who = SubjectRef::Token(subject.parse()?);
    match call.api.vault.forget(&by, &who, ErasureReason::Request).await? {
        ForgetOutcome::Erased(_) => Ok(Reply::done()),
        // The cases are not for who holds a link.
        ForgetOutcome::Held(_) => Err(VaultProblem::held(Vec::new())),
    }
}

/// On whose behalf the holder of a link's token calls.
async fn holder(call: &Call, token: &str) -> Result<Actor, VaultProblem> {
    let tenant = call.api.retention.tenant_of_link(token).await?;
    let principal = call.actor.principal.clone();
    Ok(Actor { tenant, principal })
}
