//! Users who are to be deleted, and the links by which they decide themselves. `/v1` alone has them.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use privet_types::KeyScope::{VaultErase, VaultRead};
use privet_vault::{ErasureReason, ExpiryState, ForgetOutcome, SubjectRef};
use serde_json::json;

use super::call::{Answer, Call};
use super::refusal::{Refusal, absent};
use super::table::{Entry, Table};
use super::time::seconds;

/// Time where none is said, and the longest.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// `has_links`: whether the links that people decide by are answered.
pub(super) fn register(table: &mut Table, has_links: bool) {
    for path in ["exp/start/{token}", "exp/start/{mode}/{identity}"] {
        let start = Entry::new("ExpirationStart", VaultErase, |call| Box::pin(start(call)));
        table.v1(Method::POST, path, start);
    }
    for path in ["exp/status/{token}", "exp/status/{mode}/{identity}"] {
        let status = Entry::new("ExpirationStatus", VaultRead, |call| Box::pin(status(call)));
        table.v1(Method::GET, path, status);
    }
    for path in ["exp/cancel/{token}", "exp/cancel/{mode}/{identity}"] {
        for method in [Method::POST, Method::DELETE] {
            let cancel = Entry::new("ExpirationCancel", VaultErase, |call| Box::pin(cancel(call)));
            table.v1(method, path, cancel);
        }
    }
    if has_links {
        // Each method has an entry of its own: HEAD, as programs that look at links send it, must not erase anybody.
        let retain = Entry::new("ExpirationRetain", VaultErase, |call| Box::pin(retain(call)));
        table.v1(Method::GET, "exp/retain/{exptoken}", retain.without_key());
        let delete = Entry::new("ExpirationDelete", VaultErase, |call| Box::pin(delete(call)));
        table.v1(Method::GET, "exp/delete/{exptoken}", delete.without_key());
    }
}

async fn start(call: &mut Call) -> Result<Answer, Refusal> {
    let now = call.now();
    let latest = now.checked_add(LONGEST).map_err(|_| Refusal::Failed)?;
    let expires_at = call.end("expiration")?.unwrap_or(latest).min(latest);
    let token = call.person().await?;
    let exptoken = call
        .bunker
        .api
        .retention
        .start_expiry(&call.actor, token.as_str(), expires_at)
        .await?;
    Ok(Answer::of(json!({ "exptoken": exptoken })))
}

async fn status(call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.person().await?;
    let retention = &call.bunker.api.retention;
    let status = retention.expiry(&call.actor.tenant, token.as_str()).await?;
    let state = match status.as_ref().map(|status| status.state) {
        None => "",
        Some(ExpiryState::Retain) => "retain",
        Some(ExpiryState::Wait | ExpiryState::Due) => "wait",
    };
    let end = status.and_then(|status| status.expires_at);
    let end = end.and_then(|end| Timestamp::from_millisecond(end).ok());
    Ok(Answer::of(json!({
        "exptime": seconds(end),
        "expstatus": state,
        "expiration_date": end.map(|end| end.to_string()),
    })))
}

async fn cancel(call: &mut Call) -> Result<Answer, Refusal> {
    let token = call.person().await?;
    let retention = &call.bunker.api.retention;
    retention.cancel_expiry(&call.actor, token.as_str()).await?;
    Ok(Answer::done())
}

async fn retain(call: &mut Call) -> Result<Answer, Refusal> {
    let link = call.uuid("exptoken")?;
    let retention = &call.bunker.api.retention;
    let subject = retention
        .retain_by_token(&call.actor, &link)
        .await
        .map_err(link_gone)?;
    call.event.subject = subject.parse().ok();
    Ok(Answer::done())
}

async fn delete(call: &mut Call) -> Result<Answer, Refusal> {
    let link = call.uuid("exptoken")?;
    let retention = &call.bunker.api.retention;
    let subject = retention
        .delete_by_token(&call.actor, &link)
        .await
        .map_err(link_gone)?;
    let who = SubjectRef::Token(subject.parse()?);
    let outcome = call
        .vault()
        .forget(&call.actor, &who, ErasureReason::Request)
        .await?;
    match outcome {
        ForgetOutcome::Erased(_) => Ok(Answer::done()),
        // It stays due: who asked need not ask again when the hold ends.
        ForgetOutcome::Held(_) => Err(Refusal::Conflict("a legal hold keeps the data".into())),
    }
}

/// A link that was never made, was used, or whose person is gone: all the same from outside.
fn link_gone(error: privet_vault::Error) -> Refusal {
    match error {
        privet_vault::Error::Absent { .. } => Refusal::Absent(absent::LINK),
        other => other.into(),
    }
}
