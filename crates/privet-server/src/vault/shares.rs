//! Shared records.

use http::StatusCode;
use privet_vault::{Ground, NewShare, Operation, Shown};

use super::bodies::{NewShareBody, ShareBody, ShareTokenBody, SharedBody};
use super::call::{Call, Reply, seconds};
use super::problem::VaultProblem;

pub(crate) async fn create(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: NewShareBody = call.json().await?;
    let (who, ground) = (call.subject()?, call.ground()?);
    let shown = match (body.fields, body.app) {
        (Some(fields), None) => Shown::Fields(fields),
        (None, Some(app)) => Shown::App(app),
        _ => return Err(VaultProblem::field("fields", "say either `fields` or `app`")),
    };
    let new = NewShare {
        shown,
        ttl: seconds("ttl_seconds", body.ttl_seconds)?,
        most_reads: body.most_reads,
    };
    let share = call.api.vault.share(&call.actor, &who, &new, ground).await?;
    let body = ShareBody {
        share: share.token.expose().clone(),
        expires_at: share.expires_at.to_string(),
    };
    Reply::json(StatusCode::CREATED, &body)
}

/// Without a key: who has the share's token may read. The token is in the body, so that no log of addresses keeps it.
pub(crate) async fn read(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: ShareTokenBody = call.json().await?;
    let read = call.api.vault.shared(&body.share, &call.actor.principal).await;
    let shared = call.show(Operation::ReadShare, Ground::Ordinary, read).await?;
    Reply::ok(&SharedBody {
        data: shared.data,
        expires_at: shared.expires_at.to_string(),
    })
}

pub(crate) async fn revoke(mut call: Call) -> Result<Reply, VaultProblem> {
    let body: ShareTokenBody = call.json().await?;
    call.api.vault.revoke_share(&call.actor, &body.share).await?;
    Ok(Reply::done())
}
